//! The server machine: what a session says and does, without doing it.
//!
//! The driver feeds it what arrives (`handle_*`: bytes, outcomes, time), then takes what is to be done
//! ([`Session::poll_output`]) until nothing is left, and wakes it at [`Session::deadline`]. A transfer's
//! bytes never enter. The verbs are handled by theme, as their rows in the verb table say: `access.rs`,
//! `parameters.rs`, `transfer.rs`, `files.rs`, `info.rs`. RFC 959 sections 4.1, 5.4 and 6.
//!
//! House rules: a line is carried out only when the one before it has had its final reply, except what is
//! urgent while a transfer runs (see `turn.rs`); every reply leaves by `Session::send`;
//! RNFR and REST are forgotten in one place.

mod access;
mod effect;
mod extended;
mod files;
mod gate;
mod info;
mod parameters;
mod security;
mod state;
mod transfer;
mod turn;

pub use access::{Unwelcome, is_anonymous};
pub use effect::{
    Account, Cannot, Effect, EffectId, Ended, Fault, News, Outcome, Part, Pattern, Payload, Remark,
    Rights, Route, StoreAt, TlsRole, TransferPlan, TreeAction, Turned,
};
pub use state::{Policy, TlsPolicy};

use crate::charset::Charset;
use crate::codec::Settings;
use crate::command::{Algorithm, CommandError};
use crate::foreign::Foreign;
use crate::line::{Arrival, LineReader};
use crate::listing::{FactSet, Format};
use crate::params::Representation;
use crate::path::VirtualPath;
use crate::redact::Redactor;
use crate::reply::Reply;
use crate::tap::{Timer, What};
use crate::texts::{Say, Voice};
use crate::{Command, Lang, Moment, Text, Verb, address};
use state::{Awaiting, Closing, DataPlan, Login, Pace, Security, Sequence, Transfer};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use turn::Waiting;

/// What the machine asks of its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write these bytes to the control connection.
    Send(Vec<u8>),
    /// Do this, and report the outcome under its id.
    Do(EffectId, Effect),
    /// Drop this transfer: reset its data connection, keep what an upload has brought. No outcome. A slow action on
    /// the tree: have it stop at its next step. Its outcome tells whether it was done by then.
    Cancel(EffectId),
    /// Tell the tap.
    Tap(What),
    /// Close the control connection once everything before is written. Nothing follows.
    Close,
}

/// One session of the server.
///
/// ```
/// use std::sync::Arc;
/// use wharf_proto::Moment;
/// use wharf_proto::server::{Output, Policy, Session};
/// let at = "127.0.0.1:40000".parse()?;
/// let mut session = Session::new(Arc::new(Policy::default()), at, "127.0.0.1:21".parse()?, false);
/// session.handle_opened(Moment::START);
/// session.handle_bytes(Moment::START, b"NOOP\r\n");
/// assert!(matches!(session.poll_output(), Some(Output::Send(line)) if line.starts_with(b"220 ")));
/// assert!(matches!(session.poll_output(), Some(Output::Send(line)) if line.starts_with(b"200 ")));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug)]
pub struct Session {
    policy: Arc<Policy>,
    client: SocketAddr,
    server: SocketAddr,
    now: Moment,
    opened: Moment,
    /// When a command last had its turn or its outcome, or a transfer ended.
    active: Moment,

    lines: LineReader,
    waiting: VecDeque<Waiting>,
    closing: Closing,
    security: Security,
    login: Login,
    /// Since when it is not known who the client is.
    unknown_since: Moment,
    /// Whether HOST has chosen a tree.
    hosted: bool,
    commands_before_login: u32,
    bytes_before_login: usize,
    wrong_passwords: u32,

    folder: VirtualPath,
    representation: Representation,
    facts: FactSet,
    lang: Lang,
    charset: Charset,
    /// The client has said OPTS UTF8 ON.
    knows_utf8: bool,
    deflate_level: u8,
    hash: Algorithm,
    umask: Option<u32>,
    idle_time: Duration,
    epsv_all: bool,
    sequence: Sequence,
    plan: DataPlan,
    transfer: Transfer,
    /// Bytes that the running transfer has moved, as far as the driver has told.
    moved: u64,
    /// Since when bytes may have moved.
    running_since: Moment,
    /// The name that STOU's driver has chosen, until it is told.
    stored_as: Option<Box<VirtualPath>>,
    /// How many bytes ALLO asked for.
    wanted: u64,

