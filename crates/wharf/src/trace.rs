//! `--trace`: keeps events and draws a ladder for each session when the command is over, or writes them down, in the form
//! that the ending of the file's name asks for.
//!
//! Whatever its form, the file is its owner's alone: who was where, the names of their files, and what servers have said are
//! nobody else's to read. What rows there are and how they look is `wharf_ladder`'s business, and the forms are those of `wharf trace`.

use std::env;
use std::io::{self, IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use wharf_client::Tap;
use wharf_ladder::scene::scenes;
use wharf_ladder::sessions::Session;
use wharf_ladder::tap::Told;
use wharf_ladder::{Lang, Options, Scene, text};
use wharf_proto::tap::{Event, SessionId};

use crate::args::ConnectionArgs;
use crate::args::trace::Format;
use crate::commands::trace::in_form;
use crate::output::can_be_written;
use crate::{tap, terminal};

/// How wide a ladder in a file is.
const FILE_WIDTH: usize = 100;

/// Endings of files, and what is written into them; into all others ladders as text.
const ENDINGS: [(&str, Form); 8] = [
    ("jsonl", Form::Events),
    ("svg", Form::Of(Format::Svg)),
    ("html", Form::Of(Format::Html)),
    ("htm", Form::Of(Format::Html)),
    ("json", Form::Of(Format::Json)),
    ("mmd", Form::Of(Format::Mermaid)),
    ("mermaid", Form::Of(Format::Mermaid)),
    ("pcapng", Form::Of(Format::Pcapng)),
];

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The events as they happened, for `wharf trace` (docs/tap.md).
    Events,
    /// What `wharf trace --format` makes of them.
    Of(Format),
}

/// Collects events for ladders.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    events: Arc<Mutex<Vec<Event>>>,
    to: PathBuf,
    lang: Lang,
    /// When it was begun, since 1970.
    began: Duration,
    /// What stands above the ladders of sessions, where that is text.
    titles: Vec<(SessionId, String)>,
}

impl Trace {
    /// The trace that the command line asks for, if it asks for one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn wanted_by(arguments: &ConnectionArgs) -> anyhow::Result<Option<Self>> {
        let Some(to) = &arguments.trace else { return Ok(None) };
        can_be_written(to)?;
        Ok(Some(Self::new(to.clone())))
    }

    /// A trace that will be drawn into the file `to`, `-` being standard error.
    fn new(to: PathBuf) -> Self {
        let (lang, began) = (terminal::language(), tap::since_1970());
        Self { events: Arc::default(), to, lang, began, titles: Vec::new() }
    }

    /// The same in this language.
    pub(crate) fn speaking(self, lang: Lang) -> Self {
        Self { lang, ..self }
    }

    /// The tap that feeds it.
    pub(crate) fn tap(&self) -> Tap {
        let events = Arc::clone(&self.events);
        Arc::new(move |event| events.lock().unwrap_or_else(PoisonError::into_inner).push(event))
    }

    /// Takes the events of a session that is over, and what is to stand above it.
    pub(crate) fn take(&mut self, session: SessionId, title: String, events: &[Event]) {
        self.titles.push((session, title));
        self.events.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(events);
    }

    /// Draws what happened.
    pub(crate) fn draw(&self) -> anyhow::Result<()> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let form = match form(&self.to) {
            Form::Events => return tap::write(&self.to, self.began, &events),
            Form::Of(form) => form,
        };
        let mut told = Told::default();
        events.iter().for_each(|event| told.push(event));
        let groups = told.finish();
        if form == Format::Text {
            return self.draw_text(&groups);
        }
        self.write(&in_form(form, self.options(), self.began, &groups)?)
    }

    fn draw_text(&self, groups: &[Vec<Session>]) -> anyhow::Result<()> {
        let options = self.options();
        let draw = |scene: &Scene| {
            let is_of = |(session, _): &&(SessionId, String)| scene.sessions.contains(&session.0);
            let title = self.titles.iter().find(is_of).map(|(_, title)| format!("{title}\n"));
            title.unwrap_or_default()
                + &text::scene(scene, &options)
                + &text::verdicts(&scene.findings, &options)
        };
        let scenes = groups.iter().flat_map(|group| scenes(group));
        let text = scenes.map(|scene| draw(&scene)).collect::<Vec<_>>().join("\n");
        if self.is_to_terminal() {
            terminal::say(text.trim_end());
            return Ok(());
        }
        self.write(text.as_bytes())
    }

    fn write(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let write = || tap::begin_private(&self.to)?.write_all(bytes);
        write().with_context(|| format!("cannot write {}", self.to.display()))
    }

    fn is_to_terminal(&self) -> bool {
        self.to == Path::new("-")
    }

    fn options(&self) -> Options {
        let to_terminal = self.is_to_terminal();
        let width = if to_terminal { terminal::columns() } else { Some(FILE_WIDTH) };
        let plain = Options::default();
        Options {
            width: width.unwrap_or(plain.width),
            ascii: to_terminal && !terminal::speaks_utf8(),
            colour: to_terminal && io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none(),
            lang: self.lang,
            ..plain
        }
    }
}

/// What the ending of a file's name asks for.
fn form(to: &Path) -> Form {
    let ending = to.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let asked = ENDINGS.iter().find(|(known, _)| ending.as_deref() == Some(*known));
    asked.map_or(Form::Of(Format::Text), |(_, form)| *form)
}
