//! The client machine and the server machine, with a wire between them and a clock that a test moves.
//!
//! Bytes take the wire's latency in each direction, whole or one by one; deadlines come when they are due
//! on the way; effects are carried out by a [`World`]. A [`Watch`] sees all that the server does. It does
//! not know data connections: their bytes go through the world.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use wharf_proto::client::{Answer, Asked, Client, Output as ClientOutput, SendError};
use wharf_proto::reply::ReplyError;
use wharf_proto::server::{Effect, EffectId, Outcome, Output, Policy, Session};
use wharf_proto::tap::What;
use wharf_proto::{Command, Moment};

use crate::watch::Watch;
use crate::world::World;

/// Two machines in a world.
#[derive(Debug)]
pub struct Pair {
    /// The client.
    pub client: Client,
    /// What the server acts in.
    pub world: World,
    /// How long bytes take from one end to the other.
    pub latency: Duration,
    /// Whether bytes arrive one by one.
    pub one_by_one: bool,
    /// Whether outcomes of effects wait for [`Pair::release`].
    pub slow: bool,
    /// All answers that the client has had.
    pub answers: Vec<Answer>,
    /// All effects that the server has asked for.
    pub effects: Vec<Effect>,
    /// What the server's tap has been told.
    pub taps: Vec<What>,
    /// What the client could not read.
    pub broken: Option<ReplyError>,
    session: Session,
    watch: Watch,
    now: Moment,
    up: Wire,
    down: Wire,
    outcomes: VecDeque<(EffectId, Outcome)>,
}

/// One direction of the control connection.
#[derive(Debug, Default)]
struct Wire {
    segments: VecDeque<(Moment, Segment)>,
}

#[derive(Debug)]
enum Segment {
    Bytes(Vec<u8>),
    End,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Up,
    Down,
    Deadline,
}

impl Pair {
    /// A connection that has just been opened, and the greeting on its way.
    pub fn new(world: World) -> Self {
        Self::with_policy(world, Policy::default())
    }

    /// The same under a policy of the test's own.
    pub fn with_policy(world: World, policy: Policy) -> Self {
        let (client, server) = (([192, 0, 2, 7], 40000).into(), ([192, 0, 2, 1], 21).into());
        let watch = Watch::new(policy.line_cap);
        let mut session = Session::new(Arc::new(policy), client, server, true);
        session.handle_opened(Moment::START);
        Self {
            client: Client::new(false),
            world,
            latency: Duration::ZERO,
            one_by_one: false,
            slow: false,
            answers: Vec::new(),
            effects: Vec::new(),
            taps: Vec::new(),
            broken: None,
            session,
            watch,
            now: Moment::START,
            up: Wire::default(),
            down: Wire::default(),
            outcomes: VecDeque::new(),
        }
    }

    /// The client sends a command, if its turn has come; it is on the wire then.
    ///
    /// # Errors
    /// Those of the client machine.
    #[track_caller]
    pub fn send(&mut self, line: &str) -> Result<(), SendError> {
        match Command::parse(line.as_bytes()) {
            Ok(command) => self.client.send(&command)?,
            Err(error) => panic!("{line}: {error}"),
        }
        self.drain();
        Ok(())
    }

