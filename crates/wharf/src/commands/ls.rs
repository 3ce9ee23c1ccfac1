//! `wharf ls`: a folder's entries, one a line, in columns that do not depend on the server.
//!
//! Names are printed so that a terminal obeys none of them, also into pipes: a name with a line end in it
//! must not look like two names. Sorted, a listing is held as what is to be printed, in one buffer (`ls/shelf.rs`);
//! unsorted it is printed as it comes.

mod shelf;

use std::io::{self, Write};

use serde_json::{Value, json};
use wharf_client::{Address, Error, RowWatch, Session, UrlType};
use wharf_proto::charset::Charset;
use wharf_proto::listing::{Entry, Kind, Precision};
use wharf_proto::time::Timestamp;
use wharf_proto::{Text, write_safe};

use self::shelf::{Cells, Shelf};
use crate::args::LsArgs;
use crate::events::{Events, spell, utc};
use crate::exit::{Exit, Why};
use crate::terminal;
use crate::visit::visit;

/// How often a listing is asked for whose data connection breaks.
const TRIES: u8 = 3;
/// How many bytes of rows are held to be sorted: some two million entries.
const ROOM: usize = 256 << 20;
/// How many rows that nobody can read are shown.
const SHOWN: usize = 50;
/// The widths of the columns where nobody knows what is to come.
const SHORT: [usize; 2] = [1, 12];
const LONG: [usize; 5] = [9, 8, 8, 1, 12];

pub(crate) async fn run(arguments: &LsArgs, events: &Events) -> anyhow::Result<Exit> {
    let address = &arguments.url.0;
    let form = match arguments.long {
        true => Form::Long,
        false if arguments.names || address.kind == Some(UrlType::Directory) => Form::Names,
        false => Form::Short,
    };
    let charset = arguments.connection.charset.unwrap_or_default();
    let mut printer = Printer::new(form, charset, !arguments.unsorted, events);
    let plain = arguments.connection.plain;
    let listed = visit(address, &arguments.connection, async |session| {
        let mut left = TRIES;
        loop {
            left -= 1;
            match list(session, address, plain, &mut |row| printer.take(row)).await {
                // It was this data connection, and another one may do. Where no way led to one, all have been tried.
                Err(error)
                    if left > 0
                        && error.is_passing()
                        && !matches!(error, Error::NoWay { .. })
                        && !error.ends_the_session()
                        && !session.is_lost()
                        && printer.starts_over() => {}
                listed => return listed,
            }
        }
    })
    .await;
    printer.judge(listed).inspect_err(|error| events.failed("list", &address.path, error))?;
    printer.end()?;
    Ok(Exit::Done)
}

/// Lists what the address names. LIST with an argument is read differently by different servers (as
/// flags, as a pattern), so a folder is entered where MLSD cannot be used.
async fn list(
    session: &mut Session,
    address: &Address,
    plain: bool,
    each: &mut RowWatch<'_>,
) -> Result<(), Error> {
    let path = Some(&address.path).filter(|path| !path.is_empty());
    let Some(path) = path else { return session.list_each(None, each).await };
    if !plain && session.features().await?.has("MLST") {
        return session.list_each(Some(path), each).await;
    }
    match session.cwd(path).await {
        Ok(_) => session.list_each(None, each).await,
        // It may be a file. Some servers list what is not there as nothing, and a folder that they cannot enter as
        // its name.
        Err(refusal @ Error::Refused { .. }) => {
            let (mut rows, mut folders) = (0, 0);
            let mut each = |row| {
                rows += 1;
                folders += usize::from(matches!(&row, Ok(Entry { kind: Kind::Folder, .. })));
                if folders == 0 { each(row) } else { Ok(()) }
            };
            session.list_each(Some(path), &mut each).await?;
            if rows > folders { Ok(()) } else { Err(refusal) }
        }
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
}

/// Prints a listing on standard output, or tells programs of it.
pub(crate) struct Printer {
    form: Form,
    events: Events,
    charset: Charset,
    /// What is to be sorted by name.
    shelf: Option<Shelf>,
    out: io::BufWriter<io::Stdout>,
    /// Whether rows went out as they came.
    has_printed: bool,
    /// Whether more came than can be sorted.
    is_full: bool,
    unread: Vec<Text>,
    more_unread: usize,
}

impl Printer {
    /// One that prints in this form, sorted by name or as it comes; programs are told as it comes.
    pub(crate) fn new(form: Form, charset: Charset, sorted: bool, events: &Events) -> Self {
        Self {
            form,
            charset,
            shelf: (sorted && !events.is_on()).then(|| Shelf::new(ROOM)),
            events: events.clone(),
            out: io::BufWriter::new(io::stdout()),
            has_printed: false,
            is_full: false,
            unread: Vec::new(),
            more_unread: 0,
        }
    }

    /// Takes in a row.
    ///
    /// # Errors
    /// Those of standard output.
    pub(crate) fn take(&mut self, row: Result<Entry, Text>) -> io::Result<()> {
        match row {
            Ok(entry) => self.take_entry(&entry)?,
            Err(row) if self.unread.len() < SHOWN => self.unread.push(row),
            Err(_) => self.more_unread += 1,
        }
        Ok(())
    }

    /// Forgets what it has taken in; tells whether nobody has seen anything of it.
    fn starts_over(&mut self) -> bool {
        if self.has_printed {
            return false;
        }
        self.shelf = self.shelf.is_some().then(|| Shelf::new(ROOM));
        self.unread.clear();
        self.more_unread = 0;
        true
    }

    fn take_entry(&mut self, entry: &Entry) -> io::Result<()> {
        self.has_printed |= self.shelf.is_none();
        if self.events.is_on() {
            self.events.entry(|| json(entry));
            return Ok(());
        }
        let cells = cells(entry, self.form, &escaped(&self.charset.shown(&entry.name)));
        match &mut self.shelf {
            Some(shelf) => {
                self.is_full = !shelf.put(&entry.name, &cells);
                if self.is_full { Err(io::ErrorKind::OutOfMemory.into()) } else { Ok(()) }
            }
            None if self.form == Form::Long => cells.write(&mut self.out, &LONG),
            None => cells.write(&mut self.out, &SHORT),
        }
    }

    /// How the listing went that was taken in: one that was too long to be sorted is told as that, and not printed.
    pub(crate) fn judge(&mut self, listed: anyhow::Result<()>) -> anyhow::Result<()> {
        if !self.is_full {
            return listed;
        }
        self.shelf = None;
        let words =
            "the listing is too long to be sorted: -U prints each row as it comes".to_owned();
        Err(Why { exit: Exit::Failed, words }.into())
    }

    /// Prints what is left to be printed, and tells which rows could not be read.
    ///
    /// # Errors
    /// Those of standard output.
    pub(crate) fn end(mut self) -> io::Result<()> {
        if let Some(shelf) = self.shelf {
            shelf.write(&mut self.out)?;
        }
        self.out.flush()?;
        for unread in &self.unread {
            let words = format!("a row of the listing cannot be read: {unread}");
            self.events.note(&words);
            terminal::say(format_args!("warning: {words}"));
        }
        if self.more_unread > 0 {
            terminal::say(format_args!("warning: and {} rows more", self.more_unread));
        }
        Ok(())
    }
}

/// An entry as an object.
pub(crate) fn json(entry: &Entry) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (kind, target) = match &entry.kind {
        Kind::File => ("file", None),
        Kind::Folder => ("folder", None),
        Kind::Link { target } => ("link", target.as_deref()),
        Kind::Other => ("other", None),
    };
    let modified = entry.modified.map(|at| match entry.precision {
        Precision::Day | Precision::LocalDay => {
            utc(at).split('T').next().unwrap_or_default().to_owned()
        }
        Precision::Minute | Precision::Second => utc(at),
    });
    let mut object = json!({ "type": kind });
    spell(&mut object, "name", &entry.name);
    if let Some(target) = target {
        spell(&mut object, "target", target);
    }
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            object[key] = value;
        }
    };
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

