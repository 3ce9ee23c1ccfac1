//! Captures of sessions under TLS, read with their keys, drawn and compared with the texts beside them
//! (`UPDATE_GOLDEN=1` rewrites those); and what is shown of them without keys, and where frames are lost.
//!
//! | capture | server | client | keys |
//! | --- | --- | --- | --- |
//! | tls12-wharf | ours | ours, TLS 1.2 | in the file, written by our server |
//! | tls13-wharf | ours | ours, TLS 1.3 | in the file, written by our server |
//! | tls13-vsftpd-curl | vsftpd | curl, TLS 1.3 with HelloRetryRequest | beside it, written by curl |
//! | tls12-cbc | vsftpd | curl, TLS 1.2 with AES-CBC | in the file, written by curl |
//! | tls12-cbc-etm | vsftpd | curl, the same with encrypt-then-MAC | in the file, written by curl |
//! | tls12-renegotiated | OpenSSL's | OpenSSL's, which asks for new keys once, as the server does then | in the file, written by the client |
//! | ccc-curl | ours | curl, TLS 1.2 on control up to CCC | in the file, written by curl |

use crate::wire::Owned;
use proptest::prelude::*;
use std::path::PathBuf;
use std::sync::LazyLock;
use wharf_ladder::capture::Capture;
use wharf_ladder::sessions::{Session, Sessions};
use wharf_ladder::tls::Keys;
use wharf_ladder::{Channel, Lang, Options, Packet, Row, Scene};

const PLAIN: Options = Options {
    width: 80,
    ambiguous: wharf_ladder::Ambiguous::One,
    ascii: false,
    colour: false,
    packets: false,
    lang: Lang::En,
    notes: false,
    no_times: true,
    whole: false,
    since: None,
};

/// Bytes of the list that curl fetches in the captures of CBC.
const LIST: u64 = 2551;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name)
}

/// The segments of a capture, and the keys in it or beside it.
fn read(name: &str) -> (Vec<Owned>, Keys) {
    let bytes = std::fs::read(file(&format!("{name}.pcapng"))).expect("the capture is there");
    let mut capture = Capture::open(bytes.as_slice()).expect("a capture");
    let mut segments = Vec::new();
    capture.each_segment(|segment| segments.push(Owned::of(segment))).expect("a whole capture");
    if let Ok(keys) = std::fs::read(file(&format!("{name}.keys"))) {
        assert!(capture.keys().learn(&keys) > 0);
    }
    (segments, capture.keys().clone())
}

/// A capture as a picture.
pub(crate) fn scene(name: &str) -> Scene {
    let (segments, keys) = read(name);
    session(&segments, &keys).expect("a session").scene()
}

fn session<'a>(segments: impl IntoIterator<Item = &'a Owned>, keys: &Keys) -> Option<Session> {
    let mut sessions = Sessions::default().with_keys(keys.clone());
    for segment in segments {
        sessions.push(&segment.segment());
    }
    sessions.finish().into_iter().flatten().next()
}

fn draw(session: &Session) -> String {
    let packets = &session.packets;
    let mut lines = packets.render_text(&PLAIN) + &packets.summary().line(Lang::En, false);
    lines += &format!("\n{} B not captured\n", packets.missing());
    for found in session.findings() {
        lines += &format!("found: {}\n", found.rule.id);
    }
    lines
}

#[track_caller]
fn compare(name: &str) -> Session {
    let (segments, keys) = read(name);
    let session = session(&segments, &keys).expect("a session");
    let got = draw(&session);
    assert!(!got.contains("hunter2") && !got.contains(", encrypted"));
    let path = file(&format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &got).expect("the golden file is writable");
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(got, want, "{name} differs; UPDATE_GOLDEN=1 rewrites it");
    session
}

#[test]
fn a_session_of_ours_under_tls_1_2_has_the_rows_of_one_in_clear() {
    let session = compare("tls12-wharf");
    let summary = session.packets.summary();
    assert_eq!((summary.to_client, summary.to_server), (98 + 1492, 1492), "the bytes of the files");
    let conns = session.packets.conns();
    assert!(conns.iter().skip(1).all(|conn| conn.is_resumed() == Some(true) && !conn.probable));
}

#[test]
fn a_session_of_ours_under_tls_1_3_has_the_rows_of_one_in_clear() {
    let summary = compare("tls13-wharf").packets.summary().clone();
    assert_eq!((summary.to_client, summary.to_server), (98 + 1492, 1492));
}

#[test]
fn a_session_of_curl_with_vsftpd_is_read_with_the_key_log_of_curl() {
    let session = compare("tls13-vsftpd-curl");
    assert!(
        session
            .packets
            .rows()
            .iter()
            .any(|row| row.label.to_string().contains("HelloRetryRequest"))
    );
    assert!(session.findings().is_empty(), "a client may close after close_notify");
}

