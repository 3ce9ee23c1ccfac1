//! Which files of a tree are meant: patterns as in an ignore file of git.
//!
//! The last pattern that matches decides. One without a slash matches names in every folder, one with a slash in it
//! the path from the top; one with a slash at its end matches folders only. `*` and `?` stop at a slash, `**` does not.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

/// Why a pattern is none.
#[derive(Debug, thiserror::Error)]
#[error("{pattern}: {source}")]
pub struct BadPattern {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    source: globset::Error,
}

/// Which files of a tree are meant; all, without a pattern.
///
/// ```
/// use wharf_client::Filter;
/// let filter = Filter::new(&["*.log", "/build/"], &["keep.log"])?;
/// assert!(filter.takes(b"src/main.rs", false) && filter.takes(b"a/keep.log", false));
/// assert!(!filter.takes(b"a/x.log", false) && !filter.takes(b"build", true));
/// # Ok::<(), wharf_client::BadPattern>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Filter {
    rules: Vec<Rule>,
    /// Whether a file that no pattern matches is left out: there are patterns for what is meant, and none for what
    /// is not.
    strict: bool,
}

#[derive(Clone, Debug)]
struct Rule {
    takes: bool,
    folders_only: bool,
    /// Whether it is matched with the name alone.
    name_only: bool,
    glob: GlobMatcher,
}

impl Filter {
    /// A filter that leaves out what one of `exclude` matches, unless one of `include` matches too; with `include`
    /// alone it takes just that.
    ///
    /// # Errors
    /// A pattern is malformed.
    pub fn new(
        exclude: &[impl AsRef<str>],
        include: &[impl AsRef<str>],
    ) -> Result<Self, BadPattern> {
        let mut filter =
            Self { rules: Vec::new(), strict: exclude.is_empty() && !include.is_empty() };
        for (patterns, takes) in [(Self::strs(exclude), false), (Self::strs(include), true)] {
            for pattern in patterns {
                filter.rules.push(Rule::parse(pattern, takes)?);
            }
        }
        Ok(filter)
    }

    fn strs(patterns: &[impl AsRef<str>]) -> Vec<&str> {
        patterns.iter().map(AsRef::as_ref).collect()
    }

    /// The same behind the lines of an ignore file: `#` begins a comment, `!` a pattern of what is meant after all.
    ///
    /// # Errors
    /// A pattern is malformed.
    pub fn behind(mut self, ignore_file: &str) -> Result<Self, BadPattern> {
        let lines = ignore_file.lines().map(str::trim_end);
        let meant = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut rules = Vec::new();
        for line in meant {
            rules.push(match line.strip_prefix('!') {
                Some(pattern) => Rule::parse(pattern, true)?,
                None => Rule::parse(line, false)?,
            });
        }
        self.strict &= rules.is_empty();
        rules.append(&mut self.rules);
        Ok(Self { rules, ..self })
    }

    /// Whether what is at this path below the top is meant. Of a folder that is not, nothing is.
    pub fn takes(&self, below: &[u8], folder: bool) -> bool {
        let decides = self.rules.iter().rev().find(|rule| rule.matches(below, folder));
        decides.map_or(folder || !self.strict, |rule| rule.takes)
    }
}

impl Rule {
    fn parse(pattern: &str, takes: bool) -> Result<Self, BadPattern> {
        let (glob, folders_only) = match pattern.strip_suffix('/') {
            Some(glob) => (glob, true),
            None => (pattern, false),
        };
        let name_only = !glob.contains('/');
        let bad = |source| BadPattern { pattern: pattern.to_owned(), source };
        let glob = GlobBuilder::new(glob.strip_prefix('/').unwrap_or(glob))
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(bad)?;
        Ok(Self { takes, folders_only, name_only, glob: glob.compile_matcher() })
    }

    fn matches(&self, below: &[u8], folder: bool) -> bool {
        let name = || below.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let shown = if self.name_only { name() } else { below };
        (folder || !self.folders_only) && self.glob.is_match(Path::new(OsStr::from_bytes(shown)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let none: [&str; 0] = [];
        let filter = Filter::new(&["*.o"], &["a/x.o"])
            .unwrap()
            .behind("# built\n/out/\n!keep\n*.tmp \n")
            .unwrap();
        for (path, folder, taken) in [
            ("x.c", false, true),
            ("x.o", false, false),
            ("a/b/x.o", false, false),
            ("a/x.o", false, true),
            ("out", true, false),
            ("out", false, true),
            ("a/out", true, true),
            ("y.tmp", false, false),
            ("keep", false, true),
        ] {
            assert_eq!(filter.takes(path.as_bytes(), folder), taken, "{path}");
        }
        let only = Filter::new(&none, &["*.rs"]).unwrap();
        assert!(
            only.takes(b"src", true)
                && only.takes(b"src/a.rs", false)
                && !only.takes(b"a.c", false)
        );
        assert!(Filter::new(&["["], &none).is_err());
        assert!(Filter::default().takes(b"x", false));
    }

    #[test]
    fn one_star_stops_at_a_slash_and_two_do_not() {
        let filter = Filter::new(&["a/*.o", "b/**/c", "d/**"], &[""; 0]).unwrap();
        for (path, taken) in [
            ("a/x.o", false),
            ("a/b/x.o", true),
            ("b/x/y/c", false),
            ("b/c", false),
            ("d/x/y", false),
            ("d", true),
        ] {
            assert_eq!(filter.takes(path.as_bytes(), false), taken, "{path}");
        }
    }
}
