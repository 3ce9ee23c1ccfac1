//! The one door by which the bytes of a transfer move: to the socket, and from it.
//!
//! What the bytes are is the business of `send.rs` and `receive.rs`; here they are counted, and a connection
//! on which nothing moves for too long is given up.

use super::Setting;
use super::open::{DataConnection, plain_words};
use crate::storage::local::fault;
use rustix::net::{RecvFlags, SendFlags};
use rustix::pipe::{
    PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice,
};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;
use wharf_proto::Text;
use wharf_proto::codec::{LocalError, Losses, WireError};
use wharf_proto::server::{Ended, Fault, Remark};

/// How many bytes are read or written at a time.
pub(super) const CHUNK: usize = 256 * 1024;

/// How many bytes the kernel is asked to send at a time: a step between two looks at timers and ABOR.
const KERNEL_CHUNK: usize = 1024 * 1024;

/// Why a transfer stopped before its end.
pub(super) enum Stop {
    Network(io::Error),
    Storage(Fault),
    Wire(WireError),
    Stalled,
}

impl Stop {
    /// How the transfer has ended.
    pub(super) fn ended(self, setting: &Setting) -> Ended {
        match self {
            Self::Network(error) => Ended::Broken(plain_words(&error).into()),
            Self::Storage(fault) => Ended::Failed(fault),
            Self::Wire(error) => Ended::Broken(error.to_string().into()),
            Self::Stalled => {
                let limit = setting.idle_time.as_secs();
                Ended::Broken(Text::from(format!(
                    "nothing moved on the data connection for {limit} s"
                )))
            }
        }
    }
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

impl From<WireError> for Stop {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<LocalError> for Stop {
    fn from(error: LocalError) -> Self {
        Self::Storage(Fault::System(error.to_string().into()))
    }
}

/// What the client should know of a transfer that is whole.
pub(super) fn remarks(losses: Losses, suspect: u64) -> Vec<Remark> {
    let Losses { substituted, assumed, split } = losses;
    let counts = [
        (substituted, Remark::Substituted as fn(u64) -> Remark),
        (assumed, Remark::Assumed),
        (split, Remark::Split),
        (suspect, Remark::Suspect),
    ];
    counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, remark)| remark(n)).collect()
}

/// Sends all of `bytes`. Where `more` follows, or the end, it goes with the last of them.
pub(super) async fn send(
    setting: &Setting,
    data: &mut DataConnection,
    bytes: &[u8],
    more: bool,
) -> Result<(), Stop> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let piece = &rest[..setting.down.piece(rest.len())];
        let n = send_piece(setting, data, piece, more || piece.len() < rest.len()).await?;
        data.count(n);
        rest = &rest[n..];
        setting.down.pay(n).await;
    }
    Ok(())
}

/// Sends some of these bytes; how many.
async fn send_piece(
    setting: &Setting,
    data: &mut DataConnection,
    bytes: &[u8],
    more: bool,
) -> Result<usize, Stop> {
    if let Some(tls) = &mut data.tls {
        tls.write(bytes)?;
        flush(setting, data, more).await?;
        return Ok(bytes.len());
    }
    let more = if more { SendFlags::MORE } else { SendFlags::empty() };
    let attempt = || Ok(rustix::net::send(&data.stream, bytes, more | SendFlags::NOSIGNAL)?);
    sent(setting, &data.stream, attempt).await
}

/// Sends what has been written into TLS.
async fn flush(setting: &Setting, data: &mut DataConnection, more: bool) -> Result<(), Stop> {
    let Some(tls) = &mut data.tls else { return Ok(()) };
    while tls.is_unsent() {
        sent(setting, &data.stream, || tls.try_to_send(&data.stream, more)).await?;
    }
    Ok(())
}

/// Says under TLS that no byte will follow, in the segment that the end of the connection leaves with.
pub(super) async fn close(setting: &Setting, data: &mut DataConnection) -> Result<(), Stop> {
    if let Some(tls) = &mut data.tls {
        tls.close();
    }
    flush(setting, data, true).await
}

/// Has the kernel send the bytes of a file from `at` on, up to `end` or the end of the file; says up to where.
pub(super) async fn send_file(
    setting: &Setting,
    data: &DataConnection,
    file: BorrowedFd<'_>,
    mut at: u64,
    end: u64,
) -> Result<u64, Stop> {
    while at < end {
        let want = usize::try_from(end - at).unwrap_or(KERNEL_CHUNK).min(KERNEL_CHUNK);
        let want = setting.down.piece(want);
        let attempt = || Ok(rustix::fs::sendfile(&data.stream, file, Some(&mut at), want)?);
        let n = sent(setting, &data.stream, attempt).await?;
        if n == 0 {
            break;
        }
        data.count(n);
        setting.down.pay(n).await;
    }
    Ok(at)
}

