//! What commands that move trees have in common: the sessions, what is told while they work (`tree/report.rs`), and how it
//! ends.

mod failed;
mod report;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indicatif::{HumanBytes, HumanCount};
use wharf_client::{Address, Error, Pool, Site, Tally, Throttle};
use wharf_proto::Text;

pub(crate) use self::failed::read_failed;
pub(crate) use self::report::{Outlet, Report};

use crate::args::ConnectionArgs;
use crate::args::tls::warn;
use crate::args::tree::MoveArgs;
use crate::exit::Exit;
use crate::interrupt::unless_interrupted;
use crate::trace::Trace;
use crate::visit::{login, options};

/// The sessions with one server, and what their ladders are drawn from.
pub(crate) struct Visit {
    pub(crate) pool: Pool,
    trace: Option<Trace>,
}

impl Visit {
    /// Sessions with the server of an address, of which none is open yet.
    pub(crate) fn new(
        address: &Address,
        connection: &ConnectionArgs,
        moving: &MoveArgs,
        pool: impl FnOnce(Site) -> Pool,
    ) -> anyhow::Result<Self> {
        let trace = Trace::wanted_by(connection)?;
        let mut options = options(connection, address.scheme, trace.as_ref().map(Trace::tap))?;
        options.throttle = moving.pace.limit_rate.map(Throttle::new);
        warn(&options.tls, connection.quiet);
        let site = Site::new(address.host.clone(), address.port, login(address)?, options);
        Ok(Self { pool: pool(site), trace })
    }

    /// Does something with them, leaves in order, and draws what was to be drawn.
    pub(crate) async fn during<T>(
        self,
        work: impl AsyncFnOnce(&Pool) -> Result<T, Error>,
    ) -> anyhow::Result<T> {
        let result = unless_interrupted(work(&self.pool)).await;
        if result.is_ok() {
            // How QUIT went changes nothing: what was done is proven already.
            let _ = unless_interrupted(self.pool.close()).await;
        }
        let drawn = self.trace.map_or(Ok(()), |trace| trace.draw());
        let done = result??;
        drawn.map(|()| done)
    }
}

/// How a tree ends; `only` is how the one thing failed, where it was one.
pub(crate) fn end_of(tally: Tally, only: Option<Exit>) -> Exit {
    match (tally.failed, tally.done + tally.same, only) {
        (0, ..) => Exit::Done,
        // When nothing could be done because of one thing, that says it.
        (1, 0, Some(exit)) => exit,
        _ => Exit::Failed,
    }
}

/// What came of a tree, in a line.
pub(crate) fn summary(
    tally: Tally,
    seconds: f64,
    verdicts: &BTreeMap<&'static str, u64>,
) -> String {
    let Tally { done, same, failed, deleted, bytes, moved } = tally;
    let mut line = format!("{} files, {}", HumanCount(done), HumanBytes(bytes));
    if moved != bytes {
        let _ = write!(line, " ({} moved)", HumanBytes(moved));
    }
    let _ = write!(line, " in {seconds:.1} s");
    for (verdict, count) in verdicts {
        let _ = write!(line, "; {} {verdict}", HumanCount(*count));
    }
    if deleted > 0 {
        let _ = write!(line, "; {} deleted", HumanCount(deleted));
    }
    if same > 0 {
        let _ = write!(line, "; {} the same already", HumanCount(same));
    }
    if failed > 0 {
        let _ = write!(line, "; {} failed", HumanCount(failed));
    }
    line
}

/// A path below the top of a tree, and the top itself.
pub(crate) fn shown(path: &Text) -> String {
    if path.is_empty() { ".".to_owned() } else { path.to_string() }
}
