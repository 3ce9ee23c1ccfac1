//! How well it is proven that the bytes of a file are those of the other side.

use std::fmt;
use std::path::Path;

use wharf_proto::Text;
use wharf_proto::command::Range;

use super::{Fetched, Stored};
use crate::digest::Digest;
use crate::{Error, Proof, Session};

/// What is known of the bytes of a file that was moved. Each of these is behind an end that was told and a last reply
/// that says that it is complete; what lacks those is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing more: the size is not known.
    Unproven,
    /// The sizes agree.
    SizeOnly,
    /// The digests agree.
    Verified,
}

impl Verdict {
    /// The verdict on a file whose size, if it is known, was found to be right.
    pub(crate) fn of(size: Option<u64>) -> Self {
        if size.is_some() { Self::SizeOnly } else { Self::Unproven }
    }

    /// Its name, as scripts see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::SizeOnly => "size-only",
            Self::Verified => "verified",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Fetched {
    /// What is known of its bytes.
    pub fn verdict(&self) -> Verdict {
        match self.verified {
            true => Verdict::Verified,
            false => Verdict::of(self.size.filter(|_| self.suspect == 0)),
        }
    }
}

impl Stored {
    /// What is known of its bytes.
    pub fn verdict(&self) -> Verdict {
        match (self.agrees, self.verified) {
            (true, _) => Verdict::Verified,
            (false, true) => Verdict::SizeOnly,
            (false, false) => Verdict::Unproven,
        }
    }
}

impl Session {
    /// Whether the server says by a digest that its `remote` is the file `local`; `false` where it makes none.
    ///
    /// # Errors
    /// `Unproven` where the digests differ, `Local` for trouble with the file, and those of the control connection.
    pub async fn agrees(&mut self, remote: &Text, local: &Path) -> Result<bool, Error> {
        let moved = std::fs::metadata(local).map_or(0, |found| found.len());
        let theirs = self.digest_of(remote, Some(moved)).await?;
        let Some(theirs) = theirs else { return Ok(false) };
        let algorithm = theirs.algorithm;
        if Digest::of_file_beside(algorithm, local, Range::default()).await? == theirs {
            return Ok(true);
        }
        let last = self.control.last_boxed();
        Err(Error::Unproven { missing: Proof::Digest { algorithm }, moved, last, source: None })
    }
}
