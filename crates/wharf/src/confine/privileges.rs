//! Who the process is, and which capabilities it keeps: first a plan, which is a pure decision, then the deed.
//!
//! The kernel keeps both for each thread by itself, so the deed is done while there is one. It is believed only
//! when it has been read back.

use std::io;

use anyhow::{Context as _, ensure};
use rustix::process::{Gid, Uid, getegid, geteuid, getuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, set_capabilities,
    set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::identity::Identity;
use crate::exit::Usage;

/// As whom the process was started, and what it could do about that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started {
    uid: u32,
    gid: u32,
    held: CapabilitySet,
}

impl Started {
    /// Asks the system.
    pub(super) fn now() -> anyhow::Result<Self> {
        let held = capabilities(None).context("cannot read the capabilities of the process")?;
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        Ok(Self { uid, gid, held: held.effective })
    }

    /// Whether it is root, and could be somebody else.
    pub(super) fn is_root_and_can_switch(self) -> bool {
        self.uid == 0 && self.can_switch()
    }

    fn can_switch(self) -> bool {
        self.held.contains(CapabilitySet::SETUID | CapabilitySet::SETGID)
    }
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    next: Next,
    keep: CapabilitySet,
    /// What the kept capability is for.
    what_for: Option<String>,
}

/// As whom the process goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    /// Somebody else.
    Become(Identity),
    /// The ordinary user who started it.
    Ordinary(u32),
    /// Root, with the capabilities taken away.
    Root(WhyRoot),
}

/// Why the process stays root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhyRoot {
    /// It was told to.
    Told,
    /// So is the folder.
    Owner,
    /// Here root can become nobody else, as in some containers.
    Bound,
}

impl Plan {
    /// Decides. `low_ports` says what ports below 1024 will be bound for later, if they will.
    pub(super) fn decide(
        started: Started,
        asked: Option<&Identity>,
        owner: &Identity,
        low_ports: Option<&str>,
    ) -> Result<Self, Usage> {
        let next = match asked {
            None if started.uid != 0 => Next::Ordinary(started.uid),
            None if owner.is_root() => Next::Root(WhyRoot::Owner),
            None if !started.can_switch() => Next::Root(WhyRoot::Bound),
            None => Next::Become(owner.clone()),
            Some(asked) if asked.is_root() && started.uid == 0 => Next::Root(WhyRoot::Told),
            Some(asked) if started.can_switch() => Next::Become(asked.clone()),
            Some(asked) if (asked.uid, asked.gid) == (started.uid, started.gid) => {
                Next::Ordinary(started.uid)
            }
            Some(asked) => {
                let name = &asked.name;
                return Err(Usage(format!("only root can become {name}, whom run-as names")));
            }
        };
        let bind = CapabilitySet::NET_BIND_SERVICE;
        let keep = low_ports.map_or(CapabilitySet::empty(), |_| bind & started.held);
        let what_for = low_ports.filter(|_| !keep.is_empty()).map(str::to_owned);
        Ok(Self { next, keep, what_for })
    }

    /// Carries the decision out, on this thread and those that it starts.
    pub(super) fn carry_out(&self) -> anyhow::Result<()> {
        match &self.next {
            Next::Become(identity) => self.switch_to(identity).with_context(|| {
                let name = &identity.name;
                format!(
                    "cannot become {name} (--run-as USER names another user; --run-as root stays root, \
                     without its capabilities)"
                )
            })?,
            // Where even this is not allowed there is nothing that the groups could be used for.
            Next::Root(_) => drop(set_thread_groups(&[])),
            Next::Ordinary(_) => {}
        }
        // Kernels before 4.3 have no such set, so nothing is in it.
        let _ = clear_ambient_capability_set();
        let sets = CapabilitySets {
            effective: self.keep,
            permitted: self.keep,
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, sets).context("cannot give up the capabilities")?;
        ensure!(capabilities(None)? == sets, "the system did not take the capabilities away");
        Ok(())
    }

    fn switch_to(&self, identity: &Identity) -> anyhow::Result<()> {
        let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
        let groups: Vec<Gid> = identity.groups.iter().copied().map(Gid::from_raw).collect();
        set_keep_capabilities(!self.keep.is_empty())?;
        set_thread_groups(&groups)?;
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        set_keep_capabilities(false)?;
        ensure!(
            (getuid(), geteuid(), getegid()) == (uid, uid, gid),
            "the system did not change the user"
        );
        let back = set_thread_res_uid(None, Uid::ROOT, None).map_err(io::Error::from);
        ensure!(back.is_err() || identity.is_root(), "the way back to root is open");
        Ok(())
    }

