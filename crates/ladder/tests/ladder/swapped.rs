//! Frames that the capture holds in another order than they were sent in, and frames that it does not hold at all: the
//! first change nothing of what is said, the second are told.

use crate::captures::segments;
use crate::wire::{ACK, Acceptor, FIN, Opener, Owned, PSH, Wire};
use std::time::Duration;
use wharf_ladder::sessions::{Session, Sessions};
use wharf_ladder::{Channel, Lang, Packet, Row};

const CAPTURES: [&str; 5] = [
    "active-vsftpd-ftplib",
    "passive-pyftpdlib-curl",
    "eprt-ipv6-curl",
    "upload-lftp",
    "default-port",
];

fn sessions<'a>(frames: impl IntoIterator<Item = &'a Owned>) -> Vec<Session> {
    let mut sessions = Sessions::default();
    frames.into_iter().for_each(|frame| sessions.push(&frame.segment()));
    sessions.finish().into_iter().flatten().collect()
}

/// What is drawn of a session on each of its connections, ACKs aside, and what is said of it.
fn told(session: &Session) -> Vec<String> {
    let packets = &session.packets;
    let is_ack = |row: &Row| matches!(row.packet, Packet::Ack | Packet::Established);
    // Parts of a reply say where they stood in the order of the capture.
    let is_part = |row: &Row| {
        let label = row.label.to_string();
        label.ends_with(", ahead of a gap") || label.ends_with(", part of a reply")
    };
    let shown = packets.rows().iter().filter(|row| !is_ack(row) && !is_part(row));
    let mut rows: Vec<_> = shown.collect();
    rows.sort_by_key(|row| match row.channel {
        Channel::Control => 0,
        Channel::Data(no) => no,
    });
    let row = |row: &Row| format!("{:?} {:?} {:?} {}", row.channel, row.from, row.verb, row.label);
    let mut told: Vec<String> = rows.into_iter().map(row).collect();
    let summary = packets.summary();
    told.push(format!("{} transfers, {} failed", summary.transfers, summary.failed));
    told.push(format!("{} B missing", packets.missing()));
    told.extend(session.findings().iter().map(|finding| finding.cause(Lang::En)));
    told
}

fn all_told<'a>(frames: impl IntoIterator<Item = &'a Owned>) -> Vec<Vec<String>> {
    sessions(frames).iter().map(told).collect()
}

/// The same frames, every two of one connection that come behind each other swapped, from one on; the times stay where
/// they were.
fn swapped(frames: &[Owned], from: usize) -> Vec<Owned> {
    let mut swapped = frames.to_vec();
    let ports = |frame: &Owned| {
        let (from, to) = (frame.from.port(), frame.to.port());
        (from.min(to), from.max(to))
    };
    for pair in swapped[from..].chunks_exact_mut(2) {
        if ports(&pair[0]) == ports(&pair[1]) {
            pair.swap(0, 1);
        }
    }
    for (frame, plain) in swapped.iter_mut().zip(frames) {
        frame.at = plain.at;
    }
    swapped
}

#[test]
fn every_two_frames_of_a_connection_swapped_change_nothing_of_what_is_drawn_and_said() {
    for name in CAPTURES {
        let frames = segments(name);
        let plain = all_told(&frames);
        assert_eq!(plain.len(), 1, "{name}");
        for from in [0, 1] {
            assert_eq!(all_told(&swapped(&frames, from)), plain, "{name} from {from}");
        }
    }
}

#[test]
fn an_answer_may_come_many_frames_before_what_it_answers() {
    let mut wire = Wire::greeted();
    for at in 0..8 {
        wire.asks(&format!("NOOP {at}"), &format!("200 answer {at}"));
    }
    wire.asks("QUIT", "221 bye");
    wire.put(0, Acceptor, FIN, b"");
    wire.put(0, Opener, FIN, b"");
    let plain = all_told(&wire.segments);
    let is_servers = |frame: &Owned| frame.from.port() == 21;
    // Behind the greeting: first all of the server, then all of the client, as of two queues.
    let (head, rest) = wire.segments.split_at(5);
    let queues = rest.iter().filter(|frame| is_servers(frame));
    let queues = queues.chain(rest.iter().filter(|frame| !is_servers(frame)));
    let mut frames: Vec<Owned> = head.iter().chain(queues).cloned().collect();
    for (frame, plain) in frames.iter_mut().zip(&wire.segments) {
        frame.at = plain.at;
    }
    let span = frames.last().map(|last| last.at.since(frames[5].at));
    assert!(span < Some(Duration::from_millis(200)), "{span:?}");
    assert_eq!(all_told(&frames), plain);
}

#[test]
fn a_server_that_acknowledges_an_older_connection_first_changes_nothing_of_the_order() {
    let mut wire = Wire::greeted();
    for at in 0..4 {
        wire.asks(&format!("NOOP {at}"), &format!("200 answer {at}"));
    }
    // Who still knows a connection between the same ends answers a SYN for that one (RFC 9293 section 3.10.7.4).
    let (syn, answer) = (wire.segments[0].clone(), wire.segments[1].clone());
    let ack = syn.seq.wrapping_add(1 << 29);
    let older = Owned { seq: answer.seq.wrapping_add(1 << 28), ack, flags: ACK, ..answer };
    wire.segments.splice(1..1, [older, syn]);
    assert_eq!(all_told(&swapped(&wire.segments, 6)), all_told(&wire.segments));
}

#[test]
fn a_reply_that_was_not_captured_is_told_and_waited_for_only_so_long() {
    let mut wire = Wire::greeted();
    wire.asks("NOOP", "200 first");
    let lost = wire.segments.len();
    wire.asks("NOOP lost", "200 lost reply");
    wire.wait(Duration::from_millis(300));
    wire.asks("NOOP", "200 last");
    let is_lost =
        |frame: &&Owned| !String::from_utf8_lossy(&frame.payload).contains("200 lost reply");
    assert!(wire.segments.iter().skip(lost).any(|frame| !is_lost(&frame)));
    let mut sessions = Sessions::default();
    for frame in wire.segments.iter().filter(is_lost) {
        sessions.push(&frame.segment());
    }
    sessions.pass(wire.now() + Duration::from_secs(1));
    let open: Vec<Vec<String>> = sessions.open().map(told).collect();
    let text = open.concat().join("\n");
    assert!(text.contains("16 B missing") && text.contains("200 last"), "{text}");
    assert_eq!(all_told(wire.segments.iter().filter(is_lost)), open);
}

#[test]
fn a_busy_session_waits_for_no_more_than_a_few_frames() {
    let mut wire = Wire::greeted();
    wire.unseen(0, Acceptor, PSH, b"200 never seen\r\n");
    for at in 0..100 {
        wire.put(0, Opener, PSH, format!("NOOP {at}\r\n").as_bytes());
    }
    let mut sessions = Sessions::default();
    for frame in &wire.segments {
        sessions.push(&frame.segment());
    }
    let text = sessions.open().map(told).collect::<Vec<_>>().concat().join("\n");
    assert!(text.contains("NOOP 99") && text.contains("16 B missing"), "{text}");
}
