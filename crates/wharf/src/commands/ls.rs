//! `wharf ls`: a folder's entries, one a line, in columns that do not depend on the server.
//!
//! Names are printed so that a terminal obeys none of them, also into pipes: a name with a line end in it
//! must not look like two names.

use std::io::{self, Write};

use serde_json::{Value, json};
use wharf_client::{Address, Error, Listing, Session, UrlType};
use wharf_proto::charset::Charset;
use wharf_proto::listing::{Entry, Kind, Precision};
use wharf_proto::time::Timestamp;
use wharf_proto::write_safe;

use crate::args::LsArgs;
use crate::exit::Exit;
use crate::terminal;
use crate::visit::visit;

pub(crate) async fn run(arguments: &LsArgs) -> anyhow::Result<Exit> {
    let address = &arguments.url.0;
    let listing = visit(address, &arguments.connection, async |session| {
        list(session, address, arguments.connection.plain).await
    })
    .await?;
    let form = match (arguments.json, arguments.long) {
        (true, _) => Form::Json,
        (_, true) => Form::Long,
        _ if arguments.names || address.kind == Some(UrlType::Directory) => Form::Names,
        _ => Form::Short,
    };
    print(&listing, form, arguments.connection.charset.unwrap_or_default())?;
    Ok(Exit::Done)
}

/// Lists what the address names. LIST with an argument is read differently by different servers (as
/// flags, as a pattern), so a folder is entered where MLSD cannot be used.
async fn list(session: &mut Session, address: &Address, plain: bool) -> Result<Listing, Error> {
    let path = Some(&address.path).filter(|path| !path.is_empty());
    let Some(path) = path else { return session.list(None).await };
    if !plain && session.features().await?.has("MLST") {
        return session.list(Some(path)).await;
    }
    match session.cwd(path).await {
        Ok(_) => session.list(None).await,
        // It may be a file. Some servers list what is not there as nothing.
        Err(refusal @ Error::Refused { .. }) => match session.list(Some(path)).await? {
            listing if listing.entries.is_empty() && listing.unread.is_empty() => Err(refusal),
            listing => Ok(listing),
        },
        Err(error) => Err(error),
    }
}

/// How entries are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Names alone.
    Names,
    /// Kind, size, time and name.
    Short,
    /// With permissions, owner and group.
    Long,
    /// A JSON object a line.
    Json,
}

/// Prints a listing on standard output, sorted by name.
pub(crate) fn print(listing: &Listing, form: Form, charset: Charset) -> io::Result<()> {
    let mut entries: Vec<&Entry> = listing.entries.iter().collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let widest = |text: fn(&Entry) -> String| {
        entries.iter().map(|entry| text(entry).chars().count()).max().unwrap_or(0)
    };
    let widths = [widest(size), widest(|e| holder(&e.owner)), widest(|e| holder(&e.group))];
    let mut out = io::BufWriter::new(io::stdout().lock());
    for entry in &entries {
        let name = escaped(&charset.shown(&entry.name));
        match form {
            Form::Names => writeln!(out, "{name}")?,
            Form::Short => writeln!(out, "{}", row(entry, &name, widths[0]))?,
            Form::Long => {
                let [_, owner, group] = widths;
                write!(out, "{} {:<owner$} ", mode_of(entry), holder(&entry.owner))?;
                writeln!(out, "{:<group$} {}", holder(&entry.group), row(entry, &name, widths[0]))?;
            }
            Form::Json => writeln!(out, "{}", json(entry))?,
        }
    }
    out.flush()?;
    for unread in &listing.unread {
        terminal::say(format_args!("warning: a row of the listing cannot be read: {unread}"));
    }
    Ok(())
}