#[test]
fn sessions_with_ciphers_in_cbc_mode_are_read_with_the_hmac_inside_and_outside() {
    for (name, cipher) in [
        ("tls12-cbc", "TLS 1.2 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
        ("tls12-cbc-etm", "TLS 1.2 TLS_RSA_WITH_AES_128_CBC_SHA"),
    ] {
        let (segments, keys) = read(name);
        let session = session(&segments, &keys).expect("a session");
        let drawn = draw(&session);
        for part in [cipher, "PASS …", "RETR list.txt", "226 Transfer complete."] {
            assert!(drawn.contains(part), "{name}: {part}\n{drawn}");
        }
        assert!(!drawn.contains(", encrypted") && !drawn.contains("found:"), "{name}\n{drawn}");
        assert_eq!(session.packets.summary().to_client, LIST, "{name}");
    }
}

#[test]
fn a_session_whose_keys_either_side_has_had_changed_in_tls_1_2_is_read_to_its_end() {
    let session = compare("tls12-renegotiated");
    assert!(session.findings().is_empty());
    let tls = session.packets.conns()[0].tls.as_ref().unwrap();
    assert_eq!(tls.is_resumed(), Some(true), "the last handshake was a short one");
}

#[test]
fn of_a_change_to_keys_that_are_not_known_what_came_under_the_old_ones_is_read() {
    let (segments, keys) = read("tls12-renegotiated");
    let begun = &segments.iter().find(|segment| !segment.payload.is_empty()).unwrap().payload;
    // Behind the heads of record and message and the version.
    let random = begun[11..43].try_into().unwrap();
    let first = Keys::default();
    assert_eq!(first.learn(&keys.log(&[random])), 1);
    let session = session(&segments, &first).unwrap();
    let lines = ["220 ready", "user ann", "331 password", "pass …", "230 in"];
    assert_eq!(self::lines(&session), lines);
    let drawn = draw(&session);
    assert!(drawn.contains("ServerHelloDone") && drawn.contains(", encrypted"), "{drawn}");
}

#[test]
fn after_ccc_the_control_connection_is_read_in_clear_and_data_under_tls() {
    let session = compare("ccc-curl");
    let rows = session.packets.rows();
    let of =
        |label: &str| rows.iter().find(|row| row.label.to_string().starts_with(label)).unwrap();
    assert!(of("CCC").tls && !of("PWD").tls && of("RETR data").tls);
}

#[test]
fn after_ccc_a_session_is_read_without_keys_too() {
    let (segments, _) = read("ccc-curl");
    let session = session(&segments, &Keys::default()).unwrap();
    let labels: Vec<String> =
        session.packets.rows().iter().map(|row| row.label.to_string()).collect();
    assert!(labels.iter().any(|label| label == "RETR list.txt"), "{labels:?}");
    assert!(!labels.iter().any(|label| label == "CCC"), "{labels:?}");
}

#[test]
fn with_the_keys_of_another_session_nothing_is_read_and_the_session_says_that_it_is_sealed() {
    let ((segments, _), (_, others)) = (read("tls13-wharf"), read("tls12-wharf"));
    let session = session(&segments, &others).unwrap();
    assert!(session.packets.is_sealed());
    let lines = session.packets.rows().iter().filter(|row| row.packet == Packet::Command);
    assert_eq!(lines.map(|row| row.label.to_string()).collect::<Vec<_>>(), ["AUTH TLS"]);
}

/// A capture with its keys, and all the lines in it.
type Whole = (Vec<Owned>, Keys, Vec<String>);

static WHOLE: LazyLock<Vec<Whole>> = LazyLock::new(|| {
    ["tls12-wharf", "tls13-vsftpd-curl", "tls12-renegotiated", "ccc-curl"]
        .map(|name| {
            let (segments, keys) = read(name);
            let lines =
                session(&segments, &keys).map(|session| lines(&session)).unwrap_or_default();
            (segments, keys, lines)
        })
        .to_vec()
});

fn lines(session: &Session) -> Vec<String> {
    let is_line = |row: &&Row| matches!(row.packet, Packet::Command | Packet::Reply(_));
    session.packets.rows().iter().filter(is_line).map(|row| row.label.to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_capture_with_holes_shows_no_secret_and_invents_no_line(
        lost in proptest::collection::vec(0..160usize, 0..6),
        from in 0..40usize,
    ) {
        for (segments, keys, whole) in WHOLE.iter() {
            let kept = segments.iter().enumerate().skip(from).filter(|(at, _)| !lost.contains(at));
            let Some(session) = session(kept.map(|(_, segment)| segment), keys) else { continue };
            prop_assert!(!draw(&session).contains("hunter2"));
            for line in lines(&session) {
                // A reply of several lines may have lost some of them.
                let head = line.split(" (+").next().unwrap_or_default().get(4..).unwrap_or_default();
                prop_assert!(whole.iter().any(|line| line.contains(head)), "{}", line);
            }
        }
    }
}

#[test]
fn where_the_end_of_tls_was_not_captured_the_lines_behind_it_are_in_clear() {
    let (segments, keys) = read("ccc-curl");
    let labels = |lost: std::ops::RangeInclusive<u64>, keys: &Keys| {
        let left = segments.iter().filter(|segment| !lost.contains(&segment.header.frame));
        let session = session(left, keys).expect("a session");
        let rows = session.packets.rows().iter().filter(|row| !row.is_bare_ack());
        let rows = rows.filter(|row| row.channel == Channel::Control && !row.tls);
        rows.map(|row| row.label.to_string()).collect::<Vec<String>>()
    };
    let whole = labels(0..=0, &keys);
    let at = whole.iter().position(|label| label == "PWD").expect("the first line in clear");
    // CCC, its reply, and both sides' close_notify; the same without that of the client.
    for (lost, keys) in [(21..=24, &keys), (21..=23, &keys), (21..=24, &Keys::default())] {
        let shown = labels(lost.clone(), keys);
        assert_eq!(shown.iter().filter(|label| *label == "TLS ends").count(), 1, "{lost:?}");
        for label in &whole[at..] {
            assert!(shown.contains(label), "{label} not in {shown:?}");
        }
        // It comes before it is known that what is missing will not come.
        assert!(shown.iter().any(|label| label == "5 B, ahead of a gap"), "{shown:?}");
    }
}
