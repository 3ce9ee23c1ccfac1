//! Taps as files: what is written is read again, and what is not known is refused.

use crate::events::what;
use crate::sessions::{self, Story};
use proptest::prelude::*;
use std::time::Duration;
use wharf_ladder::Ladder;
use wharf_ladder::tap::{self, Line, Reader, Told};
use wharf_proto::Text;
use wharf_proto::tap::{Event, Party, SessionId, What};

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
fn what_is_not_known_in_a_tap_is_refused_with_the_number_of_its_line() {
    let good = written(&[]);
    let told = |line: &str| read(format!("{good}{line}\n").as_bytes()).unwrap_err();
    for (line, why) in [
        ("{\"what\":\"full\",\"more\":1}", "line 2: `more` is not known"),
        ("[]", "line 2: no JSON object"),
        ("{", "line 2: no JSON: EOF while parsing an object at line 1 column 1"),
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
        assert!(told.push(event).is_none() && told.push(&other).is_none());
    }
    let sessions = told.finish();
    assert_eq!(sessions.iter().map(|session| session.no).collect::<Vec<_>>(), [7, 9]);
    let ladder = Ladder::from_events(&reference);
    for session in sessions {
        assert_eq!(session.packets.rows(), ladder.numbered());
        assert_eq!(session.packets.summary(), ladder.summary());
        assert_eq!(session.packets.ends(), ladder.ends());
        assert!(session.findings().is_empty());
    }
}
