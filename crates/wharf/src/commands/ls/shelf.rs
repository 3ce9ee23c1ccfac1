//! Rows that wait to be printed in the order of their names, in one buffer: what is printed of an entry takes a few dozen
//! bytes, the entry itself some hundreds.

use std::io::{self, Write};

/// Ends a cell, and a row. What is printed has no control characters.
const CELL: u8 = b'\0';
const ROW: u8 = b'\n';

/// A row: its cells from left to right. All but the last have columns; the one before that holds a number and stands to
/// the right.
#[derive(Debug)]
pub(super) struct Cells(Vec<String>);

impl Cells {
    /// A row of these cells.
    pub(super) fn new(cells: impl Into<Vec<String>>) -> Self {
        Self(cells.into())
    }

    /// Writes the row in columns of these widths.
    pub(super) fn write(&self, out: &mut impl Write, widths: &[usize]) -> io::Result<()> {
        write_row(out, self.0.iter().map(String::as_str), self.0.len(), widths)
    }
}

fn write_row<'c>(
    out: &mut impl Write,
    cells: impl Iterator<Item = &'c str>,
    count: usize,
    widths: &[usize],
) -> io::Result<()> {
    for (nth, cell) in cells.enumerate() {
        let width = widths.get(nth).copied().unwrap_or(0);
        match count - nth {
            1 => write!(out, "{cell}")?,
            2 => write!(out, "{cell:>width$} ")?,
            _ => write!(out, "{cell:<width$} ")?,
        }
    }
    writeln!(out)
}

/// Rows by their names.
#[derive(Debug)]
pub(super) struct Shelf {
    /// How many bytes there may be.
    room: usize,
    /// One row behind the other: the length of the name, the name as the server has it, the cells.
    bytes: Vec<u8>,
    /// Where each row begins.
    rows: Vec<usize>,
    widths: Vec<usize>,
}

impl Shelf {
    /// One for rows of so many bytes.
    pub(super) fn new(room: usize) -> Self {
        Self { room, bytes: Vec::new(), rows: Vec::new(), widths: Vec::new() }
    }

    /// Puts a row here; tells whether there was room for it.
    pub(super) fn put(&mut self, name: &[u8], Cells(cells): &Cells) -> bool {
        // No row of a listing is as long as that.
        let Ok(length) = u32::try_from(name.len()) else { return true };
        if self.bytes.len() > self.room {
            return false;
        }
        self.rows.push(self.bytes.len());
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(name);
        self.widths.resize(cells.len(), 0);
        for (cell, width) in cells.iter().zip(&mut self.widths) {
            *width = cell.chars().count().max(*width);
            self.bytes.extend_from_slice(cell.as_bytes());
            self.bytes.push(CELL);
        }
        self.bytes.push(ROW);
        true
    }

    /// Writes all rows, sorted.
    pub(super) fn write(self, out: &mut impl Write) -> io::Result<()> {
        let Self { bytes, mut rows, widths, .. } = self;
        rows.sort_unstable_by(|one, other| {
            let by_name = parts(&bytes, *one).0.cmp(parts(&bytes, *other).0);
            by_name.then(one.cmp(other))
        });
        for row in rows {
            let cells = parts(&bytes, row).1.split(|byte| *byte == ROW).next().unwrap_or_default();
            let cells = cells.strip_suffix(&[CELL]).unwrap_or(cells).split(|byte| *byte == CELL);
            let cells = cells.map(|cell| std::str::from_utf8(cell).unwrap_or_default());
            write_row(out, cells, widths.len(), &widths)?;
        }
        Ok(())
    }
}

/// The name of the row that begins here, and all that is behind the name.
fn parts(bytes: &[u8], row: usize) -> (&[u8], &[u8]) {
    let row = bytes.get(row..).unwrap_or_default();
    let Some((length, row)) = row.split_first_chunk() else { return Default::default() };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    row.split_at_checked(length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_off_in_the_order_of_their_names_and_in_columns() {
        let mut shelf = Shelf::new(1000);
        for (name, owner, size) in [
            (&b"b\r"[..], "ann", "7"),
            (b"\xff\0", "日本語", "12345"),
            (b"a", "?", "-"),
            (b"a", "", "1"),
        ] {
            let cells = [owner, size, &name.escape_ascii().to_string()].map(str::to_owned);
            assert!(shelf.put(name, &Cells::new(cells)));
        }
        let mut out = Vec::new();
        shelf.write(&mut out).unwrap();
        let wanted = "?       - a\n        1 a\nann     7 b\\r\n日本語 12345 \\xff\\x00\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}
