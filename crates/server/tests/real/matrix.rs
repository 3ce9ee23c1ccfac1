//! Every verb that touches the tree, against every right missing (S6).
//!
//! The account's rights over all are complete, so that the machine lets every verb through: what refuses here is
//! the rule for the tree. One table says what each command needs; the rest is generated.

use crate::raw::{Raw, Running};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Account, Rights};
use wharf_proto::verb::{Argument, Right, Status, VERBS};
use wharf_server::accounts::{Member, Rule};

use Right::{Delete, Folders, List, Read as Reads, Rename, Write as Writes};

const RIGHTS: [Right; 6] = [List, Reads, Writes, Delete, Rename, Folders];

/// A command, or two, and the rights without each of which it must be refused.
const MATRIX: &[(&str, &[Right])] = &[
    ("RETR f", &[Reads]),
    ("RETR d.tar", &[Reads, List]),
    ("RETR d.tar.zst", &[Reads, List]),
    ("STOR f", &[Writes]),
    ("STOR new", &[Writes]),
    ("APPE f", &[Writes]),
    ("APPE new", &[Writes]),
    ("STOU", &[Writes]),
    ("STOU f", &[Writes]),
    ("LIST", &[List]),
    ("LIST f", &[List]),
    ("LIST d/*", &[List]),
    ("NLST d", &[List]),
    ("MLSD d", &[List]),
    ("MLST f", &[List]),
    ("STAT d", &[List]),
    ("SIZE f", &[List]),
    ("MDTM f", &[List]),
    ("DSIZ d", &[List]),
    // Who may list or store there may know how much room there is.
    ("AVBL", &[]),
    ("ALLO 1", &[]),
    ("CWD d", &[]),
    ("SMNT /", &[]),
    ("RNFR f|RNTO g", &[Rename]),
    ("RNFR d|RNTO e/d", &[Rename]),
    ("DELE f", &[Delete]),
    ("RMD e", &[Delete]),
    ("MKD new", &[Folders]),
    ("MFMT 20200101000000 f", &[Writes]),
    ("MFF modify=20200101000000; f", &[Writes]),
    ("MFF UNIX.mode=0600; f", &[Writes]),
    ("MFF lang=de; f", &[Writes]),
    ("HASH f", &[Reads]),
    ("XCRC f", &[Reads]),
    ("XMD5 f", &[Reads]),
    ("XSHA1 f", &[Reads]),
    ("XSHA256 f", &[Reads]),
    ("XSHA512 f", &[Reads]),
    ("COMB new f d/x", &[List, Reads, Writes, Delete]),
    ("COMB f d/x", &[List, Reads, Writes, Delete]),
    ("SITE CHMOD 600 f", &[Writes]),
    ("SITE UTIME 20200101000000 f", &[Writes]),
    ("SITE COPY f new", &[Reads, Writes]),
    ("SITE MKDIR new", &[Folders]),
    ("SITE MKDIR -p new/deep", &[Folders]),
    ("SITE RMDIR e", &[Delete]),
    ("SITE RMDIR -r d", &[Delete, List]),
];

/// Where there are rules no link is made, whatever the rights.
const NEVER: &str = "SITE SYMLINK f new";

fn all_but(missing: Option<Right>) -> Rights {
    let kept = RIGHTS.into_iter().filter(|right| Some(*right) != missing);
    kept.fold(Rights::NONE, Rights::with)
}

fn name_of(missing: Option<Right>) -> String {
    missing.map_or_else(|| "all".to_owned(), |right| format!("no-{right:?}"))
}

fn member(missing: Option<Right>) -> Member {
    let name = name_of(missing).as_str().into();
    let rule = Rule { beneath: VirtualPath::root(), rights: all_but(missing) };
    let account = Account::new(name, Rights::WRITER);
    Member { rules: vec![rule], ..Member::new(account) }
}

fn set_up(tree: &Path) {
    for entry in std::fs::read_dir(tree).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => std::fs::remove_dir_all(path).unwrap(),
            false => std::fs::remove_file(path).unwrap(),
        }
    }
    std::fs::create_dir(tree.join("d")).unwrap();
    std::fs::create_dir(tree.join("e")).unwrap();
    std::fs::write(tree.join("f"), "content of f").unwrap();
    std::fs::write(tree.join("d/x"), "content of x").unwrap();
}

/// Everything that is there: content, permissions and time by name.
fn seen(tree: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut waiting = vec![tree.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let facts = std::fs::symlink_metadata(&path).unwrap();
            let told = match facts.is_dir() {
                true => "folder".to_owned(),
                false => {
                    let (mode, time) = (facts.permissions(), facts.modified().unwrap());
                    format!("{mode:?} {time:?} {:?}", std::fs::read(&path).unwrap())
                }
            };
            all.insert(path.display().to_string(), told);
            if facts.is_dir() {
                waiting.push(path);
            }
        }
    }
    all
}

/// Carries a command out, with a data connection where it wants one; whether it was done.
fn is_done(raw: &mut Raw, command: &str) -> bool {
    let verb = command.split(' ').next().unwrap();
    let row = VERBS.iter().find(|row| row.name == verb).unwrap();
    let data = (row.opens != wharf_proto::verb::Opens::Nothing).then(|| raw.passive());
    raw.send(command);
    let (mut code, _) = raw.reply();
    if let (125 | 150, Some(mut data)) = (code, data) {
        match row.opens {
            wharf_proto::verb::Opens::ToServer => data.write_all(b"stored").unwrap(),
            _ => drop(data.read_to_end(&mut Vec::new()).unwrap()),
        }
        drop(data);
        code = raw.reply().0;
    }
    assert!([2, 3, 5].contains(&(code / 100)), "{command}: {code}");
    code < 400
}

fn are_done(raw: &mut Raw, commands: &str) -> bool {
    commands.split('|').all(|command| is_done(raw, command))
}

#[test]
fn s06_each_verb_is_refused_without_each_right_that_it_needs_and_changes_nothing() {
    let members = RIGHTS.map(Some).into_iter().chain([None]);
    let server = Running::with(|config| {
        config.archives = true;
        for missing in members.clone() {
            config.accounts = config.accounts.clone().with_member(member(missing), "secret");
        }
    });
    for missing in members {
        let mut raw = server.login(&name_of(missing), "secret");
        raw.command("TYPE I", 200);
        for (commands, needed) in MATRIX {
            set_up(server.path());
            let before = seen(server.path());
            let expected = missing.is_none_or(|missing| !needed.contains(&missing));
            let done = are_done(&mut raw, commands);
            assert_eq!(done, expected, "{commands} as {}", name_of(missing));
            if !done {
                assert_eq!(seen(server.path()), before, "{commands} as {}", name_of(missing));
            }
            raw.command("CWD /", 250);
        }
        set_up(server.path());
        assert!(!is_done(&mut raw, NEVER), "{NEVER}");
    }
}

#[test]
fn s06_no_verb_with_a_path_is_missing_from_the_matrix() {
    let takes_a_path =
        |argument| matches!(argument, Argument::Path | Argument::OptionalPath | Argument::Listing);
    let tried: Vec<&str> = MATRIX
        .iter()
        .flat_map(|(commands, _)| commands.split('|'))
        .filter_map(|command| command.split(' ').next())
        .collect();
    let rows = VERBS.iter().filter(|row| row.status == Status::Done);
    let missing: Vec<&str> = rows
        .filter(|row| takes_a_path(row.argument) && !tried.contains(&row.name))
        .map(|row| row.name)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
