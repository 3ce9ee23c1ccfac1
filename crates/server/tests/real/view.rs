//! What a member is granted: trees at names, rules, and a drop box.

use crate::raw::Running;
use std::io::Write;
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Account, Rights};
use wharf_proto::verb::Right;
use wharf_server::accounts::{Member, Mount, Mounted, Rule};

fn path(text: &str) -> VirtualPath {
    VirtualPath::root().join(text.as_bytes()).unwrap()
}

fn member(name: &str, rights: Rights) -> Member {
    Member::new(Account::new(name.into(), rights))
}

fn running(member: Member) -> Running {
    Running::with(|config| {
        config.accounts = config.accounts.clone().with_member(member, "secret");
    })
}

fn drop_box(beneath: &str) -> Rule {
    Rule { beneath: path(beneath), rights: Rights::of(Right::Write) }
}

#[test]
fn s06_a_drop_box_takes_new_files_and_shows_and_replaces_none() {
    let rules = vec![drop_box("/box"), Rule { beneath: path("/none"), rights: Rights::NONE }];
    let server = running(Member { rules, ..member("dora", Rights::WRITER) });
    for folder in ["box", "none"] {
        std::fs::create_dir(server.path().join(folder)).unwrap();
        server.write(&format!("{folder}/theirs"), "somebody else's");
    }
    let mut dora = server.login("dora", "secret");
    dora.command("TYPE I", 200);
    dora.command("CWD none", 550);
    dora.command("CWD box", 250);
    dora.store("STOR mine", b"handed in");
    assert_eq!(server.read("box/mine"), b"handed in");
    dora.command("ALLO 1", 200);
    for name in ["theirs", "mine"] {
        for command in ["SIZE", "MDTM", "MLST", "RNFR", "DELE", "HASH", "XCRC", "CWD", "STAT"] {
            dora.command(&format!("{command} {name}"), 550);
        }
        for command in ["RETR", "LIST", "NLST", "MLSD", "APPE"] {
            dora.pasv();
            dora.command(&format!("{command} {name}"), 550);
        }
        dora.pasv();
        dora.command(&format!("STOR {name}"), 553);
        dora.command(&format!("SITE COPY mine {name}"), 550);
        dora.command(&format!("MFMT 20200101000000 {name}"), 550);
        dora.command(&format!("SITE CHMOD 777 {name}"), 550);
    }
    for nothing in ["CWD theirs/x", "CWD not-there"] {
        assert_eq!(dora.command(nothing, 550), "Permission denied.", "it tells what is there");
    }
    assert_eq!(server.read("box/theirs"), b"somebody else's");
    dora.command("CWD /", 250);
    let listed = String::from_utf8(dora.fetch("NLST")).unwrap();
    assert_eq!(listed, "box\r\n", "what nothing may be done with is not shown");
}

#[test]
fn an_upload_to_a_drop_box_never_replaces_what_comes_there_meanwhile() {
    let server = running(Member { rules: vec![drop_box("/")], ..member("dora", Rights::WRITER) });
    let mut dora = server.login("dora", "secret");
    let mut data = dora.passive();
    dora.command("STOR f", 125);
    data.write_all(b"mine").unwrap();
    server.write("f", "theirs");
    drop(data);
    dora.expect(553);
    assert_eq!(server.read("f"), b"theirs");
}

#[test]
fn an_account_that_may_only_write_has_a_drop_box_without_any_rule() {
    let server = running(member("dora", Rights::of(Right::Write)));
    server.write("theirs", "theirs");
    let mut dora = server.login("dora", "secret");
    dora.store("STOR mine", b"mine");
    dora.pasv();
    dora.command("STOR theirs", 553);
    assert_eq!(server.read("theirs"), b"theirs");
}

