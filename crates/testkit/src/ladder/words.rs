//! Effects in words, and words to outcomes.
//!
//! | effect | its outcomes |
//! | --- | --- |
//! | `[login NAME SECRET]`, `[login NAME SECRET CODE]` | `logged in`, `logged in as anonymous`, `account wanted`, `login refused`, `too many sessions`, `no tree` |
//! | `[host NAME]`, `[first host]` | `host: GREETING`, `not found` |
//! | `[listen]`, `[listen on IPv4]` | `listening on ADDRESS:PORT`, `not listening: WHY` |
//! | `[begin TLS]` | `secured`, `secured with a certificate` |
//! | `[end TLS]` | `done` |
//! | `[recognise NAME]` | `logged in`, `account wanted`, `login refused` |
//! | `[close data]` | |
//! | `[enter PATH]`, `[find PATH]`, `[make folder PATH]`, `[remove folder PATH]`, `[delete PATH]`, `[rename PATH to PATH]` | `done`, a fault |
//! | `[make folder PATH with its parents]`, `[remove folder PATH with all in it]`, `[copy PATH to PATH]`, `[join PATH PATH to PATH]`, `[link PATH to PATH]`, `[set time of PATH to 20260102030405]`, `[set mode of PATH to 644]` | `done`, a fault |
//! | `[size of PATH]`, `[size of PATH as text]`, `[free space at PATH]`, `[size of folder PATH]` | `size 96`, a fault |
//! | `[SHA-256 of PATH]`, `[SHA-256 of PATH from byte 3 to 9]` | `hash 00ff of 96`, a fault |
//! | `[time of PATH]` | `time 20260102030405`, a fault |
//! | `[facts of PATH]` | `facts of a file, 96 bytes`, `facts of a folder`, a fault |
//! | `[look at PATH]` | `folder: ROW; ROW`, `file: ROW`, a fault |
//! | `[retrieve PATH, ...]`, `[store PATH, ...]`, `[list PATH, ...]` | `prepared`, `prepared, open`, each with `, 96 bytes` or ` as PATH` behind it, `opened`, `marked THEIRS = OURS`; then `complete, 96 bytes` (with `kept, ` before it where the connection stays), `not opened: WHY`, `broken: WHY`, `failed: FAULT` |
//!
//! A fault is one of `not found`, `exists`, `not a folder`, `not a file`, `not empty`, `denied`, `name`,
//! `busy`, `full`, `offset`, `unsupported`, `system: WHY`.

use wharf_proto::Text;
use wharf_proto::codec::Marker;
use wharf_proto::command::Range;
use wharf_proto::listing::{Entry, Format, Kind};
use wharf_proto::params::{Mode, Structure};
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{
    Account, Cannot, Effect, Ended, Fault, News, Outcome, Part, Payload, Rights, Route, StoreAt,
    TlsRole, TransferPlan, TreeAction, Turned,
};
use wharf_proto::time::parse_mdtm;

use crate::escape::escape;

/// An effect in words.
pub(super) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Authenticate { user, password, code } => {
            let words = [Some(password), code.as_ref()].into_iter().flatten();
            let words = words.map(|word| format!(" {}", escape(word.reveal())));
            format!("login {}{}", escape(user.as_bytes()), words.collect::<String>())
        }
        Effect::Listen { ipv4_only: true, .. } => "listen on IPv4".to_owned(),
        Effect::Listen { ipv4_only: false, .. } => "listen".to_owned(),
        Effect::Host(Some(name)) => format!("host {}", escape(name.as_bytes())),
        Effect::Host(None) => "first host".to_owned(),
        Effect::Recognise(user) => format!("recognise {}", escape(user.as_bytes())),
        Effect::Secure => "begin TLS".to_owned(),
        Effect::Clear => "end TLS".to_owned(),
        Effect::CloseData => "close data".to_owned(),
        Effect::Tree(action) => tree_action(action),
        Effect::Transfer(plan) => transfer(plan),
    }
}

