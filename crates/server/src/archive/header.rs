//! The header of an entry in a tar file: a ustar block, and the pax records before it for what does not fit
//! (POSIX.1-2001, "pax Interchange Format").
//!
//! Writing only, and of no more types than an archive of ours has. The prefix field is not used: a `path`
//! record says more. Owners are not written.

/// What tar counts in.
pub(super) const BLOCK: usize = 512;

// The types of entries.
pub(super) const FILE: u8 = b'0';
pub(super) const LINK: u8 = b'2';
pub(super) const FOLDER: u8 = b'5';
const RECORDS: u8 = b'x';

/// What the header of an entry says.
pub(super) struct Header<'h> {
    pub(super) kind: u8,
    pub(super) name: &'h [u8],
    pub(super) target: &'h [u8],
    pub(super) size: u64,
    pub(super) modified: i64,
    pub(super) mode: Option<u32>,
}

impl<'h> Header<'h> {
    pub(super) fn new(name: &'h [u8], kind: u8) -> Self {
        Self { kind, name, target: b"", size: 0, modified: 0, mode: None }
    }

    /// Appends the header, behind the pax records that it needs.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let records = self.records();
        if !records.is_empty() {
            let size = records.len() as u64;
            Header { size, ..Header::new(b"././@PaxHeader", RECORDS) }.write_block(out);
            out.extend_from_slice(&records);
            out.resize(out.len() + padding(size), 0);
        }
        self.write_block(out);
    }

    /// What the block cannot say.
    fn records(&self) -> Vec<u8> {
        let mut records = Vec::new();
        let plain = |text: &[u8]| text.len() <= 100 && text.is_ascii();
        if [self.name, self.target].iter().any(|text| str::from_utf8(text).is_err()) {
            record(&mut records, "hdrcharset", b"BINARY");
        }
        if !plain(self.name) {
            record(&mut records, "path", self.name);
        }
        if !plain(self.target) {
            record(&mut records, "linkpath", self.target);
        }
        if octal::<12>(self.size).is_none() {
            record(&mut records, "size", self.size.to_string().as_bytes());
        }
        if u64::try_from(self.modified).ok().and_then(octal::<12>).is_none() {
            record(&mut records, "mtime", self.modified.to_string().as_bytes());
        }
        records
    }

    /// Appends the block itself. What does not fit is cut or zero, and in the records.
    fn write_block(&self, out: &mut Vec<u8>) {
        let usual = if self.kind == FOLDER { 0o755 } else { 0o644 };
        let mode = u64::from(self.mode.unwrap_or(usual) & 0o777);
        let modified = u64::try_from(self.modified).unwrap_or(0);
        let start = out.len();
        text(out, self.name, 100);
        for number in [mode, 0, 0] {
            out.extend(octal::<8>(number).unwrap_or(*b"0000000\0"));
        }
        for number in [self.size, modified] {
            out.extend(octal::<12>(number).unwrap_or(*b"00000000000\0"));
        }
        // The sum of all bytes, counted with spaces in its own place.
        let sum = out.len();
        text(out, b"        ", 8);
        out.push(self.kind);
        text(out, self.target, 100);
        out.extend_from_slice(b"ustar\x0000");
        // Owner's and group's names, none.
        text(out, b"", 64);
        out.extend_from_slice(b"0000000\x000000000\0");
        // The prefix, which the path record makes needless.
        out.resize(start + BLOCK, 0);
        let total = out.iter().skip(start).map(|&byte| u64::from(byte)).sum();
        let digits = octal::<7>(total).unwrap_or_default();
        for (place, digit) in out.iter_mut().skip(sum).zip(digits) {
            *place = digit;
        }
    }
}

/// Appends a text, cut or filled with NULs to its field.
fn text(out: &mut Vec<u8>, text: &[u8], field: usize) {
    let end = out.len() + field;
    out.extend(text.iter().take(field));
    out.resize(end, 0);
}

/// A number in octal digits and a NUL, `None` where it does not fit.
fn octal<const FIELD: usize>(number: u64) -> Option<[u8; FIELD]> {
    let (mut digits, mut rest) = ([0; FIELD], number);
    for place in digits.iter_mut().rev().skip(1) {
        let [low, ..] = (rest % 8).to_le_bytes();
        (*place, rest) = (b'0' + low, rest / 8);
    }
    (rest == 0).then_some(digits)
}

/// Appends a pax record: its whole length in decimal, that number included, a space, key, `=`, value, LF.
fn record(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(format!("{length} {key}=").as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// How many bytes are missing to a whole block.
pub(super) fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    (BLOCK - over) % BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_of_eight_gib_is_in_a_record() {
        for (size, expected) in [((8 << 30) - 1, None), (8 << 30, Some("19 size=8589934592\n"))] {
            let mut out = Vec::new();
            Header { size, ..Header::new(b"a", FILE) }.write(&mut out);
            let found =
                expected.map(|record| out.windows(record.len()).any(|at| at == record.as_bytes()));
            assert_ne!(found, Some(false));
            assert_eq!(out.len(), if expected.is_some() { 3 * BLOCK } else { BLOCK });
            let entry_size = tar::Archive::new(out.as_slice())
                .entries()
                .unwrap()
                .next()
                .unwrap()
                .unwrap()
                .size();
            assert_eq!(entry_size, size);
        }
    }

    #[test]
    fn a_record_counts_its_own_length() {
        for length in (0..120).chain(980..1010) {
            let mut out = Vec::new();
            record(&mut out, "path", &vec![b'x'; length]);
            let digits = out.split(|&byte| byte == b' ').next().unwrap();
            assert_eq!(str::from_utf8(digits).unwrap().parse(), Ok(out.len()));
        }
    }
}
