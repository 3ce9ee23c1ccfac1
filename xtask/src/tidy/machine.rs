//! Rule `machine`: nothing here says on which machine it was written, or where to fetch from.
//!
//! An absolute path of one person's machine is wrong on every other. Where packages come from is
//! the user's choice, made in Cargo's and pip's own settings.

use super::Finding;
use super::file::File;

/// Folders that belong to a machine. In pieces, so that this file passes its own rule.
const FOLDERS: &[&str] = &[concat!("/", "work/"), concat!("/", "root/"), concat!("/", "home/")];

/// Names of package registries.
const REGISTRIES: &[&str] =
    &[concat!("crates", ".io"), concat!("pypi", ".org"), concat!("npm", "js")];

/// Applies the rule to a text file. A lock file names its registry, and must.
pub(super) fn check(file: &File) -> Vec<Finding> {
    if file.name() == "Cargo.lock" {
        return Vec::new();
    }
    file.lines().filter_map(|(number, line)| Some(Finding::error(number, advice(line)?))).collect()
}

/// What to do about a line, if anything.
fn advice(line: &str) -> Option<String> {
    if let Some(folder) = FOLDERS.iter().find(|folder| starts_there(line, folder)) {
        return Some(format!("take `{folder}` out: it is on one machine only"));
    }
    let registry = REGISTRIES.iter().find(|name| line.contains(*name))?;
    Some(format!("leave `{registry}` to the settings of the package manager"))
}

/// Whether an absolute path into this folder is on the line, and not one that passes through a
/// folder of the same name, as `ftp://host` and `$HOME` followed by it do.
fn starts_there(line: &str, folder: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || "/._-~*}>)]".contains(c);
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(goes_on))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many lines of a file are found.
    fn found(path: &str, text: &str) -> usize {
        check(&File::new(path, text)).len()
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        for folder in FOLDERS {
            assert_eq!(found("a.md", &format!("see {folder}notes.txt\n")), 1);
            assert_eq!(found("a.rs", &format!("open(\"{folder}x\")\n")), 1);
        }
    }

    #[test]
    fn a_folder_on_the_way_passes() {
        for folder in FOLDERS {
            assert_eq!(found("a.md", &format!("ftp://host{folder}alice, $HOME{folder}x\n")), 0);
            assert_eq!(found("a.md", &format!("crates{folder}x and /srv{folder}x\n")), 0);
        }
        assert_eq!(found("a.md", "the network/worker, a /rooted tree\n"), 0);
    }

    #[test]
    fn a_registry_is_found_everywhere_but_in_a_lock_file() {
        for registry in REGISTRIES {
            let text = format!("https://{registry}/wharf\n");
            assert_eq!(found("README.md", &text), 1);
            assert_eq!(found("fuzz/Cargo.lock", &text), 0);
        }
    }
}
