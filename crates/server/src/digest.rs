//! Hashes of files, for HASH and its older relatives.

use crate::effects::Errand;
use crate::storage::Source;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use std::io;
use wharf_proto::Text;
use wharf_proto::command::{Algorithm, Range};
use wharf_proto::server::{Fault, Outcome};

/// How much is read at a time.
const CHUNK: usize = 128 * 1024;

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
    let part = (range.start, end);
    let hex = match algorithm {
        Algorithm::Crc32 => {
            let mut crc = crc32fast::Hasher::new();
            read(errand, source, part, |bytes| crc.update(bytes))?;
            format!("{:08x}", crc.finalize())
        }
        Algorithm::Md5 => with::<Md5>(errand, source, part)?,
        Algorithm::Sha1 => with::<Sha1>(errand, source, part)?,
        Algorithm::Sha256 => with::<Sha256>(errand, source, part)?,
        Algorithm::Sha512 => with::<Sha512>(errand, source, part)?,
    };
    Ok(Outcome::Digest { hex, start: part.0, end: part.1 })
}

fn with<D: Digest>(
    errand: &Errand,
    source: &dyn Source,
    part: (u64, u64),
) -> Result<String, Fault> {
    let mut hash = D::new();
    read(errand, source, part, |bytes| hash.update(bytes))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn read(
    errand: &Errand,
    source: &dyn Source,
    (mut at, end): (u64, u64),
    mut each: impl FnMut(&[u8]),
) -> Result<(), Fault> {
    let mut buffer = vec![0; CHUNK];
    while at < end {
        errand.awaited.go_on()?;
        let want = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
        let n = source.read_at(&mut buffer[..want], at).map_err(|error| system(&error))?;
        if n == 0 {
            break;
        }
        each(&buffer[..n]);
        at += n as u64;
    }
    Ok(())
}

pub(crate) fn system(error: &io::Error) -> Fault {
    Fault::System(Text::from(error.to_string()))
}
