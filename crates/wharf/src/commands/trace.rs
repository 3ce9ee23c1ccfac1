//! `wharf trace`: the FTP sessions of a capture, a tap or a log as ladders, with what went wrong in them.
//!
//! Sessions are drawn as soon as they are over, so a source of any size is read in the same memory. What is made
//! of a session is in `trace/`, a file each.

mod facts;
pub(crate) mod filter;
mod folder;
mod forms;
mod frames;
mod gathering;
mod list;
mod logged;
mod pairs;
mod source;
mod text;
mod told;
mod totals;
#[cfg(feature = "tui")]
mod tui;

use std::cell::OnceCell;
use std::io::{self, BufWriter, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::anyhow;
use wharf_ladder::scene::scenes;
use wharf_ladder::sessions::Session;
use wharf_ladder::{Ambiguous, Hide, Options, Scene};

use crate::args::language;
use crate::args::trace::{AmbiguousArg, DrawingArgs, Format, TraceArgs};
use crate::exit::{Exit, Usage};
use crate::terminal;
use facts::Facts;
use gathering::Gathering;
use source::Source;
use totals::Totals;

/// How often sessions that are over may be given before those given first are drawn.
const READ_AHEAD: usize = 4;

/// What makes something of the sessions of a capture.
trait Renderer {
    /// Sessions that belong together: one, or those of a transfer between servers.
    fn group(&mut self, group: &Group<'_>, out: &mut dyn Write) -> anyhow::Result<()>;

    /// When the capture began, since 1970; told before the first group.
    fn begins_at(&mut self, _origin: Option<Duration>) {}

    /// The source is over, and this is what it and its sessions came to.
    fn end(&mut self, _totals: &Totals, _out: &mut dyn Write) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Sessions that belong together, and the pictures of them, which are made where somebody wants them.
struct Group<'a> {
    sessions: &'a [Session],
    hide: Hide,
    scenes: OnceCell<Vec<Scene>>,
}

impl<'a> Group<'a> {
    fn new(sessions: &'a [Session], hide: Hide) -> Self {
        Self { sessions, hide, scenes: OnceCell::new() }
    }

    fn scenes(&self) -> &[Scene] {
        self.scenes.get_or_init(|| pictures(self.sessions, self.hide))
    }

    /// The sessions that are in a picture.
    fn of<'b>(&'b self, scene: &'b Scene) -> impl Iterator<Item = &'a Session> + 'b {
        self.sessions.iter().filter(|session| scene.sessions.contains(&session.no))
    }
}

/// The pictures of sessions that belong together, in which nothing stands that is to be hidden.
fn pictures(group: &[Session], hide: Hide) -> Vec<Scene> {
    let mut scenes = scenes(group);
    scenes.iter_mut().for_each(|scene| scene.hide(hide));
    scenes
}

pub(crate) fn run(arguments: &TraceArgs) -> anyhow::Result<Exit> {
    if arguments.list && !matches!(arguments.form(), Format::Text | Format::Json) {
        return Err(Usage("--list is made as text or as JSON".to_owned()).into());
    }
    let mut source = Source::open(arguments)?;
    #[cfg(feature = "tui")]
    if arguments.tui {
        return tui::run(source, arguments);
    }
    if arguments.is_of_pairs() {
        if !matches!(arguments.form(), Format::Text | Format::Json) {
            let why = "--compare and --beside are drawn as text or as JSON";
            return Err(Usage(why.to_owned()).into());
        }
        return pairs::run(source, arguments, &mut BufWriter::new(io::stdout().lock()));
    }
    let name = source.name().to_owned();
    let mut renderer = match arguments.with_secrets {
        true => Box::new(with_secrets(&source, arguments)?),
        false => renderer(arguments),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut seen = Seen { arguments, sessions: 0, totals: Totals::default() };
    let broken = read(&mut source, arguments, |group, origin| {
        renderer.begins_at(origin);
        seen.give(group, &mut *renderer, &mut out)?;
        // Somebody waits for it.
        if arguments.follow || arguments.live.is_some() { Ok(out.flush()?) } else { Ok(()) }
    })?;
    let mut totals = std::mem::take(&mut seen.totals);
    totals.source = source.losses();
    totals.source.broken = broken.as_ref().map(|error| format!("{error:#}"));
    renderer.end(&totals, &mut out)?;
    out.flush()?;
    drop(out);
    for remark in source.remarks() {
        terminal::say(format_args!("wharf: {remark}"));
    }
    match (broken, seen.sessions, totals.sessions) {
        (Some(error), ..) => {
            terminal::say(format_args!("wharf: {name}: {error:#}"));
            Ok(Exit::Failed)
        }
        (None, 0, _) => {
            terminal::say(format_args!("wharf: {}", source.nothing()));
            Ok(Exit::NotFound)
        }
        (None, _, 0) => {
            terminal::say("wharf: none of the sessions is asked for");
            Ok(Exit::NotFound)
        }
        (None, ..) => Ok(Exit::Done),
    }
}

/// Sessions that are all there, in one of the forms for other programs; `origin` is when they began, since 1970.
pub(crate) fn in_form(
    form: Format,
    options: Options,
    origin: Duration,
    groups: &[Vec<Session>],
) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut totals = Totals::default();
    let mut forms = forms::Forms::new(form, options);
    forms.begins_at(Some(origin));
    for sessions in groups {
        let group = Group::new(sessions, Hide::default());
        totals.count(&group);
        totals.sessions += sessions.len() as u64;
        forms.group(&group, &mut out)?;
    }
    forms.end(&totals, &mut out)?;
    Ok(out)
}

/// Gives the sessions that are asked for to the renderer.
struct Seen<'a> {
    arguments: &'a TraceArgs,
    /// Groups that came.
    sessions: u64,
    /// What those came to that were asked for.
    totals: Totals,
}

