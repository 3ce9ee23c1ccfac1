//! `cargo xtask tidy`: the house rules that neither rustc nor clippy checks, one rule a file.
//!
//! A rule sees one file at a time and says what to do about it, so it can be tested on a few lines
//! of text. It never repairs anything. Which files there are, git decides: `target` is no concern.

mod arrows;
mod code;
mod file;
mod file_name;
mod japanese;
mod length;
mod machine;
mod manifest;
mod module_doc;
mod no_unsafe;
mod white_space;

use std::fmt;
use std::process::ExitCode;

use self::file::File;
use crate::{Ending, takes_nothing};

/// A house rule: its name in the output, and the function that applies it to a file.
struct Rule {
    name: &'static str,
    check: fn(&File) -> Vec<Finding>,
}

/// Every rule. A new one is a row here and a module below this file.
const RULES: &[Rule] = &[
    Rule { name: "arrows", check: arrows::check },
    Rule { name: "module-doc", check: module_doc::check },
    Rule { name: "file-name", check: file_name::check },
    Rule { name: "length", check: length::check },
    Rule { name: "unsafe", check: no_unsafe::check },
    Rule { name: "white-space", check: white_space::check },
    Rule { name: "machine", check: machine::check },
    Rule { name: "japanese", check: japanese::check },
];

/// Something to do, and where.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    line: usize,
    advice: String,
    weight: Weight,
}

/// Whether a finding fails the run.
#[derive(Debug, PartialEq, Eq)]
enum Weight {
    Error,
    Warning,
}

impl Finding {
    fn error(line: usize, advice: impl Into<String>) -> Self {
        Self { line, advice: advice.into(), weight: Weight::Error }
    }

    fn warning(line: usize, advice: impl Into<String>) -> Self {
        Self { line, advice: advice.into(), weight: Weight::Warning }
    }
}

/// A finding with the file and the rule it belongs to: one line of output.
struct Report<'a> {
    path: &'a str,
    rule: &'static str,
    finding: Finding,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { line, advice, weight } = &self.finding;
        let mark = if *weight == Weight::Warning { "warning: " } else { "" };
        write!(out, "{}:{line}: {}: {mark}{advice}", self.path, self.rule)
    }
}

/// `cargo xtask tidy`.
pub(crate) fn run(arguments: &[String]) -> Ending {
    takes_nothing(arguments)?;
    let files = file::tracked()?;
    let reports = reports(&files);
    for report in &reports {
        println!("{report}");
    }
    let errors = reports.iter().filter(|report| report.finding.weight == Weight::Error).count();
    eprintln!("tidy: {} files, {errors} to mend", files.len());
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What every rule says about every file, in the order of the files.
fn reports(files: &[File]) -> Vec<Report<'_>> {
    let of_rule = |file, rule: &'static Rule| {
        let findings = (rule.check)(file);
        findings.into_iter().map(|finding| Report { path: &file.path, rule: rule.name, finding })
    };
    files.iter().flat_map(|file| RULES.iter().flat_map(move |rule| of_rule(file, rule))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_that_an_editor_can_follow() {
        let files = [File::new("src/lib.rs", "fn main() {} \n")];
        let lines: Vec<String> = reports(&files).iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("src/lib.rs:1: module-doc: "), "{}", lines[0]);
        assert!(lines[1].starts_with("src/lib.rs:1: white-space: "), "{}", lines[1]);
    }

    #[test]
    fn a_warning_says_that_it_is_one() {
        let finding = Finding::warning(7, "think");
        let report = Report { path: "a.rs", rule: "length", finding };
        assert_eq!(report.to_string(), "a.rs:7: length: warning: think");
    }

    #[test]
    fn a_tidy_file_gives_no_findings() {
        let files = [File::new("src/lib.rs", "//! A crate.\n\nfn main() {}\n")];
        assert!(reports(&files).is_empty());
    }
}
