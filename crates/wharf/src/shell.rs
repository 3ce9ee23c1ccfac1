//! The interactive client: one line, one command, one session at a time.
//!
//! Commands are rows of one table (`shell/table.rs`), which HELP reads as well. From a terminal there are
//! prompts, questions, line editing and history; from a pipe lines are read and nothing is asked. Replies
//! of the server are shown as they come, on standard error; listings and files go to standard output.

mod afar;
mod classic;
mod complete;
mod connect;
mod habits;
mod haul;
mod input;
mod jobs;
#[cfg(feature = "keyring")]
mod keys;
mod link;
mod local;
mod many;
mod server;
mod table;
mod transfer;
mod words;

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use wharf_client::{Error, Session, Tap, Throttle, Way};
use wharf_proto::tap::{Event, What};
use wharf_proto::{Text, Verb};

use self::connect::Home;
use self::haul::{Fetch, Haul};
use self::input::{Input, Lines};
use self::jobs::Jobs;
use self::link::Link;
use self::table::{Run, Typed, Word};
use crate::args::{ConnectionArgs, ShellArgs, Url};
use crate::commands::{client_runtime, report};
use crate::events::Events;
use crate::exit::{Exit, Usage};
use crate::progress::Screen;
use crate::trace::Trace;
use crate::visit::is_text;
use crate::{settings, terminal};

/// Whether the shell goes on after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// The next line, please.
    On,
    /// Good-bye.
    Quit,
}

/// What a command comes to.
pub(crate) type Outcome = anyhow::Result<Flow>;

/// Tells programs how a command ended.
fn told(events: &Events, outcome: Outcome) -> Outcome {
    let error = outcome.as_ref().err();
    events.end(error.map_or(Exit::Done, Exit::of), error);
    outcome
}

/// The words of a command.
pub(crate) struct Call<'a> {
    /// What stands behind the command's name.
    words: &'a [Text],
}

impl<'a> Call<'a> {
    /// The words, of which there must be one.
    fn words_or(&self, usage: &str) -> Result<&'a [Text], Usage> {
        if self.words.is_empty() { Err(Usage(usage.to_owned())) } else { Ok(self.words) }
    }
}

/// The interactive client.
pub(crate) struct Shell {
    link: Rc<Link>,
    lines: Lines,
    screen: Screen,
    /// As the command line has them.
    arguments: ConnectionArgs,
    /// With what the settings say of the host.
    connection: ConnectionArgs,
    /// Who opens the data connections, where that was said.
    way: Option<Way>,
    text: bool,
    url: Option<Url>,
    exit_on_error: bool,
    /// How fast files may move, all together.
    throttle: Option<Throttle>,
    jobs: Jobs,
    /// Where the session was opened and where it has gone, for coming back.
    home: Option<Home>,
    /// How deep scripts are reading each other.
    depth: usize,
    /// How the last command of a script failed, if one did.
    worst: Exit,
    /// How many sessions there have been.
    opened: u64,
    trace: Option<Trace>,
    /// Where the session is at the server, as far as that is known.
    place: Option<Text>,
}

/// The line with the command that its name is an alias of. An alias may begin with the name that it replaces, so it is
/// looked up once. What is behind `!` is the system's shell's, which has its own.
fn expanded(line: &str) -> Result<String, Usage> {
    let (name, rest) = words::head(line);
    let command = if name == "!" { None } else { settings::alias(name)? };
    Ok(command.map_or_else(|| line.to_owned(), |command| format!("{command} {rest}")))
}

/// Whether a reply tells nobody anything who has not asked for it: how a file is represented, how large it is and how old.
fn is_by_the_way(verb: Option<Verb>, code: u16) -> bool {
    match verb {
        Some(Verb::Type | Verb::Stru | Verb::Mode) => code == 200,
        Some(Verb::Size | Verb::Mdtm | Verb::Mfmt) => code == 213,
        Some(Verb::Rest) => code == 350,
        _ => false,
    }
}

