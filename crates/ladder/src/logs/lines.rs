//! The lines of a text, however long they are: what is too long is cut, and said to be.

use std::io::{self, BufRead as _, BufReader, Read};

/// The longest line that is kept whole.
const LONGEST: usize = 16 * 1024;
/// What is read at a time.
const BUFFER: usize = 64 * 1024;

/// Reads lines.
#[derive(Debug)]
pub struct Lines<R> {
    source: BufReader<R>,
    line: Vec<u8>,
    /// What is in it is the beginning of a line, of which more will come.
    is_amid: bool,
    begun: bool,
}

impl<R: Read> Lines<R> {
    /// The lines of a source.
    pub fn new(source: R) -> Self {
        let source = BufReader::with_capacity(BUFFER, source);
        Self { source, line: Vec::new(), is_amid: false, begun: false }
    }

    /// Whether the next line has come already.
    pub fn has_next(&self) -> bool {
        self.source.buffer().contains(&b'\n')
    }

    /// The next line, without its end; none at the end of the source. A last line without an end is given too.
    ///
    /// # Errors
    /// Those of the source. Where that has nothing just now (`WouldBlock`) the line goes on when it is asked again.
    pub fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        if !self.is_amid {
            self.line.clear();
        }
        loop {
            let bytes = match self.source.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if bytes.is_empty() {
                break;
            }
            self.is_amid = true;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
            let room = LONGEST.saturating_sub(self.line.len()).min(part.len());
            self.line.extend(part.get(..room).unwrap_or_default());
            let used = part.len() + usize::from(end.is_some());
            self.source.consume(used);
            if end.is_some() {
                break;
            }
        }
        if !std::mem::take(&mut self.is_amid) {
            return Ok(None);
        }
        let is_first = !std::mem::replace(&mut self.begun, true);
        let line = trimmed(&self.line);
        Ok(Some(if is_first { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line }))
    }
}

/// A line without the CR at its end.
pub(super) fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn lines_of_any_length_come_one_by_one_and_long_ones_are_cut() {
        let long = vec![b'x'; LONGEST * 3];
        let text = [b"\xef\xbb\xbfone\r\n\n".as_slice(), &long, b"\nlast"].concat();
        let mut lines = Lines::new(text.as_slice());
        let mut got = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            got.push(line.to_vec());
        }
        assert_eq!(got, [b"one".to_vec(), vec![], vec![b'x'; LONGEST], b"last".to_vec()]);
    }
}
