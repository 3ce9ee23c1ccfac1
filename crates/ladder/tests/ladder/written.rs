//! The capture that is made of sessions, read again: it shows the same rows, and the same is found in them.

use crate::captures::segments;
use crate::logs;
use crate::verdicts::{play, sessions};
use std::collections::BTreeSet;
use std::time::Duration;
use wharf_ladder::capture::Capture;
use wharf_ladder::render::{Sheet, pcapng};
use wharf_ladder::scene::scenes;
use wharf_ladder::sessions::{Session, Sessions};
use wharf_ladder::{Channel, Lang};

/// What is in the capture that is made of these sessions.
fn again(groups: &[&[Session]]) -> Vec<Session> {
    again_with(false, groups)
}

/// The same with bare acknowledgments, or without.
fn again_with(packets: bool, groups: &[&[Session]]) -> Vec<Session> {
    let mut bytes = pcapng::begin();
    for scene in groups.iter().flat_map(|group| scenes(group)) {
        let origin = Some(Duration::from_secs(1_000_000));
        let (lang, scene) = (Lang::En, &scene);
        bytes.extend(pcapng::session(&Sheet { scene, lang, packets, no_times: false, origin }));
    }
    let mut capture = Capture::open(bytes.as_slice()).expect("a capture");
    let mut sessions = Sessions::default();
    capture.each_segment(|segment| sessions.push(segment)).expect("a whole capture");
    sessions.finish().into_iter().flatten().collect()
}

/// The rows that are packets, bare acknowledgments aside, and what is found in the session.
fn shown(session: &Session) -> (Vec<String>, BTreeSet<&'static str>) {
    let rows = session.packets.rows().iter().filter(|row| row.no > 0 && !row.is_bare_ack());
    let said = rows.map(|row| {
        let kind = if row.channel == Channel::Control { "C" } else { "D" };
        format!("{kind} {:?} {}", row.from, row.words(Lang::En))
    });
    (said.collect(), session.findings().iter().map(|found| found.rule.id).collect())
}

#[test]
fn what_was_sent_again_is_sent_again_and_nothing_in_it_is_new() {
    let steps = [
        "login\n> NOOP\nagain 2\n< 200 ok\nagain 1\nbye\nagain 1",
        "syn 3\nanswered 10\n< 220 ready\nagain 1\n> QUIT\n< 221 bye\n<fin\n>fin",
        "login\npassive\n> RETR a\n< 150 here\ndata a 192.0.2.10:1182 203.0.113.5:50000 open\ndata a <bytes 3000\n\
         data a again 2\ndata a <bytes 20\ndata a <fin\ndata a again 1\ndata a >fin\n< 226 done\nbye",
    ];
    for steps in steps {
        let first = sessions(&play("clean", steps));
        let second = again(&[&first]);
        assert_eq!(second.len(), 1, "{steps}");
        assert_eq!(shown(&second[0]), shown(&first[0]), "{steps}");
    }
}

#[test]
fn captures_in_clear_come_back_row_by_row() {
    for name in [
        "active-vsftpd-ftplib",
        "bulk-cut",
        "default-port",
        "eprt-ipv6-curl",
        "passive-pyftpdlib-curl",
        "reference",
        "upload-lftp",
    ] {
        let mut sessions = Sessions::default();
        segments(name).iter().for_each(|segment| sessions.push(&segment.segment()));
        let first: Vec<Session> = sessions.finish().into_iter().flatten().collect();
        for packets in [false, true] {
            let second = again_with(packets, &[&first]);
            assert_eq!(second.len(), first.len(), "{name}");
            assert_eq!(shown(&second[0]), shown(&first[0]), "{name}");
        }
    }
}

#[test]
fn what_was_not_captured_is_a_gap_again_in_the_same_place() {
    let data = "login\npassive\n> RETR a\n< 150 here\n\
                data a 192.0.2.10:1182 203.0.113.5:50000 open\ndata a <bytes 1000\n";
    let steps = [
        "login\n> NOOP\n< 200 never seen\nlose\n> SYST\n< 215 UNIX\nbye",
        "login\n> NOOP\nlose\n< 200 ok\n> SYST\n< 215 UNIX\nbye",
        "login\n> NOOP\n< 200 ok\n< 200 never\nlose\n>fin\n<fin",
        "login\n>> 4e4f\n>> 4f50\n>> 0d0a\n<< 323030206f\n<< 6b0d0a\nbye",
        &format!(
            "{data}data a <bytes 300\nlose\ndata a >ack\ndata a <bytes 50\ndata a <fin\n< 226 done\nbye"
        ),
        &format!("{data}data a <bytes 300\nlose\ndata a <fin\ndata a >fin\n< 226 done\nbye"),
    ];
    for steps in steps {
        let first = sessions(&play("clean", steps));
        for packets in [false, true] {
            let second = again_with(packets, &[&first]);
            assert_eq!(second.len(), 1, "{steps}");
            assert_eq!(shown(&second[0]), shown(&first[0]), "{steps}");
            assert_eq!(second[0].packets.missing(), first[0].packets.missing(), "{steps}");
        }
    }
}

#[test]
fn sessions_of_a_log_that_tells_no_ports_stay_apart() {
    let mut told = 0;
    for (name, _) in logs::logs().into_iter().filter(|(_, log)| logs::form(log).is_some()) {
        let first = logs::sessions(&name);
        let groups: Vec<&[Session]> = first.chunks(1).collect();
        let second = again(&groups);
        assert_eq!(second.len(), first.len(), "{name}");
        told += usize::from(first.len() > 1);
    }
    assert!(told > 3, "{told}");
}
