//! What the model makes of events.

use crate::sessions::{self, Story};
use proptest::prelude::*;
use wharf_ladder::summary::Ending;
use wharf_ladder::{Channel, Ladder, Lang, Options, Packet, Row};
use wharf_proto::tap::{Event, HalfEnd, Party, SessionId, Timer, What};
use wharf_proto::{Moment, Text, Verb};

fn ladder(story: Story) -> Ladder {
    Ladder::from_events(&story.events())
}

fn labels(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| row.label.to_string()).collect()
}

fn verb_of(rows: &[Row], code: u16) -> Vec<Option<Verb>> {
    rows.iter().filter(|row| row.packet == Packet::Reply(code)).map(|row| row.verb).collect()
}

#[test]
fn a_connection_opened_before_its_command_serves_the_command_that_comes() {
    let ladder = ladder(sessions::passive());
    let data: Vec<_> = ladder.rows().iter().filter(|row| row.channel == Channel::Data(1)).collect();
    assert!(data.iter().all(|row| row.verb == Some(Verb::List)));
    assert_eq!(data[2].label, Text::from("LIST data 2048 B FIN"));
}

#[test]
fn a_noop_answered_during_a_transfer_leaves_the_transfer_its_own_reply() {
    let story = Story::logged_in()
        .asks("RETR a", 150, "opening")
        .asks("NOOP", 200, "still here")
        .says(226, "done");
    let ladder = ladder(story);
    assert_eq!(verb_of(ladder.rows(), 200), [Some(Verb::Noop)]);
    assert_eq!(verb_of(ladder.rows(), 226), [Some(Verb::Retr)]);
}

#[test]
fn abor_gets_its_226_after_the_426_of_the_transfer() {
    let story = Story::logged_in()
        .asks("RETR a", 150, "opening")
        .sends("ABOR")
        .says(426, "broken off")
        .says(226, "aborted");
    let ladder = ladder(story);
    assert_eq!(verb_of(ladder.rows(), 426), [Some(Verb::Retr)]);
    assert_eq!(verb_of(ladder.rows(), 226), [Some(Verb::Abor)]);
    assert_eq!((ladder.summary().transfers, ladder.summary().failed), (0, 1));
}

#[test]
fn a_refused_transfer_leaves_no_verb_for_the_next_connection() {
    let story =
        Story::logged_in().asks("RETR gone", 550, "no such file").opens(1, Party::Client, 5, 6);
    assert_eq!(ladder(story).rows().last().map(|row| row.verb), Some(None));
}

#[test]
fn port_and_227_carry_the_address_that_they_name_whichever_event_comes_first() {
    let address = "192.0.2.10:1182".parse().unwrap();
    let planned = What::DataPlanned { listener: Party::Client, address };
    let early = Story::logged_in().tell(planned.clone()).sends("PORT 192,0,2,10,4,158");
    let late = Story::logged_in().sends("PORT 192,0,2,10,4,158").tell(planned);
    for story in [early, late] {
        assert_eq!(ladder(story).rows().last().and_then(|row| row.names), Some(address));
    }
    let ladder = ladder(sessions::passive());
    let reply = ladder.rows().iter().find(|row| row.packet == Packet::Reply(227)).unwrap();
    assert_eq!(reply.names.map(|address| address.port()), Some(50_123));
}

#[test]
fn a_reply_of_several_lines_shows_its_first_and_counts_the_others() {
    let lines = ["features:", " SIZE", " MDTM", "end"].map(Text::from).to_vec();
    let story = Story::logged_in().sends("FEAT").tell(What::Reply { code: 211, lines });
    let ladder = ladder(story);
    assert_eq!(labels(ladder.rows()).last().unwrap(), "211 features: (+3 lines)");
}

#[test]
fn events_of_another_session_are_passed_over() {
    let mut ladder = ladder(Story::logged_in());
    let before = ladder.rows().to_vec();
    let what = What::ControlClosed { by: Party::Client, how: HalfEnd::Fin };
    ladder.push(&Event { session: SessionId(8), at: Moment::START, teller: Party::Server, what });
    assert_eq!(ladder.rows(), before);
}

