//! What stands on the arrows: the words of a row, the same whether the tap told it or packets showed it.
//!
//! Bytes of a peer stay as they came; escaping them is the renderers' business, and translating nobody's.

use crate::more::More;
use crate::row::{Channel, Packet, Remark, Row};
use crate::tls::SEALED;
use std::borrow::Cow;
use wharf_proto::tap::{HalfEnd, Timer};
use wharf_proto::{Lang, Text, Verb};

/// Bytes of a label kept at most.
const MAX_LABEL: usize = 1024;

/// Stands behind the words of a segment that was sent before.
pub(crate) const AGAIN: &str = " again";

/// Stands for what of a line is not captured, and for what of a label is not kept.
pub(crate) const CUT: &str = "…";
/// What stands before why a data connection was turned away.
pub(crate) const DATA_REFUSED: &str = "data refused: ";
/// What stands before why TLS could not be begun.
pub(crate) const NO_TLS: &str = "no TLS: ";
/// Stands behind the number of bytes of which the capture has not kept all.
pub(crate) const CUT_SHORT: &str = ", cut in the capture";
/// Stands behind the number of bytes before which others are missing.
pub(crate) const AHEAD: &str = ", ahead of a gap";
/// Stands behind the number of bytes that are a record of TLS, where none was expected.
pub(crate) const A_RECORD: &str = ", a record of TLS";
/// Stands behind the number of bytes that complete no command, and no reply.
pub(crate) const PART: [&str; 2] = [", part of a command", ", part of a reply"];
/// Stands behind the number of bytes that complete no record.
const PART_OF_RECORD: &str = ", part of a TLS record";
/// Stands behind the number of bytes that cannot be read.
const ENCRYPTED: &str = ", encrypted";

/// Stands behind the number of bytes of records that a transfer had.
const OF_RECORDS: &str = " B of records";
/// Stands behind the number of bytes that were sent and not captured.
const NOT_CAPTURED: &str = " B not captured ⋯";
/// Stands behind what TLS agreed on: an earlier session, or on a data connection a new one.
const RESUMED: &str = ", resumed";
const OWN: &str = ", a session of its own";
/// Says that a side has gone back into the clear.
pub(crate) const TLS_ENDS: &str = "TLS ends";
/// What stands before a line that went by again with other words.
pub(crate) const REWRITTEN: &str = "rewritten: ";
/// Stands for rows of a long session.
pub(crate) const NOT_KEPT: &str = "rows not kept";
/// Stands behind the number of segments that acknowledge and nothing else.
pub(crate) const ACKS: &str = " ACKs";
/// What stands behind bytes whose side did not come to an end of its own, and instead of them where there were none.
const CUT_OFF: [&str; 2] = [", cut off", "cut off"];
const CUT_OFF_JA: [&str; 2] = ["、途中で切断", "途中で切断"];
/// The end of the control connection under TLS that no close_notify came before.
pub(crate) const FIN_ALONE: &str = "FIN without close_notify";
/// What stands at the end where bytes were the last of their side.
const END: [&str; 4] = [" FIN", " EOF", " RST", CUT_OFF[0]];

/// The ends of words on bytes, and what they are in Japanese.
const IN_JAPANESE: [(&str, &str); 7] = [
    (CUT_SHORT, "（キャプチャーで切れている）"),
    (AHEAD, "（前に欠落）"),
    (A_RECORD, "（TLS レコード）"),
    (PART[0], "（コマンドの一部）"),
    (PART[1], "（応答の一部）"),
    (PART_OF_RECORD, "（TLS レコードの一部）"),
    (ENCRYPTED, "（暗号化）"),
];

/// A row's words with what of them is ours in this language. What a peer has said is nobody's to translate, and what a word of
/// the protocol is (`data`, `FIN`, the messages of TLS) stays.
pub(crate) fn spoken<'a>(said: Cow<'a, str>, row: &Row, lang: Lang) -> Cow<'a, str> {
    if row.packet == Packet::Absent {
        return said + lang.of(" did not come", " は来なかった");
    }
    if lang == Lang::En {
        return said;
    }
    if let Some(words) = said.strip_suffix(AGAIN).filter(|_| row.is_again()) {
        let ours = in_japanese(words, row);
        return format!("{}（再送）", ours.as_deref().unwrap_or(words)).into();
    }
    match in_japanese(&said, row) {
        Some(words) => words.into(),
        None => said,
    }
}

