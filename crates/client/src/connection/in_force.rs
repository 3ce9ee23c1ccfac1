//! What is in force at the server: TYPE, STRU, MODE, PROT, SSCN, the digest of HASH, a restart that waits for its
//! transfer, and the folder.
//!
//! One door: every command passes here when it is sent, and every last reply when it has come, whoever awaits it, and
//! where nobody does any more. So what is known here is what the server has said, and a method whose future was dropped
//! in the midst of a dialogue leaves nothing that is believed wrongly. RFC 959 section 4.1.2.

use std::collections::VecDeque;

use wharf_proto::client::{Answer, Asked};
use wharf_proto::codec::Marker;
use wharf_proto::command::{CommandError, Level};
use wharf_proto::params::{Mode, Structure, Type};
use wharf_proto::path::parse_quoted;
use wharf_proto::reply::Class;
use wharf_proto::{Command, Text, Verb};

/// What OPTS begins with where it chooses the digest of HASH.
const HASH: &[u8] = b"HASH ";

/// What is in force at the server.
#[derive(Debug)]
pub(crate) struct InForce {
    /// The last command of each verb that lasts, if the server has taken it; where there is none, nobody knows.
    commands: Vec<Command>,
    place: Place,
    /// The commands that will change it when their replies have come.
    pending: VecDeque<Command>,
}

/// Where the session is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// Where the user has gone since the login: each CWD appended, nothing resolved.
    pub(crate) folder: Vec<u8>,
    /// What PWD says of that, where it was asked.
    pub(crate) home: Option<Text>,
}

/// What is in force before anything was said (RFC 959 section 5.1; RFC 4217 section 9).
fn defaults() -> Vec<Command> {
    vec![
        Command::Type(Type::default()),
        Command::Stru(Structure::default()),
        Command::Mode(Mode::default()),
        Command::Prot(Level::Clear),
        Command::Sscn(Some(false)),
        from_the_beginning(),
    ]
}

/// The command that takes back a restart.
pub(crate) fn from_the_beginning() -> Command {
    Command::Rest(Marker::at(0))
}

/// Whether a command stays in force until another one of its verb comes.
fn lasts(command: &Command) -> bool {
    match command {
        Command::Opts(what) => {
            what.as_bytes().get(..HASH.len()).is_some_and(|head| head.eq_ignore_ascii_case(HASH))
        }
        _ => matches!(
            command.verb(),
            Verb::Type
                | Verb::Stru
                | Verb::Mode
                | Verb::Prot
                | Verb::Sscn
                | Verb::Rest
                | Verb::Rang
        ),
    }
}

/// Whether a command asks or changes where the session is.
fn moves(verb: Verb) -> bool {
    matches!(verb, Verb::Cwd | Verb::Cdup | Verb::Pwd | Verb::Rein)
}

impl Default for InForce {
    fn default() -> Self {
        Self { commands: defaults(), place: Place::default(), pending: VecDeque::new() }
    }
}

impl InForce {
    /// Whether a command would change nothing, because it is in force already.
    pub(crate) fn has(&self, command: &Command) -> bool {
        self.commands.contains(command)
    }

    /// Whether it is known what is in force of this verb.
    pub(super) fn knows(&self, verb: Verb) -> bool {
        self.commands.iter().any(|command| command.verb() == verb)
    }

    /// Where the session is.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The session was elsewhere, and is back.
    pub(crate) fn came_back(&mut self, place: Place) {
        self.place = place;
    }

    /// A command goes out.
    pub(super) fn sent(&mut self, command: &Command) {
        let verb = command.verb();
        match verb {
            // Of what is not as it was at first, servers keep some and forget some.
            Verb::User => {
                let defaults = defaults();
                let stays = |command: &Command| {
                    defaults.contains(command) || matches!(command.verb(), Verb::Prot | Verb::Sscn)
                };
                self.commands.retain(stays);
                self.place = Place::default();
            }
            // These use it up.
            Verb::Retr | Verb::Stor | Verb::Appe | Verb::Stou | Verb::Hash => {
                self.replace(from_the_beginning());
            }
            _ if lasts(command) || moves(verb) => self.pending.push_back(command.clone()),
            _ => {}
        }
    }

    /// A line goes out as somebody has typed it. What a known verb with an unknown argument does, nobody knows.
    pub(super) fn sent_as_typed(&mut self, line: &[u8]) {
        match Command::parse(line) {
            Ok(command) => self.sent(&command),
            Err(CommandError::Argument(verb)) => self.commands.retain(|it| it.verb() != verb),
            Err(CommandError::Unknown(_) | CommandError::Empty) => {}
        }
    }

    /// A reply came.
    pub(super) fn heard(&mut self, answer: &Answer) {
        let Asked::Verb(verb) = answer.to else { return };
        let nth = self.pending.iter().position(|command| command.verb() == verb);
        let Some(nth) = nth.filter(|_| !answer.more) else { return };
        let Some(command) = self.pending.remove(nth) else { return };
        let wanted = match verb {
            Verb::Rest | Verb::Rang => Class::Intermediate,
            _ => Class::Completion,
        };
        if answer.reply.code.class() != wanted {
            return;
        }
        match &command {
            Command::Rein => {
                *self = Self { pending: std::mem::take(&mut self.pending), ..Self::default() };
                // Where TLS is wanted for data, it is to be said again before there are any.
                self.commands.retain(|command| command.verb() != Verb::Prot);
            }
            Command::Pwd => self.place.home = parse_quoted(answer.reply.text()).map(Text::from),
            Command::Cdup => self.place.went(b".."),
            Command::Cwd(path) => self.place.went(path.as_bytes()),
            _ => self.replace(command),
        }
    }

    /// Puts a command in the place of the one that was in force; of the two that restart only the later one counts.
    fn replace(&mut self, command: Command) {
        let kind = |verb| if verb == Verb::Rang { Verb::Rest } else { verb };
        self.commands.retain(|other| kind(other.verb()) != kind(command.verb()));
        self.commands.push(command);
    }
}

impl Place {
    fn went(&mut self, path: &[u8]) {
        self.home = None;
        if path.starts_with(b"/") {
            self.folder.clear();
        } else {
            self.folder.push(b'/');
        }
        self.folder.extend_from_slice(path);
    }
}
