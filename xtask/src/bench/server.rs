//! The servers that are measured: ours, and the peers that this machine has.
//!
//! Each runs alone in a process group of its own, serves the same folder to anonymous users on loopback, and is
//! ended with the group. A peer that is not there, or that wants to be root where we are not, is left out and
//! named.

use super::usage;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io};
use tempfile::TempDir;

/// A running server.
pub(super) struct Server {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) at: SocketAddr,
    child: Child,
    /// Holds its configuration.
    _folder: TempDir,
}

/// How a server is started, in a folder for its configuration.
struct Recipe {
    name: &'static str,
    program: OsString,
    arguments: fn(root: &Path, folder: &Path, port: u16) -> io::Result<Vec<OsString>>,
    /// What to ask for its version.
    version: &'static [&'static str],
    needs_root: bool,
}

/// Ours first, then the peers.
pub(super) fn all(workspace: &Path, root: &Path) -> io::Result<Vec<Server>> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(Into::into);
    let target = target.unwrap_or_else(|| workspace.join("target"));
    let mut servers = vec![start(&ours(target.join("release/wharf").into()), root)?];
    for recipe in peers() {
        if recipe.needs_root && !rustix::process::geteuid().is_root() {
            println!("left out, since it wants to be root: {}", recipe.name);
            continue;
        }
        match start(&recipe, root) {
            Ok(server) => servers.push(server),
            Err(error) => println!("left out: {} ({error})", recipe.name),
        }
    }
    Ok(servers)
}

fn ours(program: OsString) -> Recipe {
    Recipe {
        name: "wharf",
        program,
        arguments: |root, _, port| {
            let listen = format!("127.0.0.1:{port}");
            let words = ["serve", "--writable", "--quiet", "--listen"].map(OsString::from);
            Ok(words.into_iter().chain([listen.into(), root.into()]).collect())
        },
        version: &["--version"],
        needs_root: false,
    }
}

fn peers() -> [Recipe; 3] {
    [
        Recipe {
            name: "vsftpd",
            program: "vsftpd".into(),
            arguments: |root, folder, port| {
                let empty = folder.join("empty");
                fs::create_dir(&empty)?;
                let settings = format!(
                    "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\n\
                     anonymous_enable=YES\nno_anon_password=YES\nanon_root={}\nwrite_enable=YES\n\
                     anon_upload_enable=YES\nanon_other_write_enable=YES\nanon_umask=022\n\
                     secure_chroot_dir={}\npasv_min_port=10000\npasv_max_port=30000\nmax_clients=0\nmax_per_ip=0\nxferlog_enable=NO\n\
                     seccomp_sandbox=NO\n",
                    root.display(),
                    empty.display()
                );
                let file = folder.join("vsftpd.conf");
                fs::write(&file, settings)?;
                Ok(vec![file.into()])
            },
            version: &["-v"],
            needs_root: true,
        },
        Recipe {
            name: "pure-ftpd",
            // It serves the home of the user `ftp` and nothing else: in a mount namespace, that is our tree.
            program: "unshare".into(),
            arguments: |root, _, port| {
                let serve = format!(
                    "command -v pure-ftpd >/dev/null && home=$(getent passwd ftp | cut -d: -f6) && \
                     test -d \"$home\" && mount --bind \"$0\" \"$home\" && exec pure-ftpd -S 127.0.0.1,{port} \
                     -e -M -c 20000 -C 20000 -H -p 10000:30000 -L 200000:20"
                );
                let words = ["--mount", "sh", "-c"].map(OsString::from);
                Ok(words.into_iter().chain([serve.into(), root.into()]).collect())
            },
            version: &["sh", "-c", "pure-ftpd --help"],
            needs_root: true,
        },
        Recipe {
            name: "pyftpdlib",
            program: "python3".into(),
            arguments: |root, _, port| {
                let program = format!(
                    "from pyftpdlib.authorizers import DummyAuthorizer as A\n\
                     from pyftpdlib.handlers import FTPHandler as H\n\
                     from pyftpdlib.servers import FTPServer as S\n\
                     import logging\n\
                     logging.basicConfig(level=logging.CRITICAL)\n\
                     a = A(); a.add_anonymous({:?}, perm='elradfmwMT', msg_login='in'); H.authorizer = a\n\
                     s = S(('127.0.0.1', {port}), H); s.max_cons = 30000; s.serve_forever()\n",
                    root.display().to_string()
                );
                Ok(vec!["-c".into(), program.into()])
            },
            version: &["-c", "import pyftpdlib; print('pyftpdlib', pyftpdlib.__ver__)"],
            needs_root: false,
        },
    ]
}

fn start(recipe: &Recipe, root: &Path) -> io::Result<Server> {
    let folder = tempfile::tempdir()?;
    // The port is free now; whoever takes it before the server does is found out below.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let arguments = (recipe.arguments)(root, folder.path(), port)?;
    let mut child = Command::new(&recipe.program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let end = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(at).is_err() {
        if child.try_wait()?.is_some() || Instant::now() > end {
            return Err(io::Error::other("it did not start"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let version = version(recipe).unwrap_or_else(|| recipe.name.to_owned());
    Ok(Server { name: recipe.name.to_owned(), version, at, child, _folder: folder })
}

/// The first line that it says of itself.
fn version(recipe: &Recipe) -> Option<String> {
    let said =
        Command::new(&recipe.program).args(recipe.version).stdin(Stdio::null()).output().ok()?;
    let text = [said.stdout, said.stderr].concat();
    String::from_utf8_lossy(&text).lines().next().map(str::to_owned)
}

impl Server {
    /// CPU seconds that it has used so far.
    pub(super) fn cpu(&self) -> f64 {
        usage::cpu(self.child.id())
    }

    /// KiB of memory that it holds.
    pub(super) fn memory(&self) -> f64 {
        usage::memory(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        if let Ok(group) = i32::try_from(self.child.id())
            && let Some(group) = rustix::process::Pid::from_raw(group)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