/// Our words on a row in Japanese, where it has some. Those of a peer, and of who wrote a log, are in it as they came.
fn in_japanese(said: &str, row: &Row) -> Option<String> {
    match row.packet {
        Packet::Note(remark) => remark_in_japanese(said, remark),
        Packet::Data { .. } => {
            if let (Channel::Control, Some(More::Bytes(bytes))) = (row.channel, row.more.as_deref())
            {
                return no_reply_in_japanese(said, row, bytes);
            }
            if said == CUT_OFF[1] {
                return Some(CUT_OFF_JA[1].to_owned());
            }
            let (bytes, end) = match END.iter().find(|end| said.ends_with(**end)) {
                Some(end) => said.split_at(said.len() - end.len()),
                None => (said, ""),
            };
            let end = if end == CUT_OFF[0] { CUT_OFF_JA[0] } else { end };
            Some(bytes_in_japanese(bytes)? + end)
        }
        Packet::Fin => (said == FIN_ALONE).then(|| "FIN（close_notify なし）".to_owned()),
        Packet::Reply(_) => {
            let More::Lines(_) = row.more.as_deref()? else { return None };
            several_in_japanese(said)
        }
        Packet::Ack => Some(format!("ACK {} 個", said.strip_suffix(ACKS)?)),
        _ => None,
    }
}

/// What came in place of a reply, in Japanese: a line that is none is kept as it came, and of a reply that did not end ours are
/// the number of its lines and that it is a part.
fn no_reply_in_japanese(said: &str, row: &Row, bytes: &[u8]) -> Option<String> {
    let (_, ours) = no_reply(row.label.as_bytes(), bytes);
    let words = said.strip_suffix(ours).filter(|_| !ours.is_empty())?;
    let has_several = bytes.trim_ascii_end().contains(&b'\n');
    let words = several_in_japanese(words).filter(|_| has_several).unwrap_or_else(|| words.into());
    bytes_in_japanese(&(words + ours))
}

/// A reply whose label counts the lines behind its first, in Japanese.
fn several_in_japanese(said: &str) -> Option<String> {
    let (first, more) = said.rsplit_once(" (+")?;
    let more = more.strip_suffix(" lines)").or_else(|| more.strip_suffix(" line)"))?;
    Some(format!("{first}（ほか {more} 行）"))
}

/// What a remark says, in Japanese.
fn remark_in_japanese(said: &str, remark: Remark) -> Option<String> {
    match remark {
        Remark::NotSecured => Some(format!("TLS なし：{}", said.strip_prefix(NO_TLS)?)),
        Remark::DataRefused => {
            Some(format!("データコネクションを拒否：{}", said.strip_prefix(DATA_REFUSED)?))
        }
        Remark::Secured => {
            let mut ends = [(RESUMED, "、セッション再開"), (OWN, "、セッションは新規")].into_iter();
            ends.find_map(|(en, ja)| Some(said.strip_suffix(en)?.to_owned() + ja))
        }
        Remark::Cleared => (said == TLS_ENDS).then(|| "TLS 終了".to_owned()),
        Remark::Rewritten => Some(format!("書き換え：{}", said.strip_prefix(REWRITTEN)?)),
        Remark::Missing(_) => {
            let bytes = said.strip_prefix("⋯ ")?.strip_suffix(NOT_CAPTURED)?;
            Some(format!("⋯ {bytes} バイトはキャプチャーされていない ⋯"))
        }
        Remark::Unreachable => {
            let (why, by) = said.split_once(", from ")?;
            Some(format!("{why}（{by} から）"))
        }
        // A log may have said it in its own words.
        Remark::TimerRanOut(timer) => (said == timer.to_string()).then(|| {
            match timer {
                Timer::Login => "時間内にログインがない",
                Timer::Idle => "時間内にコマンドがない",
                Timer::DataOpen => "データコネクションが時間内に開かない",
                Timer::DataIdle => "データコネクションが長く止まったまま",
                Timer::Reply => "時間内に応答がない",
            }
            .to_owned()
        }),
        Remark::DataFailed | Remark::Logged => None,
    }
}

