//! The loads, and the client that makes them: bare sockets, so that it costs little beside the server.

use super::reaper::Reaper;
use super::server::Server;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const GIB: u64 = 1 << 30;
/// The size of a small file.
const SMALL: usize = 4096;
const SMALL_FILES: usize = 1000;
const ENTRIES: usize = 100_000;
/// How long the server may leave us without a byte.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the server's last work for a load may take to be counted.
const SETTLE: Duration = Duration::from_millis(150);

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    SecondsPerGib,
    MillisPerFile,
    KibPerSession,
}

/// What a load has cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure {
    /// In the load's unit.
    pub(super) each: f64,
    /// How often it was done in a second; the client and the machine have their part in it.
    pub(super) per_second: f64,
}

impl Figure {
    /// The better of two rounds.
    pub(super) fn better(self, other: Self) -> Self {
        Self { each: self.each.min(other.each), per_second: self.per_second.max(other.per_second) }
    }
}

/// A load: so many connections at a time, each doing one thing so often.
pub(super) struct Load {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) unit: Unit,
    connections: usize,
    /// For each connection.
    times: usize,
    /// Whether only block mode can bear it, which no peer has.
    pub(super) ours_alone: bool,
    /// Whether it goes over TLS.
    covered: bool,
    /// By the number of the connection and how often.
    work: fn(&mut Client, usize, usize) -> io::Result<()>,
}

/// All loads. The idle sessions come first: memory that a server has had once is not counted again.
pub(super) const LOADS: [Load; 11] = [
    Load {
        name: "idle",
        title: "an idle session",
        unit: Unit::KibPerSession,
        connections: 1000,
        times: 0,
        ours_alone: false,
        covered: false,
        work: |_, _, _| Ok(()),
    },
    Load {
        name: "login",
        title: "login and quit",
        unit: Unit::MillisPerFile,
        connections: 4,
        times: 200,
        ours_alone: false,
        covered: false,
        work: log_in_again,
    },
    Load {
        name: "retr",
        title: "RETR 1 GiB",
        unit: Unit::SecondsPerGib,
        connections: 1,
        times: 1,
        ours_alone: false,
        covered: false,
        work: fetch_big,
    },
    Load {
        name: "retr4",
        title: "RETR 1 GiB, 4 at a time",
        unit: Unit::SecondsPerGib,
        connections: 4,
        times: 1,
        ours_alone: false,
        covered: false,
        work: fetch_big,
    },
    Load {
        name: "stor",
        title: "STOR 1 GiB",
        unit: Unit::SecondsPerGib,
        connections: 1,
        times: 1,
        ours_alone: false,
        covered: false,
        work: store_big,
    },
    Load {
        name: "tls",
        title: "RETR 1 GiB over TLS 1.3, AES-128-GCM",
        unit: Unit::SecondsPerGib,
        connections: 1,
        times: 2,
        ours_alone: false,
        covered: true,
        work: fetch_covered,
    },
    Load {
        name: "small",
        title: "RETR of 4 KiB, 4 at a time",
        unit: Unit::MillisPerFile,
        connections: 4,
        times: 250,
        ours_alone: false,
        covered: false,
        work: fetch_small,
    },
    Load {
        name: "put",
        title: "STOR of 4 KiB, 4 at a time",
        unit: Unit::MillisPerFile,
        connections: 4,
        times: 250,
        ours_alone: false,
        covered: false,
        work: store_small,
    },
    Load {
        name: "block",
        title: "RETR of 4 KiB in block mode, sent ahead",
        unit: Unit::MillisPerFile,
        connections: 1,
        times: 5000,
        ours_alone: true,
        covered: false,
        work: fetch_in_blocks,
    },
    Load {
        name: "list",
        title: "LIST of 100,000 entries",
        unit: Unit::MillisPerFile,
        connections: 1,
        times: 2,
        ours_alone: false,
        covered: false,
        work: list,
    },
    Load {
        name: "mlsd",
        title: "MLSD of 100,000 entries",
        unit: Unit::MillisPerFile,
        connections: 1,
        times: 2,
        ours_alone: false,
        covered: false,
        work: mlsd,
    },
];

/// The load of this name.
pub(super) fn named(name: &str) -> Result<&'static Load, String> {
    let names = || LOADS.iter().map(|load| load.name).collect::<Vec<_>>().join(" ");
    LOADS
        .iter()
        .find(|load| load.name == name)
        .ok_or_else(|| format!("no such load; there are {}", names()))
}

/// A folder in memory, where the system has a place for that.
pub(super) fn folder(reaper: &Reaper) -> io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? };
    reaper.minds(folder.path())?;
    Ok(folder)
}

