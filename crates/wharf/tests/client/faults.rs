//! What servers do wrong, a row each, and how a command ends that meets it: its exit code, what it says, and what
//! is in the folder then. The server is `wharf_testkit::faulty`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use wharf_testkit::faulty::Fault::{self, *};
use wharf_testkit::faulty::Faulty;

use crate::story::wharf;

const FILE: &[u8] = b"0123456789";

/// A fault or several, how the command ends, and what it says; behind them, whether the file is there.
type Row<'r> = (&'r [Fault], i32, &'r str, bool);

/// What is in a folder, hidden things too.
fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Fetches `x` from a server for each row.
fn getting(rows: &[Row<'_>]) {
    getting_with(&[], rows);
}

/// The same with options.
fn getting_with(options: &[&str], rows: &[Row<'_>]) {
    at_once(rows, |(faults, code, says, arrives)| {
        let server = Faulty::new(&[("x", FILE)], faults);
        let folder = tempfile::tempdir().unwrap();
        let url = server.url("x");
        let arguments = [&["get", "--retries", "0", "--timeout", "1"], options, &[&url]].concat();
        let ending = wharf(&arguments).within(folder.path()).ends_with_for(*code, faults);
        ending.saying(says);
        let whole = fs::read(folder.path().join("x")).is_ok_and(|bytes| bytes == FILE);
        assert_eq!(whole, *arrives, "{faults:?}: {:?}", names(folder.path()));
        if !arrives {
            assert!(!folder.path().join("x").exists(), "{faults:?}");
        }
    });
}

/// Does it for all rows at the same time, since most of them only wait.
fn at_once<R: Sync>(rows: &[R], case: impl Fn(&R) + Sync) {
    std::thread::scope(|scope| {
        for row in rows {
            scope.spawn(|| case(row));
        }
    });
}

#[test]
fn what_is_odd_and_harmless_is_understood() {
    getting(&[
        (&[], 0, "size agrees", true),
        (&[BareLf], 0, "", true),
        (&[Trickle(Duration::from_millis(2))], 0, "", true),
        (&[Pieces(1)], 0, "", true),
        (&[Pieces(1), Pauses(Duration::from_millis(5))], 0, "", true),
        (&[DoneBeforeData], 0, "", true),
        (&[SizeIn150(3)], 0, "", true),
        (&[SizeIn150(30)], 0, "", true),
        (&[ForeignPassive], 0, "", true),
        (&[Reply("EPSV", "500 what?"), ForeignPassive], 0, "", true),
        (&[ExtendedReplyToPasv], 0, "", true),
        (&[DeadEpsvPort], 0, "", true),
        (&[Few("EPSV", "425 not now", 1)], 0, "", true),
        (&[Reply("EPSV", "500 no"), Reply("PASV", "500 no")], 0, "", true),
        (&[LateFinalReply(Duration::from_millis(300))], 0, "", true),
        (&[Delay("RETR", Duration::from_millis(300))], 0, "", true),
        (&[Reply("welcome", "220-a\n 220 not yet\n220 b")], 0, "", true),
        (&[Reply("USER", "230 no password needed")], 0, "", true),
        (&[Reply("FEAT", "500 what?")], 0, "", true),
        (&[Reply("FEAT", "211 no-features")], 0, "", true),
        (&[Reply("SIZE", "500 what?")], 0, "size not compared", true),
        (&[Reply("SIZE", "213 many")], 0, "size not compared", true),
        (&[Reply("MDTM", "550 no")], 0, "", true),
        (&[Reply("MDTM", "213 19700000000000")], 0, "", true),
        (&[Reply("TYPE I", "250 fine")], 0, "", true),
        (&[Reply("QUIT", "500 what?")], 0, "", true),
    ]);
}

#[test]
fn a_file_that_is_not_proven_whole_does_not_get_its_name() {
    getting(&[
        (&[CutAfter(4)], 7, "the file has 10 bytes, 4 arrived", false),
        (&[Grows(4)], 7, "the file has 10 bytes, 14 arrived", false),
        (&[Size(3)], 7, "the file has 3 bytes, 10 arrived", false),
        (&[Size(30)], 7, "the file has 30 bytes, 10 arrived", false),
        (&[ChangesWhileSent], 7, "the file was changed while it was moved", false),
        (&[LeavesAfter(4)], 3, "control connection was lost", false),
        (&[NoFinalReply], 3, "no reply within 1 s", false),
        (&[LateFinalReply(Duration::from_secs(3))], 3, "no reply within 1 s", false),
    ]);
}

const RANG: Fault = Offers("RANG STREAM");
const HASH: Fault = Offers("HASH SHA-256*");
const LIE: &str =
    "213 SHA-256 0-9 0000000000000000000000000000000000000000000000000000000000000000 x";
const TRUE: &str =
    "213 SHA-256 0-9 84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882 x";

#[test]
fn a_digest_proves_a_file_only_if_it_is_one_and_the_same() {
    let none = "size agrees; the server told no digest";
    getting_with(
        &["--verify"],
        &[
            (&[], 0, none, true),
            (&[HASH, Reply("HASH", TRUE)], 0, "digest agrees", true),
            (&[HASH, Reply("HASH", LIE)], 7, "SHA-256 is not the one", false),
            (&[HASH], 0, none, true),
            (&[HASH, Reply("HASH", "213 SHA-256 0-9 84d8 x")], 0, none, true),
            (&[HASH, Reply("HASH", "213")], 0, none, true),
            (&[HASH, Reply("HASH", "550 not now")], 0, none, true),
            (&[HASH, Reply("HASH", "421 bye")], 3, "421 bye", false),
            (&[HASH, EndlessLine("HASH")], 3, "", false),
            (&[HASH, AnswersLate("HASH")], 3, "no reply within 1 s", false),
            (&[Offers("HASH SHA-256"), Reply("OPTS", "501 no")], 0, none, true),
            (&[Offers("HASH"), Reply("HASH", LIE)], 0, none, true),
        ],
    );
}

#[test]
fn blocks_that_are_none_or_do_not_end_are_no_file() {
    const FORM: &str = "not in the TYPE, STRU and MODE";
    const END: &str = "ended before the mark that ends the file";
    getting_with(
        &["--block-mode"],
        &[
            (&[], 0, "size agrees", true),
            (&[Pieces(1)], 0, "size agrees", true),
            (&[Reply("MODE B", "504 no")], 6, "MODE B was refused", false),
            (&[Blocks(FILE)], 7, FORM, false),
            (&[Blocks(b"\xFF\xFF\xFF")], 7, FORM, false),
            (&[Blocks(b"\x10\x01\x2Ca marker of 300 bytes")], 7, FORM, false),
            (&[Blocks(b"")], 7, END, false),
            (&[Blocks(b"\0")], 7, END, false),
            (&[Blocks(b"\0\0\x0A0123456789")], 7, END, false),
            (&[Blocks(b"\x40\0\x0A0123")], 7, END, false),
            (&[Blocks(b"\x40\0\x040123")], 7, "the file has 10 bytes, 4 arrived", false),
            (&[Blocks(b"\x40\0\x0A0123456789and more")], 0, "size agrees", true),
            // A server that does not trust its bytes proves nothing.
            (&[Blocks(b"\x20\0\x0501234\x40\0\x0556789")], 0, "does not trust its own bytes", true),
            // Markers that go back, that say nothing, and that nobody could say again.
            (&[Blocks(b"\x10\0\x019\x10\0\x011\x40\0\x0A0123456789")], 0, "", true),
            (&[Blocks(b"\x10\0\0\x40\0\x0A0123456789\x10\0\0")], 0, "", true),
            (&[Blocks(b"\x10\0\x03\r\n\x1B\x40\0\x0A0123456789")], 0, "", true),
        ],
    );
    // It says yes to STRU R, and sends no record.
    getting_with(&["--record"], &[(&[], 7, END, false)]);
    getting_with(&["--ebcdic", "--record", "--block-mode"], &[(&[Blocks(b"")], 7, END, false)]);
}

#[test]
fn a_tree_comes_whole_from_a_server_whose_block_mode_or_pipelining_is_none() {
    const B: Fault = Offers("MODE B");
    const NO: &str = "no block mode from here on";
    let rows: &[(&[Fault], i32, &str)] = &[
        (&[B], 0, "block mode: all small files"),
        (&[B, Reply("MODE B", "504 no")], 0, ""),
        (&[B, Blocks(FILE)], 0, NO),
        (&[B, Blocks(b"\xFF\xFF\xFF")], 0, NO),
        (&[B, Blocks(b"")], 0, NO),
        (&[B, Blocks(b"\0\0\x0A0123456789")], 0, NO),
        (&[B, Blocks(b"\x10\0\x019\x10\0\x011\x40\0\x0A0123456789")], 0, ""),
        (&[B, Blocks(b"\x20\0\x05\x40\0\x0A0123456789")], 0, NO),
        (&[B, DoneBeforeData], 0, ""),
        (&[B, AnswersLate("RETR")], 0, ""),
        (&[B, Few("RETR", "226 what?", 1)], 0, NO),
        (&[B, Few("RETR", "110 MARK 1 = 1\n250 done", 1)], 0, NO),
        (&[B, Few("RETR", "425 not now", 1)], 0, ""),
        (&[AnswersLate("NOOP")], 0, ""),
        (&[AnswersLate("TYPE")], 0, ""),
        (&[Sessions(2)], 0, ""),
        (&[Few("RETR", "421 bye", 2)], 0, ""),
        (&[ResetsOnceAfter(4)], 0, ""),
        (&[CutAfter(4)], 1, "the file has 10 bytes, 4 arrived"),
    ];
    at_once(rows, |(faults, code, says)| {
        let names = ["a", "b", "c"];
        let server = Faulty::new(&names.map(|name| (name, FILE)), faults);
        let folder = tempfile::tempdir().unwrap();
        let url = server.url("");
        let arguments = ["get", "-r", "--timeout", "1", "--jobs", "3", &url, "out"];
        wharf(&arguments).within(folder.path()).ends_with_for(*code, faults).saying(says);
        for name in names {
            let file = fs::read(folder.path().join("out").join(name)).ok();
            assert_eq!(file.as_deref(), (*code == 0).then_some(FILE), "{faults:?}: {name}");
        }
    });
}

#[test]
fn a_data_connection_that_does_not_come_is_the_networks_fault_and_takes_no_longer_than_allowed() {
    getting(&[
        (&[NoData("150 here it comes")], 3, "", false),
        (&[NoData("150 here it comes\n425 no data connection")], 3, "425", false),
        (&[NoData("150 here it comes\n421 bye")], 3, "421", false),
        (&[NoData("")], 3, "", false),
        (&[Reply("EPSV", "500 no"), Reply("PASV", "421 bye")], 3, "421 bye", false),
        (
            &[Reply("EPSV", "500 no"), Reply("PASV", "500 no"), Reply("PORT", "500 no")],
            3,
            "was refused: 500 no",
            false,
        ),
    ]);
}

#[test]
fn a_login_that_fails_says_whose_fault_it_is() {
    getting(&[
        (&[Reply("welcome", "421 too many users")], 3, "421 too many users", false),
        (&[Reply("welcome", "530 not you")], 4, "530 not you", false),
        (&[Reply("PASS", "530 no")], 4, "login refused: 530 no", false),
        (&[Reply("PASS", "332 account?")], 4, "account", false),
        (&[Reply("PASS", "421 bye")], 3, "421 bye", false),
        (&[Reply("USER", "530 TLS required")], 4, "write ftpes://", false),
        (&[Reply("welcome", "SSH-2.0-OpenSSH_9.2")], 3, "that is an SSH server", false),
        (&[Delay("welcome", Duration::from_secs(3))], 3, "no reply within 1 s", false),
        (&[Trickle(Duration::from_millis(300))], 3, "no reply within 1 s", false),
        (&[Delay("PASS", Duration::from_secs(3))], 3, "no reply within 1 s", false),
    ]);
}

#[test]
fn a_file_that_is_refused_says_why() {
    getting(&[
        (&[Reply("RETR", "550 x: No such file")], 5, "550 x: No such file", false),
        (&[Reply("RETR", "550 Permission denied")], 6, "Permission denied", false),
        (&[Reply("RETR", "450 busy")], 6, "in use", false),
        (&[Reply("RETR", "530 log in")], 4, "530 log in", false),
        (&[Reply("RETR", "421 bye")], 3, "421 bye", false),
        (&[Reply("TYPE I", "504 no")], 6, "TYPE I was refused", false),
    ]);
}

#[test]
fn what_has_no_end_is_given_up() {
    getting(&[
        (&[EndlessLine("welcome")], 3, "", false),
        (&[EndlessReply("welcome")], 3, "", false),
        (&[EndlessLine("TYPE")], 3, "", false),
        (&[EndlessReply("SIZE")], 3, "", false),
        (&[EndlessReply("PASS")], 3, "", false),
        (&[EndlessLine("RETR")], 3, "", false),
    ]);
}

/// A fault or several, how the command ends, what it says, and what the server has then.
type Upload<'r> = (&'r [Fault], i32, &'r str, Option<&'r [u8]>);

/// Stores ten bytes as `up` on a server for each row; behind the exit code what it says, and what the server
/// has then.
fn putting(options: &[&str], rows: &[Upload<'_>]) {
    at_once(rows, |(faults, code, says, kept)| {
        let server = Faulty::new(&[("x", b"012"), ("taken", b"old")], faults);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("f"), FILE).unwrap();
        let url = server.url("x");
        let arguments =
            [&["put", "--retries", "0", "--timeout", "1"], options, &["f", &url]].concat();
        wharf(&arguments).within(folder.path()).ends_with_for(*code, faults).saying(says);
        assert_eq!(server.file("x").as_deref(), *kept, "{faults:?}");
    });
}

#[test]
fn an_upload_is_done_when_the_server_has_it() {
    putting(
        &[],
        &[
            (&[], 0, "size agrees", Some(FILE)),
            (&[DoneBeforeData], 0, "", Some(FILE)),
            (&[Forgets], 7, "3 arrived", Some(b"012")),
            (&[Size(3)], 7, "the file has 10 bytes, 3 arrived", Some(FILE)),
            (&[Reply("SIZE", "502 no")], 0, "size not compared", Some(FILE)),
            (&[StopsReading(2, "552 disk full")], 6, "no room left", Some(b"012")),
            (&[StopsReading(2, "426 gone")], 3, "426", Some(b"012")),
            (&[StopsReading(2, "451 local error")], 6, "451", Some(b"012")),
            (&[Reply("STOR", "553 not that name")], 6, "553", Some(b"012")),
            (&[NoFinalReply], 3, "no reply", Some(FILE)),
            (&[NoData("150 go on")], 3, "", Some(b"012")),
        ],
    );
}

const OVER: &str = "starting over";

#[test]
fn an_upload_that_goes_on_is_held_to_what_the_server_has_afterwards() {
    putting(
        &["--resume"],
        &[
            (&[], 0, "size agrees", Some(FILE)),
            (&[IgnoresRest], 0, "", Some(FILE)),
            (&[Reply("APPE", "502 no")], 0, "going on", Some(FILE)),
            (&[Reply("APPE", "502 no"), Reply("REST 3", "502 no")], 0, OVER, Some(FILE)),
            (
                &[Reply("APPE", "451 not allowed"), Few("STOR", "451 nor this", 1)],
                0,
                OVER,
                Some(FILE),
            ),
            (&[Reply("APPE", "450 busy")], 6, "in use", Some(b"012")),
            // The size agrees; only what is in the file tells.
            (&[ZeroFills, Reply("APPE", "502 no")], 0, OVER, Some(FILE)),
            (&[ZeroFills], 0, "size agrees", Some(FILE)),
            // Where nobody may look it is not believed.
            (&[ZeroFills, Reply("APPE", "502 no"), Reply("RETR", "550 no")], 0, OVER, Some(FILE)),
            (&[Forgets], 7, "3 arrived", Some(b"012")),
            (&[Reply("RETR", "550 only to be written")], 0, "going on", Some(FILE)),
            // RANG is promised, and HASH is of something else.
            (&[RANG, HASH, Reply("RANG", "350 ok"), Reply("HASH", LIE)], 0, "", Some(FILE)),
            (&[RANG, HASH, Reply("RANG", "502 no")], 0, "going on", Some(FILE)),
            (&[RANG, HASH, Reply("RANG", "350 ok")], 0, "going on", Some(FILE)),
        ],
    );
}

#[test]
fn an_upload_does_not_go_on_behind_what_is_of_another_file() {
    for (there, options, says) in [
        (&b"abc"[..], &["--resume"][..], "starting over"),
        (b"0123456780", &["--resume"], "starting over"),
        (b"01234567890", &["--resume"], "starting over"),
        (b"0123456789", &["--resume"], "10 bytes (0 moved)"),
        (b"abc", &[], "10 bytes"),
    ] {
        let server = Faulty::new(&[("x", there)], &[]);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("f"), FILE).unwrap();
        let url = server.url("x");
        let arguments = [&["put"], options, &["f", &url]].concat();
        wharf(&arguments).within(folder.path()).ends_with_for(0, there).saying(says);
        assert_eq!(server.file("x").as_deref(), Some(FILE), "{there:?}");
    }
}

