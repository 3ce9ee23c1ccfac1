//! The rows: what is done, from which server, by whom, and what it is to reach.

use super::clients::{Client, Setting};

/// How many small files a tree has over the long link, and how many without it.
pub(super) const FEW: usize = 1000;
pub(super) const MANY: usize = 10_000;
/// How many files a folder has that is listed or compared.
pub(super) const ENTRIES: usize = 100_000;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// A tree of so many files of 4 KiB is fetched.
    Fetch(usize),
    /// The same is stored.
    Store(usize),
    /// A file of 1 GiB is fetched into a file.
    Big,
    /// The same in four parts at a time.
    Parts,
    /// A tree is compared with one that is the same.
    Same,
    /// A tree is compared with one that is empty, and nothing is fetched.
    Dry,
    /// A folder is listed.
    List,
}

/// What our client is to reach, as it is without options.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bar {
    /// So many seconds.
    Wall(f64),
    /// So much of the seconds of the best setting of a peer.
    WallOf(f64, Client),
    /// So much of its CPU seconds.
    CpuOf(f64, Client),
    /// So many MiB.
    Memory(f64),
}

/// A row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) server: &'static str,
    pub(super) covered: bool,
    /// Over the long link.
    pub(super) is_far: bool,
    pub(super) work: Work,
    pub(super) bars: &'static [Bar],
    /// Our client without options is the first.
    pub(super) settings: &'static [Setting],
}

const fn by(client: Client, jobs: usize, active: bool) -> Setting {
    Setting { client, jobs, active }
}

const OURS: Setting = by(Client::Wharf, 0, false);

/// Over a distance: many sessions, either way.
const FAR: &[Setting] = &[
    OURS,
    by(Client::Wharf, 50, false),
    by(Client::Wharf, 50, true),
    by(Client::Lftp, 16, false),
    by(Client::Lftp, 50, false),
    by(Client::Lftp, 50, true),
    by(Client::Lftp, 100, false),
    by(Client::Lftp, 100, true),
    // It begins all at once, and our server lets in sixteen of one address at a time that have not logged in.
    by(Client::Curl, 16, false),
];
const FAR_UP: &[Setting] = &[
    OURS,
    by(Client::Wharf, 50, false),
    by(Client::Lftp, 16, false),
    by(Client::Lftp, 50, false),
    by(Client::Lftp, 50, true),
];
const NEAR: &[Setting] = &[
    OURS,
    by(Client::Lftp, 4, false),
    by(Client::Lftp, 8, false),
    by(Client::Lftp, 16, false),
    by(Client::Curl, 8, false),
];
const NEAR_UP: &[Setting] =
    &[OURS, by(Client::Lftp, 4, false), by(Client::Lftp, 8, false), by(Client::Lftp, 16, false)];
const ALONE: &[Setting] = &[
    OURS,
    by(Client::Curl, 1, false),
    by(Client::Lftp, 1, false),
    by(Client::Wget, 1, false),
    by(Client::Tnftp, 1, false),
];
const COVERED: &[Setting] =
    &[OURS, by(Client::Curl, 1, false), by(Client::Lftp, 1, false), by(Client::Wget, 1, false)];
const WITH_LFTP: &[Setting] = &[OURS, by(Client::Lftp, 1, false)];
const LISTED: &[Setting] = &[OURS, by(Client::Lftp, 1, false), by(Client::Curl, 1, false)];

const fn far(name: &'static str, title: &'static str, server: &'static str, work: Work) -> Row {
    Row { name, title, server, covered: false, is_far: true, work, bars: &[], settings: FAR }
}

const fn near(name: &'static str, title: &'static str, server: &'static str, work: Work) -> Row {
    Row { name, title, server, covered: false, is_far: false, work, bars: &[], settings: NEAR }
}

/// All rows.
pub(super) static ROWS: &[Row] = &[
    Row {
        bars: &[Bar::Wall(1.5)],
        ..far("far", "1,000 x 4 KiB over 20 ms from wharf", "wharf", Work::Fetch(FEW))
    },
    Row {
        bars: &[Bar::WallOf(0.5, Client::Lftp)],
        ..far("far-vsftpd", "1,000 x 4 KiB over 20 ms from vsftpd", "vsftpd", Work::Fetch(FEW))
    },
    Row {
        covered: true,
        bars: &[Bar::Wall(2.0)],
        ..far("far-tls", "1,000 x 4 KiB over 20 ms from wharf, TLS", "wharf", Work::Fetch(FEW))
    },
    Row {
        settings: FAR_UP,
        ..far("far-up", "1,000 x 4 KiB over 20 ms to wharf", "wharf", Work::Store(FEW))
    },
    Row {
        settings: FAR_UP,
        ..far("far-up-vsftpd", "1,000 x 4 KiB over 20 ms to vsftpd", "vsftpd", Work::Store(FEW))
    },
    Row {
        bars: &[Bar::Wall(1.2)],
        ..near("near", "10,000 x 4 KiB from wharf", "wharf", Work::Fetch(MANY))
    },
    Row {
        bars: &[Bar::WallOf(1.0, Client::Lftp)],
        ..near("near-vsftpd", "10,000 x 4 KiB from vsftpd", "vsftpd", Work::Fetch(MANY))
    },
    Row {
        settings: NEAR_UP,
        ..near("near-up", "10,000 x 4 KiB to wharf", "wharf", Work::Store(MANY))
    },
    Row {
        settings: NEAR_UP,
        ..near("near-up-vsftpd", "10,000 x 4 KiB to vsftpd", "vsftpd", Work::Store(MANY))
    },
    Row {
        settings: ALONE,
        bars: &[Bar::CpuOf(1.0, Client::Curl)],
        ..near("big", "1 GiB to a file", "wharf", Work::Big)
    },
    Row {
        settings: COVERED,
        covered: true,
        ..near("big-tls", "1 GiB to a file, TLS", "wharf", Work::Big)
    },
    Row { settings: WITH_LFTP, ..near("parts", "1 GiB in four parts", "wharf", Work::Parts) },
    Row {
        settings: WITH_LFTP,
        bars: &[Bar::WallOf(0.5, Client::Lftp), Bar::Memory(64.0)],
        ..near("same", "sync of 100,000 files, all the same", "wharf", Work::Same)
    },
    Row {
        settings: WITH_LFTP,
        ..near("dry", "sync --dry-run of 100,000 files, all new", "wharf", Work::Dry)
    },
    Row { settings: LISTED, ..near("ls", "ls of 100,000 files", "wharf", Work::List) },
];

/// The row of this name.
pub(super) fn named(name: &str) -> Result<&'static Row, String> {
    let names = || ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(" ");
    let found = ROWS.iter().find(|row| row.name == name);
    found.ok_or_else(|| format!("no row is named `{name}`; there are {}", names()))
}