/// The tree that is served.
pub(super) fn tree(reaper: &Reaper) -> io::Result<TempDir> {
    let tree = folder(reaper)?;
    let root = tree.path();
    for folder in ["small", "many", "up"] {
        fs::create_dir(root.join(folder))?;
    }
    fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
    fs::set_permissions(root.join("up"), fs::Permissions::from_mode(0o777))?;
    let piece = vec![0x5a; 1 << 20];
    let mut big = File::create(root.join("big"))?;
    for _ in 0..GIB >> 20 {
        big.write_all(&piece)?;
    }
    for n in 0..SMALL_FILES {
        fs::write(root.join(format!("small/{n}")), [0x5a; SMALL])?;
    }
    for n in 0..ENTRIES {
        File::create(root.join(format!("many/entry-{n:06}.dat")))?;
    }
    Ok(tree)
}

/// Removes what was stored.
pub(super) fn clear(tree: &Path) -> io::Result<()> {
    for stored in fs::read_dir(tree.join("up"))? {
        fs::remove_file(stored?.path())?;
    }
    Ok(())
}

impl Load {
    /// Puts the load on a server, and gives the figure.
    ///
    /// # Errors
    /// What went wrong in the session; the figure would be of something else.
    pub(super) fn run(&self, server: &Server) -> io::Result<Figure> {
        let server = match (self.covered, &server.covered) {
            (true, Some(covered)) => covered,
            (true, None) => return Err(io::Error::other("it has no TLS")),
            (false, _) => server,
        };
        let memory = server.memory();
        // Under TLS the work brings a client of its own.
        let client = if self.covered { Client::greeted } else { Client::log_in };
        let clients = (0..self.connections).map(|_| client(server.at));
        let clients = clients.collect::<io::Result<Vec<_>>>()?;
        if self.unit == Unit::KibPerSession {
            thread::sleep(SETTLE);
            let each = (server.memory() - memory) / self.connections as f64;
            return Ok(Figure { each, per_second: 0.0 });
        }
        let (before, begun) = (server.cpu(), Instant::now());
        let workers = clients.into_iter().enumerate().map(|(number, mut client)| {
            let (times, work) = (self.times, self.work);
            thread::spawn(move || work(&mut client, number, times).map(|()| client))
        });
        // The sessions stay until the time has been read: what ends with them could be lost.
        let joined = workers.collect::<Vec<_>>().into_iter().map(|worker| worker.join());
        let failed = |_| io::Error::other("a client panicked");
        let sessions = joined.map(|done| done.map_err(failed)?).collect::<io::Result<Vec<_>>>()?;
        let count = (self.connections * self.times) as f64;
        let per_second = count / begun.elapsed().as_secs_f64();
        thread::sleep(SETTLE);
        let used = server.cpu() - before;
        drop(sessions);
        let each = match self.unit {
            Unit::SecondsPerGib => used / count,
            Unit::MillisPerFile | Unit::KibPerSession => used / count * 1e3,
        };
        Ok(Figure { each, per_second })
    }
}

/// One session.
struct Client {
    at: SocketAddr,
    control: BufReader<TcpStream>,
    /// What holds a session under TLS.
    curl: Option<Child>,
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(mut curl) = self.curl.take() {
            // Its standard input ends, and so does its last upload. Whether it ends well is of no interest.
            drop(curl.stdin.take());
            let _ = curl.wait();
        }
    }
}

impl Client {
    fn greeted(at: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(at)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self { at, control: BufReader::new(stream), curl: None };
        client.expect(&[220])?;
        Ok(client)
    }

    fn log_in(at: SocketAddr) -> io::Result<Self> {
        let mut client = Self::greeted(at)?;
        client.command("USER anonymous", &[230, 331])?;
        client.command("PASS a@b", &[230, 202])?;
        client.command("TYPE I", &[200])?;
        Ok(client)
    }

    fn send(&mut self, lines: &str) -> io::Result<()> {
        self.control.get_mut().write_all(lines.as_bytes())
    }

    fn command(&mut self, line: &str, codes: &[u16]) -> io::Result<String> {
        self.send(&format!("{line}\r\n"))?;
        self.expect(codes).map_err(|error| io::Error::other(format!("{line}: {error}")))
    }

    /// A reply with one of these codes: its last line.
    fn expect(&mut self, codes: &[u16]) -> io::Result<String> {
        let mut line = String::new();
        loop {
            line.clear();
            self.control.read_line(&mut line)?;
            let code = line.get(..3).and_then(|code| code.parse().ok());
            match (code, line.as_bytes().get(3)) {
                (Some(code), Some(b' ')) if codes.contains(&code) => return Ok(line),
                (Some(_), Some(b' ')) | (_, None) => {
                    return Err(io::Error::other(line.trim().to_owned()));
                }
                _ => {}
            }
        }
    }

    /// EPSV, and a connection to its port.
    fn data(&mut self) -> io::Result<TcpStream> {
        let reply = self.command("EPSV", &[229])?;
        let port = reply.split('|').nth(3).and_then(|port| port.parse().ok());
        let port: u16 = port.ok_or_else(|| io::Error::other("no port in 229"))?;
        let data = TcpStream::connect((self.at.ip(), port))?;
        data.set_read_timeout(Some(PATIENCE))?;
        Ok(data)
    }

