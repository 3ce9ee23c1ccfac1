//! What must hold of any session, whoever talks to the machines and whatever comes of their effects.
//!
//! Random walks through the server machine, held to the rules by `wharf_testkit::watch` (one final reply a
//! line and in order, legal codes, nothing after Close, no effect left, a bounded queue), and random bytes
//! into the client machine. Wording is none of this file's business: the ladders have that.

use proptest::collection::vec;
use proptest::prelude::*;
use wharf_proto::server::Output;
use wharf_testkit::claims;
use wharf_testkit::steps::{Cut, Step, same_however_cut, walk};

/// Well-formed lines, or nearly so; bytes with a meaning on a control connection; any bytes.
fn bytes() -> impl Strategy<Value = Step> {
    let telling = prop_oneof![
        prop::sample::select(b"\r\n\0 \xff\xf4\xf2\xfd\xfaABORNOOP".to_vec()),
        any::<u8>()
    ];
    prop_oneof![
        6 => any::<(u8, u8, u8)>().prop_map(|(verb, argument, end)| Step::line(verb, argument, end)),
        1 => vec(telling, 0..80).prop_map(Step::Bytes),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => bytes(),
        3 => any::<u8>().prop_map(Step::Outcome),
        3 => any::<u8>().prop_map(Step::Transfer),
        1 => any::<u8>().prop_map(Step::Stray),
        1 => any::<u8>().prop_map(Step::wait),
        1 => any::<u32>().prop_map(|bytes| Step::Moved(bytes.into())),
    ]
}

/// A session of random steps; some are ended by one side in the middle.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let end = prop_oneof![
        8 => Just(None),
        1 => Just(Some(Step::InputEnd)),
        1 => Just(Some(Step::Shutdown)),
    ];
    (vec(step(), 0..60), end, vec(step(), 0..10))
        .prop_map(|(before, end, after)| before.into_iter().chain(end).chain(after).collect())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_session_keeps_the_rules_and_ends_with_close(steps in steps(), logged_in: bool) {
        let outputs = walk(&steps, Cut::Whole, logged_in);
        prop_assert_eq!(outputs.last(), Some(&Output::Close));
    }

    #[test]
    fn a_session_is_the_same_however_its_bytes_are_cut(steps in steps(), logged_in: bool) {
        same_however_cut(&steps, logged_in);
    }

    #[test]
    fn lines_that_wait_are_bounded_when_bytes_are_handed_in_as_wanted(steps in steps()) {
        walk(&steps, Cut::Wanted, true);
    }

    #[test]
    fn a_client_takes_whatever_a_server_sends(data in vec(any::<u8>(), 0..300)) {
        claims::client(&data);
    }
}
