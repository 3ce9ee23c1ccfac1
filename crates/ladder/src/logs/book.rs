//! The sessions of a log: whose a line is, and which rows come of it.
//!
//! What is open at a time is bounded as for a tap; a session that was given away for that begins anew with its next line.

use super::stamp::Clock;
use super::{Dialect, Form, Heard, Said, cut};
use crate::model::Ladder;
use crate::row::Remark;
use crate::sessions::Session;
use crate::tap::Told;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use wharf_proto::address::{Eprt, parse_227, parse_229};
use wharf_proto::redact::Redactor;
use wharf_proto::reply::{Reply, ReplyReader};
use wharf_proto::tap::{Event, HalfEnd, Party, SessionId, Timer, TlsFacts, What};
use wharf_proto::{Command, Moment, Text, Verb};

/// Names of sessions that are remembered at most.
const MOST: usize = 8192;
/// The longest remark of a log that is kept.
const LONGEST: usize = 512;

/// The sessions of a log.
///
/// ```
/// use wharf_ladder::logs::{Form, Logs};
/// let mut logs = Logs::new(Form::named("lftp").ok_or("no such form")?);
/// for line in ["<--- 220 ready", "---> USER ann", "<--- 331 Password, please", "---> PASS secret"] {
///     logs.push(line.as_bytes());
/// }
/// let session = logs.finish().remove(0).remove(0);
/// assert_eq!(session.packets.rows().last().map(|row| row.label.to_string()).as_deref(), Some("PASS …"));
/// # Ok::<(), &str>(())
/// ```
pub struct Logs {
    form: &'static Form,
    dialect: Box<dyn Dialect>,
    clock: Clock,
    told: Told,
    live: HashMap<Vec<u8>, Live>,
    next: u64,
    count: Count,
}

/// What a log has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Lines that hold anything.
    pub lines: u64,
    /// Those of them that are of no session.
    pub foreign: u64,
    /// Commands and replies.
    pub said: u64,
}

/// A session that goes on.
#[derive(Debug, Default)]
struct Live {
    id: SessionId,
    client: Option<IpAddr>,
    /// The server's end, once it is being connected to.
    server: Option<SocketAddr>,
    stage: Stage,
    reply: ReplyReader,
    redactor: Redactor,
    has_replies: bool,
    quits: bool,
    /// Its data connections so far, and the listener that was named last.
    conns: u32,
    named: Option<SocketAddr>,
    /// The port at which the server said last that it listens.
    listens: Option<u16>,
    has_data: bool,
    /// Bytes of the transfer that no row has shown yet.
    moved: u64,
}

/// begun -> opening (it is being connected) -> open -> over; a log may begin anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Nothing is known of how it began.
    #[default]
    Begun,
    Opening,
    Open,
    Over,
}

impl Logs {
    /// The sessions of a log of this form.
    #[must_use]
    pub fn new(form: &'static Form) -> Self {
        Self {
            form,
            dialect: (form.dialect)(),
            clock: Clock::default(),
            told: Told::default(),
            live: HashMap::new(),
            next: 1,
            count: Count::default(),
        }
    }

    /// Takes the next line, without its end.
    pub fn push(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        self.count.lines += 1;
        let Some(heard) = self.dialect.hear(line) else {
            self.count.foreign += 1;
            return;
        };
        let at = self.clock.at(heard.stamp);
        let Heard { key, client, said, .. } = heard;
        if said == Said::Aside {
            return;
        }
        let begins = matches!(said, Said::Opening(_) | Said::Opened(_));
        let known = self.live.get(key.as_ref());
        let goes_on = known.is_some_and(|live| {
            let is_next =
                !begins || matches!((&said, live.stage), (Said::Opened(_), Stage::Opening));
            is_next && live.stage != Stage::Over && self.told.holds(live.id)
        });
        // Some clients tell of data connections as they do of others.
        let to_data_port = known.is_some_and(|live| {
            let port = if let Said::Opening(server) = said { Some(server.port()) } else { None };
            live.stage == Stage::Open && port.is_some() && live.listens == port
        });
        if to_data_port || (!goes_on && !said.is_speech()) {
            return;
        }
        if !goes_on {
            self.begin(key.as_ref(), client, at.is_some());
        }
        let Some(live) = self.live.get_mut(key.as_ref()) else { return };
        live.client = live.client.or(client);
        let mut pen = Pen {
            live,
            told: &mut self.told,
            at: at.unwrap_or_default(),
            teller: self.form.teller,
            count: &mut self.count,
        };
        pen.take(said);
    }

    /// The sessions that are over, and the oldest of too many; each with those that it shares a data connection with.
    pub fn take_finished(&mut self) -> Vec<Vec<Session>> {
        let over = self.told.take_finished();
        if self.live.len() > MOST {
            let told = &self.told;
            self.live.retain(|_, live| told.holds(live.id));
        }
        over
    }

    /// All that are left, at the end of the log.
    pub fn finish(&mut self) -> Vec<Vec<Session>> {
        for live in self.live.values_mut() {
            let (told, count, teller) = (&mut self.told, &mut self.count, self.form.teller);
            let at = told.now();
            Pen { live, told, at, teller, count }.flush();
        }
        self.live.clear();
        self.told.finish()
    }

