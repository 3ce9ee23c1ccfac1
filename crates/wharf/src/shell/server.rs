//! Small questions and orders to the server: `size`, `modtime`, `status`, `system`, `site`, `chmod`, `quote`...

use wharf_client::{Error, Session};
use wharf_proto::command::{CommandError, Site};
use wharf_proto::reply::Class;
use wharf_proto::{Command, Reply, Text, Verb};

use super::table::print;
use super::{Call, Flow, Outcome, Shell, connect, told};
use crate::commands::Parts;
use crate::commands::mkdir::make;
use crate::commands::rm::remove;
use crate::commands::stat::print as print_facts;
use crate::events::{Events, Stream};
use crate::exit::{Interrupted, Usage};

/// `cd FOLDER`.
pub(super) fn cd(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [path] = call.words else { return Err(Usage("cd FOLDER".to_owned()).into()) };
    let plain = shell.connection.plain;
    let moved = shell.with(async |session| match path.as_bytes() {
        b".." if !plain => session.cdup().await,
        _ => session.cwd(path).await,
    });
    arrived(shell, path, moved)
}

/// `cdup`.
pub(super) fn cdup(shell: &mut Shell, _: &Call<'_>) -> Outcome {
    let moved = shell.with(async |session| session.cdup().await);
    arrived(shell, &"..".into(), moved)
}

