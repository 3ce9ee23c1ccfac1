//! Rule `arrows`: which of our crates may see which, and what each must do without.
//!
//! `proto <- server, client, ladder <- wharf`, and `testkit` beside them for tests. The boundary of
//! a crate is the only rule about design that does not wear away, so the manifests are checked.

use super::Finding;
use super::file::File;
use super::manifest::{Dependency, Kind, Manifest};

/// A crate of ours and the crates of ours that it may depend on.
struct Crate {
    name: &'static str,
    sees: &'static [&'static str],
}

/// The arrows. A new crate is a row here, with a reason in the commit that adds it.
const CRATES: &[Crate] = &[
    Crate { name: "wharf-proto", sees: &[] },
    Crate { name: "wharf-server", sees: &["wharf-proto"] },
    Crate { name: "wharf-client", sees: &["wharf-proto"] },
    Crate { name: "wharf-ladder", sees: &["wharf-proto"] },
    Crate { name: "wharf", sees: &["wharf-proto", "wharf-server", "wharf-client", "wharf-ladder"] },
    Crate { name: TESTKIT, sees: &["wharf-proto"] },
    Crate { name: "wharf-counted", sees: &["wharf-ladder", "wharf-proto"] },
    Crate { name: "wharf-fuzz", sees: &[TESTKIT, "wharf-ladder"] },
    Crate { name: "xtask", sees: &["wharf-proto", "wharf-ladder"] },
];

/// Tests may use it, and what has it in its row; nothing that ships may.
const TESTKIT: &str = "wharf-testkit";

/// All that proto may be built from: no runtime, socket, file or clock.
const PROTO_MAY_USE: &[&str] = &["encoding_rs", "flate2", "ipnet", "jiff", "memchr", "thiserror"];

/// The crates that may wrap any error as text; a library says which errors it has.
const ANYHOW_USERS: &[&str] = &["wharf", "xtask"];

/// Applies the rule to a manifest.
pub(super) fn check(file: &File) -> Vec<Finding> {
    if file.name() != "Cargo.toml" {
        return Vec::new();
    }
    let manifest = Manifest::of(file);
    let Some((line, name)) = manifest.package else { return Vec::new() };
    let Some(package) = ours(&name) else {
        let advice = format!("give `{name}` a row in xtask/src/tidy/arrows.rs");
        return vec![Finding::error(line, advice)];
    };
    let objections = |dependency: &Dependency| {
        let advice = objection(package, dependency)?;
        Some(Finding::error(dependency.line, advice))
    };
    manifest.dependencies.iter().filter_map(objections).collect()
}

/// What is wrong with a dependency, if anything.
fn objection(package: &Crate, dependency: &Dependency) -> Option<String> {
    let (user, used) = (package.name, dependency.name.as_str());
    if used == TESTKIT {
        let shipped = dependency.kind != Kind::Dev && !package.sees.contains(&TESTKIT);
        return shipped.then(|| format!("move `{used}` to [dev-dependencies]"));
    }
    if ours(used).is_some() {
        let seen = package.sees.contains(&used);
        return (!seen).then(|| format!("`{user}` must not see `{used}`: move the code instead"));
    }
    if user == "wharf-proto" && dependency.kind != Kind::Dev && !PROTO_MAY_USE.contains(&used) {
        return Some(format!("keep `{used}` out of `{user}`, which does no IO"));
    }
    if used == "anyhow" && !ANYHOW_USERS.contains(&user) {
        return Some(format!("give `{user}` an error enum instead of `anyhow`"));
    }
    None
}

/// The row of a crate, if it is one of ours.
fn ours(name: &str) -> Option<&'static Crate> {
    CRATES.iter().find(|row| row.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No line.
    const NONE: [usize; 0] = [];

    /// The lines that a manifest of this package and these lines is told to change.
    fn lines(package: &str, body: &str) -> Vec<usize> {
        let text = format!("[package]\nname = \"{package}\"\n{body}");
        check(&File::new("x/Cargo.toml", text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn the_arrows_as_designed_pass() {
        for user in ["wharf-server", "wharf-client", "wharf-ladder", "wharf-testkit", "wharf"] {
            assert_eq!(lines(user, "[dependencies]\nwharf-proto.workspace = true\n"), NONE);
        }
        let all = "[dependencies]\nwharf-server.workspace = true\nwharf-client.workspace = true\n\
                   wharf-ladder.workspace = true\n";
        assert_eq!(lines("wharf", all), NONE);
    }

    #[test]
    fn an_arrow_sideways_or_back_is_found_in_any_section() {
        assert_eq!(lines("wharf-server", "[dependencies]\nwharf-client.workspace = true\n"), [4]);
        assert_eq!(lines("wharf-client", "[dev-dependencies]\nwharf-server = \"1\"\n"), [4]);
        assert_eq!(lines("wharf-proto", "[dependencies]\nwharf-server.workspace = true\n"), [4]);
        assert_eq!(lines("wharf-ladder", "[dependencies]\nwharf.workspace = true\n"), [4]);
        assert_eq!(lines("wharf-testkit", "[dependencies]\nwharf-server = \"1\"\n"), [4]);
        assert_eq!(lines("xtask", "[dependencies]\nwharf-server.workspace = true\n"), [4]);
    }

    #[test]
    fn testkit_is_for_tests() {
        let line = "wharf-testkit.workspace = true\n";
        assert_eq!(lines("wharf-proto", &format!("[dev-dependencies]\n{line}")), NONE);
        assert_eq!(lines("wharf-server", &format!("[dependencies]\n{line}")), [4]);
        assert_eq!(lines("wharf-fuzz", &format!("[dependencies]\n{line}")), NONE);
    }

    #[test]
    fn proto_is_built_from_a_short_list() {
        assert_eq!(lines("wharf-proto", "[dependencies]\nmemchr.workspace = true\n"), NONE);
        assert_eq!(lines("wharf-proto", "[dev-dependencies]\nproptest.workspace = true\n"), NONE);
        assert_eq!(lines("wharf-proto", "[dependencies]\njiff = \"0.2\"\ntokio = \"1\"\n"), [5]);
    }

    #[test]
    fn anyhow_stays_in_the_binary() {
        assert_eq!(lines("wharf", "[dependencies]\nanyhow.workspace = true\n"), NONE);
        assert_eq!(lines("wharf-client", "[dependencies]\nanyhow.workspace = true\n"), [4]);
    }

    #[test]
    fn a_crate_nobody_listed_is_found_and_a_bare_workspace_is_not() {
        assert_eq!(lines("wharf-cloud", ""), [2]);
        assert!(check(&File::new("Cargo.toml", "[workspace]\nmembers = []\n")).is_empty());
    }
}