    awaiting: Awaiting,
    last_id: EffectId,
    tapped: bool,
    /// Knows what the tap must not show.
    redactor: Redactor,
    out: VecDeque<Output>,
}

impl Session {
    /// A session between these two ends of an open control connection. `tapped`: whether [`Output::Tap`]
    /// is wanted.
    pub fn new(policy: Arc<Policy>, client: SocketAddr, server: SocketAddr, tapped: bool) -> Self {
        let plain = address::unmapped;
        let (idle_time, charset) = (policy.idle_time, policy.charset);
        Self {
            lines: LineReader::new(policy.line_cap),
            policy,
            client: plain(client),
            server: plain(server),
            now: Moment::START,
            opened: Moment::START,
            active: Moment::START,
            waiting: VecDeque::new(),
            closing: Closing::No,
            security: Security::Plain,
            login: Login::Nobody,
            unknown_since: Moment::START,
            hosted: false,
            commands_before_login: 0,
            bytes_before_login: 0,
            wrong_passwords: 0,
            folder: VirtualPath::root(),
            representation: Representation::default(),
            facts: FactSet::default(),
            lang: Lang::default(),
            charset,
            knows_utf8: false,
            deflate_level: Settings::default().level,
            hash: Algorithm::Sha256,
            umask: None,
            idle_time,
            epsv_all: false,
            sequence: Sequence::None,
            plan: DataPlan::None,
            transfer: Transfer::Idle,
            moved: 0,
            running_since: Moment::START,
            stored_as: None,
            wanted: 0,
            awaiting: Awaiting::Nothing,
            last_id: 0,
            tapped,
            redactor: Redactor::default(),
            out: VecDeque::new(),
        }
    }

    /// The control connection is open: greet.
    pub fn handle_opened(&mut self, now: Moment) {
        self.open(now);
        self.greet();
    }

    /// The control connection is open, and is under TLS from its first byte on: that comes before the greeting.
    pub fn handle_opened_for_tls(&mut self, now: Moment) {
        self.open(now);
        self.awaiting = Awaiting::Security { greets: true };
        self.start(Effect::Secure);
    }

    fn open(&mut self, now: Moment) {
        (self.now, self.opened, self.active, self.unknown_since) = (now, now, now, now);
        self.tap(What::ControlOpened { client: self.client, server: self.server });
    }

    fn greet(&mut self) {
        let policy = Arc::clone(&self.policy);
        self.say(&Say::Ready(&policy.greeting));
    }

    /// Bytes have come over the control connection.
    pub fn handle_bytes(&mut self, now: Moment, bytes: &[u8]) {
        self.now = now;
        if self.closing == Closing::Closed {
            return;
        }
        self.lines.push(bytes);
        while let Some(arrival) = self.lines.next() {
            match arrival {
                Arrival::Line(line) => {
                    if self.tapped {
                        let (verb, line) = self.redactor.command(&line);
                        self.tap(What::Command { verb, line });
                    }
                    self.waiting.push_back(Waiting::Line(line));
                }
                Arrival::TooLong => {
                    self.tap(What::Command { verb: None, line: "(a line over the limit)".into() });
                    self.waiting.push_back(Waiting::TooLong);
                }
                Arrival::Answer(refusal) => self.out.push_back(Output::Send(refusal.to_vec())),
                // Interrupt and Mark announce ABOR to hosts that do not read while they send; we read.
                Arrival::Interrupt | Arrival::Mark => {}
            }
            // Line by line, so that a session is the same however its bytes were cut.
            self.advance();
            if self.closing == Closing::Closed {
                return;
            }
        }
        if self.is_greeted_with_tls() {
            self.tap(What::Command { verb: None, line: "(a record of TLS)".into() });
            return self.part_with(Foreign::Tls);
        }
        if self.too_many_before_login(bytes.len()) {
            self.say(&Say::TooManyBeforeLogin);
            self.close();
        }
    }

