//! Taps as files: what is written is read again, and what is not known is refused.

use crate::events::what;
use crate::sessions::{self, Story};
use proptest::prelude::*;
use std::time::Duration;
use wharf_ladder::beside::{Beside, View};
use wharf_ladder::render::{Sheet, json, pcapng};
use wharf_ladder::scene::scenes;
use wharf_ladder::sessions::Session;
use wharf_ladder::tap::{self, Line, Reader, Told};
use wharf_ladder::{Ladder, Lang, Options, text};
use wharf_proto::tap::{Event, Party, SessionId, What};
use wharf_proto::{Moment, Text};

/// What a file of these events holds.
fn written(events: &[Event]) -> String {
    let head = tap::header(Duration::from_millis(1_795_000_000_250));
    std::iter::once(head).chain(events.iter().filter_map(tap::line)).collect()
}

fn read(file: &[u8]) -> Result<Vec<Line>, String> {
    let mut reader = Reader::new(file);
    let mut lines = Vec::new();
    while let Some(line) = reader.next_line().map_err(|error| error.to_string())? {
        lines.push(line);
    }
    Ok(lines)
}

proptest! {
    #[test]
    fn events_that_were_written_are_read_as_the_same(
        told in prop::collection::vec(what(), 0..40),
        bytes in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let odd = What::DataRefused { why: Text::from(bytes) };
        let story = told.into_iter().chain([odd]).fold(Story::told_by(Party::Client), Story::tell);
        let events = story.events();
        let lines = read(written(&events).as_bytes()).unwrap();
        prop_assert_eq!(&lines[0], &Line::Begin(Duration::from_millis(1_795_000_000_250)));
        let again: Vec<Event> = lines
            .into_iter()
            .filter_map(|line| if let Line::Event(event) = line { Some(event) } else { None })
            .collect();
        prop_assert_eq!(again, events);
    }
}

#[test]
fn half_a_line_is_told_as_one_and_what_is_behind_it_is_read() {
    let good = written(&[]);
    let (full, begin) =
        ("{\"what\":\"full\"}\n", Line::Begin(Duration::from_millis(1_795_000_000_250)));
    let torn = "{\"at\":1,\"ses";
    for (behind, wanted) in [
        // Ended by the next run, or not; or with no room for the rest.
        (format!("\n{good}{full}"), vec![Line::Torn, begin.clone(), Line::Full]),
        (format!("{good}{full}"), vec![Line::Torn, begin.clone(), Line::Full]),
        (format!("{full}{full}"), vec![Line::Torn, Line::Full]),
    ] {
        let lines = read(format!("{good}{torn}{behind}").as_bytes()).unwrap();
        assert_eq!(lines, [vec![begin.clone()], wanted].concat(), "{behind}");
    }
    let last = read(format!("{good}{torn}{good}{torn}").as_bytes()).unwrap_err();
    assert_eq!(last, "the file breaks off in line 3");
}

#[test]
fn what_is_not_known_in_a_tap_is_refused_with_the_number_of_its_line() {
    let good = written(&[]);
    let told = |line: &str| read(format!("{good}{line}\n").as_bytes()).unwrap_err();
    for (line, why) in [
        ("{\"what\":\"full\",\"more\":1}", "line 2: `more` is not known"),
        ("[]", "line 2: no JSON object"),
        (
            "{\"at\":1,\"session\":\"01\",\"teller\":\"server\",\"what\":\"sung\"}",
            "line 2: the event \"sung\" is not known",
        ),
        (
            "{\"at\":1,\"session\":\"01\",\"teller\":\"server\",\"what\":\"command\",\"verb\":\"SING\",\"line\":\"\"}",
            "line 2: the verb \"SING\" is not known",
        ),
        (
            "{\"at\":1,\"session\":\"01\",\"teller\":\"server\",\"what\":\"control-cleared\",\"verb\":\"NOOP\"}",
            "line 2: `verb` is not known",
        ),
        (
            "{\"at\":1,\"session\":\"01\",\"teller\":\"nobody\",\"what\":\"control-cleared\"}",
            "line 2: `teller` is neither client nor server",
        ),
        (
            "{\"at\":-1,\"session\":\"01\",\"teller\":\"server\",\"what\":\"control-cleared\"}",
            "line 2: `at` is no whole number",
        ),
    ] {
        assert_eq!(told(line), why);
    }
    assert_eq!(
        read(b"{\"tap\":2,\"began\":0}\n").unwrap_err(),
        "line 1: tap version 2 is not known here, only 1"
    );
    assert_eq!(read(b"{\"what\":\"full\"}\n").unwrap_err(), "line 1: it does not say its version");
    assert_eq!(read(&good.as_bytes()[..9]).unwrap_err(), "the file breaks off in line 1");
    let long = format!("{good}{}\n", "x".repeat(1 << 20));
    assert_eq!(read(long.as_bytes()).unwrap_err(), "line 2: it is too long");
}