#[test]
fn a_broken_download_goes_on_and_a_server_that_ignores_rest_is_found_out() {
    // So large that the client has read of it when the server breaks the connection.
    // No part of it is like another one, as the place where it breaks is anywhere.
    let file: Vec<u8> =
        (0..6_u32 << 20).flat_map(|n| n.wrapping_mul(0x9E37_79B1).to_be_bytes()).collect();
    for (faults, code) in [
        (&[][..], 0),
        (&[Reply("REST", "502 no")], 0),
        // It sends all of it where the end is missing, which does not fit what is here.
        (&[IgnoresRest], 0),
    ] {
        let breaks = ResetsOnceAfter(16 << 20);
        let server = Faulty::new(&[("x", &file)], &[&[breaks], faults].concat());
        let folder = tempfile::tempdir().unwrap();
        wharf(&["get", "--retries", "0", &server.url("x")])
            .within(folder.path())
            .ends_with_for(3, server.heard())
            .saying("426");
        assert!(!folder.path().join("x").exists());
        let ending = wharf(&["get", &server.url("x")]).within(folder.path());
        ending.ends_with_for(code, faults);
        let found = fs::read(folder.path().join("x")).ok();
        assert_eq!(found.is_some_and(|bytes| bytes == file), code == 0, "{faults:?}");
        assert!(server.heard().iter().any(|line| line.starts_with("REST ")), "{faults:?}");
    }
}

