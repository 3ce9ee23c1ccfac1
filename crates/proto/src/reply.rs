//! Replies: three digits and text, on one line or several (RFC 959 section 4.2).
//!
//! Written by the server machine, read line by line by the client machine and the ladder. What the server
//! says in which case is in `texts.rs`.

use crate::Text;
use std::fmt;

/// The three digits of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(u16);

/// What the first digit says (RFC 959 section 4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 1yz: begun; another reply follows.
    Preliminary,
    /// 2yz: done.
    Completion,
    /// 3yz: accepted; another command is awaited.
    Intermediate,
    /// 4yz: not done; trying again may help.
    Transient,
    /// 5yz and above: not done; trying again will not help.
    Permanent,
}

impl Code {
    /// The code of this value; `None` outside 100..=699 (6yz is RFC 2228's protected reply).
    pub const fn new(value: u16) -> Option<Self> {
        if value >= 100 && value < 700 { Some(Self(value)) } else { None }
    }

    /// Its value.
    pub const fn value(self) -> u16 {
        self.0
    }

    /// What its first digit says.
    pub fn class(self) -> Class {
        match self.0 / 100 {
            1 => Class::Preliminary,
            2 => Class::Completion,
            3 => Class::Intermediate,
            4 => Class::Transient,
            _ => Class::Permanent,
        }
    }

    /// Whether another reply to the same command follows.
    pub fn is_preliminary(self) -> bool {
        self.class() == Class::Preliminary
    }

    /// Whether the command was not carried out.
    pub fn is_refusal(self) -> bool {
        self.0 >= 400
    }

    /// Its three digits.
    fn digits(self) -> [u8; 3] {
        [self.0 / 100, self.0 / 10 % 10, self.0 % 10].map(|digit| b"0123456789"[usize::from(digit)])
    }

    fn parse(digits: &[u8]) -> Option<Self> {
        let [a, b, c] = digits else { return None };
        let digit = |byte: &u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
        Self::new(digit(a)? * 100 + digit(b)? * 10 + digit(c)?)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A reply: a code and one line or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: Code,
    /// The lines, without code and line end; never empty.
    pub lines: Vec<Text>,
}

impl Reply {
    /// A reply of one line.
    pub fn line(code: Code, text: impl Into<Text>) -> Self {
        Self { code, lines: vec![text.into()] }
    }

    /// The first line's text.
    pub fn text(&self) -> &[u8] {
        self.lines.first().map_or(&[], Text::as_bytes)
    }

    /// The bytes on the control connection: `ddd text`, or `ddd-first`, the lines between with a space
    /// before them so that none can look like the last, and `ddd last`. Line ends inside a line become
    /// spaces, a NUL follows a CR, and 0xFF is doubled as Telnet wants (RFC 959 section 4.2, RFC 854).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.lines.iter().map(|l| l.as_bytes().len() + 8).sum());
        let last = self.lines.len().saturating_sub(1);
        for (index, line) in self.lines.iter().enumerate() {
            if index == 0 || index == last {
                out.extend_from_slice(&self.code.digits());
                out.push(if index == last { b' ' } else { b'-' });
            } else {
                out.push(b' ');
            }
            put_line(&mut out, line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out
    }
}

/// Appends `text` as it may stand in a line of the control connection.
pub(crate) fn put_line(out: &mut Vec<u8>, text: &[u8]) {
    if memchr::memchr3(b'\n', b'\r', 0xff, text).is_none() {
        return out.extend_from_slice(text);
    }
    for &byte in text {
        match byte {
            b'\n' => out.push(b' '),
            b'\r' => out.extend_from_slice(b"\r\0"),
            0xff => out.extend_from_slice(&[0xff, 0xff]),
            _ => out.push(byte),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.lines.len().saturating_sub(1);
        for (index, line) in self.lines.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match index {
                _ if index == last => write!(f, "{} {line}", self.code)?,
                0 => write!(f, "{}-{line}", self.code)?,
                _ => write!(f, " {line}")?,
            }
        }
        Ok(())
    }
}

/// What is wrong with what should have been a reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The line does not begin with three digits and a space or hyphen.
    #[error("the server sent a line that is not an FTP reply: {0}")]
    NotAReply(Text),
    /// The reply has more lines or bytes than [`ReplyReader::LINES`] and [`ReplyReader::BYTES`] allow.
    #[error("the server's reply is longer than {} KiB", ReplyReader::BYTES / 1024)]
    TooLong,
}

/// Puts lines together to replies.
#[derive(Debug, Default)]
pub struct ReplyReader {
    open: Option<Box<Reply>>,
    bytes: usize,
    /// Empty lines since the last reply.
    empty: usize,
}

impl ReplyReader {
    /// The most lines that a reply may have.
    pub const LINES: usize = 10_000;
    /// The most bytes that a reply may have.
    pub const BYTES: usize = 1 << 20;

    /// A reader that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it is in the midst of a reply.
    #[must_use]
    pub fn is_amid(&self) -> bool {
        self.open.is_some()
    }

    /// What has come of a reply that has not ended.
    #[must_use]
    pub fn begun(&self) -> Option<&Reply> {
        self.open.as_deref()
    }

    /// How many bytes it holds of a reply that has begun, what keeps its lines apart included.
    #[must_use]
    pub fn buffered(&self) -> usize {
        let lines = self.open.as_ref().map(|open| open.lines.len());
        lines.map_or(0, |lines| self.bytes + lines * size_of::<Text>())
    }

    /// What has come of a reply that is given up, because nothing more of it will be read.
    pub fn give_up(&mut self) -> Option<Reply> {
        self.open.take().map(|open| *open)
    }