/// What is printed of an entry in this form.
fn cells(entry: &Entry, form: Form, name: &str) -> Cells {
    let (kind, suffix) = match &entry.kind {
        Kind::File => ('-', String::new()),
        Kind::Folder => ('d', "/".to_owned()),
        Kind::Link { target: Some(target) } => ('l', format!(" -> {}", escaped(target))),
        Kind::Link { target: None } => ('l', "@".to_owned()),
        Kind::Other => ('?', String::new()),
    };
    let behind = || format!(" {}  {name}{suffix}", time(entry));
    match form {
        Form::Names => Cells::new([name.to_owned()]),
        Form::Short => Cells::new([kind.to_string(), size(entry), behind()]),
        Form::Long => {
            let (owner, group) = (holder(&entry.owner), holder(&entry.group));
            let kind = kind.to_string();
            Cells::new([mode_of(entry), owner, group, kind, size(entry), behind()])
        }
    }
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
        Precision::Day | Precision::LocalDay => format!("{date:16}"),
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
    use wharf_client::Listing;

    #[test]
    fn rows_have_columns_of_their_own_and_show_controls_in_names() {
        let listing = Listing::read(
            b"type=dir;modify=20240501123000; sub\r\n\
              type=file;size=12345;modify=20240501123000; a b\x1b[2J\r\n\
              type=OS.unix=slink:/etc;modify=20240501123000; link\r\n\
              -rw-r--r-- 1 u g 7 Jan  2  2020 old\r\n",
        );
        let rows: Vec<String> = listing
            .entries
            .iter()
            .map(|entry| {
                let mut out = Vec::new();
                cells(entry, Form::Short, &escaped(&entry.name)).write(&mut out, &[1, 5]).unwrap();
                String::from_utf8(out).unwrap()
            })
            .collect();
        assert_eq!(rows[0], "d     -  2024-05-01 12:30  sub/\n");
        assert_eq!(rows[1], "- 12345  2024-05-01 12:30  a b\\x1b[2J\n");
        assert!(rows[2].starts_with("l     -  2024-05-01 12:30  link"), "{}", rows[2]);
        assert_eq!(rows[3], "-     7  2020-01-02        old\n");
        let mut out = Vec::new();
        cells(&listing.entries[3], Form::Long, "old").write(&mut out, &LONG).unwrap();
        let row = "rw-r--r-- u        g        -            7  2020-01-02        old\n";
        assert_eq!(String::from_utf8(out).unwrap(), row);
    }

    #[test]
    fn a_listing_that_is_too_long_to_be_sorted_is_told_as_that_and_none_of_it_printed() {
        let mut printer = Printer::new(Form::Names, Charset::default(), true, &Events::default());
        printer.shelf = Some(Shelf::new(100));
        let entry = Listing::read(b"type=file; endless\r\n").entries.remove(0);
        let taken = (0..100).try_for_each(|_| printer.take(Ok(entry.clone())));
        let listed = printer.judge(taken.map_err(|error| Error::Sink(error).into()));
        let error = listed.unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Failed);
        assert!(error.to_string().contains("-U prints each row"), "{error}");
        assert!(printer.shelf.is_none());
    }
}
