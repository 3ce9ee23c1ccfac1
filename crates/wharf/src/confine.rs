//! What the process of a server gives up once its sockets and folders are open: its user, its capabilities, new
//! privileges, files outside of what it serves (Landlock) and calls of the kernel that it does not make (seccomp).
//!
//! All of it belongs to a thread and to those that it starts, so it happens before the runtime does. What the
//! kernel lacks is told and does not stop the start; what cannot be followed as it was asked for does. The
//! libraries know nothing of this: only the binary owns its process.

mod capture;
mod identity;
mod landlock;
mod privileges;
mod seccomp;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context as _, ensure};

pub(crate) use capture::confine as confine_capture;
pub(crate) use identity::Identity;
pub(crate) use landlock::{Access, Reach};

use landlock::Rules;
use privileges::{Plan, Started};

/// The first port that anybody may bind.
const FREE_PORTS: u16 = 1024;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) privileges: Privileges,
    pub(crate) no_new_privileges: Switch,
    pub(crate) landlock: Switch,
    pub(crate) seccomp: Switch,
}

/// What becomes of the user and the capabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Privileges {
    /// Those of root are given up: for this user, or for the owner of what is served.
    Drop(Option<Identity>),
    /// They stay as they are, because somebody said so here.
    Keep(&'static str),
}

/// Whether a measure is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// It is.
    On,
    /// It is not, because somebody said so here.
    Off(&'static str),
}

impl Wanted {
    /// Nothing at all, because somebody said so here.
    pub(crate) fn nothing(by: &'static str) -> Self {
        Self {
            privileges: Privileges::Keep(by),
            no_new_privileges: Switch::Off(by),
            landlock: Switch::Off(by),
            seccomp: Switch::Off(by),
        }
    }
}

impl Default for Wanted {
    /// Everything.
    fn default() -> Self {
        Self {
            privileges: Privileges::Drop(None),
            no_new_privileges: Switch::On,
            landlock: Switch::On,
            seccomp: Switch::On,
        }
    }
}

/// What the server needs while it runs.
pub(crate) struct Needs<'a> {
    /// The folder whose owner is the server's user where none is named.
    pub(crate) folder: &'a Path,
    /// What it reaches.
    pub(crate) reach: Vec<Access>,
    /// For what it will bind ports below 1024, if it will.
    pub(crate) low_ports: Option<String>,
}

/// For what ports below 1024 are bound after the start: data connections of a server that listens on `listen`.
/// In active mode they come from the port before the listener's (RFC 959 section 3.2).
pub(crate) fn low_ports(
    listen: &[SocketAddr],
    passive: Option<&RangeInclusive<u16>>,
) -> Option<String> {
    let active = listen.iter().map(|address| address.port().saturating_sub(1));
    let active = active.filter(|port| (1..FREE_PORTS).contains(port)).min();
    let passive = passive.map(|range| *range.start()).filter(|first| *first < FREE_PORTS);
    match (active, passive) {
        (None, None) => None,
        (Some(port), None) => Some(format!("for active data connections from port {port}")),
        (None, Some(first)) => Some(format!("for passive ports from {first}")),
        (Some(port), Some(first)) => Some(format!(
            "for active data connections from port {port} and passive ports from {first}"
        )),
    }
}

/// One measure, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measure {
    /// Its name.
    pub(crate) name: &'static str,
    /// What became of it.
    pub(crate) how: How,
}

/// What became of a measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It is in force, as this says.
    InForce(String),
    /// It is not, or not as it should be, for this reason.
    Lacking(String),
    /// It was switched off, by this.
    Off(&'static str),
}

/// Everything decided and opened, and nothing in force.
pub(crate) struct Confinement {
    privileges: Result<Plan, &'static str>,
    no_new_privileges: Switch,
    rules: Result<Rules, &'static str>,
    seccomp: Switch,
}

impl Confinement {
    /// Decides, and opens what is to stay in reach while everything still is.
    ///
    /// # Errors
    /// A user that the process cannot become; what is to stay in reach and is not there.
    pub(crate) fn prepare(wanted: &Wanted, needs: &Needs<'_>) -> anyhow::Result<Self> {
        let privileges = match &wanted.privileges {
            Privileges::Keep(by) => Err(*by),
            Privileges::Drop(asked) => {
                let owner = Identity::owner_of(needs.folder)?;
                let low_ports = needs.low_ports.as_deref();
                Ok(Plan::decide(Started::now()?, asked.as_ref(), &owner, low_ports)?)
            }
        };
        let rules = match wanted.landlock {
            Switch::Off(by) => Err(by),
            Switch::On => Ok(Rules::prepare(&needs.reach)?),
        };
        let (no_new_privileges, seccomp) = (wanted.no_new_privileges, wanted.seccomp);
        Ok(Self { privileges, no_new_privileges, rules, seccomp })
    }

