//! Captures what goes over an interface while it goes (Linux, AF_PACKET; packet(7)).
//!
//! It takes the right to open packet sockets (CAP_NET_RAW), and only while it is opened: who holds it may give the right
//! up afterwards. No setting of the interface is changed, and so only what this host sends and receives is seen, unless
//! somebody else has made the interface promiscuous.
//!
//! House rules of this file:
//! - The address to bind to is the one that the system gives of the interface; nothing is put together by hand.
//! - How many frames were dropped the kernel says once: what was asked for is kept and added to.
//! - Time is when the kernel took a frame (`live/stamp.rs`), however long it waited to be read.
//! - The socket hears every interface until it is bound, and loopback hears each frame twice, when it is sent and when it
//!   is received. What is not wanted is known by the address that comes with each frame, and passed over.

use super::stamp::{self, Received, Stamps};
use crate::capture::Frame;
use crate::packet::Link;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::sockopt::GetStruct;
use nix::sys::socket::{LinkAddr, bind, getsockopt};
use rustix::fd::{AsRawFd as _, OwnedFd};
use std::io;
use std::time::{Duration, Instant};
use wharf_proto::Moment;

/// The name of all interfaces together.
pub const ANY: &str = "any";
/// How much of a frame is read; where segments are joined they have up to 64 KiB.
const FRAME: usize = 1 << 16;
/// Kinds of interfaces (linux/if_arp.h): what begins with an Ethernet header, and what begins with its IP packet.
const ETHERNET: [u16; 2] = [1, 772];
const RAW: [u16; 6] = [519, 768, 769, 776, 823, 65_534];

/// How many frames came, and how many of those were dropped because nobody read them in time, since this was last asked
/// (packet(7)).
#[derive(Clone, Copy, Debug)]
struct Statistics;

nix::getsockopt_impl!(
    Statistics,
    libc::SOL_PACKET,
    libc::PACKET_STATISTICS,
    libc::tpacket_stats,
    GetStruct<libc::tpacket_stats>
);

/// An open capture of an interface, or of all.
#[derive(Debug)]
pub struct Interface {
    socket: OwnedFd,
    /// Which one; none for all.
    index: Option<usize>,
    /// When it was opened, since 1970.
    origin: Duration,
    stamps: Stamps,
    frame: Vec<u8>,
    /// Frames that have been given.
    frames: u64,
    dropped: u64,
}

impl Interface {
    /// Opens the capture of the interface of this name, or of [`ANY`].
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] for those who may not capture, [`io::ErrorKind::NotFound`] with the names that
    /// there are, [`io::ErrorKind::Unsupported`] for an interface whose frames begin in a way that is not read; other errors
    /// where the kernel has no packet sockets.
    pub fn open(name: &str) -> io::Result<Self> {
        let address = if name == ANY { None } else { Some(address(name)?) };
        let origin = stamp::now();
        let socket = super::socket()?;
        if let Some(address) = &address {
            bind(socket.as_raw_fd(), address)?;
        }
        let index = address.map(|address| address.ifindex());
        Ok(Self {
            socket,
            index,
            origin,
            stamps: Stamps::new(),
            frame: vec![0; FRAME],
            frames: 0,
            dropped: 0,
        })
    }

    /// When it was opened, since 1970: what the moments of its frames count from.
    #[must_use]
    pub fn origin(&self) -> Duration {
        self.origin
    }

    /// How long it has been open, on the clock of its frames.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        stamp::now().saturating_sub(self.origin)
    }

    /// How many frames the kernel has dropped so far, because they came faster than they were read. Where it does not
    /// tell, what it told before.
    pub fn dropped(&mut self) -> u64 {
        if let Ok(since) = getsockopt(&self.socket, Statistics) {
            self.dropped = self.dropped.saturating_add(since.tp_drops.into());
        }
        self.dropped
    }

    /// The next frame; none where none came in this time.
    ///
    /// # Errors
    /// Those of the socket; that the interface has gone down is one.
    pub fn next_frame(&mut self, within: Duration) -> io::Result<Option<Frame<'_>>> {
        let deadline = Instant::now() + within;
        loop {
            match self.stamps.receive(&self.socket, &mut self.frame) {
                Ok(received @ Received { length, from: Some(from), at })
                    if self.is_wanted(&received, &from) =>
                {
                    let at = Moment::after(at.saturating_sub(self.origin));
                    let link = link(from.hatype());
                    let bytes = self.frame.get(..length).unwrap_or_default();
                    self.frames += 1;
                    return Ok(Some(Frame { no: self.frames, at, link, bytes, original: length }));
                }
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => {
                    if !super::wait(&self.socket, deadline)? {
                        return Ok(None);
                    }
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    fn is_wanted(&self, received: &Received, from: &LinkAddr) -> bool {
        let is_copy = received.is_sent() && from.hatype() == 772;
        !is_copy && self.index.is_none_or(|index| index == from.ifindex())
    }
}

/// What frames of this kind of interface begin with.
fn link(kind: u16) -> Option<Link> {
    match kind {
        kind if ETHERNET.contains(&kind) => Some(Link::Ethernet),
        kind if RAW.contains(&kind) => Some(Link::Raw),
        _ => None,
    }
}

/// The address of an interface, as the system gives it.
fn address(name: &str) -> io::Result<LinkAddr> {
    let mut names = Vec::new();
    for interface in getifaddrs()? {
        let of = interface.address.as_ref();
        let Some(address) = of.and_then(|address| address.as_link_addr()) else { continue };
        if interface.interface_name == name {
            let kind = address.hatype();
            let told = format!("frames of its kind ({kind}) are not read");
            let unread = || io::Error::new(io::ErrorKind::Unsupported, told);
            return link(kind).map(|_| *address).ok_or_else(unread);
        }
        names.push(interface.interface_name);
    }
    names.push(ANY.to_owned());
    names.sort();
    names.dedup();
    let told = format!("there is no such interface; there are {}", names.join(", "));
    Err(io::Error::new(io::ErrorKind::NotFound, told))
}