impl Shell {
    pub(crate) fn new(arguments: ShellArgs) -> anyhow::Result<Self> {
        let connection = arguments.connection;
        let gauge = (!connection.quiet && terminal::draws()).then(Arc::default);
        let link = Rc::new(Link::new(client_runtime()?, gauge));
        Ok(Self {
            lines: Lines::open(Rc::clone(&link))?,
            link,
            screen: Screen::new(connection.quiet),
            way: None,
            arguments: connection.clone(),
            text: is_text(arguments.types, connection.plain, None)?,
            url: arguments.url,
            exit_on_error: arguments.exit_on_error,
            throttle: arguments.limit_rate.map(Throttle::new),
            jobs: Jobs::default(),
            home: None,
            depth: 0,
            worst: Exit::Done,
            opened: 0,
            trace: Trace::wanted_by(&connection)?,
            place: None,
            connection,
        })
    }

    /// Reads and carries out lines until the end or `quit`.
    pub(crate) fn run(mut self) -> anyhow::Result<Exit> {
        let mut exit = Exit::Done;
        if let Some(url) = self.url.take() {
            let outcome = connect::open_url(&mut self, &url.0);
            exit = self.judge(outcome).0;
        }
        let mut last = exit;
        while self.goes_on_after(last) {
            last = Exit::Done;
            let outcome = match self.lines.next(&self.prompt())? {
                Input::Line(line) => {
                    self.lines.remember(&line);
                    self.carry_out(&line)
                }
                Input::Unreadable(why) => Err(why.into()),
                Input::Cancelled => continue,
                Input::End if jobs::may_leave(&mut self)? => break,
                Input::End => continue,
            };
            let (end, flow) = self.judge(outcome);
            if end == Exit::Interrupted {
                self.lines.forget_pasted();
            }
            let end = match end {
                Exit::Done => std::mem::replace(&mut self.worst, Exit::Done),
                end => end,
            };
            if end != Exit::Done {
                exit = end;
            }
            last = end;
            if flow == Flow::Quit && jobs::may_leave(&mut self)? {
                break;
            }
        }
        let of_jobs = jobs::settle(&mut self);
        if of_jobs != Exit::Done && exit != Exit::Interrupted {
            exit = of_jobs;
        }
        connect::leave(&mut self);
        if let Some(trace) = &self.trace {
            trace.draw()?;
        }
        // A person has seen what failed; a script has only this.
        let exit = if self.lines.is_terminal() { Exit::Done } else { exit };
        drop(self.lines);
        // A write to a pipe that nobody reads must not keep the program from ending.
        if let Some(link) = Rc::into_inner(self.link) {
            link.runtime.shutdown_background();
        }
        Ok(exit)
    }

    /// Whether the next line is to be carried out. Who sits at a terminal decides; a script says so with `set -e`, but what
    /// it does after a line that Ctrl-C has broken off rests on what was not done.
    fn goes_on_after(&self, end: Exit) -> bool {
        self.lines.is_terminal()
            || match end {
                Exit::Done => true,
                Exit::Interrupted => false,
                _ => !self.exit_on_error,
            }
    }

    fn carry_out(&mut self, line: &str) -> Outcome {
        let line = words::trimmed(line);
        if line.is_empty() {
            jobs::glance(self);
            return Ok(Flow::On);
        }
        if line.starts_with('#') {
            return Ok(Flow::On);
        }
        let line = &expanded(line)?;
        let (name, rest) = words::head(line);
        let command = match table::meant(name)? {
            Typed::Row(row) => row,
            Typed::Habit(name) => {
                return habits::answer(self, name).unwrap_or(Ok(Flow::On));
            }
        };
        let (line, behind) = words::without_ampersand(line);
        let (ours, program) = command.cut(words::head(line).1);
        let words = words::split(ours).map_err(|error| Usage(error.to_string()))?;
        let words = self.in_charset(&words, &command.kinds(&words));
        let call = Call { words: &words };
        match command.run {
            Run::Line(run) => run(self, rest.trim_end()),
            Run::Fetch(fetch) => match fetch(self, &call, program)? {
                Fetch::Here(haul) => self.moves(haul, behind, line),
                Fetch::Out(_) if behind => {
                    let why = "what goes to standard output or into a program is no job";
                    Err(Usage(why.to_owned()).into())
                }
                Fetch::Out(out) => transfer::write_out(self, &out),
            },
            _ if program.is_some() => {
                let why = format!(
                    "{name} gives no program anything to read, as get FILE |COMMAND and cat FILE |COMMAND do; \
                     a bar in a name is written \\|"
                );
                Err(Usage(why).into())
            }
            Run::Now(run) if !behind => run(self, &call),
            Run::Now(_) => {
                let why = format!(
                    "{name} is no job: get, put, mget, mput and sync can be, with & behind"
                );
                Err(Usage(why).into())
            }
            Run::Move(haul) => {
                let haul = haul(self, &call)?;
                self.moves(haul, behind, line)
            }
        }
    }

