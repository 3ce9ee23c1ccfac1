//! One file through this machine: what comes from the source goes to the target as it comes.
//!
//! Between the two is a pipe of bounded size. Its end is the end of the file only when the source's transfer is proven
//! complete; before that it is an error, which breaks the upload off. The target is not asked to store anything before
//! the first bytes are here.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, DuplexStream, ReadBuf, duplex};

use super::{CopyError, CopyEvent, CopyWatch, Ends, Shipment, Side, Unfinished, at};
use crate::{BYTES, Error, Progress, Session};

/// How much may be on its way here.
const PIPE: usize = 1 << 20;
/// How much is awaited before the target is asked to store it.
const FIRST: usize = 64 * 1024;

/// Has a file go through us.
pub(super) async fn carry(
    ends: &mut Ends,
    shipment: &Shipment<'_>,
    watch: &mut CopyWatch<'_>,
) -> Result<(), CopyError> {
    let (mut inlet, outlet) = duplex(PIPE);
    let complete = AtomicBool::new(false);
    let outlet = Outlet { pipe: outlet, complete: &complete };
    let Ends { source, target, unfinished } = ends;
    let fetching = async {
        let mut hear = |progress| match progress {
            // That it begins has been told.
            Progress::Begins { .. } | Progress::StartsOver => {}
            progress => watch(CopyEvent::Moves(progress)),
        };
        let Shipment { from, at, size, .. } = *shipment;
        let fetched = source.retrieve(from, BYTES, at, size, &mut inlet, &mut hear).await;
        complete.store(fetched.is_ok(), Ordering::SeqCst);
        drop(inlet);
        fetched
    };
    let (fetched, stored) = tokio::join!(fetching, store(target, unfinished, shipment, outlet));
    match (fetched, stored) {
        (Ok(_), Ok(())) => Ok(()),
        // That nobody reads, or that the bytes end, comes of the other one's failure.
        (Err(error), Err(Error::Source(_)) | Ok(())) => Err(at(Side::Source)(error)),
        (Err(Error::Sink(_)) | Ok(_), Err(error)) => Err(at(Side::Target)(error)),
        (Err(error), Err(second)) => {
            tracing::debug!(%second, "the target has failed as well");
            Err(at(Side::Source)(error))
        }
    }
}

/// Stores what comes out of the pipe.
async fn store(
    target: &mut Session,
    unfinished: &mut Unfinished,
    shipment: &Shipment<'_>,
    mut outlet: Outlet<'_>,
) -> Result<(), Error> {
    let mut first = vec![0; FIRST];
    let count = outlet.read(&mut first).await.map_err(Error::Source)?;
    first.truncate(count);
    let mut bytes = first.as_slice().chain(outlet);
    target.set_form(BYTES).await?;
    let Shipment { to, at, .. } = *shipment;
    let mut watch = |progress| {
        if matches!(progress, Progress::At(_)) {
            unfinished.begun();
        }
    };
    // Whether the beginning is still there is looked at whichever way it went.
    target.put_bytes(&mut bytes, to, at, BYTES, &mut watch).await?.sent().map(drop)
}

/// The end of a pipe whose bytes are all only when it is said that they are.
struct Outlet<'c> {
    pipe: DuplexStream,
    complete: &'c AtomicBool,
}

impl AsyncRead for Outlet<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.pipe).poll_read(cx, into);
        let over = matches!(read, Poll::Ready(Ok(()))) && into.filled().len() == before;
        if over && !self.complete.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        read
    }
}
