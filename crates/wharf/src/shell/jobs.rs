//! Jobs: what moves files beside the shell. `get FILE &` begins one; `jobs`, `wait`, `fg` and `kill` are about them.
//!
//! Each has sessions of its own with the server that the shell was connected to, in the folder where it was, and goes on
//! when the shell goes elsewhere. All of them run on one thread beside the shell's. A job says how it ended; the shell
//! keeps that too until somebody has asked: `wait`, or the end of a script, whose exit code it becomes.

mod gauge;
mod notices;
mod seats;
mod work;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wharf_proto::Text;
use wharf_proto::tap::SessionId;

pub(crate) use self::gauge::Gauge;
pub(crate) use self::seats::Seats;

use self::gauge::Watched;
use self::notices::{Notices, Voice};
use self::work::{Stage, State, Work, locked};
use super::haul::Haul;
use super::input::Input;
use super::link::Link;
use super::{Call, Flow, Outcome, Shell, connect};
use crate::commands::Parts;
use crate::exit::{Exit, Failed, Interrupted, Usage};
use crate::interrupt::unless_interrupted;
use crate::progress::Screen;

/// How often `fg` looks how far a job is.
const GLANCE: Duration = Duration::from_millis(100);
/// How long a job that was killed may take to leave in order.
const FAREWELL: Duration = Duration::from_secs(6);

/// The jobs of a shell.
#[derive(Default)]
pub(crate) struct Jobs {
    /// Where they run, from the first one on.
    runtime: Option<Runtime>,
    notices: Option<Notices>,
    /// Those whose end nobody has asked for yet.
    all: Vec<Job>,
    /// How many there have been.
    begun: u64,
}

