//! What goes to the client: files and listings.
//!
//! In stream mode the last bytes and the end leave in one segment; then the client's own end is awaited for a
//! short while, so that 226 means that the data connection is closed on both sides. In block and compressed
//! mode the file ends in the connection, which stays.

use super::open::DataConnection;
use super::pump::{self, CHUNK, Stop};
use super::{Cargo, Done, Kept, Listing, Setting};
use crate::archive::Archive;
use crate::storage::Source;
use std::io;
use tokio::time::timeout;
use wharf_proto::codec::{Coding, Outbound, passes_through};
use wharf_proto::listing::{EntryRef, Format, Kind, Permissions};
use wharf_proto::server::{Cannot, Ended, Fault, Part, Remark, Rights};
use wharf_proto::tap::{HalfEnd, Party};
use wharf_proto::verb::Right;

/// Sends, and says how it ended.
pub(super) async fn send(
    setting: &Setting,
    cargo: Cargo,
    how: Coding,
    mut data: DataConnection,
) -> Done {
    let result = match cargo {
        Cargo::Send(file) => send_file(setting, &mut data, file, how).await,
        Cargo::List(listing) => send_listing(setting, &mut data, listing, how).await,
        Cargo::Pack(archive) => send_archive(setting, &mut data, archive, how).await,
        Cargo::Receive { .. } => Err(Stop::Storage(Fault::System("that is no download".into()))),
    };
    let result = match result {
        Ok(remarks) if how.is_framed() => {
            data.carried(HalfEnd::Eof);
            Ok(remarks)
        }
        Ok(remarks) => finish(setting, &mut data).await.map(|()| remarks),
        Err(stop) => Err(stop),
    };
    match result {
        Ok(remarks) => {
            data.end();
            let done = super::over(Ended::Complete { bytes: data.moved(), remarks });
            let kept = how.is_framed().then(|| Box::new(Kept { data, behind: Vec::new() }));
            Done { kept, ..done }
        }
        Err(stop) => super::over(stop.ended(setting)),
    }
}

/// A file on its way out: which bytes of it, and what makes them bytes on the wire.
pub(super) struct Outgoing {
    source: Box<dyn Source>,
    /// Nothing where they are the same.
    codec: Option<Outbound>,
    /// The first byte of the file that is read.
    at: u64,
    /// Where to end before the file does.
    end: Option<u64>,
    /// How many bytes on the wire are not sent (RFC 3659 section 5.3).
    skip: u64,
}

impl Outgoing {
    /// What can be refused is refused here, before the client hears that the transfer begins.
    pub(super) fn new(source: Box<dyn Source>, part: Part, how: Coding) -> Result<Self, Fault> {
        let bytes = passes_through(how.representation);
        let mut codec = match bytes {
            true => None,
            false => Some(codec_for(how)?),
        };
        let (at, end, skip) = match part {
            Part::Behind(bytes) if codec.is_some() => (0, None, bytes),
            Part::Behind(start) => (start, None, 0),
            Part::From(marker) => (marker.offset(), None, 0),
            Part::Range(range) if bytes => (range.start, range.end, 0),
            Part::Range(_) => return Err(Fault::Unsupported(Cannot::RangeOfText)),
        };
        if at > source.size() {
            return Err(Fault::Offset);
        }
        if let (Some(codec), Part::From(marker)) = (&mut codec, part) {
            codec.resume_at(marker).map_err(|_| Fault::Unsupported(Cannot::RestartOfPages))?;
        }
        Ok(Self { source, codec, at, end, skip })
    }

    /// How many bytes the file has.
    pub(super) fn size(&self) -> u64 {
        self.source.size()
    }
}

fn codec_for(how: Coding) -> Result<Outbound, Fault> {
    let codec = Outbound::new(how.representation, &how.settings);
    codec.ok_or_else(|| Fault::System("no codec for it".into()))
}

