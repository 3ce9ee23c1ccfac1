//! The state of a session: a product of small enums.
//!
//! ```text
//! Login      Nobody ──USER──▶ Named ──PASS──▶ In      (a second factor wanted: ──PASS──▶ Named ──ACCT──▶ In)
//! Sequence   None ──RNFR──▶ RenameFrom     None ──REST──▶ RestartAt, ──RANG──▶ Range     (any other verb ──▶ None)
//! DataPlan   None ──PASV, EPSV──▶ Listening ──RETR …──▶ None
//!                 ──PORT, EPRT──▶ Dial      ──RETR …──▶ None     (block, compressed: ──▶ Kept)
//! Security   Plain ──AUTH──▶ Covered ──CCC──▶ Cleared     (REIN: from both back to Plain)
//! Transfer   Idle ──RETR …──▶ Preparing ──▶ Opening ──▶ Running ──▶ Idle
//!                  (ABOR: from each of the three back to Idle)
//! ```
//! This file holds no rule; the rules are with the verbs.

use super::effect::{Account, EffectId};
use crate::charset::Charset;
use crate::codec::{CodePage, Marker};
use crate::command::Range;
use crate::path::VirtualPath;
use crate::{Moment, Secret, Text, Verb};
use std::net::SocketAddr;
use std::time::Duration;

/// What the operator decides, the same for all sessions of a listener.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What 220 says.
    pub greeting: String,
    /// Answer 250 where RFC 959 also allows 226 (some hosts do so always).
    pub complete_with_250: bool,
    /// How long a client may take to log in.
    pub login_time: Duration,
    /// How long a session may be idle.
    pub idle_time: Duration,
    /// How long a data connection may take to open.
    pub open_time: Duration,
    /// How long to wait for an active data connection before 150 is said in place of 125.
    pub patience: Duration,
    /// The longest command line, in bytes.
    pub line_cap: usize,
    /// How many commands may wait while another is carried out.
    pub waiting_cap: usize,
    /// How many commands a client may send before it is logged in.
    pub commands_before_login: u32,
    /// How many wrong passwords end the session.
    pub wrong_passwords: u32,
    /// The code page of TYPE E.
    pub code_page: CodePage,
    /// The charset of names, until the client asks for UTF-8.
    pub charset: Charset,
    /// A restart marker every so many bytes of a file, in block and compressed mode.
    pub marker_interval: Option<u64>,
    /// Whether TLS is offered, and what is wanted of it.
    pub tls: Option<TlsPolicy>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            greeting: "Wharf FTP server ready.".to_owned(),
            complete_with_250: false,
            login_time: Duration::from_secs(60),
            idle_time: Duration::from_secs(300),
            open_time: Duration::from_secs(60),
            patience: Duration::from_millis(250),
            line_cap: 4096,
            waiting_cap: 64,
            commands_before_login: 50,
            wrong_passwords: 3,
            code_page: CodePage::default(),
            charset: Charset::default(),
            marker_interval: Some(1 << 20),
            tls: None,
        }
    }
}

/// What the operator wants of TLS, where it is offered. As strict as can be, unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsPolicy {
    /// Whether users may log in with a password in clear.
    pub clear_passwords: bool,
    /// Whether users who have logged in under TLS may have data connections in clear.
    pub clear_data: bool,
    /// Whether CCC may take the control connection back into the clear.
    pub ccc: bool,
}

/// How far TLS has come on the control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// It has not begun.
    Plain,
    /// Control connection and, where they are private, data connections are under TLS.
    Covered(Cover),
    /// The control connection has gone back into the clear; data connections are as they were.
    Cleared(Cover),
}

/// What was agreed on under TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cover {
    /// PBSZ has come.
    pub(super) sized: bool,
    /// PROT P: data connections are under TLS as well.
    pub(super) private: bool,
    /// SSCN ON: on data connections we are the TLS client.
    pub(super) as_client: bool,
    /// The client has shown a certificate that we trust.
    pub(super) certified: bool,
}

/// Who the client is.
#[derive(Clone, Debug)]
pub(super) enum Login {
    /// Not known.
    Nobody,
    /// Named with USER, not proven.
    Named(Box<Claim>),
    /// Logged in.
    In(Box<Account>),
}

/// Whom the client says it is.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    /// The name.
    pub(super) name: Text,
    /// The password, once it has been given and something else is wanted with it (332).
    pub(super) password: Option<Secret>,
}

/// What the verb before has prepared (RFC 959 section 4.1.3).
#[derive(Clone, Debug)]
pub(super) enum Sequence {
    /// Nothing.
    None,
    /// RNFR.
    RenameFrom(Box<VirtualPath>),
    /// REST.
    RestartAt(Marker),
    /// RANG.
    Range(Range),
}

/// How the next data connection will come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataPlan {
    /// Not said: RFC 959's default, the client's control port.
    None,
    /// The client will connect.
    Listening {
        /// CPSV: we shall be the TLS client on that connection.
        as_client: bool,
    },
    /// The server will connect.
    Dial(SocketAddr),
    /// The connection of the transfer before is still open.
    Kept,
}

/// Where a transfer stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Transfer {
    /// There is none.
    Idle,
    /// The file or folder is being opened.
    Preparing(Moving),
    /// The data connection is being opened.
    Opening {
        /// The transfer.
        moving: Moving,
        /// Whether 150 has been said.
        announced: bool,
        /// Since when.
        since: Moment,
    },
    /// Bytes move.
    Running(Moving),
}

/// A transfer under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moving {
    /// Its effect.
    pub(super) id: EffectId,
    /// Its verb.
    pub(super) verb: Verb,
    /// Whether the server connects.
    pub(super) dials: bool,
    /// How many bytes the file has, where 125 or 150 can tell.
    pub(super) size: Option<u64>,
}

impl Transfer {
    /// The transfer under way, if there is one.
    pub(super) fn moving(&self) -> Option<Moving> {
        match self {
            Self::Idle => None,
            Self::Preparing(moving) | Self::Running(moving) | Self::Opening { moving, .. } => {
                Some(*moving)
            }
        }
    }
}

/// The effect under way besides a transfer, and what its outcome is for.
#[derive(Clone, Debug)]
pub(super) enum Awaiting {
    /// None.
    Nothing,
    /// PASS, or ACCT; then the claim has no password left that ACCT could be asked for with.
    Login(Box<Claim>),
    /// USER, of a client with a certificate.
    Recognition(Text),
    /// HOST, or REIN.
    Host {
        /// Whether TLS ends after the reply.
        clears: bool,
    },
    /// AUTH, or the beginning of a session that is under TLS from the start.
    Security {
        /// Whether the greeting is still due.
        greets: bool,
    },
    /// CCC or REIN.
    Clearing,
    /// PASV, EPSV or CPSV.
    Listener(Verb),
    /// A verb that acts on the tree.
    Tree {
        /// Which verb.
        verb: Verb,
        /// On what.
        path: Box<VirtualPath>,
        /// Whether ABOR may break it off, or has.
        pace: Pace,
    },
}

/// How long an action on the tree may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Not long: nothing overtakes it.
    Short,
    /// Long: ABOR breaks it off.
    Long,
    /// ABOR has broken it off: as soon as it has stopped both are answered.
    Stopping,
}

/// Whether and when the session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// It goes on.
    No,
    /// The client has ended its half: what waits is still answered.
    InputEnded,
    /// It is over.
    Closed,
}
