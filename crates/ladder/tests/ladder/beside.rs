//! One session captured at both ends, with a router between them that translates addresses, rewrites and loses.

use crate::wire::{Acceptor, FIN, Opener, Owned, PSH, RST, SYN, Wire};
use std::net::SocketAddr;
use std::time::Duration;
use wharf_ladder::beside::{Beside, Fate, View};
use wharf_ladder::packet::Header;
use wharf_ladder::sessions::Sessions;
use wharf_ladder::{Options, text};
use wharf_proto::Moment;

const CLIENT: &str = "192.168.1.5:1180";
const SERVER: &str = "203.0.113.5:21";
/// How long a packet takes, and how far the server's clock is ahead.
const WAY: Duration = Duration::from_millis(10);
const AHEAD: Duration = Duration::from_millis(3_214);

fn view(segments: &[Owned], origin: u64) -> View {
    let mut sessions = Sessions::default();
    for segment in segments {
        sessions.push(&segment.segment());
    }
    let group = sessions.finish();
    View::of(&group[0][0], Some(Duration::from_secs(origin)))
}

/// The same segments as the server's end sees them: later or earlier by the way, and by its own clock; the client has another
/// address there.
fn at_server(segments: &[Owned]) -> Vec<Owned> {
    let inside: SocketAddr = CLIENT.parse().expect("an address");
    let outside = |end: SocketAddr| {
        let port = if end == inside { 40_123 } else { end.port() };
        match end.ip() == inside.ip() {
            true => SocketAddr::new("198.51.100.7".parse().expect("an address"), port),
            false => end,
        }
    };
    segments
        .iter()
        .map(|segment| {
            let at = Moment::after(segment.at.since(Moment::START) + AHEAD);
            let at = match segment.from.ip() == inside.ip() {
                true => at + WAY,
                // What the client sees at this time, the server has sent before.
                false => Moment::after(at.since(Moment::START) - WAY),
            };
            Owned { at, from: outside(segment.from), to: outside(segment.to), ..segment.clone() }
        })
        .collect()
}

fn session() -> Wire {
    let mut wire = Wire::default();
    wire.wait(Duration::from_secs(1));
    wire.connect(CLIENT, SERVER);
    wire.says("220 ready");
    wire.asks("USER ann", "331 password");
    wire.asks("PASS secret", "230 in");
    wire
}

fn labelled(beside: &Beside, fate: Fate) -> Vec<String> {
    let its = beside.lines.iter().filter(|line| line.fate == fate);
    let label = |line| {
        beside.steps(line).into_iter().flatten().next().expect("a step").row.label.to_string()
    };
    its.map(label).collect()
}

#[test]
fn clocks_are_set_and_translated_addresses_are_named_whichever_end_is_given_first() {
    let mut wire = session();
    wire.asks("QUIT", "221 bye");
    wire.put(0, Opener, FIN, b"");
    let (near, far) = (view(&wire.segments, 1000), view(&at_server(&wire.segments), 1000));
    for (one, other) in [(near.clone(), far.clone()), (far, near)] {
        let beside = Beside::of(one, other);
        let clock = beside.clock.unwrap();
        assert_eq!((clock.ahead, clock.one_way), (3_214_000_000, WAY));
        assert!(beside.lines.iter().all(|line| line.fate == Fate::Arrived), "{beside:?}");
        assert!(beside.lines.iter().all(|line| line.took == Some(WAY)));
        let [(None, here, there)] = beside.translated()[..] else { unreachable!() };
        assert_eq!((here.client.to_string(), there.client.port()), (CLIENT.to_owned(), 40_123));
        let drawn = text::beside(&beside, &Options::default());
        assert!(drawn.contains("the server's is 3.2140 s ahead; one way takes 10.0 ms"), "{drawn}");
        assert!(drawn.contains("arrived at the other, as it was sent"), "{drawn}");
        assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
    }
}

#[test]
fn a_rewritten_line_a_lost_syn_and_a_foreign_rst_are_told_apart() {
    let mut wire = session();
    wire.asks("PORT 192,168,1,5,4,158", "200 ok");
    wire.asks("LIST", "150 coming");
    let mut near = wire.segments.clone();
    let mut far = at_server(&wire.segments);
    let port = far.iter_mut().find(|segment| segment.payload.starts_with(b"PORT")).unwrap();
    port.payload = b"PORT 198,51,100,7,9,13\r\n".to_vec();
    port.length = u32::try_from(port.payload.len()).unwrap();
    // The server connects, and nothing of it comes through; then something breaks the session off at the client.
    let now = far.last().unwrap().at;
    let (from, to) = ("203.0.113.5:20".parse().unwrap(), "198.51.100.7:2317".parse().unwrap());
    for second in 1..4 {
        let at = now + Duration::from_secs(second);
        let (length, payload, header) = (0, Vec::new(), Header::default());
        far.push(Owned { at, from, to, seq: 7, ack: 0, flags: SYN, length, payload, header });
    }
    wire.wait(Duration::from_secs(5));
    wire.put(0, Acceptor, RST, b"");
    near.push(wire.segments.last().unwrap().clone());
    wire.wait(Duration::from_secs(2));
    wire.put(0, Opener, PSH, b"NOOP\r\n");
    far.extend(at_server(&wire.segments[wire.segments.len() - 1..]));
    near.push(wire.segments.last().unwrap().clone());
    let beside = Beside::of(view(&near, 1000), view(&far, 1000));
    assert_eq!(labelled(&beside, Fate::Rewritten), ["PORT 192,168,1,5,4,158"]);
    assert_eq!(labelled(&beside, Fate::Lost), ["SYN", "SYN again", "SYN again"]);
    assert_eq!(labelled(&beside, Fate::Foreign), ["RST"]);
    let drawn = text::beside(&beside, &Options::default());
    for words in [
        "~ PORT 192,168,1,5,4,158\n",
        "at the server: PORT 198,51,100,7,9,13\n",
        "3 packets of the server did not arrive at the client",
        "The client got 1 packets that the server did not send",
    ] {
        assert!(drawn.contains(words), "{words}: {drawn}");
    }
}
