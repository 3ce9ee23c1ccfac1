//! Trees and `wharf sync` with servers that list, refuse and hide in ways of their own.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use wharf_proto::time::Timestamp;
use wharf_testkit::faulty::Fault::{self, *};
use wharf_testkit::faulty::Faulty;

use crate::story::wharf;

const FILES: &[(&str, &[u8])] = &[(".hid", b"hidden"), ("x", b"bytes")];

/// A folder with these files in it.
fn folder(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// How often the server heard this.
fn heard(server: &Faulty, line: &str) -> usize {
    server.heard().iter().filter(|heard| *heard == line).count()
}

#[test]
fn a_source_that_is_not_there_is_not_found_and_nothing_here_is_touched() {
    let no_facts = [NoFacts, Reply("CWD typo", "550 Failed to change directory.")];
    let facts = [Reply("MLSD", "501 No such directory.")];
    for faults in [&no_facts[..], &facts] {
        let server = Faulty::new(FILES, faults);
        let here = folder(&["1", "2", "3"]);
        let url = server.url("typo");
        let there = here.path().to_str().unwrap();
        wharf(&["sync", "--delete", "--max-delete", "100%", &url, there]).ends_with(5);
        assert_eq!(names(here.path()), ["1", "2", "3"]);
        wharf(&["get", "-r", &url, "got"]).within(here.path()).ends_with(5);
        wharf(&["sync", "--dry-run", &url, there]).ends_with(5).not_saying("dry run");
        assert!(!here.path().join("got").exists(), "no folder for what is not there");
    }
}

#[test]
fn of_a_folder_with_a_row_that_cannot_be_read_nothing_here_is_deleted_and_that_is_told() {
    let facts = [Rows(&[b"type=file;size=5; x", b";;; d.bin"])];
    let no_facts = [NoFacts, Rows(&[b"-rw-r--r-- 1 u g 5 May 1 2024 x", b";;; d.bin"])];
    for faults in [&facts[..], &no_facts] {
        let server = Faulty::new(FILES, faults);
        let here = folder(&["t/d.bin"]);
        let why = "1 of the rows of its listing cannot be read, the first being: ;;; d.bin";
        wharf(&["sync", "--delete", "--max-delete", "100%", &server.url(""), "t"])
            .within(here.path())
            .ends_with(1)
            .saying(why);
        assert_eq!(names(&here.path().join("t")), ["d.bin", "x"]);
        wharf(&["get", "-r", &server.url(""), "got"]).within(here.path()).ends_with(1).saying(why);
        assert_eq!(names(&here.path().join("got")), ["x"]);
        // On the way up such a row is no hindrance: what it may stand for is stored.
        wharf(&["put", "-r", "t/", &server.url("")]).within(here.path()).ends_with(0);
        let heard = server.heard();
        assert!(heard.iter().any(|line| line.starts_with("STOR") && line.contains("d.bin")));
    }
}

#[test]
fn a_folder_without_mlsd_is_entered_to_be_listed_and_left_again() {
    let server = Faulty::new(FILES, &[NoFacts]);
    let here = folder(&[]);
    wharf(&["get", "-r", "-j1", &server.url("pub"), "got"]).within(here.path()).ends_with(1);
    let heard: Vec<String> = server
        .heard()
        .into_iter()
        .filter(|line| ["PWD", "CWD", "LIST", "RETR"].iter().any(|verb| line.starts_with(verb)))
        .collect();
    let expected = ["PWD", "CWD pub", "LIST", "CWD /", "RETR pub/.hid", "RETR pub/x"];
    assert_eq!(heard, expected);
}

#[test]
fn names_that_begin_with_a_dot_are_asked_for_where_the_server_hides_them() {
    let server = Faulty::new(FILES, &[NoFacts, HidesDots]);
    let here = folder(&["t/.hid", "t/.mine", "t/y"]);
    wharf(&["get", "-r", &server.url(""), "got"]).within(here.path()).ends_with(0);
    assert_eq!(names(&here.path().join("got")), [".hid", "x"]);
    let url = server.url("");
    let arguments = ["sync", "--delete", "--max-delete", "100%", &url, "t"];
    wharf(&arguments).within(here.path()).ends_with(0);
    assert_eq!(names(&here.path().join("t")), [".hid", "x"]);
    assert_eq!(fs::read(here.path().join("t/.hid")).unwrap(), b"hidden");
}

#[test]
fn where_nobody_knows_of_names_with_a_dot_none_is_deleted_and_that_is_said() {
    let plain: &[(&str, &[u8])] = &[("x", b"bytes")];
    for faults in [&[NoFacts][..], &[NoFacts, NoFlags], &[NoFacts, Reply("LIST -a", "501 no")]] {
        let server = Faulty::new(plain, faults);
        let here = folder(&["t/.mine", "t/y"]);
        let url = server.url("");
        let arguments = ["sync", "--delete", "--max-delete", "100%", &url, "t"];
        let ending = wharf(&arguments).within(here.path()).ends_with(0);
        ending.saying(".mine: left out: not deleted");
        assert_eq!(names(&here.path().join("t")), [".mine", "x"]);
        assert_eq!(heard(&server, "LIST -a"), 1, "one try is enough");
    }
}

#[test]
fn a_name_that_cannot_be_sent_costs_no_other_file_its_session() {
    let server = Faulty::new(&[], &[]);
    let here = folder(&["t/n\nl", "t/z", "t/fol\nder/w"]);
    let arguments = ["put", "-r", "-j1", "t", &server.url("")];
    let ending = wharf(&arguments).within(here.path()).ends_with(1);
    ending.saying("a name with a line end or NUL cannot be sent").not_saying("lost");
    assert_eq!(server.file("t/z").as_deref(), Some(&b"t/z"[..]));
    assert_eq!(heard(&server, "PASS anonymous@"), 1, "one session is enough");
    let arguments = ["put", "t/n\nl", &server.url("")];
    wharf(&arguments).within(here.path()).ends_with(2).not_saying("lost");
}

#[test]
fn a_folder_that_the_server_does_not_make_is_told_once_with_what_was_to_be_in_it() {
    let faults: &[Fault] = &[
        Reply("MKD", "553 make none here"),
        Reply("MLSD up", "550 no such folder"),
        Reply("MLSD up/sub", "550 no such folder"),
    ];
    let here = folder(&["t/a", "t/b", "t/sub/c"]);
    for arguments in [&["put", "-r"][..], &["sync"]] {
        let server = Faulty::new(&[], faults);
        let url = server.url("up");
        let ending = wharf(&[arguments, &["t", &url]].concat()).within(here.path()).ends_with(6);
        ending
            .saying("MKD up was refused: 553 make none here")
            .saying("3 files in it, for want of the folder")
            .not_saying("nothing is deleted");
        assert!(!server.heard().iter().any(|line| line.starts_with("STOR")));
    }
}

#[test]
fn what_fails_for_itself_is_not_said_to_hinder_deletions_that_nobody_wants() {
    let server = Faulty::new(&[], &[Reply("STOR", "553 not this one")]);
    let here = folder(&["t/a"]);
    let ending = wharf(&["sync", "t", &server.url("")]).within(here.path()).ends_with(6);
    ending.saying("553 not this one").not_saying("nothing is deleted");
}

#[test]
fn what_fails_before_deletions_that_are_wanted_hinders_them_and_that_is_said() {
    let server = Faulty::new(&[("o", b""), ("p", b"")], &[Reply("STOR", "553 not this one")]);
    let here = folder(&["t/a", "t/p"]);
    let ending = wharf(&["sync", "--delete", "t", &server.url("")]).within(here.path());
    ending.ends_with(1).saying("something failed, so nothing is deleted");
    assert!(server.file("o").is_some());
}

#[test]
fn a_place_where_no_folder_can_be_made_is_trouble_of_this_machine() {
    let server = Faulty::new(FILES, &[]);
    wharf(&["get", "-r", &server.url(""), "/proc/x"]).ends_with(8);
    wharf(&["sync", &server.url(""), "/proc/x"]).ends_with(8);
}

#[test]
fn a_file_that_is_stored_under_a_temporary_name_leaves_the_old_one_until_it_is_whole() {
    let here = folder(&["t/x"]);
    for arguments in [&["t/x"][..], &["-r", "t"]] {
        let server = Faulty::new(&[("up/x", b"old"), ("x", b"old")], &[]);
        let url = if arguments.len() == 1 { server.url("up/x") } else { server.url("up") };
        let put = [&["put", "--atomic", "--retries", "0"], arguments, &[&url]].concat();
        wharf(&put).within(here.path()).ends_with(0);
        for line in ["STOR up/.x.wharf-part", "RNFR up/.x.wharf-part", "RNTO up/x"] {
            assert_eq!(heard(&server, line), 1, "{arguments:?} {line}");
        }
        assert_eq!(server.file("up/x").as_deref(), Some(&b"t/x"[..]));
        assert_eq!(server.file("up/.x.wharf-part"), None);
    }
    for fault in [StopsReading(1, "451 disk on fire"), Forgets] {
        let server = Faulty::new(&[("x", b"old")], &[fault]);
        let arguments = ["put", "--atomic", "--retries", "0", "t/x", &server.url("x")];
        let _ = wharf(&arguments).within(here.path()).begin().wait_with_output().unwrap();
        assert_eq!(heard(&server, "STOR x"), 0);
        assert_eq!(server.file("x").as_deref(), Some(&b"old"[..]));
    }
}

#[test]
fn where_a_name_must_be_free_the_old_file_goes_when_the_new_one_is_whole() {
    let here = folder(&["x"]);
    let server = Faulty::new(&[("x", b"old")], &[NoRenameOver]);
    wharf(&["put", "--atomic", "x", &server.url("x")]).within(here.path()).ends_with(0);
    assert_eq!(server.file("x").as_deref(), Some(&b"x"[..]));
}

#[test]
fn an_old_file_that_an_upload_left_aside_goes_when_the_new_one_is_there() {
    let here = folder(&["t/x"]);
    let left: [(&str, &[u8]); 2] = [(".x.wharf-old", b"older"), (".y.wharf-old", b"other")];
    for (command, place) in [
        (&["put", "--atomic", "t/x"][..], "x"),
        (&["sync", "t"], ""),
        (&["sync", "--plan", "plan", "t"], ""),
    ] {
        let server = Faulty::new(&left, &[]);
        let url = server.url(place);
        let ending = wharf(&[command, &[&url]].concat()).within(here.path()).ends_with(0);
        let ending = match command.contains(&"--plan") {
            true => wharf(&["sync", "--apply", "plan"]).within(here.path()).ends_with(0),
            false => ending,
        };
        if command[0] == "put" {
            ending.saying("left on the server by an upload that broke off");
        } else {
            ending.saying("1 deleted");
        }
        assert_eq!(server.file("x").as_deref(), Some(&b"t/x"[..]), "{command:?}");
        assert_eq!(server.file(".x.wharf-old"), None, "{command:?}");
        // Of this one there is no newer version.
        assert!(server.file(".y.wharf-old").is_some(), "{command:?}");
    }
    let server = Faulty::new(&left, &[Reply("STOR", "553 not this one")]);
    wharf(&["sync", "t", &server.url("")]).within(here.path()).ends_with(6);
    assert!(server.file(".x.wharf-old").is_some());
    let rows: &[&[u8]] = &[b"type=file;size=5; .x.wharf-old"];
    let server = Faulty::new(
        &[("up/.x.wharf-old", b"older")],
        &[Reply("MKD", "550 it is there"), Rows(rows)],
    );
    let put = ["put", "-r", "--atomic", "t", &server.url("up")];
    wharf(&put)
        .within(here.path())
        .ends_with(0)
        .saying("x: an older version was left on the server");
    assert_eq!(server.file("up/.x.wharf-old"), None);
}

#[test]
fn the_settings_of_a_host_may_ask_for_temporary_names_and_the_command_line_wins() {
    let here = folder(&["x"]);
    fs::write(here.path().join("settings"), "[host.\"127.0.0.1\"]\natomic = true\n").unwrap();
    let server = Faulty::new(&[], &[]);
    for (more, stored) in [(&[][..], "STOR .x.wharf-part"), (&["--in-place"], "STOR x")] {
        let url = server.url("x");
        let arguments = [&["put"], more, &["x", &url]].concat();
        let story = wharf(&arguments).within(here.path()).knowing("WHARF_SETTINGS", "settings");
        story.ends_with(0);
        assert_eq!(heard(&server, stored), 1);
    }
}

#[test]
fn a_server_that_says_no_good_bye_is_not_waited_for_when_all_is_done() {
    let server = Faulty::new(&[("x", b"bytes")], &[Delay("QUIT", Duration::from_secs(9))]);
    let (here, begun) = (folder(&[]), Instant::now());
    wharf(&["get", "-r", &server.url(""), "got"]).within(here.path()).ends_with(0);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

/// Longer than any of these takes on a busy machine.
const ENDS: Duration = Duration::from_secs(60);

#[test]
fn a_server_that_goes_down_in_the_midst_of_a_tree_ends_it_when_the_retries_are_used_up() {
    let names: Vec<String> = (0..400).map(|number| format!("f{number}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    for retries in ["0", "1"] {
        let server = Faulty::new(&files, &[GoesDown(100)]);
        let here = folder(&[]);
        let url = server.url("");
        let options = ["get", "-r", "-j4", "--timeout", "2", "--retries", retries, &url, "got"];
        wharf(&options).within(here.path()).ends_within(ENDS, 3).saying(" files, 1");
    }
}

#[test]
fn an_older_file_of_the_same_size_goes_up_if_it_was_changed_since_the_upload_of_the_other_one() {
    const SINCE: Fault = Rows(&[b"type=file;size=1;modify=20200101000000; x"]);
    const BEFORE: Fault = Rows(&[b"type=file;size=1;modify=20990101000000; x"]);
    for (listed, goes) in [(SINCE, true), (BEFORE, false)] {
        let server = Faulty::new(&[("x", b"y")], &[listed, Reply("MKD", "550 it is there")]);
        let here = folder(&["x"]);
        let file = fs::File::options().write(true).open(here.path().join("x")).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
        for arguments in [&["sync"][..], &["put", "-r"]] {
            let (there, url) = (here.path().to_str().unwrap(), server.url("pub"));
            let ending = wharf(&[arguments, &[there, &url]].concat()).ends_with(0);
            let says = if goes { "as old as their upload" } else { "1 the same already" };
            ending.saying(says);
            let stored = server.heard().iter().any(|line| line.starts_with("STOR "));
            assert_eq!(stored, goes, "{:?}", server.heard());
        }
    }
}

#[test]
fn what_was_deleted_here_is_counted() {
    let server = Faulty::new(&[("x", b"x")], &[]);
    let here = folder(&["x", "old", "gone/one", "gone/two"]);
    let there = here.path().to_str().unwrap();
    let arguments = ["sync", "--delete", "--max-delete", "100%", &server.url(""), there];
    wharf(&arguments).ends_with(0).saying("; 4 deleted");
    assert_eq!(names(here.path()), ["x"]);
}

#[test]
fn a_folder_at_which_the_server_drops_the_session_fails_alone() {
    let here = folder(&["bad/c", "ok/a", "b"]);
    let there = here.path().to_str().unwrap();
    let server = Faulty::new(&[], &[HangsUp("MKD up/bad")]);
    let ending = wharf(&["sync", "--retries", "1", there, &server.url("up")]).ends_within(ENDS, 1);
    ending.saying("bad: ").saying("1 file in it, for want of the folder");
    assert_eq!(server.file("up/ok/a").as_deref(), Some(&b"ok/a"[..]));
    assert_eq!(server.file("up/b").as_deref(), Some(&b"b"[..]));

    const ROWS: Fault = Rows(&[b"type=dir; d", b"type=dir; e", b"type=file;size=5; x"]);
    let faults = [ROWS, HangsUp("MLSD pub/d"), HangsUp("MLSD pub/e")];
    let server = Faulty::new(&[("pub/x", b"bytes")], &faults);
    let arguments = ["get", "-r", "--retries", "1", &server.url("pub"), "got"];
    wharf(&arguments).within(here.path()).ends_within(ENDS, 1).saying("2 failed");
    assert_eq!(names(&here.path().join("got")), ["x"]);
}

#[test]
fn a_listing_whose_data_connection_broke_is_asked_for_again() {
    for faults in [
        &[Few("MLSD", "426 broken off", 1)][..],
        &[NoFacts, Few("LIST", "425 no data connection", 1)],
    ] {
        let server = Faulty::new(&[("x", b"bytes")], faults);
        let here = folder(&[]);
        let there = here.path().to_str().unwrap();
        wharf(&["sync", "-n", &server.url(""), there]).ends_within(ENDS, 0);
        let server = Faulty::new(&[("x", b"bytes")], faults);
        wharf(&["ls", &server.url("")]).ends_within(ENDS, 0);
    }
}

#[test]
fn what_a_server_does_not_say_of_a_refusal_is_found_out() {
    const MKDIR: &str = "550 Create directory operation failed.";
    const RETR: Fault = Reply("RETR", "550 Failed to open file.");
    let server = Faulty::new(FILES, &[RETR]);
    let here = folder(&[]);
    for command in ["cat", "get"] {
        let story = wharf(&[command, &server.url("pub")]).within(here.path());
        story.ends_with(6).saying("it is a folder").saying("get -r");
    }
    let none = [RETR, Reply("CWD typo", "550 Failed to change directory.")];
    let server = Faulty::new(FILES, &none);
    wharf(&["cat", &server.url("typo")]).ends_with(5).saying("check the spelling");

    const DELE: Fault = Reply("DELE", "550 Delete operation failed.");
    let server =
        Faulty::new(FILES, &[RETR, DELE, Reply("CWD x", "550 no"), Reply("SIZE x", "213 5")]);
    for command in ["rm", "cat"] {
        wharf(&[command, &server.url("x")]).ends_with(6).saying("it is there, but");
    }
    wharf(&["rm", &server.url("pub")]).ends_with(6).saying("rm -r");
    // What is listed is there, whatever is said of it.
    wharf(&["rm", "-r", &server.url("pub")]).ends_with(6).saying("it is there, but");
    let faults =
        [DELE, Reply("CWD x", "550 no"), Reply("MLSD", "550 no"), Reply("SIZE x", "213 5")];
    let server = Faulty::new(FILES, &faults);
    wharf(&["rm", "-r", &server.url("x")]).ends_with(6).saying("it is there, but");

    let server = Faulty::new(FILES, &[Reply("MKD", MKDIR)]);
    wharf(&["mkdir", &server.url("pub")]).ends_with(6).saying("it is there already").saying("-p");
    let nowhere = [Reply("MKD", MKDIR), Reply("CWD", "550 Failed to change directory.")];
    let server = Faulty::new(FILES, &nowhere);
    wharf(&["mkdir", &server.url("a/b/c")]).ends_with(5).saying("mkdir -p makes the folders above");
    wharf(&["mkdir", &server.url("a")]).ends_with(6).saying("this user may not write there");

    let there = here.path().to_str().unwrap();
    wharf(&["put", there, &server.url("x")]).ends_with(8).saying("put -r");
    let help = wharf(&["sync", "--help"]).ends_with(0);
    assert!(!String::from_utf8_lossy(&help.out).contains("--retry-failed"));
}

#[test]
fn a_plan_that_cannot_be_written_is_told_before_the_trees_are_compared() {
    let here = folder(&[]);
    let there = here.path().to_str().unwrap();
    let plan = ["sync", there, "ftp://127.0.0.1:1/x", "--plan", "nowhere/plan"];
    wharf(&plan).within(here.path()).ends_with(8).saying("nowhere/plan");
    assert_eq!(names(here.path()), [""; 0]);
}

#[test]
fn an_mlst_that_feat_promises_and_that_is_not_there_is_done_without() {
    let server = Faulty::new(FILES, &[Reply("MLST", "502 not here")]);
    let told = wharf(&["stat", &server.url("x")]).ends_with(0);
    assert!(String::from_utf8_lossy(&told.out).contains("size      5\n"));
}

/// Rows of a file `x` of five bytes, modified so many seconds after 1970 and listed by a clock that is so many hours ahead
/// of UTC: as LIST has it while the file is young, and half a year later.
fn young_and_old(modified: i64, ahead: i64) -> [Fault; 2] {
    let at = Timestamp::new(modified, 0).shifted(ahead * 3600).civil();
    let month =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            [usize::from(at.month) - 1];
    [format!("{:02}:{:02}", at.hour, at.minute), format!(" {}", at.year)].map(|when| {
        let row = format!("-rw-r--r-- 1 u g 5 {month} {:2} {when} x", at.day);
        // A fault lives as long as its server, which is as long as the test.
        Rows(Vec::leak(vec![&*Vec::leak(row.into_bytes())]))
    })
}

/// A moment some ninety days ago, at such an hour of UTC, and what MDTM says of it.
fn lately(hour: i64) -> (i64, Fault) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let day = i64::try_from(now / 86_400).unwrap() - 90;
    let modified = day * 86_400 + hour * 3600 + 17 * 60 + 42;
    let told = format!("213 {}", Timestamp::new(modified, 0).print_mdtm());
    (modified, Reply("MDTM", String::leak(told)))
}

#[test]
fn a_file_that_was_fetched_is_the_same_when_half_a_year_later_the_listing_tells_only_its_day() {
    // With UTC's day before, the same, and the one after.
    for (hour, ahead) in [(20, 9), (2, -8), (12, 0), (23, 14), (1, -12)] {
        let (modified, mdtm) = lately(hour);
        let [young, old] = young_and_old(modified, ahead);
        let here = folder(&["t/y"]);
        let served = |row| Faulty::new(&[("x", b"bytes")], &[NoFacts, row, mdtm.clone()]);
        for (row, printed) in [(young.clone(), "+ x  (missing)\n"), (young, ""), (old, "")] {
            let (server, case) = (served(row), format!("{hour} {ahead}"));
            let url = server.url("");
            let plan = ["sync", "--dry-run", &url, "t"];
            let planned = wharf(&plan).within(here.path()).ends_with_for(0, &case);
            assert_eq!(String::from_utf8_lossy(&planned.out), printed, "{case}");
            wharf(&["get", "-r", &url, "t"]).within(here.path()).ends_with_for(0, &case);
            let fetched = server.heard().iter().any(|line| line.starts_with("RETR "));
            assert_eq!(fetched, !printed.is_empty(), "{case}: {:?}", server.heard());
        }
    }
}

#[test]
fn a_file_that_was_stored_stays_when_half_a_year_later_the_listing_tells_only_its_day() {
    for (hour, ahead) in [(20, 9), (2, -8), (12, 0), (23, 14), (1, -12)] {
        let (modified, mdtm) = lately(hour);
        let [young, old] = young_and_old(modified, ahead);
        let here = folder(&["t/x"]);
        fs::write(here.path().join("t/x"), "bytes").unwrap();
        let file = fs::File::options().write(true).open(here.path().join("t/x")).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(modified.try_into().unwrap());
        file.set_modified(time).unwrap();
        for row in [young, old] {
            let server = Faulty::new(&[("x", b"bytes")], &[NoFacts, row, mdtm.clone()]);
            let plan = ["sync", "--dry-run", "t", &server.url("")];
            let case = format!("{hour} {ahead}");
            let planned = wharf(&plan).within(here.path()).ends_with_for(0, &case);
            assert_eq!(String::from_utf8_lossy(&planned.out), "", "{case}");
        }
    }
}

#[test]
fn a_plan_holds_when_the_listing_tells_only_a_day_by_now_and_not_when_that_is_another_one() {
    let (modified, mdtm) = lately(20);
    let [young, old] = young_and_old(modified, 9);
    let [_, other] = young_and_old(modified - 3 * 86_400, 9);
    for (up, row, code) in
        [(false, &old, 0), (true, &old, 0), (false, &other, 1), (true, &other, 1)]
    {
        let here = folder(&["t/x"]);
        fs::write(here.path().join("t/x"), "others").unwrap();
        let planned = Faulty::new(&[("x", b"bytes")], &[NoFacts, young.clone(), mdtm.clone()]);
        let now = Faulty::new(&[("x", b"bytes")], &[NoFacts, row.clone(), mdtm.clone()]);
        let (before, after) = (planned.url(""), now.url(""));
        let ends = if up { ["t", &before] } else { [&before, "t"] };
        let plan = [&["sync", "--plan", "plan"], &ends[..]].concat();
        wharf(&plan).within(here.path()).ends_with(0);
        // The same server half a year later.
        let file = here.path().join("plan");
        let text = fs::read_to_string(&file).unwrap();
        let moved = text.replace(before.trim_end_matches('/'), after.trim_end_matches('/'));
        assert_ne!(text, moved, "{before}");
        fs::write(&file, moved).unwrap();
        let case = format!("up: {up}, {row:?}");
        let ending =
            wharf(&["sync", "--apply", "plan"]).within(here.path()).ends_with_for(code, &case);
        assert_eq!(ending.said().contains("x: left out: changed since the plan"), code == 1);
        let verb = if up { "STOR " } else { "RETR " };
        let moved = now.heard().iter().any(|line| line.starts_with(verb));
        assert_eq!(moved, code == 0, "{case}: {:?}", now.heard());
    }
}

#[test]
fn a_file_whose_place_a_link_would_take_stays_while_the_plan_has_not_seen_everything() {
    const LINK: &[u8] = b"lrwxrwxrwx 1 u g 1 Jan  1  2020 x -> y";
    const FILE: &[u8] = b"-rw-r--r-- 1 u g 1 Jan  1  2020 y";
    const FOLDER: &[u8] = b"drwxr-xr-x 2 u g 1 Jan  1  2020 shut";
    for (rows, is_blind) in [(&[LINK, FILE, FOLDER][..], true), (&[LINK, FILE], false)] {
        let shut = Reply("CWD shut", "550 not yours");
        let server = Faulty::new(&[("y", b"y")], &[NoFacts, Rows(rows), shut]);
        let here = folder(&["t/x", "t/y"]);
        let url = server.url("");
        let arguments = ["sync", "--delete", "--max-delete", "100%", &url, "t"];
        wharf(&arguments).within(here.path()).ends_with(i32::from(is_blind));
        let place = here.path().join("t/x");
        match is_blind {
            true => assert_eq!(fs::read(&place).unwrap(), b"t/x"),
            false => assert_eq!(fs::read_link(&place).unwrap(), Path::new("y")),
        }
        assert_eq!(fs::read(here.path().join("t/y")).unwrap(), b"y");
    }
}

#[test]
fn who_has_asked_for_the_list_of_what_failed_is_not_told_to_ask_for_it() {
    let names: Vec<String> = (0..60).map(|nth| format!("f{nth}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &b"x"[..])).collect();
    let server = Faulty::new(&files, &[Reply("RETR", "550 Permission denied.")]);
    let here = folder(&[]);
    let arguments = ["get", "-r", &server.url(""), "out"];
    wharf(&arguments)
        .within(here.path())
        .ends_with(1)
        .saying("only counted; --failed FILE lists all");
    let list = [&arguments[..], &["--failed", "F"]].concat();
    wharf(&list)
        .within(here.path())
        .ends_with(1)
        .saying("only counted; --failed lists all at the end");
    assert_eq!(fs::read_to_string(here.path().join("F")).unwrap().lines().count(), 60);
}
