//! Commands that people and scripts know from other clients: what they settle is settled here, or is done in another
//! way; so each is taken, and says how it is.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;

use wharf_client::{Amount, Direction, TEXT};
use wharf_proto::command::Site;
use wharf_proto::time::Timestamp;
use wharf_proto::{Command, Secret, Text};

use super::haul::{Files, Haul, Item, name_of, of_files, path_of};
use super::server::ask;
use super::table::set_text;
use super::{Call, Flow, Outcome, Shell};
use crate::exit::Usage;
use crate::output::target;

/// Says how it is.
pub(super) fn told(shell: &Shell, words: &str) -> Outcome {
    shell.screen.note(words);
    Ok(Flow::On)
}

/// One of `form`, `mode` and `struct`, of which the shell has only what is usual.
pub(super) fn usual(shell: &Shell, call: &Call<'_>, usual: &str, others: &str) -> Outcome {
    match call.words {
        [word, ..] if !usual.eq_ignore_ascii_case(&word.to_string()) => Err(Usage(format!(
            "{word}: the shell moves files as {usual} only; for others: {others}"
        ))
        .into()),
        _ => told(shell, usual),
    }
}

/// `type [ascii | binary | image]`.
pub(super) fn kind(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let word = call.words.first().map(|word| word.to_string().to_lowercase());
    match word.as_deref() {
        None => {
            let text = shell.text;
            set_text(shell, text)
        }
        Some("ascii" | "a") => set_text(shell, true),
        Some("binary" | "image" | "i") => set_text(shell, false),
        Some(_) => Err(Usage("type [ascii | binary]".to_owned()).into()),
    }
}

/// `nlist [PATH]`: names alone, as the server lists them.
pub(super) fn nlist(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [path] = call.words else {
        if call.words.is_empty() {
            return names(shell, None);
        }
        return Err(Usage("nlist [PATH]".to_owned()).into());
    };
    names(shell, Some(path))
}

fn names(shell: &Shell, path: Option<&Text>) -> Outcome {
    let text = shell.with(async |session| session.list_names(path).await)?;
    let mut out = io::stdout().lock();
    for row in text.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()) {
        writeln!(out, "{}", Text::from(row.strip_suffix(b"\r").unwrap_or(row)))?;
    }
    out.flush()?;
    Ok(Flow::On)
}

/// `append LOCAL [FILE]`: puts a file behind what is in one on the server.
pub(super) fn append(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let (local, remote) = match call.words {
        [local] => (local, Text::from(name_of(local.as_bytes())?.as_encoded_bytes())),
        [local, remote] => (local, remote.clone()),
        _ => return Err(Usage("append LOCAL [FILE]".to_owned()).into()),
    };
    shell.link.forget_names();
    let how = if shell.text { TEXT } else { wharf_client::BYTES };
    let mut meter = shell.screen.meter(&remote);
    let moved = shell.with(async |session| {
        session.append(path_of(local), &remote, how, &mut |progress| meter.hear(progress)).await
    })?;
    meter.done(Amount::all(moved), "appended");
    Ok(Flow::On)
}

/// `newer FILE [LOCAL]`: fetches a file if it was changed later than the one here.
pub(super) fn newer(shell: &mut Shell, call: &Call<'_>) -> anyhow::Result<Haul> {
    let (remote, local) = match call.words {
        [remote] => (remote, None),
        [remote, local] => (remote, Some(path_of(local))),
        _ => return Err(Usage("newer FILE [LOCAL]".to_owned()).into()),
    };
    let (local, made) = target(local, || name_of(remote.as_bytes()))?;
    let here = std::fs::metadata(&local).ok().map(|found| Timestamp::new(found.mtime(), 0));
    let there = shell.with(async |session| session.mdtm(remote).await)?;
    // Where either is not known, or is not there, it is fetched.
    let is_old = here.zip(there).is_some_and(|(here, there)| there <= here);
    let items = match is_old {
        true => {
            shell.screen.note(format_args!("{remote}: the one here is as new"));
            Vec::new()
        }
        false => vec![Item { direction: Direction::Down, remote: remote.clone(), local }],
    };
    Ok(Haul::Files(Files { made, ..of_files(shell, items, false, false) }))
}

/// `umask [MASK]`.
pub(super) fn umask(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let mask = match call.words {
        [] => None,
        [mask, ..] => {
            let mask = u32::from_str_radix(&mask.to_string(), 8).ok().filter(|mask| *mask <= 0o777);
            Some(mask.ok_or_else(|| Usage("a mask is written 022".to_owned()))?)
        }
    };
    ask(shell, &Command::Site(Site::Umask(mask)))
}

/// `idle [SECONDS]`.
pub(super) fn idle(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let time = match call.words {
        [] => None,
        [time, ..] => {
            let time = time.to_string().parse();
            Some(time.map_err(|_| Usage("idle [SECONDS]".to_owned()))?)
        }
    };
    ask(shell, &Command::Site(Site::Idle(time)))
}

/// `account SECRET`: what some servers want besides a password.
pub(super) fn account(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [secret] = call.words else { return Err(Usage("account SECRET".to_owned()).into()) };
    let secret = Secret::new(secret.as_bytes().to_vec());
    shell.with(async |session| session.account(&secret).await)?;
    Ok(Flow::On)
}