/// What stands on bytes, in Japanese.
fn bytes_in_japanese(said: &str) -> Option<String> {
    let run = said.strip_suffix(" segments").and_then(|said| said.rsplit_once(" in "));
    if let Some((bytes, segments)) = run {
        return Some(format!("{bytes}（セグメント {segments} 個）"));
    }
    if let Some((verb, bytes)) =
        said.strip_suffix(OF_RECORDS).and_then(|of| of.split_once("data, "))
    {
        return Some(format!("{verb}data TLS レコード {bytes} B"));
    }
    let mut ends = IN_JAPANESE.iter();
    ends.find_map(|(en, ja)| said.strip_suffix(en).map(|bytes| format!("{bytes}{ja}")))
}

/// A reply: its code and first line, and how many lines follow.
pub(crate) fn reply(code: u16, lines: &[Text]) -> Text {
    let first = shortened(lines.first().map_or(&[], Text::as_bytes));
    let digit = |of: u16| b'0' + u8::try_from(code / of % 10).unwrap_or(0);
    let mut label = Vec::with_capacity(4 + first.len());
    label.extend_from_slice(&[digit(100), digit(10), digit(1), b' ']);
    label.extend_from_slice(&first);
    if let Some(more) = lines.len().checked_sub(1).filter(|more| *more > 0) {
        let lines = if more == 1 { "line" } else { "lines" };
        label.extend_from_slice(format!(" (+{more} {lines})").as_bytes());
    }
    Text::from(label)
}

/// A reply that did not end.
pub(crate) fn unended(code: u16, lines: &[Text]) -> Text {
    Text::from([reply(code, lines).as_bytes(), PART[1].as_bytes()].concat())
}

/// What a server has said that is no reply, and behind it what is ours on its row: that it is one which did not end. Of one
/// the row shows the code with a space, as of any reply, and the wire has it with a hyphen.
pub(crate) fn no_reply<'a>(label: &'a [u8], bytes: &[u8]) -> (&'a [u8], &'static str) {
    let is_begun = bytes.get(3) == Some(&b'-') && label.get(3) == Some(&b' ');
    match label.strip_suffix(PART[1].as_bytes()).filter(|_| is_begun) {
        Some(words) => (words, PART[1]),
        None => (label, ""),
    }
}

/// Bytes of a transfer, and the end of the half behind them.
pub(crate) fn data(verb: Option<Verb>, bytes: u64, end: Option<HalfEnd>) -> Text {
    let (verb, blank) = named(verb);
    joined(&[verb, blank, "data ", Digits::of(bytes).as_str(), " B", behind(end)])
}

/// Bytes of records of a transfer under TLS, and the end of the half behind them.
pub(crate) fn records(verb: Option<Verb>, bytes: u64, end: Option<HalfEnd>) -> Text {
    let (verb, blank) = named(verb);
    joined(&[verb, blank, "data, ", Digits::of(bytes).as_str(), OF_RECORDS, behind(end)])
}

/// Bytes under TLS that are none of a transfer, and what their records hold; `opens` says whether they can be read.
pub(crate) fn covered(bytes: u64, words: &[String], opens: bool) -> Text {
    Text::from(match (words, opens) {
        ([], true) => format!("{bytes} B{PART_OF_RECORD}"),
        ([], false) => format!("{bytes} B{ENCRYPTED}"),
        ([word], _) if word == SEALED => format!("{bytes} B{ENCRYPTED}"),
        _ => format!("{bytes} B, TLS {}", words.join(", ")),
    })
}

/// What a connection agreed on: `TLS 1.3 TLS13_AES_128_GCM_SHA256, resumed`.
pub(crate) fn secured(channel: Channel, version: &Text, cipher: &Text, resumed: bool) -> Text {
    let resumed = match (channel, resumed) {
        (_, true) => RESUMED,
        (Channel::Data(_), false) => OWN,
        (Channel::Control, false) => "",
    };
    Text::from(format!("{version} {cipher}{resumed}"))
}

