//! A server on a temporary tree, and a client made of bare sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;
use wharf_proto::server::{Account, Rights};
use wharf_proto::tap::{Event, What};
use wharf_server::accounts::{Member, Quota};
use wharf_server::storage::local::LocalFolder;
use wharf_server::{Accounts, Config, Server, Tap};

/// Long enough for a loaded machine, short enough to end a hung test.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server; it stops when dropped.
pub(crate) struct Running {
    pub(crate) at: SocketAddr,
    pub(crate) tree: TempDir,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    /// A server for anonymous readers and for the writer `bob` with password `secret`.
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(adjust: impl FnOnce(&mut Config)) -> Self {
        let tree = tempfile::tempdir().unwrap();
        let storage = LocalFolder::open(tree.path()).unwrap();
        let mut config = Config::new(Arc::new(storage));
        config.listen = vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)];
        config.accounts = Accounts::new()
            .with_anonymous(Rights::READER)
            .with_user("bob", "secret", Rights::WRITER)
            .with_user("eve", "secret", Rights::WRITER);
        config.threads = 2;
        adjust(&mut config);
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        let tap: Arc<dyn Tap> =
            Arc::new(move |event: &Event| sink.lock().unwrap().push(event.clone()));
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            // Listening needs no runtime.
            let server = Server::bind(config, vec![tap]).unwrap();
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tell.send(server.addresses()[0].1).unwrap();
            runtime.block_on(server.run(async { drop(stopped.await) })).unwrap();
        });
        let at = told.recv().unwrap();
        Self { at, tree, events, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.tree.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap()
    }

    /// The names in the root, hidden ones too.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A client that has read the greeting.
    pub(crate) fn connect(&self) -> Raw {
        let mut raw = Raw::connect(self.at);
        raw.expect(220);
        raw
    }

    pub(crate) fn anonymous(&self) -> Raw {
        self.login("anonymous", "me@example.org")
    }

    pub(crate) fn bob(&self) -> Raw {
        self.in_binary("bob")
    }

    pub(crate) fn eve(&self) -> Raw {
        self.in_binary("eve")
    }

    fn in_binary(&self, user: &str) -> Raw {
        let mut raw = self.login(user, "secret");
        raw.command("TYPE I", 200);
        raw
    }

    pub(crate) fn login(&self, user: &str, password: &str) -> Raw {
        let mut raw = self.connect();
        raw.command(&format!("USER {user}"), 331);
        raw.command(&format!("PASS {password}"), 230);
        raw
    }

    /// `bob`, on a host of this address.
    pub(crate) fn bob_at(&self, host: IpAddr) -> Raw {
        let mut raw = Raw::over(connect_from(host, self.at));
        raw.expect(220);
        raw.command("USER bob", 331);
        raw.command("PASS secret", 230);
        raw.command("TYPE I", 200);
        raw
    }

    /// Waits until an event of this kind has been told.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&What) -> bool) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while !self.events.lock().unwrap().iter().any(|event| wanted(&event.what)) {
            assert!(std::time::Instant::now() < deadline, "the event was never told");
            std::thread::yield_now();
        }
    }

    /// Stops the server and waits until it has gone.
    pub(crate) fn stop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Lets `max` in as well, who writes and is held to this quota.
pub(crate) fn let_max_in(config: &mut Config, quota: Quota) {
    let member = Member { quota, ..Member::new(Account::new("max".into(), Rights::WRITER)) };
    config.accounts = config.accounts.clone().with_member(member, "secret");
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A client made of bare sockets.
pub(crate) struct Raw {
    pub(crate) control: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Raw {
    pub(crate) fn connect(at: SocketAddr) -> Self {
        Self::over(TcpStream::connect(at).unwrap())
    }

    pub(crate) fn over(control: TcpStream) -> Self {
        control.set_nodelay(true).unwrap();
        control.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = BufReader::new(control.try_clone().unwrap());
        Self { control, lines }
    }

    pub(crate) fn send(&mut self, line: &str) {
        self.bytes(format!("{line}\r\n").as_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.control.write_all(bytes).unwrap();
    }

    /// A line as it comes; empty at the end.
    pub(crate) fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        self.lines.read_until(b'\n', &mut line).unwrap();
        line
    }

    /// A whole reply: its code and its text, lines joined by LF.
    pub(crate) fn reply(&mut self) -> (u16, String) {
        let first = String::from_utf8_lossy(&self.line()).into_owned();
        assert!(first.len() > 3, "the connection ended where a reply was due");
        let code: u16 = first[..3].parse().unwrap();
        let mut text = first[4..].trim_end().to_owned();
        let end = format!("{code} ");
        let mut last = first;
        while !last.starts_with(&end) {
            last = String::from_utf8_lossy(&self.line()).into_owned();
            text.push('\n');
            text.push_str(last.trim_end());
        }
        (code, text)
    }

    pub(crate) fn expect(&mut self, code: u16) -> String {
        let (got, text) = self.reply();
        assert_eq!(got, code, "{text}");
        text
    }

    pub(crate) fn command(&mut self, line: &str, code: u16) -> String {
        self.send(line);
        let (got, text) = self.reply();
        assert_eq!(got, code, "{line}: {text}");
        text
    }

    /// Whether the server has closed the connection.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        matches!(self.lines.read(&mut byte), Ok(0) | Err(_))
    }

    /// PASV, and the address of its 227.
    pub(crate) fn pasv(&mut self) -> SocketAddr {
        let text = self.command("PASV", 227);
        let inner = text.split(['(', ')']).nth(1).unwrap();
        let n: Vec<u8> = inner.split(',').map(|n| n.parse().unwrap()).collect();
        let ip = Ipv4Addr::new(n[0], n[1], n[2], n[3]);
        SocketAddr::new(IpAddr::V4(ip), u16::from_be_bytes([n[4], n[5]]))
    }

    /// PASV and a connection to it.
    pub(crate) fn passive(&mut self) -> TcpStream {
        let at = self.pasv();
        let data = TcpStream::connect(at).unwrap();
        data.set_read_timeout(Some(PATIENCE)).unwrap();
        data
    }

    /// Whatever a command sends over a passive connection.
    pub(crate) fn fetch(&mut self, command: &str) -> Vec<u8> {
        let mut data = self.passive();
        self.command(command, 125);
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes).unwrap();
        drop(data);
        self.expect(226);
        bytes
    }

    /// Uploads over a passive connection.
    pub(crate) fn store(&mut self, command: &str, bytes: &[u8]) {
        let mut data = self.passive();
        self.command(command, 125);
        data.write_all(bytes).unwrap();
        drop(data);
        self.expect(226);
    }
}

/// A connection from a port of this address.
pub(crate) fn connect_from(host: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(host, 0).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

/// A listener on loopback, and its PORT argument.
pub(crate) fn active_listener() -> (TcpListener, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, format!("127,0,0,1,{},{}", port / 256, port % 256))
}
