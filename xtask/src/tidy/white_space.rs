//! Rule `white-space`: what cannot be seen should not differ.
//!
//! Files that a program wrote or that hold bytes as a peer sent them keep what they have: those
//! under a folder named `corpus` or `fixtures`.

use super::Finding;
use super::file::File;

/// Folders whose files are data.
const DATA: &[&str] = &["corpus", "fixtures"];

/// Applies the rule to a text file.
pub(super) fn check(file: &File) -> Vec<Finding> {
    if file.text.is_empty() || file.path.split('/').any(|part| DATA.contains(&part)) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        if line.ends_with(char::is_whitespace) {
            findings.push(Finding::error(number, "end the line where its text ends"));
        }
        if file.is_rust() && line.contains('\t') {
            findings.push(Finding::error(number, "indent with spaces; write a tab as \\t"));
        }
    }
    if !file.text.ends_with('\n') {
        findings.push(Finding::error(file.lines().count(), "end the file with a line break"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No line.
    const NONE: [usize; 0] = [];

    /// The lines of a file that are found.
    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&File::new(path, text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn clean_and_empty_files_pass() {
        assert_eq!(lines("a.rs", "//! A.\n\nfn a() {}\n"), NONE);
        assert_eq!(lines("a.md", ""), NONE);
    }

    #[test]
    fn trailing_blanks_and_carriage_returns_are_found() {
        assert_eq!(lines("a.md", "one \ntwo\nthree\r\n"), [1, 3]);
    }

    #[test]
    fn tabs_are_found_in_rust_only() {
        assert_eq!(lines("a.rs", "fn a() {\n\tb();\n}\n"), [2]);
        assert_eq!(lines("a.tsv", "a\tb\n"), NONE);
    }

    #[test]
    fn a_missing_last_line_break_is_found() {
        assert_eq!(lines("a.toml", "a = 1\nb = 2"), [2]);
    }

    #[test]
    fn bytes_of_a_peer_stay_as_they_are() {
        assert_eq!(lines("fuzz/corpus/line/noop", "NOOP \r\n"), NONE);
    }
}
