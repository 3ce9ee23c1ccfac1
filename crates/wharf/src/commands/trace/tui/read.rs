//! The source is read on a thread of its own, while somebody looks at what has come already.
//!
//! Sessions that are over are sent; those that go on are looked at now and then, as far as they have come. What the source
//! gives faster than it can be shown waits in the source.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use anyhow::Context;
use wharf_ladder::Lang;
use wharf_ladder::scene::scenes;
use wharf_ladder::sessions::{Session, Sessions};

use super::super::facts::Facts;
use super::super::source::{Next, Source};
use super::super::{LOOK, is_wanted};
use super::app::Update;
use super::entries::Entry;
use crate::args::trace::TraceArgs;

/// Sessions that wait to be shown, at most.
const WAITING: usize = 1024;
/// Open sessions that are looked at anew at a time, at most.
const LOOKED_AT: usize = 200;

/// A source that is being read.
pub(super) struct Reading {
    pub(super) updates: Receiver<Update>,
    send: SyncSender<Update>,
    sessions: Arc<Mutex<Sessions>>,
    arguments: Arc<TraceArgs>,
    lang: Lang,
    /// How many rows the open sessions had when they were last looked at.
    seen: HashMap<u64, usize>,
}

impl Reading {
    /// Begins to read.
    pub(super) fn begin(source: Source, arguments: &TraceArgs, lang: Lang) -> anyhow::Result<Self> {
        let (send, updates) = sync_channel(WAITING);
        let sessions = Arc::new(Mutex::new(source.sessions(arguments)));
        let arguments = Arc::new(arguments.clone());
        let reader = Reader {
            sessions: Arc::clone(&sessions),
            arguments: Arc::clone(&arguments),
            send: send.clone(),
            lang,
        };
        let builder = Builder::new().name("reader".to_owned());
        builder.spawn(move || reader.read(source)).context("cannot begin to read")?;
        Ok(Self { updates, send, sessions, arguments, lang, seen: HashMap::new() })
    }

    /// Looks at the open sessions that have gone on.
    pub(super) fn look(&mut self, mut take: impl FnMut(Update)) {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = LOOKED_AT;
        let mut open = HashMap::new();
        for session in sessions.open() {
            let rows = session.packets.rows().len();
            let known = self.seen.get(&session.no).copied();
            let is_new = known != Some(rows) && left > 0 && is_wanted(&self.arguments, session);
            open.insert(session.no, if is_new { rows } else { known.unwrap_or(0) });
            if is_new {
                left -= 1;
                let scene = session.scene();
                let facts = Facts::of(&scene, &[session], self.lang);
                if !fits(&self.arguments, &facts) {
                    continue;
                }
                let entry = Entry { facts, scene: Some(Arc::new(scene)), is_open: true };
                take(Update::Session(Box::new(entry)));
            }
        }
        self.seen = open;
    }

    /// Reads the rows of a session again, if its source is a file.
    pub(super) fn fetch(&self, no: u64) -> anyhow::Result<()> {
        let (send, arguments) = (self.send.clone(), Arc::clone(&self.arguments));
        let path = arguments.file.clone().filter(|path| path != Path::new("-"));
        let fetch = move || {
            let scene = path.and_then(|path| again(&path, &arguments, no).ok().flatten());
            // Who looks no longer needs nothing.
            let _ = send.send(Update::Again(no, scene));
        };
        Builder::new().name("again".to_owned()).spawn(fetch).context("cannot begin to read")?;
        Ok(())
    }
}

/// What the thread has.
struct Reader {
    sessions: Arc<Mutex<Sessions>>,
    arguments: Arc<TraceArgs>,
    send: SyncSender<Update>,
    lang: Lang,
}

impl Reader {
    fn read(self, mut source: Source) {
        let mut frames = 0u64;
        let trouble = loop {
            let sessions = &self.sessions;
            let next = source.next(|segment| {
                sessions.lock().unwrap_or_else(PoisonError::into_inner).push(segment);
            });
            match next {
                Ok(Next::Frame) => {}
                Ok(Next::Idle(now)) => {
                    let over = {
                        let mut sessions =
                            self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
                        sessions.pass(now);
                        sessions.take_finished()
                    };
                    if !self.give(&over) {
                        return;
                    }
                    continue;
                }
                Ok(Next::End) => break None,
                Err(error) => break Some(error.to_string()),
            }
            frames += 1;
            if frames.is_multiple_of(LOOK) {
                let over =
                    self.sessions.lock().unwrap_or_else(PoisonError::into_inner).take_finished();
                if !self.give(&over) {
                    return;
                }
            }
        };
        let left = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).finish();
        if self.give(&left) {
            let _ = self.send.send(Update::End(trouble));
        }
    }

    /// Sends sessions; says whether anybody wants more.
    fn give(&self, groups: &[Vec<Session>]) -> bool {
        let wanted =
            |group: &&Vec<Session>| group.iter().any(|session| is_wanted(&self.arguments, session));
        groups.iter().filter(wanted).all(|group| {
            let sessions: Vec<&Session> = group.iter().collect();
            scenes(group).into_iter().all(|scene| {
                let facts = Facts::of(&scene, &sessions, self.lang);
                let is_wanted = fits(&self.arguments, &facts);
                let entry = Entry { facts, scene: Some(Arc::new(scene)), is_open: false };
                !is_wanted || self.send.send(Update::Session(Box::new(entry))).is_ok()
            })
        })
    }
}

/// Whether the filter of the command line wants a session.
fn fits(arguments: &TraceArgs, facts: &Facts) -> bool {
    arguments.filter.as_ref().is_none_or(|filter| filter.matches(facts))
}

/// Reads a file until this session has come.
fn again(
    path: &Path,
    arguments: &TraceArgs,
    no: u64,
) -> anyhow::Result<Option<Arc<wharf_ladder::Scene>>> {
    let arguments = TraceArgs { file: Some(path.to_owned()), follow: false, ..arguments.clone() };
    let mut source = Source::open(&arguments)?;
    let mut sessions = source.sessions(&arguments);
    let mut frames = 0u64;
    let found = |groups: Vec<Vec<Session>>| {
        let scenes = groups.iter().flat_map(|group| scenes(group));
        scenes.into_iter().find(|scene| scene.sessions.first() == Some(&no)).map(Arc::new)
    };
    // What was cut off ends here too: what came before it was shown, and is shown again.
    while matches!(source.next(|segment| sessions.push(segment)), Ok(Next::Frame)) {
        frames += 1;
        if frames.is_multiple_of(LOOK)
            && let Some(scene) = found(sessions.take_finished())
        {
            return Ok(Some(scene));
        }
    }
    Ok(found(sessions.finish()))
}