    /// The client sends a command, and what comes in answer to anything is given by its codes.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> Vec<u16> {
        self.settle();
        let before = self.answers.len();
        if let Err(error) = self.send(line) {
            panic!("{line}: {error}");
        }
        self.settle();
        self.answers[before..].iter().map(|answer| answer.reply.code.value()).collect()
    }

    /// USER and PASS.
    #[track_caller]
    pub fn log_in(&mut self, name: &str, password: &str) {
        assert_eq!(self.ask(&format!("USER {name}")), [331]);
        assert_eq!(self.ask(&format!("PASS {password}")), [230]);
    }

    /// Puts bytes on the wire that the client machine knows nothing of.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.up.push(self.now + self.latency, Segment::Bytes(bytes.to_vec()));
    }

    /// Runs until nothing is on the wire that can arrive. Time goes by only as far as that takes.
    pub fn settle(&mut self) {
        loop {
            self.drain();
            let Some((due, _)) = self.next_on_wire() else { break };
            self.run_until(due);
        }
    }

    /// Lets time go by; what is due on the way happens when it is due.
    pub fn wait(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// What has come of effects reaches the server, after [`Pair::slow`] has held it back.
    pub fn release(&mut self) {
        self.slow = false;
        self.settle();
    }

    /// The client ends its half of the connection.
    pub fn end_input(&mut self) {
        self.up.push(self.now + self.latency, Segment::End);
        self.settle();
    }

    /// The connection dies: what is on the wire is lost, and the server is told so.
    pub fn cut(&mut self) {
        self.drain();
        (self.up, self.down) = (Wire::default(), Wire::default());
        self.up.push(self.now, Segment::End);
        self.settle();
    }

    /// The server shuts down.
    pub fn shut_down(&mut self) {
        self.session.handle_shutdown(self.now);
        self.settle();
    }

    /// The data connection of the transfer under way opens.
    #[track_caller]
    pub fn open_data(&mut self) {
        let (id, outcomes) = self.world.open_data();
        self.outcomes.extend(outcomes.into_iter().map(|outcome| (id, outcome)));
        self.drain();
    }

    /// The transfer under way is complete; the reply is on its way.
    #[track_caller]
    pub fn complete(&mut self) {
        let outcome = self.world.complete();
        self.outcomes.push_back(outcome);
        self.drain();
    }

    /// The data connection of the transfer under way breaks; the reply is on its way.
    #[track_caller]
    pub fn break_off(&mut self, why: &str) {
        let outcome = self.world.break_off(why);
        self.outcomes.push_back(outcome);
        self.drain();
    }

    /// What time it is.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// Whether the server has closed the session.
    pub fn is_closed(&self) -> bool {
        self.watch.is_closed()
    }

    /// The last answers, as what they answer and their codes.
    #[track_caller]
    pub fn last_answers(&self, count: usize) -> Vec<(Asked, u16)> {
        let from = self.answers.len().checked_sub(count);
        let last = from.and_then(|from| self.answers.get(from..));
        let Some(last) = last else { panic!("fewer than {count} answers") };
        last.iter().map(|answer| (answer.to, answer.reply.code.value())).collect()
    }

    fn run_until(&mut self, until: Moment) {
        loop {
            self.drain();
            let deadline = self.session.deadline().map(|deadline| (deadline, Next::Deadline));
            let next = self.next_on_wire().into_iter().chain(deadline).min_by_key(|(due, _)| *due);
            let Some((due, next)) = next.filter(|(due, _)| *due <= until) else { break };
            self.now = self.now.max(due);
            match next {
                Next::Up => self.arrive_at_server(),
                Next::Down => self.arrive_at_client(),
                Next::Deadline => {
                    self.session.handle_timeout(self.now);
                    assert_ne!(self.session.deadline(), Some(due), "a deadline stays");
                }
            }
        }
        self.now = until.max(self.now);
    }

    /// What arrives next. What the server does not want yet stays on the wire.
    fn next_on_wire(&self) -> Option<(Moment, Next)> {
        let wanted = self.session.wants_bytes() || self.is_closed();
        let up = self.up.due().filter(|_| wanted).map(|due| (due, Next::Up));
        let down = self.down.due().map(|due| (due, Next::Down));
        up.into_iter().chain(down).min_by_key(|(due, _)| *due)
    }

    fn arrive_at_server(&mut self) {
        match self.up.take() {
            Some(Segment::Bytes(bytes)) => {
                let size = if self.one_by_one { 1 } else { bytes.len().max(1) };
                for chunk in bytes.chunks(size) {
                    self.watch.sent(chunk);
                    self.session.handle_bytes(self.now, chunk);
                    self.drain();
                }
            }
            Some(Segment::End) => {
                self.watch.input_ended();
                self.session.handle_input_end(self.now);
            }
            None => {}
        }
    }

    fn arrive_at_client(&mut self) {
        if let Some(Segment::Bytes(bytes)) = self.down.take() {
            let size = if self.one_by_one { 1 } else { bytes.len().max(1) };
            bytes.chunks(size).for_each(|chunk| self.client.handle_bytes(chunk));
        }
    }

    /// Takes what the machines put out until there is no more.
    fn drain(&mut self) {
        loop {
            while let Some(output) = self.session.poll_output() {
                self.take_server_output(output);
            }
            while let Some(output) = self.client.poll_output() {
                self.take_client_output(output);
            }
            if self.slow {
                break;
            }
            let Some((id, outcome)) = self.outcomes.pop_front() else { break };
            self.watch.outcome(id, &outcome);
            self.session.handle_outcome(self.now, id, outcome);
        }
        self.watch.settled();
    }

    fn take_server_output(&mut self, output: Output) {
        self.watch.output(&output);
        match output {
            Output::Send(bytes) => self.down.push(self.now + self.latency, Segment::Bytes(bytes)),
            Output::Do(id, effect) => {
                let outcomes = self.world.carry_out(id, &effect);
                self.outcomes.extend(outcomes.into_iter().map(|outcome| (id, outcome)));
                self.effects.push(effect);
            }
            Output::Cancel(id) => self.world.cancel(id),
            Output::Tap(what) => self.taps.push(what),
            Output::Close => {
                self.world.close();
                self.down.push(self.now + self.latency, Segment::End);
            }
        }
    }

    fn take_client_output(&mut self, output: ClientOutput) {
        match output {
            ClientOutput::Send(bytes) => {
                self.up.push(self.now + self.latency, Segment::Bytes(bytes));
            }
            ClientOutput::Reply(answer) => self.answers.push(answer),
            ClientOutput::Tap(_) => {}
            ClientOutput::Broken(error) => self.broken = Some(error),
        }
    }
}

impl Wire {
    fn push(&mut self, due: Moment, segment: Segment) {
        self.segments.push_back((due, segment));
    }

    fn due(&self) -> Option<Moment> {
        self.segments.front().map(|(due, _)| *due)
    }

    fn take(&mut self) -> Option<Segment> {
        self.segments.pop_front().map(|(_, segment)| segment)
    }
}
