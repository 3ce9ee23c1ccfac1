//! `wharf get --segments` from servers that do something wrong: the file comes whole, or does not get its name.

use std::fs;

use wharf_testkit::faulty::Fault::{self, *};
use wharf_testkit::faulty::Faulty;

use crate::story::wharf;

/// What FEAT says of a server that has RANG.
const RANGES: Fault =
    Reply("FEAT", "211-Features\n SIZE\n MDTM\n REST STREAM\n RANG STREAM\n211 End");

/// Enough for four segments, and no part of it is like another one.
fn content() -> Vec<u8> {
    (0..4_u32 << 10).flat_map(|i| i.to_le_bytes().repeat(1024)).collect()
}

/// Fetches `x` in three segments from a server with these faults; gives what the server was told.
fn getting(faults: &[Fault], code: i32, says: &str) -> Vec<String> {
    let bytes = content();
    let server = Faulty::new(&[("x", &bytes)], faults);
    let folder = tempfile::tempdir().unwrap();
    // So slow that all three are logged in before it is over.
    let retries = if code == 0 { "1" } else { "0" };
    let options =
        ["--segments", "3", "--retries", retries, "--timeout", "5", "--limit-rate", "48M"];
    let url = server.url("x");
    let arguments = [&["get"], &options[..], &[&url]].concat();
    let ending = wharf(&arguments).within(folder.path()).ends_with_for(code, faults);
    ending.saying(says);
    let found = fs::read(folder.path().join("x")).ok();
    assert_eq!(found.is_some(), code == 0, "{faults:?}");
    assert!(found.is_none_or(|found| found == bytes), "{faults:?}");
    server.heard()
}

fn times(heard: &[String], begins: &str) -> usize {
    heard.iter().filter(|line| line.starts_with(begins)).count()
}

#[test]
fn a_server_with_rest_alone_is_broken_off_where_a_segment_ends() {
    let heard = getting(&[], 0, "size agrees");
    assert_eq!(times(&heard, "PASS"), 3, "{heard:?}");
    assert!(times(&heard, "REST ") >= 2 && times(&heard, "ABOR") >= 2, "{heard:?}");
}

#[test]
fn a_server_that_begins_elsewhere_is_asked_for_one_stream() {
    let takes = Reply("RANG", "350 so be it");
    let elsewhere = |faults: &[Fault]| {
        let heard = getting(faults, 0, "starting over in one stream");
        let last = heard.iter().rposition(|line| line.starts_with("RETR")).unwrap();
        assert!(heard[last - 1].starts_with("EPSV"), "{heard:?}");
    };
    std::thread::scope(|scope| {
        scope.spawn(|| elsewhere(&[IgnoresRest]));
        scope.spawn(|| elsewhere(&[Reply("REST", "502 no")]));
        // The beginning of a range is lost on it, and so is its end.
        scope.spawn(|| elsewhere(&[RANGES, takes]));
    });
}

#[test]
fn a_server_that_refuses_ranges_is_asked_by_rest() {
    let heard = getting(&[RANGES, Reply("RANG", "504 not for files")], 0, "size agrees");
    assert!(times(&heard, "RANG ") > 0 && times(&heard, "REST ") >= 2, "{heard:?}");
}

#[test]
fn a_segment_that_breaks_off_goes_on_where_it_was() {
    let heard = getting(&[ResetsOnceAfter(1 << 20)], 0, "size agrees");
    assert!(times(&heard, "RETR") >= 4, "{heard:?}");
}

#[test]
fn a_server_that_lets_in_fewer_gets_fewer_segments() {
    let heard = getting(&[Sessions(1)], 0, "size agrees");
    assert_eq!(times(&heard, "PASS"), 1, "{heard:?}");
    let heard = getting(&[Sessions(2)], 0, "size agrees");
    assert_eq!(times(&heard, "PASS"), 2, "{heard:?}");
}

#[test]
fn a_file_whose_end_is_not_proven_does_not_get_its_name() {
    let missing = Reply("RETR", "550 x: No such file");
    std::thread::scope(|scope| {
        for (fault, code, says) in [
            (Size((16 << 20) - 5), 7, "the file has 16777211 bytes, 16777"),
            (Size((16 << 20) + 5), 7, "the file has 16777221 bytes, 16777216 arrived"),
            (ChangesWhileSent, 7, "the file was changed while it was moved"),
            (Grows(9), 7, "the file has 16777216 bytes, 16777225 arrived"),
            (missing, 5, "No such file"),
            (LeavesAfter(4), 3, "control connection was lost"),
        ] {
            scope.spawn(move || getting(&[fault], code, says));
        }
    });
}

#[test]
fn the_last_large_file_of_a_tree_is_fetched_by_those_who_are_free_as_well() {
    // As large as is worth it, and no part of it is like another one.
    let bytes: Vec<u8> = (0..16_u32 << 10).flat_map(|i| i.to_le_bytes().repeat(1024)).collect();
    let getting = |faults: &[Fault]| {
        let server = Faulty::new(&[("x", &bytes), ("y", b"small")], faults);
        let folder = tempfile::tempdir().unwrap();
        let url = server.url("");
        wharf(&["get", "-r", "--limit-rate", "28M", &url, "t"])
            .within(folder.path())
            .ends_with_for(0, faults);
        assert!(fs::read(folder.path().join("t/x")).unwrap() == bytes, "{faults:?}");
        server.heard()
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let heard = getting(&[]);
            assert!(times(&heard, "REST ") > 0 && times(&heard, "RETR x") > 1, "{heard:?}");
        });
        // Who says no to REST has it all fetched by one.
        scope.spawn(|| {
            let heard = getting(&[Reply("REST", "502 no")]);
            assert!(times(&heard, "REST ") > 0, "{heard:?}");
        });
    });
}