fn tree_action(action: &TreeAction) -> String {
    let shown = |path: &VirtualPath| escape(path.as_bytes());
    let one = |words: &str, path: &VirtualPath| format!("{words} {}", shown(path));
    let two = |words: &str, from: &VirtualPath, to: &VirtualPath| {
        format!("{words} {} to {}", shown(from), shown(to))
    };
    match action {
        TreeAction::Enter(path) => one("enter", path),
        TreeAction::Find(path) => one("find", path),
        TreeAction::MakeFolder { path, parents: false, .. } => one("make folder", path),
        TreeAction::MakeFolder { path, parents: true, .. } => {
            one("make folder", path) + " with its parents"
        }
        TreeAction::RemoveFolder { path, all: false } => one("remove folder", path),
        TreeAction::RemoveFolder { path, all: true } => {
            one("remove folder", path) + " with all in it"
        }
        TreeAction::Delete(path) => one("delete", path),
        TreeAction::Rename { from, to } => two("rename", from, to),
        TreeAction::Copy { from, to, .. } => two("copy", from, to),
        TreeAction::Link { link, target } => two("link", link, target),
        TreeAction::Join { target, parts, .. } => {
            let parts = parts.iter().map(shown).collect::<Vec<_>>().join(" ");
            format!("join {parts} to {}", shown(target))
        }
        TreeAction::Size { path, coded: Some(_) } => one("size of", path) + " as transferred",
        TreeAction::Size { path, coded: None } => one("size of", path),
        TreeAction::FolderSize(path) => one("size of folder", path),
        TreeAction::Free(path) => one("free space at", path),
        TreeAction::Modified(path) => one("time of", path),
        TreeAction::Facts(path) => one("facts of", path),
        TreeAction::List(path, _) => one("look at", path),
        TreeAction::SetModified(path, time) => {
            format!("set time of {} to {}", shown(path), time.print_mdtm())
        }
        TreeAction::SetLabel(path, fact, value) => {
            format!("set {} of {} to {value}", fact.name(), shown(path))
        }
        TreeAction::SetMode(path, mode) => format!("set mode of {} to {mode:o}", shown(path)),
        TreeAction::Digest(path, algorithm, range) => {
            format!("{} of {}{}", algorithm.name(), shown(path), bytes(*range))
        }
    }
}

fn bytes(range: Range) -> String {
    match range {
        Range { start: 0, end: None } => String::new(),
        Range { start, end: None } => format!(" from byte {start}"),
        Range { start, end: Some(end) } => format!(" from byte {start} to {end}"),
    }
}

fn transfer(plan: &TransferPlan) -> String {
    let what = match &plan.what {
        Payload::Retrieve { path, part } => {
            let path = escape(path.as_bytes());
            match part {
                Part::Behind(0) => format!("retrieve {path}"),
                Part::Behind(bytes) => format!("retrieve {path} from byte {bytes}"),
                Part::From(marker) => format!("retrieve {path} from marker {marker}"),
                Part::Range(range) => format!("retrieve {path}{}", bytes(*range)),
            }
        }
        Payload::Store { path, at, .. } => {
            let path = escape(path.as_bytes());
            match at {
                StoreAt::Start => format!("store {path}"),
                StoreAt::From(marker) => format!("store {path} from byte {marker}"),
                StoreAt::End => format!("store at the end of {path}"),
                StoreAt::NewName => format!("store under a new name like {path}"),
            }
        }
        Payload::List { path, format, prefix, pattern, .. } => {
            let or = pattern.as_ref().map(|pattern| {
                format!(" or what matches in {}", escape(pattern.folder.as_bytes()))
            });
            let path = escape(path.as_bytes()) + &or.unwrap_or_default();
            match format {
                Format::Unix => format!("list {path}"),
                Format::Names if prefix.is_empty() => format!("list names in {path}"),
                Format::Names => format!("list names in {path} with {} before", escape(prefix)),
                Format::Facts(facts) => format!("list {path} with {}", facts.print_opts()),
            }
        }
    };
    let route = match plan.route {
        Route::Accept => "accept".to_owned(),
        Route::Dial(to) => format!("dial {to}"),
        Route::Kept => "the connection kept".to_owned(),
    };
    let how = plan.coding.representation;
    let structure = match how.structure {
        Structure::File => String::new(),
        other => format!(", STRU {other}"),
    };
    let mode = match how.mode {
        Mode::Stream => String::new(),
        other => format!(", MODE {other}"),
    };
    let tls = match plan.tls {
        None => "",
        Some(TlsRole::Server) => ", under TLS",
        Some(TlsRole::Client) => ", under TLS as its client",
    };
    format!("{what}, {route}{tls}, TYPE {}{structure}{mode}", how.kind)
}

/// Whether an outcome is one of a transfer.
pub(super) fn is_of_transfer(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Prepared { .. } | Outcome::Opened | Outcome::Marked { .. } | Outcome::Ended(_)
    )
}

