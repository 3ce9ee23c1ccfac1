//! Who answers whom: the commands of a session that wait for their reply, and the transfer that waits for
//! its data connection.
//!
//! The tap's model and the packets' model both keep one. It reads no bytes and makes no rows.

use std::collections::VecDeque;
use wharf_proto::Verb;
use wharf_proto::tap::Party;

/// Commands that may wait for their reply before the oldest is forgotten.
const MAX_WAITING: usize = 64;

/// Who sends in a transfer.
pub(crate) fn sender(verb: Option<Verb>) -> Party {
    match verb {
        Some(Verb::Stor | Verb::Stou | Verb::Appe) => Party::Client,
        _ => Party::Server,
    }
}

/// The state of the dialogue on a control connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dialogue {
    /// Commands whose final reply has not come.
    waiting: VecDeque<Option<Verb>>,
    /// The transfer command that no data connection serves yet.
    pub(crate) transfer: Option<Verb>,
}

impl Dialogue {
    /// A command went by.
    pub(crate) fn asked(&mut self, verb: Option<Verb>) {
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(verb);
        if verb.is_some_and(Verb::opens_transfer) {
            self.transfer = verb;
        }
    }

    /// The command that a reply answers: the oldest that may be answered so, since a few are answered
    /// while a transfer runs. A preliminary reply leaves it waiting.
    pub(crate) fn answered(&mut self, code: u16) -> Option<Verb> {
        let fits = |verb: &Option<Verb>| verb.map_or(code >= 400, |verb| verb.row().allows(code));
        let index = self.waiting.iter().position(fits).unwrap_or(0);
        let verb = self.waiting.get(index).copied().flatten();
        if code >= 200 {
            self.waiting.remove(index);
        }
        if code >= 400 && verb == self.transfer {
            self.transfer = None;
        }
        verb
    }
}

/// Whether a command says where the client listens.
pub(crate) fn names_listener(verb: Option<Verb>) -> bool {
    matches!(verb, Some(Verb::Port | Verb::Eprt | Verb::Lprt))
}
