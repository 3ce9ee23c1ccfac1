//! A server that plays a script over real sockets: what it hears must be what the script says, and it
//! answers what the script says, be it right, wrong or cut off in the middle.
//!
//! It is for tests of clients, which need a server that misbehaves on demand. It knows no FTP beyond the
//! addresses of data connections. Whatever goes otherwise than the script says is a panic of its thread,
//! which [`Scripted`] hands on to the test; nothing waits for longer than [`PATIENCE`].

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test panics")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;
use wharf_proto::Command;
use wharf_proto::address::{Eprt, print_227, print_229};

/// The longest that anything here waits.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A server that plays a script in a thread of its own. When it is dropped the script must be over.
///
/// ```
/// use std::io::{Read, Write};
/// use wharf_testkit::scripted::Scripted;
/// let server = Scripted::session(|peer| {
///     peer.say("220 ready");
///     peer.expect("QUIT");
///     peer.say("221 bye");
/// });
/// let mut client = std::net::TcpStream::connect(server.address())?;
/// client.write_all(b"QUIT\r\n")?;
/// let mut heard = String::new();
/// client.read_to_string(&mut heard)?;
/// assert_eq!(heard, "220 ready\r\n221 bye\r\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Scripted {
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    /// A server for one session.
    pub fn session(script: impl FnOnce(&mut Peer) + Send + 'static) -> Self {
        Self::sessions(move |host| script(&mut host.accept()))
    }

    /// A server for as many sessions as the script accepts.
    pub fn sessions(script: impl FnOnce(&Host) + Send + 'static) -> Self {
        Self::on(Ipv4Addr::LOCALHOST.into(), script)
    }

    /// The same at an address of its own.
    pub fn on(ip: IpAddr, script: impl FnOnce(&Host) + Send + 'static) -> Self {
        let listener = TcpListener::bind((ip, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let host = Host { listener };
        Self { address, thread: Some(thread::spawn(move || script(&host))) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL of a path on it.
    pub fn url(&self, path: &str) -> String {
        format!("ftp://{}/{path}", self.address)
    }

    /// Awaits the end of the script.
    pub fn finish(mut self) {
        self.join();
    }

    fn join(&mut self) {
        if let Some(Err(failure)) = self.thread.take().map(JoinHandle::join) {
            resume_unwind(failure);
        }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.join();
        }
    }
}

/// Where a script gets its sessions from.
#[derive(Debug)]
pub struct Host {
    listener: TcpListener,
}

impl Host {
    /// Awaits a control connection.
    pub fn accept(&self) -> Peer {
        let stream = accept(&self.listener);
        let reader = BufReader::new(stream.try_clone().unwrap());
        Peer { stream, reader }
    }
}

/// The server's side of a control connection.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Peer {
    /// Sends a reply; each line of it gets its line end.
    pub fn say(&mut self, reply: &str) {
        let lines: String = reply.lines().map(|line| format!("{line}\r\n")).collect();
        self.send(lines.as_bytes());
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the client listens");
    }

    /// The next command, as text.
    pub fn hear(&mut self) -> String {
        String::from_utf8_lossy(&self.hear_bytes()).into_owned()
    }

    /// The next command, as text, if one comes before the end of the connection.
    pub fn hear_any(&mut self) -> Option<String> {
        let comes = self.reader.fill_buf().is_ok_and(|next| !next.is_empty());
        comes.then(|| self.hear())
    }

    /// The next command, without its line end.
    pub fn hear_bytes(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).expect("a command");
        let Some(line) = line.strip_suffix(b"\r\n") else {
            panic!("a command ends in CR LF, this came: {:?}", line.escape_ascii().to_string());
        };
        line.to_vec()
    }

    /// Awaits just this command.
    pub fn expect(&mut self, command: &str) {
        assert_eq!(self.hear(), command);
    }

    /// Awaits just this command and answers it.
    pub fn answer(&mut self, command: &str, reply: &str) {
        self.expect(command);
        self.say(reply);
    }

    /// Awaits the end of the connection; nothing more may come before it.
    pub fn expect_end(&mut self) {
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest).expect("the client closes in order");
        assert_eq!(rest.escape_ascii().to_string(), "", "nothing more was expected");
    }

    /// Awaits the end of the connection, with or without a QUIT before it.
    pub fn expect_end_or_quit(&mut self) {
        let mut rest = Vec::new();
        if self.reader.fill_buf().is_ok_and(|next| !next.is_empty()) {
            self.answer("QUIT", "221 bye");
        }
        self.reader.read_to_end(&mut rest).expect("the client closes in order");
    }

    /// Awaits the end of the connection, whatever comes before it.
    pub fn expect_any_end(&mut self) {
        let _ = self.reader.read_to_end(&mut Vec::new());
    }

    /// Greets, and lets an anonymous user in.
    pub fn login(&mut self) {
        self.say("220 ready");
        self.answer("USER anonymous", "331 password");
        self.answer("PASS anonymous@", "230 in");
    }

    /// Answers FEAT with these features.
    pub fn features(&mut self, features: &[&str]) {
        self.expect("FEAT");
        let lines: String = features.iter().map(|feature| format!(" {feature}\n")).collect();
        self.say(&format!("211-Features:\n{lines}211 End"));
    }

    /// Awaits EPSV and grants it.
    pub fn epsv(&mut self) -> Data {
        self.expect("EPSV");
        let listener = self.listen();
        self.say(&format!("229 here {}", print_229(listener.local_addr().unwrap().port())));
        Data::Accept(listener)
    }

    /// Awaits PASV and grants it.
    pub fn pasv(&mut self) -> Data {
        self.expect("PASV");
        let listener = self.listen();
        let SocketAddr::V4(at) = listener.local_addr().unwrap() else { panic!("PASV is for IPv4") };
        self.say(&format!("227 here {}", print_227(at)));
        Data::Accept(listener)
    }

    /// Awaits PORT or EPRT and grants it.
    pub fn port(&mut self) -> Data {
        let line = self.hear_bytes();
        let to = match Command::parse(&line) {
            Ok(Command::Port(to)) => to.into(),
            Ok(Command::Eprt(Eprt::Address(to))) => to,
            other => panic!("PORT or EPRT expected: {other:?}"),
        };
        self.say("200 noted");
        Data::Connect(to)
    }

    /// A listener for a data connection, at the address of the control connection.
    pub fn listen(&self) -> TcpListener {
        let ip = self.stream.local_addr().unwrap().ip();
        TcpListener::bind((ip, 0)).expect("a free port")
    }

    /// The socket, for a script that goes on under TLS. What was read and not yet heard is lost.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Closes the server's half of the control connection.
    pub fn shut(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("an open connection");
    }

    /// Breaks the control connection.
    pub fn reset(self) {
        reset(self.stream);
    }
}

