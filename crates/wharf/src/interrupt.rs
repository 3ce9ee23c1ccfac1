//! Ctrl-C: what is under way is broken off in order, and a second one ends at once.
//!
//! Who waits for what is decided where [`unless_interrupted`] is called; no state is kept here.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use wharf_client::{Error, Session};

use crate::commands::client_runtime;
use crate::exit::Interrupted;

/// Does `work` until it is done or Ctrl-C comes; `None` in the latter case.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        // Where no signal can be waited for, none is: Ctrl-C then ends the program as usual.
        Ok(()) = tokio::signal::ctrl_c() => None,
    }
}

/// Does something with a session. After Ctrl-C the transfer is broken off with ABOR, so that the server
/// knows and the session can go on.
pub(crate) async fn with_session<T>(
    session: &mut Session,
    work: impl AsyncFnOnce(&mut Session) -> Result<T, Error>,
) -> anyhow::Result<T> {
    match unless_interrupted(work(session)).await {
        Some(result) => Ok(result?),
        None => {
            // If the server does not go along, closing the connection tells it as well.
            let _ = unless_interrupted(session.abort()).await;
            Err(Interrupted.into())
        }
    }
}

/// For who does not wait but goes round: whether somebody has told the program to end, by Ctrl-C or a signal from elsewhere.
pub(crate) fn told_to_end() -> anyhow::Result<Arc<AtomicBool>> {
    let told = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&told);
    let runtime = client_runtime()?;
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    // From here on no signal ends the program by itself.
    let listening = runtime.block_on(async { kinds.map(signal) });
    let [Ok(mut one), Ok(mut two), Ok(mut three)] = listening else {
        anyhow::bail!("cannot wait for signals");
    };
    let wait = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = one.recv() => {}
                _ = two.recv() => {}
                _ = three.recv() => {}
            }
            flag.store(true, Ordering::Relaxed);
        });
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).context("cannot begin")?;
    Ok(told)
}
