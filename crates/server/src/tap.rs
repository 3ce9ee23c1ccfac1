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

/// The tap that writes the log: refusals and ends at info, the rest at debug. Logins, transfers and changes of the tree
/// are told where they are done (`control/login.rs`, `deed.rs`), with who did them.
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
                    // 5yz of the syntax is noise; what was refused or went wrong is not.
                    421.. if !matches!(code, 500..=504) => {
                        tracing::info!(%session, code, text, "reply");
                    }
                    _ => tracing::debug!(%session, code, text, "reply"),
                }
            }
            What::Secured { conn: None, facts } => {
                let (version, cipher) = (&facts.version, &facts.cipher);
                tracing::info!(%session, %version, %cipher, "TLS");
            }
            What::Secured { conn: Some(conn), facts } => {
                tracing::debug!(%session, conn, version = %facts.version, facts.resumed, "TLS on data");
            }
            What::NotSecured { conn, why } => tracing::info!(%session, conn, %why, "no TLS"),
            What::ControlCleared => tracing::info!(%session, "TLS ends"),
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
            What::ControlClosed { how: HalfEnd::Fin | HalfEnd::Eof | HalfEnd::Cut, .. } => {
                tracing::info!(%session, "closed")
            }
            What::ControlClosed { how: HalfEnd::Reset, .. } => tracing::info!(%session, "broken"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::Mutex;
    use wharf_proto::Text;

    /// Where the log goes in a test.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a user may write: line breaks, escapes, NUL, signs that turn the writing, bytes that are no text.
    const HOSTILE: &[u8] = b"x\r\nforged line\x1b[2J\x00\xff\xe2\x80\xae\x7f\xc2\x9b%n{}$(id)\"";

    fn log(json: bool) -> String {
        let paper = Paper::default();
        let sheet = paper.clone();
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        let log = log.with_writer(move || sheet.clone());
        let (line, why) = (Text::from(HOSTILE), Text::from(HOSTILE));
        let tell = || {
            for what in [
                What::Command { verb: None, line: line.clone() },
                What::Reply { code: 550, lines: vec![line.clone()] },
                What::Reply { code: 200, lines: vec![line] },
                What::DataRefused { why },
            ] {
                let (session, at) = (SessionId(7), Moment::START);
                Log.event(&Event { session, at, teller: Party::Server, what });
            }
        };
        match json {
            true => tracing::subscriber::with_default(log.json().finish(), tell),
            false => tracing::subscriber::with_default(log.finish(), tell),
        }
        String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn s19_what_a_user_writes_is_one_line_of_the_log_and_steers_no_terminal() {
        for json in [false, true] {
            let log = log(json);
            assert_eq!(log.lines().count(), 4, "{log}");
            let steers = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            assert!(!log.contains(steers), "{log:?}");
            assert!(log.contains("%n{}$(id)") && log.contains("forged line"), "{log}");
        }
    }
}