#[test]
fn a_session_told_from_the_middle_has_no_handshake_and_no_ports() {
    let ladder = ladder(Story::told_by(Party::Client).sends("NOOP").ends(9, Party::Server, 3));
    assert_eq!(labels(ladder.rows()), ["NOOP", "data 3 B FIN"]);
    assert!(ladder.rows().iter().all(|row| row.ports.client.is_none()));
    assert!(ladder.ends().is_none());
}

#[test]
fn a_long_session_keeps_its_beginning_its_end_and_its_numbers_in_bounded_memory() {
    const ROUNDS: u32 = 20_000;
    let story = (0..ROUNDS).fold(Story::greeted(), |story, _| story.asks("NOOP", 200, "ok"));
    let ladder = ladder(story.quits());
    assert!(ladder.rows().len() <= 4096);
    let all = ladder.numbered();
    assert_eq!(all[3].label, Text::from("220 ready"));
    // 4 rows of greeting, 2 a round, QUIT, 221, its ACK, FIN, its ACK.
    assert_eq!(all.last().map(|row| row.no), Some(4 + 2 * ROUNDS + 5));
    let gaps = all.iter().filter(|row| matches!(row.packet, Packet::Omitted(_)));
    assert_eq!(gaps.count(), 1);
}

#[test]
fn a_label_of_a_megabyte_is_cut_at_a_character() {
    let ladder = ladder(Story::greeted().sends(&"あ".repeat(350_000)));
    let label = &ladder.rows().last().unwrap().label;
    assert!(label.as_bytes().len() < 1024);
    assert!(!label.to_string().contains("\\x"));
}

#[test]
fn the_summary_counts_transfers_and_bytes_and_says_how_the_session_ended() {
    let upload = ladder(sessions::upload());
    let summary = upload.summary();
    assert_eq!((summary.transfers, summary.to_server, summary.to_client), (2, 123_456_789, 0));
    assert_eq!(summary.line(Lang::En, false), "2 transfers, 123456789 B, ended in order");
    assert_eq!(ladder(sessions::reset()).summary().ending, Ending::Reset);
    let refused = ladder(sessions::refused());
    assert_eq!(
        refused.summary().line(Lang::Ja, false),
        "転送 0 件、失敗 1 件、0 バイト、正常に終了"
    );
}

/// Any event, sensible or not.
pub(crate) fn what() -> impl Strategy<Value = What> {
    let party = prop_oneof![Just(Party::Client), Just(Party::Server)];
    let how = prop_oneof![Just(HalfEnd::Fin), Just(HalfEnd::Reset), Just(HalfEnd::Cut)];
    let verbs = [None, Some(Verb::List), Some(Verb::Stor), Some(Verb::Port), Some(Verb::Noop)];
    let codes = [0_u16, 125, 150, 226, 227, 250, 421, 550, 65_535];
    let address = (any::<[u8; 4]>(), any::<u16>()).prop_map(Into::into);
    (
        0..9,
        party,
        how,
        prop::sample::select(verbs.to_vec()),
        prop::sample::select(codes.to_vec()),
        0..3_u32,
        address,
    )
        .prop_map(|(kind, by, how, verb, code, conn, address)| match kind {
            0 => What::ControlOpened { client: address, server: address },
            1 => What::Command { verb, line: Text::from("line") },
            2 => What::Reply { code, lines: Vec::new() },
            3 => What::DataPlanned { listener: by, address },
            4 => What::DataOpened { conn, opener: by, client: address, server: address },
            5 => What::DataRefused { why: Text::default() },
            6 => What::DataEnded { conn, by, bytes: u64::from(code) << 48, how },
            7 => What::TimerRanOut { timer: Timer::Idle },
            _ => What::ControlClosed { by, how },
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_events_in_any_order_give_rows_numbered_without_gaps(
        told in prop::collection::vec(what(), 0..60),
    ) {
        let story = told.into_iter().fold(Story::told_by(Party::Client), Story::tell);
        let ladder = ladder(story);
        for rows in [ladder.rows(), &ladder.numbered()] {
            prop_assert!((1..).zip(rows).all(|(no, row)| row.no == no));
        }
        let text = ladder.render_text(&Options { notes: true, packets: true, ..Options::default() });
        prop_assert!(text.lines().count() > ladder.rows().len());
    }
}