impl Seen<'_> {
    fn give(
        &mut self,
        group: &[Session],
        renderer: &mut dyn Renderer,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        self.sessions += 1;
        let group = &Group::new(group, self.arguments.hide());
        if group.sessions.iter().any(|session| is_wanted(self.arguments, session))
            && fits(self.arguments, group)
        {
            if self.arguments.stats || self.arguments.form() == Format::Json {
                self.totals.count(group);
            }
            self.totals.sessions += group.sessions.len() as u64;
            renderer.group(group, out)?;
        }
        Ok(())
    }
}

/// Reads the source to its end, and gives its sessions in groups; the error that it breaks off with is given back.
fn read(
    source: &mut Source,
    arguments: &TraceArgs,
    mut give: impl FnMut(&[Session], Option<Duration>) -> anyhow::Result<()>,
) -> anyhow::Result<Option<anyhow::Error>> {
    let gathering = source.gathering(arguments);
    if !source.is_at_hand() {
        let mut done = Ok(());
        let broken = each(source, &gathering, |groups, origin| {
            done = groups.iter().try_for_each(|group| give(group, origin));
            done.is_ok()
        });
        return done.map(|()| broken);
    }
    // While some sessions are drawn, the next are read. What was drawn goes back to be freed where it was allocated:
    // elsewhere it is many small things that two threads wait for one allocator for.
    let (send, batches) = mpsc::sync_channel(READ_AHEAD);
    let (give_back, drawn) = mpsc::channel();
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            each(source, &gathering, |groups, origin| {
                drawn.try_iter().for_each(drop::<Vec<Vec<Session>>>);
                send.send((groups, origin)).is_ok()
            })
        });
        for (groups, origin) in batches {
            groups.iter().try_for_each(|group| give(group, origin))?;
            // Where the reader has ended they are dropped here.
            let _ = give_back.send(groups);
        }
        reader.join().map_err(|_| anyhow!("the reader of the source has failed"))
    })
}

/// Reads the source to its end, or as long as its sessions are taken; the error that it breaks off with is given back.
fn each(
    source: &mut Source,
    gathering: &Gathering,
    mut take: impl FnMut(Vec<Vec<Session>>, Option<Duration>) -> bool,
) -> Option<anyhow::Error> {
    let broken = loop {
        match source.read(gathering) {
            Ok(Some(groups)) if groups.is_empty() => {}
            Ok(Some(groups)) => {
                if !take(groups, source.origin()) {
                    return None;
                }
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    take(gathering.finish(), source.origin());
    broken
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

/// Whether sessions fit the filter.
fn fits(arguments: &TraceArgs, group: &Group<'_>) -> bool {
    let Some(filter) = &arguments.filter else { return true };
    let sessions: Vec<&Session> = group.sessions.iter().collect();
    let lang = language(arguments.drawing.lang);
    group.scenes().iter().any(|scene| filter.matches(&Facts::of(scene, &sessions, lang)))
}

/// What takes the frames of sessions out of their capture.
fn with_secrets(source: &Source, arguments: &TraceArgs) -> anyhow::Result<frames::Frames> {
    if arguments.form() != Format::Pcapng {
        return Err(Usage("--with-secrets is for --format pcapng".to_owned()).into());
    }
    let lang = language(arguments.drawing.lang);
    let Some((path, keys)) = arguments.file.clone().zip(source.keys_of_capture()) else {
        let why =
            "--with-secrets takes frames out of a capture that is a file; this source has none";
        return Err(Usage(why.to_owned()).into());
    };
    Ok(frames::Frames::new(path, keys.clone(), lang))
}

fn renderer(arguments: &TraceArgs) -> Box<dyn Renderer> {
    let options = options(&arguments.drawing);
    match (arguments.list, arguments.form()) {
        (true, Format::Json) => Box::new(list::Objects::new(&options, arguments.stats)),
        (true, _) => Box::new(list::Lines::new(options, arguments.stats)),
        (false, Format::Text) => Box::new(text::Ladders::new(options, arguments.stats)),
        (false, form) => Box::new(forms::Forms::new(form, options)),
    }
}

/// The drawing options of the library.
pub(crate) fn options(drawing: &DrawingArgs) -> Options {
    let plain = Options::default();
    Options {
        width: drawing.width.or_else(terminal::output_columns).unwrap_or(plain.width),
        ambiguous: match drawing.ambiguous {
            AmbiguousArg::One => Ambiguous::One,
            AmbiguousArg::Two => Ambiguous::Two,
            AmbiguousArg::Auto => terminal::ambiguous().unwrap_or_default(),
        },
        ascii: drawing.ascii,
        colour: terminal::output_has_colour(),
        packets: drawing.packets,
        lang: language(drawing.lang),
        notes: drawing.notes,
        no_times: drawing.no_times,
        whole: drawing.whole_replies,
        since: None,
    }
}
