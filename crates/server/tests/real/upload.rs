//! STOR, APPE and REST: a name shows a file only when the file is whole.

use crate::raw::{Raw, Running};
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use wharf_proto::tap::{HalfEnd, Party, What};

fn broken_upload(server: &Running, command: &str, bytes: &[u8]) {
    broken_upload_in(server, "", command, bytes);
}

fn broken_upload_in(server: &Running, folder: &str, command: &str, bytes: &[u8]) {
    let mut raw = server.bob();
    let mut data = raw.passive();
    raw.command(command, 125);
    data.write_all(bytes).unwrap();
    // The control connection dies with the transfer under way.
    server.wait_for(|what| matches!(what, What::DataOpened { .. }));
    wait_for_partial(server, folder, bytes.len() as u64);
    raw.control.shutdown(Shutdown::Both).unwrap();
    // The bytes were the client's, and the server has sent none.
    let (conn, all) = (1, bytes.len() as u64);
    let told = [
        What::DataEnded { conn, by: Party::Client, bytes: all, how: HalfEnd::Cut },
        What::DataEnded { conn, by: Party::Server, bytes: 0, how: HalfEnd::Reset },
    ];
    told.into_iter().for_each(|told| server.wait_for(|what| *what == told));
    server.events.lock().unwrap().clear();
}

/// An upload of which the bytes have come, and which has not ended: the data connection to end it with.
fn half_an_upload(
    server: &Running,
    raw: &mut Raw,
    commands: &[&str],
    bytes: &[u8],
    size: u64,
) -> TcpStream {
    let begins = lead_up(raw, commands);
    let mut data = raw.passive();
    raw.command(begins, 125);
    data.write_all(bytes).unwrap();
    wait_for_partial(server, "", size);
    data
}

/// Says all of these but the last, which begins the transfer.
fn lead_up<'c>(raw: &mut Raw, commands: &[&'c str]) -> &'c str {
    let (last, before) = commands.split_last().unwrap();
    for command in before {
        raw.command(command, 350);
    }
    last
}

pub(crate) fn wait_for_partial(server: &Running, folder: &str, size: u64) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let there = || {
        std::fs::read_dir(server.path().join(folder)).unwrap().any(|entry| {
            let entry = entry.unwrap();
            let hidden = entry.file_name().to_string_lossy().starts_with(".wharf-");
            hidden && entry.metadata().is_ok_and(|metadata| metadata.len() == size)
        })
    };
    while !there() {
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    }
}

