//! Times of files of the server: how they are given to a server with MFMT, with an MDTM that sets, and with neither.

use wharf_client::{Memory, Options};
use wharf_proto::time::Timestamp;
use wharf_testkit::scripted::Scripted;

use crate::support::{log_in, options, run};

/// 2020-01-01.
const TIME: Timestamp = Timestamp::new(1_577_836_800, 0);
const LATE: &str = "213 20261123113419";
const SET: &str = "213 File modification time set.";

/// Gives files their time at a server with these features that answers so: whether each got it, and what is remembered of the
/// host.
fn keep(
    features: &'static [&str],
    dialogue: &'static [(&str, &str)],
    files: &[&str],
) -> (Vec<bool>, Option<String>) {
    let server = Scripted::session(move |peer| {
        peer.login();
        peer.features(features);
        dialogue.iter().for_each(|(command, reply)| peer.answer(command, reply));
        peer.expect_end();
    });
    let memory = Memory::default();
    let options = Options { memory: memory.clone(), ..options() };
    let kept = run(async {
        let mut session = log_in(&server, &options).await;
        let mut kept = Vec::new();
        for file in files {
            kept.push(session.keep_time(&(*file).into(), TIME).await.unwrap());
        }
        kept
    });
    let words = memory.print();
    (kept, words.split_once(' ').map(|(_, words)| words.trim_end().to_owned()))
}

#[test]
fn an_mdtm_that_sets_is_believed_once_it_was_asked_back() {
    const DIALOGUE: &[(&str, &str)] = &[
        ("MDTM x", LATE),
        ("MDTM 20200101000000 x", SET),
        ("MDTM x", "213 20200101000000"),
        ("MDTM 20200101000000 y", SET),
    ];
    let (kept, memory) = keep(&["MDTM"], DIALOGUE, &["x", "y"]);
    assert_eq!((kept, memory.as_deref()), (vec![true, true], Some("times")));
}

#[test]
fn a_server_that_takes_time_and_path_for_a_name_is_not_asked_to_set_another() {
    const NONE: &[(&str, &str)] =
        &[("MDTM x", LATE), ("MDTM 20200101000000 x", "550 no such file")];
    // There is a file of that very name.
    const OTHER: &[(&str, &str)] =
        &[("MDTM x", LATE), ("MDTM 20200101000000 x", "213 20200101000000"), ("MDTM x", LATE)];
    const NO_MDTM: &[(&str, &str)] = &[("MDTM x", "502 what?")];
    for dialogue in [NONE, OTHER, NO_MDTM] {
        let (kept, memory) = keep(&["MDTM"], dialogue, &["x", "y"]);
        assert_eq!((kept, memory), (vec![false, false], None));
    }
    assert_eq!(keep(&["SIZE"], &[], &["x"]).0, [false]);
}

#[test]
fn whether_mfmt_is_taken_is_remembered_and_one_that_is_not_there_is_no_reason_to_give_up() {
    const TAKEN: &[(&str, &str)] = &[("MFMT 20200101000000 x", "213 Modify=20200101000000; x")];
    const REFUSED: &[(&str, &str)] = &[("MFMT 20200101000000 x", "550 not for you")];
    const UNKNOWN: &[(&str, &str)] = &[
        ("MFMT 20200101000000 x", "500 what?"),
        ("MDTM x", LATE),
        ("MDTM 20200101000000 x", SET),
        ("MDTM x", "213 20200101000000"),
    ];
    for (dialogue, taken, words) in
        [(TAKEN, true, "times"), (REFUSED, false, "no-times"), (UNKNOWN, true, "times")]
    {
        let (kept, memory) = keep(&["MDTM", "MFMT"], dialogue, &["x"]);
        assert_eq!((kept, memory.as_deref()), (vec![taken], Some(words)));
    }
}
