//! Where the shell's lines come from: a terminal with line editing and history, or a pipe.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Context;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor, ExternalPrinter};
use wharf_proto::Text;

use super::complete::Completion;
use super::jobs::Gauge;
use super::link::Link;
use super::table::{self, Typed};
use super::{expanded, words};
use crate::exit::Usage;
use crate::settings::state_file;
use crate::terminal;

/// How long a line of a script may be.
const LONGEST: u64 = 64 * 1024;

/// A line, or why there is none.
#[derive(Debug)]
pub(crate) enum Input {
    /// A line without its end.
    Line(String),
    /// One that is no line of a shell.
    Unreadable(Usage),
    /// Ctrl-C at the prompt.
    Cancelled,
    /// The end.
    End,
}

/// A source of lines.
pub(crate) enum Lines {
    /// A person.
    Terminal {
        /// Edits and remembers.
        editor: Box<Editor<Completion, FileHistory>>,
        /// Where the history is kept between sessions.
        history: Option<PathBuf>,
        /// Stands below the line while jobs run.
        gauge: Option<Arc<Gauge>>,
        /// The lines behind the first of several that were pasted.
        pasted: VecDeque<String>,
    },
    /// A pipe or a file.
    Pipe,
}

impl Lines {
    /// Standard input; Tab asks over this link.
    pub(crate) fn open(link: Rc<Link>) -> anyhow::Result<Self> {
        if !terminal::is_interactive() {
            return Ok(Self::Pipe);
        }
        let config =
            Config::builder().auto_add_history(false).completion_type(CompletionType::List);
        // No colours are given out; what is so called here draws the gauge as well.
        let config = config.color_mode(ColorMode::Forced).build();
        let gauge = link.gauge.clone();
        let mut editor = Editor::with_config(config).context("cannot use the terminal")?;
        editor.set_helper(Some(Completion::new(link)));
        let history = state_file("history");
        if let Some(file) = &history {
            // There is none the first time.
            let _ = editor.load_history(file);
        }
        let pasted = VecDeque::new();
        Ok(Self::Terminal { editor: Box::new(editor), history, gauge, pasted })
    }

    /// Whether a person types.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Terminal { .. })
    }

    /// What can write above the line that is being edited, where there is one.
    pub(crate) fn printer(&mut self) -> Option<impl ExternalPrinter + Send + use<>> {
        match self {
            Self::Terminal { editor, .. } => editor.create_external_printer().ok(),
            Self::Pipe => None,
        }
    }

    /// The next line. In a pipe there is nobody to prompt.
    pub(crate) fn next(&mut self, prompt: &str) -> anyhow::Result<Input> {
        match self {
            Self::Terminal { editor, gauge, pasted, .. } => {
                if let Some(line) = pasted.pop_front() {
                    terminal::say(format_args!("{prompt}{line}"));
                    return Ok(Input::Line(line));
                }
                if let Some(gauge) = gauge {
                    gauge.look();
                    gauge.edits(true);
                }
                let read = editor.readline(prompt);
                if let Some(gauge) = gauge {
                    gauge.edits(false);
                }
                match read {
                    Ok(lines) => {
                        let mut lines = lines.lines().map(str::to_owned);
                        let line = lines.next().unwrap_or_default();
                        pasted.extend(lines);
                        Ok(Input::Line(line))
                    }
                    Err(ReadlineError::Interrupted) => Ok(Input::Cancelled),
                    Err(ReadlineError::Eof) => {
                        terminal::say("");
                        Ok(Input::End)
                    }
                    Err(error) => Err(error).context("cannot read from the terminal"),
                }
            }
            Self::Pipe => {
                let line = match terminal::read_line(LONGEST) {
                    Ok(Some(line)) => String::from_utf8(line),
                    Ok(None) => return Ok(Input::End),
                    Err(error) => return error.downcast().map(Input::Unreadable),
                };
                // It may be a password, so it is not shown.
                let no_text = |_| Usage("a line of standard input is not UTF-8".to_owned());
                Ok(match line.map_err(no_text) {
                    Ok(line) => Input::Line(line.trim_end_matches('\r').to_owned()),
                    Err(why) => Input::Unreadable(why),
                })
            }
        }
    }

    /// Forgets what was pasted behind a line that was interrupted.
    pub(crate) fn forget_pasted(&mut self) {
        if let Self::Terminal { pasted, .. } = self {
            pasted.clear();
        }
    }

    /// Keeps a line for later, unless there may be a password in it.
    pub(crate) fn remember(&mut self, line: &str) {
        let Self::Terminal { editor, history, .. } = self else { return };
        let line = words::trimmed(line);
        if line.is_empty() || may_hold_a_password(line) {
            return;
        }
        // A history that cannot be kept is no reason to stop.
        let _ = editor.add_history_entry(line);
        if let Some(file) = history {
            let _ = file.parent().map(fs::create_dir_all);
            let _ = editor.append_history(file);
        }
    }
}

/// Whether there may be a password in a line, which is read as the shell will: an alias, a name cut short. Of a name that
/// may mean several commands nobody knows what stands behind it.
fn may_hold_a_password(line: &str) -> bool {
    let Ok(line) = &expanded(line) else { return true };
    let (name, rest) = words::head(line);
    let words = words::split(rest).unwrap_or_else(|_| {
        rest.split_whitespace().map(|word| Text::from(word.as_bytes())).collect()
    });
    let tells = match table::meant(name) {
        Ok(Typed::Row(row)) => row.may_tell_a_secret(&words, rest),
        Ok(Typed::Habit(_)) => false,
        Err(_) => !words.is_empty() && table::names().any(|full| full.starts_with(name)),
    };
    tells || (line.contains("://") && line.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_may_hold_a_password_are_not_kept() {
        for line in [
            "user ann x",
            "use ann x",
            "login ann x",
            "us ann x",
            "user ann \"x",
            "user\tann x",
            "account x",
            "acco x",
            "quote PASS x",
            "quo PASS x",
            "quote PASSx",
            "literal acct x",
            "quote site pswd x y",
            "site pswd x y",
            "sit gpass x",
            "open ftp://a:b@h/",
        ] {
            assert!(may_hold_a_password(line), "{line}");
        }
        for line in [
            "user",
            "use ann",
            "quote NOOP",
            "site chmod 644 a",
            "get user",
            "frob x",
            "!ls",
            "open ftp://h/",
            "ls",
            "",
        ] {
            assert!(!may_hold_a_password(line), "{line}");
        }
    }
}
