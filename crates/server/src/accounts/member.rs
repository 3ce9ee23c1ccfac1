//! What is granted to somebody who has logged in, whatever source of accounts says so.
//!
//! Plain data: a source fills it in, and others hold the session to it: the view of the tree
//! (`storage/view.rs`), the counters shared by all sessions of the same member, and the machine by [`Account`].

use std::path::PathBuf;
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Account, Rights};

/// Somebody who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What the session's machine must know: name, rights over all, charset.
    pub account: Account,
    /// Which trees there are, and where; the longest name wins. One of them is at the root.
    pub mounts: Vec<Mount>,
    /// What may be done beneath these names; the longest name wins, and where there is none the account's
    /// rights do. They never exceed those.
    pub rules: Vec<Rule>,
    /// How much may be stored.
    pub quota: Quota,
    /// How fast bytes may move, for all sessions of the member together.
    pub rates: Rates,
    /// How many sessions the member may have at once.
    pub sessions: Option<u32>,
    /// Whether the data connections need not resume the TLS session of the control connection.
    pub any_tls_session: bool,
}

/// A tree at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The name.
    pub at: VirtualPath,
    /// What is there.
    pub what: Mounted,
}

/// What a mount shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mounted {
    /// A folder of the tree that the server, or the virtual host, serves to all.
    Served(VirtualPath),
    /// A folder of this machine.
    Folder(PathBuf),
}

/// What may be done beneath a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name.
    pub beneath: VirtualPath,
    /// What may be done there.
    pub rights: Rights,
}

/// How much may be stored, in all sessions together; what is not said has no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Bytes in files.
    pub bytes: Option<u64>,
    /// Files.
    pub files: Option<u64>,
}

/// Bytes a second; what is not said has no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// From the client.
    pub up: Option<u64>,
    /// To the client.
    pub down: Option<u64>,
}

impl Member {
    /// A member who has this account, sees what is served to all and is bounded by nothing else.
    pub fn new(account: Account) -> Self {
        let served = Mount { at: VirtualPath::root(), what: Mounted::Served(VirtualPath::root()) };
        Self {
            account,
            mounts: vec![served],
            rules: Vec::new(),
            quota: Quota::default(),
            rates: Rates::default(),
            sessions: None,
            any_tls_session: false,
        }
    }
}
