//! What a caller chooses before a session begins.
//!
//! Nothing here is read from the environment or a file; a program that wants that fills in the fields.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wharf_proto::tap::{Event, SessionId};

use crate::{Memory, Proxy, Setup, Throttle, Tls, Way};

/// Hears every event of a session as it happens. It is called in between the bytes, so it must be quick.
pub type Tap = Arc<dyn Fn(Event) + Send + Sync>;

/// Hears in words what was chosen and why, as it happens.
pub type Explain = Arc<dyn Fn(&str) + Send + Sync>;

/// Which host a 227 is believed to name. A 229 names none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataAddress {
    /// Always the server's own, whatever stands there: right behind every NAT, and nobody can be sent elsewhere.
    #[default]
    Server,
    /// The one that stands there, for servers whose data comes from another host; but not one that nobody could mean:
    /// a private address from a server that is not private itself, this machine, everybody.
    Named,
}

/// The addresses of a host that are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Those of IPv4.
    V4,
    /// Those of IPv6.
    V6,
}

impl Family {
    /// Whether an address is one of these.
    pub(crate) fn has(self, ip: IpAddr) -> bool {
        match self {
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// How a session behaves.
///
/// ```
/// use std::time::Duration;
/// use wharf_client::{Options, Way};
/// let options = Options { way: Way::Active, timeout: Duration::from_secs(5), ..Options::default() };
/// assert!(!options.plain);
/// ```
#[derive(Clone)]
pub struct Options {
    /// Who opens data connections.
    pub way: Way,
    /// Where that way does not lead to the server, try the other one, once.
    pub fallback: bool,
    /// The one command by which data connections are agreed on, where it shall be no other: for finding out which
    /// of them work. It decides about [`way`](Self::way) too.
    pub setup: Option<Setup>,
    /// Which host a 227 is believed to name.
    pub data_address: DataAddress,
    /// Which addresses of the server, or of the proxy before it, are tried; all of them if nothing is said.
    pub family: Option<Family>,
    /// What lies between us and every server.
    pub proxy: Option<Proxy>,
    /// What earlier sessions have learnt, and this one will.
    pub memory: Memory,
    /// Only the verbs that every server has had since RFC 959, and nothing that the caller did not ask
    /// for: no FEAT, no EPSV, no SIZE, and TYPE only for a type other than the default.
    pub plain: bool,
    /// How long one reply, one connection or one standstill of a data connection may take.
    pub timeout: Duration,
    /// How many bytes of a listing are read into memory; a longer one is an error. Trees read those of LIST so; those of MLSD
    /// lie on the disk there.
    pub listing_limit: usize,
    /// How the session is protected.
    pub tls: Tls,
    /// How fast files may move, together with all others that have the same limit.
    pub throttle: Option<Throttle>,
    /// Acknowledge each segment by itself, so that a capture of the session shows every ACK. It costs
    /// packets and is for demonstrations.
    pub quick_acks: bool,
    /// Who is told what was chosen and why.
    pub explain: Option<Explain>,
    /// Who hears the session's events.
    pub tap: Option<Tap>,
    /// The session's name in them.
    pub session: SessionId,
    /// The moment from which their times count.
    pub origin: Instant,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            way: Way::Passive,
            fallback: true,
            setup: None,
            data_address: DataAddress::Server,
            family: None,
            proxy: None,
            memory: Memory::default(),
            plain: false,
            timeout: Duration::from_secs(60),
            // Some two million entries.
            listing_limit: 256 << 20,
            tls: Tls::default(),
            throttle: None,
            quick_acks: false,
            explain: None,
            tap: None,
            session: SessionId(1),
            origin: Instant::now(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("way", &self.way)
            .field("fallback", &self.fallback)
            .field("proxy", &self.proxy.as_ref().map(ToString::to_string))
            .field("plain", &self.plain)
            .field("timeout", &self.timeout)
            .field("tls", &self.tls)
            .field("tapped", &self.tap.is_some())
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
