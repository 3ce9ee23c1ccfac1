//! Sessions to draw: what a server or a client would tell of them, on a clock counted by hand.

use std::net::SocketAddr;
use std::time::Duration;
use wharf_proto::tap::{Event, HalfEnd, Party, SessionId, What};
use wharf_proto::{Moment, Text, Verb};

/// Where the client is.
pub(crate) const CLIENT: &str = "192.0.2.10";
/// Where the server is.
pub(crate) const SERVER: &str = "203.0.113.5";

/// A session as it is being told.
pub(crate) struct Story {
    client: &'static str,
    server: &'static str,
    teller: Party,
    now: Moment,
    events: Vec<Event>,
}

impl Story {
    /// Told by the server, from the opened control connection and the greeting on.
    pub(crate) fn greeted() -> Self {
        Self::told_by(Party::Server).between(CLIENT, SERVER)
    }

    pub(crate) fn told_by(teller: Party) -> Self {
        let (now, events) = (Moment::START, Vec::new());
        Self { client: CLIENT, server: SERVER, teller, now, events }
    }

    pub(crate) fn between(mut self, client: &'static str, server: &'static str) -> Self {
        (self.client, self.server) = (client, server);
        let (client, server) = (address(client, 1180), address(server, 21));
        self.tell(What::ControlOpened { client, server }).after(2).says(220, "ready")
    }

    pub(crate) fn logged_in() -> Self {
        Self::greeted()
            .after(1902)
            .asks("USER anonymous", 331, "send your address as the password")
            .after(800)
            .asks("PASS …", 230, "logged in, reading only")
    }

    /// So many milliseconds later.
    pub(crate) fn after(mut self, millis: u64) -> Self {
        self.now = self.now + Duration::from_millis(millis);
        self
    }

    pub(crate) fn tell(mut self, what: What) -> Self {
        let (at, teller) = (self.now, self.teller);
        self.events.push(Event { session: SessionId(7), at, teller, what });
        self
    }

    pub(crate) fn sends(self, line: &str) -> Self {
        let verb = Verb::named(line.split(' ').next().unwrap_or("").as_bytes());
        self.tell(What::Command { verb, line: Text::from(line) })
    }

    pub(crate) fn says(self, code: u16, text: &str) -> Self {
        self.tell(What::Reply { code, lines: vec![Text::from(text)] })
    }

    pub(crate) fn asks(self, line: &str, code: u16, text: &str) -> Self {
        self.sends(line).after(3).says(code, text)
    }

    /// PORT and its 200.
    pub(crate) fn port(self, port: u16) -> Self {
        let address = address(self.client, port);
        let [high, low] = port.to_be_bytes();
        let line = format!("PORT 192,0,2,10,{high},{low}");
        self.sends(&line)
            .tell(What::DataPlanned { listener: Party::Client, address })
            .after(1)
            .says(200, "PORT taken")
    }

    /// PASV and its 227.
    pub(crate) fn pasv(self, port: u16) -> Self {
        let address = address(self.server, port);
        let [high, low] = port.to_be_bytes();
        let line = format!("entering passive mode (203,0,113,5,{high},{low})");
        self.sends("PASV")
            .tell(What::DataPlanned { listener: Party::Server, address })
            .after(1)
            .says(227, &line)
    }

    pub(crate) fn opens(self, conn: u32, opener: Party, client: u16, server: u16) -> Self {
        let (client, server) = (address(self.client, client), address(self.server, server));
        self.after(1).tell(What::DataOpened { conn, opener, client, server })
    }

    pub(crate) fn ends(self, conn: u32, by: Party, bytes: u64) -> Self {
        self.after(1).tell(What::DataEnded { conn, by, bytes, how: HalfEnd::Fin })
    }

    pub(crate) fn breaks(self, conn: u32, by: Party, bytes: u64) -> Self {
        self.after(1).tell(What::DataEnded { conn, by, bytes, how: HalfEnd::Reset })
    }

    pub(crate) fn quits(self) -> Self {
        self.after(400)
            .asks("QUIT", 221, "goodbye")
            .after(1)
            .tell(What::ControlClosed { by: Party::Server, how: HalfEnd::Fin })
    }

    pub(crate) fn events(self) -> Vec<Event> {
        self.events
    }
}

