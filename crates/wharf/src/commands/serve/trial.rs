//! What `wharf serve --check` tries: whether all that serve would open can be opened.
//!
//! Nothing is left behind: ports are taken without anybody being able to connect, files are opened only where they are
//! there already, and folders are tried with files that have no name. Folders are tried as what the process becomes
//! ([`folders`]), certificates as both, the rest as what it is when it starts.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use wharf_server::{Config, may_listen};

use super::certificates;
use super::exposure::shown;
use crate::config::Settings;
use crate::confine::Reach;
use crate::exit::Exit;
use crate::output::names_folder;

/// Something that was tried.
#[derive(Clone)]
pub(super) struct Trial {
    /// What.
    pub(super) what: String,
    /// What came of it, or why it cannot be.
    pub(super) result: Result<String, String>,
    /// How a check ends in which this cannot be.
    exit: Exit,
}

impl Trial {
    fn of_path(path: &Path, result: Result<String, io::Error>) -> Self {
        let result = result.map_err(|error| error.to_string());
        Self { what: shown(path), result, exit: Exit::Local }
    }
}

/// How a check ends: trouble with files comes before that with ports, which a server that runs already has taken itself.
pub(super) fn exit(trials: &[Trial]) -> Exit {
    let failed = |exit| trials.iter().any(|trial| trial.result.is_err() && trial.exit == exit);
    [Exit::Local, Exit::Network].into_iter().find(|exit| failed(*exit)).unwrap_or(Exit::Done)
}

/// The ports that it would listen at.
pub(super) fn ports(config: &Config) -> Vec<Trial> {
    let all = [&config.listen[..], &config.listen_clear, &config.listen_implicit].concat();
    let tried = |(nth, address): (usize, &SocketAddr)| Trial {
        what: format!("port {address}"),
        result: match all[..nth].iter().find(|earlier| overlap(**earlier, *address)) {
            Some(earlier) => Err(format!("is listened at already, as {earlier}")),
            None => match may_listen(*address) {
                Ok(()) => Ok("is free".to_owned()),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    Err("is taken, by this server if it runs already".to_owned())
                }
                Err(error) => Err(error.to_string()),
            },
        },
        exit: Exit::Network,
    };
    all.iter().enumerate().map(tried).collect()
}

/// Whether only one of these can be listened at: `[::]` takes IPv4 as well, and port 0 is another one each time.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let takes = |wide: IpAddr, narrow: IpAddr| {
        wide == narrow || (wide.is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4()))
    };
    let (ip, other_ip) = (one.ip(), other.ip());
    one.port() == other.port() && one.port() != 0 && (takes(ip, other_ip) || takes(other_ip, ip))
}

/// The files that it would add to.
pub(super) fn files(settings: &Settings) -> Vec<Trial> {
    let tap = settings.tap().filter(|path| !path.is_dir());
    let files = tap.into_iter().chain(settings.key_log());
    files.map(|path| Trial::of_path(path, may_add_to(path))).collect()
}

/// The files of the certificates, which were read already, and are again when they are renewed.
pub(super) fn certificates(config: &Config) -> Vec<Trial> {
    let Some(tls) = &config.tls else { return Vec::new() };
    let lost = certificates::lost(tls);
    let told = |path: PathBuf| {
        let told = match lost.iter().find(|(lost, _)| *lost == path) {
            None => "can be read, and read anew".to_owned(),
            Some((_, why)) => format!("can be read; ! but not when it is renewed: {why}"),
        };
        Trial::of_path(&path, Ok(told))
    };
    tls.files().into_iter().map(told).collect()
}

/// The folders that are shown to clients, and that of the tap.
pub(super) fn folders(settings: &Settings, config: &Config) -> Vec<Trial> {
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut trials = Vec::new();
    for access in settings.shown(&config.accounts) {
        if !seen.contains(&access.path) {
            let result = may_read(&access.path).map(|()| match access.how {
                Reach::Read => "can be read".to_owned(),
                // Below it there may be folders for that.
                Reach::Add | Reach::Write => match may_make_in(&access.path) {
                    Ok(()) => "can be read and written".to_owned(),
                    Err(error) => format!("can be read; ! nothing can be made at its top: {error}"),
                },
            });
            trials.push(Trial::of_path(&access.path, result));
            seen.push(access.path);
        }
    }
    let tap = settings.tap().filter(|path| path.is_dir());
    trials.extend(tap.map(|path| {
        Trial::of_path(path, may_make_in(path).map(|()| "can be written into".to_owned()))
    }));
    trials
}

fn may_read(folder: &Path) -> io::Result<()> {
    std::fs::read_dir(folder)?.next().transpose().map(drop)
}

fn may_make_in(folder: &Path) -> io::Result<()> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags, Mode::empty())?;
    let nameless = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    match openat(&folder, ".", nameless, Mode::RUSR | Mode::WUSR) {
        Ok(_) => Ok(()),
        // Not every file system has files without a name; then nothing is known.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn may_add_to(path: &Path) -> io::Result<String> {
    let flags = OFlags::APPEND | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    match rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) => match FileType::from_raw_mode(fstat(&file)?.st_mode) {
            FileType::RegularFile => Ok("can be added to".to_owned()),
            _ => Err(io::Error::other("it is no file")),
        },
        Err(Errno::NOENT) if !names_folder(path) => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            may_make_in(parent.unwrap_or_else(|| Path::new(".")))?;
            Ok("can be made".to_owned())
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cannot_both_be_listened_at_are_known() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        for (one, other, wanted) in [
            ("127.0.0.1:21", "127.0.0.1:21", true),
            ("[::]:21", "0.0.0.0:21", true),
            ("[::]:21", "192.0.2.1:21", true),
            ("[::]:21", "[::1]:21", true),
            ("0.0.0.0:21", "192.0.2.1:21", true),
            ("0.0.0.0:21", "[::1]:21", false),
            ("127.0.0.1:21", "127.0.0.2:21", false),
            ("127.0.0.1:21", "127.0.0.1:990", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            assert_eq!(overlap(at(one), at(other)), wanted, "{one} {other}");
            assert_eq!(overlap(at(other), at(one)), wanted, "{other} {one}");
        }
    }
}
