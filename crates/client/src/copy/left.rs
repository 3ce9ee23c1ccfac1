//! What an earlier copy has left at the target: whether it is the beginning of the file, and whether it still is when the
//! rest has come.
//!
//! Sizes do not tell. The source may have another file by now, and there are servers that take REST before STOR, empty the
//! file and fill it with zeros up to that place. So the last bytes that are there are fetched from both before, and from the
//! target again behind it.

use wharf_proto::{Command, Text};

use super::{CopyError, Ends, Side, at};
use crate::{Error, Session};

/// What is there of a file.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// How many bytes of it.
    pub(super) at: u64,
    /// The last of them; nothing where the target does not send them.
    tail: Vec<u8>,
}

impl Left {
    /// The first `there` of `size` bytes, if their end is the same at both servers, or nobody can tell.
    pub(super) async fn of(
        ends: &mut Ends,
        (from, name): (&Text, &Text),
        (there, size): (u64, u64),
    ) -> Result<Option<Self>, CopyError> {
        if there == 0 || there > size {
            return Ok(None);
        }
        let tail = unseen(ends.target.tail_of(name, there).await).map_err(at(Side::Target))?;
        let Some(tail) = tail else { return Ok(Some(Self { at: there, tail: Vec::new() })) };
        let start = there - tail.len() as u64;
        let same = ends.source.has_bytes(from, start, &tail, Some(size)).await;
        let same = unseen(same).map_err(at(Side::Source))?;
        Ok((same != Some(false)).then_some(Self { at: there, tail }))
    }

    /// Whether the target still has it; `None` where nobody can tell. Zeros say nothing.
    pub(super) async fn is_kept(
        &self,
        ends: &mut Ends,
        name: &Text,
    ) -> Result<Option<bool>, Error> {
        if self.tail.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let start = self.at - self.tail.len() as u64;
        unseen(ends.target.has_bytes(name, start, &self.tail, None).await)
    }
}

/// Whether the server says that nothing has this name: by MLST, of which a refusal has one meaning at least where it is
/// offered (RFC 3659 section 7.2.1).
pub(super) async fn is_free(session: &mut Session, name: &Text) -> Result<bool, Error> {
    if session.plain || !session.features().await?.has("MLST") {
        return Ok(false);
    }
    match session.completed(&Command::Mlst(Some(name.clone()))).await {
        Ok(_) => Ok(false),
        Err(error @ Error::Refused { .. }) => Ok(error.is_not_found()),
        Err(error) => Err(error),
    }
}

/// Where there is no data connection with us, there may be one between the servers: nobody can tell.
fn unseen<T>(looked: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match looked {
        Err(Error::DataConnect { .. } | Error::DataAccept { .. } | Error::NoWay { .. }) => Ok(None),
        looked => looked,
    }
}
