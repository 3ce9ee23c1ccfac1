//! How many bytes a file has, and how many of them were moved: not the same where it was gone on with, or bytes came twice.

use super::{Fetched, Stored};
use crate::Copied;

/// How much of a file there is now, and how much of it was moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many bytes the file has; of one that was translated on its way, how many were moved.
    pub bytes: u64,
    /// How many bytes were moved.
    pub moved: u64,
}

impl Amount {
    /// That of a file all of whose bytes were moved, once.
    pub fn all(bytes: u64) -> Self {
        Self { bytes, moved: bytes }
    }
}

impl Fetched {
    /// How many bytes it has, and how many came.
    pub fn amount(&self) -> Amount {
        Amount { bytes: self.size.unwrap_or(self.moved), moved: self.moved }
    }
}

impl Stored {
    /// How many bytes it has, and how many went.
    pub fn amount(&self) -> Amount {
        Amount { bytes: self.size.unwrap_or(self.moved), moved: self.moved }
    }
}

impl Copied {
    /// How many bytes it has, and how many were moved, where that is known.
    pub fn amount(&self) -> Option<Amount> {
        self.moved.map(|moved| Amount { bytes: self.resumed_at + moved, moved })
    }
}