#[test]
fn a_download_that_breaks_off_goes_on_by_itself_in_another_session() {
    let file: Vec<u8> = (0..250_u8).cycle().take(24 << 20).collect();
    let server = Faulty::new(&[("x", &file)], &[ResetsOnceAfter(16 << 20)]);
    let folder = tempfile::tempdir().unwrap();
    let ending = wharf(&["get", &server.url("x")]).within(folder.path());
    let ending = ending.ends_with_for(0, server.heard()).saying("trying again in");
    // What was compared with what was here came twice.
    ending.saying("25,165,824 bytes (25,231,360 moved)");
    assert!(fs::read(folder.path().join("x")).unwrap() == file);
    let times = |verb: &str| server.heard().iter().filter(|line| line.starts_with(verb)).count();
    assert_eq!((times("USER"), times("REST ")), (2, 1));
}

#[test]
fn an_upload_that_breaks_off_goes_on_by_itself_in_another_session() {
    let server = Faulty::new(&[], &[Few("STOR", "421 not now", 1)]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("f"), FILE).unwrap();
    let ending = wharf(&["put", "f", &server.url("x")]).within(folder.path());
    ending.ends_with_for(0, server.heard()).saying("trying again in");
    assert_eq!(server.file("x").as_deref(), Some(FILE));
}

