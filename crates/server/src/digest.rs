//! Hashes of files, for HASH and its older relatives.

use crate::effects::Errand;
use crate::storage::Source;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use wharf_proto::command::{Algorithm, Range};
use wharf_proto::server::{Fault, Outcome};

/// Hashes a part of a file.
pub(crate) fn of(
    errand: &Errand,
    source: &dyn Source,
    algorithm: Algorithm,
    range: Range,
) -> Result<Outcome, Fault> {
    let end = range.end.unwrap_or(u64::MAX).min(source.size());
    if range.start > end {
        return Err(Fault::Offset);
    }
    let part = Range { start: range.start, end: Some(end) };
    let hex = match algorithm {
        Algorithm::Crc32 => {
            let mut crc = crc32fast::Hasher::new();
            errand.each_piece(source, part, &mut |bytes| {
                crc.update(bytes);
                Ok(())
            })?;
            format!("{:08x}", crc.finalize())
        }
        Algorithm::Md5 => with::<Md5>(errand, source, part)?,
        Algorithm::Sha1 => with::<Sha1>(errand, source, part)?,
        Algorithm::Sha256 => with::<Sha256>(errand, source, part)?,
        Algorithm::Sha512 => with::<Sha512>(errand, source, part)?,
    };
    Ok(Outcome::Digest { hex, start: range.start, end })
}

fn with<D: Digest>(errand: &Errand, source: &dyn Source, part: Range) -> Result<String, Fault> {
    let mut hash = D::new();
    errand.each_piece(source, part, &mut |bytes| {
        hash.update(bytes);
        Ok(())
    })?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
