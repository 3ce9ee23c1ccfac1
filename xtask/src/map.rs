//! `cargo xtask map`: writes `docs/COMMANDS.md` from the verb table.
//!
//! One row a verb: what it takes, what it may answer, where it is handled and which tests mention it. A verb
//! that no test mentions is an error: there is no row without a test. With `--check` nothing is written, and
//! a page that is not what would be written is an error.

use crate::Ending;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use wharf_proto::verb::{Gate, Opens, Row, Status, Theme, VERBS};

const PAGE: &str = "docs/COMMANDS.md";

/// Where the tests are that mention verbs: dialogues as data first, then real sockets.
const TESTS: &[(&str, &str)] =
    &[("crates/proto/tests/ladders", "ladder"), ("crates/server/tests/real", "rs")];

const HEAD: &str = "\
# Commands

Generated from the verb table by `cargo xtask map`; do not edit. Replies that any verb may have are not
repeated: 421, 500, 501, and 530 where a login is needed. A verb marked *refused* is known and answered 502.

| verb | takes | needs | replies | what it does | RFC | handled in | tests |
| --- | --- | --- | --- | --- | --- | --- | --- |
";

/// Runs the chore.
pub(crate) fn run(arguments: &[String]) -> Ending {
    let check = match arguments {
        [] => false,
        [word] if word == "--check" => true,
        _ => return Err("takes --check or nothing".into()),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?;
    let tests = read_tests(root)?;
    let page = page(&tests)?;
    if !check {
        fs::write(root.join(PAGE), page)?;
    } else if fs::read_to_string(root.join(PAGE)).ok().as_deref() != Some(&page) {
        return Err(format!("{PAGE} is not up to date; run `cargo xtask map`").into());
    }
    Ok(ExitCode::SUCCESS)
}

/// The tests' names and texts, in a fixed order.
fn read_tests(root: &Path) -> std::io::Result<Vec<(String, String)>> {
    let mut tests = Vec::new();
    for (folder, ending) in TESTS {
        for entry in fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|found| found == *ending) {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                tests.push((name, fs::read_to_string(&path)?));
            }
        }
    }
    tests.sort();
    Ok(tests)
}

fn page(tests: &[(String, String)]) -> Result<String, String> {
    let untested = VERBS.iter().filter(|row| mentioning(row, tests).is_empty());
    let untested: Vec<&str> = untested.map(|row| row.name).collect();
    if !untested.is_empty() {
        return Err(format!("no test mentions {}", untested.join(", ")));
    }
    let mut page = HEAD.to_owned();
    for row in &VERBS {
        let mentioned = mentioning(row, tests);
        let replies = row.replies.iter().map(u16::to_string).collect::<Vec<_>>().join(" ");
        let usage = row.usage().trim().replace('|', "\\|");
        let (needs, handled) = (needs(row), handler(row));
        writeln!(
            page,
            "| {}{} | {usage} | {needs} | {replies} | {} | {} | {handled} | {} |",
            row.name,
            row.aliases.iter().map(|alias| format!(", {alias}")).collect::<String>(),
            row.help,
            row.rfc,
            mentioned.join(", "),
        )
        .map_err(|error| error.to_string())?;
    }
    Ok(page)
}

/// The tests in which the verb is sent: `> VERB` in a ladder, `"VERB` in code. Three are enough to begin with.
fn mentioning(row: &Row, tests: &[(String, String)]) -> Vec<String> {
    let sent = |text: &str| {
        [format!("> {}", row.name), format!("\"{}", row.name)].iter().any(|wanted| {
            text.match_indices(wanted.as_str()).any(|(at, _)| {
                let behind = text[at + wanted.len()..].chars().next();
                behind.is_none_or(|c| !c.is_ascii_alphanumeric())
            })
        })
    };
    let mut names: Vec<String> =
        tests.iter().filter(|(_, text)| sent(text)).map(|(name, _)| name.clone()).collect();
    names.dedup();
    names.truncate(3);
    names
}

fn needs(row: &Row) -> String {
    let right = match row.gate {
        Gate::Open => "nothing".to_owned(),
        Gate::Login => "a login".to_owned(),
        Gate::Right(right) => format!("{right:?}").to_lowercase(),
    };
    let data = match row.opens {
        Opens::Nothing => "",
        Opens::ToClient => ", data to the client",
        Opens::ToServer => ", data from the client",
    };
    format!("{right}{data}{}", if row.urgent { ", urgent" } else { "" })
}

fn handler(row: &Row) -> String {
    let file = match row.theme {
        Theme::Access => "access",
        Theme::Parameters => "parameters",
        Theme::Transfer => "transfer",
        Theme::Files => "files",
        Theme::Info => "info",
        Theme::Extended => "extended",
        Theme::Security => "security",
    };
    match row.status {
        Status::Done => format!("`server/{file}.rs`"),
        Status::Refused => "*refused*".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_is_found_in_ladders_and_in_code_and_not_in_longer_words() {
        let tests =
            [("a".to_owned(), "> RETR x |".to_owned()), ("b".to_owned(), "\"RETRX\"".to_owned())];
        let row = VERBS.iter().find(|row| row.name == "RETR").unwrap();
        assert_eq!(mentioning(row, &tests), ["a"]);
    }
}
