//! Ctrl-C, SIGTERM and SIGHUP: what is under way is broken off in order, and a second one ends at once.
//!
//! Who waits for what is decided where [`unless_interrupted`] is called. In a shell Ctrl-C ends what it carries out, and
//! the two others end the program, as the system does it; a single command heeds all three alike ([`heeding_signals`]).

use std::cell::RefCell;
use std::fs;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use anyhow::Context as _;
use tokio::signal::unix::{self, SignalKind, signal};
use wharf_client::{Error, Session};

use crate::commands::client_runtime;
use crate::exit::{Interrupted, Signal};

/// What ends a command besides Ctrl-C.
const OF_COMMANDS: [Signal; 2] = [Signal::Terminate, Signal::HangUp];

tokio::task_local! {
    /// The signals that the command heeds, from when it first waits for something. Before that they end it at once.
    static HEEDED: RefCell<Option<Listener>>;
}

/// Waits for signals. From when it is made none of them ends the program by itself, and none is missed.
struct Listener(Vec<(Signal, unix::Signal)>);

impl Listener {
    /// A listener for these signals, but for SIGHUP where whoever started the program wants it not heard, as `nohup` does.
    /// That a shell has a program in the background ignore Ctrl-C says nothing of `kill -INT`.
    fn to(signals: &[Signal]) -> Self {
        let heard = signals.iter().filter_map(|by| {
            let kind = kind(*by);
            // Where one cannot be waited for, it ends the program as usual.
            let is_deaf = *by == Signal::HangUp && is_ignored(kind);
            if is_deaf { None } else { Some((*by, signal(kind).ok()?)) }
        });
        Self(heard.collect())
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Signal> {
        let came = |(by, signal): &mut (Signal, unix::Signal)| {
            signal.poll_recv(context).is_ready().then_some(*by)
        };
        self.0.iter_mut().find_map(came).map_or(Poll::Pending, Poll::Ready)
    }
}

fn kind(signal: Signal) -> SignalKind {
    match signal {
        Signal::Interrupt => SignalKind::interrupt(),
        Signal::Terminate => SignalKind::terminate(),
        Signal::HangUp => SignalKind::hangup(),
    }
}

/// Whether the program was started so that this signal does nothing.
fn is_ignored(kind: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}

/// Does a command that SIGTERM and SIGHUP end as Ctrl-C does, in order.
pub(crate) async fn heeding_signals<T>(command: impl Future<Output = T>) -> T {
    HEEDED.scope(RefCell::default(), command).await
}

/// The next of those signals; none ever comes to who heeds none.
async fn told() -> Signal {
    poll_fn(|context| {
        let poll = |heeded: &RefCell<Option<Listener>>| {
            let mut heeded = heeded.borrow_mut();
            heeded.get_or_insert_with(|| Listener::to(&OF_COMMANDS)).poll(context)
        };
        HEEDED.try_with(poll).unwrap_or(Poll::Pending)
    })
    .await
}

/// Does `work` until it is done, or somebody tells the program to end.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Result<T, Interrupted> {
    tokio::select! {
        done = work => Ok(done),
        // Where no signal can be waited for, none is: Ctrl-C then ends the program as usual.
        Ok(()) = tokio::signal::ctrl_c() => Err(Interrupted::default()),
        by = told() => Err(Interrupted { by }),
    }
}

/// Does something with a session. When it is to end, the transfer is broken off with ABOR, so that the server
/// knows and the session can go on.
pub(crate) async fn with_session<T>(
    session: &mut Session,
    work: impl AsyncFnOnce(&mut Session) -> Result<T, Error>,
) -> anyhow::Result<T> {
    match unless_interrupted(work(session)).await {
        Ok(result) => Ok(result?),
        Err(interrupted) => {
            // If the server does not go along, closing the connection tells it as well.
            let _ = unless_interrupted(session.abort()).await;
            Err(interrupted.into())
        }
    }
}

/// For who does not wait but goes round: whether somebody has told the program to end, by Ctrl-C or a signal from elsewhere.
pub(crate) fn told_to_end() -> anyhow::Result<Arc<AtomicBool>> {
    let told = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&told);
    let runtime = client_runtime()?;
    let all = [&[Signal::Interrupt], &OF_COMMANDS[..]].concat();
    let mut listener = runtime.block_on(async { Listener::to(&all) });
    let wait = move || {
        runtime.block_on(poll_fn(|context| listener.poll(context)));
        flag.store(true, Ordering::Relaxed);
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).context("cannot begin")?;
    Ok(told)
}