    /// Takes the next line, without its line end, and gives the reply that it completes, if it does.
    ///
    /// ```
    /// use wharf_proto::reply::ReplyReader;
    /// let mut reader = ReplyReader::new();
    /// assert_eq!(reader.line(b"211-Features:".to_vec())?, None);
    /// assert_eq!(reader.line(b" SIZE".to_vec())?, None);
    /// let reply = reader.line(b"211 End".to_vec())?.unwrap();
    /// assert_eq!((reply.code.value(), reply.lines.len()), (211, 3));
    /// # Ok::<(), wharf_proto::reply::ReplyError>(())
    /// ```
    ///
    /// # Errors
    /// [`ReplyError`] where the line is no reply, or the reply is too long; the reader is then empty again.
    pub fn line(&mut self, line: Vec<u8>) -> Result<Option<Reply>, ReplyError> {
        match self.open.take() {
            Some(open) => self.continued(open, line),
            None => self.opening(line),
        }
    }

    fn opening(&mut self, line: Vec<u8>) -> Result<Option<Reply>, ReplyError> {
        // Some servers send an empty line behind a reply. It says nothing; without end it is no server of FTP.
        if line.is_empty() && self.empty < Self::LINES {
            self.empty += 1;
            return Ok(None);
        }
        self.empty = 0;
        let code = line.get(..3).and_then(Code::parse);
        match (code, line.get(3)) {
            (Some(code), None | Some(b' ')) => {
                Ok(Some(Reply::line(code, line.get(4..).unwrap_or_default())))
            }
            (Some(code), Some(b'-')) => {
                self.bytes = line.len();
                self.open = Some(Box::new(Reply::line(code, &line[4..])));
                Ok(None)
            }
            _ => Err(ReplyError::NotAReply(line.into())),
        }
    }

    fn continued(
        &mut self,
        mut open: Box<Reply>,
        line: Vec<u8>,
    ) -> Result<Option<Reply>, ReplyError> {
        self.bytes += line.len() + 2;
        if self.bytes > Self::BYTES || open.lines.len() >= Self::LINES {
            return Err(ReplyError::TooLong);
        }
        let code = line.get(..3).and_then(Code::parse).filter(|code| *code == open.code);
        match (code, line.get(3)) {
            (Some(_), None | Some(b' ')) => {
                open.lines.push(line.get(4..).unwrap_or_default().into());
                Ok(Some(*open))
            }
            (Some(_), Some(b'-')) => self.keep(open, &line[4..]),
            _ => {
                let text = line.strip_prefix(b" ").unwrap_or(&line);
                self.keep(open, text)
            }
        }
    }

    fn keep(&mut self, mut open: Box<Reply>, text: &[u8]) -> Result<Option<Reply>, ReplyError> {
        open.lines.push(text.into());
        self.open = Some(open);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(value: u16) -> Code {
        Code::new(value).unwrap()
    }

    fn read(bytes: &[u8]) -> Vec<Reply> {
        let mut reader = ReplyReader::new();
        bytes
            .split(|b| *b == b'\n')
            .filter(|line| !line.is_empty())
            .filter_map(|line| {
                reader.line(line.strip_suffix(b"\r").unwrap_or(line).to_vec()).unwrap()
            })
            .collect()
    }

    #[test]
    fn one_line_and_several_lines_come_back_as_they_were_encoded() {
        let one = Reply::line(code(200), "done");
        let many = Reply {
            code: code(214),
            lines: ["first", "214 looks like the end", "", "last"].map(Text::from).to_vec(),
        };
        let bytes = [one.encode(), many.encode()].concat();
        assert_eq!(read(&bytes), [one, many]);
    }

    #[test]
    fn a_line_end_inside_a_text_cannot_forge_a_reply() {
        let reply = Reply::line(code(257), "\"a\r\n230 in\" \u{ff}");
        assert_eq!(reply.encode(), b"257 \"a\r\0 230 in\" \xc3\xbf\r\n");
        assert_eq!(Reply::line(code(200), vec![0xff]).encode(), b"200 \xff\xff\r\n");
    }

    #[test]
    fn a_bare_code_is_a_reply_and_other_lines_are_not() {
        assert_eq!(read(b"226\r\n"), [Reply::line(code(226), "")]);
        for line in [" ", "22", "22x hello", "099 low", "700 high", "2200 glued", "hello world"] {
            let result = ReplyReader::new().line(line.as_bytes().to_vec());
            assert!(matches!(result, Err(ReplyError::NotAReply(_))), "{line}");
        }
    }

    #[test]
    fn empty_lines_between_replies_are_passed_over_and_inside_one_they_are_kept_and_counted() {
        let mut reader = ReplyReader::new();
        let mut lines = ["", "220 hi", "", "", "211-a", "", "211 end"].into_iter();
        let mut next = || lines.find_map(|line| reader.line(line.into()).unwrap());
        assert_eq!(next(), Some(Reply::line(code(220), "hi")));
        assert_eq!(next().unwrap().lines, ["a", "", "end"].map(Text::from));
        let result = (0..=ReplyReader::LINES).find_map(|_| reader.line(Vec::new()).err());
        assert_eq!(result, Some(ReplyError::NotAReply(Text::from(""))));
    }

    #[test]
    fn a_reply_without_end_is_given_up_at_the_limit() {
        let mut reader = ReplyReader::new();
        reader.line(b"211-open".to_vec()).unwrap();
        let result = (0..=ReplyReader::LINES).find_map(|_| reader.line(b" x".to_vec()).err());
        assert_eq!(result, Some(ReplyError::TooLong));
    }
}
