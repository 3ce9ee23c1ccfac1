//! Random walks through the server machine.
//!
//! A walk is a list of [`Step`]s: bytes of the client, outcomes of effects, time. Whoever makes it up (a
//! property test, a fuzzer) needs no knowledge of the session: an outcome is a number, and the walk picks
//! one that the effect under way may have. [`walk`] plays it with a [`Watch`] beside the machine.

mod choice;

use std::sync::Arc;
use std::time::Duration;

use wharf_proto::Moment;
use wharf_proto::server::{Effect, EffectId, Ended, Outcome, Output, Policy, Session};

use crate::watch::Watch;

/// Something that happens to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes come from the client.
    Bytes(Vec<u8>),
    /// The effect under way, if there is one, comes to one of its outcomes.
    Outcome(u8),
    /// The transfer under way, if there is one, comes to one of its next outcomes.
    Transfer(u8),
    /// An outcome comes that nobody awaits any more.
    Stray(u8),
    /// Time goes by.
    Wait(Duration),
    /// The driver tells how many bytes a transfer has moved.
    Moved(u64),
    /// The client sends no more.
    InputEnd,
    /// The server shuts down.
    Shutdown,
}

impl Step {
    /// A well-formed line, or one that is nearly so: a verb of the table, an argument, a line end.
    pub fn line(verb: u8, argument: u8, end: u8) -> Self {
        Self::Bytes(choice::line(verb, argument, end))
    }

    /// One of the durations that make a difference.
    pub fn wait(choice: u8) -> Self {
        Self::Wait(choice::duration(choice))
    }

    /// The steps that a fuzzer's bytes stand for.
    pub fn decode(mut bytes: &[u8]) -> Vec<Self> {
        let mut steps = Vec::new();
        while let Some((tag, rest)) = bytes.split_first() {
            let (taken, step) = Self::decode_one(*tag, rest);
            steps.push(step);
            bytes = rest.get(taken..).unwrap_or_default();
        }
        steps
    }

    /// The step of a tag and what is behind it, with how many bytes of that it took.
    fn decode_one(tag: u8, rest: &[u8]) -> (usize, Self) {
        let at = |index: usize| rest.get(index).copied().unwrap_or_default();
        match tag % 16 {
            0..=5 => (3, Self::line(at(0), at(1), at(2))),
            6 | 7 => {
                let end = rest.len().min(1 + usize::from(at(0) % 80));
                (end.max(1), Self::Bytes(rest.get(1..end).unwrap_or_default().to_vec()))
            }
            8 | 9 => (1, Self::Outcome(at(0))),
            10 | 11 => (1, Self::Transfer(at(0))),
            12 => (1, Self::Stray(at(0))),
            13 => (1, Self::wait(at(0))),
            14 => (1, Self::Moved(u64::from(at(0)) << 10)),
            _ if at(0) % 4 == 0 => (1, Self::Shutdown),
            _ => (1, Self::InputEnd),
        }
    }
}

/// How the bytes of a step reach the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// As they are.
    Whole,
    /// One by one.
    Single,
    /// One by one, and only while the machine wants them; what it does not want yet waits.
    Wanted,
}

/// Plays steps in a session with narrow limits, then lets it end, and gives everything that the machine
/// has put out. `logged_in`: whether the session begins with a login.
pub fn walk(steps: &[Step], cut: Cut, logged_in: bool) -> Vec<Output> {
    let mut walk = Walk::new(cut);
    walk.session.handle_opened(walk.now);
    walk.drain();
    if logged_in {
        walk.step(&Step::Bytes(b"USER bob\r\nPASS secret\r\n".to_vec()));
        walk.step(&Step::Outcome(choice::WRITER));
    }
    for step in steps {
        walk.step(step);
    }
    walk.end();
    walk.outputs
}

/// Holds that a walk is the same, output for output, however its bytes are cut.
#[track_caller]
pub fn same_however_cut(steps: &[Step], logged_in: bool) {
    let whole = walk(steps, Cut::Whole, logged_in);
    let single = walk(steps, Cut::Single, logged_in);
    for (index, (one, other)) in whole.iter().zip(&single).enumerate() {
        assert_eq!(one, other, "output {index}, whole and byte by byte");
    }
    assert_eq!(whole.len(), single.len(), "one ends before the other");
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Preparing,
    Opening,
    Running,
}

struct Walk {
    session: Session,
    watch: Watch,
    policy: Arc<Policy>,
    cut: Cut,
    now: Moment,
    /// Bytes that the machine does not want yet.
    backlog: Vec<u8>,
    effect: Option<(EffectId, Effect)>,
    transfer: Option<(EffectId, Stage)>,
    input_ended: bool,
    outputs: Vec<Output>,
}

