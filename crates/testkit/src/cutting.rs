//! A proxy (HTTP CONNECT) that leads on to this machine and breaks one connection in the midst: for tests of transfers
//! between a real client and a real server that have to go on.
//!
//! It breaks the first connection over which so many bytes went one way. What came before went on to the other side,
//! and ends there with FIN, as if the sender had been killed.

#![expect(clippy::expect_used, reason = "a failed test panics")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::scripted::patient;

/// The proxy; its threads end with their connections.
#[derive(Debug)]
pub struct Cutting {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    after: u64,
    cut: AtomicBool,
    /// The bytes of each connection, in both directions, in the order in which the connections ended.
    moved: Mutex<Vec<u64>>,
}

impl Cutting {
    /// A proxy that breaks a connection after so many bytes.
    pub fn after(bytes: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared =
            Arc::new(Shared { after: bytes, cut: AtomicBool::new(false), moved: Mutex::default() });
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&served);
                thread::spawn(move || shared.serve(near));
            }
        });
        Self { address, shared }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether it has broken a connection.
    pub fn has_cut(&self) -> bool {
        self.shared.cut.load(Ordering::SeqCst)
    }

    /// How many bytes went over the connections that have ended, both directions together.
    pub fn moved(&self) -> Vec<u64> {
        self.shared.moved.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn serve(&self, mut near: TcpStream) {
        let Some(far) = lead_on(&mut near) else { return };
        let (near, far) = (patient(near), patient(far));
        let moved = thread::scope(|scope| {
            let up = scope.spawn(|| self.pass(&near, &far));
            let down = self.pass(&far, &near);
            up.join().unwrap_or(0) + down
        });
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).push(moved);
    }

    /// Passes on what comes, until it ends or is to be broken.
    fn pass(&self, mut from: &TcpStream, mut to: &TcpStream) -> u64 {
        let (mut moved, mut buffer) = (0, vec![0; 64 * 1024]);
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let left = usize::try_from(self.after - moved.min(self.after)).unwrap_or(count);
            let cuts = left <= count && !self.cut.swap(true, Ordering::SeqCst);
            let bytes = &buffer[..if cuts { left } else { count }];
            moved += bytes.len() as u64;
            if to.write_all(bytes).is_err() {
                break;
            }
            if cuts {
                // Which of them has gone already does not matter.
                let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
                return moved;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
        moved
    }
}

/// Reads the request, and connects to its port on this machine.
fn lead_on(near: &mut TcpStream) -> Option<TcpStream> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        near.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).ok()?;
    let port = request.strip_prefix("CONNECT ")?.split(' ').next()?.rsplit_once(':')?.1;
    let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse().ok()?)).ok()?;
    near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    Some(far)
}
