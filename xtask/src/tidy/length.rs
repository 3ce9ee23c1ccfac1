//! Rule `length`: a Rust file that has grown too long wants to be two, its tests included.

use super::Finding;
use super::file::File;

/// Above this many lines a file is on its way to being too long.
const LONG: usize = 600;

/// Above this many it is.
const TOO_LONG: usize = 700;

/// Applies the rule to a Rust file.
pub(super) fn check(file: &File) -> Vec<Finding> {
    let length = file.lines().count();
    if !file.is_rust() || length <= LONG {
        return Vec::new();
    }
    let advice = format!("{length} lines: split it by RFC paragraph or by theme, below {LONG}");
    let finding = if length > TOO_LONG { Finding::error } else { Finding::warning };
    vec![finding(length, advice)]
}

#[cfg(test)]
mod tests {
    use super::super::Weight;
    use super::*;

    /// What a Rust file of so many lines is told.
    fn weight(lines: usize) -> Option<Weight> {
        let found = check(&File::new("a.rs", "x\n".repeat(lines)));
        found.into_iter().next().map(|finding| finding.weight)
    }

    #[test]
    fn a_file_is_fine_then_long_then_too_long() {
        assert_eq!(weight(600), None);
        assert_eq!(weight(601), Some(Weight::Warning));
        assert_eq!(weight(700), Some(Weight::Warning));
        assert_eq!(weight(701), Some(Weight::Error));
    }

    #[test]
    fn prose_may_be_long() {
        assert!(check(&File::new("a.md", "x\n".repeat(2000))).is_empty());
    }
}