#[test]
fn a_whole_upload_takes_the_name_and_keeps_the_permissions_of_the_old_version() {
    use std::os::unix::fs::PermissionsExt;
    let server = Running::new();
    server.write("f", "old");
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(server.path().join("f"), mode).unwrap();
    server.bob().store("STOR f", b"new content");
    assert_eq!(server.read("f"), b"new content");
    let mode = std::fs::metadata(server.path().join("f")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(server.names(), ["f"]);
}

#[test]
fn an_upload_that_broke_off_is_given_up_by_dele_of_its_holder_and_told_to_who_removes_its_folder() {
    let server = Running::new();
    std::fs::create_dir(server.path().join("d")).unwrap();
    broken_upload_in(&server, "d", "STOR d/f", b"first ");
    let (mut bob, mut eve) = (server.bob(), server.login("eve", "secret"));
    eve.command("DELE d/f", 550);
    for command in ["RMD d", "SITE RMDIR -r d"] {
        assert!(eve.command(command, 550).contains("an upload that broke off"), "{command}");
    }
    bob.command("DELE d/f", 250);
    bob.command("DELE d/f", 550);
    bob.command("SIZE d/f", 550);
    eve.command("RMD d", 250);
}

#[test]
fn a_broken_upload_is_seen_by_its_holder_alone_who_can_go_on() {
    let server = Running::new();
    broken_upload(&server, "STOR f", b"first ");
    let mut eve = server.eve();
    eve.command("SIZE f", 550);
    assert_eq!(eve.fetch("NLST"), b"");
    let reserved = server.names().into_iter().find(|name| name.starts_with(".wharf-")).unwrap();
    eve.pasv();
    eve.command(&format!("RETR {reserved}"), 550);
    eve.command(&format!("DELE {reserved}"), 550);
    eve.command(&format!("SITE SYMLINK {reserved} x"), 550);

    let mut bob = server.bob();
    assert_eq!(bob.command("SIZE f", 213), "6");
    bob.command("REST 6", 350);
    bob.store("STOR f", b"second");
    assert_eq!(server.read("f"), b"first second");
    assert_eq!(server.names(), ["f"]);
}

#[test]
fn a_broken_upload_is_hashed_for_its_holder_alone_in_whole_and_in_part() {
    use sha2::{Digest, Sha256};
    let sum = |bytes: &[u8]| -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let server = Running::new();
    broken_upload(&server, "STOR f", b"first ");
    let mut bob = server.bob();
    assert_eq!(bob.command("HASH f", 213), format!("SHA-256 0-5 {} /f", sum(b"first ")));
    bob.command("RANG 2 4", 350);
    assert_eq!(bob.command("HASH f", 213), format!("SHA-256 2-4 {} /f", sum(b"rst")));
    assert_eq!(bob.command("XSHA256 f", 250), sum(b"first "));
    bob.pasv();
    bob.command("RETR f", 550);
    let mut eve = server.eve();
    for command in ["HASH f", "XCRC f", "XMD5 f", "XSHA1 f"] {
        eve.command(command, 550);
    }
    // Where something has the name, that is meant.
    server.write("f", "whole");
    assert_eq!(bob.command("HASH f", 213), format!("SHA-256 0-4 {} /f", sum(b"whole")));
}

#[test]
fn an_upload_whose_client_is_gone_right_behind_its_last_byte_is_not_taken_for_whole() {
    let server = Running::with(|config| config.doubt_time = std::time::Duration::from_secs(20));
    let mut bob = server.bob();
    let mut data = bob.passive();
    bob.command("STOR f", 125);
    data.write_all(&[7; 100_000]).unwrap();
    data.shutdown(Shutdown::Both).unwrap();
    server.wait_for(|what| matches!(what, What::DataEnded { how: HalfEnd::Fin, .. }));
    bob.control.shutdown(Shutdown::Both).unwrap();
    server.wait_for(|what| matches!(what, What::ControlClosed { .. }));
    assert!(!server.path().join("f").exists());
    assert_eq!(server.bob().command("SIZE f", 213), "100000");
}

#[test]
fn a_broken_new_version_is_gone_on_with_by_its_holder_and_all_others_see_the_old_one() {
    let (old, new) = ([b'o'; 100], [b'n'; 90]);
    for go_on in [["REST 40", "STOR f"].as_slice(), &["APPE f"]] {
        let server = Running::new();
        server.write("f", old);
        broken_upload(&server, "STOR f", &new[..40]);
        assert_eq!(server.read("f"), old);
        let (mut bob, mut eve) = (server.bob(), server.eve());
        assert_eq!(
            (bob.command("SIZE f", 213), eve.command("SIZE f", 213)),
            ("40".into(), "100".into())
        );
        assert!(bob.command("HASH f", 213).starts_with("SHA-256 0-39 "));
        assert_eq!((bob.fetch("RETR f"), eve.fetch("RETR f")), (old.to_vec(), old.to_vec()));
        bob.command("REST 41", 350);
        bob.pasv();
        bob.command("STOR f", 554);
        let begins = lead_up(&mut bob, go_on);
        bob.store(begins, &new[40..]);
        assert_eq!(server.read("f"), new, "{go_on:?}");
        assert_eq!((server.names(), bob.command("SIZE f", 213)), (vec!["f".into()], "90".into()));
    }
}

#[test]
fn a_broken_new_version_of_what_others_have_replaced_is_mixed_with_nothing() {
    let server = Running::new();
    server.write("f", "old version");
    broken_upload(&server, "STOR f", b"new");
    let (mut bob, mut eve) = (server.bob(), server.eve());
    eve.store("STOR f", b"hers");
    assert_eq!(bob.command("SIZE f", 213), "4");
    bob.store("APPE f", b" and his");
    assert_eq!(server.read("f"), b"hers and his");
    bob.command("DELE f", 250);
    bob.command("SIZE f", 550);
}

#[test]
fn a_broken_append_is_gone_on_with_while_the_file_is_what_it_was() {
    let server = Running::new();
    server.write("f", "old ");
    let mut bob = server.bob();
    let data = half_an_upload(&server, &mut bob, &["APPE f"], b"mine", 8);
    bob.send("ABOR");
    bob.expect(426);
    bob.expect(226);
    drop(data);
    assert_eq!((server.read("f"), bob.command("SIZE f", 213)), (b"old ".to_vec(), "8".into()));
    bob.store("APPE f", b" more");
    assert_eq!(server.read("f"), b"old mine more");
    assert_eq!(server.names(), ["f"]);
}

#[test]
fn while_a_new_version_is_written_its_holder_too_is_told_of_the_old_one() {
    let server = Running::new();
    server.write("f", "old version");
    let (mut first, mut second) = (server.bob(), server.bob());
    let data = half_an_upload(&server, &mut first, &["STOR f"], b"new", 3);
    assert_eq!(second.command("SIZE f", 213), "11");
    assert!(second.command("HASH f", 213).starts_with("SHA-256 0-10 "));
    second.command("REST 3", 350);
    second.pasv();
    second.command("STOR f", 450);
    drop(data);
    first.expect(226);
    assert_eq!((server.read("f"), second.command("SIZE f", 213)), (b"new".to_vec(), "3".into()));
}

#[test]
fn appe_goes_on_with_a_broken_upload_or_adds_to_the_file() {
    let server = Running::new();
    broken_upload(&server, "STOR f", b"one ");
    server.bob().store("APPE f", b"two ");
    assert_eq!(server.read("f"), b"one two ");
    server.bob().store("APPE f", b"three");
    assert_eq!(server.read("f"), b"one two three");
    server.bob().store("APPE new", b"x");
    assert_eq!(server.read("new"), b"x");
}

#[test]
fn copies_and_joins_neither_use_nor_harm_a_broken_upload() {
    use std::os::unix::fs::PermissionsExt;
    let server = Running::new();
    server.write("part", "whole");
    broken_upload(&server, "STOR f", b"broken");
    let mut bob = server.bob();
    bob.command("SITE COPY missing f", 550);
    assert_eq!(bob.command("SIZE f", 213), "6");
    bob.command("SITE UMASK 077", 200);
    bob.command("COMB f part", 250);
    assert_eq!(server.read("f"), b"whole");
    let mode = std::fs::metadata(server.path().join("f")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(bob.command("SIZE f", 213), "5");
    // Where there is a file already it is added to, and not to what has broken off.
    broken_upload(&server, "STOR f", b"broken again");
    server.write("part", " and more");
    let mut bob = server.bob();
    bob.command("COMB f missing", 550);
    assert_eq!(bob.command("SIZE f", 213), "12");
    bob.command("COMB f part", 250);
    assert_eq!(server.read("f"), b"whole and more");
}

#[test]
fn rest_before_stor_keeps_the_start_of_a_whole_file() {
    let server = Running::new();
    server.write("f", "0123456789");
    let mut bob = server.bob();
    bob.command("REST 4", 350);
    bob.store("STOR f", b"abc");
    assert_eq!(server.read("f"), b"0123abc");
    bob.command("REST 99", 350);
    bob.pasv();
    bob.command("STOR f", 554);
    assert_eq!(server.read("f"), b"0123abc");
}

#[test]
fn a_second_writer_is_turned_away_while_the_first_goes_on() {
    let server = Running::new();
    let mut first = server.bob();
    let mut data = first.passive();
    first.command("STOR f", 125);
    let mut second = server.bob();
    second.pasv();
    second.command("STOR f", 450);
    data.write_all(b"mine").unwrap();
    drop(data);
    first.expect(226);
    assert_eq!(server.read("f"), b"mine");
}

#[test]
fn what_cannot_be_stored_is_refused_and_leaves_nothing() {
    let server = Running::new();
    std::fs::create_dir(server.path().join("d")).unwrap();
    let mut bob = server.bob();
    for (command, code) in [
        ("STOR d", 553),
        ("STOR missing/x", 553),
        ("STOR /", 553),
        ("STOR .wharf-00000000000000000000000000000000.part", 553),
        ("STOR a\0b", 553),
    ] {
        bob.pasv();
        bob.command(command, code);
    }
    assert_eq!(server.names(), ["d"]);
    // A name that the client sends with a data connection that then never brings a byte.
    let at = bob.pasv();
    bob.command("STOR empty", 150);
    drop(TcpStream::connect(at).unwrap());
    bob.expect(226);
    assert_eq!(server.read("empty"), b"");
}

#[test]
fn files_and_folders_are_made_renamed_and_removed() {
    let server = Running::new();
    let mut bob = server.bob();
    assert!(bob.command("MKD my \"folder\"", 257).starts_with("\"/my \"\"folder\"\"\" "));
    bob.command("MKD my \"folder\"", 550);
    bob.command("CWD my \"folder\"", 250);
    bob.store("STOR ファイル", b"x");
    bob.command("RNFR ファイル", 350);
    bob.command("RNTO ../moved", 250);
    bob.command("RNTO again", 503);
    bob.command("RNFR nothing", 550);
    bob.command("CDUP", 250);
    bob.command("RMD moved", 550);
    bob.command("DELE my \"folder\"", 550);
    bob.command("RMD my \"folder\"", 250);
    bob.command("DELE moved", 250);
    assert!(server.names().is_empty());
}

#[test]
fn a_data_connection_that_never_opens_costs_nothing_of_what_had_come() {
    let server = Running::new();
    broken_upload(&server, "STOR f", b"precious");
    let mut bob = server.bob();
    bob.pasv();
    bob.command("STOR f", 150);
    bob.send("ABOR");
    bob.expect(426);
    bob.expect(226);
    assert_eq!(bob.command("SIZE f", 213), "8");
}

#[test]
fn an_offset_into_translated_text_is_refused() {
    let server = Running::new();
    server.write("f", "0123456789");
    let mut bob = server.bob();
    bob.command("TYPE A", 200);
    bob.command("REST 4", 350);
    bob.command("STOR f", 504);
    assert_eq!(server.read("f"), b"0123456789");
}

#[test]
fn an_append_is_refused_when_the_file_has_changed_meanwhile_and_what_others_stored_stays() {
    for commands in [["APPE f"].as_slice(), &["REST 4", "STOR f"]] {
        for others in [["APPE f"].as_slice(), &["STOR f"], &["REST 4", "STOR f"]] {
            let server = Running::new();
            server.write("f", "old ");
            let (mut bob, mut eve) = (server.bob(), server.eve());
            let data = half_an_upload(&server, &mut bob, commands, b"mine", 8);
            let begins = lead_up(&mut eve, others);
            eve.store(begins, b"hers");
            let there = server.read("f");
            drop(data);
            let text = bob.expect(450);
            assert!(text.contains("SIZE"), "{text}");
            assert_eq!(server.read("f"), there, "{commands:?} {others:?}");
            // As it is now, it is added to.
            bob.store("APPE f", b" and mine");
            assert_eq!(server.read("f"), [there.as_slice(), b" and mine"].concat());
        }
    }
}

#[test]
fn two_appends_to_a_name_that_nobody_had_do_not_replace_each_other() {
    let server = Running::new();
    let (mut bob, mut eve) = (server.bob(), server.eve());
    let data = half_an_upload(&server, &mut bob, &["APPE f"], b"mine", 4);
    eve.store("APPE f", b"hers");
    drop(data);
    bob.expect(450);
    assert_eq!(server.read("f"), b"hers");
}

#[test]
fn of_two_users_who_store_a_whole_file_the_last_to_end_wins() {
    let server = Running::new();
    server.write("f", "old");
    let (mut bob, mut eve) = (server.bob(), server.eve());
    let data = half_an_upload(&server, &mut bob, &["STOR f"], b"mine", 4);
    eve.store("STOR f", b"hers");
    assert_eq!(server.read("f"), b"hers");
    drop(data);
    bob.expect(226);
    assert_eq!(server.read("f"), b"mine");
    assert_eq!(server.names(), ["f"]);
}

#[test]
fn an_append_to_a_file_that_was_taken_away_meanwhile_does_not_bring_it_back() {
    let server = Running::new();
    server.write("f", "old ");
    let (mut bob, mut eve) = (server.bob(), server.eve());
    let data = half_an_upload(&server, &mut bob, &["APPE f"], b"mine", 8);
    eve.command("RNFR f", 350);
    eve.command("RNTO g", 250);
    drop(data);
    bob.expect(450);
    assert!(!server.path().join("f").exists());
    assert_eq!(server.read("g"), b"old ");
}

#[test]
fn an_append_through_a_link_is_refused_when_what_it_leads_to_has_changed() {
    let server = Running::new();
    server.write("g", "old ");
    std::os::unix::fs::symlink("g", server.path().join("f")).unwrap();
    let (mut bob, mut eve) = (server.bob(), server.eve());
    let data = half_an_upload(&server, &mut bob, &["APPE f"], b"mine", 8);
    eve.store("APPE g", b"hers");
    drop(data);
    bob.expect(450);
    assert_eq!((server.read("f"), server.read("g")), (b"old hers".to_vec(), b"old hers".to_vec()));
    bob.store("APPE f", b" mine");
    assert_eq!(
        (server.read("f"), server.read("g")),
        (b"old hers mine".to_vec(), b"old hers".to_vec())
    );
}

#[test]
fn every_append_that_was_acknowledged_is_in_the_file_however_many_write_at_once() {
    let server = Running::new();
    server.write("f", "");
    let acknowledged = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for user in ["bob", "eve", "bob", "eve"] {
            let (server, acknowledged) = (&server, &acknowledged);
            scope.spawn(move || {
                let mut raw = server.login(user, "secret");
                raw.command("TYPE I", 200);
                for n in 0..40 {
                    let line = format!("{user} {:?} {n}\n", std::thread::current().id());
                    match append(&mut raw, line.as_bytes()) {
                        226 => acknowledged.lock().unwrap().push(line),
                        450 => {}
                        code => panic!("{code}"),
                    }
                }
            });
        }
    });
    let mut there: Vec<String> = String::from_utf8(server.read("f"))
        .unwrap()
        .split_inclusive('\n')
        .map(str::to_owned)
        .collect();
    let mut said = acknowledged.into_inner().unwrap();
    there.sort();
    said.sort();
    assert_eq!(there, said, "what was acknowledged is there, and nothing else is");
    assert!(!said.is_empty());
}

/// Adds to `f`; the reply's code.
fn append(raw: &mut Raw, bytes: &[u8]) -> u16 {
    let mut data = raw.passive();
    raw.send("APPE f");
    match raw.reply().0 {
        125 => {
            data.write_all(bytes).unwrap();
            drop(data);
            raw.reply().0
        }
        code => code,
    }
}
