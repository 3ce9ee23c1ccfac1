//! Trying again: a single file goes on after faults of the network, as a tree does in the library.

use wharf_client::{Error, Progress, Retry};

use crate::events::Events;
use crate::interrupt::unless_interrupted;
use crate::terminal;

/// One of several tries.
#[derive(Debug, Default)]
pub(crate) struct Try {
    /// How many came before it.
    pub(crate) number: u32,
    /// Whether a server let us in.
    entered: bool,
    /// How many bytes of the file were there, in this try or an earlier one.
    farthest: u64,
}

impl Try {
    /// Whether bytes of the file went in an earlier one. Before that, nobody knows of what the file is that is there.
    pub(crate) fn has_moved(&self) -> bool {
        self.farthest > 0
    }

    /// What has moved cannot be moved again: there is no other try.
    pub(crate) fn is_the_last(&mut self) {
        self.entered = false;
    }

    /// A server has let us in.
    pub(crate) fn enters(&mut self) {
        self.entered = true;
    }

    /// What a transfer tells of itself.
    pub(crate) fn hear(&mut self, progress: Progress) {
        if let Progress::At(at) = progress {
            self.farthest = self.farthest.max(at);
        }
    }
}

/// Does `work` until it is done, or until another try is of no use. A server that never let us in is tried once: a
/// name or port that is wrong is better told at once.
pub(crate) async fn persist<T>(
    retries: u32,
    quiet: bool,
    events: &Events,
    mut work: impl AsyncFnMut(&mut Try) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut retry = Retry::new(retries);
    let mut attempt = Try::default();
    loop {
        let before = attempt.farthest;
        let error = match work(&mut attempt).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        // Who gets no farther than before has not got on, be it from the beginning each time.
        if attempt.farthest > before {
            retry.progressed();
        }
        let passing = error.downcast_ref::<Error>().filter(|_| attempt.entered);
        let Some((passing, wait)) = passing.and_then(|why| Some((why, retry.after(why)?))) else {
            return Err(error);
        };
        events.retry(attempt.number + 1, wait, passing);
        if !quiet {
            let wait = wait.as_secs_f32();
            // Its own words name its causes already.
            terminal::say(format_args!("wharf: {passing}; trying again in {wait:.1} s"));
        }
        unless_interrupted(tokio::time::sleep(wait)).await?;
        attempt.number += 1;
    }
}
