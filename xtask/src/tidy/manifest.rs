//! A `Cargo.toml` read for its name and its dependencies, and for nothing else.
//!
//! Not a TOML parser: it follows the way our manifests are written, a key at the start of a line,
//! and knows every way in which Cargo lets a dependency be named there.

use super::file::File;

/// What a manifest says.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    /// The package, with the line that names it; nothing in a manifest that is only a workspace.
    pub(super) package: Option<(usize, String)>,
    /// What it depends on, in the order of the lines.
    pub(super) dependencies: Vec<Dependency>,
}

/// One dependency of a package.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dependency {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// When a dependency is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Build,
    Dev,
}

impl Manifest {
    /// Reads the file.
    pub(super) fn of(file: &File) -> Self {
        let mut manifest = Self::default();
        let mut section = Section::Other;
        let mut depth = 0;
        for (number, line) in file.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if depth == 0 && line.starts_with('[') {
                section = Section::of(line.trim_matches(['[', ']']));
                if let Section::Dependency(kind, name) = &section {
                    manifest.push(number, name, *kind);
                }
                continue;
            }
            if depth == 0 {
                manifest.read(&section, number, line);
            }
            manifest.rename(&section, line);
            depth += line.matches(['[', '{']).count();
            depth = depth.saturating_sub(line.matches([']', '}']).count());
        }
        manifest
    }

    /// Takes in a line that begins with a key.
    fn read(&mut self, section: &Section, number: usize, line: &str) {
        let Some((key, value)) = line.split_once('=') else { return };
        match section {
            Section::Package if key.trim() == "name" => {
                self.package = Some((number, unquoted(value).to_owned()));
            }
            Section::Dependencies(kind) => {
                let name = key.split('.').next().unwrap_or(key);
                self.push(number, unquoted(name), *kind);
            }
            _ => {}
        }
    }

    /// Gives the last dependency its true name if the line says that it goes under another.
    fn rename(&mut self, section: &Section, line: &str) {
        if !matches!(section, Section::Dependencies(_) | Section::Dependency(..)) {
            return;
        }
        let Some((_, value)) = line.split_once("package") else { return };
        let Some(value) = value.trim_start().strip_prefix('=') else { return };
        if let (Some(name), Some(last)) = (value.split('"').nth(1), self.dependencies.last_mut()) {
            name.clone_into(&mut last.name);
        }
    }

    fn push(&mut self, line: usize, name: &str, kind: Kind) {
        self.dependencies.push(Dependency { line, name: name.to_owned(), kind });
    }
}

/// The part of the manifest that a line is in.
#[derive(Debug)]
enum Section {
    Package,
    /// A table with a key a dependency.
    Dependencies(Kind),
    /// A table that is one dependency.
    Dependency(Kind, String),
    Other,
}

impl Section {
    /// The section under this heading, such as `target.'cfg(unix)'.dev-dependencies.tempfile`.
    fn of(heading: &str) -> Self {
        if heading == "package" {
            return Self::Package;
        }
        if heading.starts_with("workspace") {
            return Self::Other;
        }
        let kinds = [
            ("dev-dependencies", Kind::Dev),
            ("build-dependencies", Kind::Build),
            ("dependencies", Kind::Normal),
        ];
        let Some((word, kind)) = kinds.into_iter().find(|(word, _)| heading.contains(word)) else {
            return Self::Other;
        };
        match heading.rsplit_once(word) {
            Some((_, "")) => Self::Dependencies(kind),
            Some((_, name)) => {
                Self::Dependency(kind, unquoted(name.trim_start_matches('.')).to_owned())
            }
            None => Self::Other,
        }
    }
}

/// A bare or quoted word as the word itself.
fn unquoted(word: &str) -> &str {
    word.trim().trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dependencies of a manifest, without line numbers.
    fn dependencies(text: &str) -> Vec<(String, Kind)> {
        let manifest = Manifest::of(&File::new("Cargo.toml", text));
        manifest.dependencies.into_iter().map(|found| (found.name, found.kind)).collect()
    }

    fn owned(expected: &[(&str, Kind)]) -> Vec<(String, Kind)> {
        expected.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect()
    }

    #[test]
    fn the_package_has_a_name_and_a_line() {
        let manifest = Manifest::of(&File::new("Cargo.toml", "\n[package]\nname = \"wharf\"\n"));
        assert_eq!(manifest.package, Some((3, "wharf".to_owned())));
    }

    #[test]
    fn a_dependency_is_a_key_in_any_of_its_spellings() {
        let text = "[dependencies]\na = \"1\" # why\nb.workspace = true\n\"c\" = { path = \"c\" }\n\
                    d = { version = \"1\", features = [\n    \"e\",\n] }\nf = \"1\"\n";
        let expected = ["a", "b", "c", "d", "f"].map(|name| (name, Kind::Normal));
        assert_eq!(dependencies(text), owned(&expected));
    }

    #[test]
    fn the_heading_says_when_it_is_needed() {
        let text = "[dev-dependencies]\na = \"1\"\n[build-dependencies]\nb = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\nc = \"1\"\n\
                    [dev-dependencies.d]\nversion = \"1\"\n[features]\ne = []\n";
        let expected =
            [("a", Kind::Dev), ("b", Kind::Build), ("c", Kind::Normal), ("d", Kind::Dev)];
        assert_eq!(dependencies(text), owned(&expected));
    }

    #[test]
    fn a_dependency_under_another_name_is_known_by_its_own() {
        let text = "[dependencies]\na = { package = \"wharf-server\", path = \"x\" }\n\
                    [dependencies.b]\npackage = \"tokio\"\n";
        let expected = [("wharf-server", Kind::Normal), ("tokio", Kind::Normal)];
        assert_eq!(dependencies(text), owned(&expected));
    }

    #[test]
    fn the_versions_of_the_workspace_are_nobodys_dependencies() {
        assert_eq!(dependencies("[workspace.dependencies]\ntokio = \"1\"\n"), owned(&[]));
    }
}
