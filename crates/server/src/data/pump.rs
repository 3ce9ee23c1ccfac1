//! The one door by which the bytes of a transfer move.
//!
//! The last bytes and the end of a download leave in one segment; then the client's own end is awaited for a
//! short while, so that 226 means that the data connection is closed on both sides. An upload is complete
//! when the client's FIN has come, and only then does it get its name.

use super::open::{DataConnection, plain_words};
use super::{Cargo, Setting};
use crate::storage::{Folder, Source, Upload};
use rustix::net::SendFlags;
use std::io;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;
use wharf_proto::Text;
use wharf_proto::ascii::{Decoder, Encoder};
use wharf_proto::command::Range;
use wharf_proto::listing::{Entry, EntryRef, Format, Kind, Permissions};
use wharf_proto::params::Representation;
use wharf_proto::server::{Ended, Fault, Rights};
use wharf_proto::tap::Party;
use wharf_proto::verb::Right;

/// How many bytes are read or written at a time.
const CHUNK: usize = 256 * 1024;

/// Why a transfer stopped before its end.
enum Stop {
    Network(io::Error),
    Storage(Fault),
    Stalled,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Network(error)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Storage(fault)
    }
}

/// Moves the bytes, and says how it ended.
pub(super) async fn pump(
    setting: &Setting,
    cargo: Cargo,
    how: Representation,
    mut data: DataConnection,
) -> Ended {
    let text = how.kind.is_text();
    let result = match cargo {
        Cargo::Send { source, range } => send_file(setting, &data, &*source, range, text).await,
        Cargo::List { folder, format, prefix } => {
            send_listing(setting, &data, folder, format, &prefix).await
        }
        Cargo::Receive { upload, .. } => receive(setting, &data, upload, text).await,
    };
    match result {
        Ok(()) => {
            data.end();
            Ended::Complete { bytes: data.moved() }
        }
        Err(Stop::Network(error)) => Ended::Broken(plain_words(&error).into()),
        Err(Stop::Storage(fault)) => Ended::Failed(fault),
        Err(Stop::Stalled) => {
            let limit = setting.idle_time.as_secs();
            Ended::Broken(Text::from(format!("nothing moved on the data connection for {limit} s")))
        }
    }
}

async fn send_file(
    setting: &Setting,
    data: &DataConnection,
    source: &dyn Source,
    range: Range,
    text: bool,
) -> Result<(), Stop> {
    let end = range.end.unwrap_or(u64::MAX).min(source.size());
    if range.start > source.size() && !text {
        return Err(Stop::Storage(Fault::Offset));
    }
    // One byte more than the file has, so that a single read sees its end.
    let chunk = usize::try_from(source.size() + 1).map_or(CHUNK, |bytes| bytes.min(CHUNK));
    let mut buffer = vec![0; chunk];
    let mut encoder = text.then(Encoder::new);
    let mut encoded = Vec::new();
    // REST counts bytes as they are transferred (RFC 3659 section 5.3).
    let (mut at, mut skip) = if text { (0, range.start) } else { (range.start, 0) };
    loop {
        let n = source.read_at(&mut buffer, at).map_err(|error| system(&error))?;
        // A file that grows is sent to its end; a range is not exceeded.
        let n = match range.end {
            Some(_) => usize::try_from(end.saturating_sub(at)).map_or(n, |left| left.min(n)),
            None => n,
        };
        at += n as u64;
        let bytes = match &mut encoder {
            None => &buffer[..n],
            Some(encoder) => {
                encoded.clear();
                encoder.encode(&buffer[..n], &mut encoded);
                let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(encoded.len());
                skip -= skipped as u64;
                &encoded[skipped..]
            }
        };
        if n == 0 {
            return finish_sending(setting, data).await;
        }
        send(setting, data, bytes).await?;
        if n < buffer.len() && at >= end {
            return finish_sending(setting, data).await;
        }
    }
}

