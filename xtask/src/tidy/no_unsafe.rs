//! Rule `unsafe`: the word stands in no file but the few that have a reason to use it.
//!
//! The lint `unsafe_code` can be lifted by an attribute in any file; this list cannot.

use super::file::File;
use super::{Finding, code};

/// Where it may stand: what talks to the kernel in ways that no safe wrapper offers.
const MAY: &[&str] = &["crates/server/src/data/kernel.rs"];

/// Applies the rule to a Rust file.
pub(super) fn check(file: &File) -> Vec<Finding> {
    if !file.is_rust() || MAY.contains(&file.path.as_str()) {
        return Vec::new();
    }
    let code = code::only(&file.text);
    let lines = (1..).zip(code.lines()).filter(|(_, line)| code::has_word(line, "unsafe"));
    lines.map(|(line, _)| Finding::error(line, "find a safe wrapper; rustix has most")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USED: &str = "//! Doc.\nfn f() {\n    unsafe { g() }\n}\n";

    #[test]
    fn the_word_in_code_is_found() {
        assert_eq!(check(&File::new("crates/proto/src/line.rs", USED))[0].line, 3);
        assert_eq!(check(&File::new("a.rs", "#[unsafe(no_mangle)]\n")).len(), 1);
    }

    #[test]
    fn the_listed_file_may_use_it() {
        assert!(check(&File::new(MAY[0], USED)).is_empty());
    }

    #[test]
    fn the_word_in_prose_strings_and_lint_names_passes() {
        let text = "//! No unsafe.\n#![forbid(unsafe_code)]\nconst A: &str = \"unsafe\";\n";
        assert!(check(&File::new("a.rs", text)).is_empty());
    }
}