    /// The sessions that are open.
    #[must_use]
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// When the first line was written, since 1970; none where the log leaves out the day or the year.
    #[must_use]
    pub fn origin(&self) -> Option<Duration> {
        self.clock.origin()
    }

    /// What it has come to so far.
    #[must_use]
    pub fn count(&self) -> Count {
        self.count
    }

    /// What it is a log of.
    #[must_use]
    pub fn form(&self) -> &'static Form {
        self.form
    }

    fn begin(&mut self, key: &[u8], client: Option<IpAddr>, is_timed: bool) {
        if let Some(before) = self.live.get(key) {
            self.told.end(before.id);
        }
        let id = SessionId(self.next);
        self.next += 1;
        self.told.begin(id, Ladder::of_log(is_timed));
        self.live.insert(key.to_vec(), Live { id, client, ..Live::default() });
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (form, count) = (self.form.name, self.count);
        f.debug_struct("Logs").field("form", &form).field("count", &count).finish_non_exhaustive()
    }
}

/// What writes the rows of one line.
struct Pen<'a> {
    live: &'a mut Live,
    told: &'a mut Told,
    at: Moment,
    teller: Party,
    count: &'a mut Count,
}

impl Pen<'_> {
    fn take(&mut self, said: Said<'_>) {
        match said {
            Said::Opening(server) => {
                self.live.server = Some(server);
                self.live.stage = Stage::Opening;
                self.between();
            }
            Said::NotOpened(why) if self.live.stage == Stage::Opening => {
                let is_refused = cut::holds(why, &["refused"]);
                let (at, no_answer) = (self.at, cut::holds(why, &["timed out", "timeout"]));
                if let Some(ladder) = self.told.ladder(self.live.id)
                    && (is_refused || no_answer)
                {
                    ladder.not_opened(at, is_refused);
                }
                self.note(Remark::Logged, why);
            }
            Said::Opened(server) => {
                self.live.server = server.or(self.live.server);
                self.opened();
            }
            Said::Command(line) => self.command(&line),
            Said::Reply(line) => self.reply(line),
            Said::Either(line) => match self.live.reply.is_amid() || cut::is_reply(line) {
                true => self.reply(Cow::Borrowed(line)),
                false => self.command(line),
            },
            Said::Exchange { command, reply, bytes } => {
                self.command(&command);
                self.live.moved = bytes.unwrap_or(0);
                reply.into_iter().for_each(|line| self.reply(line));
            }
            Said::DataOpened { opener, client, server } => {
                self.data_opened(opener, client, server);
            }
            Said::DataFailed(why) => self.note(Remark::DataFailed, why),
            Said::Moved(bytes) => {
                self.live.moved = self.live.moved.saturating_add(bytes);
                // Where no reply will come there is nothing to wait for.
                if !self.live.has_replies {
                    self.flush();
                }
            }
            Said::DataEnded => self.data_ended(),
            Said::TimedOut(why) => self.note(Remark::TimerRanOut(Timer::Reply), why),
            Said::Secured(version, cipher) => self.secured(version, cipher),
            Said::NotOpened(why) | Said::Note(why) => self.note(Remark::Logged, why),
            Said::Closed(by) => self.closed(by),
            Said::Aside => {}
        }
    }

    fn tell(&mut self, what: What) {
        let Self { live, told, at, teller, .. } = self;
        told.push(&Event { session: live.id, at: *at, teller: *teller, what });
    }

    fn note(&mut self, remark: Remark, words: &[u8]) {
        let words = self.live.redactor.hide(&Text::from(words));
        let words = words.as_bytes();
        let words = words.get(..LONGEST).unwrap_or(words);
        let (at, teller) = (self.at, self.teller);
        if let Some(ladder) = self.told.ladder(self.live.id) {
            ladder.noted(at, teller, remark, Text::from(words));
        }
    }

    /// The ends as far as they are known.
    fn ends(&self) -> (SocketAddr, SocketAddr) {
        let nobody = cut::nobody();
        let client = self.live.client.map_or(nobody, |ip| SocketAddr::new(ip, 0));
        (client, self.live.server.unwrap_or(nobody))
    }

    /// Says between whom it is.
    fn between(&mut self) {
        let (client, server) = self.ends();
        if let Some(ladder) = self.told.ladder(self.live.id) {
            ladder.is_between(client, server);
        }
    }

    fn opened(&mut self) {
        self.live.stage = Stage::Open;
        let (client, server) = self.ends();
        self.tell(What::ControlOpened { client, server });
    }

    /// Somebody speaks: on a connection that must have come about.
    fn speaks(&mut self, is_greeting: bool) {
        self.count.said += 1;
        match self.live.stage {
            Stage::Opening => self.opened(),
            Stage::Begun if is_greeting => self.opened(),
            Stage::Begun => {
                self.live.stage = Stage::Open;
                self.between();
            }
            Stage::Open | Stage::Over => {}
        }
    }

    fn command(&mut self, line: &[u8]) {
        self.speaks(false);
        self.flush();
        let (verb, shown) = self.live.redactor.command(line);
        self.live.quits = verb == Some(Verb::Quit);
        self.tell(What::Command { verb, line: shown });
        let address = match Command::parse(line) {
            Ok(Command::Port(address)) => Some(SocketAddr::V4(address)),
            Ok(Command::Eprt(Eprt::Address(address))) => Some(address),
            _ => None,
        };
        self.planned(Party::Client, address);
    }

    fn reply(&mut self, line: Cow<'_, [u8]>) {
        self.live.has_replies = true;
        match self.live.reply.line(line.into_owned()) {
            Ok(None) => {}
            Ok(Some(reply)) => self.replied(&reply),
            Err(error) => self.note(Remark::Logged, error.to_string().as_bytes()),
        }
    }

    fn replied(&mut self, reply: &Reply) {
        let code = reply.code.value();
        self.speaks(code == 220);
        if code >= 200 {
            self.flush();
        }
        let text = reply.text().to_vec();
        let shown = self.live.redactor.reply(reply);
        self.tell(What::Reply { code, lines: shown.lines });
        let server = self.live.server.filter(|server| !server.ip().is_unspecified());
        match code {
            227 => self.live.listens = parse_227(&text).ok().map(|address| address.port()),
            229 => self.live.listens = parse_229(&text).ok(),
            _ => {}
        }
        let address = match code {
            227 => parse_227(&text).ok().map(SocketAddr::V4),
            229 => parse_229(&text)
                .ok()
                .and_then(|port| server.map(|server| SocketAddr::new(server.ip(), port))),
            _ => None,
        };
        self.planned(Party::Server, address);
        // It is about to close, and nothing more will be said of it.
        if matches!(code, 221 | 421) {
            self.ended(Some(Party::Server));
        }
    }

    fn planned(&mut self, listener: Party, address: Option<SocketAddr>) {
        let Some(address) = address else { return };
        self.live.named = Some(address);
        self.tell(What::DataPlanned { listener, address });
    }

    fn data_opened(
        &mut self,
        opener: Party,
        client: Option<SocketAddr>,
        server: Option<SocketAddr>,
    ) {
        let (ours, theirs) = self.ends();
        let named = self.live.named.take();
        let at_no_port = |end: SocketAddr| SocketAddr::new(end.ip(), 0);
        // The end that listens has been named, if not now, then in PORT or 227.
        let (client, server) = match opener {
            Party::Client => (client, server.or(named)),
            Party::Server => (client.or(named), server),
        };
        let client = client.unwrap_or_else(|| at_no_port(ours));
        let server = server.unwrap_or_else(|| at_no_port(theirs));
        self.live.conns = self.live.conns.saturating_add(1);
        self.live.has_data = true;
        let conn = self.live.conns;
        self.tell(What::DataOpened { conn, opener, client, server });
    }

    /// Shows the bytes that have moved.
    fn flush(&mut self) {
        let bytes = std::mem::take(&mut self.live.moved);
        if bytes == 0 {
            return;
        }
        if !self.live.has_data {
            self.live.conns = self.live.conns.saturating_add(1);
        }
        let (at, conn) = (self.at, self.live.conns);
        if let Some(ladder) = self.told.ladder(self.live.id) {
            ladder.carried(at, conn, bytes);
            // It is counted when it is complete.
            if !self.live.has_replies {
                ladder.completed();
            }
        }
        self.live.has_data = false;
    }

    fn data_ended(&mut self) {
        let conn = self.live.conns;
        self.flush();
        self.live.has_data = false;
        let ladder = self.told.ladder(self.live.id);
        let Some(by) = ladder.and_then(|ladder| ladder.sender()) else { return };
        self.tell(What::DataEnded { conn, by, bytes: 0, how: HalfEnd::Fin });
    }

    fn secured(&mut self, version: &[u8], cipher: &[u8]) {
        let version = match version.strip_prefix(b"TLSv") {
            Some(number) => Text::from([b"TLS ", number].concat()),
            None => Text::from(version),
        };
        let facts = TlsFacts { version, cipher: Text::from(cipher), resumed: false, name: None };
        self.tell(What::Secured { conn: None, facts });
    }

    fn closed(&mut self, by: Option<Party>) {
        self.flush();
        let by = by.or_else(|| self.live.quits.then_some(Party::Server));
        if by.is_none()
            && self.live.stage == Stage::Open
            && let Some(ladder) = self.told.ladder(self.live.id)
        {
            ladder.has_ended();
        }
        if self.live.quits && !self.live.has_replies {
            // It was answered as everything was: in silence.
            if let Some(ladder) = self.told.ladder(self.live.id) {
                ladder.said_goodbye();
            }
        }
        self.ended(by);
    }

    fn ended(&mut self, by: Option<Party>) {
        // What was never open is not closed either.
        if let Some(by) = by.filter(|_| self.live.stage != Stage::Opening) {
            self.tell(What::ControlClosed { by, how: HalfEnd::Fin });
        }
        self.live.stage = Stage::Over;
        self.told.end(self.live.id);
    }
}
