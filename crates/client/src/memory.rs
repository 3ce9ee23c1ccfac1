//! What earlier sessions have learnt of a host: which ways of making data connections work there, and
//! how odd names are sent.
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
/// let memory = Memory::parse("ftp.example.org:21 no-epsv active no-telnet\n");
/// assert_eq!(memory.print(), "ftp.example.org:21 no-epsv active no-telnet\n");
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
}

/// The words for that.
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
            text.push('\n');
        }
        text
    }

    pub(crate) fn of(&self, host: &str) -> Learnt {
        let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.get(host).copied().unwrap_or_default()
    }

    pub(crate) fn learn(&self, host: &str, learnt: Learnt) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if learnt == Learnt::default() {
            hosts.remove(host);
        } else {
            hosts.insert(host.to_owned(), learnt);
        }
    }
}
