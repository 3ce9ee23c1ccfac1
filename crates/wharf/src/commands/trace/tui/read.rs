//! The source is read on a thread of its own, while somebody looks at what has come already.
//!
//! Sessions that are over are sent; those that go on are looked at now and then, as far as they have come. What the source
//! gives faster than it can be shown waits in the source.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use anyhow::Context;
use wharf_ladder::sessions::Session;
use wharf_ladder::{Lang, Scene};

use super::super::facts::Facts;
use super::super::gathering::Gathering;
use super::super::source::Source;
use super::super::{is_wanted, pictures};
use super::app::Update;
use super::entries::{Entry, Rows};
use crate::args::trace::TraceArgs;

/// Sessions that wait to be shown, at most.
const WAITING: usize = 1024;
/// Open sessions that are looked at anew at a time, at most.
const LOOKED_AT: usize = 200;

/// A source that is being read.
pub(super) struct Reading {
    updates: Receiver<Update>,
    send: SyncSender<Update>,
    gathering: Arc<Gathering>,
    arguments: Arc<TraceArgs>,
    lang: Lang,
    /// How many rows the open sessions had when they were last looked at.
    seen: HashMap<u64, usize>,
}

impl Reading {
    /// Begins to read.
    pub(super) fn begin(source: Source, arguments: &TraceArgs, lang: Lang) -> anyhow::Result<Self> {
        let (send, updates) = sync_channel(WAITING);
        let gathering = Arc::new(source.gathering(arguments));
        let arguments = Arc::new(arguments.clone());
        let reader = Reader {
            gathering: Arc::clone(&gathering),
            arguments: Arc::clone(&arguments),
            send: send.clone(),
            lang,
        };
        let builder = Builder::new().name("reader".to_owned());
        builder.spawn(move || reader.read(source)).context("cannot begin to read")?;
        Ok(Self { updates, send, gathering, arguments, lang, seen: HashMap::new() })
    }

    /// Takes what has come, and what comes in this time.
    pub(super) fn take_in(&self, within: Duration, mut take: impl FnMut(Update)) {
        let until = Instant::now() + within;
        while let Ok(update) =
            self.updates.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            take(update);
            if Instant::now() >= until && !within.is_zero() {
                return;
            }
        }
    }

    /// Looks at the open sessions that have gone on.
    pub(super) fn look(&mut self, mut take: impl FnMut(Update)) {
        let seen = std::mem::take(&mut self.seen);
        let mut open = HashMap::new();
        let is_new = |no: u64, rows: usize| {
            open.insert(no, rows);
            seen.get(&no) != Some(&rows)
        };
        let (arguments, lang) = (&self.arguments, self.lang);
        self.gathering.look(LOOKED_AT, is_new, |session, mut scene| {
            scene.hide(arguments.hide());
            let facts = Facts::of(&scene, &[session], lang);
            if is_wanted(arguments, session) && fits(arguments, &facts) {
                let numbers = numbers(&scene, &[session], lang);
                let scene = Some(Arc::new(scene));
                let entry = Entry { facts, scene, numbers, is_open: true };
                take(Update::Session(Box::new(entry)));
            }
        });
        self.seen = open;
    }

    /// Reads the rows of a session again, if its source is a file, and tells of them so; each packet has a row if that is
    /// wanted.
    pub(super) fn fetch(
        &self,
        no: u64,
        told: fn(u64, Option<Rows>) -> Update,
        packets: bool,
    ) -> anyhow::Result<()> {
        let (send, mut arguments) = (self.send.clone(), (*self.arguments).clone());
        arguments.drawing.packets |= packets;
        let lang = self.lang;
        let path = arguments.file.clone().filter(|path| path != Path::new("-"));
        let fetch = move || {
            let rows = path.and_then(|path| again(&path, &arguments, no, lang).ok().flatten());
            // Who looks no longer needs nothing.
            let _ = send.send(told(no, rows));
        };
        Builder::new().name("again".to_owned()).spawn(fetch).context("cannot begin to read")?;
        Ok(())
    }
}

/// What the thread has.
struct Reader {
    gathering: Arc<Gathering>,
    arguments: Arc<TraceArgs>,
    send: SyncSender<Update>,
    lang: Lang,
}

impl Reader {
    fn read(self, mut source: Source) {
        let trouble = loop {
            match source.read(&self.gathering) {
                Ok(Some(over)) => {
                    if !self.give(&over) {
                        return;
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(format!("{error:#}")),
            }
        };
        if self.give(&self.gathering.finish()) {
            let _ = self.send.send(Update::End(trouble, source.remarks()));
        }
    }

    /// Sends sessions; says whether anybody wants more.
    fn give(&self, groups: &[Vec<Session>]) -> bool {
        let wanted =
            |group: &&Vec<Session>| group.iter().any(|session| is_wanted(&self.arguments, session));
        groups.iter().filter(wanted).all(|group| {
            let sessions: Vec<&Session> = group.iter().collect();
            pictures(group, self.arguments.hide()).into_iter().all(|scene| {
                let facts = Facts::of(&scene, &sessions, self.lang);
                let update = if fits(&self.arguments, &facts) {
                    let numbers = numbers(&scene, &sessions, self.lang);
                    let scene = Some(Arc::new(scene));
                    Update::Session(Box::new(Entry { facts, scene, numbers, is_open: false }))
                } else {
                    Update::Gone(scene.sessions)
                };
                self.send.send(update).is_ok()
            })
        })
    }
}

/// What the sessions of a scene came to in numbers, a title before each where there are several.
fn numbers(scene: &Scene, sessions: &[&Session], lang: Lang) -> Vec<String> {
    let its = || sessions.iter().filter(|session| scene.sessions.contains(&session.no));
    let each = its().flat_map(|session| {
        let title = (its().count() > 1)
            .then(|| format!("{} {}", lang.of("Session", "セッション"), session.no));
        title.into_iter().chain(session.statistics().lines(lang))
    });
    each.collect()
}

/// Whether the filter of the command line wants a session.
fn fits(arguments: &TraceArgs, facts: &Facts) -> bool {
    arguments.filter.as_ref().is_none_or(|filter| filter.matches(facts))
}

/// Reads a file until this session has come.
fn again(path: &Path, arguments: &TraceArgs, no: u64, lang: Lang) -> anyhow::Result<Option<Rows>> {
    let arguments = TraceArgs { file: Some(path.to_owned()), follow: false, ..arguments.clone() };
    let mut source = Source::open(&arguments)?;
    let gathering = source.gathering(&arguments);
    let found = |groups: Vec<Vec<Session>>| {
        // Of all others it is not wanted what was found in them.
        let is_it = |group: &&Vec<Session>| group.iter().any(|session| session.no == no);
        let group = groups.iter().find(is_it)?;
        let mut scenes = pictures(group, arguments.hide()).into_iter();
        let scene = scenes.find(|scene| scene.sessions.first() == Some(&no))?;
        let sessions: Vec<&Session> = group.iter().collect();
        let numbers = numbers(&scene, &sessions, lang);
        Some((Arc::new(scene), numbers))
    };
    // What was cut off ends here too: what came before it was shown, and is shown again.
    while let Ok(Some(groups)) = source.read(&gathering) {
        if let Some(rows) = found(groups) {
            return Ok(Some(rows));
        }
    }
    Ok(found(gathering.finish()))
}
