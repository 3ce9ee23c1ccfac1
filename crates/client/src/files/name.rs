//! The name of what is stored: a temporary one until all of it is there and proven, and then its own.
//!
//! Most servers put a file in the place of another one by RNTO. Some want the name to be free, and say 550 or 553. There the
//! old file steps aside, under a hidden name, and goes when the new one has its name; whatever is refused meanwhile, it
//! keeps that name or gets it back. What breaks off between the two names leaves it there, and nothing under its own; so
//! it is looked for behind the next upload of that name, or where a listing shows it.

use wharf_proto::command::Algorithm;
use wharf_proto::listing::Kind;
use wharf_proto::{Text, Verb};

use crate::{Digest, Error, Refusal, Session};

/// The end of a temporary name.
const PART: &[u8] = b".wharf-part";
/// That of the name under which an old file waits.
const OLD: &[u8] = b".wharf-old";
/// What is said of a file in a tree of which one was left.
pub(crate) const OLD_GONE: &str =
    "an older version was left on the server by an upload that broke off; it is deleted";
/// The longest name that has room for what makes it a temporary one.
const LONGEST: usize = 255 - "..wharf-part".len();
/// What servers say where something else has the name, and where there is any other trouble with it.
const TAKEN: [u16; 2] = [550, 553];

/// The name under which a file is stored until all of it is there.
pub(crate) fn temporary(remote: &Text) -> Text {
    hidden(remote, PART)
}

/// Whether a path, or a command that names one last, is of a file under its temporary name.
pub(crate) fn is_temporary(path: &[u8]) -> bool {
    path.ends_with(PART)
}

/// The name of an old file that has stepped aside.
pub(crate) fn aside(remote: &Text) -> Text {
    hidden(remote, OLD)
}

/// The name of the old file that stepped aside under this one, where it did.
pub(crate) fn stepped_aside(name: &[u8]) -> Option<&[u8]> {
    name.strip_prefix(b".")?.strip_suffix(OLD).filter(|name| !name.is_empty())
}

/// Whether it is a name of a file that a transfer of ours has left.
pub(crate) fn is_ours(name: &[u8]) -> bool {
    let left = [PART, OLD, b".wharf-note", b".wharf-sent", b".wharf-draft"];
    name.starts_with(b".") && left.iter().any(|end| name.ends_with(end))
}

/// Gives what is stored as `from` its name. What may not have it is removed, unless it `stays` to be gone on with. Where
/// an upload that broke off between the two names may have left an old version aside (`has_old`), that is deleted then;
/// gives whether one was.
///
/// # Errors
/// `RefusedFor`, and then what had the name has it still; and those of the control connection.
pub(crate) async fn take_name(
    session: &mut Session,
    from: &Text,
    to: &Text,
    stays: bool,
    has_old: bool,
) -> Result<bool, Error> {
    let (named, is_looked_for) = match session.rename(from, to).await {
        Err(refused) if is_taken(&refused) => (replace(session, from, to, refused).await, true),
        named => (named.map(drop), false),
    };
    if !stays
        && matches!(named, Err(Error::Refused { .. }))
        && let Err(error) = session.delete(from).await
    {
        tracing::debug!(%error, "what got no name stays");
    }
    named.map_err(|error| match error {
        Error::Refused { last } => Error::RefusedFor { last, reason: Refusal::Name },
        error => error,
    })?;
    Ok(has_old && !is_looked_for && clear_old(session, to).await)
}

/// Deletes the old version of a file that has its name, where an upload has left one aside that broke off between the two
/// names; gives whether it has.
async fn clear_old(session: &mut Session, of: &Text) -> bool {
    let cleared = session.delete(&aside(of)).await;
    if let Err(error) = &cleared {
        tracing::debug!(%error, "no old version was aside");
    }
    cleared.is_ok()
}

