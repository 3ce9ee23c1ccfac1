//! A running `wharf serve` on a temporary tree, and the client's commands against it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The binary, away from the environment's language.
pub(crate) fn wharf() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    command.env("LC_ALL", "C.UTF-8").env_remove("WHARF_PASSWORD").stdin(Stdio::null());
    // Nobody's settings have a part in the tests, and nothing is remembered.
    for variable in ["HOME", "NETRC", "WHARF_SETTINGS", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        command.env_remove(variable);
    }
    command
}

/// A server that is ended when this is dropped.
pub(crate) struct Serving {
    pub(crate) tree: TempDir,
    host: String,
    pub(crate) port: u16,
    /// Where TLS begins at once, if there is such a port.
    pub(crate) implicit: Option<u16>,
    child: Child,
}

impl Serving {
    pub(crate) fn new(options: &[&str]) -> Self {
        Self::at("127.0.0.1", options)
    }

    /// At this address of this machine.
    pub(crate) fn at(host: &str, options: &[&str]) -> Self {
        let tree = tempfile::tempdir().unwrap();
        let folder = tree.path().to_str().unwrap().to_owned();
        let listen = format!("{host}:0");
        Self::started(tree, &[&[&folder, "--listen", &listen], options].concat())
    }

    /// With these arguments alone.
    pub(crate) fn started(tree: TempDir, arguments: &[&str]) -> Self {
        Self::spawn(tree, wharf(), arguments)
    }

    /// By a shell that does this first, and then what `"$0" "$@"` stands for.
    pub(crate) fn limited(tree: TempDir, script: &str, arguments: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", script, env!("CARGO_BIN_EXE_wharf")]).stdin(Stdio::null());
        Self::spawn(tree, shell, arguments)
    }

    fn spawn(tree: TempDir, mut command: Command, arguments: &[&str]) -> Self {
        let mut child = command
            .arg("serve")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut port = |scheme: &str| {
            let line = lines.next().unwrap().unwrap();
            let start = format!("listening on {scheme}://");
            let (host, port) = line.strip_prefix(&start).unwrap().split_once(':').unwrap();
            (host.to_owned(), port.parse().unwrap())
        };
        let (host, first) = port("ftp");
        let implicit = arguments.contains(&"--implicit-tls").then(|| port("ftps").1);
        Self { tree, host, port: first, implicit, child }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.tree.path().join(name)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("ftp://{}:{}/{path}", self.host, self.port)
    }

    /// The number of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How many descriptors the server holds.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Waits until the server holds no more descriptors than these.
    pub(crate) fn comes_back_to(&self, before: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let now = self.descriptors();
            if now <= before {
                return;
            }
            assert!(Instant::now() < deadline, "{now} descriptors, {before} before");
            std::thread::yield_now();
        }
    }

    /// The pipe that its log goes into.
    pub(crate) fn log(&self) -> &ChildStderr {
        self.child.stderr.as_ref().unwrap()
    }

    /// Asks the server to end.
    pub(crate) fn tell_to_end(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Awaits the end of the server without reading its log, and gives its exit code.
    pub(crate) fn ends_unread(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Asks the server to end, and gives its exit code and its log.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        self.tell_to_end();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a client's command in a folder.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    wharf().args(arguments).current_dir(folder).output().unwrap()
}