    /// The client has ended its half of the control connection, or it broke. What waits is still answered,
    /// but a transfer is broken off (RFC 959 section 4.1.1, QUIT), and so is what else may take long.
    pub fn handle_input_end(&mut self, now: Moment) {
        self.now = now;
        if self.closing == Closing::Closed {
            return;
        }
        self.closing = Closing::InputEnded;
        if self.transfer.moving().is_some() || self.is_at_slow_work() {
            self.waiting.clear();
            self.close();
        }
        self.advance();
    }

    /// An effect has come to its outcome. Outcomes of effects that are no longer wanted are ignored.
    pub fn handle_outcome(&mut self, now: Moment, id: EffectId, outcome: Outcome) {
        self.now = now;
        if self.closing == Closing::Closed {
            return;
        }
        if self.transfer.moving().is_some_and(|moving| moving.id == id) {
            self.handle_transfer_outcome(outcome);
        } else if id == self.last_id {
            self.active = now;
            match std::mem::replace(&mut self.awaiting, Awaiting::Nothing) {
                Awaiting::Nothing => {}
                Awaiting::Recognition(name) => self.handle_recognition(name, outcome),
                Awaiting::Security { greets } => self.handle_secured(greets, &outcome),
                // What comes of it is for the driver to know: the stream is in clear again, or has ended.
                Awaiting::Clearing => {}
                Awaiting::Host { clears } => self.handle_host_outcome(clears, outcome),
                Awaiting::Login(claim) => self.handle_login_outcome(*claim, outcome),
                Awaiting::Listener(verb) => self.handle_listener_outcome(verb, outcome),
                Awaiting::Tree { verb, path, pace } => {
                    self.handle_tree_outcome(verb, *path, outcome);
                    if pace == Pace::Stopping {
                        self.say(&Say::AbortDone);
                    }
                }
            }
        }
        self.advance();
    }

    /// The running transfer has moved so many bytes. Called before [`Self::handle_bytes`] while a transfer
    /// runs, so that STAT can tell.
    pub fn handle_progress(&mut self, moved: u64) {
        self.moved = moved;
    }

    /// The data connection of the transfer that is about to be reported as ended stays open, as it does in
    /// block and compressed mode (RFC 959 section 3.3). Called before [`Self::handle_outcome`].
    pub fn handle_data_kept(&mut self) {
        if self.transfer.moving().is_some() {
            self.plan = DataPlan::Kept;
        }
    }

