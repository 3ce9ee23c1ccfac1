//! The client's side of the tap: the one place that stamps events and hands them on.
//!
//! What the events mean is in `wharf_proto::tap`; what becomes of them is the listener's business.

use std::fmt;
use std::time::Instant;

use wharf_proto::Moment;
use wharf_proto::tap::{Event, Party, SessionId, What};

use crate::{Explain, Options, Tap};

/// Tells the tap, if there is one.
#[derive(Clone)]
pub(crate) struct Teller {
    tap: Option<Tap>,
    explain: Option<Explain>,
    session: SessionId,
    origin: Instant,
}

impl Teller {
    /// A teller for a session with these options.
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            tap: options.tap.clone(),
            explain: options.explain.clone(),
            session: options.session,
            origin: options.origin,
        }
    }

    /// Whether anybody listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.tap.is_some()
    }

    /// Says what was chosen and why, where somebody wants to know.
    pub(crate) fn explain(&self, what: fmt::Arguments<'_>) {
        if let Some(explain) = &self.explain {
            explain(&what.to_string());
        }
    }

    /// Tells what happened just now.
    pub(crate) fn tell(&self, what: What) {
        if let Some(tap) = &self.tap {
            let at = Moment::after(self.origin.elapsed());
            tap(Event { session: self.session, at, teller: Party::Client, what });
        }
    }
}