#[test]
fn trees_at_names_are_folders_for_every_verb_and_copies_between_them_are_copies() {
    let home = tempfile::tempdir().unwrap();
    let mounts = vec![
        Mount { at: path("/"), what: Mounted::Folder(home.path().into()) },
        Mount { at: path("/shared/pub"), what: Mounted::Served(path("/pub")) },
    ];
    let rules = vec![Rule { beneath: path("/shared"), rights: Rights::READER }];
    let server = running(Member { mounts, rules, ..member("max", Rights::WRITER) });
    std::fs::create_dir(server.path().join("pub")).unwrap();
    server.write("pub/paper", "read me");
    server.write("outside-of-pub", "not for max");
    std::fs::write(home.path().join("mine"), "mine").unwrap();
    let mut max = server.login("max", "secret");
    max.command("TYPE I", 200);
    assert!(String::from_utf8(max.fetch("LIST")).unwrap().contains("shared"));
    max.command("CWD shared", 250);
    let facts = String::from_utf8(max.fetch("MLSD")).unwrap();
    assert!(facts.contains("type=dir;") && facts.ends_with(" pub\r\n"), "{facts}");
    assert!(facts.contains("perm=el;"), "a reader's folder: {facts}");
    max.command("CWD pub", 250);
    assert_eq!(max.fetch("RETR paper"), b"read me");
    for command in ["RMD /shared/pub", "RMD /shared", "DELE /shared/pub", "RNFR /shared", "CWD .."]
    {
        let code = if command == "CWD .." { 250 } else { 550 };
        max.command(command, code);
    }
    max.pasv();
    max.command("STOR /shared/pub/new", 553);
    max.command("RETR /outside-of-pub", 550);
    max.command("SITE COPY /shared/pub/paper /paper", 200);
    assert_eq!(std::fs::read(home.path().join("paper")).unwrap(), b"read me");
    max.command("RNFR /mine", 350);
    max.command("RNTO /shared/pub/mine", 553);
    assert!(home.path().join("mine").exists());
}

#[test]
fn a_file_is_not_renamed_into_another_tree_even_with_every_right() {
    let home = tempfile::tempdir().unwrap();
    let mut eve = member("max", Rights::WRITER);
    eve.mounts.push(Mount { at: path("/home"), what: Mounted::Folder(home.path().into()) });
    let server = running(eve);
    server.write("f", "f");
    let mut max = server.login("max", "secret");
    max.command("RNFR f", 350);
    assert!(max.command("RNTO home/f", 553).starts_with("That leads into another tree"));
    assert_eq!(server.read("f"), b"f");
}

#[test]
fn permissions_tell_the_truth_of_each_name() {
    let rules = vec![
        Rule { beneath: path("/r"), rights: Rights::READER },
        Rule { beneath: path("/w/sub/r"), rights: Rights::READER },
    ];
    let server = running(Member { rules, ..member("max", Rights::WRITER) });
    std::fs::create_dir_all(server.path().join("w/sub")).unwrap();
    std::fs::create_dir(server.path().join("r")).unwrap();
    server.write("r/f", "f");
    server.write("w/sub/r", "f");
    server.write("w/sub/w", "f");
    let mut max = server.login("max", "secret");
    for (folder, name, expected) in
        [("/", "r", "el"), ("/r", "f", "r"), ("/w/sub", "r", "r"), ("/w/sub", "w", "adfrw")]
    {
        let rows = String::from_utf8(max.fetch(&format!("MLSD {folder}"))).unwrap();
        let row = rows.lines().find(|row| row.ends_with(&format!(" {name}"))).unwrap();
        assert!(row.to_lowercase().contains(&format!("perm={expected};")), "{row}");
        let facts = max.command(&format!("MLST {folder}/{name}"), 250).to_lowercase();
        assert!(facts.contains(&format!("perm={expected};")), "{facts}");
    }
}

#[test]
fn a_member_whose_own_folder_is_gone_hears_so_at_the_login() {
    let mounts = vec![Mount { at: path("/"), what: Mounted::Folder("/nonexistent/wharf".into()) }];
    let server = running(Member { mounts, ..member("max", Rights::WRITER) });
    let mut raw = server.connect();
    raw.command("USER max", 331);
    assert!(raw.command("PASS secret", 530).contains("cannot be opened"));
    raw.command("PWD", 530);
}

#[test]
fn sessions_of_a_member_are_bounded_and_a_place_is_free_again_when_one_ends() {
    let server = running(Member { sessions: Some(1), ..member("max", Rights::WRITER) });
    let mut first = server.login("max", "secret");
    let mut second = server.connect();
    second.command("USER max", 331);
    second.command("PASS secret", 530);
    first.command("USER max", 331);
    first.command("PASS secret", 230);
    first.command("QUIT", 221);
    drop(first);
    server.wait_for(|what| matches!(what, wharf_proto::tap::What::ControlClosed { .. }));
    // The place is given back just behind the event.
    let mut code = 530;
    for _ in 0..1000 {
        second.command("USER max", 331);
        second.send("PASS secret");
        code = second.reply().0;
        if code == 230 {
            break;
        }
    }
    assert_eq!(code, 230);
    second.command("USER bob", 331);
    second.command("PASS secret", 230);
}