    /// Confines the process, which must have this thread only.
    ///
    /// # Errors
    /// Where the user cannot be changed or the capabilities cannot be given up. The process is of no use then.
    pub(crate) fn enter(self) -> anyhow::Result<Vec<Measure>> {
        let threads = fs::read_dir("/proc/self/task").context("cannot count the threads")?;
        ensure!(threads.count() == 1, "a thread was started before the process was confined");
        self.confine_thread()
    }

    /// Confines this thread, and those that it starts; a rehearsal when the process has others.
    ///
    /// # Errors
    /// As [`Self::enter`].
    pub(crate) fn confine_thread(self) -> anyhow::Result<Vec<Measure>> {
        let mut done = Vec::new();
        match self.privileges {
            Ok(plan) => {
                plan.carry_out()?;
                done.push(Measure { name: "privileges", how: How::InForce(plan.in_words()) });
                let advice = plan.advice().map(|advice| How::Lacking(advice.to_owned()));
                done.extend(advice.map(|how| Measure { name: "privileges", how }));
            }
            Err(by) => done.push(Measure { name: "privileges", how: How::Off(by) }),
        }
        let how = match self.no_new_privileges {
            Switch::On => no_new_privileges()?,
            Switch::Off(by) => How::Off(by),
        };
        done.push(Measure { name: "no new privileges", how });
        let how = self.rules.map_or_else(How::Off, Rules::enforce);
        done.push(Measure { name: "landlock", how });
        let how = match self.seccomp {
            Switch::On => seccomp::enforce(seccomp::Purpose::Serve),
            Switch::Off(by) => How::Off(by),
        };
        done.push(Measure { name: "seccomp", how });
        Ok(done)
    }
}

fn no_new_privileges() -> io::Result<How> {
    rustix::thread::set_no_new_privs(true)?;
    Ok(How::InForce("no program that is run gains any".to_owned()))
}

/// Writes to the log what became of each measure.
pub(crate) fn report(measures: &[Measure]) {
    for Measure { name, how } in measures {
        match how {
            How::InForce(what) => tracing::info!("{name}: {what}"),
            How::Lacking(why) => tracing::warn!("{name}: {why}"),
            How::Off(by) => tracing::warn!("{name}: switched off by {by}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ports: &[u16]) -> Vec<SocketAddr> {
        ports.iter().map(|port| SocketAddr::from(([127, 0, 0, 1], *port))).collect()
    }

    #[test]
    fn low_ports_are_those_before_a_listener_and_those_of_a_low_range() {
        let active = |ports: &[u16]| low_ports(&at(ports), None);
        for (ports, from) in [(&[21, 2121][..], 20), (&[1024], 1023), (&[990, 21], 20), (&[2], 1)] {
            let told = active(ports).unwrap();
            assert_eq!(told, format!("for active data connections from port {from}"), "{ports:?}");
        }
        for ports in [&[][..], &[0], &[1], &[1025, 2121, 65535]] {
            assert_eq!(active(ports), None, "{ports:?}");
        }
        let passive = |range| low_ports(&at(&[2121]), Some(&range));
        assert_eq!(passive(1000..=2000).unwrap(), "for passive ports from 1000");
        assert_eq!(passive(1024..=2000), None);
        assert!(
            low_ports(&at(&[21]), Some(&(1..=2))).unwrap().contains("20 and passive ports from 1")
        );
    }

    #[test]
    fn what_is_switched_off_is_told_with_who_did_it_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let needs = Needs { folder: folder.path(), reach: Vec::new(), low_ports: None };
        let confinement = Confinement::prepare(&Wanted::nothing("--off"), &needs).unwrap();
        let before = rustix::thread::capabilities(None).unwrap();
        let measures = confinement.confine_thread().unwrap();
        assert_eq!(measures.len(), 4);
        assert!(measures.iter().all(|measure| measure.how == How::Off("--off")));
        assert_eq!(rustix::thread::capabilities(None).unwrap(), before);
    }
}