/// An entry as an object. A name that is not UTF-8 has its bytes besides, in hexadecimal.
pub(crate) fn json(entry: &Entry) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (kind, target) = match &entry.kind {
        Kind::File => ("file", None),
        Kind::Folder => ("folder", None),
        Kind::Link { target } => ("link", target.as_deref()),
        Kind::Other => ("other", None),
    };
    let modified = entry.modified.map(Timestamp::civil).map(|at| {
        let (y, m, d) = (at.year, at.month, at.day);
        let time = format!("T{:02}:{:02}:{:02}Z", at.hour, at.minute, at.second);
        format!(
            "{y:04}-{m:02}-{d:02}{}",
            if entry.precision == Precision::Day { "" } else { &time }
        )
    });
    let mut object = json!({ "name": text(&entry.name), "type": kind });
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            object[key] = value;
        }
    };
    let raw = std::str::from_utf8(&entry.name).is_err();
    let hex = || entry.name.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    add("name_hex", raw.then(|| hex().into()));
    add("target", target.map(|target| text(target).into()));
    add("size", entry.size.map(Value::from));
    add("modified", modified.map(Value::from));
    add("mode", entry.mode.map(|mode| format!("{:04o}", mode & 0o7777).into()));
    add("owner", entry.owner.as_deref().map(|owner| text(owner).into()));
    add("group", entry.group.as_deref().map(|group| text(group).into()));
    object
}

/// `rwxr-xr-x`, or as many dashes as are not known.
pub(crate) fn mode_of(entry: &Entry) -> String {
    let Some(mode) = entry.mode else { return "?????????".to_owned() };
    let letter = |nth: u32| {
        let set = mode >> (8 - nth) & 1 == 1;
        let special = nth % 3 == 2 && mode >> (11 - nth / 3) & 1 == 1;
        match (special, set, nth) {
            (false, true, _) => ['r', 'w', 'x'][nth as usize % 3],
            (false, false, _) => '-',
            (true, true, 8) => 't',
            (true, false, 8) => 'T',
            (true, true, _) => 's',
            (true, false, _) => 'S',
        }
    };
    (0..9).map(letter).collect()
}

/// The name of an owner or a group.
fn holder(name: &Option<Vec<u8>>) -> String {
    name.as_deref().map_or_else(|| "?".to_owned(), escaped)
}

/// `d 1234  2024-05-01 12:30  name`.
fn row(entry: &Entry, name: &str, width: usize) -> String {
    let (kind, suffix) = match &entry.kind {
        Kind::File => ('-', String::new()),
        Kind::Folder => ('d', "/".to_owned()),
        Kind::Link { target: Some(target) } => ('l', format!(" -> {}", escaped(target))),
        Kind::Link { target: None } => ('l', "@".to_owned()),
        Kind::Other => ('?', String::new()),
    };
    let time = time(entry);
    format!("{kind} {:>width$}  {time}  {name}{suffix}", size(entry))
}

fn size(entry: &Entry) -> String {
    match (&entry.kind, entry.size) {
        (Kind::Folder, _) | (_, None) => "-".to_owned(),
        (_, Some(size)) => size.to_string(),
    }
}

/// The time of modification, as exact as it is known.
pub(crate) fn time(entry: &Entry) -> String {
    let Some(civil) = entry.modified.map(Timestamp::civil) else {
        return format!("{:16}", "-");
    };
    let date = format!("{:04}-{:02}-{:02}", civil.year, civil.month, civil.day);
    match entry.precision {
        Precision::Day => format!("{date:16}"),
        Precision::Minute | Precision::Second => {
            format!("{date} {:02}:{:02}", civil.hour, civil.minute)
        }
    }
}

fn escaped(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len());
    // Writing to a string does not fail.
    let _ = write_safe(&mut out, name);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_columns_of_their_own_and_show_controls_in_names() {
        let listing = Listing::read(
            b"type=dir;modify=20240501123000; sub\r\n\
              type=file;size=12345;modify=20240501123000; a b\x1b[2J\r\n\
              type=OS.unix=slink:/etc;modify=20240501123000; link\r\n\
              -rw-r--r-- 1 u g 7 Jan  2  2020 old\r\n",
        );
        let rows: Vec<String> =
            listing.entries.iter().map(|entry| row(entry, &escaped(&entry.name), 5)).collect();
        assert_eq!(rows[0], "d     -  2024-05-01 12:30  sub/");
        assert_eq!(rows[1], "- 12345  2024-05-01 12:30  a b\\x1b[2J");
        assert!(rows[2].starts_with("l     -  2024-05-01 12:30  link"), "{}", rows[2]);
        assert_eq!(rows[3], "-     7  2020-01-02        old");
    }
}