    /// What is in force then.
    pub(super) fn in_words(&self) -> String {
        let user = match &self.next {
            Next::Become(identity) => {
                let Identity { name, uid, gid, groups } = identity;
                let others = match groups.iter().filter(|other| *other != gid).count() {
                    0 => String::new(),
                    1 => " and one other group".to_owned(),
                    n => format!(" and {n} other groups"),
                };
                format!("user {name} ({uid}), group {gid}{others}")
            }
            Next::Ordinary(uid) => format!("user {uid}, as started"),
            Next::Root(_) => "user root (0)".to_owned(),
        };
        match &self.what_for {
            Some(what_for) => format!("{user}; no capability but CAP_NET_BIND_SERVICE, {what_for}"),
            None => format!("{user}; no capabilities"),
        }
    }

    /// What the operator might want to know about it, or do.
    pub(super) fn advice(&self) -> Option<&'static str> {
        match self.next {
            Next::Become(_) | Next::Ordinary(_) | Next::Root(WhyRoot::Told) => None,
            Next::Root(WhyRoot::Owner) => Some(
                "still root, since the folder is root's: what other users own may be out of reach, and \
                 what root owns is not; give the folder to a user of its own, or say --run-as USER",
            ),
            Next::Root(WhyRoot::Bound) => Some(
                "still root, since here root may become nobody else: start the server as the owner of the \
                 folder",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: CapabilitySet = CapabilitySet::all();

    fn started(uid: u32, held: CapabilitySet) -> Started {
        Started { uid, gid: uid, held }
    }

    fn user(uid: u32) -> Identity {
        Identity { name: format!("u{uid}"), uid, gid: uid, groups: vec![] }
    }

    fn next(started: Started, asked: Option<u32>, owner: u32) -> Result<Next, String> {
        let asked = asked.map(user);
        let plan = Plan::decide(started, asked.as_ref(), &user(owner), None);
        plan.map(|plan| plan.next).map_err(|Usage(told)| told)
    }

    #[test]
    fn root_becomes_whom_it_is_told_or_the_owner_and_an_ordinary_user_stays() {
        let root = started(0, ALL);
        assert_eq!(next(root, Some(7), 5), Ok(Next::Become(user(7))));
        assert_eq!(next(root, None, 5), Ok(Next::Become(user(5))));
        assert_eq!(next(root, None, 0), Ok(Next::Root(WhyRoot::Owner)));
        assert_eq!(next(root, Some(0), 5), Ok(Next::Root(WhyRoot::Told)));
        let ann = started(1000, CapabilitySet::empty());
        assert_eq!(next(ann, None, 0), Ok(Next::Ordinary(1000)));
        assert_eq!(next(ann, Some(1000), 0), Ok(Next::Ordinary(1000)));
    }

    #[test]
    fn s22_who_cannot_switch_is_refused_and_does_not_go_on_as_somebody_else() {
        let ann = started(1000, CapabilitySet::empty());
        assert!(next(ann, Some(7), 5).unwrap_err().contains("only root can become u7"));
        assert!(next(ann, Some(0), 5).is_err());
        let bound = started(0, CapabilitySet::CHOWN);
        assert!(next(bound, Some(7), 5).is_err());
        assert_eq!(next(bound, None, 5), Ok(Next::Root(WhyRoot::Bound)));
        assert_eq!(next(bound, Some(0), 5), Ok(Next::Root(WhyRoot::Told)));
    }

    #[test]
    fn a_capability_is_kept_where_low_ports_are_bound_later_and_where_it_was_there() {
        let plan = |held, low_ports| {
            Plan::decide(started(0, held), None, &user(5), low_ports).map_err(|Usage(told)| told)
        };
        let for_20 = plan(ALL, Some("for active data connections from port 20")).unwrap();
        assert_eq!(for_20.keep, CapabilitySet::NET_BIND_SERVICE);
        assert_eq!(
            for_20.in_words(),
            "user u5 (5), group 5; no capability but CAP_NET_BIND_SERVICE, for active data connections \
             from port 20"
        );
        let none = plan(ALL, None).unwrap();
        assert!(none.keep.is_empty() && none.in_words().ends_with("; no capabilities"));
        assert!(plan(CapabilitySet::CHOWN, Some("for 20")).unwrap().keep.is_empty());
    }

    #[test]
    fn a_thread_that_gave_its_capabilities_up_has_none() {
        let carried_out = std::thread::spawn(|| {
            let started = Started::now().unwrap();
            let root = user(0);
            let plan = Plan::decide(started, None, &root, None).map_err(|Usage(told)| told);
            plan.unwrap().carry_out().map(|()| capabilities(None).unwrap())
        });
        let left = carried_out.join().unwrap().unwrap();
        assert!(left.effective.is_empty() && left.permitted.is_empty());
    }
}