#[test]
fn sessions_of_a_tap_are_those_of_their_events_whoever_spoke_between() {
    let reference = sessions::reference().events();
    let mut told = Told::default();
    for event in &reference {
        let other = Event { session: SessionId(9), ..event.clone() };
        told.push(event);
        told.push(&other);
    }
    let sessions: Vec<Session> = told.finish().into_iter().flatten().collect();
    assert_eq!(sessions.iter().map(|session| session.no).collect::<Vec<_>>(), [7, 9]);
    let ladder = Ladder::from_events(&reference);
    for session in sessions {
        assert_eq!(session.packets.rows(), ladder.numbered());
        assert_eq!(session.packets.summary(), ladder.summary());
        assert_eq!(session.packets.ends(), ladder.ends());
        assert!(session.findings().is_empty());
    }
}

#[test]
fn a_tap_whose_times_no_clock_can_count_is_drawn_in_every_form_and_beside_another() {
    let began = Duration::from_secs(18_446_744_073_709_549_568);
    let last = Duration::from_micros(u64::MAX);
    let story = Story::told_by(Party::Client).between(sessions::CLIENT, sessions::SERVER);
    let mut events = story.asks("NOOP", 200, "ok").events();
    events.iter_mut().skip(1).for_each(|event| event.at = Moment::after(last));
    let session = groups(&events).remove(0).remove(0);
    let scene = scenes(std::slice::from_ref(&session)).remove(0);
    let (lang, origin) = (Lang::En, Some(began));
    let sheet = Sheet { scene: &scene, lang, packets: false, no_times: false, origin };
    assert!(!pcapng::session(&sheet).is_empty());
    assert!(json::render(&sheet).contains("NOOP"));
    let view = || View::of(&session, origin);
    let beside = Beside::of(view(), view());
    assert!(text::beside(&beside, &Options::default()).contains("NOOP"));
}

#[test]
fn a_session_of_the_greatest_number_becomes_a_capture_as_others_do() {
    let events = sessions::passive().events();
    let greatest = |event: Event| Event { session: SessionId(u64::MAX), ..event };
    let events: Vec<Event> = events.into_iter().map(greatest).collect();
    let scene = scenes(&groups(&events).remove(0)).remove(0);
    let lang = Lang::En;
    let sheet = Sheet { scene: &scene, lang, packets: false, no_times: false, origin: None };
    assert!(!pcapng::session(&sheet).is_empty());
}

/// Two sessions of one client, as it tells of them: with a server that listens at `at`, and with another at `server`
/// that is told to connect to where `to` says.
fn driven(at: &str, server: &'static str, to: &str) -> Vec<Event> {
    let client = Party::Client;
    let planned = |listener, address: &str| What::DataPlanned {
        listener,
        address: address.parse().expect("an address"),
    };
    let first = Story::told_by(client)
        .between(sessions::CLIENT, sessions::SERVER)
        .asks("PASV", 227, "here")
        .tell(planned(Party::Server, at))
        .events();
    let second = Story::told_by(client)
        .between(sessions::CLIENT, server)
        .after(500)
        .tell(planned(client, to))
        .asks("PORT 203,0,113,5,195,80", 200, "taken")
        .events();
    let second = second.into_iter().map(|event| Event { session: SessionId(8), ..event });
    let mut events: Vec<Event> = first.into_iter().chain(second).collect();
    events.sort_by_key(|event| event.at);
    events
}

fn groups(events: &[Event]) -> Vec<Vec<Session>> {
    let mut told = Told::default();
    events.iter().for_each(|event| told.push(event));
    told.finish()
}

#[test]
fn two_servers_of_which_one_is_told_where_the_other_listens_are_one_picture() {
    let there = "203.0.113.5:50000";
    let joined = groups(&driven(there, "198.51.100.7", there));
    assert_eq!(joined.len(), 1);
    let scene = scenes(&joined[0]);
    assert_eq!(scene.len(), 1);
    assert!(scene[0].is_joined());
    assert_eq!(scene[0].sessions, [7, 8]);
    let parts: Vec<&Session> = joined.iter().flatten().collect();
    assert_eq!((&parts[0].partners, &parts[1].partners), (&vec![8], &vec![7]));
    // Another port, or the same server twice: they have nothing to do with each other.
    for events in
        [driven(there, "198.51.100.7", "203.0.113.5:50001"), driven(there, sessions::SERVER, there)]
    {
        assert_eq!(groups(&events).len(), 2);
    }
}

#[test]
fn a_session_that_is_over_joins_nobody_and_is_given_away_when_time_has_passed() {
    let there = "203.0.113.5:50000";
    let mut events = driven(there, "198.51.100.7", there);
    let how = wharf_proto::tap::HalfEnd::Fin;
    let closed = What::ControlClosed { by: Party::Server, how };
    let at = events.iter().find(|event| event.session == SessionId(8)).unwrap().at;
    let end = Event { session: SessionId(7), at, teller: Party::Client, what: closed };
    let place = events.iter().position(|event| event.session == SessionId(8)).unwrap();
    events.insert(place, end);
    let mut told = Told::default();
    events.iter().for_each(|event| told.push(event));
    assert!(told.take_finished().is_empty(), "what comes late may still come");
    told.pass(at + Duration::from_secs(1));
    let over: Vec<u64> = told.take_finished().into_iter().flatten().map(|of| of.no).collect();
    assert_eq!(over, [7]);
    assert_eq!(told.open().map(|(no, _)| no).collect::<Vec<_>>(), [8]);
    assert!(told.look(8).is_some() && told.look(7).is_none());
}
