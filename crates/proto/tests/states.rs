//! Tables of state and verb: for every row of the verb table, what the server makes of it in each state.
//!
//! New verbs come under these tests by having a row. What each of them does is in the ladders.

use wharf_proto::Verb;
use wharf_proto::verb::{Argument, Gate, Row, Status, VERBS};
use wharf_testkit::pair::Pair;
use wharf_testkit::world::{Data, Pace, World};

/// A line with this verb, and an argument where one may stand.
fn line(row: &Row) -> String {
    match row.argument {
        Argument::Nothing => row.name.to_owned(),
        Argument::OptionalPath if row.verb == Verb::Stat => row.name.to_owned(),
        Argument::Number => format!("{} 0", row.name),
        Argument::Path
        | Argument::OptionalPath
        | Argument::Listing
        | Argument::Secret
        | Argument::Text
        | Argument::OptionalText
        | Argument::Code(_) => format!("{} x", row.name),
    }
}

/// The codes that come when a line is sent, whatever is owed.
fn codes(pair: &mut Pair, line: &str) -> Vec<u16> {
    let before = pair.answers.len();
    pair.send_raw(format!("{line}\r\n").as_bytes());
    pair.settle();
    pair.answers[before..].iter().map(|answer| answer.reply.code.value()).collect()
}

/// A session at each stage of a transfer.
fn stages() -> [(&'static str, Pair); 4] {
    let at = |plan: &str, data, slow| {
        let mut pair = Pair::new(World::reference());
        pair.log_in("bob", "secret");
        if !plan.is_empty() {
            pair.ask(plan);
        }
        (pair.world.data, pair.world.pace, pair.slow) = (data, Pace::Held, slow);
        codes(&mut pair, "RETR docs/notes.txt");
        pair
    };
    [
        ("preparing", at("", Data::Opens, true)),
        ("dialling", at("", Data::OpensLater, false)),
        ("listening", at("PASV", Data::OpensLater, false)),
        ("running", at("", Data::Opens, false)),
    ]
}

#[test]
fn before_login_every_verb_with_a_gate_is_530_with_and_without_its_argument() {
    for row in VERBS.iter().filter(|row| row.gate != Gate::Open) {
        let mut pair = Pair::new(World::reference());
        pair.settle();
        for line in [line(row), row.name.to_owned(), row.name.to_lowercase()] {
            assert_eq!(codes(&mut pair, &line), [530], "{line}");
        }
        assert!(pair.effects.is_empty(), "{} touched something", row.name);
    }
}

#[test]
fn every_verb_that_is_not_done_says_so_under_every_name_it_has() {
    for row in VERBS.iter().filter(|row| row.status != Status::Done) {
        let mut pair = Pair::new(World::reference());
        pair.log_in("bob", "secret");
        assert_eq!(codes(&mut pair, &line(row)), [502], "{}", row.name);
        for alias in row.aliases {
            assert_eq!(codes(&mut pair, &format!("{alias} x")), [502], "{alias}");
        }
    }
}

#[test]
fn every_verb_answers_with_a_code_of_its_row_and_once() {
    for row in &VERBS {
        let mut pair = Pair::new(World::reference());
        pair.log_in("bob", "secret");
        let codes = codes(&mut pair, &line(row));
        let finals = codes.iter().filter(|code| **code >= 200).count();
        assert_eq!(finals, 1, "{}: {codes:?}", row.name);
        assert!(codes.iter().all(|code| row.allows(*code)), "{}: {codes:?}", row.name);
    }
}

#[test]
fn in_a_transfer_only_abor_noop_and_stat_are_answered_at_once() {
    for row in &VERBS {
        for (stage, mut pair) in stages() {
            let expected: &[u16] = match row.verb {
                Verb::Abor => &[426, 226],
                Verb::Noop => &[200],
                Verb::Stat => &[211],
                _ => &[],
            };
            assert_eq!(codes(&mut pair, &line(row)), expected, "{} while {stage}", row.name);
        }
    }
}

#[test]
fn in_a_transfer_what_is_no_command_waits_its_turn() {
    for what in ["", "FOO", "NOOP x", "ABOR x", "STAT docs", "\u{e9}", "\0"] {
        for (stage, mut pair) in stages() {
            assert_eq!(codes(&mut pair, what), [], "{what:?} while {stage}");
            pair.cut();
            assert!(pair.is_closed() && !pair.world.is_busy(), "{what:?} while {stage}");
        }
    }
}