/// A file that grows is sent to where it ends when that is reached; one that becomes shorter than it was when it was
/// opened, which is what the client has been told, fails: the end of the connection must not pass for its own.
async fn send_file(
    setting: &Setting,
    data: &mut DataConnection,
    file: Outgoing,
    how: Coding,
) -> Result<Vec<Remark>, Stop> {
    let Outgoing { source, codec, mut at, end, mut skip } = file;
    let source = &*source;
    let Some(mut codec) = codec else {
        return send_bytes(setting, data, source, at, end).await.map(|()| Vec::new());
    };
    let mut buffer = vec![0; chunk_for(source)];
    let mut wire = Vec::new();
    loop {
        let n = source.read_at(&mut buffer, at)?;
        at += n as u64;
        if n == 0 {
            is_whole(source, at, source.size())?;
        }
        wire.clear();
        match n {
            0 => codec.finish(&mut wire)?,
            _ => codec.push(&buffer[..n], &mut wire)?,
        }
        let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(wire.len());
        skip -= skipped as u64;
        pump::send(setting, data, &wire[skipped..], n > 0 || !how.is_framed()).await?;
        if skip == 0 {
            data.count_in_file(n);
        }
        if skipped == wire.len() {
            // Nothing was sent, so nothing was waited for: the session and others have their turn.
            tokio::task::yield_now().await;
        }
        match n {
            0 if skip > 0 => return Err(Fault::Offset.into()),
            0 => return Ok(pump::remarks(codec.losses(), 0)),
            _ => {}
        }
    }
}

/// The file's bytes as they are.
async fn send_bytes(
    setting: &Setting,
    data: &mut DataConnection,
    source: &dyn Source,
    start: u64,
    end: Option<u64>,
) -> Result<(), Stop> {
    let (mut at, end) = (start, end.unwrap_or(u64::MAX));
    if let (Some(file), None) = (source.descriptor(), &data.tls) {
        // The last bytes go below, for the end to leave with them.
        let last = end.min(source.size()).saturating_sub(CHUNK as u64);
        at = pump::send_file(setting, data, file, at, last).await?;
    }
    let mut buffer = vec![0; chunk_for(source)];
    loop {
        let n = source.read_at(&mut buffer, at)?;
        // A range is not exceeded.
        let left = end.saturating_sub(at);
        let n = usize::try_from(left).map_or(n, |left| left.min(n));
        pump::send(setting, data, &buffer[..n], true).await?;
        at += n as u64;
        if n == 0 || (n < buffer.len() && at >= source.size()) {
            return is_whole(source, at, end);
        }
    }
}

/// Whether a file that ends at this place has all that was wanted of it when it was opened.
fn is_whole(source: &dyn Source, to: u64, wanted: u64) -> Result<(), Stop> {
    let from = source.size();
    match to < from.min(wanted) {
        true => Err(Fault::Shrunk { from }.into()),
        false => Ok(()),
    }
}

/// One byte more than the file has, so that a single read sees its end.
fn chunk_for(source: &dyn Source) -> usize {
    usize::try_from(source.size().saturating_add(1)).map_or(CHUNK, |bytes| bytes.min(CHUNK))
}

/// A folder, packed while it is sent.
async fn send_archive(
    setting: &Setting,
    data: &mut DataConnection,
    mut archive: Archive,
    how: Coding,
) -> Result<Vec<Remark>, Stop> {
    let mut codec = match passes_through(how.representation) {
        true => None,
        false => Some(codec_for(how)?),
    };
    let (mut packed, mut wire) = (Vec::new(), Vec::new());
    let mut more = true;
    while more {
        packed.clear();
        more = archive.next(&mut packed)?;
        let bytes = coded(&mut codec, &packed, &mut wire, !more)?;
        pump::send(setting, data, bytes, more || !how.is_framed()).await?;
        data.count_in_file(packed.len());
        tokio::task::yield_now().await;
    }
    let mut remarks = pump::remarks(codec.map(|codec| codec.losses()).unwrap_or_default(), 0);
    remarks.extend(archive.remarks());
    Ok(remarks)
}

/// What goes on the wire for these bytes, which are the last or not.
fn coded<'b>(
    codec: &mut Option<Outbound>,
    bytes: &'b [u8],
    wire: &'b mut Vec<u8>,
    last: bool,
) -> Result<&'b [u8], Stop> {
    let Some(codec) = codec else { return Ok(bytes) };
    wire.clear();
    codec.push(bytes, wire)?;
    if last {
        codec.finish(wire)?;
    }
    Ok(wire)
}

