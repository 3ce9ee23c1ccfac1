//! What concerns this machine: `lcd`, `lpwd`, `lls`, `!`, `source`, and how the shell itself behaves.

use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

use anyhow::Context;
use tokio::signal::unix::SignalKind;
use wharf_proto::Text;

use super::haul::path_of;
use super::table::print;
use super::{Call, Flow, Outcome, Shell};
use crate::exit::{Exit, Failed, Interrupted, Usage};

/// How deep scripts may read each other.
const DEPTH: usize = 16;

/// `lcd [FOLDER]`; without one, home.
pub(super) fn lcd(_: &mut Shell, call: &Call<'_>) -> Outcome {
    let home;
    let path = match call.words {
        [] => {
            home = env::var_os("HOME").map(|home| Text::from(home.into_encoded_bytes()));
            home.as_ref().ok_or_else(|| Usage("lcd FOLDER: HOME is not set".to_owned()))?
        }
        [path] => path,
        _ => return Err(Usage("lcd [FOLDER]".to_owned()).into()),
    };
    env::set_current_dir(path_of(path)).with_context(|| path.to_string())?;
    Ok(Flow::On)
}

/// `lpwd`.
pub(super) fn lpwd(_: &mut Shell, _: &Call<'_>) -> Outcome {
    let place = env::current_dir().context("the current folder")?;
    print(Text::from(place.into_os_string().into_encoded_bytes()))
}

/// `lls [...]`: the system's `ls`, with whatever stands behind it.
pub(super) fn lls(_: &mut Shell, line: &str) -> Outcome {
    by_system(&format!("ls {line}"))
}

/// `!COMMAND`, or `!` alone for a shell of the system.
pub(super) fn bang(_: &mut Shell, line: &str) -> Outcome {
    let usual = || env::var("SHELL").unwrap_or_else(|_| "sh".to_owned());
    if line.is_empty() { by_system(&usual()) } else { by_system(line) }
}

fn by_system(line: &str) -> Outcome {
    judged(line, Command::new("sh").arg("-c").arg(line).status().context("cannot start sh")?)
}

/// How a program of the system ended, as the outcome of what began it.
pub(super) fn judged(line: &str, status: ExitStatus) -> Outcome {
    if status.success() {
        return Ok(Flow::On);
    }
    // Ctrl-C reached both of us, and was meant for it.
    if status.signal() == Some(SignalKind::interrupt().as_raw_value()) {
        return Err(Interrupted::default().into());
    }
    Err(anyhow::Error::from(Failed { exit: Exit::Failed, failed: 1, all: 1 })
        .context(format!("{line}: {status}")))
}

/// `source FILE`: the lines of a file, as if they were typed.
pub(super) fn source(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [path] = call.words else { return Err(Usage("source FILE".to_owned()).into()) };
    if shell.depth == DEPTH {
        return Err(Usage(format!("{path}: scripts read each other {DEPTH} deep")).into());
    }
    let text = fs::read_to_string(path_of(path)).with_context(|| path.to_string())?;
    shell.depth += 1;
    let mut outcome = Ok(Flow::On);
    for line in text.lines() {
        outcome = shell.carry_out(line);
        match &outcome {
            Ok(Flow::On) => {}
            Ok(Flow::Quit) => break,
            Err(error) if shell.exit_on_error || Exit::of(error) == Exit::Interrupted => break,
            Err(_) => {
                let (exit, _) = shell.judge(std::mem::replace(&mut outcome, Ok(Flow::On)));
                shell.worst = exit;
            }
        }
    }
    shell.depth -= 1;
    outcome
}

/// `set -e` and `set +e`: whether a script ends at the first command that fails.
pub(super) fn set(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let option = match call.words {
        [option] => option.as_bytes(),
        _ => b"",
    };
    shell.exit_on_error = match option {
        b"-e" => true,
        b"+e" => false,
        _ => return Err(Usage("set -e | set +e".to_owned()).into()),
    };
    Ok(Flow::On)
}
