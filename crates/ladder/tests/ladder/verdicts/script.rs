//! The language of the cases. A case begins with `# ID what happens`, or `# near ID what happens`, or `# clean ...`;
//! `tap client` or `tap server` in its title says that the events of that end are to give the same verdict. Then a
//! line a step:
//!
//! | step | |
//! | --- | --- |
//! | `ends CLIENT SERVER` | a session between these, on a connection of its own; `192.0.2.10:1180 203.0.113.5:21` at first |
//! | `at N` | the steps that follow are of session N, from 1 |
//! | `open`, `syn N`, `refused` | the connection is opened, asked for N times, answered with RST |
//! | `answered MS` | the handshake goes on after `syn`, its third packet comes MS milliseconds after the second |
//! | `> LINE`, `< LINE` | a line of the client, of the server |
//! | `>> HEX`, `<< HEX` | bytes |
//! | `unreachable HOST CODE` | HOST says by ICMP that the last segment did not arrive |
//! | `again N` | the last segment is sent N times more |
//! | `rewritten LINE` | the last segment goes by again, with this line in place of its own |
//! | `wait SECONDS` | |
//! | `>fin`, `<fin`, `>rst`, `<rst` | the client, the server ends |
//! | `>cut` | the client ends without the close_notify that its TLS wants |
//! | `>ack`, `<ack` | the client, the server has all that was sent |
//! | `>probe`, `<probe` | the client, the server asks with a byte that it has sent before whether the other is there |
//! | `hops N` | the last segment had so many hops left |
//! | `cut N` | of the last segment only N bytes are captured |
//! | `lose` | the last segment is not in the capture |
//! | `data NAME FROM TO STEP...` | the same on a data connection that FROM opens to TO; its `>` is FROM |
//! | `tls NAME full|resumed`, `tls control ...` | a handshake of TLS 1.2; FROM, or in active mode TO, is the client |
//! | `tls NAME full-1.3|resumed-1.3` | the same of TLS 1.3, and two tickets |
//! | `greeted`, `login`, `under-tls`, `bye` | what every session has |
//! | `active`, `passive` | PORT to 192.0.2.10:1182, PASV to 203.0.113.5:50000 |
//! | `told WHAT` | an event of the tap alone: `timer data`, `timer reply`, `timer idle`, `timer login`, `cleared`, `refused WHY`, `not-secured WHY`, `data-not-secured NAME WHY`, `no-reply CODE LINE` (`-`: without one) |

use crate::wire::{ACK, Acceptor, End, FIN, Opener, PSH, RST, SYN, Wire};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use wharf_ladder::Flags;
use wharf_ladder::sessions::Session;
use wharf_ladder::tap::Told;
use wharf_proto::redact::redacted;
use wharf_proto::tap::{Event, HalfEnd, Party, SessionId, Timer, TlsFacts, What};
use wharf_proto::{Moment, Text};

/// A session, or several, and what is to be found in them.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(super) finds: Vec<String>,
    pub(super) spares: Vec<String>,
    pub(crate) wire: Wire,
    events: Option<(Party, Vec<Event>)>,
}

/// The cases of all files.
pub(crate) fn cases() -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/findings");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let mut out = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a text");
        for part in text.split("\n# ").map(|part| part.trim_start_matches("# ")) {
            let (title, steps) = part.split_once('\n').unwrap_or((part, ""));
            if !title.trim().is_empty() && !title.starts_with("//") {
                out.push(Stage::new(title).play(steps));
            }
        }
    }
    out
}

impl Case {
    /// The sessions as their tap told them, where the case says so.
    pub(crate) fn told(&self) -> Option<Vec<Session>> {
        let (_, events) = self.events.as_ref()?;
        let mut told = Told::default();
        events.iter().for_each(|event| told.push(event));
        told.pass(self.wire.now());
        Some(told.finish().into_iter().flatten().collect())
    }
}

/// A case of its own.
pub(crate) fn play(title: &str, steps: &str) -> Case {
    Stage::new(title).play(steps)
}

