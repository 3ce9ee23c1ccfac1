//! What a row holds beside what stands on its arrow: all lines of a reply, or the first bytes of a segment of a transfer.
//!
//! Both are bounded, and what was left out is counted. Of the control connection only words are kept that may be shown:
//! its bytes hold passwords. Nothing here escapes anything; that is the renderers' business.

use crate::row::{Packet, Row};
use wharf_proto::Text;

/// Bytes of the lines of a reply kept at most, and of one line of them.
const MAX_LINES: usize = 4096;
const MAX_LINE: usize = 1024;
/// Bytes of a segment of a transfer kept at most.
const MAX_BYTES: usize = 256;
/// So many bytes weigh as much as a row that holds nothing.
pub(crate) const ROW: usize = 256;

/// What a row holds beside its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum More {
    /// The lines of a reply of several.
    Lines(Lines),
    /// The first bytes that a segment carried on a data connection, or a line of the server that is no reply.
    Bytes(Vec<u8>),
}

/// The lines of a reply of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// Those that are kept, without code and line end, each with a line feed behind it. The first and the last are.
    text: Vec<u8>,
    /// How many lines before the last are not kept.
    lost: usize,
}

impl More {
    /// The lines of a reply, where there are several.
    pub(crate) fn of_reply(lines: &[Text]) -> Option<Box<Self>> {
        let (last, before) = lines.split_last().filter(|(_, before)| !before.is_empty())?;
        let mut text = Vec::new();
        let mut kept = 0;
        let mut put = |line: &Text| {
            text.extend_from_slice(cut(line.as_bytes(), MAX_LINE));
            text.push(b'\n');
            text.len()
        };
        for line in before {
            kept += 1;
            if put(line) > MAX_LINES {
                break;
            }
        }
        put(last);
        text.shrink_to_fit();
        Some(Box::new(Self::Lines(Lines { text, lost: before.len() - kept })))
    }

    /// The first bytes of a segment, where it has some.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Box<Self>> {
        let bytes = cut(bytes, MAX_BYTES);
        (!bytes.is_empty()).then(|| Box::new(Self::Bytes(bytes.to_vec())))
    }

    /// Puts other words in place of those of each line, which is told whether it stands between the first and the last. Bytes of
    /// a transfer are no lines.
    pub(crate) fn reword(&mut self, mut with: impl FnMut(&[u8], bool) -> Vec<u8>) {
        let Self::Lines(lines) = self else { return };
        let kept = lines.text.strip_suffix(b"\n").unwrap_or(&lines.text);
        let last = kept.iter().filter(|byte| **byte == b'\n').count();
        let mut text = Vec::with_capacity(lines.text.len());
        for (at, line) in kept.split(|byte| *byte == b'\n').enumerate() {
            text.extend(with(line, at > 0 && at < last));
            text.push(b'\n');
        }
        lines.text = text;
    }

    /// The bytes in which words are looked for.
    pub(crate) fn words(&self) -> &[u8] {
        match self {
            Self::Lines(lines) => &lines.text,
            Self::Bytes(_) => &[],
        }
    }
}

impl Row {
    /// What was said on the control connection, line by line as it goes over the wire (RFC 959 section 4.2), secrets blanked;
    /// nothing for other rows. Where lines were not kept, one in square brackets says how many.
    ///
    /// ```
    /// # use wharf_ladder::Ladder;
    /// # use wharf_proto::tap::{Event, Party, SessionId, What};
    /// # use wharf_proto::{Moment, Text};
    /// let lines = ["Features:", "MDTM", "End"].map(Text::from).to_vec();
    /// let what = What::Reply { code: 211, lines };
    /// let (at, session, teller) = (Moment::START, SessionId(1), Party::Server);
    /// let ladder = Ladder::from_events(&[Event { session, at, teller, what }]);
    /// let said: Vec<String> = ladder.rows()[0].said().iter().map(Text::to_string).collect();
    /// assert_eq!(said, ["211-Features:", " MDTM", "211 End"]);
    /// ```
    #[must_use]
    pub fn said(&self) -> Vec<Text> {
        match (self.packet, self.more.as_deref()) {
            (Packet::Reply(code), Some(More::Lines(lines))) => lines.on_the_wire(code),
            (Packet::Reply(_) | Packet::Command, _) => vec![self.label.clone()],
            _ => Vec::new(),
        }
    }

