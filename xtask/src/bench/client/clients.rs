//! The clients, and how each is told what to do.

use super::grounds::Grounds;
use super::rows::{Row, Work};
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

/// A client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Wharf,
    Lftp,
    Curl,
    Tnftp,
    Wget,
}

impl Client {
    /// What it is called here, and what to ask it for its version.
    fn known_as(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Wharf => ("wharf", &["--version"]),
            Self::Lftp => ("lftp", &["--version"]),
            Self::Curl => ("curl", &["--version"]),
            Self::Tnftp => ("tnftp", &["-?"]),
            Self::Wget => ("wget", &["--version"]),
        }
    }

    /// The first line that it says of itself.
    pub(super) fn version(self, wharf: &Path) -> Option<String> {
        let (name, question) = self.known_as();
        let program = if self == Self::Wharf { wharf.as_os_str() } else { name.as_ref() };
        match self {
            // It knows no such question.
            Self::Tnftp => Some(name.to_owned()),
            _ => super::server::version(program, question),
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.known_as().0)
    }
}

/// A client as it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) client: Client,
    /// How many sessions at a time; none for what it takes by itself.
    pub(super) jobs: usize,
    /// Whether the server is to open the data connections.
    pub(super) active: bool,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, jobs, active } = self;
        let active = if *active { ", active" } else { "" };
        match jobs {
            0 | 1 => write!(f, "{client}{active}"),
            jobs => write!(f, "{client}, {jobs} at a time{active}"),
        }
    }
}

impl Setting {
    /// Whether this machine has that client.
    pub(super) fn is_there(&self) -> bool {
        let (name, _) = self.client.known_as();
        match self.client {
            Client::Wharf => true,
            _ => {
                let which = ["-c", "command -v \"$0\"", name];
                let found = Command::new("sh").args(which).stdout(Stdio::null()).status();
                found.is_ok_and(|status| status.success())
            }
        }
    }

    /// The command line.
    pub(super) fn words(
        &self,
        wharf: &Path,
        row: &Row,
        at: SocketAddr,
        grounds: &Grounds,
    ) -> Vec<OsString> {
        let task = Task { setting: *self, work: row.work, covered: row.covered, at, grounds };
        let words = match self.client {
            Client::Wharf => {
                let words = task.wharf();
                return std::iter::once(wharf.into()).chain(words.map(OsString::from)).collect();
            }
            Client::Lftp => vec!["lftp".to_owned(), "-c".to_owned(), task.lftp()],
            Client::Curl => task.curl(),
            Client::Tnftp => {
                let url = task.url("ftp", "big");
                ["tnftp", "-V", "-o", &grounds.taken(), &url].map(str::to_owned).to_vec()
            }
            Client::Wget => task.wget(),
        };
        words.into_iter().map(OsString::from).collect()
    }
}

/// What one client is to do.
struct Task<'a> {
    setting: Setting,
    work: Work,
    covered: bool,
    at: SocketAddr,
    grounds: &'a Grounds,
}

impl Task<'_> {
    fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}/{path}", self.at)
    }

    fn wharf(&self) -> impl Iterator<Item = String> + use<> {
        let scheme = if self.covered { "ftpes" } else { "ftp" };
        let url = |path: &str| self.url(scheme, path);
        let taken = self.grounds.taken();
        let words: Vec<String> = match self.work {
            Work::Fetch(count) => vec!["get".into(), "-r".into(), url(&small(count)), taken],
            Work::Store(count) => {
                vec!["put".into(), "-r".into(), self.grounds.given(count), url("up/tree")]
            }
            Work::Big => vec!["get".into(), url("big"), taken],
            Work::Parts => {
                vec!["get".into(), "--segments".into(), "4".into(), url("big"), taken]
            }
            Work::Same => vec!["sync".into(), url("many"), self.grounds.same()],
            Work::Dry => vec!["sync".into(), "--dry-run".into(), url("many"), taken],
            Work::List => vec!["ls".into(), "-1".into(), url("many")],
        };
        let jobs = match self.setting.jobs {
            0 => Vec::new(),
            jobs => vec![format!("--jobs={jobs}")],
        };
        let active = self.setting.active.then(|| "--active".to_owned());
        let trusting = self.covered.then(|| "--insecure".to_owned());
        words.into_iter().chain(jobs).chain(active).chain(trusting)
    }

    fn lftp(&self) -> String {
        let parallel = self.setting.jobs;
        let passive = if self.setting.active { "off" } else { "on" };
        let taken = self.grounds.taken();
        let covered = if self.covered {
            "set ftp:ssl-allow-anonymous on; set ftp:ssl-force on; set ftp:ssl-protect-data on; \
             set ssl:verify-certificate off; "
        } else {
            ""
        };
        let work = match self.work {
            Work::Fetch(count) => format!("mirror --parallel={parallel} {} {taken}", small(count)),
            Work::Store(count) => {
                format!("mirror -R --parallel={parallel} {} up/tree", self.grounds.given(count))
            }
            Work::Big => format!("get big -o {taken}"),
            Work::Parts => format!("pget -n 4 big -o {taken}"),
            Work::Same => format!("mirror many {}", self.grounds.same()),
            Work::Dry => format!("mirror --dry-run many {taken}"),
            Work::List => "cls -1 many".to_owned(),
        };
        let url = self.url("ftp", "");
        format!(
            "set cmd:fail-exit on; set ftp:sync-mode off; set ftp:passive-mode {passive}; {covered}open {url}; {work}"
        )
    }

    fn curl(&self) -> Vec<String> {
        let mut words = ["curl", "-sS"].map(str::to_owned).to_vec();
        if self.covered {
            words.extend(["--ssl-reqd", "-k"].map(str::to_owned));
        }
        match self.work {
            Work::Fetch(count) => {
                let files = format!("{}/[0-{}]", small(count), count - 1);
                let jobs = self.setting.jobs.to_string();
                let taken = format!("{}/#1", self.grounds.taken());
                let parallel = ["-Z", "--parallel-max", &jobs, "--create-dirs", "-o", &taken];
                words.extend(parallel.map(str::to_owned));
                words.push(self.url("ftp", &files));
            }
            Work::List => words.extend(["-l".to_owned(), self.url("ftp", "many/")]),
            _ => words.extend(["-o".to_owned(), self.grounds.taken(), self.url("ftp", "big")]),
        }
        words
    }

    fn wget(&self) -> Vec<String> {
        let mut words = vec!["wget".to_owned(), "-q".to_owned(), "-O".to_owned()];
        words.push(self.grounds.taken());
        if self.covered {
            words.push("--no-check-certificate".to_owned());
        }
        // What others call ftpes: implicit TLS is an option.
        words.push(self.url(if self.covered { "ftps" } else { "ftp" }, "big"));
        words
    }
}

/// The folder at the server of so many small files.
fn small(count: usize) -> String {
    format!("small-{count}")
}