/// Notes where the session is, once it was sent there.
fn arrived(shell: &mut Shell, path: &Text, moved: anyhow::Result<Reply>) -> Outcome {
    match moved {
        Ok(_) => {
            shell.went(path);
            connect::look_around(shell)
        }
        // The server may have done all the same what was broken off here.
        Err(error) if error.is::<Interrupted>() => {
            if let Ok(place) = shell.link.with_hushed(async |session| session.pwd().await) {
                shell.went(&place);
                connect::is_at(shell, place);
            }
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// `pwd`.
pub(super) fn pwd(shell: &mut Shell, _: &Call<'_>) -> Outcome {
    let place = shell.with(async |session| session.pwd().await)?;
    print(place)
}

/// `size FILE`.
pub(super) fn size(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [path] = call.words else { return Err(Usage("size FILE".to_owned()).into()) };
    let size = shell.with(async |session| session.size(path).await)?;
    print(size.map_or_else(|| untold(shell, path, "size"), Ok)?)
}

/// `modtime FILE`.
pub(super) fn modtime(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [path] = call.words else { return Err(Usage("modtime FILE".to_owned()).into()) };
    let time = shell.with(async |session| session.mdtm(path).await)?;
    let time = time.map_or_else(|| untold(shell, path, "time"), Ok)?.civil();
    print(format_args!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
        time.year, time.month, time.day, time.hour, time.minute, time.second
    ))
}

/// Why the server does not tell this of a file: because it refuses to, or because it cannot.
fn untold<T>(shell: &Shell, path: &Text, what: &str) -> anyhow::Result<T> {
    let last = shell.link.look(|session| session.control().last().clone()).unwrap_or_default();
    match &last.reply {
        Some(reply) if reply.code.value() == 550 => {
            Err(Error::Refused { last: Box::new(last) }.into())
        }
        _ => anyhow::bail!("{path}: the server does not tell its {what}"),
    }
}

/// `rename FROM TO`.
pub(super) fn rename(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [from, to] = call.words else { return Err(Usage("rename FROM TO".to_owned()).into()) };
    shell.link.forget_names();
    shell.with(async |session| session.rename(from, to).await)?;
    Ok(Flow::On)
}

/// `delete [-r] PATH...`: what cannot be deleted does not keep the rest from being deleted.
pub(super) fn delete(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let (recursive, paths) = option(call.words, b"-r");
    some(paths, "delete [-r] PATH...")?;
    shell.link.forget_names();
    if let ([path], false) = (paths, recursive) {
        shell.with(async |session| {
            let deleted = session.delete(path).await;
            session.with_reason(path, deleted).await
        })?;
        return Ok(Flow::On);
    }
    delete_all(shell, paths, recursive)
}

/// Removes all these names. What is refused is told, and keeps none of the others; Ctrl-C, or a session that is lost, does.
pub(super) fn delete_all(shell: &Shell, paths: &[Text], recursive: bool) -> Outcome {
    let (mut parts, mut left) = (Parts::default(), paths);
    shell.with(async |session| {
        remove(session, &mut left, recursive, &mut parts, &shell.screen).await
    })?;
    parts.outcome()?;
    Ok(Flow::On)
}

/// `mkdir [-p] FOLDER...`.
pub(super) fn mkdir(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let (parents, paths) = option(call.words, b"-p");
    some(paths, "mkdir [-p] FOLDER...")?;
    shell.link.forget_names();
    for_each(shell, (&Events::default(), "make"), paths, async |session, path| {
        make(session, path, parents).await
    })
}

/// Does something with each of these names. What is refused is told, and keeps none of the others; Ctrl-C, or a session
/// that is lost, does.
fn for_each(
    shell: &Shell,
    (events, action): (&Events, &str),
    paths: &[Text],
    mut work: impl AsyncFnMut(&mut Session, &Text) -> Result<(), Error>,
) -> Outcome {
    if let [path] = paths {
        let done = shell.with(async |session| work(session, path).await);
        done.inspect_err(|error| events.failed(action, path, error))?;
        return Ok(Flow::On);
    }
    let mut parts = Parts::telling(events);
    let all = shell.with(async |session| {
        for path in paths {
            match work(session, path).await {
                // What came of it is told by who asked.
                Ok(()) => parts.count_told(Ok(())),
                refused => parts.judge(action, path, refused)?,
            }
        }
        Ok(())
    });
    parts.ended(action, paths.get(parts.counted()), all)?;
    parts.outcome()?;
    Ok(Flow::On)
}

/// `stat [--json] PATH...`: what these names are.
pub(super) fn stat(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let (as_json, paths) = option(call.words, b"--json");
    some(paths, "stat [--json] PATH...")?;
    let events = Events::to(Stream::Out, as_json);
    let mut found = Vec::new();
    let outcome = for_each(shell, (&events, "stat"), paths, async |session, path| {
        found.push(session.stat(path).await?);
        Ok(())
    });
    print_facts(found.iter().map(|entry| (None, entry)), &events)?;
    told(&events, outcome)
}

/// Whether this option stands in front, and the words behind it; `--` ends the options.
fn option<'w>(words: &'w [Text], option: &[u8]) -> (bool, &'w [Text]) {
    let (is_there, words) = match words {
        [first, rest @ ..] if first.as_bytes() == option => (true, rest),
        _ => (false, words),
    };
    match words {
        [first, rest @ ..] if first.as_bytes() == b"--" => (is_there, rest),
        _ => (is_there, words),
    }
}

/// There must be words.
fn some(words: &[Text], usage: &str) -> Result<(), Usage> {
    if words.is_empty() { Err(Usage(usage.to_owned())) } else { Ok(()) }
}

/// `rmdir FOLDER`.
pub(super) fn rmdir(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [path] = call.words else { return Err(Usage("rmdir FOLDER".to_owned()).into()) };
    shell.link.forget_names();
    shell.with(async |session| session.rmdir(path).await)?;
    Ok(Flow::On)
}

/// `chmod MODE PATH`.
pub(super) fn chmod(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [mode, path] = call.words else { return Err(Usage("chmod MODE PATH".to_owned()).into()) };
    let mode = u32::from_str_radix(&mode.to_string(), 8).ok().filter(|mode| *mode <= 0o7777);
    let mode = mode.ok_or_else(|| Usage("a mode is written 644".to_owned()))?;
    ask(shell, &Command::Site(Site::Chmod(mode, path.clone())))
}

/// `site WORDS`.
pub(super) fn site(shell: &mut Shell, line: &str) -> Outcome {
    if line.is_empty() {
        return Err(Usage("site WORDS".to_owned()).into());
    }
    ask(shell, &Command::Site(Site::Unknown(line.into())))
}

/// `status [PATH]`: how things stand, as the server has it.
pub(super) fn status(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let path = match call.words {
        [] => None,
        [path] => Some(path.clone()),
        _ => return Err(Usage("status [PATH]".to_owned()).into()),
    };
    shell.link.look(|session| {
        let control = session.control();
        let under = if control.is_covered() { "under TLS" } else { "in clear" };
        let (host, way) = (control.host(), session.way());
        shell.screen.note(format_args!("connected to {host}, {under}; {way} mode"));
    });
    ask(shell, &Command::Stat(path))
}

/// `system`.
pub(super) fn system(shell: &mut Shell, _: &Call<'_>) -> Outcome {
    ask(shell, &Command::Syst)
}

/// `features`.
pub(super) fn features(shell: &mut Shell, _: &Call<'_>) -> Outcome {
    ask(shell, &Command::Feat)
}

/// `noop`.
pub(super) fn noop(shell: &mut Shell, _: &Call<'_>) -> Outcome {
    ask(shell, &Command::Noop)
}

/// `remotehelp [VERB]`.
pub(super) fn remote_help(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let verb = call.words.first().cloned();
    ask(shell, &Command::Help(verb))
}

/// Sends a line as it is: what its verb and argument mean is the server's business. What opens a data connection has a
/// command of its own here.
pub(super) fn quote(shell: &mut Shell, line: &str) -> Outcome {
    let line = line.as_bytes();
    if line.is_empty() {
        return Err(Usage("quote COMMAND".to_owned()).into());
    }
    if line.iter().any(u8::is_ascii_control) {
        return Err(Usage("a line with a control character is not sent".to_owned()).into());
    }
    let command = Command::parse(line);
    let verb = match &command {
        Ok(command) => Some(command.verb()),
        Err(CommandError::Argument(verb)) => Some(*verb),
        Err(_) => None,
    };
    if let Some(verb) = verb {
        can_be_quoted(verb)?;
    }
    shell.link.forget_names();
    let answer = shell.link.with_answers(async |session| session.quote_line(line).await);
    let to = match command {
        Ok(Command::Cwd(path)) => Some(path),
        Ok(Command::Cdup) => Some("..".into()),
        _ => None,
    };
    let class = match (answer, to) {
        (Ok(reply), Some(to)) if reply.code.class() == Class::Completion => {
            return arrived(shell, &to, Ok(reply));
        }
        (Err(error), Some(to)) => return arrived(shell, &to, Err(error)),
        (answer, _) => answer?.code.class(),
    };
    judged(shell, class)
}

/// That a verb needs nothing besides its line.
fn can_be_quoted(verb: Verb) -> Result<(), Usage> {
    if verb.opens_transfer() {
        return Err(Usage(format!("{verb} moves data; use ls, get or put")));
    }
    // The two ends would no longer agree on what is under TLS.
    if matches!(verb, Verb::Auth | Verb::Ccc | Verb::Pbsz | Verb::Prot | Verb::Rein | Verb::Sscn) {
        let why =
            format!("{verb} changes how the session is protected; use close, and open ftpes://...");
        return Err(Usage(why));
    }
    Ok(())
}

/// Sends a command whose reply is the answer, shown as it comes; a refusal is a failure.
pub(super) fn ask(shell: &Shell, command: &Command) -> Outcome {
    let reply = shell.link.with_answers(async |session| session.quote(command).await)?;
    judged(shell, reply.code.class())
}

/// A reply that is a refusal is a failure; one that wants more is none.
fn judged(shell: &Shell, class: Class) -> Outcome {
    match class {
        Class::Preliminary | Class::Completion | Class::Intermediate => Ok(Flow::On),
        Class::Transient | Class::Permanent => {
            let last = shell.link.look(|session| session.control().last().clone());
            let last = Box::new(last.unwrap_or_default());
            Err(Error::Refused { last }.into())
        }
    }
}