    /// The lines of a reply of several, as [`Row::said`]; nothing for other rows, which their label tells whole.
    #[must_use]
    pub fn several(&self) -> Vec<Text> {
        if matches!(self.more.as_deref(), Some(More::Lines(_))) { self.said() } else { Vec::new() }
    }

    /// How many bytes of memory it holds, counted in rows that hold nothing.
    #[must_use]
    pub fn weighs(&self) -> usize {
        1 + match self.more.as_deref() {
            Some(More::Lines(lines)) => lines.text.len() / ROW,
            Some(More::Bytes(bytes)) => bytes.len() / ROW,
            None => 0,
        }
    }
}

impl Lines {
    fn on_the_wire(&self, code: u16) -> Vec<Text> {
        let kept: Vec<&[u8]> = self
            .text
            .strip_suffix(b"\n")
            .unwrap_or(&self.text)
            .split(|byte| *byte == b'\n')
            .collect();
        let last = kept.len().saturating_sub(1);
        let mut out = Vec::with_capacity(kept.len() + 1);
        for (at, line) in kept.into_iter().enumerate() {
            if at == last && self.lost > 0 {
                out.push(Text::from(format!(" [{} lines not kept]", self.lost)));
            }
            let head = match at {
                0 => format!("{code:03}-"),
                at if at == last => format!("{code:03} "),
                _ => " ".to_owned(),
            };
            out.push(Text::from([head.as_bytes(), line].concat()));
        }
        out
    }
}

/// The beginning of some bytes, not within a character of UTF-8.
fn cut(bytes: &[u8], most: usize) -> &[u8] {
    if bytes.len() <= most {
        return bytes;
    }
    let is_within = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let end = (most.saturating_sub(3)..=most).rev().find(|at| !is_within(*at)).unwrap_or(most);
    bytes.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize, length: usize) -> Vec<Text> {
        (0..count).map(|no| Text::from(format!("{no:>length$}"))).collect()
    }

    fn wire(count: usize, length: usize) -> Vec<String> {
        let More::Lines(lines) = *More::of_reply(&lines(count, length)).unwrap() else { panic!() };
        lines.on_the_wire(211).iter().map(Text::to_string).collect()
    }

    #[test]
    fn a_reply_of_one_line_holds_nothing_more_and_one_of_two_holds_both() {
        assert_eq!(More::of_reply(&lines(1, 1)), None);
        assert_eq!(wire(2, 1), ["211-0", "211 1"]);
    }

    #[test]
    fn of_a_reply_too_long_to_keep_the_last_line_stays_and_what_is_lost_is_counted() {
        let wire = wire(1000, 60);
        assert_eq!(wire.last().unwrap(), &format!("211 {:>60}", 999));
        let kept = wire.len() - 2;
        assert_eq!(wire[kept], format!(" [{} lines not kept]", 999 - kept));
        assert!(wire.iter().map(String::len).sum::<usize>() < MAX_LINES + 2 * MAX_LINE);
    }

    #[test]
    fn lines_and_bytes_are_cut_between_characters() {
        let long = "あ".repeat(1000);
        let two = [Text::from(long.as_str()), Text::from("b")];
        let More::Lines(lines) = *More::of_reply(&two).unwrap() else { panic!() };
        assert_eq!(lines.on_the_wire(220)[0].to_string(), format!("220-{}", "あ".repeat(341)));
        assert_eq!(More::of_bytes(b""), None);
        let Some(More::Bytes(bytes)) = More::of_bytes(&[0x80; 500]).map(|more| *more) else {
            panic!()
        };
        assert!(bytes.len() <= MAX_BYTES);
    }
}
