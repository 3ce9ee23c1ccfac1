//! What becomes sessions, whatever a source gives: the segments of a capture, the events that an end has told, or the lines
//! of a log.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wharf_ladder::logs::{Form, Logs};
use wharf_ladder::sessions::{Session, Sessions};
use wharf_ladder::tap::Told;
use wharf_ladder::{Scene, Segment};
use wharf_proto::Moment;
use wharf_proto::tap::Event;

/// Something that a source gives.
pub(super) enum Heard<'a> {
    Segment(&'a Segment<'a>),
    Event(&'a Event),
    Line(&'a [u8]),
    /// Another run of who tells begins, which counts its sessions from the beginning.
    Again,
}

/// The sessions that a source is in the midst of; one thread may feed them while another looks.
pub(super) struct Gathering(Mutex<Kind>);

enum Kind {
    Captured(Box<Sessions>),
    Told(Told),
    Logged(Box<Logs>),
}

impl Gathering {
    pub(super) fn captured(sessions: Sessions) -> Self {
        Self(Mutex::new(Kind::Captured(Box::new(sessions))))
    }

    pub(super) fn told() -> Self {
        Self(Mutex::new(Kind::Told(Told::default())))
    }

    pub(super) fn logged(form: &'static Form) -> Self {
        Self(Mutex::new(Kind::Logged(Box::new(Logs::new(form)))))
    }

    pub(super) fn take(&self, heard: &Heard<'_>) {
        match (&mut *self.lock(), heard) {
            (Kind::Captured(sessions), Heard::Segment(segment)) => sessions.push(segment),
            (Kind::Told(told), Heard::Event(event)) => told.push(event),
            (Kind::Told(told), Heard::Again) => told.end_all(),
            (Kind::Logged(logs), Heard::Line(line)) => logs.push(line),
            // A source gives one of them.
            (Kind::Captured(_), Heard::Event(_) | Heard::Again | Heard::Line(_))
            | (Kind::Told(_), Heard::Segment(_) | Heard::Line(_))
            | (Kind::Logged(_), Heard::Segment(_) | Heard::Event(_) | Heard::Again) => {}
        }
    }

    /// The sessions that are over, by what came and by this moment, up to which nothing more has come.
    pub(super) fn over(&self, now: Option<Moment>) -> Vec<Vec<Session>> {
        let now = now.unwrap_or_default();
        match &mut *self.lock() {
            Kind::Captured(sessions) => {
                sessions.pass(now);
                sessions.take_finished()
            }
            Kind::Told(told) => {
                told.pass(now);
                told.take_finished()
            }
            // It says itself what is over.
            Kind::Logged(logs) => logs.take_finished(),
        }
    }

    /// All that are left, at the end.
    pub(super) fn finish(&self) -> Vec<Vec<Session>> {
        match &mut *self.lock() {
            Kind::Captured(sessions) => sessions.finish(),
            Kind::Told(told) => told.finish(),
            Kind::Logged(logs) => logs.finish(),
        }
    }

    /// Looks at the open sessions, `most` of them at most, of which `is_new` says that they are to be looked at by their number
    /// and how many rows they have.
    pub(super) fn look(
        &self,
        most: usize,
        mut is_new: impl FnMut(u64, usize) -> bool,
        mut look: impl FnMut(&Session, Scene),
    ) {
        let kind = self.lock();
        let told = match &*kind {
            Kind::Captured(sessions) => {
                let new = |session: &&Session| is_new(session.no, session.packets.rows().len());
                for session in sessions.open().filter(new).take(most) {
                    look(session, session.scene());
                }
                return;
            }
            Kind::Told(told) => told,
            Kind::Logged(logs) => logs.told(),
        };
        let new = told.open().filter(|(no, rows)| is_new(*no, *rows)).take(most);
        for session in new.filter_map(|(no, _)| told.look(no)) {
            look(&session, session.scene());
        }
    }

    /// When the first line of a log was written, where it says so.
    pub(super) fn origin(&self) -> Option<Duration> {
        if let Kind::Logged(logs) = &*self.lock() { logs.origin() } else { None }
    }

    /// What there is to say of the lines of a log.
    pub(super) fn remarks(&self) -> Vec<String> {
        let kind = self.lock();
        let Kind::Logged(logs) = &*kind else { return Vec::new() };
        let (count, form) = (logs.count(), logs.form());
        let (foreign, lines) = (count.foreign, count.lines);
        let passed = (foreign > 0).then(|| {
            format!("{foreign} of {lines} lines were passed over: they are none of {}", form.name)
        });
        let silent = (count.said == 0 && lines > 0)
            .then(|| format!("no command is in it; what is read is the log of {}", form.of));
        passed.into_iter().chain(silent).collect()
    }

    /// A thread that has failed has left whole sessions behind.
    fn lock(&self) -> MutexGuard<'_, Kind> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