impl Walk {
    fn new(cut: Cut) -> Self {
        let policy = Arc::new(Policy {
            line_cap: 64,
            waiting_cap: 4,
            commands_before_login: 30,
            ..Policy::default()
        });
        let (client, server) = (([192, 0, 2, 7], 40000).into(), ([192, 0, 2, 1], 21).into());
        Self {
            session: Session::new(Arc::clone(&policy), client, server, true),
            watch: Watch::new(policy.line_cap),
            policy,
            cut,
            now: Moment::START,
            backlog: Vec::new(),
            effect: None,
            transfer: None,
            input_ended: false,
            outputs: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Bytes(_) if self.input_ended => {}
            Step::Bytes(bytes) => self.bytes(bytes),
            Step::Outcome(number) => self.end_effect(*number),
            Step::Transfer(number) => self.move_transfer(*number),
            Step::Stray(number) => self.stray(*number),
            Step::Wait(duration) => self.wait(*duration),
            Step::Moved(bytes) => self.session.handle_progress(*bytes),
            Step::InputEnd => {
                self.input_ended = true;
                self.watch.input_ended();
                self.session.handle_input_end(self.now);
            }
            Step::Shutdown => self.session.handle_shutdown(self.now),
        }
        self.drain();
        if self.cut == Cut::Wanted {
            self.hand_in_backlog();
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        match self.cut {
            Cut::Whole => self.hand_in(bytes),
            Cut::Single => bytes.chunks(1).for_each(|byte| self.hand_in(byte)),
            Cut::Wanted => self.backlog.extend_from_slice(bytes),
        }
    }

    fn hand_in(&mut self, bytes: &[u8]) {
        self.watch.sent(bytes);
        self.session.handle_bytes(self.now, bytes);
        self.drain();
    }

    /// What waits inside the machine is bounded when its wishes are heeded: the line that is carried
    /// out, the ABOR that breaks it off, and as many as the policy allows.
    fn hand_in_backlog(&mut self) {
        let backlog = std::mem::take(&mut self.backlog);
        let mut rest = backlog.as_slice();
        while let Some((byte, behind)) = rest.split_first()
            && self.session.wants_bytes()
        {
            self.hand_in(std::slice::from_ref(byte));
            let held = self.watch.outstanding();
            assert!(held <= self.policy.waiting_cap + 2, "{held} lines are held");
            rest = behind;
        }
        self.backlog = rest.to_vec();
    }

    fn end_effect(&mut self, number: u8) {
        let Some((id, effect)) = self.effect.take() else { return };
        self.hand_in_outcome(id, choice::outcome(&effect, number));
    }

    fn move_transfer(&mut self, number: u8) {
        let Some((id, stage)) = self.transfer else { return };
        let outcome = match stage {
            Stage::Preparing => choice::of_preparing(number),
            Stage::Opening => choice::of_opening(number),
            Stage::Running => choice::of_running(number),
        };
        self.transfer = match &outcome {
            Outcome::Ended(_) => None,
            Outcome::Prepared { open: false, .. } => Some((id, Stage::Opening)),
            _ => Some((id, Stage::Running)),
        };
        self.hand_in_outcome(id, outcome);
    }

    /// An outcome of a transfer that is long over, or of an effect that there never was.
    fn stray(&mut self, number: u8) {
        let of_transfer = self.transfer.map(|(id, _)| id);
        let of_effect = self.effect.as_ref().map(|(id, _)| *id);
        let id = EffectId::from(number);
        if Some(id) != of_transfer && Some(id) != of_effect {
            self.hand_in_outcome(id, choice::of_running(number));
            self.hand_in_outcome(id, Outcome::Done);
        }
    }

    fn hand_in_outcome(&mut self, id: EffectId, outcome: Outcome) {
        self.watch.outcome(id, &outcome);
        self.session.handle_outcome(self.now, id, outcome);
        self.drain();
    }

    fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(deadline) = self.session.deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.session.handle_timeout(self.now);
            self.drain();
            assert_ne!(self.session.deadline(), Some(deadline), "a deadline that does not go away");
        }
        self.now = until;
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            self.watch.output(&output);
            match &output {
                Output::Do(id, Effect::Transfer(_)) => {
                    self.transfer = Some((*id, Stage::Preparing))
                }
                Output::Do(_, Effect::CloseData) => {}
                Output::Do(id, effect) => self.effect = Some((*id, effect.clone())),
                Output::Cancel(id) => {
                    self.transfer.take_if(|transfer| transfer.0 == *id);
                }
                Output::Send(_) | Output::Tap(_) | Output::Close => {}
            }
            self.outputs.push(output);
        }
        self.watch.settled();
    }

    /// The client goes away and all that is under way comes to its end: then the session is over.
    fn end(&mut self) {
        self.step(&Step::InputEnd);
        for _ in 0..1000 {
            if self.watch.is_closed() {
                return;
            }
            self.end_effect(choice::WRITER);
            if let Some((id, _)) = self.transfer.take() {
                let ended = Ended::NotOpened("the client is gone".into());
                self.hand_in_outcome(id, Outcome::Ended(ended));
            }
        }
        panic!("the session does not end: {:?}", self.watch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::one_reply;
    use std::collections::BTreeSet;

    /// Numbers without a pattern, the same every time.
    fn noise(count: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[1]
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn random_walks_reach_every_stage_of_a_session() {
        let (mut codes, mut cancelled) = (BTreeSet::new(), false);
        for bytes in noise(400_000).chunks(400) {
            let steps: Vec<Step> = Step::decode(bytes)
                .into_iter()
                .filter(|step| !matches!(step, Step::InputEnd | Step::Shutdown))
                .collect();
            for output in walk(&steps, Cut::Whole, true) {
                match output {
                    Output::Send(bytes) if bytes[0] != 0xff => {
                        codes.insert(one_reply(&bytes).code.value());
                    }
                    Output::Cancel(_) => cancelled = true,
                    Output::Send(_) | Output::Do(..) | Output::Tap(_) | Output::Close => {}
                }
            }
        }
        assert!(cancelled);
        let all = [
            125, 150, 200, 202, 211, 212, 213, 214, 215, 220, 221, 226, 227, 229, 230, 250, 257,
            331, 350, 421, 425, 426, 450, 451, 452, 500, 501, 502, 503, 504, 522, 530, 550, 553,
            554,
        ];
        let missing: Vec<u16> = all.into_iter().filter(|code| !codes.contains(code)).collect();
        assert_eq!(missing, [], "codes that no walk has met");
    }
}