/// A case as it is being played.
struct Stage {
    case: Case,
    /// The control connections.
    controls: Vec<Conn>,
    at: usize,
    data: HashMap<String, Conn>,
}

#[derive(Clone)]
struct Conn {
    conn: usize,
    /// Counts the data connections of the session; none for its control connection.
    no: Option<u32>,
    ends: [SocketAddr; 2],
    opener: Party,
    /// Bytes of each party, as the tap counts them.
    bytes: [u64; 2],
}

impl Conn {
    fn end(&self, party: Party) -> End {
        if party == self.opener { Opener } else { Acceptor }
    }
}

const CLIENT: &str = "192.0.2.10:1180";
const SERVER: &str = "203.0.113.5:21";

impl Stage {
    fn new(title: &str) -> Self {
        let teller = match title {
            _ if title.contains("tap client") => Some(Party::Client),
            _ if title.contains("tap server") => Some(Party::Server),
            _ => None,
        };
        let mut words = title.split_whitespace();
        let (mut finds, mut spares) = (Vec::new(), Vec::new());
        match words.next() {
            Some("near") => spares.extend(words.next().map(str::to_owned)),
            Some("clean") => {}
            id => finds.extend(id.map(str::to_owned)),
        }
        let events = teller.map(|teller| (teller, Vec::new()));
        let case = Case { name: title.to_owned(), finds, spares, wire: Wire::default(), events };
        Self { case, controls: Vec::new(), at: 0, data: HashMap::new() }
    }

    fn play(mut self, steps: &str) -> Case {
        let first = steps.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        if !first.starts_with("ends ") {
            self.step(&format!("ends {CLIENT} {SERVER}"));
        }
        for line in steps.lines().filter(|line| !line.trim().is_empty()) {
            self.step(line);
        }
        self.case
    }