/// A pipe through which the kernel moves bytes from a socket to a file without copying them to us.
pub(super) struct Pipe {
    from: OwnedFd,
    to: OwnedFd,
    room: usize,
}

impl Pipe {
    /// A pipe with as much room as we may have.
    pub(super) fn new() -> io::Result<Self> {
        let (from, to) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let room = match fcntl_setpipe_size(&to, KERNEL_CHUNK) {
            Ok(room) => room,
            // Somebody who is not root has a bound for all pipes together.
            Err(_) => fcntl_getpipe_size(&to)?,
        };
        Ok(Self { from, to, room })
    }

    /// How many bytes go through it at a time.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// Receives some bytes, at most this many, into a file, at its position; 0 is the end.
    pub(super) async fn receive(
        &self,
        setting: &Setting,
        data: &DataConnection,
        file: BorrowedFd<'_>,
        most: usize,
    ) -> Result<usize, Stop> {
        let most = setting.up.piece(most.min(self.room));
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let attempt = || Ok(splice(&data.stream, None, &self.to, None, most, flags)?);
        let n = within(setting, data.stream.async_io(Interest::READABLE, attempt)).await?;
        let mut left = n;
        while left > 0 {
            let moved = splice(&self.from, None, file, None, left, SpliceFlags::MOVE);
            let moved = moved.map_err(|errno| Stop::Storage(fault(errno)))?;
            if moved == 0 {
                return Err(Stop::Storage(Fault::System("nothing could be written".into())));
            }
            left = left.saturating_sub(moved);
            data.count(moved);
        }
        Ok(n)
    }
}

/// Receives some bytes; 0 is the end. Who consumes them counts them.
pub(super) async fn receive(
    setting: &Setting,
    data: &mut DataConnection,
    buffer: &mut [u8],
) -> Result<usize, Stop> {
    let piece = setting.up.piece(buffer.len());
    let buffer = &mut buffer[..piece];
    let n = match &mut data.tls {
        Some(tls) => within(setting, tls.read(&data.stream, buffer)).await?,
        None => within(setting, read_some(&data.stream, buffer)).await?,
    };
    setting.up.pay(n).await;
    Ok(n)
}

/// Reads whatever still comes, until the client's end.
pub(super) async fn drain(data: &DataConnection) -> io::Result<()> {
    let mut ignored = [0; 512];
    while read_some(&data.stream, &mut ignored).await? > 0 {}
    Ok(())
}

async fn read_some(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let attempt = || Ok(rustix::net::recv(stream, &mut *buffer, RecvFlags::empty())?.0);
    stream.async_io(Interest::READABLE, attempt).await
}

async fn within<T>(setting: &Setting, io: impl Future<Output = io::Result<T>>) -> Result<T, Stop> {
    timeout(setting.idle_time, io).await.map_err(|_| Stop::Stalled)?.map_err(Stop::Network)
}

/// Waits until some bytes can be sent. The system says that there is room only when that is much, a third of a buffer
/// of megabytes; what a slow reader has taken since shows when it is tried once more, in silence.
async fn sent<T>(
    setting: &Setting,
    stream: &TcpStream,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> Result<T, Stop> {
    match timeout(setting.idle_time, stream.async_io(Interest::WRITABLE, &mut attempt)).await {
        Ok(sent) => sent.map_err(Stop::Network),
        Err(_) => attempt().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Stop::Stalled,
            _ => Stop::Network(error),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::sync::Arc;
    use std::time::Duration;

    /// A transfer that waits no longer than this.
    fn setting(idle_time: Duration) -> Setting {
        let setting = super::super::tests::setting(([127, 0, 0, 1], 1).into(), Arc::new([]));
        Setting { idle_time, ..setting }
    }

    #[tokio::test]
    async fn a_reader_who_takes_less_than_is_worth_a_wake_moves_and_one_who_takes_nothing_does_not()
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut reader, _) = listener.accept().unwrap();
        let setting = setting(Duration::from_millis(200));
        let bytes = vec![0; CHUNK];
        let attempt = || Ok(rustix::net::send(&stream, &bytes, SendFlags::NOSIGNAL)?);
        // Until the buffers of both ends are full, however large they become.
        let mut full = 0;
        while let Ok(n) = sent(&setting, &stream, attempt).await {
            full += n;
        }
        assert!(matches!(sent(&setting, &stream, attempt).await, Err(Stop::Stalled)));
        let mut room = vec![0; 64 * 1024];
        let mut taken = 0;
        // Small bites, each of them less than the system wakes for.
        while taken < full / 8 {
            taken += reader.read(&mut room).unwrap();
        }
        let moved = sent(&setting, &stream, attempt).await;
        assert!(moved.is_ok_and(|n| n > 0), "{taken} of {full} were read");
    }
}
