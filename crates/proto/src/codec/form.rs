//! How a file on the disk tells that it has a structure: by its first eight bytes. Any other file is
//! plain.

use super::frame::split_front;

/// The first eight bytes of a file of records.
pub(super) static RECORDS: [u8; 8] = *b"\x93WREC\r\n\x1a";

/// The first eight bytes of a file of pages.
pub(super) static PAGES: [u8; 8] = *b"\x93WPAG\r\n\x1a";

/// Looks at the beginning of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beginning {
    form: &'static [u8; 8],
    matched: usize,
}

/// What a file has turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Plain; and it began with these bytes, which have been taken.
    Plain(&'static [u8]),
    /// In the form looked for. Its first eight bytes have been taken.
    Structured,
}

impl Beginning {
    /// Nothing has been seen yet; the form begins with these bytes.
    pub(super) const fn new(form: &'static [u8; 8]) -> Self {
        Self { form, matched: 0 }
    }

    /// Takes bytes of the file until it is known what it is.
    pub(super) fn look(&mut self, local: &mut &[u8]) -> Option<Form> {
        while let Some(expected) = self.form.get(self.matched) {
            if local.first()? != expected {
                return Some(Form::Plain(self.taken()));
            }
            split_front(local, 1);
            self.matched += 1;
        }
        Some(Form::Structured)
    }

    /// The bytes that have been taken. When the file has ended with them, it is plain.
    pub(super) fn taken(&self) -> &'static [u8] {
        self.form.get(..self.matched).unwrap_or_default()
    }
}
