//! What the transfers of a session came to, in numbers: how long each took to begin and to be over, how fast it went, and what
//! stood in its way on the wire.
//!
//! It measures; it does not judge. What a source could not see is not there: a tap knows neither segments nor windows, and a log
//! knows bytes at most. Times are those of whoever told: beside a capture they are as exact as its clock.

use crate::case::{Case, Exchange, code};
use crate::conn::{Conn, Side};
use crate::dialogue;
use crate::row::Channel;
use crate::sessions::Session;
use std::cmp::Ordering;
use std::time::Duration;
use wharf_proto::tap::Party;
use wharf_proto::{Lang, Moment, Verb};

/// The numbers of a session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// From a SYN to the third packet of a handshake, on the control connection: there and back, wherever it was captured.
    pub round_trip: Option<Duration>,
    /// From the first packet to the greeting.
    pub greeted: Option<Duration>,
    /// From the first packet to the reply that says that somebody is logged in.
    pub logged_in: Option<Duration>,
    /// The longest time that a reply was waited for, its verb, and the row of the command. Transfers are not among them.
    pub longest: Option<(Duration, Verb, u32)>,
    /// Segments of the control connection that were sent again.
    pub again: u32,
    /// Its data connections, in the order in which they came.
    pub transfers: Vec<Transfer>,
}

/// The numbers of a data connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    /// Which data connection of the session it is.
    pub conn: u32,
    /// The command that it serves, the last of them where there are several.
    pub verb: Option<Verb>,
    /// Its first row.
    pub row: u32,
    /// Who sent most on it.
    pub by: Party,
    /// How many bytes of the transfer that side sent: inside TLS, where that could be opened.
    pub bytes: u64,
    /// The final reply.
    pub code: Option<u16>,
    /// From its SYN to the third packet of its handshake.
    pub round_trip: Option<Duration>,
    /// From the command to the first byte.
    pub waited: Option<Duration>,
    /// From the first byte to the last.
    pub took: Option<Duration>,
    /// Segments with bytes that were not there before, where packets were seen.
    pub segments: Option<u32>,
    /// Segments that were sent again.
    pub again: u32,
    /// Bytes that were sent and not captured.
    pub missing: u64,
    /// The least and the most that the other side said it takes, in bytes.
    pub window: Option<(u64, u64)>,
    /// The longest time for which the other side took nothing.
    pub shut: Duration,
    /// Whether TLS resumed an earlier session, where it has TLS.
    pub resumed: Option<bool>,
}

impl Session {
    /// Its numbers.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let end = self.until.max(self.packets.last_seen());
        Statistics::of(&self.packets.case(end, self.before, !self.partners.is_empty()))
    }
}

impl Statistics {
    /// The numbers of a session as the findings read it.
    #[must_use]
    pub fn of(case: &Case<'_>) -> Self {
        let begun = case.control.filter(|conn| conn.opener.is_some()).map(|conn| conn.begun);
        let since_begun = |at: Option<Moment>| Some(at?.since(begun?));
        let greeting = case.exchanges.first().filter(|one| one.verb.is_none());
        let greeting = greeting.and_then(|one| one.replies.first());
        let login = case
            .of([Verb::User, Verb::Pass, Verb::Acct])
            .find_map(|one| one.last().filter(|row| matches!(code(row), 230 | 232 | 202)));
        let waits = case.exchanges.iter().filter_map(wait);
        Self {
            round_trip: case.control.and_then(round_trip),
            greeted: since_begun(greeting.and_then(|row| row.at)),
            logged_in: since_begun(login.and_then(|row| row.at)),
            longest: waits.max_by_key(|(wait, ..)| *wait),
            again: case.control.map_or(0, |conn| conn.client.again + conn.server.again),
            transfers: case.data.iter().filter_map(|conn| Transfer::of(case, conn)).collect(),
        }
    }