/// The same where the name was `refused`, most likely because a file has it.
async fn replace(
    session: &mut Session,
    from: &Text,
    to: &Text,
    refused: Error,
) -> Result<(), Error> {
    // Only of a file is it known that it can go afterwards.
    if !may_go(session, to).await? {
        return Err(refused);
    }
    let aside = aside(to);
    let mut stepped = session.rename(to, &aside).await;
    if stepped.as_ref().is_err_and(is_taken) && session.delete(&aside).await.is_ok() {
        // One was left there by a session that broke off.
        stepped = session.rename(to, &aside).await;
    }
    match stepped {
        Ok(_) => {}
        Err(Error::Refused { .. }) => return Err(refused),
        Err(error) => return Err(error),
    }
    let named = session.rename(from, to).await;
    let settled = match &named {
        Ok(_) => session.delete(&aside).await,
        Err(Error::Refused { .. }) => session.rename(&aside, to).await,
        Err(_) => return named.map(drop),
    };
    if let Err(error) = settled {
        let left = format_args!("the old {to} is on the server as {aside}: {error}");
        session.control.teller().explain(left);
        tracing::warn!("{left}");
    }
    named.map(drop)
}

/// Whether what has this name is known to be no folder: by SIZE, or by MLST, which some servers have without a word in FEAT.
/// Where neither tells, what cannot be entered is none.
async fn may_go(session: &mut Session, name: &Text) -> Result<bool, Error> {
    if !session.plain {
        if session.size(name).await?.is_some() {
            return Ok(true);
        }
        match session.stat_by_mlst(name).await {
            Ok(entry) => return Ok(entry.kind == Kind::File),
            Err(error) if error.is_not_found() => return Ok(false),
            Err(Error::Refused { .. } | Error::Malformed { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    match session.look_into(name).await {
        Ok(()) => Ok(false),
        Err(error @ Error::Refused { .. }) => {
            // Who may not enter a folder may still be let rename it.
            let is_of_entering = error.last().and_then(|last| last.verb) == Some(Verb::Cwd);
            Ok(is_of_entering && error.is_not_found())
        }
        Err(Error::Malformed { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a refusal may mean that something has the name: none that may pass, and none of another kind.
fn is_taken(error: &Error) -> bool {
    let Error::Refused { last } = error else { return false };
    last.verb == Some(Verb::Rnto) && error.code().is_some_and(|code| TAKEN.contains(&code))
}

/// `.NAME.end` in the folder of `NAME`.
fn hidden(remote: &Text, end: &[u8]) -> Text {
    let bytes = remote.as_bytes();
    let at = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let (folder, name) = bytes.split_at(at);
    if name.len() <= LONGEST {
        return [folder, b".", name, end].concat().into();
    }
    // Most file systems have names of 255 bytes at most; the sum tells one long name from another.
    let within = |at: &usize| name.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80);
    let kept = (0..LONGEST - 9).rev().find(within).unwrap_or(0);
    let sum = Digest::of(Algorithm::Crc32, name).to_string();
    [folder, b".", &name[..kept], b".", sum.as_bytes(), end].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_name_is_hidden_in_the_same_folder_and_no_longer_than_names_may_be() {
        assert_eq!(temporary(&"a/b".into()), "a/.b.wharf-part".into());
        let long = |last: &str| Text::from(format!("a/{}{last}", "é".repeat(126)).into_bytes());
        let (one, other) = (temporary(&long("one")), temporary(&long("two")));
        assert!(one != other && one.as_bytes().len() <= 257, "{one}");
        assert!(std::str::from_utf8(one.as_bytes()).is_ok_and(|one| one.ends_with(".wharf-part")));
        assert!(is_ours(&one.as_bytes()[2..]) && is_ours(hidden(&"b".into(), OLD).as_bytes()));
        assert_eq!(stepped_aside(b".b.wharf-old"), Some(&b"b"[..]));
        assert!(stepped_aside(b"..wharf-old").is_none() && stepped_aside(b"b.wharf-old").is_none());
        assert!(!is_ours(b"b.wharf-part") && !is_ours(b".b.wharf-party"));
    }
}