async fn send_listing(
    setting: &Setting,
    data: &DataConnection,
    mut folder: Box<dyn Folder>,
    format: Format,
    prefix: &[u8],
) -> Result<(), Stop> {
    let now = crate::effects::today();
    let mut out = Vec::new();
    let mut more = true;
    while more {
        more = folder.read(&mut |entry| {
            if format == Format::Names {
                out.extend_from_slice(prefix);
            }
            let permissions = Some(permissions_of(setting.rights, entry));
            format.write(&mut out, &EntryRef { permissions, ..*entry }, now);
        })?;
        if out.len() >= CHUNK || (!more && !out.is_empty()) {
            send(setting, data, &out).await?;
            out.clear();
        }
    }
    finish_sending(setting, data).await
}

/// The letters of RFC 3659 section 7.5.5, as far as the account's rights go.
pub(crate) fn permissions_of<B>(rights: Rights, entry: &Entry<B>) -> Permissions {
    let letters: &[(Right, &[u8])] = match entry.kind {
        Kind::Folder => &[
            (Right::List, b"el"),
            (Right::Write, b"c"),
            (Right::Folders, b"m"),
            (Right::Delete, b"dp"),
            (Right::Rename, b"f"),
        ],
        Kind::File => &[
            (Right::Read, b"r"),
            (Right::Write, b"aw"),
            (Right::Delete, b"d"),
            (Right::Rename, b"f"),
        ],
        Kind::Link { .. } | Kind::Other => &[(Right::Delete, b"d"), (Right::Rename, b"f")],
    };
    let allowed = letters.iter().filter(|(right, _)| rights.has(*right));
    Permissions::of(&allowed.flat_map(|(_, letters)| letters.iter().copied()).collect::<Vec<_>>())
}

/// Sends all of `bytes`, corked: what follows, or the end, goes with the last of them.
async fn send(setting: &Setting, data: &DataConnection, bytes: &[u8]) -> Result<(), Stop> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
        let attempt = || Ok(rustix::net::send(&data.stream, rest, flags)?);
        let n = within(setting, data.stream.async_io(Interest::WRITABLE, attempt)).await?;
        data.count(n);
        rest = &rest[n..];
    }
    Ok(())
}

/// Ends our half and waits for the client to end its own. A client that breaks the connection instead did
/// not get everything; one that keeps it open is not waited for longer than the linger time.
async fn finish_sending(setting: &Setting, data: &DataConnection) -> Result<(), Stop> {
    rustix::net::shutdown(&data.stream, rustix::net::Shutdown::Write).map_err(io::Error::from)?;
    data.half_ended(Party::Server, data.moved());
    let client_end = async {
        let mut ignored = [0; 512];
        while read_some(&data.stream, &mut ignored).await? > 0 {}
        io::Result::Ok(())
    };
    if let Ok(end) = timeout(setting.linger_time, client_end).await {
        end?;
        data.half_ended(Party::Client, 0);
    }
    Ok(())
}

async fn receive(
    setting: &Setting,
    data: &DataConnection,
    mut upload: Box<dyn Upload>,
    text: bool,
) -> Result<(), Stop> {
    let mut buffer = vec![0; CHUNK];
    let mut decoder = text.then(Decoder::new);
    let mut decoded = Vec::new();
    loop {
        let n = within(setting, read_some(&data.stream, &mut buffer)).await?;
        data.count(n);
        let bytes = match &mut decoder {
            None => &buffer[..n],
            Some(decoder) => {
                decoded.clear();
                if n == 0 {
                    decoder.finish(&mut decoded);
                } else {
                    decoder.decode(&buffer[..n], &mut decoded);
                }
                &decoded
            }
        };
        if !bytes.is_empty() {
            upload.write(bytes)?;
        }
        if n == 0 {
            break;
        }
    }
    data.half_ended(Party::Client, data.moved());
    upload.complete()?;
    data.half_ended(Party::Server, 0);
    Ok(())
}

async fn read_some(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    stream
        .async_io(Interest::READABLE, || {
            Ok(rustix::net::recv(stream, &mut *buffer, rustix::net::RecvFlags::empty())?.0)
        })
        .await
}

async fn within<T>(setting: &Setting, io: impl Future<Output = io::Result<T>>) -> Result<T, Stop> {
    timeout(setting.idle_time, io).await.map_err(|_| Stop::Stalled)?.map_err(Stop::Network)
}

fn system(error: &io::Error) -> Stop {
    Stop::Storage(Fault::System(Text::from(error.to_string())))
}