    /// The numbers in words: a line for the session, where something is known of it, and one for each data connection.
    #[must_use]
    pub fn lines(&self, lang: Lang) -> Vec<String> {
        let mut parts = Vec::new();
        let mut add = |en: &str, ja: &str, what: Option<Duration>| {
            parts.extend(what.map(|what| format!("{} {}", lang.of(en, ja), span(what))));
        };
        add("round trip", "往復", self.round_trip);
        add("greeted after", "挨拶まで", self.greeted);
        add("logged in after", "ログインまで", self.logged_in);
        if let Some((wait, verb, row)) = self.longest {
            let wait = span(wait);
            parts.push(match lang {
                Lang::En => format!("longest wait {wait} ({verb}, row {row})"),
                Lang::Ja => format!("最長の待ち {wait}（{verb}、行 {row}）"),
            });
        }
        parts.extend(again(self.again, None, lang));
        let control = lang.of("Control connection", "コントロールコネクション");
        let control = (!parts.is_empty()).then(|| joined(control, &parts, lang));
        control.into_iter().chain(self.transfers.iter().map(|one| one.line(lang))).collect()
    }
}

impl Transfer {
    fn of(case: &Case<'_>, conn: &Conn) -> Option<Self> {
        let Channel::Data(no) = conn.channel else { return None };
        let by = sender(conn);
        let (side, other) = (conn.side(by), conn.side(by.other()));
        let exchange = case.transfer_of(conn);
        let asked = exchange.and_then(Exchange::asked);
        let captured = case.setting.captured;
        let (first, last) = side.spoke.unzip();
        Some(Self {
            conn: no,
            verb: conn.verb,
            row: conn.rows.0,
            by,
            bytes: conn.carried(by),
            code: exchange.and_then(Exchange::last).map(code),
            round_trip: round_trip(conn),
            // What an end tells of a connection, it tells when that is over.
            waited: first.zip(asked).map(|(first, asked)| first.since(asked)).filter(|_| captured),
            took: first.zip(last).map(|(first, last)| last.since(first)),
            segments: captured.then_some(side.segments),
            again: side.again,
            missing: side.missing,
            window: window(conn, other),
            shut: other.full,
            resumed: conn.is_resumed(),
        })
    }

    /// Bytes a second, where it took long enough to tell.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let took = self.took?.as_secs_f64();
        (took >= 0.001).then(|| self.bytes as f64 / took)
    }

    /// The numbers in words.
    #[must_use]
    pub fn line(&self, lang: Lang) -> String {
        let verb = self.verb.map(|verb| format!(" {verb}")).unwrap_or_default();
        let head = match lang {
            Lang::En => format!("Data connection {}{verb}", self.conn),
            Lang::Ja => format!("データコネクション {}{verb}", self.conn),
        };
        let bytes = format!("{} {}", self.bytes, lang.of("B", "バイト"));
        let mut parts = vec![match self.took.map(span) {
            Some(took) => lang.of(format!("{bytes} in {took}"), format!("{took} で {bytes}")),
            None => bytes,
        }];
        parts.extend(self.rate().map(rate));
        let mut add = |en: &str, ja: &str, what: Option<Duration>| {
            parts.extend(what.map(|what| format!("{} {}", lang.of(en, ja), span(what))));
        };
        add("round trip", "往復", self.round_trip);
        add("first byte after", "最初のバイトまで", self.waited);
        parts.extend(self.segments.filter(|segments| *segments > 0).map(|segments| match lang {
            Lang::En => format!("{segments} segment{}", if segments == 1 { "" } else { "s" }),
            Lang::Ja => format!("セグメント {segments} 個"),
        }));
        parts.extend(again(self.again, self.segments, lang));
        parts.extend((self.missing > 0).then(|| match lang {
            Lang::En => format!("{} B not captured", self.missing),
            Lang::Ja => format!("{} バイトはキャプチャーされていない", self.missing),
        }));
        parts.extend(self.window.map(|(least, most)| match lang {
            Lang::En => format!("window {least} to {most} B"),
            Lang::Ja => format!("ウィンドウ {least}～{most} バイト"),
        }));
        parts.extend((!self.shut.is_zero()).then(|| {
            let shut = span(self.shut);
            lang.of(format!("shut for {shut}"), format!("閉じていた時間 {shut}"))
        }));
        parts.extend(self.resumed.map(|resumed| {
            let resumed = match resumed {
                true => lang.of("TLS session resumed", "TLS セッションを再開"),
                false => lang.of("TLS session of its own", "TLS セッションは新規"),
            };
            resumed.to_owned()
        }));
        joined(&head, &parts, lang)
    }
}

