//! `wharf copy` between servers of which one or both do something wrong, a row each: how it ends, what it says, and
//! what the target has then. And Ctrl-C in the midst of it.

use std::slice;
use std::thread::scope;

use wharf_testkit::faulty::Fault::{self, *};
use wharf_testkit::faulty::Faulty;
use wharf_testkit::scripted::Scripted;

use crate::story::{Ending, signal, wharf};

const FILE: &[u8] = b"0123456789";
const OLD: &[u8] = b"old";

/// The faults of the source and of the target, how the command ends, and what it says.
type Row<'r> = (&'r [Fault], &'r [Fault], i32, &'r str);

/// Copies `x` for each row, to where there is another one: it is replaced by the whole file or not at all.
fn copying(options: &[&str], rows: &[Row<'_>]) {
    scope(|scope| {
        for (from, to, code, says) in rows {
            // All at the same time, since most of them only wait.
            scope.spawn(move || {
                let source = Faulty::new(&[("x", FILE)], from);
                let target = Faulty::new(&[("x", OLD)], to);
                let (from_url, to_url) = (source.url("x"), target.url("x"));
                let urls = [from_url.as_str(), &to_url];
                let arguments = [&["copy", "--timeout", "1"], options, &urls].concat();
                let case = (from, to);
                wharf(&arguments).ends_with_for(*code, case).saying(says);
                let wanted = if *code == 0 { FILE } else { OLD };
                assert_eq!(target.file("x").as_deref(), Some(wanted), "{case:?}");
            });
        }
    });
}

const NO_PORT: Fault = Reply("PORT", "500 Illegal PORT command.");
const NO_EPRT: Fault = Reply("EPRT", "500 Illegal EPRT command.");
const SUMS: Fault = Reply("FEAT", "211-Features\n XCRC\n211 End");

#[test]
fn one_way_that_works_is_enough_and_where_there_is_none_the_data_goes_through_here() {
    let direct = "from server to server";
    let relayed = "through this machine";
    copying(
        &[],
        &[
            (&[], &[], 0, direct),
            (&[], &[NO_PORT, NO_EPRT], 0, direct),
            (&[NO_PORT, NO_EPRT], &[], 0, direct),
            (&[], &[NO_PORT], 0, direct),
            (&[NO_PORT, NO_EPRT], &[NO_PORT, NO_EPRT], 0, relayed),
            (&[Reply("PASV", "502 no"), Reply("EPSV", "502 no")], &[], 0, direct),
            (&[], &[NeverConnects], 0, direct),
            (&[NeverConnects], &[NeverConnects], 0, relayed),
            (&[ResetsOnceAfter(4)], &[], 0, direct),
            (&[], &[NoRenameOver], 0, direct),
            (&[DoneBeforeData], &[], 0, direct),
            (&[Reply("SIZE", "500 what?")], &[], 0, "size not compared"),
        ],
    );
}

#[test]
fn a_file_of_which_either_server_says_that_it_is_not_whole_does_not_get_its_name() {
    copying(
        &[],
        &[
            (&[], &[StopsReading(4, "451 disk trouble")], 6, "451 disk trouble"),
            (&[], &[StopsReading(10, "452 the disk is full")], 6, "no room"),
            (&[CutAfter(4)], &[], 7, "the file has 10 bytes, 4 arrived"),
            (&[Grows(4)], &[], 7, "the file has 10 bytes, 14 arrived"),
            (&[], &[Size(3)], 7, "the file has 10 bytes, 3 arrived"),
            (&[], &[Forgets], 6, "RNTO"),
            (&[LeavesAfter(4)], &[], 3, "control connection was lost"),
            (&[NoFinalReply], &[NoFinalReply], 3, ""),
            (&[NoData("150 here it comes")], &[], 3, ""),
            (&[NoData("425 no way")], &[], 3, "425 no way"),
            // One says that it is done, and the other that nobody came.
            (&[DoneBeforeData], &[NoData("150 go on\n425 nobody came")], 3, "425 nobody came"),
            (&[NoData("150 so\n425 nobody came")], &[DoneBeforeData], 3, "425 nobody came"),
            (&[DoneBeforeData], &[NeverConnects, NoData("425 nobody came")], 3, "425"),
        ],
    );
    copying(
        &["--verify"],
        &[
            (
                &[SUMS, Reply("XCRC", "250 CBF43926")],
                &[SUMS, Reply("XCRC", "250 cbf43926")],
                0,
                "digest",
            ),
            (
                &[SUMS, Reply("XCRC", "250 CBF43926")],
                &[SUMS, Reply("XCRC", "250 0")],
                0,
                "size agrees",
            ),
            (
                &[SUMS, Reply("XCRC", "250 CBF43926")],
                &[SUMS, Reply("XCRC", "250 00000000")],
                7,
                "CRC32",
            ),
        ],
    );
}

#[test]
fn a_file_that_is_refused_is_so_without_a_way_around() {
    copying(
        &[],
        &[
            (&[Reply("RETR", "550 x: No such file")], &[], 5, "No such file"),
            (&[Reply("RETR", "550 Permission denied")], &[], 6, "Permission denied"),
            (&[], &[Reply("STOR", "553 not that name")], 6, "553 not that name"),
            (&[], &[Reply("RNFR", "550 Permission denied.")], 6, "RNFR"),
            (&[Reply("RETR", "421 bye")], &[], 3, "421 bye"),
        ],
    );
    copying(&["--no-relay"], &[(&[NO_PORT, NO_EPRT], &[NO_PORT, NO_EPRT], 6, "do not transfer")]);
}

#[test]
fn where_files_are_stored_under_their_own_names_only_what_is_new_is_removed_after_a_failure() {
    let stops = StopsReading(4, "452 the disk is full");
    let source = Faulty::new(&[("x", FILE)], &[]);
    let free = Reply("MLST", "550 y: No such file");
    for (files, faults, goes) in [
        (&[][..], &[stops.clone(), free][..], true),
        // Nobody says that nothing has the name.
        (&[], slice::from_ref(&stops), false),
        (&[("y", OLD)], slice::from_ref(&stops), false),
    ] {
        let target = Faulty::new(files, faults);
        let arguments = ["copy", "--in-place", &source.url("x"), &target.url("y")];
        wharf(&arguments).ends_with(6).saying("452");
        let old = files.iter().map(|(_, bytes)| bytes.to_vec()).next();
        assert_eq!(target.file("y"), old);
        assert_eq!(target.heard().iter().any(|line| line == "DELE y"), goes);
    }
}

#[test]
fn after_ctrl_c_both_servers_hear_abor_and_what_is_there_goes() {
    let (tell, told) = std::sync::mpsc::channel();
    let source = Scripted::session(move |peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        peer.answer("SIZE x", "213 10");
        let data = peer.pasv();
        peer.answer("RETR x", "150 opening");
        let stream = data.open();
        // The target has begun before it.
        tell.send(()).unwrap();
        peer.answer("ABOR", "426 broken off\n226 done");
        drop(stream);
        peer.expect_end_or_quit();
    });
    let target = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        let data = peer.port();
        peer.answer("STOR .y.wharf-part", "150 go on");
        let stream = data.open();
        peer.answer("ABOR", "426 broken off\n226 done");
        drop(stream);
        peer.answer("DELE .y.wharf-part", "250 gone");
        peer.expect_end_or_quit();
    });
    let child = wharf(&["copy", &source.url("x"), &target.url("y")]).begin();
    told.recv().unwrap();
    signal("-INT", &child);
    Ending::of(child, 130).saying("interrupted");
}