    /// Fetches what a command sends; gives how many bytes that was.
    fn fetch(&mut self, command: &str) -> io::Result<u64> {
        let mut data = self.data()?;
        self.command(command, &[125, 150])?;
        let mut room = vec![0; 1 << 20];
        let mut bytes = 0;
        loop {
            match data.read(&mut room)? {
                0 => break,
                n => bytes += n as u64,
            }
        }
        drop(data);
        self.expect(&[226])?;
        Ok(bytes)
    }

    fn store(&mut self, name: &str, size: u64) -> io::Result<()> {
        let mut data = self.data()?;
        self.command(&format!("STOR up/{name}"), &[125, 150])?;
        let piece = vec![0x5a; size.min(1 << 20) as usize];
        for _ in 0..size / piece.len() as u64 {
            data.write_all(&piece)?;
        }
        drop(data);
        self.expect(&[226]).map(drop)
    }
}

fn log_in_again(client: &mut Client, _: usize, times: usize) -> io::Result<()> {
    for _ in 0..times {
        let mut other = Client::log_in(client.at)?;
        other.command("QUIT", &[221])?;
    }
    Ok(())
}

fn fetch_big(client: &mut Client, _: usize, times: usize) -> io::Result<()> {
    let whole = (0..times)
        .try_fold(true, |whole, _| Ok::<_, io::Error>(client.fetch("RETR big")? == GIB && whole))?;
    whole.then_some(()).ok_or_else(|| io::Error::other("a file was cut"))
}

/// How curl is told what TLS to use.
const COVER: [&str; 5] =
    ["--ssl-reqd", "-k", "--tlsv1.3", "--tls13-ciphers", "TLS_AES_128_GCM_SHA256"];

/// By curl, all in one session, which then waits with an upload that has no end until the time has been read.
fn fetch_covered(client: &mut Client, _: usize, times: usize) -> io::Result<()> {
    let at = format!("ftp://{}", client.at);
    let file = ["-o".to_owned(), "/dev/null".to_owned(), format!("{at}/big")];
    let mut curl = Command::new("curl")
        .arg("-sS")
        .args(COVER)
        .args(["-w", "%{stderr}%{size_download}\n"])
        .args((0..times).flat_map(|_| file.clone()))
        .arg("--next")
        .args(COVER)
        .args(["-T", "-", &format!("{at}/up/held")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let said = curl.stderr.take().ok_or_else(|| io::Error::other("curl says nothing"))?;
    client.curl = Some(curl);
    for line in BufReader::new(said).lines().take(times) {
        let line = line?;
        if line.parse() != Ok(GIB) {
            return Err(io::Error::other(line));
        }
    }
    Ok(())
}

fn store_big(client: &mut Client, number: usize, times: usize) -> io::Result<()> {
    (0..times).try_for_each(|n| client.store(&format!("big-{number}-{n}"), GIB))
}

fn fetch_small(client: &mut Client, number: usize, times: usize) -> io::Result<()> {
    (0..times).try_for_each(|n| {
        client.fetch(&format!("RETR small/{}", (number * times + n) % SMALL_FILES)).map(drop)
    })
}

fn store_small(client: &mut Client, number: usize, times: usize) -> io::Result<()> {
    (0..times).try_for_each(|n| client.store(&format!("small-{number}-{n}"), SMALL as u64))
}

fn list(client: &mut Client, _: usize, times: usize) -> io::Result<()> {
    (0..times).try_for_each(|_| client.fetch("LIST many").map(drop))
}

fn mlsd(client: &mut Client, _: usize, times: usize) -> io::Result<()> {
    (0..times).try_for_each(|_| client.fetch("MLSD many").map(drop))
}

/// All files over one data connection, the commands sent ahead of the replies (RFC 959 section 3.4.2).
fn fetch_in_blocks(client: &mut Client, _: usize, times: usize) -> io::Result<()> {
    client.command("MODE B", &[200])?;
    let mut data = client.data()?;
    let mut sender = client.control.get_ref().try_clone()?;
    let sending = thread::spawn(move || {
        let lines = (0..times).map(|n| format!("RETR small/{}\r\n", n % SMALL_FILES));
        sender.write_all(lines.collect::<String>().as_bytes())
    });
    let reading = thread::spawn(move || {
        let mut data = BufReader::with_capacity(1 << 18, &mut data);
        for _ in 0..times {
            let mut last = false;
            while !last {
                let mut head = [0; 3];
                data.read_exact(&mut head)?;
                let mut block = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
                data.read_exact(&mut block)?;
                last = head[0] & 64 != 0;
            }
        }
        io::Result::Ok(())
    });
    for _ in 0..times {
        client.expect(&[125, 150])?;
        client.expect(&[226, 250])?;
    }
    for side in [sending, reading] {
        side.join().map_err(|_| io::Error::other("a client panicked"))??;
    }
    Ok(())
}
