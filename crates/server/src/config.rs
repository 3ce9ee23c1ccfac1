//! What a server is told before it starts.

use crate::accounts::Accounts;
use crate::guard::Guarding;
use crate::origin::Trusted;
use crate::storage::Storage;
use crate::tls::Tls;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use wharf_proto::server::Policy;

/// The settings of a server. [`Config::new`] gives the defaults, which are safe: nobody can log in until
/// accounts are given.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 picks one.
    pub listen: Vec<SocketAddr>,
    /// What is served.
    pub storage: Arc<dyn Storage>,
    /// Other trees, for clients that ask for them by HOST.
    pub hosts: Vec<Host>,
    /// Who may log in.
    pub accounts: Accounts,
    /// What all sessions have in common.
    pub policy: Policy,
    /// TLS, where it is offered. What is wanted of clients is in [`Policy::tls`].
    pub tls: Option<Arc<Tls>>,
    /// Where to listen for clients that begin with TLS at once; port 0 picks one.
    pub listen_implicit: Vec<SocketAddr>,
    /// Whether data connections need not resume the TLS session of their control connection. Then a stranger who
    /// comes to the port first, from the client's address, is not told apart from the client.
    pub any_tls_session: bool,
    /// Where to listen for clients that know no TLS, whatever [`Policy::tls`] demands elsewhere: passwords and files may
    /// go in clear there. Port 0 picks one.
    pub listen_clear: Vec<SocketAddr>,
    /// How long a TLS handshake may take.
    pub handshake_time: Duration,
    /// How long to go on waiting at a passive port, when whoever came there could not prove under TLS to be the
    /// client, for the client. A client that never resumes TLS sessions hears so after that time.
    pub own_time: Duration,
    /// The networks of other servers with which users may have data connections (server-to-server transfer), where
    /// nothing else is said of a user. Anonymous users never may.
    pub foreign: Vec<IpNet>,
    /// The ports for passive data connections; any, where none are given.
    pub passive_ports: Option<RangeInclusive<u16>>,
    /// The IPv4 address that 227 names, where clients reach the server by another than its own.
    pub public_address: Option<Ipv4Addr>,
    /// The most sessions at once.
    pub sessions: u32,
    /// So many more for trusted networks.
    pub reserve: u32,
    /// The most sessions at once from one address, or from the /64 of an IPv6 address.
    pub sessions_per_address: u32,
    /// The most of them that have not logged in.
    pub strangers_per_address: u32,
    /// The most passive ports at once for one address, where there is no range of them.
    pub listeners_per_address: u32,
    /// Whose clients are neither delayed nor banned, and may use the reserve.
    pub trusted: Trusted,
    /// How guessing passwords is slowed down and ended, if it is.
    pub guard: Option<Guarding>,
    /// How long a data connection may stand still.
    pub data_idle_time: Duration,
    /// How long to wait, after the last byte of a download, for the client to close its end.
    pub linger_time: Duration,
    /// How long to wait, after the last byte of an upload in a stream, whether the control connection ends as
    /// well: then it was no end of a file, but that of a client. A small upload waits for no time at all.
    pub doubt_time: Duration,
    /// Acknowledge each segment by itself, so that a capture of the session shows every ACK. It costs packets
    /// and is for demonstrations.
    pub quick_acks: bool,
    /// On how many threads sessions run, each with a runtime of its own: one a core is fastest. With 0 they run on
    /// the runtime that [`Server::run`](crate::Server::run) is called on.
    pub threads: usize,
    /// Whether RETR of `folder.tar` or `folder.tar.zst`, where there is no such file, packs the folder.
    pub archives: bool,
    /// Whether whatever is stored is put on the disk, its bytes and its name, before a reply says that it is complete:
    /// then not even a loss of power takes back what was acknowledged. It makes each upload wait for the disk.
    pub sync_uploads: bool,
}

/// A virtual host (RFC 7151).
#[derive(Clone)]
pub struct Host {
    /// Its name, as clients send it with HOST; case does not matter.
    pub name: String,
    /// What it greets with.
    pub greeting: String,
    /// Its tree.
    pub storage: Arc<dyn Storage>,
}

impl Config {
    /// The defaults, for this storage: `[::]:2121`, no accounts.
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            listen: vec![SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 2121)],
            storage,
            hosts: Vec::new(),
            accounts: Accounts::new(),
            policy: Policy::default(),
            tls: None,
            listen_implicit: Vec::new(),
            listen_clear: Vec::new(),
            any_tls_session: false,
            handshake_time: Duration::from_secs(20),
            own_time: Duration::from_secs(2),
            foreign: Vec::new(),
            passive_ports: None,
            public_address: None,
            sessions: 20_000,
            reserve: 16,
            sessions_per_address: 2000,
            strangers_per_address: 256,
            listeners_per_address: 1000,
            trusted: Trusted::default(),
            guard: Some(Guarding::default()),
            data_idle_time: Duration::from_secs(300),
            linger_time: Duration::from_secs(2),
            doubt_time: Duration::from_millis(5),
            quick_acks: false,
            threads: 0,
            archives: false,
            sync_uploads: false,
        }
    }
}
