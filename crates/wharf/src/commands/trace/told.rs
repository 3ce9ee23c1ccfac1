//! Sessions that an end has written down: a tap, known by its first bytes.
//!
//! It is read to its end, and what is not understood in it ends the reading, with the number of the line.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::path::Path;

use anyhow::Context as _;
use wharf_ladder::sessions::Session;
use wharf_ladder::tap::{self, Error, Line, Reader, Told};

use super::source::Growing;
use super::{LOOK, Renderer, Seen, renderer};
use crate::args::trace::TraceArgs;
use crate::exit::{Exit, Usage};
use crate::terminal;

/// Bytes by which a file is known.
const HEAD: u64 = 64;

/// What was written down.
pub(super) struct Source {
    name: String,
    reader: Reader<BufReader<Box<dyn Read>>>,
    follows: bool,
}

/// Opens a file that an end has written; none where it is something else.
pub(super) fn open(arguments: &TraceArgs) -> anyhow::Result<Option<Source>> {
    let file = arguments.file.as_deref().filter(|path| *path != Path::new("-"));
    let Some(path) = file.filter(|path| path.is_file()) else { return Ok(None) };
    let name = path.display().to_string();
    let cannot = || format!("cannot read {name}");
    let mut head = Vec::new();
    File::open(path)
        .with_context(cannot)?
        .take(HEAD)
        .read_to_end(&mut head)
        .with_context(cannot)?;
    if !tap::begins(&head) {
        return Ok(None);
    }
    let file = File::open(path).with_context(cannot)?;
    let follows = arguments.follow;
    let source: Box<dyn Read> =
        if follows { Box::new(Growing::new(file)?) } else { Box::new(file) };
    Ok(Some(Source { reader: Reader::new(BufReader::new(source)), name, follows }))
}

/// Draws the sessions that it tells of.
pub(super) fn run(mut source: Source, arguments: &TraceArgs) -> anyhow::Result<Exit> {
    #[cfg(feature = "tui")]
    if arguments.tui {
        return Err(Usage("--tui reads captures; a tap is drawn without it".to_owned()).into());
    }
    let mut renderer = renderer(arguments);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut seen = Seen { arguments, sessions: 0, shown: 0 };
    let broken = read(&mut source, &mut *renderer, &mut |renderer, session| {
        seen.give(std::slice::from_ref(&session), renderer, &mut out)?;
        // Who follows waits for it.
        if arguments.follow { Ok(out.flush()?) } else { Ok(()) }
    })?;
    renderer.end(&mut out)?;
    out.flush()?;
    drop(out);
    let name = &source.name;
    match (broken, seen.sessions, seen.shown) {
        (Some(error), ..) => {
            terminal::say(format_args!("wharf: {name}: {error}"));
            Ok(Exit::Failed)
        }
        (None, 0, _) => {
            terminal::say(format_args!("wharf: {name} tells of no session"));
            Ok(Exit::NotFound)
        }
        (None, _, 0) => {
            terminal::say("wharf: none of the sessions is asked for");
            Ok(Exit::NotFound)
        }
        (None, ..) => Ok(Exit::Done),
    }
}

/// Reads to the end; the error that ends it earlier is given back.
fn read(
    source: &mut Source,
    renderer: &mut dyn Renderer,
    give: &mut dyn FnMut(&mut dyn Renderer, Session) -> anyhow::Result<()>,
) -> anyhow::Result<Option<Error>> {
    let mut told = Told::default();
    let mut lines = 0u64;
    let broken = loop {
        let ended = match source.reader.next_line() {
            Ok(None) => break None,
            // Who follows a file and stops does so in the midst of it.
            Err(Error::Truncated { .. }) if source.follows => break None,
            Err(error) => break Some(error),
            Ok(Some(Line::Full)) => {
                let name = &source.name;
                terminal::say(format_args!("wharf: {name} was full; what came then is not in it"));
                Vec::new()
            }
            Ok(Some(Line::Begin(began))) => {
                // Another run of the server counts its sessions from the beginning.
                let ended = told.finish();
                ended.into_iter().try_for_each(|session| give(renderer, session))?;
                renderer.begins_at(Some(began));
                Vec::new()
            }
            Ok(Some(Line::Event(event))) => told.push(&event).into_iter().collect(),
        };
        ended.into_iter().try_for_each(|session| give(renderer, session))?;
        lines += 1;
        if source.follows || lines.is_multiple_of(LOOK) {
            told.take_finished().into_iter().try_for_each(|session| give(renderer, session))?;
        }
    };
    told.finish().into_iter().try_for_each(|session| give(renderer, session))?;
    Ok(broken)
}