/// `head: a, b, c`.
fn joined(head: &str, parts: &[String], lang: Lang) -> String {
    format!("{head}{}{}", lang.of(": ", "："), parts.join(lang.of(", ", "、")))
}

/// Who sent the file or listing: whose payload is more, or who by its verb does where that is not known. The bytes of TLS
/// itself say nothing: of a short file its handshake is the longer part, and most of that is the client's.
fn sender(conn: &Conn) -> Party {
    let payload = |side: &Side| match &conn.tls {
        Some(_) => side.inside.unwrap_or(0),
        None => side.bytes,
    };
    match payload(&conn.client).cmp(&payload(&conn.server)) {
        Ordering::Greater => Party::Client,
        Ordering::Less => Party::Server,
        Ordering::Equal => dialogue::sender(conn.verb),
    }
}

/// How long a command waited for its last reply.
fn wait(one: &Exchange<'_>) -> Option<(Duration, Verb, u32)> {
    let (verb, command) = (one.verb?, one.command?);
    let reply = one.last().filter(|_| !verb.opens_transfer())?;
    Some((reply.at?.since(command.at?), verb, command.no))
}

/// There and back: the handshake is that, wherever between the ends it was captured.
fn round_trip(conn: &Conn) -> Option<Duration> {
    (conn.syns == 1).then(|| conn.settled.map(|settled| settled.since(conn.begun)))?
}

/// The least and the most that a side said it takes, in bytes: both have to say how they scale, or neither does.
fn window(conn: &Conn, side: &Side) -> Option<(u64, u64)> {
    conn.granted.filter(|_| conn.syns > 0)?;
    let (least, most) = side.window?;
    let shift = match (conn.client.scale, conn.server.scale) {
        (Some(_), Some(_)) => side.scale.unwrap_or(0),
        _ => 0,
    };
    Some((u64::from(least) << shift, u64::from(most) << shift))
}

/// `3 sent again (0.4 %)`.
fn again(again: u32, of: Option<u32>, lang: Lang) -> Option<String> {
    let share = of.filter(|of| *of > 0).map(|of| {
        let share = f64::from(again) * 100.0 / (f64::from(of) + f64::from(again));
        lang.of(format!(" ({share:.1} %)"), format!("（{share:.1} %）"))
    });
    let share = share.unwrap_or_default();
    (again > 0).then(|| match lang {
        Lang::En => format!("{again} sent again{share}"),
        Lang::Ja => format!("再送 {again} 個{share}"),
    })
}

/// A length of time with as many digits as say something: `0.15 ms`, `12.1 ms`, `3.214 s`.
pub(crate) fn span(time: Duration) -> String {
    match time.as_secs() {
        0 if time < Duration::from_millis(1) => format!("{:.2} ms", time.as_secs_f64() * 1000.0),
        0 => format!("{:.1} ms", time.as_secs_f64() * 1000.0),
        _ => format!("{:.3} s", time.as_secs_f64()),
    }
}

/// `2.0 MiB/s`.
fn rate(bytes: f64) -> String {
    let units = [("GiB/s", 30), ("MiB/s", 20), ("KiB/s", 10)];
    let unit = units.into_iter().find(|(_, shift)| bytes >= f64::from(1u32 << shift));
    match unit {
        Some((unit, shift)) => format!("{:.1} {unit}", bytes / f64::from(1u32 << shift)),
        None => format!("{bytes:.0} B/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_rates_have_the_digits_that_say_something() {
        assert_eq!(span(Duration::from_micros(150)), "0.15 ms");
        assert_eq!(span(Duration::from_micros(12_140)), "12.1 ms");
        assert_eq!(span(Duration::from_millis(3_214)), "3.214 s");
        assert_eq!(rate(900.0), "900 B/s");
        assert_eq!(rate(2.0 * 1_048_576.0), "2.0 MiB/s");
    }

    #[test]
    fn what_was_sent_again_is_counted_against_all_that_was_sent() {
        assert_eq!(again(0, Some(5), Lang::En), None);
        assert_eq!(again(1, Some(99), Lang::En).unwrap(), "1 sent again (1.0 %)");
        assert_eq!(again(2, None, Lang::Ja).unwrap(), "再送 2 個");
    }
}
