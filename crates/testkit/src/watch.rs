//! What must hold of every session, seen from outside the server machine.
//!
//! A [`Watch`] sees what goes in and what comes out, and knows nothing of the machine's state:
//! - each command line has exactly one final reply, in the order of the lines; only ABOR may overtake,
//!   and only NOOP and STAT are answered between a transfer's command and its final reply
//! - each code is one that the verb's row allows; 125 comes when the data connection is open, 150 when not
//! - one effect at a time beside one transfer; a transfer is cancelled at most once, and none is left
//! - after 421 and 221 there is no reply, and after `Close` there is nothing
//!
//! It panics where that does not hold. It does not judge wording, or whether an answer is the right one:
//! ladders do that.

use std::collections::VecDeque;

use wharf_proto::command::CommandError;
use wharf_proto::line::{Arrival, LineReader};
use wharf_proto::reply::{Reply, ReplyReader};
use wharf_proto::server::{Effect, EffectId, Outcome, Output};
use wharf_proto::tap::What;
use wharf_proto::{Command, Verb};

/// An observer of one session.
#[derive(Debug)]
pub struct Watch {
    lines: LineReader,
    outstanding: VecDeque<Asked>,
    greeted: bool,
    /// The last reply has been said: 421 or 221.
    parting: bool,
    input_ended: bool,
    closed: bool,
    last_id: EffectId,
    effect: Option<EffectId>,
    transfer: Option<Moving>,
    /// 426 has answered a transfer that was cancelled, or what else was stopped has its reply: 226 for ABOR comes next.
    aborting: bool,
    /// The effect has been told to stop.
    stopping: bool,
    /// The code that the tap was told last, until it is sent.
    told: Option<u16>,
}

/// A line without a final reply.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// Nothing where the line names no verb, or is too long to be read.
    verb: Option<Verb>,
    turn: Turn,
}

/// When a line is answered while a transfer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// ABOR: before all others.
    First,
    /// NOOP, and STAT without a path: at once, if nothing else waits before it.
    AtOnce,
    /// All others.
    After,
}

/// A transfer without a final reply.
#[derive(Clone, Copy, Debug)]
struct Moving {
    id: EffectId,
    announced: bool,
    open: bool,
    ended: bool,
    cancelled: bool,
}

impl Asked {
    fn of(line: &[u8]) -> Self {
        let parsed = Command::parse(line);
        let turn = match &parsed {
            Ok(Command::Abor) => Turn::First,
            Ok(Command::Noop | Command::Stat(None)) => Turn::AtOnce,
            _ => Turn::After,
        };
        let verb = match parsed {
            Ok(command) => Some(command.verb()),
            Err(CommandError::Argument(verb)) => Some(verb),
            Err(CommandError::Empty | CommandError::Unknown(_)) => None,
        };
        Self { verb, turn }
    }

    fn allows(self, code: u16) -> bool {
        self.verb.map_or(code == 500, |verb| verb.row().allows(code))
    }
}

impl Watch {
    /// An observer of a session whose lines may have so many bytes.
    pub fn new(line_cap: usize) -> Self {
        Self {
            lines: LineReader::new(line_cap),
            outstanding: VecDeque::new(),
            greeted: false,
            parting: false,
            input_ended: false,
            closed: false,
            last_id: 0,
            effect: None,
            transfer: None,
            aborting: false,
            stopping: false,
            told: None,
        }
    }

    /// These bytes are handed to the machine.
    pub fn sent(&mut self, bytes: &[u8]) {
        self.lines.push(bytes);
        for arrival in self.lines.by_ref() {
            let asked = match arrival {
                Arrival::Line(line) => Asked::of(&line),
                Arrival::TooLong => Asked { verb: None, turn: Turn::After },
                Arrival::Answer(_) | Arrival::Interrupt | Arrival::Mark => continue,
            };
            if !self.parting {
                self.outstanding.push_back(asked);
            }
        }
    }

    /// The machine is told that the client sends no more.
    pub fn input_ended(&mut self) {
        self.input_ended = true;
    }

    /// This outcome is handed to the machine.
    pub fn outcome(&mut self, id: EffectId, outcome: &Outcome) {
        if self.effect == Some(id) {
            self.effect = None;
        }
        let Some(moving) = self.transfer.as_mut().filter(|moving| moving.id == id) else { return };
        match outcome {
            Outcome::Prepared { open, .. } => moving.open = *open,
            Outcome::Opened => moving.open = true,
            Outcome::Ended(_) => moving.ended = true,
            _ => {}
        }
    }

    /// The machine has put this out.
    #[track_caller]
    pub fn output(&mut self, output: &Output) {
        assert!(!self.closed, "{output:?} after Close");
        match output {
            Output::Send(bytes) if bytes.len() == 3 && bytes[0] == 0xff => {}
            Output::Send(bytes) => self.reply(&one_reply(bytes)),
            Output::Do(id, effect) => self.begin(*id, effect),
            Output::Cancel(id) => self.cancel(*id),
            Output::Tap(What::Reply { code, .. }) => self.told = Some(*code),
            Output::Tap(_) => {}
            Output::Close => {
                assert!(self.parting || self.input_ended, "closed without a word: {self:?}");
                let left = self.transfer.is_some_and(|moving| !moving.cancelled);
                assert!(!left, "a transfer is left behind: {self:?}");
                (self.transfer, self.closed) = (None, true);
            }
        }
    }

