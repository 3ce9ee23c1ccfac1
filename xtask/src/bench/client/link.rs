//! A link of twenty milliseconds there and back, made of this machine's loopback.
//!
//! The thread that measures has a network of its own (network_namespaces(7)), in which loopback is all there is. While
//! the link is long, each packet is put into a queue of netfilter (NFQUEUE) and goes on when it has waited for half
//! of a round trip. What waits is the kernel's packet itself: of each we read only its number, and one message lets go all that are due.
//! So the handshakes of TCP cost what they cost on a long line, which a relay of connections could not show, and the
//! link is not what limits: it lets a hundred thousand packets a second through. netem would do the same, but is not in
//! every kernel.
//!
//! What is spoken here is netlink: headers and attributes in the byte order of the machine, what is in them
//! in that of the network (linux/netfilter/nfnetlink_queue.h).

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
    sockopt,
};
use std::collections::VecDeque;
use std::io;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// There and back.
pub(super) const ROUND_TRIP: Duration = Duration::from_millis(20);
/// The queue's number; the network is our own, and so are all numbers.
const QUEUE: u16 = 1;
/// How many packets may be under way.
const LONGEST: u32 = 1 << 17;
/// How often is looked whether the link is still wanted.
const LOOK: Duration = Duration::from_millis(50);

const ACCEPT: u32 = 1;
/// Messages of the queue's subsystem.
const PACKET: u16 = 3 << 8;
const CONFIG: u16 = PACKET | 2;
const LET_GO_UP_TO: u16 = PACKET | 3;
/// The end of a request, and what the kernel answers where it was asked to.
const ERROR: u16 = 2;
const REQUEST: u16 = 1;
const ACKNOWLEDGE: u16 = 4;

/// Gives the calling thread, and those that it starts, a network in which there is only loopback.
///
/// # Errors
/// That only root may, and those of `ip`.
pub(super) fn enter_own_network() -> io::Result<()> {
    // There is no way back from a network that nobody can set up.
    run("ip", &["-V"])?;
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)?;
    run("ip", &["link", "set", "lo", "up"])
}

/// A link that is long as long as this is there.
pub(super) struct Delay {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Delay {
    /// Makes the link long.
    ///
    /// # Errors
    /// That there is no `iptables`, or no such queue in this kernel.
    pub(super) fn begin() -> io::Result<Self> {
        let queue = Queue::open()?;
        run("iptables", &rule("-I"))?;
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        Ok(Self { over, thread: Some(thread::spawn(move || queue.pass_on(&told))) })
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        if let Err(error) = run("iptables", &rule("-D")) {
            println!("the link stays long: {error}");
        }
        self.over.store(true, Ordering::Relaxed);
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            println!("the link broke: {error}");
        }
    }
}

fn rule(what: &'static str) -> [&'static str; 9] {
    ["-w", what, "OUTPUT", "-o", "lo", "-j", "NFQUEUE", "--queue-num", "1"]
}

fn run(program: &str, arguments: &[&str]) -> io::Result<()> {
    let done = Command::new(program).args(arguments).output();
    let done = done.map_err(|error| io::Error::other(format!("{program}: {error}")))?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    Err(io::Error::other(format!("{program}: {said}")))
}

/// The kernel's queue.
struct Queue {
    socket: OwnedFd,
}

