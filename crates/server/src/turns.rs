//! Slow work beside the sessions' tasks: so much at a time for the whole server, and each piece only as
//! long as somebody waits for it.
//!
//! What the work is it does not know.

use std::sync::{Arc, Weak};
use tokio::sync::Semaphore;
use wharf_proto::server::Fault;

/// The turns in which slow work is done.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Turns {
    /// So many at a time.
    pub(crate) fn new(at_a_time: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_a_time)))
    }

    /// Does this work when its turn has come, and gives what came of it.
    ///
    /// # Errors
    /// [`Fault::System`] when the work panicked or the server is going down.
    pub(crate) async fn take<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let turn = self.0.acquire_owned().await.map_err(|error| broken(&error))?;
        let work = move || {
            let done = work();
            drop(turn);
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
pub(crate) struct Waiter(Arc<()>);

impl Waiter {
    /// What the work asks.
    pub(crate) fn awaited(&self) -> Awaited {
        Awaited(Arc::downgrade(&self.0))
    }
}

/// Whether anybody still waits.
#[derive(Clone, Debug)]
pub(crate) struct Awaited(Weak<()>);

impl Awaited {
    /// To be asked at each step.
    ///
    /// # Errors
    /// [`Fault::System`] when nobody waits any more.
    pub(crate) fn go_on(&self) -> Result<(), Fault> {
        match self.0.strong_count() {
            0 => Err(Fault::System("nobody waits for it any more".into())),
            _ => Ok(()),
        }
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
        while turns.0.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let second = turns.clone().take(|| 2);
        tokio::pin!(second);
        assert!(asked_once(second.as_mut()).await.is_none());
        free.send(()).unwrap();
        first.await.unwrap().unwrap().unwrap();
        assert_eq!(second.await, Ok(2));
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
