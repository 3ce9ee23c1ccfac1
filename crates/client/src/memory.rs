//! What earlier sessions have learnt of a host: which ways of making data connections work there, and
//! how odd names are sent, and whether files can be given their times.
//!
//! It is shared by all who hold a clone, so that many sessions with one host learn it once. A program may keep it
//! between runs as text, a line a host. What is remembered is a hint: a session that finds it wrong tries the rest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use wharf_proto::command::Telnet;

use crate::Way;

/// How many hosts are kept as text.
const HOSTS: usize = 1000;

/// The memory.
///
/// ```
/// use wharf_client::Memory;
/// let memory = Memory::parse("ftp.example.org:21 no-epsv active no-telnet times\n");
/// assert_eq!(memory.print(), "ftp.example.org:21 no-epsv active no-telnet times\n");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<String, Learnt>>>);

/// What is known of one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Learnt {
    /// EPSV is of no use there.
    pub(crate) no_epsv: bool,
    /// Who has to open the data connections, where that was found out.
    pub(crate) way: Option<Way>,
    /// What becomes of 0xFF and CR in names there.
    pub(crate) telnet: Option<Telnet>,
    /// Whether it takes the times of files.
    pub(crate) times: Option<bool>,
}

/// The words for what becomes of 0xFF and CR.
const TELNET: [(Telnet, &str); 3] = [
    (Telnet::Understood, "telnet"),
    (Telnet::ButNotCr, "telnet-without-cr"),
    (Telnet::Unknown, "no-telnet"),
];

impl Memory {
    /// Reads what [`print`](Self::print) has written; what makes no sense is passed over.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut hosts = BTreeMap::new();
        for line in text.lines().take(HOSTS) {
            let mut words = line.split_whitespace();
            let Some(host) = words.next() else { continue };
            let mut learnt = Learnt::default();
            for word in words {
                match word {
                    "no-epsv" => learnt.no_epsv = true,
                    "active" => learnt.way = Some(Way::Active),
                    "passive" => learnt.way = Some(Way::Passive),
                    "times" => learnt.times = Some(true),
                    "no-times" => learnt.times = Some(false),
                    word => {
                        let known = TELNET.iter().find(|(_, name)| *name == word);
                        learnt.telnet = known.map(|(telnet, _)| *telnet).or(learnt.telnet);
                    }
                }
            }
            hosts.insert(host.to_owned(), learnt);
        }
        Self(Arc::new(Mutex::new(hosts)))
    }

    /// A line for each host of which something is known.
    #[must_use]
    pub fn print(&self) -> String {
        let mut text = String::new();
        let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (host, learnt) in
            hosts.iter().filter(|(_, learnt)| **learnt != Learnt::default()).take(HOSTS)
        {
            text.push_str(host);
            if learnt.no_epsv {
                text.push_str(" no-epsv");
            }
            text.push_str(match learnt.way {
                Some(Way::Active) => " active",
                Some(Way::Passive) => " passive",
                None => "",
            });
            if let Some((_, name)) = TELNET.iter().find(|(of, _)| Some(*of) == learnt.telnet) {
                text.push(' ');
                text.push_str(name);
            }
            text.push_str(match learnt.times {
                Some(true) => " times",
                Some(false) => " no-times",
                None => "",
            });
            text.push('\n');
        }
        text
    }

    pub(crate) fn of(&self, host: &str) -> Learnt {
        let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.get(host).copied().unwrap_or_default()
    }

    /// Changes what is known of a host, with no other session in between.
    pub(crate) fn learn(&self, host: &str, learn: impl FnOnce(&mut Learnt)) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut learnt = hosts.get(host).copied().unwrap_or_default();
        learn(&mut learnt);
        if learnt == Learnt::default() {
            hosts.remove(host);
        } else {
            hosts.insert(host.to_owned(), learnt);
        }
    }
}
