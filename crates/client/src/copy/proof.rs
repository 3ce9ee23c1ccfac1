//! What is known of a copy: its size and digest at both servers; and its time.
//!
//! All is asked of the temporary name, so that a copy that is not right never gets its own.

use wharf_proto::Text;

use super::left::Left;
use super::{CopyError, Ends, Job, Shipment, Side, at};
use crate::digest::Asking;
use crate::{Error, Proof, Verdict};

/// Compares what both servers have; gives the verdict, and the size at the target where it is told.
pub(super) async fn prove(
    ends: &mut Ends,
    shipment: &Shipment<'_>,
    digests: bool,
) -> Result<(Verdict, Option<u64>), CopyError> {
    let found = match ends.target.plain {
        true => None,
        false => ends.target.size(shipment.to).await.map_err(at(Side::Target))?,
    };
    let unproven = |ends: &Ends, missing| {
        let last = ends.target.control.last_boxed();
        let moved = found.unwrap_or(0).saturating_sub(shipment.at);
        at(Side::Target)(Error::Unproven { missing, moved, last, source: None })
    };
    let verdict = match (shipment.size, found) {
        (Some(expected), Some(found)) if expected != found => {
            return Err(unproven(ends, Proof::Size { expected, found }));
        }
        (Some(_), Some(_)) => Verdict::SizeOnly,
        (None, _) | (_, None) => Verdict::Unproven,
    };
    if !digests {
        return Ok((verdict, found));
    }
    match agree(ends, shipment).await? {
        Some((true, _)) => Ok((Verdict::Verified, found)),
        Some((false, asking)) => {
            Err(unproven(ends, Proof::Digest { algorithm: asking.algorithm() }))
        }
        None => Ok((verdict, found)),
    }
}

/// Looks whether what there was before this copy is still there; where nobody can tell, nothing is proven.
pub(super) async fn held(
    ends: &mut Ends,
    shipment: &Shipment<'_>,
    left: &Left,
    verdict: &mut Verdict,
) -> Result<(), CopyError> {
    match left.is_kept(ends, shipment.to).await.map_err(at(Side::Target))? {
        Some(true) => {}
        Some(false) => {
            let last = ends.target.control.last_boxed();
            let moved = shipment.size.unwrap_or(0).saturating_sub(shipment.at);
            let missing = Proof::Beginning;
            return Err(at(Side::Target)(Error::Unproven { missing, moved, last, source: None }));
        }
        None => *verdict = Verdict::Unproven,
    }
    Ok(())
}

/// Whether the digests agree; nothing where the servers make none of the same kind.
async fn agree(
    ends: &mut Ends,
    shipment: &Shipment<'_>,
) -> Result<Option<(bool, Asking)>, CopyError> {
    let Ends { source, target, .. } = ends;
    let ours = source.features().await.map_err(at(Side::Source))?;
    let theirs = target.features().await.map_err(at(Side::Target))?;
    let Some((first, second)) = Asking::common(ours, theirs) else { return Ok(None) };
    if !source.will_digest(first).await.map_err(at(Side::Source))?
        || !target.will_digest(second).await.map_err(at(Side::Target))?
    {
        return Ok(None);
    }
    let (one, other) = tokio::join!(
        source.ask_digest(first, shipment.from, shipment.size),
        target.ask_digest(second, shipment.to, shipment.size)
    );
    let (one, other) = (one.map_err(at(Side::Source))?, other.map_err(at(Side::Target))?);
    Ok(one.zip(other).map(|(one, other)| (one == other, first)))
}

/// Gives the copy the time of its original, where both servers can.
pub(super) async fn keep_time(ends: &mut Ends, job: &Job, name: &Text) -> Result<(), CopyError> {
    let Ends { source, target, .. } = ends;
    if !target.may_take_times().await.map_err(at(Side::Target))? {
        return Ok(());
    }
    let time = match job.modified {
        Some(time) => Some(time),
        None if source.plain => None,
        None => source.mdtm(&job.from).await.map_err(at(Side::Source))?,
    };
    if let Some(time) = time {
        target.keep_time(name, time).await.map_err(at(Side::Target))?;
    }
    Ok(())
}
