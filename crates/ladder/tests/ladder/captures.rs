//! Captures of real sessions, made on loopback, drawn and compared with the texts beside them
//! (`UPDATE_GOLDEN=1` rewrites those); and what becomes of them when frames are lost or doubled.
//!
//! | capture | server | client |
//! | --- | --- | --- |
//! | reference | a script that holds the session of 49 rows | a script |
//! | active-vsftpd-ftplib | vsftpd | ftplib, active |
//! | passive-pyftpdlib-curl | pyftpdlib | curl, EPSV |
//! | eprt-ipv6-curl | pyftpdlib on `::1` | curl, EPRT |
//! | upload-lftp | pyftpdlib | lftp: FEAT, PASV, STOR, DELE |
//! | default-port | a script | a script: no PORT, commands split and sent together |
//! | third-party | two pyftpdlib, ports 2121 and 3121 | a script: the data goes between the servers |
//! | bulk-cut | pyftpdlib, 400,000 bytes | curl; frames cut at 150 bytes |

use crate::wire::Owned;
use proptest::prelude::*;
use std::path::PathBuf;
use std::sync::LazyLock;
use wharf_ladder::capture::Capture;
use wharf_ladder::{Alignment, Channel, Lang, Options, Packet, Packets, Row};
use wharf_proto::Verb;

const WITH_ACKS: Options = Options {
    width: 80,
    ambiguous: wharf_ladder::Ambiguous::One,
    ascii: false,
    colour: false,
    packets: true,
    lang: Lang::En,
    notes: false,
    no_times: false,
    whole: false,
    since: None,
};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name)
}

pub(crate) fn segments(name: &str) -> Vec<Owned> {
    let bytes = std::fs::read(file(&format!("{name}.cap"))).expect("the capture is there");
    let mut capture = Capture::open(bytes.as_slice()).expect("a capture");
    let mut segments = Vec::new();
    capture.each_segment(|segment| segments.push(Owned::of(segment))).expect("a whole capture");
    segments
}

fn session<'a>(segments: impl IntoIterator<Item = &'a Owned>, port: u16) -> Packets {
    let mut packets = Packets::of_port(port);
    for segment in segments {
        packets.push(&segment.segment());
    }
    packets
}

