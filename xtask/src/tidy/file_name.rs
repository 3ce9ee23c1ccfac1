//! Rule `file-name`: a file is named after what is in it, so that there is no drawer for the rest.

use super::Finding;
use super::file::File;

/// Names that say nothing.
const SAY_NOTHING: &[&str] = &["misc", "common", "util", "utils", "helper", "helpers"];

/// Applies the rule to a file and to the folders it is in.
pub(super) fn check(file: &File) -> Vec<Finding> {
    let parts = file.path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
    let empty = parts.filter(|part| SAY_NOTHING.contains(part));
    empty.map(|name| Finding::error(1, format!("name `{name}` after what is in it"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_says_something_passes() {
        for path in ["crates/proto/src/verb.rs", "docs/common.md", "src/commonplace.rs"] {
            assert!(check(&File::new(path, "")).is_empty(), "{path}");
        }
    }

    #[test]
    fn a_name_that_says_nothing_is_found_as_file_and_as_folder() {
        for path in ["src/misc.rs", "tests/common/mod.rs", "src/utils/paths.rs", "src/helper.rs"] {
            assert_eq!(check(&File::new(path, "")).len(), 1, "{path}");
        }
    }
}