    /// All outputs have been taken, so what can be answered must have been.
    #[track_caller]
    pub fn settled(&self) {
        let ended = self.transfer.is_some_and(|moving| moving.ended);
        assert!(self.closed || !ended, "an ended transfer has no final reply: {self:?}");
        assert!(self.closed || !self.parting, "said goodbye and did not close: {self:?}");
        assert!(!self.aborting, "ABOR has no reply: {self:?}");
        let busy = self.effect.is_some() || self.transfer.is_some() || self.closed;
        assert!(busy || self.outstanding.is_empty(), "a line has no final reply: {self:?}");
    }

    /// Whether the machine has closed the session.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// How many lines have no final reply yet.
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// The effect whose outcome is awaited, besides a transfer.
    pub fn effect(&self) -> Option<EffectId> {
        self.effect
    }

    /// The transfer whose end is awaited.
    pub fn transfer(&self) -> Option<EffectId> {
        self.transfer.map(|moving| moving.id)
    }

    #[track_caller]
    fn begin(&mut self, id: EffectId, effect: &Effect) {
        assert!(!self.parting, "{effect:?} after the last reply");
        assert!(id > self.last_id, "the id of an effect was used before: {id}");
        assert!(self.effect.is_none(), "{effect:?} beside another effect: {self:?}");
        assert!(self.transfer.is_none(), "{effect:?} beside a transfer: {self:?}");
        self.last_id = id;
        let asked = self.outstanding.front().and_then(|asked| asked.verb);
        match effect {
            Effect::CloseData => {}
            Effect::Transfer(_) => {
                let opens = asked.is_some_and(|verb| verb.opens_transfer());
                assert!(opens, "a transfer that nobody asked for: {self:?}");
                self.transfer = Some(Moving {
                    id,
                    announced: false,
                    open: false,
                    ended: false,
                    cancelled: false,
                });
            }
            Effect::Host(_)
            | Effect::Authenticate { .. }
            | Effect::Recognise(_)
            | Effect::Secure
            | Effect::Clear
            | Effect::Listen { .. }
            | Effect::Tree(_) => {
                self.effect = Some(id);
            }
        }
    }

    #[track_caller]
    fn cancel(&mut self, id: EffectId) {
        if self.effect == Some(id) {
            assert!(!self.stopping, "stopped twice: {id}");
            self.stopping = true;
            return;
        }
        let moving = self.transfer.as_mut().filter(|moving| moving.id == id);
        let Some(moving) = moving else { panic!("no such transfer to cancel: {id}") };
        assert!(!moving.cancelled, "cancelled twice: {id}");
        moving.cancelled = true;
    }

    #[track_caller]
    fn reply(&mut self, reply: &Reply) {
        let code = reply.code.value();
        assert!(!self.parting, "{reply} after the last reply");
        assert!(self.told.take().is_none_or(|told| told == code), "the tap was told otherwise");
        if !self.greeted {
            assert_eq!(code, 220, "the greeting");
            self.greeted = true;
        } else if code == 421 {
            self.parting = true;
            self.outstanding.clear();
        } else if self.aborting {
            let index = self.outstanding.iter().position(|asked| asked.turn == Turn::First);
            assert_eq!((code, index.is_some()), (226, true), "the reply to ABOR: {self:?}");
            self.answer(index.unwrap_or_default(), code);
            self.aborting = false;
        } else if let Some(moving) = self.transfer {
            self.reply_in_transfer(code, moving);
        } else {
            self.answer(0, code);
            self.aborting = std::mem::take(&mut self.stopping);
        }
    }

    #[track_caller]
    fn reply_in_transfer(&mut self, code: u16, moving: Moving) {
        match code {
            // A restart marker, in the midst of an upload (RFC 959 section 3.5).
            110 => assert!(moving.announced && moving.open, "{code} is out of place: {self:?}"),
            ..200 => {
                let asked = self.outstanding.front().is_some_and(|asked| asked.allows(code));
                assert!(asked && !moving.announced, "{code} is out of place: {self:?}");
                assert_eq!(code == 125, moving.open, "{code} does not tell the truth: {self:?}");
                self.transfer = Some(Moving { announced: true, ..moving });
            }
            200 | 211 => {
                let turn = self.outstanding.get(1).map(|asked| asked.turn);
                assert_eq!(turn, Some(Turn::AtOnce), "{code} is out of place: {self:?}");
                self.answer(1, code);
            }
            _ => {
                self.answer(0, code);
                self.transfer = None;
                self.aborting = moving.cancelled && code == 426;
            }
        }
    }

    /// Takes the line at this place off the list.
    #[track_caller]
    fn answer(&mut self, index: usize, code: u16) {
        let asked = self.outstanding.remove(index);
        assert!(asked.is_some(), "{code} answers nothing");
        let legal = asked.is_some_and(|asked| asked.allows(code));
        assert!(legal, "{code} is no reply to {:?}", asked.and_then(|asked| asked.verb));
        assert!(code >= 200, "{code} begins what is no transfer: {asked:?}");
        self.parting = code == 221;
    }
}

/// The one reply that these bytes are.
#[track_caller]
pub fn one_reply(bytes: &[u8]) -> Reply {
    let mut all = replies(bytes);
    match (all.pop(), all.is_empty()) {
        (Some(reply), true) => reply,
        _ => panic!("not one whole reply: {}", bytes.escape_ascii()),
    }
}

/// The replies in these bytes.
#[track_caller]
pub fn replies(bytes: &[u8]) -> Vec<Reply> {
    let (mut lines, mut reader) = (LineReader::new(1 << 20), ReplyReader::new());
    lines.push(bytes);
    let mut found = Vec::new();
    for arrival in lines.by_ref() {
        let Arrival::Line(line) = arrival else { panic!("{arrival:?} among replies") };
        match reader.line(line) {
            Ok(reply) => found.extend(reply),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(lines.buffered(), 0, "a reply without its end");
    found
}
