//! A small FTP server that does one thing wrong, or several: for tests of what a client makes of it.
//!
//! [`Scripted`](crate::scripted::Scripted) plays one dialogue to the letter; this one answers whatever a client
//! asks, with a few files in memory, in clear, and has faults as rows of a list. It has block mode; to STRU R it says yes
//! and knows no records. A test says which, runs the client
//! and looks at how it ended. It never waits for longer than [`PATIENCE`](crate::scripted::PATIENCE).
//!
//! ```
//! use std::io::{BufRead, BufReader};
//! use wharf_testkit::faulty::{Fault, Faulty};
//! let server = Faulty::new(&[("x", b"bytes")], &[Fault::Reply("welcome", "421 too many\n")]);
//! let mut client = BufReader::new(std::net::TcpStream::connect(server.address())?);
//! let mut line = String::new();
//! client.read_line(&mut line)?;
//! assert_eq!(line, "421 too many\r\n");
//! # Ok::<(), std::io::Error>(())
//! ```

mod data;
mod session;

#[expect(clippy::expect_used, reason = "a failed test panics")]
mod server {
    use std::collections::BTreeMap;
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex, PoisonError};
    use std::thread;

    use super::Fault;
    use super::session::Session;

    /// What the sessions of a server share.
    #[derive(Debug)]
    pub(super) struct Shared {
        pub(super) faults: Vec<Fault>,
        pub(super) files: Mutex<BTreeMap<String, Vec<u8>>>,
        pub(super) heard: Mutex<Vec<String>>,
        pub(super) open: AtomicUsize,
        /// How often each fault that wears off has been shown.
        pub(super) shown: Mutex<BTreeMap<&'static str, usize>>,
        pub(super) over: AtomicBool,
        pub(super) address: SocketAddr,
    }

    impl Shared {
        /// What one of the faults comes to, if it is there.
        pub(super) fn find<T>(&self, of: impl Fn(&Fault) -> Option<T>) -> Option<T> {
            self.faults.iter().find_map(of)
        }

        /// Takes no more connections.
        pub(super) fn close(&self) {
            self.over.store(true, Ordering::SeqCst);
            // Wakes the thread that accepts; if that fails it is over already.
            let _ = TcpStream::connect(self.address);
        }

        /// Whether this fault is there.
        pub(super) fn has(&self, fault: &Fault) -> bool {
            self.faults.contains(fault)
        }
    }

    /// A faulty server; it ends when it is dropped.
    #[derive(Debug)]
    pub struct Faulty {
        address: SocketAddr,
        shared: Arc<Shared>,
    }

    impl Faulty {
        /// A server with these files and faults at a free port of this machine.
        pub fn new(files: &[(&str, &[u8])], faults: &[Fault]) -> Self {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let address = listener.local_addr().expect("a bound socket has an address");
            let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
            let shared = Arc::new(Shared {
                faults: faults.to_vec(),
                files: Mutex::new(files.collect()),
                heard: Mutex::default(),
                open: AtomicUsize::new(0),
                shown: Mutex::default(),
                over: AtomicBool::new(false),
                address,
            });
            let served = Arc::clone(&shared);
            thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if served.over.load(Ordering::SeqCst) {
                        return;
                    }
                    let shared = Arc::clone(&served);
                    thread::spawn(move || Session::hold(stream, &shared));
                }
            });
            Self { address, shared }
        }

        /// Where it listens.
        pub fn address(&self) -> SocketAddr {
            self.address
        }

        /// A URL of a path on it.
        pub fn url(&self, path: &str) -> String {
            format!("ftp://{}/{path}", self.address)
        }

        /// A file as it is now.
        pub fn file(&self, name: &str) -> Option<Vec<u8>> {
            self.shared.files.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
        }

        /// All that it was told, in order of arrival.
        pub fn heard(&self) -> Vec<String> {
            self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    impl Drop for Faulty {
        fn drop(&mut self) {
            self.shared.close();
        }
    }
}

use std::time::Duration;

pub use server::Faulty;

/// One thing that a server does wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers this with that: a verb, a whole command line, or `welcome` for the greeting. Several replies in
    /// one are sent in one segment; each line ends in `\n` here and in CR LF there. A transfer does not follow.
    Reply(&'static str, &'static str),
    /// The same, for so many times.
    Few(&'static str, &'static str, usize),
    /// Ends its lines in LF alone.
    BareLf,
    /// Waits before it answers this verb.
    Delay(&'static str, Duration),
    /// Sends its replies byte by byte, with such a pause between.
    Trickle(Duration),
    /// Sends its data in pieces of so many bytes.
    Pieces(usize),
    /// Sends 150 and 226 in one segment before the data.
    DoneBeforeData,
    /// Says in its 150 that the file has so many bytes.
    SizeIn150(u64),
    /// Takes a file for another one as soon as it was sent: its time is another one from then on.
    ChangesWhileSent,
    /// Answers SIZE with this number, whatever the file has.
    Size(u64),
    /// Names a host in 227 that is not itself.
    ForeignPassive,
    /// Answers PASV with 229, and does not know EPSV.
    ExtendedReplyToPasv,
    /// Opens a port for EPSV that nobody listens at.
    DeadEpsvPort,
    /// Never takes or makes the data connection; what it says in place of the file, if anything.
    NoData(&'static str),
    /// Says 200 to PORT and 150 to the transfer, and never connects.
    NeverConnects,
    /// Ends the data of a file in order after so many bytes, and says that it is done.
    CutAfter(usize),
    /// Resets the data connection of its first download after so many bytes.
    ResetsOnceAfter(usize),
    /// Closes the control connection after so many bytes of data, and sends the rest.
    LeavesAfter(usize),
    /// Sends more than the file has.
    Grows(usize),
    /// Never says that a transfer is done.
    NoFinalReply,
    /// Says so only after a while.
    LateFinalReply(Duration),
    /// Stops taking in an upload after so many bytes, and says this.
    StopsReading(usize, &'static str),
    /// Throws uploads away and says that they are stored.
    Forgets,
    /// Says 350 to REST and begins at the beginning.
    IgnoresRest,
    /// Fills a file with zeros up to the place that REST named, before STOR.
    ZeroFills,
    /// Refuses to rename onto what is there.
    NoRenameOver,
    /// Takes in so many sessions at a time, and says 421 to others.
    Sessions(usize),
    /// Sends a reply of several lines that never ends.
    EndlessReply(&'static str),
    /// Sends a line that never ends.
    EndlessLine(&'static str),
    /// Sends rows without end.
    EndlessListing,
    /// Lists these rows, whatever it has; each gets its line end.
    Rows(&'static [&'static [u8]]),
    /// Ends its listings after so many bytes, and says that they are done.
    CutsListings(usize),
    /// The same with the first one only.
    CutsOneListing(usize),
    /// Has no MLSD.
    NoFacts,
    /// Lists names that begin with a dot only when it is asked by `LIST -a`, as `ls` does.
    HidesDots,
    /// Takes the flags of LIST for a name, and lists what is not there as nothing.
    NoFlags,
    /// Lists this in FEAT as well, and need not have it.
    Offers(&'static str),
    /// In block mode sends this in place of the blocks of a file.
    Blocks(&'static [u8]),
    /// Answers this verb behind the reply to the next command.
    AnswersLate(&'static str),
    /// Closes the control connection when it hears this: a verb or a whole command line.
    HangsUp(&'static str),
    /// Goes down after so many downloads: says 421 to whoever asks for something, and takes no more connections.
    GoesDown(usize),
    /// Waits between the pieces of its data.
    Pauses(Duration),
}
