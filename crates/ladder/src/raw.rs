//! A row as it went over the wire: the fields of its headers, and its bytes in hex beside their characters.
//!
//! Of the control connection those bytes are shown that may be: where a secret is blanked it is blanked here too, and what
//! goes under TLS is shown as it was before, where it could be opened.

use crate::more::More;
use crate::row::{Ends, Row};
use crate::scene::Step;
use std::fmt::Write as _;
use wharf_proto::{Lang, Moment};

/// A name and what is known by it.
pub type Field = (&'static str, String);

/// When a step was, and between which ends, as far as that is known.
#[must_use]
pub fn place(step: &Step, lang: Lang) -> Vec<Field> {
    let row = &step.row;
    let mut out = Vec::new();
    if let Some(at) = row.at {
        let time = at.since(Moment::START);
        let unit = lang.of("s", "秒");
        let words = format!("{}.{:06} {unit}", time.as_secs(), time.subsec_micros());
        out.push((lang.of("time", "時刻"), words));
    }
    let ends = step.ends.map(|ends| ends.map(Ends::named)).unwrap_or_default();
    let names = [lang.of("from", "送信元"), lang.of("to", "宛先")];
    out.extend(names.into_iter().zip(ends).filter_map(|(name, end)| Some((name, end?))));
    out
}

/// What the headers of its packet say, where it was captured. Of several segments counted into one row it is that of the
/// first.
#[must_use]
pub fn fields(row: &Row, lang: Lang) -> Vec<Field> {
    let mut out = Vec::new();
    let Some(wire) = row.wire else { return out };
    let header = wire.header;
    if header.frame > 0 {
        out.push((lang.of("frame", "フレーム"), header.frame.to_string()));
    }
    if header.hops > 0 {
        let id = header.id.map(|id| format!(", id {id}")).unwrap_or_default();
        out.push(("IP", format!("TTL {}{id}", header.hops)));
    }
    let ack = if wire.flags.ack { format!(", ack {}", wire.ack) } else { String::new() };
    let (flags, seq, length) = (wire.flags, wire.seq, wire.length);
    let window = header.window;
    out.push(("TCP", format!("{flags}; seq {seq}{ack}; win {window}; {length} B")));
    if wire.segments > 1 {
        out.push((lang.of("segments", "セグメント"), wire.segments.to_string()));
    }
    out
}

/// The bytes of a row that may be shown: the lines of the control connection with their line ends, or the first bytes of a
/// segment of a transfer.
#[must_use]
pub fn bytes(row: &Row) -> Vec<u8> {
    if let Some(More::Bytes(bytes)) = row.more.as_deref() {
        return bytes.clone();
    }
    row.said().iter().fold(Vec::new(), |mut out, line| {
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
        out
    })
}

/// Bytes as lines of so many each: where they begin, in hex, and as characters of ASCII.
///
/// ```
/// use wharf_ladder::raw::dump;
/// assert_eq!(dump(b"NOOP\r\n", 8), ["0000  4e 4f 4f 50 0d 0a        NOOP.."]);
/// ```
#[must_use]
pub fn dump(bytes: &[u8], each: usize) -> Vec<String> {
    let each = each.max(1);
    let line = |(no, part): (usize, &[u8])| {
        let mut line = format!("{:04x} ", no * each);
        for byte in part {
            // Writing to a String does not fail.
            let _ = write!(line, " {byte:02x}");
        }
        let blank = "   ".repeat(each - part.len());
        let seen = |byte: &u8| if matches!(byte, 0x20..=0x7e) { char::from(*byte) } else { '.' };
        let text: String = part.iter().map(seen).collect();
        (line + &blank + "  " + &text).trim_end().to_owned()
    };
    bytes.chunks(each).enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_dumped_line_by_line_and_no_control_character_among_them() {
        let bytes: Vec<u8> = (0..=255).collect();
        let lines = dump(&bytes, 16);
        assert_eq!(lines.len(), 16);
        assert!(lines.iter().all(|line| line.len() == lines[0].len()));
        assert!(lines.iter().all(|line| !line.chars().any(char::is_control)));
        assert_eq!(lines[1].get(..11), Some("0010  10 11"));
    }
}