async fn send_listing(
    setting: &Setting,
    data: &mut DataConnection,
    mut listing: Listing,
    how: Coding,
) -> Result<Vec<Remark>, Stop> {
    let now = crate::effects::today();
    let mut codec = Outbound::listing(how.representation, &how.settings);
    let (mut rows, mut wire) = (Vec::new(), Vec::new());
    let mut unnamed = 0_u64;
    let permissions = PERMISSIONS.map(|letters| letters.within(setting.rights));
    let mut more = true;
    while more {
        let Listing { folder, format, prefix, glob, charset } = &mut listing;
        more = folder.read(&mut |entry| {
            if glob.as_ref().is_some_and(|glob| !glob.matches(entry.name)) {
                return;
            }
            if *format == Format::Names {
                rows.extend_from_slice(prefix);
            }
            let usual = permissions[column_of(&entry.kind)];
            // A storage that knows the rights of each name has told them.
            let permissions = entry.permissions.or(Some(usual));
            let name = charset.to_wire(entry.name);
            let entry = EntryRef { permissions, name: &name, ..*entry };
            unnamed += u64::from(!format.write(&mut rows, &entry, now));
        })?;
        if more && rows.len() < CHUNK {
            // A pattern may choose little of much: others have their turn.
            tokio::task::yield_now().await;
            continue;
        }
        let bytes = coded(&mut codec, &rows, &mut wire, !more)?;
        pump::send(setting, data, bytes, more || !how.is_framed()).await?;
        rows.clear();
    }
    let mut remarks = pump::remarks(codec.map(|codec| codec.losses()).unwrap_or_default(), 0);
    remarks.extend((unnamed > 0).then_some(Remark::Unnamed(unnamed)));
    Ok(remarks)
}

/// Ends our half and waits for the client to end its own. A client that breaks the connection instead did
/// not get everything; one that keeps it open is not waited for longer than the linger time.
async fn finish(setting: &Setting, data: &mut DataConnection) -> Result<(), Stop> {
    pump::close(setting, data).await?;
    rustix::net::shutdown(&data.stream, rustix::net::Shutdown::Write).map_err(io::Error::from)?;
    data.carried(HalfEnd::Fin);
    if let Ok(end) = timeout(setting.linger_time, pump::drain(data)).await {
        end?;
        data.half_ended(Party::Client, 0, HalfEnd::Fin);
    }
    Ok(())
}

/// The letters of RFC 3659 section 7.5.5 for one kind of entry, each with the right that it needs.
struct Letters(&'static [(Right, &'static [u8])]);

/// Of files, of folders, of the rest.
const PERMISSIONS: [Letters; 3] = [
    Letters(&[
        (Right::Read, b"r"),
        (Right::Write, b"aw"),
        (Right::Delete, b"d"),
        (Right::Rename, b"f"),
    ]),
    Letters(&[
        (Right::List, b"el"),
        (Right::Write, b"c"),
        (Right::Folders, b"m"),
        (Right::Delete, b"dp"),
        (Right::Rename, b"f"),
    ]),
    Letters(&[(Right::Delete, b"d"), (Right::Rename, b"f")]),
];

fn column_of<B>(kind: &Kind<B>) -> usize {
    match kind {
        Kind::File => 0,
        Kind::Folder => 1,
        Kind::Link { .. } | Kind::Other => 2,
    }
}

impl Letters {
    /// Those that the account's rights allow.
    fn within(&self, rights: Rights) -> Permissions {
        let allowed = self.0.iter().filter(|(right, _)| rights.has(*right));
        let letters = allowed.flat_map(|(_, letters)| letters.iter().copied());
        Permissions::of(&letters.collect::<Vec<_>>())
    }
}

/// What the account may do with an entry of this kind.
pub(crate) fn permissions_of<B>(rights: Rights, kind: &Kind<B>) -> Permissions {
    PERMISSIONS[column_of(kind)].within(rights)
}