/// Bytes of a transfer in many segments.
pub(crate) fn run(verb: Option<Verb>, bytes: u64, segments: u32) -> Text {
    let (verb, blank) = named(verb);
    let (bytes, segments) = (Digits::of(bytes), Digits::of(segments.into()));
    let words = [verb, blank, "data ", bytes.as_str(), " B in ", segments.as_str(), " segments"];
    joined(&words)
}

/// So many segments that acknowledge and nothing else.
pub(crate) fn acks(segments: u32) -> Text {
    joined(&[Digits::of(segments.into()).as_str(), ACKS])
}

/// A verb and the blank behind it.
fn named(verb: Option<Verb>) -> (&'static str, &'static str) {
    verb.map_or(("", ""), |verb| (verb.name(), " "))
}

/// What stands behind bytes that a half ended with.
pub(crate) fn behind(end: Option<HalfEnd>) -> &'static str {
    match end {
        None => "",
        Some(HalfEnd::Fin) => END[0],
        Some(HalfEnd::Eof) => END[1],
        Some(HalfEnd::Reset) => END[2],
        Some(HalfEnd::Cut) => END[3],
    }
}

/// Words one behind the other. Labels of bytes are made anew for every segment of a transfer, where `format!` would take
/// longer than all else.
fn joined(words: &[&str]) -> Text {
    Text::from(words.concat())
}

/// A number in decimal.
pub(crate) struct Digits {
    room: [u8; 20],
    /// Where its digits begin.
    first: usize,
}

impl Digits {
    pub(crate) fn of(mut number: u64) -> Self {
        let mut digits = Self { room: [0; 20], first: 20 };
        for place in digits.room.iter_mut().rev() {
            *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
            digits.first -= 1;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        digits
    }

    pub(crate) fn as_str(&self) -> &str {
        let digits = self.room.get(self.first..).unwrap_or_default();
        std::str::from_utf8(digits).unwrap_or_default()
    }
}

/// Bytes that were not captured.
pub(crate) fn missing(bytes: u64) -> Text {
    Text::from(format!("⋯ {bytes}{NOT_CAPTURED}"))
}

/// The end of a half with nothing before it.
pub(crate) fn half_ended(how: HalfEnd) -> (Packet, Text) {
    let (packet, label) = match how {
        HalfEnd::Fin => (Packet::Fin, "FIN"),
        HalfEnd::Eof => (Packet::Data { bytes: 0, end: Some(how) }, "EOF"),
        HalfEnd::Reset => (Packet::Rst, "RST"),
        HalfEnd::Cut => (Packet::Data { bytes: 0, end: Some(how) }, CUT_OFF[1]),
    };
    (packet, Text::of(label))
}

/// A label cut in its middle where it is too long to keep, at the boundaries of characters.
pub(crate) fn bounded(label: Text) -> Text {
    match shortened(label.as_bytes()) {
        Cow::Borrowed(_) => label,
        Cow::Owned(short) => Text::from(short),
    }
}

fn shortened(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.len() <= MAX_LABEL {
        return Cow::Borrowed(bytes);
    }
    let starts = |at: &usize| bytes.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    let head = (MAX_LABEL / 2..).find(starts).unwrap_or(0);
    let tail = (bytes.len() - MAX_LABEL / 4..).find(starts).unwrap_or(0);
    let (head, tail) = (bytes.get(..head).unwrap_or(&[]), bytes.get(tail..).unwrap_or(&[]));
    Cow::Owned([head, CUT.as_bytes(), tail].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_on_bytes_are_those_that_formatting_gives() {
        for number in [0, 1, 9, 10, 1448, u64::from(u32::MAX), u64::MAX] {
            let want = format!("RETR data {number} B FIN");
            assert_eq!(data(Some(Verb::Retr), number, Some(HalfEnd::Fin)).to_string(), want);
            let want = format!("data {number} B in 2 segments");
            assert_eq!(run(None, number, 2).to_string(), want);
        }
        assert_eq!(records(None, 20, Some(HalfEnd::Eof)).to_string(), "data, 20 B of records EOF");
        assert_eq!(acks(12).to_string(), "12 ACKs");
    }
}