    fn step(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "ends" => {
                let (client, server) = rest.split_once(' ').expect("two ends");
                self.at = self.controls.len();
                let conn = self.connection(client, server, Party::Client, None);
                self.controls.push(conn);
            }
            "at" => self.at = rest.parse::<usize>().expect("a number") - 1,
            "wait" => {
                self.case.wire.wait(Duration::from_secs_f64(rest.parse().expect("seconds")));
            }
            "data" => self.data(rest),
            "tls" => {
                let (name, how) = rest.split_once(' ').expect("a name and how");
                let conn = self.named(name);
                let resumed = how.starts_with("resumed");
                match how.ends_with("1.3") {
                    true => self.new_handshake(conn, resumed),
                    false => self.handshake(conn, resumed),
                }
            }
            "told" => self.told(rest),
            "greeted" => self.steps(&["open", "< 220 ready"]),
            "login" => self.steps(&[
                "greeted",
                "> USER ann",
                "< 331 password",
                "> PASS hunter2",
                "< 230 in",
            ]),
            "active" => self.steps(&["> PORT 192,0,2,10,4,158", "< 200 ok"]),
            "passive" => self.steps(&["> PASV", "< 227 ok (203,0,113,5,195,80)"]),
            "under-tls" => self.steps(&["greeted", "> AUTH TLS", "< 234 go", "tls control full"]),
            "bye" => self.steps(&["> QUIT", "< 221 bye", "<fin", ">fin"]),
            _ => {
                let mut conn = self.controls[self.at].clone();
                self.act(&mut conn, line);
                self.controls[self.at] = conn;
            }
        }
    }

    fn steps(&mut self, steps: &[&str]) {
        steps.iter().for_each(|step| self.step(step));
    }

    fn named(&self, name: &str) -> Conn {
        if name == "control" { self.controls[self.at].clone() } else { self.data[name].clone() }
    }

    fn connection(&mut self, from: &str, to: &str, opener: Party, no: Option<u32>) -> Conn {
        let conn = self.case.wire.connection(from, to);
        let ends = [from, to].map(|end| end.parse().expect("an address"));
        Conn { conn, no, ends, opener, bytes: [0; 2] }
    }

    /// `NAME FROM TO STEP`, or later `NAME STEP`.
    fn data(&mut self, rest: &str) {
        let (name, rest) = rest.split_once(' ').expect("a name");
        let mut step = rest;
        if !self.data.contains_key(name) {
            let mut words = rest.splitn(3, ' ');
            let (from, to) = (words.next().expect("an end"), words.next().expect("an end"));
            step = words.next().unwrap_or("open");
            let host: SocketAddr = from.parse().expect("an address");
            let control = &self.controls[self.at];
            let listener: SocketAddr = to.parse().expect("an address");
            let [client, server] = control.ends;
            let to_server = host.ip() != server.ip() && listener.ip() == server.ip();
            let opener =
                if host.ip() == client.ip() || to_server { Party::Client } else { Party::Server };
            let no = u32::try_from(self.data.len() + 1).expect("few");
            let conn = self.connection(from, to, opener, Some(no));
            self.data.insert(name.to_owned(), conn);
        }
        let mut conn = self.data[name].clone();
        self.act(&mut conn, step);
        self.data.insert(name.to_owned(), conn);
    }

    /// A step on a connection. `>` is the client of the session.
    fn act(&mut self, conn: &mut Conn, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let party = if word.starts_with('<') { Party::Server } else { Party::Client };
        let wire = &mut self.case.wire;
        match word {
            "open" | "syn" | "answered" | "refused" => self.open(conn, word, rest),
            ">" | "<" => {
                let text = rest.replace("\\n", "\r\n") + "\r\n";
                // On the wire the byte FF is doubled, as Telnet has it.
                self.send(conn, party, &bytes(&text, b"\xff\xff"));
                if conn.no.is_none() {
                    self.line(party, rest);
                }
            }
            ">>" | "<<" => self.send(conn, party, &hex(rest)),
            ">bytes" | "<bytes" => {
                let all = vec![b'x'; rest.parse().expect("how many")];
                all.chunks(1400).for_each(|part| self.send(conn, party, part));
            }
            "again" => {
                for _ in 0..rest.parse().expect("how often") {
                    wire.wait(Duration::from_secs(1));
                    wire.again();
                }
            }
            "rewritten" => wire.rewritten(rest),
            "unreachable" => {
                let (by, code) = rest.split_once(' ').expect("a host and a code");
                wire.unreachable(by, code.parse().expect("a code"));
            }
            ">probe" | "<probe" => wire.probes(conn.conn, conn.end(party)),
            ">ack" | "<ack" => wire.put(conn.conn, conn.end(party), ACK, b""),
            ">fin" | "<fin" => {
                wire.put(conn.conn, conn.end(party), FIN, b"");
                wire.put(conn.conn, conn.end(party.other()), ACK, b"");
                self.ended(conn, party, HalfEnd::Fin);
            }
            // Under TLS, without close_notify.
            ">cut" => {
                wire.put(conn.conn, conn.end(party), FIN, b"");
                self.ended(conn, party, HalfEnd::Cut);
            }
            ">rst" | "<rst" => {
                wire.put(conn.conn, conn.end(party), RST, b"");
                self.ended(conn, party, HalfEnd::Reset);
            }
            "full" if rest == "client" => wire.full(conn.conn, conn.end(Party::Client)),
            "cut" => wire.cut(rest.parse().expect("bytes")),
            "hops" => wire.hops(rest.parse().expect("hops")),
            "lose" => {
                wire.segments.pop();
            }
            other => panic!("{}: no step: {other}", self.case.name),
        }
    }

    /// The steps of a handshake.
    fn open(&mut self, conn: &Conn, word: &str, rest: &str) {
        let wire = &mut self.case.wire;
        let granted = Flags { ack: true, ..SYN };
        match word {
            "open" => {
                wire.put(conn.conn, Opener, SYN, b"");
                wire.put(conn.conn, Acceptor, granted, b"");
                wire.put(conn.conn, Opener, ACK, b"");
                self.opened(conn);
            }
            "syn" => {
                wire.put(conn.conn, Opener, SYN, b"");
                for _ in 1..rest.parse().expect("how often") {
                    wire.wait(Duration::from_secs(1));
                    wire.again();
                }
            }
            // The rest of the handshake, the opener this many milliseconds later.
            "answered" => {
                wire.put(conn.conn, Acceptor, granted, b"");
                wire.wait(Duration::from_millis(rest.parse().expect("milliseconds")));
                wire.put(conn.conn, Opener, ACK, b"");
            }
            _ => {
                wire.put(conn.conn, Opener, SYN, b"");
                wire.put(conn.conn, Acceptor, RST, b"");
            }
        }
    }

    fn send(&mut self, conn: &mut Conn, party: Party, bytes: &[u8]) {
        self.case.wire.put(conn.conn, conn.end(party), PSH, bytes);
        conn.bytes[party as usize] += bytes.len() as u64;
    }

    fn opened(&mut self, conn: &Conn) {
        let (client, server) = match conn.opener {
            Party::Client => (conn.ends[0], conn.ends[1]),
            Party::Server => (conn.ends[1], conn.ends[0]),
        };
        self.tell(match conn.no {
            None => What::ControlOpened { client, server },
            Some(conn_no) => {
                What::DataOpened { conn: conn_no, opener: conn.opener, client, server }
            }
        });
    }

    fn ended(&mut self, conn: &Conn, by: Party, how: HalfEnd) {
        let bytes = conn.bytes[by as usize];
        self.tell(match conn.no {
            None => What::ControlClosed { by, how },
            Some(conn) => What::DataEnded { conn, by, bytes, how },
        });
    }

    /// A line on the control connection, as the tap tells it.
    fn line(&mut self, from: Party, line: &str) {
        match from {
            Party::Client => {
                let bytes = bytes(line, b"\xff");
                let (verb, line) = redacted(&bytes);
                self.tell(What::Command { verb, line });
                let address = match wharf_proto::Command::parse(&bytes) {
                    Ok(wharf_proto::Command::Port(address)) => Some(SocketAddr::V4(address)),
                    Ok(wharf_proto::Command::Eprt(wharf_proto::address::Eprt::Address(
                        address,
                    ))) => Some(address),
                    _ => None,
                };
                if let Some(address) = address {
                    self.tell(What::DataPlanned { listener: Party::Client, address });
                }
            }
            Party::Server => {
                let lines: Vec<&str> = line.split("\\n").collect();
                let Some(code) = line.get(..3).and_then(|code| code.parse::<u16>().ok()) else {
                    return;
                };
                // Between the first line and the last the code need not stand.
                let words = |line: &&str| match line.starts_with(&code.to_string()) {
                    true => Text::from(line.get(4..).unwrap_or_default()),
                    false => Text::from(*line),
                };
                let texts = lines.iter().map(words);
                self.tell(What::Reply { code, lines: texts.collect() });
                let text = line.as_bytes();
                let server = self.controls[self.at].ends[1];
                let address = match code {
                    227 => wharf_proto::address::parse_227(&text[4..]).ok().map(SocketAddr::V4),
                    229 => wharf_proto::address::parse_229(&text[4..])
                        .ok()
                        .map(|port| SocketAddr::new(server.ip(), port)),
                    _ => None,
                };
                if let Some(address) = address {
                    self.tell(What::DataPlanned { listener: Party::Server, address });
                }
            }
        }
    }

    /// A handshake of TLS 1.2, and a record of each side under its keys.
    fn handshake(&mut self, conn: Conn, resumed: bool) {
        let [client, server] = [Party::Client, Party::Server].map(|party| conn.end(party));
        let wire = &mut self.case.wire;
        let id = if resumed { 9 } else { 8 };
        wire.put(conn.conn, client, PSH, &hello(1, &[1, 9, 0, 2, 0xc0, 0x2f, 1, 0]));
        wire.put(conn.conn, server, PSH, &hello(2, &[1, id, 0xc0, 0x2f, 0]));
        let change = [0x14, 3, 3, 0, 1, 1];
        let finished = [0x16, 3, 3, 0, 2, 1, 1];
        for end in [client, server] {
            wire.put(conn.conn, end, PSH, &[&change[..], &finished].concat());
        }
        let facts = TlsFacts {
            version: "TLS 1.2".into(),
            cipher: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".into(),
            resumed,
            name: None,
        };
        self.tell(What::Secured { conn: conn.no, facts });
    }

    /// A handshake of TLS 1.3, and two tickets.
    fn new_handshake(&mut self, conn: Conn, resumed: bool) {
        let [client, server] = [Party::Client, Party::Server].map(|party| conn.end(party));
        let key = if resumed { &[0, 41, 0, 2, 0, 0][..] } else { &[] };
        let length = u8::try_from(6 + key.len()).expect("short");
        let answer = [&[0, 0x13, 1, 0, 0, length, 0, 43, 0, 2, 3, 4][..], key].concat();
        let sealed =
            |length: u8| [&[0x17, 3, 3, 0, length][..], &vec![0xaa; length.into()]].concat();
        let wire = &mut self.case.wire;
        wire.put(conn.conn, client, PSH, &hello(1, &[0, 0, 2, 0x13, 1, 1, 0]));
        wire.put(conn.conn, server, PSH, &[hello(2, &answer), sealed(200)].concat());
        // That it has no certificate, and its Finished.
        wire.put(conn.conn, client, PSH, &[sealed(25), sealed(53)].concat());
        wire.put(conn.conn, server, PSH, &[sealed(80), sealed(80)].concat());
        let (version, cipher) = ("TLS 1.3".into(), "TLS13_AES_128_GCM_SHA256".into());
        let facts = TlsFacts { version, cipher, resumed, name: None };
        self.tell(What::Secured { conn: conn.no, facts });
    }

    fn told(&mut self, what: &str) {
        let timer = |timer| What::TimerRanOut { timer };
        let what = match what {
            "timer data" => timer(Timer::DataOpen),
            "timer reply" => timer(Timer::Reply),
            "timer idle" => timer(Timer::Idle),
            "timer login" => timer(Timer::Login),
            "timer still" => timer(Timer::DataIdle),
            "cleared" => What::ControlCleared,
            other => match other.split_once(' ').expect("what and why") {
                ("refused", why) => What::DataRefused { why: why.into() },
                ("data-not-secured", rest) => {
                    let (name, why) = rest.split_once(' ').expect("a name and why");
                    What::NotSecured { conn: self.data[name].no, why: why.into() }
                }
                ("no-reply", rest) => {
                    let (code, line) = rest.split_once(' ').expect("a code or -, and a line");
                    What::NoReply { code: code.parse().ok(), lines: vec![line.into()] }
                }
                (_, why) => What::NotSecured { conn: None, why: why.into() },
            },
        };
        self.tell(what);
    }

    fn tell(&mut self, what: What) {
        let at: Moment = self.case.wire.now();
        if let Some((teller, events)) = &mut self.case.events {
            let session = SessionId(self.at as u64 + 1);
            events.push(Event { session, at, teller: *teller, what });
        }
    }
}

/// A hello of the client (1) or the server (2) as a record: what stands behind its random bytes is given.
fn hello(kind: u8, rest: &[u8]) -> Vec<u8> {
    let body = [&[3, 3][..], &[7; 32], rest].concat();
    let length = u8::try_from(body.len()).expect("short");
    let message = [&[kind, 0, 0, length][..], &body].concat();
    [&[0x16, 3, 3, 0, length + 4][..], &message].concat()
}

/// The bytes of a text in which `\\xff` is this.
fn bytes(text: &str, ff: &[u8]) -> Vec<u8> {
    text.split("\\xff").map(str::as_bytes).collect::<Vec<_>>().join(ff)
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| str::from_utf8(pair).expect("digits"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("a byte")).collect()
}
