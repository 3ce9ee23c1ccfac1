//! What a picture shows: lifelines, and the steps between them.
//!
//! A session has two lifelines, client and server. Sessions that share data connections are a transfer between two
//! servers, which a third party drives (RFC 959 section 5.2): they are one picture of three lifelines, under row numbers of
//! its own. A scene holds no word that needs translating but names of lifelines; how it is drawn is the renderers' business.

mod joined;

use crate::findings::{Finding, with_ghosts};
use crate::row::{Channel, Ends, Row};
use crate::sessions::Session;
use std::net::{IpAddr, SocketAddr};
use wharf_proto::Lang;
use wharf_proto::tap::Party;

pub use joined::{Part, join};

/// What a picture shows.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The numbers of the sessions in it, the least first.
    pub sessions: Vec<u64>,
    /// Who takes part, from left to right.
    pub lifelines: Vec<Lifeline>,
    /// What happened, those steps too that should have come and did not.
    pub steps: Vec<Step>,
    /// What was found, with the numbers of these rows.
    pub findings: Vec<Finding>,
}

/// A host of the scene.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifeline {
    /// Which.
    pub who: Who,
    /// Its address, where known.
    pub ip: Option<IpAddr>,
    /// The port of its control connection, where it has one only.
    pub port: Option<u16>,
    /// Its part in the data connections between servers.
    pub role: Option<Role>,
    /// Its part in the TLS on those.
    pub tls: Option<TlsRole>,
}

/// Who stands at a lifeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The client of one session.
    Client,
    /// Its server.
    Server,
    /// The client of both sessions of a transfer between servers.
    Third,
    /// The server that listens first.
    A,
    /// The other one.
    B,
}

/// A server's part in data connections with another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is the passive side: it listens.
    Listens,
    /// It is the active side: it connects.
    Connects,
    /// Now one, now the other.
    Both,
}

/// A server's part in the TLS on data connections with another server: by RFC 4217 section 7 servers answer only, and CPSV
/// or SSCN has one of them begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsRole {
    /// It begins the handshake.
    Client,
    /// It answers.
    Server,
    /// Now one, now the other.
    Both,
}

/// A row between its lifelines.
#[derive(Clone, Debug)]
pub struct Step {
    /// The row.
    pub row: Row,
    /// The session that it is of; of one that two share, the first.
    pub session: u64,
    /// The lifeline that it comes from, by its place.
    pub from: usize,
    /// And the one that it goes to.
    pub to: usize,
    /// Its connection: each of the scene has a number.
    pub conn: usize,
    /// The sender's end of that and the receiver's, where known.
    pub ends: Option<[SocketAddr; 2]>,
}

impl Scene {
    /// One session: its rows, among them those that should have come ([`with_ghosts`]).
    #[must_use]
    pub fn of(no: u64, rows: &[Row], ends: Option<Ends>, findings: Vec<Finding>) -> Self {
        Self::of_own(no, rows.to_vec(), ends, findings)
    }

    /// The same of rows that nobody else needs.
    fn of_own(no: u64, rows: Vec<Row>, ends: Option<Ends>, findings: Vec<Finding>) -> Self {
        let of = |who, end: Option<SocketAddr>| {
            let ip = end.map(|end| end.ip()).filter(|ip| !ip.is_unspecified());
            let port = end.map(|end| end.port()).filter(|port| *port > 0);
            Lifeline { who, ip, port, role: None, tls: None }
        };
        let lifelines = vec![
            of(Who::Client, ends.map(|ends| ends.client)),
            of(Who::Server, ends.map(|ends| ends.server)),
        ];
        let step = |row: Row| {
            let (from, to) = way(row.from);
            let ends = ends.map(|control| between(control, &row));
            let conn = if let Channel::Data(no) = row.channel { no as usize + 1 } else { 0 };
            Step { row, session: no, from, to, conn, ends }
        };
        let steps = rows.into_iter().map(step).collect();
        Self { sessions: vec![no], lifelines, steps, findings }
    }

    /// Whether a third party drives two servers in it.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.lifelines.len() > 2
    }

    /// The name of who stands at a place; nothing where nobody does.
    #[must_use]
    pub fn name(&self, at: usize, lang: Lang) -> &'static str {
        self.lifelines.get(at).map_or("", |of| of.who.words(lang))
    }

    /// The letter for who stands at a place.
    #[must_use]
    pub fn letter(&self, at: usize) -> &'static str {
        self.lifelines.get(at).map_or("", |of| of.who.letter())
    }
}