#[test]
fn a_server_that_never_gets_on_is_tried_as_often_as_was_said() {
    let server = Faulty::new(&[("x", FILE)], &[LeavesAfter(4)]);
    let folder = tempfile::tempdir().unwrap();
    let ending = wharf(&["get", "--retries", "1", &server.url("x")]).within(folder.path());
    ending.ends_with(3).saying("control connection was lost");
    assert_eq!(server.heard().iter().filter(|line| line.starts_with("USER")).count(), 2);
}

#[test]
fn one_session_too_many_is_told_as_such() {
    let server = Faulty::new(&[("x", FILE)], &[Sessions(0)]);
    wharf(&["cat", &server.url("x")]).ends_with(3).saying("421 too many connections");
}

#[test]
fn a_name_that_is_taken_is_refused_with_the_servers_words() {
    let server = Faulty::new(&[("x", FILE), ("y", FILE)], &[NoRenameOver]);
    let ending = wharf(&["shell", "-e", &server.url("")]).typing(&["rename x y"]);
    ending.ends_with(6).saying("RNTO y was refused: 553 that name is taken");
}

#[test]
fn a_listing_that_ends_in_the_midst_of_a_row_is_not_whole_and_deletes_nothing() {
    // The rows of MLSD have 48 bytes, those of LIST 38.
    let rows: &[(&[Fault], i32, &str)] = &[
        (&[], 0, "1 to delete"),
        (&[CutsListings(60)], 7, "ends in the midst of a row"),
        (&[CutsOneListing(60)], 0, "1 to delete"),
        (&[NoFacts, CutsListings(60)], 1, "nothing is deleted"),
        (&[NoFacts, CutsOneListing(60)], 0, "1 to delete"),
    ];
    at_once(rows, |(faults, code, says)| {
        let server = Faulty::new(&[("a", FILE), ("bb", FILE)], faults);
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("t")).unwrap();
        for name in ["a", "gone"] {
            fs::write(folder.path().join("t").join(name), FILE).unwrap();
        }
        let url = server.url("");
        let more = ["--retries", "0", "--timeout", "5"];
        let arguments =
            [&["sync", "--delete", "--compare", "hash"][..], &more, &[&url, "t"]].concat();
        wharf(&arguments).within(folder.path()).ends_with_for(*code, faults).saying(says);
        assert_eq!(folder.path().join("t/gone").exists(), *code != 0, "{faults:?}");
    });
    for (faults, code) in [(&[CutsListings(60)][..], 7), (&[CutsOneListing(60), NoFacts], 0)] {
        let server = Faulty::new(&[("a", FILE), ("bb", FILE)], faults);
        wharf(&["ls", &server.url("")]).ends_with_for(code, faults);
    }
}

