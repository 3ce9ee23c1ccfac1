//! What a session came to, in one line.
//!
//! It counts; it does not judge why something failed.

use std::time::Duration;
use wharf_proto::tap::{Event, HalfEnd, Party, What};
use wharf_proto::{Lang, Moment};

/// Transfers, bytes, duration, and how the session ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Transfers that a final reply called complete.
    pub transfers: u32,
    /// Transfer commands that were refused or broke off.
    pub failed: u32,
    /// Bytes on data connections from the server to the client.
    pub to_client: u64,
    /// Bytes on data connections from the client to the server.
    pub to_server: u64,
    /// How it ended.
    pub ending: Ending,
    /// What was said went under TLS that could not be opened: nobody knows of transfers, nor whether there was a 221.
    pub is_sealed: bool,
    /// No data connection was captured although there were transfers: nobody knows what moved.
    pub is_blind: bool,
    span: Option<(Moment, Moment)>,
    said_goodbye: bool,
    untimed: bool,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// It has not.
    #[default]
    Open,
    /// With 221 and FIN.
    InOrder,
    /// With FIN, but without 221.
    WithoutGoodbye,
    /// With FIN, whether with 221 is not known; or nobody says how.
    Closed,
    /// With RST.
    Reset,
    /// It has, or will: who told of it did not say how.
    Untold,
}

impl Summary {
    /// Counts an event in.
    pub(crate) fn count(&mut self, event: &Event) {
        self.reached(event.at);
        match &event.what {
            What::DataEnded { by, bytes, .. } => self.moved(*by, *bytes),
            What::Reply { code, .. } => self.answered(*code),
            What::ControlClosed { how, .. } => self.closed(*how),
            _ => {}
        }
    }

    /// Something happened at this moment.
    pub(crate) fn reached(&mut self, at: Moment) {
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
    }

    /// When the first event was and when the last, by their own stamps; none where these say nothing.
    #[must_use]
    pub fn span(&self) -> Option<(Moment, Moment)> {
        self.span.filter(|_| !self.untimed)
    }

    /// From the first event to the last.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.span().map_or(Duration::ZERO, |(first, last)| last.since(first))
    }

    /// One side sent bytes on a data connection.
    pub(crate) fn moved(&mut self, by: Party, bytes: u64) {
        let total = match by {
            Party::Client => &mut self.to_server,
            Party::Server => &mut self.to_client,
        };
        *total = total.saturating_add(bytes);
    }

    /// A reply went by.
    pub(crate) fn answered(&mut self, code: u16) {
        self.said_goodbye |= code == 221;
    }

    /// The control connection was closed.
    pub(crate) fn closed(&mut self, how: HalfEnd) {
        self.ending = match (how, self.said_goodbye) {
            (HalfEnd::Reset, _) => Ending::Reset,
            (HalfEnd::Fin | HalfEnd::Eof | HalfEnd::Cut, true) => Ending::InOrder,
            (HalfEnd::Fin | HalfEnd::Eof | HalfEnd::Cut, false) if self.is_sealed => Ending::Closed,
            (HalfEnd::Fin | HalfEnd::Eof | HalfEnd::Cut, false) => Ending::WithoutGoodbye,
        };
    }

    /// Who tells of it says when things happened, or not.
    pub(crate) fn is_timed(&mut self, is_timed: bool) {
        self.untimed = !is_timed;
    }

    /// Who told of it has said all.
    pub(crate) fn is_given_away(&mut self) {
        if self.is_open() {
            self.ending = Ending::Untold;
        }
    }

    /// The control connection has ended somehow.
    pub(crate) fn has_ended(&mut self) {
        if self.is_open() {
            self.ending = Ending::Closed;
        }
    }

    /// Whether the control connection has not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.ending == Ending::Open
    }

    /// Counts the end of a transfer in.
    pub(crate) fn transfer_ended(&mut self, complete: bool) {
        let total = if complete { &mut self.transfers } else { &mut self.failed };
        *total = total.saturating_add(1);
    }

    /// The closing line; `times` says whether it tells how long the session took.
    ///
    /// ```
    /// use wharf_ladder::{Lang, Summary};
    /// let summary = Summary::default();
    /// assert_eq!(summary.line(Lang::En, false), "0 transfers, 0 B, still open");
    /// assert_eq!(summary.line(Lang::Ja, false), "転送 0 件、0 バイト、継続中");
    /// ```
    #[must_use]
    pub fn line(&self, lang: Lang, times: bool) -> String {
        let Self { transfers, failed, .. } = self;
        let bytes = self.to_client.saturating_add(self.to_server);
        let seconds = self.duration().as_secs_f64();
        let ending = self.ending.words(lang);
        let times = times && !self.untimed;
        let mut parts = Vec::with_capacity(5);
        match lang {
            Lang::En => {
                let plural = if *transfers == 1 { "" } else { "s" };
                parts.push(match self.is_sealed {
                    true => "transfers not known".to_owned(),
                    false => format!("{transfers} transfer{plural}"),
                });
                parts.extend((*failed > 0).then(|| format!("{failed} failed")));
                parts.push(match self.is_blind {
                    true => "bytes not captured".to_owned(),
                    false => format!("{bytes} B"),
                });
                parts.extend(times.then(|| format!("{seconds:.3} s")));
                parts.push(ending.to_owned());
                parts.join(", ")
            }
            Lang::Ja => {
                parts.push(match self.is_sealed {
                    true => "転送数は不明".to_owned(),
                    false => format!("転送 {transfers} 件"),
                });
                parts.extend((*failed > 0).then(|| format!("失敗 {failed} 件")));
                parts.push(match self.is_blind {
                    true => "バイト数は不明".to_owned(),
                    false => format!("{bytes} バイト"),
                });
                parts.extend(times.then(|| format!("{seconds:.3} 秒")));
                parts.push(ending.to_owned());
                parts.join("、")
            }
        }
    }
}

impl Ending {
    /// In words.
    #[must_use]
    pub fn words(self, lang: Lang) -> &'static str {
        let (en, ja) = match self {
            Self::Open => ("still open", "継続中"),
            Self::InOrder => ("ended in order", "正常に終了"),
            Self::WithoutGoodbye => ("closed without 221", "221 なしに終了"),
            Self::Closed => ("closed", "終了"),
            Self::Reset => ("broken off (RST)", "強制切断（RST）で終了"),
            Self::Untold => ("its end was not logged", "終わりは記録にない"),
        };
        lang.of(en, ja)
    }
}
