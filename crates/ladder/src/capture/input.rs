//! The bytes of a capture file, looked at where they lie: a buffer that holds what is being read, and no more.

use super::Error;
use std::io::{self, Read};

/// How much is read at a time.
const BUFFER: usize = 256 * 1024;

/// A source with a buffer.
pub(super) struct Input<R> {
    source: R,
    buffer: Vec<u8>,
    /// What of the buffer has been read and not been taken.
    start: usize,
    end: usize,
}

impl<R: Read> Input<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, buffer: vec![0; BUFFER], start: 0, end: 0 }
    }

    /// Whether there is nothing more. A source that has nothing just now may say so here
    /// ([`io::ErrorKind::WouldBlock`]), where nothing is half read, and is waited for everywhere else.
    pub(super) fn is_at_end(&mut self) -> Result<bool, Error> {
        Ok(!self.fill_or_block(1)?)
    }

    /// The next bytes, which stay where they are.
    pub(super) fn peek(&mut self, length: usize, frames: u64) -> Result<&[u8], Error> {
        if !self.fill(length)? {
            return Err(Error::Truncated { frames });
        }
        Ok(self.buffer.get(self.start..self.start + length).unwrap_or_default())
    }

    /// Passes over bytes, of which there may be more than the buffer holds.
    pub(super) fn skip(&mut self, mut length: usize, frames: u64) -> Result<(), Error> {
        while length > 0 {
            if !self.fill(1)? {
                return Err(Error::Truncated { frames });
            }
            let here = length.min(self.end - self.start);
            self.start += here;
            length -= here;
        }
        Ok(())
    }

    /// Takes bytes that were looked at, and passes over as many behind them.
    pub(super) fn take(&mut self, length: usize, behind: usize) -> &[u8] {
        let from = self.start;
        let to = (from + length).min(self.end);
        self.start = (to + behind).min(self.end);
        self.buffer.get(from..to).unwrap_or_default()
    }

    /// Reads until there are so many bytes; says whether there are.
    fn fill(&mut self, length: usize) -> Result<bool, Error> {
        loop {
            match self.fill_or_block(length) {
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    fn fill_or_block(&mut self, length: usize) -> Result<bool, Error> {
        while self.end - self.start < length {
            if self.buffer.len() - self.start < length {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
                if self.buffer.len() < length {
                    self.buffer.resize(length, 0);
                }
            }
            match self.source.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                Ok(0) => return Ok(false),
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A packed file that is cut off.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(Error::Io(error)),
            }
        }
        Ok(true)
    }
}