    /// [`Self::deadline`] has come.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.now = now;
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        match self.transfer {
            Transfer::Opening { .. } => self.handle_opening_timeout(),
            Transfer::Idle | Transfer::Preparing(_) | Transfer::Running(_) => {
                let timer = match self.login {
                    Login::In(_) => Timer::Idle,
                    Login::Nobody | Login::Named(_) => Timer::Login,
                };
                self.tap(What::TimerRanOut { timer });
                // In the midst of a handshake there is no way to say anything.
                if !self.is_between_clear_and_tls() {
                    self.say(&Say::TimedOut(timer));
                }
                self.close();
            }
        }
        self.advance();
    }

    /// The server is going down: say so and close.
    pub fn handle_shutdown(&mut self, now: Moment) {
        self.now = now;
        if self.closing != Closing::Closed {
            self.say(&Say::ShuttingDown);
            self.close();
        }
    }

    /// Takes the next thing to do. A session of which nothing is wanted holds no memory for it.
    pub fn poll_output(&mut self) -> Option<Output> {
        let next = self.out.pop_front();
        if next.is_none() {
            self.out = VecDeque::new();
            if self.waiting.is_empty() {
                self.waiting = VecDeque::new();
            }
        }
        next
    }

    /// When [`Self::handle_timeout`] shall be called, if nothing happens before.
    pub fn deadline(&self) -> Option<Moment> {
        if self.closing == Closing::Closed {
            return None;
        }
        match (&self.transfer, &self.awaiting, &self.login) {
            (Transfer::Opening { announced: false, since, .. }, ..) => {
                Some(*since + self.policy.patience)
            }
            (Transfer::Opening { announced: true, since, .. }, ..) => {
                Some(*since + self.policy.open_time)
            }
            (Transfer::Preparing(_) | Transfer::Running(_), ..) => None,
            (Transfer::Idle, Awaiting::Nothing, Login::In(_)) => Some(self.active + self.idle_time),
            (Transfer::Idle, Awaiting::Nothing, Login::Nobody | Login::Named(_)) => {
                Some(self.unknown_since + self.policy.login_time)
            }
            (Transfer::Idle, Awaiting::Security { .. } | Awaiting::Clearing, _) => {
                Some(self.active + self.policy.login_time)
            }
            (Transfer::Idle, _, _) => None,
        }
    }

    /// Whether more bytes may be handed in now: the lines that wait are bounded.
    pub fn wants_bytes(&self) -> bool {
        self.closing == Closing::No && self.waiting.len() < self.policy.waiting_cap
    }

    fn advance(&mut self) {
        while self.closing != Closing::Closed {
            let Some(next) = self.take_next() else { break };
            self.active = self.now;
            if self.count_before_login() {
                self.say(&Say::TooManyBeforeLogin);
                return self.close();
            }
            match next {
                Waiting::Line(line) => self.carry_out(&line),
                Waiting::TooLong => {
                    self.sequence = Sequence::None;
                    self.say(&Say::LineTooLong);
                }
            }
        }
        let done = self.waiting.is_empty()
            && matches!(self.awaiting, Awaiting::Nothing)
            && self.transfer.moving().is_none();
        if self.closing == Closing::InputEnded && done {
            self.close();
        }
    }

    fn is_at_slow_work(&self) -> bool {
        matches!(self.awaiting, Awaiting::Tree { pace: Pace::Long | Pace::Stopping, .. })
    }

    fn carry_out(&mut self, line: &[u8]) {
        if let Some(other) = Foreign::of_line(line) {
            return self.part_with(other);
        }
        let parsed = Command::parse(line);
        let keeps = parsed.as_ref().is_ok_and(|command| command.verb().row().keeps_restart);
        let sequence = match self.sequence {
            // What sets a transfer up may stand between REST and the transfer; nothing stands behind RNFR.
            Sequence::RestartAt(_) | Sequence::Range(_) if keeps => Sequence::None,
            _ => std::mem::replace(&mut self.sequence, Sequence::None),
        };
        let command = match parsed {
            Ok(command) => command,
            Err(CommandError::Argument(verb)) => return self.refuse_argument(verb),
            Err(CommandError::Empty | CommandError::Unknown(_)) => {
                return self.say(&Say::UnknownVerb);
            }
        };
        match self.refusal(command.verb().row()) {
            Some(refusal) => self.say(&refusal),
            None => self.dispatch(command, sequence),
        }
    }

    /// A malformed argument is told apart from a verb that would not be carried out anyway.
    fn refuse_argument(&mut self, verb: Verb) {
        let refusal = self.refusal(verb.row()).unwrap_or(Say::BadArgument(verb));
        self.say(&refusal);
    }

    #[expect(clippy::too_many_lines, reason = "a table, a line a verb")]
    fn dispatch(&mut self, command: Command, sequence: Sequence) {
        let verb = command.verb();
        match command {
            Command::User(name) => self.user(name),
            Command::Pass(password) => self.pass(password),
            Command::Acct(code) => self.acct(code),
            Command::Cwd(path) => self.cwd(&path),
            Command::Cdup => self.cdup(),
            Command::Pwd => self.pwd(),
            Command::Quit => self.quit(),
            Command::Rein => self.rein(),
            Command::Smnt(path) => self.smnt(&path),
            Command::Host(name) => self.host(name),

            Command::Auth(mechanism) => self.auth(&mechanism),
            Command::Pbsz(_) => self.pbsz(),
            Command::Prot(level) => self.prot(&level),
            Command::Ccc => self.ccc(),
            Command::Cpsv => self.cpsv(),
            Command::Sscn(switch) => self.sscn(switch),

            Command::Port(to) => self.port(to),
            Command::Eprt(to) => self.eprt(to),
            Command::Pasv => self.pasv(verb),
            Command::Epsv(which) => self.epsv(which),
            Command::Type(value) => self.type_(value),
            Command::Stru(value) => self.stru(value),
            Command::Mode(value) => self.mode(value),

            Command::Retr(path) => self.retr(&path, &sequence),
            Command::Stor(path) => self.stor(&path, &sequence),
            Command::Appe(path) => self.appe(&path),
            Command::Stou(path) => self.stou(path.as_ref()),
            Command::Allo(bytes) => self.allo(bytes),
            Command::Rang(range) => self.rang(range),
            Command::List(path) => self.begin_listing(verb, path.as_ref(), Format::Unix),
            Command::ListAll => self.begin_listing(verb, None, Format::Unix),
            Command::Nlst(path) => self.begin_listing(verb, path.as_ref(), Format::Names),
            Command::Mlsd(path) => self.mlsd(path.as_ref()),
            Command::Rest(marker) => self.rest(marker),
            Command::Abor => self.abor(),

            Command::Rnfr(path) => self.rnfr(&path),
            Command::Rnto(path) => self.rnto(&path, sequence),
            Command::Dele(path) => self.dele(&path),
            Command::Rmd(path) => self.rmd(&path),
            Command::Mkd(path) => self.mkd(&path),
            Command::Size(path) => self.size(&path),
            Command::Mdtm(path) => self.mdtm(&path),
            Command::Mlst(path) => self.mlst(path.as_ref()),

            Command::Syst => self.say(&Say::System),
            Command::Stat(path) => self.stat(path.as_ref()),
            Command::Help(word) => self.help(word.as_ref()),
            Command::Noop => self.say(&Say::NoopDone),
            Command::Feat => self.feat(),
            Command::Opts(text) => self.opts(&text),
            Command::Lang(tag) => self.lang(tag.as_ref()),
            Command::Clnt(_) | Command::Csid(_) => self.greet_client(&command),

            Command::Mfmt(time, path) => self.mfmt(time, &path),
            Command::Mff(facts, path) => self.mff(&facts, &path),
            Command::Hash(path) => self.hash(&path, transfer::range_of(&sequence)),
            Command::Digest(algorithm, digested) => self.digest(verb, algorithm, &digested),
            Command::Comb(paths) => self.comb(&paths),
            Command::Avbl(path) => self.avbl(path.as_ref()),
            Command::Dsiz(path) => self.dsiz(path.as_ref()),
            Command::Site(site) => self.site(&site),
            // Rows with an `Other` command are answered by their status, in `refusal`.
            Command::Other(verb, _) => self.say(&Say::NotDone(verb)),
        }
    }

    /// The path that an argument names, or the refusal said.
    fn path(&mut self, verb: Verb, argument: &Text) -> Option<VirtualPath> {
        let path = self.folder.join(&self.charset.from_wire(argument.as_bytes()));
        if path.is_err() {
            self.say(&Say::BadName(verb));
        }
        path.ok()
    }

    /// The charset of names from now on: that of the account, or of all, unless the client knows UTF-8.
    fn choose_charset(&mut self) {
        let own = match &self.login {
            Login::In(account) => account.charset,
            Login::Nobody | Login::Named(_) => None,
        };
        self.charset = match self.knows_utf8 {
            true => Charset::default(),
            false => own.unwrap_or(self.policy.charset),
        };
    }

    fn path_or_folder(&mut self, verb: Verb, argument: Option<&Text>) -> Option<VirtualPath> {
        match argument {
            Some(argument) => self.path(verb, argument),
            None => Some(self.folder.clone()),
        }
    }

    fn start(&mut self, effect: Effect) -> EffectId {
        self.last_id = self.last_id.wrapping_add(1);
        self.out.push_back(Output::Do(self.last_id, effect));
        self.last_id
    }

    fn say(&mut self, say: &Say<'_>) {
        self.send(&say.reply(Voice { lang: self.lang, charset: self.charset }));
    }

    /// The one door by which replies leave. Names in them are as the client reads them.
    fn send(&mut self, reply: &Reply) {
        if self.tapped {
            let Reply { code, lines } = self.redactor.reply(reply);
            self.tap(What::Reply { code: code.value(), lines });
        }
        self.out.push_back(Output::Send(reply.encode()));
    }

    fn tap(&mut self, what: What) {
        if self.tapped {
            self.out.push_back(Output::Tap(what));
        }
    }

    fn close(&mut self) {
        if let Some(moving) = self.transfer.moving() {
            self.out.push_back(Output::Cancel(moving.id));
            self.transfer = Transfer::Idle;
        }
        self.waiting.clear();
        self.closing = Closing::Closed;
        self.out.push_back(Output::Close);
    }
}
