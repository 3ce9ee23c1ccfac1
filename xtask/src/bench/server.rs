//! The servers that are measured: ours, and the peers that this machine has.
//!
//! Each runs alone in a process group of its own, serves the same folder to anonymous users on loopback, and is
//! ended with the group (`reaper.rs`). A peer that is not there, or that wants to be root where we are not, is left out and
//! named.

use super::reaper::{Group, Reaper};
use super::{peers, usage};
use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io};
use tempfile::TempDir;

/// A running server.
pub(super) struct Server {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) at: SocketAddr,
    /// The same server with TLS, where it can have that.
    pub(super) covered: Option<Box<Self>>,
    group: Group,
    /// Holds its configuration.
    _folder: TempDir,
}

/// How a server is started, in a folder for its configuration.
pub(super) struct Recipe {
    pub(super) name: &'static str,
    pub(super) program: OsString,
    pub(super) arguments: fn(&Place<'_>) -> io::Result<Vec<OsString>>,
    /// What to ask for its version.
    pub(super) version: &'static [&'static str],
    pub(super) needs_root: bool,
}

/// Where a server runs, and with what.
pub(super) struct Place<'a> {
    /// What it serves.
    pub(super) root: &'a Path,
    /// For its configuration.
    pub(super) folder: &'a Path,
    pub(super) port: u16,
    /// A file with a certificate and its key, if it is to offer TLS.
    pub(super) certificate: Option<&'a Path>,
}

/// Ours first, then the peers that are wanted.
pub(super) fn all(
    workspace: &Path,
    root: &Path,
    reaper: &Reaper,
    is_wanted: impl Fn(&str) -> bool,
) -> io::Result<Vec<Server>> {
    let program = our_program(workspace);
    let folder = tempfile::tempdir()?;
    let certificate = certificate(folder.path())?;
    let start = |recipe: &Recipe| -> io::Result<Server> {
        let covered = start(recipe, root, Some(&certificate), reaper);
        let covered = covered
            .map_err(|error| println!("{} is left out under TLS ({error})", recipe.name))
            .ok();
        let mut server = start(recipe, root, None, reaper)?;
        server.covered = covered.map(Box::new);
        Ok(server)
    };
    let mut servers = vec![start(&ours(program.into()))?];
    for recipe in peers::peers().into_iter().filter(|recipe| is_wanted(recipe.name)) {
        if recipe.needs_root && !rustix::process::geteuid().is_root() {
            println!("left out, since it wants to be root: {}", recipe.name);
            continue;
        }
        match start(&recipe) {
            Ok(server) => servers.push(server),
            Err(error) => println!("left out: {} ({error})", recipe.name),
        }
    }
    Ok(servers)
}

/// Where our release build is.
pub(super) fn our_program(workspace: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(Into::into);
    target.unwrap_or_else(|| workspace.join("target")).join("release/wharf")
}

fn ours(program: OsString) -> Recipe {
    Recipe {
        name: "wharf",
        program,
        arguments: |place| {
            let listen = format!("127.0.0.1:{}", place.port);
            let words = ["serve", "--writable", "--quiet", "--listen"].map(OsString::from);
            let tls = place.certificate.map(|_| "--tls-self-signed".into());
            Ok(words.into_iter().chain([listen.into(), place.root.into()]).chain(tls).collect())
        },
        version: &["--version"],
        needs_root: false,
    }
}

/// A file of this content, in this folder.
pub(super) fn written(folder: &Path, name: &str, content: &str) -> io::Result<PathBuf> {
    let file = folder.join(name);
    fs::write(&file, content)?;
    Ok(file)
}

/// A certificate that signs itself, with its key in the same file.
fn certificate(folder: &Path) -> io::Result<PathBuf> {
    let (key, file) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost";
    let made = Command::new("openssl")
        .args(words.split(' '))
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&file)
        .stdin(Stdio::null())
        .output()?;
    if !made.status.success() {
        return Err(io::Error::other("openssl made no certificate"));
    }
    let both = [fs::read(&file)?, fs::read(&key)?].concat();
    fs::write(&file, both)?;
    Ok(file)
}

fn start(
    recipe: &Recipe,
    root: &Path,
    certificate: Option<&Path>,
    reaper: &Reaper,
) -> io::Result<Server> {
    let folder = tempfile::tempdir()?;
    // The port is free now; whoever takes it before the server does is found out below.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let arguments = (recipe.arguments)(&Place { root, folder: folder.path(), port, certificate })?;
    let mut command = Command::new(&recipe.program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    reaper.minds(folder.path())?;
    let mut group = reaper.spawn(&mut command)?;
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let end = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(at).is_err() {
        if group.child()?.try_wait()?.is_some() || Instant::now() > end {
            return Err(io::Error::other("it did not start"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let version = version(&recipe.program, recipe.version);
    let version = version.unwrap_or_else(|| recipe.name.to_owned());
    Ok(Server { name: recipe.name.to_owned(), version, at, covered: None, group, _folder: folder })
}

/// The first line that a program says of itself, when it is asked so.
pub(super) fn version(program: &OsStr, question: &[&str]) -> Option<String> {
    let said = Command::new(program).args(question).stdin(Stdio::null()).output().ok()?;
    let text = [said.stdout, said.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

impl Server {
    /// CPU seconds that it has used so far.
    pub(super) fn cpu(&self) -> f64 {
        usage::cpu(self.group.id())
    }

    /// KiB of memory that it holds.
    pub(super) fn memory(&self) -> f64 {
        usage::memory(self.group.id())
    }
}
