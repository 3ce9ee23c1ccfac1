//! From the machine's effects on the tree to calls of the storage, one match.

use crate::data::permissions_of;
use crate::storage::{Holder, Storage};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wharf_proto::Text;
use wharf_proto::ascii::Encoder;
use wharf_proto::listing::unix;
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Fault, Outcome, Rights, TreeAction};
use wharf_proto::time::Timestamp;

/// The largest file whose size in TYPE A is counted; it has to be read for that.
const COUNTED: u64 = 64 << 20;

/// The most entries that STAT lists on the control connection.
const LISTED: usize = 1000;

/// The time of day, for listings: the server's one look at the clock.
pub(crate) fn today() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::new(i64::try_from(now.as_secs()).unwrap_or(i64::MAX), now.subsec_nanos())
}

/// Carries an action out.
pub(crate) fn act(
    storage: &dyn Storage,
    holder: &Holder,
    rights: Rights,
    action: TreeAction,
) -> Outcome {
    let done = |result: Result<(), Fault>| result.map(|()| Outcome::Done);
    let outcome = match action {
        TreeAction::Enter(path) => done(storage.enter(&path)),
        TreeAction::Find(path) => done(storage.find(&path)),
        TreeAction::MakeFolder(path) => done(storage.make_folder(&path)),
        TreeAction::RemoveFolder(path) => done(storage.remove_folder(&path)),
        TreeAction::Delete(path) => done(storage.delete(&path)),
        TreeAction::Rename { from, to } => done(storage.rename(&from, &to)),
        TreeAction::Size { path, text: false } => storage.size(&path, holder).map(Outcome::Size),
        TreeAction::Size { path, text: true } => text_size(storage, &path).map(Outcome::Size),
        TreeAction::Modified(path) => modified(storage, &path).map(Outcome::Modified),
        TreeAction::Facts(path) => storage.facts(&path).map(|mut entry| {
            entry.permissions = Some(permissions_of(rights, &entry));
            Outcome::Facts(Box::new(entry))
        }),
        TreeAction::List(path) => list(storage, &path),
    };
    outcome.unwrap_or_else(Outcome::Failed)
}

fn modified(storage: &dyn Storage, path: &VirtualPath) -> Result<Timestamp, Fault> {
    storage.facts(path)?.modified.ok_or(Fault::Unsupported("No time is known of that."))
}

fn text_size(storage: &dyn Storage, path: &VirtualPath) -> Result<u64, Fault> {
    let source = storage.read(path)?;
    if source.size() > COUNTED {
        return Err(Fault::Unsupported("That file is too large to count its lines; use TYPE I."));
    }
    let mut encoder = Encoder::new();
    let mut buffer = vec![0; 64 * 1024];
    let (mut at, mut size) = (0, 0);
    loop {
        let n = source
            .read_at(&mut buffer, at)
            .map_err(|error| Fault::System(Text::from(error.to_string())))?;
        if n == 0 {
            return Ok(size);
        }
        size += encoder.count(&buffer[..n]);
        at += n as u64;
    }
}

fn list(storage: &dyn Storage, path: &VirtualPath) -> Result<Outcome, Fault> {
    let mut folder = storage.list(path, false)?;
    let now = today();
    let mut lines = Vec::new();
    while lines.len() < LISTED
        && folder.read(&mut |entry| {
            if lines.len() < LISTED {
                let mut line = Vec::new();
                unix::write_row(&mut line, entry, now);
                lines.push(Text::from(line));
            }
        })?
    {}
    Ok(Outcome::Listed { lines, folder: folder.is_folder() })
}
