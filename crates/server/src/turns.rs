//! Slow work beside the sessions' tasks: so much at a time for the whole server, and each piece only as
//! long as somebody waits for it.
//!
//! What the work is it does not know. Work of different kinds has turns of its own, so that one kind cannot keep
//! another waiting; of most kinds one address has a part of the turns at most, and nobody waits for one longer than
//! a while ([`Kind`]).

use crate::origin::Origin;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use wharf_proto::server::Fault;

/// The turns of one kind of work, which the addresses of clients share.
#[derive(Debug)]
pub(crate) struct Kind {
    all: Arc<Semaphore>,
    /// How many of them one address may have.
    share: usize,
    patience: Duration,
    /// Those that are in use or waited for.
    shares: Mutex<HashMap<Origin, Weak<Semaphore>>>,
}

impl Kind {
    /// So many at a time, half of them for one address; whoever gets none within this time hears so.
    pub(crate) fn new(at_a_time: usize, patience: Duration) -> Self {
        let all = Arc::new(Semaphore::new(at_a_time));
        Self { all, share: at_a_time.div_ceil(2), patience, shares: Mutex::default() }
    }

    /// The turns as somebody with this address has them.
    pub(crate) fn of(&self, client: IpAddr) -> Turns {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = Origin::of(client);
        let share = shares.get(&origin).and_then(Weak::upgrade).unwrap_or_else(|| {
            shares.retain(|_, share| share.strong_count() > 0);
            let share = Arc::new(Semaphore::new(self.share));
            shares.insert(origin, Arc::downgrade(&share));
            share
        });
        let bound = Some(Bound { share, patience: self.patience });
        Turns { all: Arc::clone(&self.all), bound }
    }
}

/// The turns in which slow work is done.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    bound: Option<Bound>,
}

/// What one address has of them.
#[derive(Clone, Debug)]
struct Bound {
    share: Arc<Semaphore>,
    patience: Duration,
}

/// A turn that has come.
pub(crate) struct Turn {
    #[expect(dead_code, reason = "dropping it gives it back")]
    all: OwnedSemaphorePermit,
    #[expect(dead_code, reason = "dropping it gives it back")]
    share: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// So many at a time, in the order in which they are asked for, whoever asks.
    pub(crate) fn new(at_a_time: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(at_a_time)), bound: None }
    }

    /// A turn, when it has come.
    ///
    /// # Errors
    /// [`Fault::Crowded`] when none has come in time.
    pub(crate) async fn next(self) -> Result<Turn, Fault> {
        let Self { all, bound } = self;
        let broken = |error| broken(&error);
        let Some(Bound { share, patience }) = bound else {
            return Ok(Turn { all: all.acquire_owned().await.map_err(broken)?, share: None });
        };
        let both = async {
            let share = share.acquire_owned().await.map_err(broken)?;
            Ok(Turn { all: all.acquire_owned().await.map_err(broken)?, share: Some(share) })
        };
        timeout(patience, both).await.map_err(|_| Fault::Crowded)?
    }

    /// Does this work when its turn has come, and gives what came of it.
    ///
    /// # Errors
    /// Those of [`Self::next`], and [`Fault::System`] when the work panicked or the server is going down.
    pub(crate) async fn take<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.next().await?.spend(work).await
    }
}

impl Turn {
    /// Does this work, and gives what came of it.
    ///
    /// # Errors
    /// [`Fault::System`] when the work panicked or the server is going down.
    pub(crate) async fn spend<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let work = move || {
            let done = work();
            drop(self);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| broken(&error))
    }
}

fn broken(error: &dyn std::error::Error) -> Fault {
    Fault::System(error.to_string().into())
}

/// Who waits for slow work. When it is dropped, nobody does.
#[derive(Debug, Default)]
pub(crate) struct Waiter(watch::Sender<()>);

impl Waiter {
    /// What the work asks.
    pub(crate) fn awaited(&self) -> Awaited {
        Awaited(self.0.subscribe())
    }
}

/// Whether anybody still waits.
#[derive(Clone, Debug)]
pub(crate) struct Awaited(watch::Receiver<()>);

impl Awaited {
    /// To be asked at each step.
    ///
    /// # Errors
    /// [`Fault::Stopped`] when nobody waits any more.
    pub(crate) fn go_on(&self) -> Result<(), Fault> {
        self.0.has_changed().map(drop).map_err(|_| Fault::Stopped)
    }

    /// Ready when nobody waits any more.
    pub(crate) async fn ended(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_goes_on_until_nobody_waits_for_it() {
        let waiter = Waiter::default();
        let awaited = waiter.awaited();
        assert_eq!(awaited.go_on(), Ok(()));
        drop(waiter);
        assert!(awaited.go_on().is_err());
    }

    #[tokio::test]
    async fn one_turn_at_a_time_is_given_where_there_is_one() {
        let turns = Turns::new(1);
        let (free, blocked) = std::sync::mpsc::channel::<()>();
        let first = tokio::spawn(turns.clone().take(move || blocked.recv()));
        while turns.all.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let second = turns.clone().take(|| 2);
        tokio::pin!(second);
        assert!(asked_once(second.as_mut()).await.is_none());
        free.send(()).unwrap();
        first.await.unwrap().unwrap().unwrap();
        assert_eq!(second.await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_has_half_of_the_turns_and_who_gets_none_in_time_hears_so() {
        let kind = Kind::new(4, Duration::from_secs(30));
        let [ada, bob] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        let of_ada = [kind.of(ada).next().await.unwrap(), kind.of(ada).next().await.unwrap()];
        let crowded = |client| {
            let next = kind.of(client).next();
            async { next.await.err() }
        };
        assert_eq!(crowded(ada).await, Some(Fault::Crowded));
        let of_bob = kind.of(bob).next().await.unwrap();
        let more_of_bob = kind.of(bob).take(|| 1).await;
        assert_eq!(more_of_bob, Ok(1));
        drop(of_ada);
        assert_eq!(kind.of(ada).take(|| 2).await, Ok(2));
        drop(of_bob);
        // Nothing is remembered of those who want none.
        drop(kind.of(ada));
        assert_eq!(kind.shares.lock().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_in_vain_for_a_turn_takes_none_of_those_that_come_later() {
        let kind = Kind::new(1, Duration::from_secs(1));
        let client = IpAddr::from([192, 0, 2, 1]);
        let turn = kind.of(client).next().await.unwrap();
        assert_eq!(kind.of(client).take(|| 1).await, Err(Fault::Crowded));
        drop(turn);
        assert_eq!(kind.of(client).take(|| 2).await, Ok(2));
    }

    /// What a future gives when it is asked once.
    async fn asked_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        use std::task::Poll;
        std::future::poll_fn(|context| {
            Poll::Ready(match future.as_mut().poll(context) {
                Poll::Ready(output) => Some(output),
                Poll::Pending => None,
            })
        })
        .await
    }
}