/// A job, begun and perhaps over.
struct Job {
    number: u64,
    /// As it was asked for.
    line: String,
    state: Arc<Mutex<State>>,
    kill: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Job {
    fn is_running(&self) -> bool {
        !self.task.is_finished()
    }

    /// How it ended.
    fn end(&self) -> Result<(), Failed> {
        match locked(&self.state).stage {
            Stage::Ended(end) => end,
            // Only a panic leaves it so.
            Stage::Waiting | Stage::Running => {
                Err(Failed { exit: Exit::Failed, failed: 1, all: 1 })
            }
        }
    }

    /// One row of `jobs`.
    fn row(&self) -> String {
        let state = locked(&self.state);
        let (stage, words) = match state.stage {
            Stage::Waiting => ("waiting", String::new()),
            Stage::Running => ("running", state.words(state.rate())),
            Stage::Ended(Ok(())) => ("done", String::new()),
            Stage::Ended(Err(_)) => ("failed", String::new()),
        };
        let row = format!("[{}] {stage:<8} {}  {words}", self.number, self.line);
        row.trim_end().to_owned()
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        // A file here that nobody reads or writes must not keep the program from ending.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Jobs {
    /// How many are not over.
    pub(super) fn running(&self) -> usize {
        self.all.iter().filter(|job| job.is_running()).count()
    }

    /// The jobs of these numbers.
    fn numbers(&self, words: &[Text]) -> Result<Vec<u64>, Usage> {
        let known = |word: &Text| {
            let number = word.to_string().trim_start_matches('%').parse().ok();
            let number = number.filter(|number| self.all.iter().any(|job| job.number == *number));
            number.ok_or_else(|| Usage(format!("{word}: no such job; try jobs")))
        };
        words.iter().map(known).collect()
    }

    fn take(&mut self, number: u64) -> Option<Job> {
        let at = self.all.iter().position(|job| job.number == number)?;
        Some(self.all.remove(at))
    }
}

/// Begins a job behind the shell's back.
pub(super) fn start(shell: &mut Shell, haul: Haul, line: &str) -> Outcome {
    let job = begin(shell, haul, line, true)?;
    shell.jobs.all.push(job);
    Ok(Flow::On)
}

/// Has a job move it while the shell waits.
pub(super) fn carry_out(shell: &mut Shell, haul: Haul, line: &str) -> Outcome {
    let job = begin(shell, haul, line, false)?;
    watch(shell, job)
}

/// Begins a job. One that is `apart` goes by its number in what it says, and its beginning is told.
fn begin(shell: &mut Shell, haul: Haul, line: &str, apart: bool) -> anyhow::Result<Job> {
    let number = shell.jobs.begun + 1;
    let (mut site, seats) = connect::site(shell)?;
    // The sessions of a shell are counted from one on; a job may have any number of them.
    site.options.session = SessionId(number << 32);
    let haul = haul.anchored()?;
    let notices = notices(shell);
    let runtime = match &mut shell.jobs.runtime {
        Some(runtime) => runtime,
        none => {
            let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
            none.insert(runtime.context("cannot begin a job")?)
        }
    };
    // Nothing can go wrong from here on.
    shell.jobs.begun = number;
    let name = if apart { format!("[{number}] {line}") } else { line.to_owned() };
    if apart {
        shell.screen.note(&name);
    }
    let state = Arc::new(Mutex::new(State::of(&haul)));
    let (kill, killed) = oneshot::channel();
    let outdated = haul.stores().then(|| Arc::clone(&shell.link.outdated));
    let voice = Voice::new(notices.clone(), name.clone());
    let work = Work { haul, site, seats, state: Arc::clone(&state), voice, killed };
    let task = runtime.spawn(async move {
        work.run().await;
        if let Some(outdated) = outdated {
            outdated.store(true, Ordering::Relaxed);
        }
    });
    if let Some(gauge) = &shell.link.gauge {
        gauge.add(Watched { name, state: Arc::clone(&state), task: task.abort_handle() });
        notices.begun();
    }
    Ok(Job { number, line: line.to_owned(), state, kill, task })
}

/// Where jobs speak.
fn notices(shell: &mut Shell) -> Notices {
    if let Some(notices) = &shell.jobs.notices {
        return notices.clone();
    }
    let gauge = shell.link.gauge.clone();
    let notices = Notices::new(shell.screen.clone(), shell.lines.printer(), gauge);
    shell.jobs.notices.insert(notices).clone()
}

/// `jobs`.
pub(super) fn list(shell: &mut Shell, _: &Call<'_>) -> Outcome {
    let mut out = io::stdout().lock();
    for job in &shell.jobs.all {
        writeln!(out, "{}", job.row())?;
    }
    // A person has seen how they ended; of a script it is the exit code.
    if shell.lines.is_terminal() {
        shell.jobs.all.retain(Job::is_running);
    }
    Ok(Flow::On)
}

/// Tells how far the jobs are, for somebody who just presses Enter.
pub(super) fn glance(shell: &Shell) {
    if shell.lines.is_terminal() {
        for job in shell.jobs.all.iter().filter(|job| job.is_running()) {
            shell.screen.note(job.row());
        }
    }
}

/// `wait [N...]`: until these jobs have ended, or all.
pub(super) fn wait(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let numbers = match call.words {
        [] => shell.jobs.all.iter().map(|job| job.number).collect(),
        words => shell.jobs.numbers(words)?,
    };
    let mut parts = Parts::default();
    for number in numbers {
        parts.count_told(await_end(shell, number)?.map_err(|failed| failed.exit));
    }
    parts.outcome().map_err(anyhow::Error::from).context("jobs")?;
    Ok(Flow::On)
}

/// Awaits the end of a job, of which nobody has to ask any more then. Ctrl-C ends the waiting and not the job.
fn await_end(shell: &mut Shell, number: u64) -> Result<Result<(), Failed>, Interrupted> {
    let Shell { jobs, link, screen, .. } = shell;
    let Some(job) = jobs.all.iter_mut().find(|job| job.number == number) else {
        return Ok(Ok(()));
    };
    let words = || link.gauge.as_ref().map(|gauge| gauge.look()).unwrap_or_default();
    show_until_over(link, screen, &mut job.task, &words)?;
    Ok(shell.jobs.take(number).map_or(Ok(()), |job| job.end()))
}

/// `fg [N]`: a job, the last one if nothing is said, is watched until it ends.
pub(super) fn foreground(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let number = match call.words {
        [] => shell.jobs.all.last().map(|job| job.number),
        [word] => shell.jobs.numbers(std::slice::from_ref(word))?.first().copied(),
        _ => return Err(Usage("fg [N]".to_owned()).into()),
    };
    let job = number.and_then(|number| shell.jobs.take(number));
    watch(shell, job.ok_or_else(|| Usage("there are no jobs".to_owned()))?)
}

/// Shows how far a job is until it ends. Ctrl-C ends the job.
fn watch(shell: &Shell, mut job: Job) -> Outcome {
    let words = || {
        let mut state = locked(&job.state);
        match state.stage {
            Stage::Running => {
                let rate = state.pace();
                format!("{}: {}", job.line, state.words(rate))
            }
            Stage::Waiting | Stage::Ended(_) => String::new(),
        }
    };
    if let Err(interrupted) = show_until_over(&shell.link, &shell.screen, &mut job.task, &words) {
        stop(shell, vec![job]);
        return Err(interrupted.into());
    }
    job.end()?;
    Ok(Flow::On)
}

/// Shows these words, as they change, until a job is over, or Ctrl-C comes.
fn show_until_over(
    link: &Link,
    screen: &Screen,
    task: &mut JoinHandle<()>,
    words: &dyn Fn() -> String,
) -> Result<(), Interrupted> {
    let mut status = screen.status();
    let looking = async {
        while timeout(GLANCE, &mut *task).await.is_err() {
            if !words().is_empty() {
                status.show(words, &Vec::new);
            }
        }
    };
    link.runtime.block_on(unless_interrupted(looking))
}

/// `kill N...`, `kill all`.
pub(super) fn kill(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let words = call.words_or("kill N... | all")?;
    let jobs = match words {
        [all] if all.as_bytes() == b"all" => std::mem::take(&mut shell.jobs.all),
        words => {
            let numbers = shell.jobs.numbers(words)?;
            numbers.into_iter().filter_map(|number| shell.jobs.take(number)).collect()
        }
    };
    stop(shell, jobs);
    Ok(Flow::On)
}

/// Ends jobs, which break off in order what they are at.
fn stop(shell: &Shell, jobs: Vec<Job>) {
    let leaving: Vec<_> = jobs
        .into_iter()
        .map(|Job { number, line, kill, task, .. }| {
            if !task.is_finished() {
                shell.screen.note(format_args!("[{number}] {line}: stopped"));
            }
            // One that has just ended needs not be told.
            let _ = kill.send(());
            task
        })
        .collect();
    let all = async {
        for task in leaving {
            // A panic of it has been told by then.
            let _ = task.await;
        }
    };
    // A server that does not answer need not be waited for.
    let a_moment = async { timeout(FAREWELL, all).await };
    let _ = shell.link.runtime.block_on(unless_interrupted(a_moment));
}

/// Whether the shell may leave, with jobs that are not over: at a terminal somebody is asked.
pub(super) fn may_leave(shell: &mut Shell) -> anyhow::Result<bool> {
    let running = shell.jobs.running();
    if running == 0 || !shell.lines.is_terminal() {
        return Ok(true);
    }
    let mut question = String::new();
    // Writing to a string does not fail.
    let _ = write!(question, "{} running: wait, stop or stay? [w/s/N] ", counted(running));
    let answer = match shell.lines.next(&question)? {
        Input::Line(answer) => answer,
        Input::Cancelled | Input::Unreadable(_) => return Ok(false),
        Input::End => "s".to_owned(),
    };
    match answer.trim() {
        "w" | "wait" => {
            while let Some(job) = shell.jobs.all.first() {
                let number = job.number;
                if await_end(shell, number).is_err() {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        "s" | "stop" => {
            let jobs = std::mem::take(&mut shell.jobs.all);
            stop(shell, jobs);
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Awaits what runs when a script ends, and tells how the jobs ended that nobody has asked for. Ctrl-C stops them.
pub(super) fn settle(shell: &mut Shell) -> Exit {
    let running = shell.jobs.running();
    if running > 0 {
        shell.screen.note(format_args!("waiting for {}", counted(running)));
    }
    let mut parts = Parts::default();
    while let Some(job) = shell.jobs.all.first() {
        let number = job.number;
        match await_end(shell, number) {
            Ok(end) => parts.count_told(end.map_err(|failed| failed.exit)),
            Err(Interrupted { .. }) => {
                let jobs = std::mem::take(&mut shell.jobs.all);
                stop(shell, jobs);
                return Exit::Interrupted;
            }
        }
    }
    parts.end()
}

/// So many jobs.
pub(super) fn counted(jobs: usize) -> String {
    if jobs == 1 { "1 job".to_owned() } else { format!("{jobs} jobs") }
}