/// A data connection that is agreed on.
#[derive(Debug)]
pub enum Data {
    /// The client will connect here.
    Accept(TcpListener),
    /// The client listens there.
    Connect(SocketAddr),
}

impl Data {
    /// Opens it.
    pub fn open(&self) -> TcpStream {
        match self {
            Self::Accept(listener) => accept(listener),
            Self::Connect(to) => patient(TcpStream::connect(to).expect("the client listens")),
        }
    }

    /// Opens it, sends these bytes and closes it; awaits the client's FIN.
    pub fn give(&self, bytes: &[u8]) {
        let mut stream = self.open();
        stream.write_all(bytes).expect("the client reads");
        stream.shutdown(Shutdown::Write).unwrap();
        let rest = stream.read(&mut [0]).expect("the client closes in order");
        assert_eq!(rest, 0, "a client sends nothing while it downloads");
    }

    /// Opens it and takes in all that is sent, to the client's FIN.
    pub fn take(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.open().read_to_end(&mut bytes).expect("the client closes in order");
        bytes
    }
}

/// Breaks a connection: RST instead of FIN.
pub fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket can linger");
    drop(stream);
}

pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    // The timeout of reading is that of accepting.
    SockRef::from(listener).set_read_timeout(Some(PATIENCE)).unwrap();
    patient(listener.accept().expect("the client connects").0)
}

pub(crate) fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}
