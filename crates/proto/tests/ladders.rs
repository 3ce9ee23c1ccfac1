//! Every `.ladder` file in `tests/ladders`, played against the server machine.
//!
//! The files say what each one shows, and `wharf_testkit::ladder` says how they are read. After a change
//! that is meant, `UPDATE_LADDERS=1 cargo test -p wharf-proto --test ladders` writes them anew.

use std::fs;
use std::path::Path;

use wharf_proto::verb::VERBS;
use wharf_testkit::ladder;

#[test]
fn every_ladder_comes_out_as_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ladders");
    let ladders = ladder::in_folder(&folder).unwrap();
    assert!(!ladders.is_empty(), "no ladders in {}", folder.display());
    let wrong: Vec<String> = ladders.iter().filter_map(|path| ladder::check(path).err()).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_verb_of_the_table_is_in_a_ladder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ladders");
    let paths = ladder::in_folder(&folder).unwrap();
    let text: String = paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let said = |name: &str| {
        text.lines().filter_map(|line| line.get(2..)?.split([' ', '\\']).next()).any(|w| w == name)
    };
    let missing: Vec<&str> = VERBS.iter().map(|row| row.name).filter(|name| !said(name)).collect();
    assert!(missing.is_empty(), "no ladder shows {missing:?}");
}