fn address(host: &str, port: u16) -> SocketAddr {
    SocketAddr::new(host.parse().expect("an address"), port)
}

/// The reference session up to its row 49, as the server tells it.
pub(crate) fn reference() -> Story {
    Story::logged_in()
        .after(55)
        .asks("CWD pub", 250, "in /pub")
        .after(300)
        .port(1182)
        .after(1)
        .sends("LIST")
        .opens(1, Party::Server, 1182, 20)
        .says(125, "data connection already open")
        .ends(1, Party::Server, 512)
        .ends(1, Party::Client, 0)
        .says(250, "listing sent")
        .after(61_200)
        .port(1183)
        .after(1)
        .sends("RETR 一覧.txt")
        .opens(2, Party::Server, 1183, 20)
        .says(125, "data connection already open")
        .ends(2, Party::Server, 1024)
        .ends(2, Party::Client, 0)
        .says(250, "file sent")
}

/// The same as the client tells it, which reads each 125 before it notices the connection.
pub(crate) fn reference_by_client() -> Story {
    Story::told_by(Party::Client)
        .between(CLIENT, SERVER)
        .asks("USER anonymous", 331, "password")
        .asks("PASS …", 230, "logged in")
        .asks("CWD pub", 250, "in /pub")
        .port(1182)
        .asks("LIST", 125, "data connection already open")
        .opens(1, Party::Server, 1182, 20)
        .ends(1, Party::Server, 512)
        .ends(1, Party::Client, 0)
        .says(250, "listing sent")
        .port(1183)
        .asks("RETR a", 125, "data connection already open")
        .opens(2, Party::Server, 1183, 20)
        .ends(2, Party::Server, 1024)
        .ends(2, Party::Client, 0)
        .says(250, "file sent")
}

/// A passive listing; the client connects before it sends the command.
pub(crate) fn passive() -> Story {
    Story::logged_in()
        .after(20)
        .pasv(50_123)
        .opens(1, Party::Client, 41_002, 50_123)
        .sends("LIST")
        .after(1)
        .says(125, "here it comes")
        .ends(1, Party::Server, 2048)
        .ends(1, Party::Client, 0)
        .says(226, "listing sent")
        .quits()
}

/// A passive upload, and an empty one.
pub(crate) fn upload() -> Story {
    Story::logged_in()
        .asks("TYPE I", 200, "type is image")
        .pasv(50_124)
        .sends("STOR report.pdf")
        .opens(1, Party::Client, 41_003, 50_124)
        .says(125, "send it")
        .ends(1, Party::Client, 123_456_789)
        .ends(1, Party::Server, 0)
        .says(226, "stored")
        .pasv(50_125)
        .sends("STOR empty")
        .opens(2, Party::Client, 41_004, 50_125)
        .says(125, "send it")
        .ends(2, Party::Client, 0)
        .ends(2, Party::Server, 0)
        .says(226, "stored")
        .quits()
}

/// Active mode against a firewall: the connection does not come about.
pub(crate) fn refused() -> Story {
    Story::logged_in()
        .after(10)
        .port(1182)
        .asks("LIST", 150, "opening the data connection")
        .after(30_000)
        .tell(What::DataRefused { why: Text::from("no answer from 192.0.2.10:1182") })
        .tell(What::TimerRanOut { timer: wharf_proto::tap::Timer::DataOpen })
        .says(425, "cannot open the data connection")
        .quits()
}

/// The client breaks a download off, then the control connection too.
pub(crate) fn reset() -> Story {
    Story::logged_in()
        .pasv(50_126)
        .sends("RETR big.iso")
        .opens(1, Party::Client, 41_005, 50_126)
        .says(125, "here it comes")
        .ends(1, Party::Server, 4_294_967_296)
        .breaks(1, Party::Client, 0)
        .says(426, "broken off")
        .after(5)
        .tell(What::ControlClosed { by: Party::Client, how: HalfEnd::Reset })
}

/// A login over IPv6, which no header line of 80 columns holds with both its addresses.
pub(crate) fn ipv6() -> Story {
    Story::told_by(Party::Server)
        .between("2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8:ffff:ffff:ffff:ffff:ffff:fff1")
        .asks("USER ann", 331, "password")
}