    /// These words as they go out: what is a name on the server, in its charset.
    fn in_charset(&self, words: &[Text], kinds: &[Word]) -> Vec<Text> {
        let charset = self.connection.charset.unwrap_or_default();
        let typed = |word: &Text| charset.typed(word.as_bytes()).into_owned().into();
        let each = words.iter().zip(kinds).map(|(word, kind)| match kind {
            Word::Remote => typed(word),
            Word::Either if word.as_bytes().starts_with(b":") => typed(word),
            Word::Nothing
            | Word::Local
            | Word::Either
            | Word::Command
            | Word::Bookmark
            | Word::Option
            | Word::Secret => word.clone(),
        });
        each.collect()
    }

    fn moves(&mut self, haul: Haul, behind: bool, line: &str) -> Outcome {
        if behind { jobs::start(self, haul, line) } else { haul.carry_out(self, line) }
    }

    /// Tells an error, and lets go of a session that is of no further use.
    fn judge(&mut self, outcome: Outcome) -> (Exit, Flow) {
        match outcome {
            Ok(flow) => (Exit::Done, flow),
            Err(error) => {
                let was_open = self.link.is_open();
                if error.downcast_ref().is_some_and(Error::ends_the_session) {
                    drop(self.link.take());
                }
                if self.link.look(|session| session.control().is_closed()) == Some(true) {
                    drop(self.link.take());
                }
                if !self.link.is_open() {
                    self.place = None;
                }
                let exit = report(&error);
                if !self.link.is_open() && matches!(exit, Exit::Network | Exit::Login) {
                    self.link.is_lost(exit);
                }
                if was_open && !self.link.is_open() && self.home.is_some() {
                    self.screen.note("  the session is lost; reconnect goes back to where it was");
                }
                (exit, Flow::On)
            }
        }
    }

    /// Does something with the session, if there is one.
    fn with<T>(
        &self,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, Error>,
    ) -> anyhow::Result<T> {
        self.link.with(work)
    }

    /// Notes where the session has gone.
    fn went(&mut self, path: &Text) {
        self.link.forget_names();
        if let Some(home) = &mut self.home {
            home.went(path);
        }
    }

    fn prompt(&self) -> String {
        let host = self.link.look(|session| session.control().host().to_owned());
        let place = match (host, &self.place) {
            (None, _) => "wharf".to_owned(),
            (Some(host), None) => host,
            (Some(host), Some(place)) => format!("{host}:{place}"),
        };
        match self.jobs.running() {
            // Where there is a gauge, that tells it, and as it is now.
            running if running > 0 && self.link.gauge.is_none() => {
                format!("{place} ({})> ", jobs::counted(running))
            }
            _ => format!("{place}> "),
        }
    }

    /// The tap of a session of this shell: shows replies, and feeds the trace.
    fn tap(&self) -> Tap {
        let screen = self.screen.clone();
        let (hushed, asked) = (Arc::clone(&self.link.hushed), Arc::clone(&self.link.asked));
        let last = Mutex::new(None);
        let trace = self.trace.as_ref().map(Trace::tap);
        Arc::new(move |event: Event| {
            if let What::Command { verb, .. } = &event.what {
                *last.lock().unwrap_or_else(PoisonError::into_inner) = *verb;
            }
            if let What::Reply { code, lines } = &event.what
                && !hushed.load(Ordering::Relaxed)
                && (asked.load(Ordering::Relaxed)
                    || !is_by_the_way(*last.lock().unwrap_or_else(PoisonError::into_inner), *code))
            {
                let last = lines.len().saturating_sub(1);
                for (index, line) in lines.iter().enumerate() {
                    let mark = if index == last { ' ' } else { '-' };
                    screen.note(format_args!("{code}{mark}{line}"));
                }
            }
            if let Some(trace) = &trace {
                trace(event);
            }
        })
    }
}
