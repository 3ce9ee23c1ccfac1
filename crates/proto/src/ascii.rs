//! Text on a data connection: TYPE A, where every line ends with CR LF (RFC 959 section 3.1.1.1), and
//! local files, where it ends with LF.
//!
//! Both directions work on chunks of any size and give the same bytes whatever the chunks. What is
//! not done here: charsets (the bytes of a line are not looked at), records (STRU R), EBCDIC.
//!
//! The choices, for the RFC leaves them to the host:
//! - A local LF is sent as CR LF, unless a CR stands before it already. A file with DOS line ends
//!   thus arrives with one CR a line, not two; the price is that fetching it back gives LF ends.
//! - A CR on its own is sent and stored as it is. NVT would have CR NUL (RFC 854), but no FTP program
//!   takes the NUL out again, so that it would end up in the file.

use memchr::memchr;

const LF: u8 = b'\n';
const CR: u8 = b'\r';

/// Local text to the text on the wire.
///
/// ```
/// let mut out = Vec::new();
/// wharf_proto::ascii::Encoder::new().encode(b"one\ntwo\n", &mut out);
/// assert_eq!(out, b"one\r\ntwo\r\n");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encoder {
    after_cr: bool,
}

impl Encoder {
    /// An encoder at the beginning of a file.
    #[must_use]
    pub const fn new() -> Self {
        Self { after_cr: false }
    }

    /// Appends the next part of the text as it goes over the wire. Nothing is held back, so that there
    /// is nothing to finish.
    pub fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) {
        out.reserve(input.len() + input.len() / 32);
        let mut rest = input;
        while let Some(at) = memchr(LF, rest) {
            let (line, tail) = rest.split_at(at);
            out.extend_from_slice(line);
            let ended = line.last().map_or(self.after_cr, |&byte| byte == CR);
            out.extend_from_slice(if ended { b"\n" } else { b"\r\n" });
            self.after_cr = false;
            rest = tail.get(1..).unwrap_or_default();
        }
        out.extend_from_slice(rest);
        self.remember_end(rest);
    }

    fn remember_end(&mut self, input: &[u8]) {
        if let Some(&last) = input.last() {
            self.after_cr = last == CR;
        }
    }
}

/// Text on the wire to local text.
///
/// ```
/// use wharf_proto::ascii::Decoder;
///
/// let (mut decoder, mut out) = (Decoder::new(), Vec::new());
/// decoder.decode(b"one\r\ntwo\r", &mut out);
/// decoder.decode(b"\n", &mut out);
/// decoder.finish(&mut out);
/// assert_eq!(out, b"one\ntwo\n");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoder {
    /// A CR came last and is not yet given.
    held_cr: bool,
}

impl Decoder {
    /// A decoder at the beginning of a file.
    #[must_use]
    pub const fn new() -> Self {
        Self { held_cr: false }
    }

    /// Appends the next part of the text as it is stored. A CR at its end is held until it is known
    /// what follows.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let Some(&first) = input.first() else { return };
        out.reserve(input.len() + 1);
        if std::mem::take(&mut self.held_cr) && first != LF {
            out.push(CR);
        }
        let mut rest = input;
        while let Some(at) = memchr(CR, rest) {
            let (text, tail) = rest.split_at(at);
            out.extend_from_slice(text);
            match tail.get(1) {
                Some(&LF) => {
                    out.push(LF);
                    rest = tail.get(2..).unwrap_or_default();
                }
                Some(_) => {
                    out.push(CR);
                    rest = tail.get(1..).unwrap_or_default();
                }
                None => {
                    self.held_cr = true;
                    return;
                }
            }
        }
        out.extend_from_slice(rest);
    }

    /// Appends what is still held when the text has ended: a CR at most.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.held_cr) {
            out.push(CR);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use memchr::memchr_iter;

    fn encode(chunks: &[&[u8]]) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::new(), Vec::new());
        chunks.iter().for_each(|chunk| encoder.encode(chunk, &mut out));
        out
    }

    fn decode(chunks: &[&[u8]]) -> Vec<u8> {
        let (mut decoder, mut out) = (Decoder::new(), Vec::new());
        chunks.iter().for_each(|chunk| decoder.decode(chunk, &mut out));
        decoder.finish(&mut out);
        out
    }

    #[test]
    fn line_ends_are_made_crlf_and_lf() {
        assert_eq!(encode(&[b"\na\n\nb"]), b"\r\na\r\n\r\nb");
        assert_eq!(decode(&[b"\r\na\r\n\r\nb"]), b"\na\n\nb");
    }

    #[test]
    fn dos_line_ends_are_sent_without_a_second_cr_and_come_back_as_lf() {
        assert_eq!(encode(&[b"a\r\nb\r", b"\nc\n"]), b"a\r\nb\r\nc\r\n");
        assert_eq!(decode(&[&encode(&[b"a\r\nb\r\n"])]), b"a\nb\n");
    }

    #[test]
    fn cr_alone_stays_alone() {
        assert_eq!(encode(&[b"a\rb\r"]), b"a\rb\r");
        assert_eq!(decode(&[b"a\rb\r\r\n\r\0c\r"]), b"a\rb\r\n\r\0c\r");
    }

    #[test]
    fn lf_alone_on_the_wire_is_stored() {
        assert_eq!(decode(&[b"a\nb"]), b"a\nb");
    }

    #[test]
    fn cr_at_the_end_of_a_chunk_waits_for_the_next() {
        assert_eq!(decode(&[b"a\r", b"", b"\nb\r", b"c\r", b"\r", b"\n"]), b"a\nb\rc\r\n");
    }

    #[test]
    fn cr_of_an_earlier_chunk_does_not_touch_a_later_line() {
        assert_eq!(encode(&[b"a\r", b"b", b"\n"]), b"a\rb\r\n");
        assert_eq!(encode(&[b"a\r", b"", b"\n\n"]), b"a\r\n\r\n");
    }

    /// Text folded to the bytes with a meaning here.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(LF), Just(CR), Just(b'x'), any::<u8>()];
        proptest::collection::vec(byte, 0..200)
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(text in text(), size in 1usize..5) {
            let chunks: Vec<&[u8]> = text.chunks(size).collect();
            prop_assert_eq!(encode(&[&text]), encode(&chunks));
            prop_assert_eq!(decode(&[&text]), decode(&chunks));
        }

        #[test]
        fn text_without_crlf_comes_back(text in text()) {
            let text: Vec<u8> = text.into_iter().filter(|&byte| byte != CR).collect();
            prop_assert_eq!(decode(&[&encode(&[&text])]), text);
        }

        #[test]
        fn encoded_text_has_no_lf_without_cr(text in text()) {
            let wire = encode(&[&text]);
            for at in memchr_iter(LF, &wire) {
                prop_assert_eq!(at.checked_sub(1).map(|before| wire[before]), Some(CR));
            }
        }
    }
}
