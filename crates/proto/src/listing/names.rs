//! Rows of NLST: a name a line and nothing else (RFC 959 section 4.1.3, RFC 1123 section 4.1.2.7).
//!
//! Also the one question to ask of a name from a server before a local file is made of it. Where the
//! file then goes, and what names the local system cannot have, is the client's to decide.

use super::{without_end, write_name};

/// Appends a name and CR LF; CR, LF and NUL in it become `?`. Says whether it stands there as it is.
pub fn write(out: &mut Vec<u8>, name: &[u8]) -> bool {
    let as_it_is = write_name(out, name);
    out.extend_from_slice(b"\r\n");
    as_it_is
}

/// The name of a row, without its line end; `None` when the row is empty. Some servers give paths
/// instead of names, as asked or not; they are given as they are.
#[must_use]
pub fn read(row: &[u8]) -> Option<&[u8]> {
    Some(without_end(row)).filter(|name| !name.is_empty())
}

/// All names of a listing.
pub fn read_all(listing: &[u8]) -> impl Iterator<Item = &[u8]> {
    listing.split_inclusive(|&byte| byte == b'\n').filter_map(read)
}

/// Whether a name is that of something within a folder: not empty, not `.` or `..`, without slash and
/// NUL. A name from a server that is none must not become part of a local path.
#[must_use]
pub fn is_plain(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && memchr::memchr2(b'/', 0, name).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_and_read_a_line_each() {
        let mut out = Vec::new();
        write(&mut out, b" a b ");
        write(&mut out, b"\xE9\xFF");
        assert_eq!(out, b" a b \r\n\xE9\xFF\r\n");
        assert_eq!(read_all(&out).collect::<Vec<_>>(), [&b" a b "[..], b"\xE9\xFF"]);
    }

    #[test]
    fn rows_with_a_bare_lf_and_empty_rows_are_tolerated() {
        assert_eq!(read_all(b"a\n\r\n\nb").collect::<Vec<_>>(), [&b"a"[..], b"b"]);
        assert_eq!(read(b"\r\n"), None);
    }

    #[test]
    fn names_that_lead_out_of_a_folder_are_not_plain() {
        for name in [&b""[..], b".", b"..", b"/", b"a/b", b"../a", b"a\0"] {
            assert!(!is_plain(name), "{}", name.escape_ascii());
        }
        for name in [&b"a"[..], b"...", b" ", b".a", b"\xFF"] {
            assert!(is_plain(name), "{}", name.escape_ascii());
        }
    }
}