impl Queue {
    fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let netfilter = Some(netlink::NETFILTER);
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, netfilter)?;
        // A packet whose message finds no room here is lost.
        sockopt::set_socket_recv_buffer_size_force(&socket, 64 << 20)?;
        let queue = Self { socket };
        // To bind it; nothing of the packets, but whole ones, however large; so many.
        let command = [1, 0, 0, 0];
        let copy = [&0_u32.to_be_bytes()[..], &[1]].concat();
        let joined = 4_u32.to_be_bytes();
        let longest = LONGEST.to_be_bytes();
        let attributes: [(u16, &[u8]); 5] =
            [(1, &command), (2, &copy), (3, &longest), (4, &joined), (5, &joined)];
        queue.say(CONFIG, REQUEST | ACKNOWLEDGE, &attributes)?;
        queue.await_answer()?;
        Ok(queue)
    }

    /// Hears of packets, and lets each go when it has waited for long enough, until it is over and all have gone.
    fn pass_on(&self, over: &AtomicBool) -> io::Result<()> {
        let mut waiting = VecDeque::new();
        loop {
            let next = waiting.front().map(|(due, _): &(Instant, u32)| *due);
            if next.is_none() && over.load(Ordering::Relaxed) {
                return Ok(());
            }
            let wait = next.map_or(LOOK, |due| due.saturating_duration_since(Instant::now()));
            self.wait(wait.min(LOOK))?;
            let mut buffer = [0; 4096];
            while let Some(message) = self.hear(&mut buffer)? {
                waiting.extend(packet(message).map(|id| (Instant::now() + ROUND_TRIP / 2, id)));
            }
            let now = Instant::now();
            let mut last = None;
            while let Some((_, id)) = waiting.front().filter(|(due, _)| *due <= now) {
                last = Some(*id);
                waiting.pop_front();
            }
            if let Some(id) = last {
                let verdict = [ACCEPT.to_be_bytes(), id.to_be_bytes()].concat();
                self.say(LET_GO_UP_TO, REQUEST, &[(2, &verdict)])?;
            }
        }
    }

    fn wait(&self, wait: Duration) -> io::Result<()> {
        let timeout = Timespec::try_from(wait).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn say(&self, kind: u16, flags: u16, attributes: &[(u16, &[u8])]) -> io::Result<()> {
        send(&self.socket, &message(kind, flags, attributes), SendFlags::empty())?;
        Ok(())
    }

    /// The next message that is there.
    fn hear<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
        match recv(&self.socket, &mut *buffer, RecvFlags::empty()) {
            Ok((length, _)) => Ok(buffer.get(..length)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn await_answer(&self) -> io::Result<()> {
        self.wait(Duration::from_secs(1))?;
        let mut buffer = [0; 4096];
        let answer = self.hear(&mut buffer)?.unwrap_or_default();
        let code =
            answer.get(16..20).and_then(|code| Some(i32::from_ne_bytes(code.try_into().ok()?)));
        match (u16_at(answer, 4), code) {
            (Some(ERROR), Some(0)) => Ok(()),
            (Some(ERROR), Some(code)) => Err(io::Error::from_raw_os_error(-code)),
            _ => Err(io::Error::other("the kernel does not answer for its queue")),
        }
    }
}

/// A message to the queue.
fn message(kind: u16, flags: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = vec![0, 0];
    body.extend(QUEUE.to_be_bytes());
    for (number, value) in attributes {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        body.extend(length.to_ne_bytes());
        body.extend(number.to_ne_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let length = u32::try_from(body.len() + 16).unwrap_or(u32::MAX);
    let head = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &flags.to_ne_bytes(), &[0; 8]];
    [head.concat(), body].concat()
}

/// The number of the packet of which a message tells, if it does.
fn packet(message: &[u8]) -> Option<u32> {
    if u16_at(message, 4)? != PACKET {
        return None;
    }
    let mut at = 20;
    loop {
        let length = usize::from(u16_at(message, at)?);
        if u16_at(message, at + 2)? == 1 {
            let id = message.get(at + 4..at + 8)?;
            return Some(u32::from_be_bytes(id.try_into().ok()?));
        }
        at += length.max(4).next_multiple_of(4);
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_packet_is_found_behind_other_attributes() {
        let told = [&7_u32.to_be_bytes()[..], &[8, 0, 3]].concat();
        assert_eq!(packet(&message(PACKET, 0, &[(3, &[1, 2, 3]), (1, &told)])), Some(7));
        assert_eq!(packet(&message(CONFIG, 0, &[(1, &told)])), None);
        assert_eq!(packet(&message(PACKET, 0, &[(3, &[1])])), None);
        assert_eq!(packet(&[0; 3]), None);
    }
}
