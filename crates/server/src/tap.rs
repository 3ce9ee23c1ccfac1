//! Taps: who listens to the events of sessions, and the log as one such listener.

use std::sync::Arc;
use std::time::Instant;
use wharf_proto::Moment;
use wharf_proto::tap::{Event, HalfEnd, Party, SessionId, What};

/// Whoever reads events. Called on the session's own task: it must not block.
pub trait Tap: Send + Sync {
    /// An event of one session; those of one session come in order.
    fn event(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> Tap for F {
    fn event(&self, event: &Event) {
        self(event);
    }
}

/// The way from one session to the taps.
#[derive(Clone)]
pub(crate) struct Teller {
    pub(crate) session: SessionId,
    pub(crate) origin: Instant,
    pub(crate) taps: Arc<[Arc<dyn Tap>]>,
}

impl Teller {
    pub(crate) fn is_heard(&self) -> bool {
        !self.taps.is_empty()
    }

    pub(crate) fn now(&self) -> Moment {
        Moment::after(self.origin.elapsed())
    }

    pub(crate) fn tell(&self, what: What) {
        if self.is_heard() {
            let event =
                Event { session: self.session, at: self.now(), teller: Party::Server, what };
            for tap in self.taps.iter() {
                tap.event(&event);
            }
        }
    }
}

/// The tap that writes the log: logins, transfers and ends at info, the rest at debug.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

impl Tap for Log {
    fn event(&self, event: &Event) {
        let session = event.session;
        match &event.what {
            What::ControlOpened { client, .. } => tracing::info!(%session, %client, "connected"),
            What::Command { line, .. } => tracing::debug!(%session, %line, "command"),
            What::Reply { code, lines } => {
                let text = lines.first().map(ToString::to_string).unwrap_or_default();
                match code {
                    226 | 230 | 250 | 421 | 425 | 426 | 451 | 452 | 530 | 550 | 553 => {
                        tracing::info!(%session, code, text, "reply");
                    }
                    _ => tracing::debug!(%session, code, text, "reply"),
                }
            }
            What::DataPlanned { listener, address } => {
                tracing::debug!(%session, ?listener, %address, "data connection planned");
            }
            What::DataOpened { conn, opener, client, server } => {
                tracing::debug!(%session, conn, ?opener, %client, %server, "data connection open");
            }
            What::DataRefused { why } => tracing::info!(%session, %why, "data connection refused"),
            What::DataEnded { conn, by, bytes, how } => {
                tracing::debug!(%session, conn, ?by, bytes, ?how, "data half ended");
            }
            What::TimerRanOut { timer } => tracing::info!(%session, %timer, "timer"),
            What::ControlClosed { how: HalfEnd::Fin | HalfEnd::Eof, .. } => {
                tracing::info!(%session, "closed")
            }
            What::ControlClosed { how: HalfEnd::Reset, .. } => tracing::info!(%session, "broken"),
            _ => {}
        }
    }
}
