//! Rule `module-doc`: every Rust file opens with what it is and what it is not.

use super::Finding;
use super::file::File;

/// Applies the rule to a Rust file.
pub(super) fn check(file: &File) -> Vec<Finding> {
    let opening = file.text.lines().next().unwrap_or_default();
    let documented = opening.strip_prefix("//!").is_some_and(|doc| !doc.trim().is_empty());
    if !file.is_rust() || documented {
        return Vec::new();
    }
    vec![Finding::error(1, "open the file with `//!`: what it is, what it is not, which RFC")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doc_on_the_first_line_passes() {
        assert!(check(&File::new("a.rs", "//! What it is.\n")).is_empty());
        assert!(check(&File::new("a.md", "# What it is\n")).is_empty());
    }

    #[test]
    fn a_missing_empty_or_late_doc_is_found() {
        for text in ["", "fn main() {}\n", "//!\n", "// A remark.\n", "\n//! Late.\n"] {
            assert_eq!(check(&File::new("a.rs", text)).len(), 1, "{text:?}");
        }
    }
}
