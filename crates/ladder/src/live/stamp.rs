//! When the kernel took a frame: the time that it writes down itself (`SO_TIMESTAMPNS`; socket(7)).
//!
//! A frame waits in the socket until somebody reads it, longer than it took on the line where the machine is busy or the
//! program is stopped. So a frame's time is never that of its reading, and frames of several sockets have one clock.
//!
//! The kernel switches stamping on a while after the first socket has asked for it, and what comes before gets its stamp when
//! it is read. So a socket of its own finds out first that it is on ([`switched_on`]).

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt, sockopt::ReceiveTimestampns,
};
use nix::sys::time::TimeSpec;
use rustix::fd::{AsRawFd as _, OwnedFd};
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A frame that this host sends; what loopback gives is received as well (linux/if_packet.h).
const OUTGOING: u8 = 4;
/// How long a datagram waits for its reader to see whether its stamp is older, and how often that is tried.
const WAIT: Duration = Duration::from_millis(1);
const TRIES: usize = 200;

/// Room for what comes beside a frame.
#[derive(Debug)]
pub(super) struct Stamps(Vec<u8>);

/// A frame that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    /// How much of it was read.
    pub(super) length: usize,
    /// On which interface it was seen, and how.
    pub(super) from: Option<LinkAddr>,
    /// When it was seen, since 1970.
    pub(super) at: Duration,
}

impl Received {
    /// Whether this host was sending it, and not receiving.
    pub(super) fn is_sent(&self) -> bool {
        self.from.is_some_and(|from| from.pkttype() == OUTGOING)
    }
}

impl Stamps {
    /// Room for the stamps of any number of sockets, one after the other.
    pub(super) fn new() -> Self {
        Self(cmsg_space!(TimeSpec))
    }

    /// Reads the next frame of a socket that was [told](tell) to stamp it.
    ///
    /// # Errors
    /// Those of recvmsg(2).
    pub(super) fn receive(&mut self, socket: &OwnedFd, frame: &mut [u8]) -> nix::Result<Received> {
        let mut into = [IoSliceMut::new(frame)];
        let room = Some(self.0.as_mut_slice());
        let read = recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut into, room, MsgFlags::empty())?;
        let stamp = read.cmsgs()?.find_map(|beside| match beside {
            ControlMessageOwned::ScmTimestampns(time) => Some(since_1970(time)),
            _ => None,
        });
        Ok(Received { length: read.bytes, from: read.address, at: stamp.unwrap_or_else(now) })
    }
}

/// A socket for whose sake the kernel stamps by now; to be kept until another one has [told](tell) it to. None where that
/// cannot be found out, as without a loopback interface.
pub(super) fn switched_on() -> Option<UdpSocket> {
    let probe = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    probe.set_nonblocking(true).ok()?;
    setsockopt(&probe, ReceiveTimestampns, &true).ok()?;
    let probe = OwnedFd::from(probe);
    let (mut stamps, mut byte) = (Stamps::new(), [0]);
    for _ in 0..TRIES {
        let socket = UdpSocket::from(probe.try_clone().ok()?);
        socket.send_to(&byte, socket.local_addr().ok()?).ok()?;
        sleep(WAIT);
        let read = now();
        let Ok(received) = stamps.receive(&probe, &mut byte) else { continue };
        if read.saturating_sub(received.at) >= WAIT / 2 {
            break;
        }
    }
    Some(UdpSocket::from(probe))
}

/// Tells the kernel to stamp the frames of a socket, those that have not come yet.
pub(super) fn tell(socket: &OwnedFd) -> io::Result<()> {
    Ok(setsockopt(socket, ReceiveTimestampns, &true)?)
}

/// The time on the clock of the stamps, since 1970.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn since_1970(time: TimeSpec) -> Duration {
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec()).unwrap_or(0))
}
