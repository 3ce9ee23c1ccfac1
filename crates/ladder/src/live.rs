//! Captures what goes over the loopback interface while it goes (Linux, AF_PACKET; packet(7)).
//!
//! It takes the right to open packet sockets (CAP_NET_RAW, as root has it), changes no setting of any
//! interface, and keeps nothing but the rows of the sessions it is asked for. It is no capture of other
//! interfaces, which `live/interface.rs` is, and writes no file.
//!
//! House rules of this file:
//! - The socket is for all protocols. To such a one the kernel gives a frame before its receiver has it, so that no
//!   answer comes before what it answers; a socket for IPv4 alone gets it, as measured on Linux 6.18, when the receiver
//!   may have answered already. Each frame on loopback comes twice, when it is sent and when it is received: what is
//!   sent is passed over.
//! - Time is when the kernel took a frame, not when it was read (`live/stamp.rs`): so sessions that were recorded
//!   together have one clock.
//! - The kernel drops frames in silence when the buffer is full. What is missing from a session TCP's own
//!   numbers tell: [`Packets::missing`].

mod interface;
mod stamp;

pub use interface::{ANY, Interface};

use crate::packet::Segment;
use crate::packets::Packets;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, eth, sockopt};
use stamp::{Received, Stamps};
use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use wharf_proto::Moment;

/// The receive buffer that is asked for; the kernel counts about a kilobyte for the smallest frame.
const BUFFER: usize = 64 << 20;
/// How much of a frame is read. Loopback joins the segments of a bulk transfer up to 64 KiB, of which only
/// the length is wanted; what is said on a control connection is shorter.
const FRAME: usize = 16 << 10;
/// How often the recording thread looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(5);

/// An open capture of the loopback interface.
#[derive(Debug)]
pub struct Live {
    socket: OwnedFd,
    /// When it was opened, since 1970.
    origin: Duration,
    stamps: Stamps,
    frame: Vec<u8>,
}

/// A capture that runs on a thread of its own.
#[derive(Debug)]
pub struct Recording {
    thread: JoinHandle<io::Result<Vec<Packets>>>,
    /// Until when the thread may wait for what is to come.
    stop: Sender<Instant>,
}

impl Live {
    /// Opens the capture; frames are kept by the kernel from here on.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] for those who may not capture; other errors where the kernel has
    /// no packet sockets.
    pub fn open() -> io::Result<Self> {
        let origin = stamp::now();
        let socket = socket()?;
        Ok(Self { socket, origin, stamps: Stamps::new(), frame: vec![0; FRAME] })
    }

    /// The next TCP segment that went over loopback, of any connection; none where none came in this time.
    /// Its moment counts from the opening of the capture.
    ///
    /// # Errors
    /// Those of the sockets.
    pub fn next_segment(&mut self, within: Duration) -> io::Result<Option<Segment<'_>>> {
        let deadline = Instant::now() + within;
        let (at, length) = loop {
            let Some(Received { length, at, .. }) = self.receive(deadline)? else {
                return Ok(None);
            };
            let at = Moment::after(at.saturating_sub(self.origin));
            if self.segment(at, length).is_some() {
                break (at, length);
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
        };
        Ok(self.segment(at, length))
    }

    /// Records these sessions from now on.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn record(self, sessions: Vec<Packets>) -> io::Result<Recording> {
        let (stop, stopped) = channel();
        let thread = Builder::new()
            .name("capture".to_owned())
            .spawn(move || record(self, sessions, &stopped))?;
        Ok(Recording { thread, stop })
    }

    /// Waits for a frame that was received and reads it; none at the deadline.
    fn receive(&mut self, deadline: Instant) -> io::Result<Option<Received>> {
        loop {
            match self.stamps.receive(&self.socket, &mut self.frame) {
                Ok(received) if received.is_sent() => {}
                Ok(received) => return Ok(Some(received)),
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => {
                    if !wait(&self.socket, deadline)? {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The segment in the frame just read, where it went over loopback: there, and nowhere else, both
    /// hardware addresses are zero.
    fn segment(&self, at: Moment, length: usize) -> Option<Segment<'_>> {
        let frame = self.frame.get(..length)?;
        frame.starts_with(&[0; 12]).then(|| Segment::of_ethernet(at, frame))?
    }
}

impl Recording {
    /// Ends the recording and gives its sessions: when all of them [are over](Packets::is_over), or else
    /// after `patience`. There is something to wait for because a peer may delay its last ACKs.
    ///
    /// # Errors
    /// Those of the sockets.
    pub fn finish(self, patience: Duration) -> io::Result<Vec<Packets>> {
        // Where the thread has ended with an error nobody listens any more.
        let _ = self.stop.send(Instant::now() + patience);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the capture has failed")))
    }
}

/// Waits until there may be something to read; says whether there was time for that.
fn wait(socket: &OwnedFd, deadline: Instant) -> io::Result<bool> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Ok(false);
    }
    let mut ready = [PollFd::new(socket, PollFlags::IN)];
    match poll(&mut ready, Timespec::try_from(left).ok().as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Reads until told to stop, and then until there is nothing more to wait for.
fn record(
    mut live: Live,
    mut sessions: Vec<Packets>,
    stopped: &Receiver<Instant>,
) -> io::Result<Vec<Packets>> {
    let mut deadline: Option<Instant> = None;
    loop {
        let quiet = match live.next_segment(LOOK)? {
            Some(segment) => {
                for session in &mut sessions {
                    session.push(&segment);
                }
                false
            }
            None => true,
        };
        match stopped.try_recv() {
            Ok(until) => deadline = Some(until),
            Err(TryRecvError::Empty) => {}
            // A recording that was dropped is wanted by nobody.
            Err(TryRecvError::Disconnected) if deadline.is_none() => return Ok(sessions),
            Err(TryRecvError::Disconnected) => {}
        }
        let Some(deadline) = deadline else { continue };
        if (quiet && sessions.iter().all(Packets::is_over)) || Instant::now() >= deadline {
            return Ok(sessions);
        }
    }
}

/// A packet socket for all protocols, with a large buffer, whose frames the kernel stamps.
fn socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (family, kind) = (AddressFamily::PACKET, SocketType::RAW);
    // Before the socket is there, which hears at once.
    let switched_on = stamp::switched_on();
    let socket = rustix::net::socket_with(family, kind, flags, Some(eth::ALL))?;
    stamp::tell(&socket)?;
    drop(switched_on);
    widen(&socket)?;
    Ok(socket)
}

/// Gives a socket a large buffer: root may have more than the system's limit.
fn widen(socket: &OwnedFd) -> io::Result<()> {
    if sockopt::set_socket_recv_buffer_size_force(socket, BUFFER).is_err() {
        sockopt::set_socket_recv_buffer_size(socket, BUFFER)?;
    }
    Ok(())
}
