//! Listings whose times are those of a zone that nobody names.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use wharf_client::{Pool, TreeRequest};
use wharf_testkit::faulty::{Fault, Faulty};

use crate::support::{options, run, site};

/// 2024-05-01 12:30 in UTC, which is what the faulty server's MDTM says of every file.
const HALF_PAST_NOON: i64 = 1_714_566_600;
/// The same moment, to the minute, in the zone of Tokyo.
const IN_TOKYO: Fault = Fault::Rows(&[
    b"05-01-24  09:30PM                    1 a",
    b"05-01-24  09:31PM                    2 b",
]);

/// Fetches all that the server has.
fn fetch(server: &Faulty, target: &Path) {
    let site = site(server.address(), options());
    run(async {
        let pool = Pool::new(site, 1);
        let tally = pool.get_tree(&"".into(), target, &TreeRequest::default(), &mut |_| ()).await;
        assert_eq!(tally.unwrap().failed, 0);
        pool.close().await;
    });
}

fn modified(path: &Path) -> i64 {
    fs::metadata(path).unwrap().mtime()
}

#[test]
fn times_of_a_server_in_another_zone_become_utc_where_mdtm_tells_one_of_them() {
    let server = Faulty::new(&[("a", b"1"), ("b", b"22")], &[Fault::NoFacts, IN_TOKYO]);
    let folder = tempfile::tempdir().unwrap();
    fetch(&server, folder.path());
    assert_eq!(modified(&folder.path().join("a")), HALF_PAST_NOON);
    assert_eq!(modified(&folder.path().join("b")), HALF_PAST_NOON + 60);
    let asked = || server.heard().iter().filter(|line| line.starts_with("MDTM")).count();
    assert_eq!(asked(), 1);
}

#[test]
fn times_stay_as_they_are_told_where_the_server_has_no_mdtm() {
    let faults = [Fault::NoFacts, IN_TOKYO, Fault::Reply("MDTM", "502 not here")];
    let server = Faulty::new(&[("a", b"1"), ("b", b"22")], &faults);
    let folder = tempfile::tempdir().unwrap();
    fetch(&server, folder.path());
    assert_eq!(modified(&folder.path().join("a")), HALF_PAST_NOON + 9 * 3600);
}

#[test]
fn times_stay_as_they_are_told_where_mdtm_speaks_of_another_time_altogether() {
    let faults = [Fault::NoFacts, IN_TOKYO, Fault::Reply("MDTM", "213 20240430010203")];
    let server = Faulty::new(&[("a", b"1"), ("b", b"22")], &faults);
    let folder = tempfile::tempdir().unwrap();
    fetch(&server, folder.path());
    assert_eq!(modified(&folder.path().join("b")), HALF_PAST_NOON + 9 * 3600 + 60);
}