#[test]
fn names_of_a_hostile_server_stay_names() {
    const ROWS: &[&[u8]] = &[
        b"type=file;size=1; ../../etc/passwd",
        b"type=file;size=1; /etc/passwd",
        b"type=file;size=1; a\x1b]0;title\x07\x1b[2J",
        b"type=file;size=1; a\r250 DELE b",
        b"type=file;size=1; \xE2\x80\xAEgnp.exe",
        b"type=dir; ..",
        b"type=file;size=99999999999999999999; big",
        b"type=file;size=-1;modify=99999999999999; odd",
        b"type=OS.unix=slink:\x1b[31m; link",
    ];
    for faults in [&[Rows(ROWS)][..], &[Rows(ROWS), NoFacts], &[Rows(ROWS), Pieces(3)]] {
        let server = Faulty::new(&[], faults);
        for arguments in [&["ls"][..], &["ls", "-1"]] {
            let ending = wharf(&[arguments, &[&server.url("")]].concat()).ends_with(0);
            let out = String::from_utf8(ending.out).unwrap();
            let control = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            assert!(!out.contains(control), "{out:?}");
            assert!(out.contains("../../etc/passwd") && out.contains("\\x1b[2J"), "{out}");
        }
    }
}

#[test]
fn a_listing_is_the_same_however_it_is_cut() {
    let server = Faulty::new(&[("a b", FILE), ("c", b"")], &[Pieces(1), NoFacts]);
    wharf(&["ls", "-1", &server.url("")]).ends_with(0).printing("a b\nc\n");
}