#[track_caller]
fn compare(name: &str, port: u16) -> Packets {
    let packets = session(&segments(name), port);
    assert!(packets.is_over(), "{name} was captured to its end");
    let summary = packets.summary().line(Lang::En, true);
    let missing = packets.missing();
    let got = packets.render_text(&WITH_ACKS) + &format!("{summary}\n{missing} B not captured\n");
    assert!(!got.contains("hunter2") && !got.contains("secret"));
    let path = file(&format!("{name}-{port}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &got).expect("the golden file is writable");
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(got, want, "{name} differs; UPDATE_GOLDEN=1 rewrites it");
    packets
}

fn verbs_of_data(packets: &Packets) -> Vec<Option<Verb>> {
    let is_data =
        |row: &&Row| row.channel != Channel::Control && matches!(row.packet, Packet::Data { .. });
    packets.rows().iter().filter(is_data).map(|row| row.verb).collect()
}

#[test]
fn the_reference_session_is_known_row_by_row() {
    let packets = compare("reference", 21);
    let Alignment::Same { rows, spare_acks, again } = packets.align() else {
        panic!("it is the same")
    };
    assert_eq!((spare_acks, again), (0, 0));
    assert!(rows.iter().take(49).all(|row| row.packet == Packet::Ack || row.wire.is_some()));
    assert_eq!(verbs_of_data(&packets), [Some(Verb::List), Some(Verb::Retr)]);
}

#[test]
fn a_reply_that_was_sent_again_is_no_divergence() {
    let mut segments = segments("reference");
    let at = segments.iter().rposition(|segment| segment.payload == b"250 done\r\n").unwrap();
    segments.insert(at + 1, segments[at].clone());
    let packets = session(&segments, 21);
    let Alignment::Same { rows, again, .. } = packets.align() else { panic!("it is the same") };
    assert_eq!((rows[47].packet, again), (Packet::Reply(250), 1));
    assert!(packets.rows().iter().any(Row::is_again));
}

#[test]
fn an_active_session_of_ftplib_with_vsftpd() {
    let packets = compare("active-vsftpd-ftplib", 21);
    assert_eq!(verbs_of_data(&packets), [Some(Verb::List), Some(Verb::Retr)]);
}

#[test]
fn a_passive_session_of_curl_with_pyftpdlib() {
    let packets = compare("passive-pyftpdlib-curl", 2121);
    assert_eq!(verbs_of_data(&packets), [Some(Verb::Retr)]);
}

#[test]
fn an_active_session_over_ipv6() {
    let packets = compare("eprt-ipv6-curl", 2121);
    assert_eq!(verbs_of_data(&packets), [Some(Verb::List)]);
}

#[test]
fn an_upload_of_lftp_after_a_reply_in_pieces() {
    let packets = compare("upload-lftp", 2121);
    assert_eq!(packets.summary().to_server, 16);
}

#[test]
fn a_session_without_port_with_commands_sent_together() {
    let packets = compare("default-port", 2121);
    assert_eq!(verbs_of_data(&packets).last(), Some(&Some(Verb::Retr)));
}

#[test]
fn both_sessions_of_a_transfer_between_two_servers_have_its_data_connection() {
    let passive = compare("third-party", 2121);
    assert_eq!(verbs_of_data(&passive), [Some(Verb::Stor)]);
    let active = compare("third-party", 3121);
    assert_eq!(verbs_of_data(&active), [Some(Verb::Retr)]);
}

#[test]
fn a_bulk_transfer_whose_frames_were_cut() {
    let packets = compare("bulk-cut", 2121);
    assert_eq!(packets.summary().to_client, 400_000);
    assert_eq!(packets.missing(), 0, "cut data was there");
}

#[test]
fn frames_captured_twice_are_marked_and_change_nothing_else() {
    for (name, port) in [("reference", 21), ("upload-lftp", 2121), ("third-party", 3121)] {
        let segments = segments(name);
        let doubled: Vec<Owned> =
            segments.iter().flat_map(|segment| [segment.clone(), segment.clone()]).collect();
        let lines = |packets: &Packets| -> Vec<String> {
            let is_line = |row: &&Row| matches!(row.packet, Packet::Command | Packet::Reply(_));
            packets.rows().iter().filter(is_line).map(|row| row.label.to_string()).collect()
        };
        let (once, twice) = (session(&segments, port), session(&doubled, port));
        assert_eq!(lines(&once), lines(&twice), "{name}");
        assert_eq!(once.summary(), twice.summary(), "{name}");
        assert_eq!(verbs_of_data(&once).len() * 2, verbs_of_data(&twice).len(), "{name}");
    }
}

/// Captures, the ports of their servers, and their texts.
static WHOLE: LazyLock<Vec<(Vec<Owned>, u16, String)>> = LazyLock::new(|| {
    let read = |(name, port)| {
        let segments = segments(name);
        let text = session(&segments, port).render_text(&WITH_ACKS);
        (segments, port, text)
    };
    [("reference", 21), ("default-port", 2121)].map(read).to_vec()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a capture has missed, no password comes out and no line that was not there.
    #[test]
    fn a_capture_with_holes_shows_no_secret_and_invents_nothing(
        lost in proptest::collection::vec(any::<bool>(), 64),
        from in 0..40usize,
    ) {
        for (segments, port, whole) in WHOLE.iter() {
            let kept = segments.iter().zip(&lost).skip(from).filter(|(_, lost)| !**lost);
            let packets = session(kept.map(|(segment, _)| segment), *port);
            let text = packets.render_text(&WITH_ACKS);
            prop_assert!(!text.contains("hunter2") && !text.contains("secret") && !text.contains("er2"));
            for row in packets.rows() {
                if matches!(row.packet, Packet::Command | Packet::Reply(_)) {
                    // A reply of several lines may have lost some of them.
                    let label = row.label.to_string();
                    let line = label.split(" (+").next().unwrap_or_default();
                    let text = line.get(4..).unwrap_or_default();
                    prop_assert!(whole.contains(line) || "two lines ready".contains(text), "{label}");
                }
            }
        }
    }
}