/// The outcome that words name. A fault alone is one of the tree.
pub(super) fn outcome(words: &str) -> Option<Outcome> {
    match words {
        "logged in" => return Some(logged_in("bob")),
        "logged in as anonymous" => return Some(logged_in("anonymous")),
        "secured" => return Some(Outcome::Secured { certified: false }),
        "secured with a certificate" => return Some(Outcome::Secured { certified: true }),
        "account wanted" => return Some(Outcome::AccountWanted),
        "login refused" => return Some(Outcome::LoginRefused),
        "too many sessions" => return Some(Outcome::TurnedAway(Turned::TooManySessions)),
        "no tree" => return Some(Outcome::TurnedAway(Turned::NoTree)),
        "done" => return Some(Outcome::Done),
        "facts of a folder" => return Some(facts(Kind::Folder, None)),
        "opened" => return Some(Outcome::Opened),
        _ => {}
    }
    if let Some(bytes) = words.strip_prefix("complete, ").and_then(|rest| number(rest, " bytes")) {
        return Some(Outcome::Ended(Ended::Complete { bytes, remarks: Vec::new() }));
    }
    if let Some(rest) = words.strip_prefix("prepared") {
        return prepared(rest);
    }
    if let Some(fault) = fault(words) {
        return Some(Outcome::Failed(fault));
    }
    with_colon(words).or_else(|| with_value(words))
}

fn prepared(words: &str) -> Option<Outcome> {
    let (open, rest) = words.strip_prefix(", open").map_or((false, words), |rest| (true, rest));
    let news = match rest {
        "" => News::None,
        _ => match rest.strip_prefix(" as ") {
            Some(name) => News::Name(VirtualPath::root().join(name.as_bytes()).ok()?),
            None => News::Size(number(rest.strip_prefix(", ")?, " bytes")?),
        },
    };
    Some(Outcome::Prepared { open, news })
}

fn with_colon(words: &str) -> Option<Outcome> {
    let (word, rest) = words.split_once(": ")?;
    let rows = |rest: &str| rest.split("; ").map(Text::from).collect();
    match word {
        "host" => Some(Outcome::Host(rest.into())),
        "not listening" => Some(Outcome::NotListening(rest.into())),
        "folder" => Some(Outcome::Listed { lines: rows(rest), folder: true }),
        "file" => Some(Outcome::Listed { lines: rows(rest), folder: false }),
        "not opened" => Some(Outcome::Ended(Ended::NotOpened(rest.into()))),
        "broken" => Some(Outcome::Ended(Ended::Broken(rest.into()))),
        "failed" => Some(Outcome::Ended(Ended::Failed(fault(rest)?))),
        _ => None,
    }
}

fn with_value(words: &str) -> Option<Outcome> {
    if let Some(rest) = words.strip_prefix("facts of a file, ") {
        return Some(facts(Kind::File, Some(number(rest, " bytes")?)));
    }
    if let Some((theirs, ours)) =
        words.strip_prefix("marked ").and_then(|rest| rest.split_once(" = "))
    {
        let ours = Marker::parse(ours.as_bytes())?;
        return Some(Outcome::Marked { theirs: theirs.into(), ours });
    }
    if let Some((hex, bytes)) = words.strip_prefix("hash ").and_then(|rest| rest.split_once(" of "))
    {
        return Some(Outcome::Digest { hex: hex.to_owned(), start: 0, end: bytes.parse().ok()? });
    }
    let (word, value) = words.rsplit_once(' ')?;
    match word {
        "listening on" => Some(Outcome::Listening(value.parse().ok()?)),
        "size" => Some(Outcome::Size(value.parse().ok()?)),
        "time" => Some(Outcome::Modified(parse_mdtm(value.as_bytes())?)),
        _ => None,
    }
}

/// The account of a name: `anonymous` may read, everybody else may do everything.
pub(super) fn logged_in(name: &str) -> Outcome {
    let anonymous = name == "anonymous";
    let rights = if anonymous { Rights::READER } else { Rights::WRITER };
    Outcome::LoggedIn(Box::new(Account { anonymous, ..Account::new(name.into(), rights) }))
}

fn facts(kind: Kind, size: Option<u64>) -> Outcome {
    let mut entry = Entry::new(Vec::new(), kind);
    entry.size = size;
    entry.modified = parse_mdtm(b"20260102030405");
    Outcome::Facts(Box::new(entry))
}

fn fault(words: &str) -> Option<Fault> {
    Some(match words {
        "not found" => Fault::NotFound,
        "exists" => Fault::Exists,
        "not a folder" => Fault::NotAFolder,
        "not a file" => Fault::NotAFile,
        "not empty" => Fault::NotEmpty,
        "unfinished" => Fault::Unfinished,
        "denied" => Fault::Denied,
        "name" => Fault::Name,
        "busy" => Fault::Busy,
        "changed" => Fault::Changed,
        "full" => Fault::Full,
        "over quota" => Fault::OverQuota,
        "offset" => Fault::Offset,
        "shrunk" => Fault::Shrunk { from: 96 },
        "crowded" => Fault::Crowded,
        "stopped" => Fault::Stopped,
        "unsupported" => Fault::Unsupported(Cannot::Storage),
        _ => Fault::System(words.strip_prefix("system: ")?.into()),
    })
}

/// The number before these words.
pub(super) fn number(text: &str, words: &str) -> Option<u64> {
    text.strip_suffix(words)?.parse().ok()
}
