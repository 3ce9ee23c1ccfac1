//! `wharf trace`: the FTP sessions of a capture as ladders, with what went wrong in them.
//!
//! Sessions are drawn as soon as they are over, so a capture of any size is read in the same memory. What is made
//! of a session is in `trace/`, a file each.

mod forms;
mod text;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use wharf_ladder::capture::{Capture, Error};
use wharf_ladder::sessions::{Session, Sessions};
use wharf_ladder::tls::Keys;
use wharf_ladder::{Ambiguous, Options, Segment};

use crate::args::language;
use crate::args::trace::{DrawingArgs, Format, TraceArgs};
use crate::exit::{Exit, Usage};
use crate::terminal;

/// Frames after which it is looked whether sessions are over.
const LOOK: u64 = 512;

/// The longest line of a key log that is read as one.
const KEY_LINE: u64 = 4096;

/// What makes something of the sessions of a capture.
trait Renderer {
    /// Sessions that belong together: one, or those of a transfer between servers.
    fn group(&mut self, group: &[Session], out: &mut dyn Write) -> anyhow::Result<()>;

    /// When the capture began, since 1970; told before the first group.
    fn begins_at(&mut self, _origin: Option<Duration>) {}

    /// The capture is over.
    fn end(&mut self, _out: &mut dyn Write) -> anyhow::Result<()> {
        Ok(())
    }
}

pub(crate) fn run(arguments: &TraceArgs) -> anyhow::Result<Exit> {
    let path = arguments.file.as_deref().unwrap_or_else(|| Path::new("-"));
    let name = if path == Path::new("-") { "standard input" } else { &path.to_string_lossy() };
    let source: Box<dyn Read + Send> = match path {
        path if path == Path::new("-") => Box::new(io::stdin()),
        path => Box::new(File::open(path).with_context(|| format!("cannot read {name}"))?),
    };
    let mut capture = match Capture::open(source) {
        Err(Error::NotACapture(_)) => {
            return Err(Usage(format!("{name} is neither pcap nor pcapng")).into());
        }
        Err(Error::Io(error)) => return Err(error).with_context(|| format!("cannot read {name}")),
        Err(error) => return Err(Usage(format!("{name}: {error}")).into()),
        Ok(capture) => capture,
    };
    learn(capture.keys(), &arguments.keys)?;
    let mut renderer = renderer(arguments);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut seen = Seen { arguments, sessions: 0, shown: 0 };
    let broken = read(&mut capture, arguments, |group, origin| {
        renderer.begins_at(origin);
        seen.give(group, &mut *renderer, &mut out)
    })?;
    renderer.end(&mut out)?;
    out.flush()?;
    drop(out);
    if let Some((link, frames)) = capture.unread() {
        terminal::say(format_args!("wharf: {frames} frames of link type {link} were not read"));
    }
    match (broken, seen.sessions, seen.shown) {
        (Some(error), ..) => {
            terminal::say(format_args!("wharf: {name}: {error}"));
            Ok(Exit::Failed)
        }
        (None, 0, _) => {
            let frames = capture.frames();
            terminal::say(format_args!(
                "wharf: no FTP session among the {frames} frames of {name}"
            ));
            Ok(Exit::NotFound)
        }
        (None, _, 0) => {
            terminal::say("wharf: none of the sessions is asked for");
            Ok(Exit::NotFound)
        }
        (None, ..) => Ok(Exit::Done),
    }
}

/// Gives the sessions that are asked for to the renderer.
struct Seen<'a> {
    arguments: &'a TraceArgs,
    sessions: u64,
    shown: u64,
}

impl Seen<'_> {
    fn give(
        &mut self,
        group: &[Session],
        renderer: &mut dyn Renderer,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        self.sessions += 1;
        if group.iter().any(|session| is_wanted(self.arguments, session)) {
            self.shown += 1;
            renderer.group(group, out)?;
        }
        Ok(())
    }
}

/// Reads the capture to its end, and gives its sessions in groups; the error that it breaks off with is given
/// back.
fn read(
    capture: &mut Capture<'_>,
    arguments: &TraceArgs,
    mut give: impl FnMut(&[Session], Option<Duration>) -> anyhow::Result<()>,
) -> anyhow::Result<Option<Error>> {
    let mut sessions = Sessions::new(&arguments.ports).with_keys(capture.keys().clone());
    let mut frames = 0u64;
    let broken = loop {
        match capture.next_frame() {
            Ok(Some(frame)) => {
                if let Some(segment) = Segment::of_frame(&frame) {
                    sessions.push(&segment);
                }
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        frames += 1;
        if frames.is_multiple_of(LOOK) {
            let origin = capture.origin();
            sessions.take_finished().iter().try_for_each(|group| give(group, origin))?;
        }
    };
    let origin = capture.origin();
    sessions.finish().iter().try_for_each(|group| give(group, origin))?;
    Ok(broken)
}

/// Learns the secrets of these key logs.
fn learn(keys: &Keys, files: &[PathBuf]) -> anyhow::Result<()> {
    for path in files {
        let name = path.display();
        let cannot = || format!("cannot read {name}");
        let mut lines = BufReader::new(File::open(path).with_context(cannot)?);
        let (mut line, mut learnt) = (Vec::new(), 0);
        while lines.by_ref().take(KEY_LINE).read_until(b'\n', &mut line).with_context(cannot)? > 0 {
            learnt += keys.learn(&line);
            line.clear();
        }
        if learnt == 0 {
            let why = format!("{name} holds no keys of TLS sessions as SSLKEYLOGFILE writes them");
            return Err(Usage(why).into());
        }
    }
    Ok(())
}

/// Whether a session is asked for.
fn is_wanted(arguments: &TraceArgs, session: &Session) -> bool {
    let by_number = arguments.sessions.is_empty()
        || arguments.sessions.iter().any(|range| range.contains(&session.no));
    let by_host = arguments.host.is_none_or(|host| {
        let is_host = |end: std::net::SocketAddr| end.ip().to_canonical() == host.to_canonical();
        session.packets.ends().is_some_and(|ends| is_host(ends.client) || is_host(ends.server))
    });
    by_number && by_host
}

fn renderer(arguments: &TraceArgs) -> Box<dyn Renderer> {
    let options = options(&arguments.drawing);
    match (arguments.list, arguments.format) {
        (true, _) => Box::new(text::List::new(options)),
        (false, Format::Text) => Box::new(text::Ladders::new(options)),
        (false, form) => Box::new(forms::Forms::new(form, options)),
    }
}

/// The drawing options of the library.
pub(crate) fn options(drawing: &DrawingArgs) -> Options {
    let plain = Options::default();
    Options {
        width: drawing.width.or_else(terminal::output_columns).unwrap_or(plain.width),
        ambiguous: if drawing.ambiguous == 2 { Ambiguous::Two } else { Ambiguous::One },
        ascii: drawing.ascii,
        colour: terminal::output_has_colour(),
        packets: drawing.packets,
        lang: language(drawing.lang),
        notes: drawing.notes,
        no_times: drawing.no_times,
    }
}
