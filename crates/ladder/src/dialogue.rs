//! Who answers whom: the commands of a session that wait for their reply, and the transfer that waits for
//! its data connection.
//!
//! The tap's model and the packets' model both keep one. It reads no bytes and makes no rows.

use crate::packet::distance;
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

/// Commands that wait for their final reply, each with what finds it again.
///
/// Replies come in the order of their commands, but for the few that are urgent. Where the capture has lost some of what
/// the server said, that may have answered what waited: such a command is doubted, and answered only where no other can be
/// meant.
#[derive(Clone, Debug)]
pub(crate) struct Waiting<T> {
    commands: VecDeque<Asked<T>>,
}

#[derive(Clone, Copy, Debug)]
struct Asked<T> {
    what: T,
    verb: Option<Verb>,
    /// Up to where the client had the server's bytes then, where packets tell.
    heard: Option<u32>,
    is_doubted: bool,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { commands: VecDeque::new() }
    }
}

impl<T: Copy> Waiting<T> {
    /// A command went by; the oldest is forgotten where too many wait.
    pub(crate) fn asked(&mut self, what: T, verb: Option<Verb>, heard: Option<u32>) {
        if self.commands.len() >= MAX_WAITING {
            self.commands.pop_front();
        }
        self.commands.push_back(Asked { what, verb, heard, is_doubted: false });
    }

    /// Of what the server said before this number some was lost. A client that had it when it asked asked behind it.
    pub(crate) fn lost(&mut self, until: u32) {
        for asked in &mut self.commands {
            asked.is_doubted |= asked.heard.is_none_or(|heard| distance(heard, until) > 0);
        }
    }

    /// The oldest that a reply with this code may answer; a preliminary one leaves it waiting.
    pub(crate) fn answered(&mut self, code: u16, fits: impl Fn(Option<Verb>) -> bool) -> Option<T> {
        let index = self.fitting(fits)?;
        let asked = self.settle(index, code)?;
        if !asked.verb.is_some_and(|verb| verb.row().urgent) {
            let mut at = 0..;
            self.commands.retain(|one| at.next() >= Some(index) || !one.is_doubted);
        }
        Some(asked.what)
    }

    fn fitting(&mut self, fits: impl Fn(Option<Verb>) -> bool) -> Option<usize> {
        let is_sure = |one: &Asked<T>| !one.is_doubted && fits(one.verb);
        if let Some(index) = self.commands.iter().position(is_sure) {
            return Some(index);
        }
        let mut doubted = self.commands.iter().enumerate().filter(|(_, one)| fits(one.verb));
        let (first, more) = (doubted.next(), doubted.next());
        if more.is_some() {
            self.commands.retain(|one| !one.is_doubted);
            return None;
        }
        first.map(|(index, _)| index)
    }

    /// Answers the oldest with what cannot be its reply, unless that may be another's that was lost.
    fn answered_amiss(&mut self, code: u16) -> Option<T> {
        let index = self.commands.iter().position(|one| !one.is_doubted)?;
        self.settle(index, code).map(|asked| asked.what)
    }

    /// The command in this place, which a final reply takes out.
    fn settle(&mut self, index: usize, code: u16) -> Option<Asked<T>> {
        match code {
            200.. => self.commands.remove(index),
            _ => self.commands.get(index).copied(),
        }
    }
}

/// The state of the dialogue on a control connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dialogue {
    waiting: Waiting<Option<Verb>>,
    /// The transfer command that no data connection serves yet.
    pub(crate) transfer: Option<Verb>,
}

impl Dialogue {
    /// A command went by; up to where its client had the server's bytes then, where packets tell.
    pub(crate) fn asked(&mut self, verb: Option<Verb>, heard: Option<u32>) {
        self.waiting.asked(verb, verb, heard);
        if verb.is_some_and(Verb::opens_transfer) {
            self.transfer = verb;
        }
    }

    /// Of what the server said before this number some was lost.
    pub(crate) fn lost(&mut self, until: u32) {
        self.waiting.lost(until);
    }

    /// The command that a reply answers: the oldest that may be answered so, since a few are answered
    /// while a transfer runs. A preliminary reply leaves it waiting.
    pub(crate) fn answered(&mut self, code: u16) -> Option<Verb> {
        let fits = |verb: Option<Verb>| verb.map_or(code >= 400, |verb| verb.row().allows(code));
        let known = self.waiting.answered(code, fits);
        let verb = known.or_else(|| self.waiting.answered_amiss(code)).flatten();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Commands, each with the number up to which its client had the replies.
    fn asked(commands: &[(Verb, u32)]) -> Dialogue {
        let mut dialogue = Dialogue::default();
        commands.iter().for_each(|(verb, heard)| dialogue.asked(Some(*verb), Some(*heard)));
        dialogue
    }

    #[test]
    fn behind_a_gap_a_reply_answers_the_command_that_was_asked_behind_it() {
        let mut dialogue = asked(&[(Verb::Type, 10), (Verb::Noop, 30)]);
        dialogue.lost(30);
        assert_eq!(dialogue.answered(200), Some(Verb::Noop));
        let mut dialogue = asked(&[(Verb::Type, u32::MAX - 3), (Verb::Noop, 5)]);
        dialogue.lost(5);
        assert_eq!(dialogue.answered(200), Some(Verb::Noop), "numbers wrap");
    }

    #[test]
    fn a_gap_that_has_taken_the_preliminary_reply_leaves_the_transfer_its_last() {
        let mut dialogue = asked(&[(Verb::Retr, 10), (Verb::Noop, 30)]);
        dialogue.lost(30);
        assert_eq!(dialogue.answered(200), Some(Verb::Noop), "which is answered amid a transfer");
        assert_eq!(dialogue.answered(226), Some(Verb::Retr));
    }

    #[test]
    fn where_a_gap_leaves_more_than_one_command_that_a_reply_may_answer_it_answers_none() {
        let mut dialogue = asked(&[(Verb::Epsv, 10), (Verb::Retr, 10), (Verb::Epsv, 10)]);
        dialogue.lost(30);
        assert_eq!(dialogue.answered(229), None);
        assert_eq!(dialogue.answered(226), None);
        dialogue.asked(Some(Verb::Retr), Some(50));
        assert_eq!(dialogue.answered(226), Some(Verb::Retr));
    }

    #[test]
    fn what_is_answered_behind_a_gap_was_asked_behind_what_the_gap_has_answered() {
        let mut dialogue = asked(&[(Verb::Epsv, 10), (Verb::Retr, 10)]);
        dialogue.lost(30);
        assert_eq!(dialogue.answered(150), Some(Verb::Retr));
        dialogue.asked(Some(Verb::Epsv), Some(40));
        assert_eq!(dialogue.answered(226), Some(Verb::Retr));
        assert_eq!(dialogue.waiting.commands.len(), 1, "the first has had its reply");
    }
}
