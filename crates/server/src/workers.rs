//! The threads on which sessions run: as many as are asked for, each with a runtime of its own.
//!
//! A session stays on the thread that it was given. What wakes it is seen by that thread and handled there: no
//! other thread is woken first, which costs more than a small transfer itself. Sessions go where the fewest are.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// Where sessions run.
pub(crate) struct Workers {
    /// At least one.
    each: Vec<Worker>,
    /// Nobody listens any more when all threads have ended.
    ending: watch::Sender<()>,
}

struct Worker {
    runtime: Handle,
    sessions: Arc<AtomicUsize>,
}

/// A session's place on its thread; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Seat(Arc<AtomicUsize>);

impl Workers {
    /// So many threads; with none, sessions run on the runtime of the caller.
    ///
    /// # Errors
    /// Where the system gives no thread, or nothing to watch sockets with.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let (ending, ended) = watch::channel(());
        let here = (threads == 0).then(|| Ok(Handle::current()));
        let runtimes = here.into_iter().chain((0..threads).map(|n| start(n, ended.clone())));
        let each = runtimes
            .map(|runtime| Ok(Worker { runtime: runtime?, sessions: Arc::default() }))
            .collect::<io::Result<_>>()?;
        Ok(Self { each, ending })
    }

    /// The runtime for the next session, and its place there.
    pub(crate) fn seat(&self) -> (&Handle, Seat) {
        let count = |worker: &Worker| worker.sessions.load(Ordering::Relaxed);
        let mut least = &self.each[0];
        for worker in &self.each[1..] {
            if count(worker) < count(least) {
                least = worker;
            }
        }
        least.sessions.fetch_add(1, Ordering::Relaxed);
        (&least.runtime, Seat(Arc::clone(&least.sessions)))
    }

    /// Ends the threads, with what still runs on them, and waits until they are gone.
    pub(crate) async fn end(&self) {
        self.ending.send_replace(());
        self.ending.closed().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Starts a thread that runs what is spawned on its runtime, until it is told to end or nobody could tell it.
fn start(n: usize, mut ended: watch::Receiver<()>) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name(format!("sessions-{n}")).spawn(move || {
        // Either way it is the end.
        let _ = runtime.block_on(ended.changed());
        drop(runtime);
        drop(ended);
    })?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_session_goes_where_the_fewest_are() {
        let workers = Workers::start(3).unwrap();
        let on = |seat: &Seat| {
            workers.each.iter().position(|worker| Arc::ptr_eq(&worker.sessions, &seat.0)).unwrap()
        };
        let seats: Vec<_> = (0..3).map(|_| workers.seat().1).collect();
        assert_eq!(seats.iter().map(on).collect::<Vec<_>>(), [0, 1, 2]);
        let mut seats = seats.into_iter();
        let (first, second) = (seats.next(), seats.next());
        drop(second);
        assert_eq!(on(&workers.seat().1), 1, "where one has gone");
        drop(first);
    }

    #[tokio::test]
    async fn what_still_runs_is_dropped_and_the_threads_are_gone_at_the_end() {
        let workers = Workers::start(2).unwrap();
        let (runtime, seat) = workers.seat();
        let (kept, dropped) = tokio::sync::oneshot::channel::<()>();
        runtime.spawn(async move {
            let _held = (kept, seat);
            std::future::pending::<()>().await;
        });
        workers.end().await;
        assert!(dropped.await.is_err());
        assert!(workers.each.iter().all(|worker| worker.sessions.load(Ordering::Relaxed) == 0));
    }

    #[tokio::test]
    async fn without_threads_sessions_run_where_the_server_does() {
        let workers = Workers::start(0).unwrap();
        let here = thread::current().id();
        let there = workers.seat().0.spawn(async { thread::current().id() }).await.unwrap();
        assert_eq!(here, there);
        workers.end().await;
    }
}