/// The scenes of sessions that belong together: one, where they are those of a transfer between two servers, else one
/// each.
#[must_use]
pub fn scenes(group: &[Session]) -> Vec<Scene> {
    // One alone is joined with nobody.
    if let [session] = group {
        return vec![session.scene()];
    }
    let parts: Vec<Part<'_>> = group.iter().filter_map(Part::of).collect();
    match join(&parts).filter(|_| parts.len() == group.len()) {
        Some(scene) => vec![scene],
        None => group.iter().map(Session::scene).collect(),
    }
}

impl Session {
    /// The picture of this session alone. Where nothing was found its rows have the numbers of the reference session, if
    /// it is that.
    #[must_use]
    pub fn scene(&self) -> Scene {
        let findings = self.findings();
        let rows = match findings.is_empty() {
            true => self.packets.numbered(),
            false => with_ghosts(self.packets.rows(), &findings),
        };
        Scene::of_own(self.no, rows, self.packets.ends(), findings)
    }
}

impl Lifeline {
    /// Its name and address, `client 192.0.2.10:1180`.
    #[must_use]
    pub fn title(&self, lang: Lang) -> String {
        let name = self.who.words(lang);
        self.address().map_or_else(|| name.to_owned(), |address| format!("{name} {address}"))
    }

    /// Its part in the data connections between servers, `passive: it listens, TLS client`.
    #[must_use]
    pub fn part(&self, lang: Lang) -> Option<String> {
        let role = self.role.map(|role| role.words(lang));
        let words: Vec<&str> =
            role.into_iter().chain(self.tls.map(|tls| tls.words(lang))).collect();
        (!words.is_empty()).then(|| words.join(lang.of(", ", "、")))
    }

    /// Its address, with the port where it has one, `192.0.2.10:1180`.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        let ip = self.ip?;
        Some(match self.port {
            Some(port) => SocketAddr::new(ip, port).to_string(),
            None => ip.to_string(),
        })
    }
}

impl Who {
    /// Its name.
    #[must_use]
    pub fn words(self, lang: Lang) -> &'static str {
        match self {
            Self::Client => lang.of("client", "クライアント"),
            Self::Server => lang.of("server", "サーバー"),
            Self::Third => lang.of("third party", "第3者ホスト"),
            Self::A => lang.of("server A", "サーバー A"),
            Self::B => lang.of("server B", "サーバー B"),
        }
    }

    /// Its name for programs.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Third => "third-party",
            Self::A => "server-a",
            Self::B => "server-b",
        }
    }

    /// A letter for it.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::Client => "C",
            Self::Server => "S",
            Self::Third => "T",
            Self::A => "A",
            Self::B => "B",
        }
    }
}

impl Role {
    /// In words.
    #[must_use]
    pub fn words(self, lang: Lang) -> &'static str {
        match self {
            Self::Listens => lang.of("passive: it listens", "パッシブ側：待つ"),
            Self::Connects => lang.of("active: it connects", "アクティブ側：つなぐ"),
            Self::Both => lang.of("passive and active", "パッシブ側とアクティブ側"),
        }
    }
}

impl TlsRole {
    /// In words.
    #[must_use]
    pub fn words(self, lang: Lang) -> &'static str {
        match self {
            Self::Client => lang.of("TLS client", "TLS クライアント"),
            Self::Server => lang.of("TLS server", "TLS サーバー"),
            Self::Both => lang.of("TLS client + server", "TLS クライアント兼サーバー"),
        }
    }
}

impl Step {
    /// Whether it goes to the right.
    #[must_use]
    pub fn is_rightwards(&self) -> bool {
        self.from < self.to
    }

    /// Whether it is of a connection between two servers.
    #[must_use]
    pub fn is_between_servers(&self) -> bool {
        self.from.abs_diff(self.to) > 1
    }
}

/// The places of sender and receiver where there are two lifelines.
pub(crate) fn way(from: Party) -> (usize, usize) {
    match from {
        Party::Client => (0, 1),
        Party::Server => (1, 0),
    }
}

/// The ends of a row's connection: its own ports at the hosts of the session.
fn between(control: Ends, row: &Row) -> [SocketAddr; 2] {
    let at = |end: SocketAddr, port: Option<u16>| SocketAddr::new(end.ip(), port.unwrap_or(0));
    let (client, server) = match row.channel {
        Channel::Control => (control.client, control.server),
        Channel::Data(_) => {
            (at(control.client, row.ports.client), at(control.server, row.ports.server))
        }
    };
    match row.from {
        Party::Client => [client, server],
        Party::Server => [server, client],
    }
}
