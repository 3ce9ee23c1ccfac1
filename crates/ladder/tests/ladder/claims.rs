//! What must hold of any bytes at all that `wharf trace` may be given, a function a claim: the bodies of the fuzz targets
//! of the same names, which a test runs on the files in `fuzz/corpus` and on random bytes.
//!
//! None panics, none shows a control character, and nothing grows with what it is given but by bounds.

use std::time::Duration;

use wharf_ladder::capture::Capture;
use wharf_ladder::logs::{FORMS, Kind, Lines, Logs, recognise};
use wharf_ladder::render::{Sheet, json};
use wharf_ladder::scene::scenes;
use wharf_ladder::sessions::{Session, Sessions};
use wharf_ladder::tap::{self, Line, Reader, Told};
use wharf_ladder::tls::Keys;
use wharf_ladder::{Options, Segment, text};

/// The name of a claim, which is that of its fuzz target and its corpus, and the claim.
pub(crate) type Claim = (&'static str, fn(&[u8]));

/// All claims.
pub(crate) const ALL: [Claim; 5] =
    [("capture", capture), ("frame", frame), ("keylog", keylog), ("log", log), ("tap", tap)];

/// Rows of a session, at most.
const ROWS: usize = 5000;
/// Link types: Ethernet, PPP, raw IP, Linux cooked in both versions, loopback, PPP over Ethernet, and one that is not read.
const LINKS: [u32; 9] = [1, 0, 9, 12, 101, 113, 276, 108, 147];

/// A capture file of any format: whatever is in it is read up to where it makes no sense, and drawn.
pub(crate) fn capture(data: &[u8]) {
    let Ok(mut capture) = Capture::open(data) else { return };
    let mut sessions = Sessions::default().with_keys(capture.keys().clone());
    while let Ok(Some(frame)) = capture.next_frame() {
        if let Some(segment) = Segment::of_frame(&frame) {
            sessions.push(&segment);
        }
    }
    sessions.finish().iter().for_each(|group| draw(group));
}

/// The frames in a capture of any link type: the first byte chooses it, the second how long each is.
pub(crate) fn frame(data: &[u8]) {
    let [link, size, frames @ ..] = data else { return };
    let link = LINKS[usize::from(*link) % LINKS.len()];
    let mut file = Vec::new();
    for number in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, link] {
        file.extend_from_slice(&u32::to_le_bytes(number));
    }
    for frame in frames.chunks(1 + usize::from(*size)) {
        let length = u32::try_from(frame.len()).unwrap_or(0);
        for number in [0, 0, length, length] {
            file.extend_from_slice(&u32::to_le_bytes(number));
        }
        file.extend_from_slice(frame);
    }
    capture(&file);
}

/// A key log: no more is learnt than there are lines, and learning again adds nothing that was not there.
pub(crate) fn keylog(data: &[u8]) {
    let keys = Keys::default();
    let learnt = keys.learn(data);
    assert!(learnt <= data.split(|byte| *byte == b'\n').count());
    assert_eq!(keys.is_empty(), learnt == 0);
    let shown = format!("{keys:?}");
    assert_eq!(keys.learn(data), learnt);
    assert_eq!(format!("{keys:?}"), shown);
}

/// A tap: an event that is read is written so that it is read as the same, and what it comes to is drawn.
pub(crate) fn tap(data: &[u8]) {
    let mut reader = Reader::new(data);
    let (mut told, mut groups) = (Told::default(), Vec::new());
    for _ in 0..10_000 {
        match reader.next_line() {
            Ok(None) => break,
            Err(_) | Ok(Some(Line::Full | Line::Torn)) => {}
            Ok(Some(Line::Begin(_))) => groups.append(&mut told.finish()),
            Ok(Some(Line::Event(event))) => {
                let line = tap::line(&event).unwrap_or_default();
                let file = tap::header(Duration::ZERO) + &line;
                let mut again = Reader::new(file.as_bytes());
                assert!(matches!(again.next_line(), Ok(Some(Line::Begin(_)))));
                assert!(matches!(again.next_line(), Ok(Some(Line::Event(same))) if same == event));
                told.push(&event);
                groups.append(&mut told.take_finished());
            }
        }
    }
    groups.append(&mut told.finish());
    groups.iter().for_each(|group| draw(group));
}

/// A text log: of the form that it seems to be, and of one that its length chooses.
pub(crate) fn log(data: &[u8]) {
    let seems = match recognise(data) {
        Kind::Log(form) | Kind::Perhaps(form) => Some(form),
        Kind::Useless(_) | Kind::Other => None,
    };
    for form in seems.into_iter().chain(FORMS.get(data.len() % FORMS.len())) {
        let (mut logs, mut lines) = (Logs::new(form), Lines::new(data));
        let mut sessions = Vec::new();
        while let Ok(Some(line)) = lines.next_line() {
            logs.push(line);
            sessions.append(&mut logs.take_finished());
        }
        sessions.append(&mut logs.finish());
        let count = logs.count();
        assert!(count.foreign <= count.lines);
        sessions.iter().for_each(|group| draw(group));
    }
}

/// Draws sessions, as text and as JSON.
fn draw(group: &[Session]) {
    let options = Options { packets: true, notes: true, ..Options::default() };
    for session in group {
        assert!(session.packets.rows().len() <= ROWS);
    }
    for scene in scenes(group) {
        let drawn = text::scene(&scene, &options) + &text::verdicts(&scene.findings, &options);
        assert_clean(&drawn);
        let sheet = Sheet {
            scene: &scene,
            lang: options.lang,
            packets: true,
            no_times: false,
            origin: None,
        };
        assert_clean(&json::render(&sheet));
    }
}

/// Nothing of a peer may steer a terminal.
fn assert_clean(text: &str) {
    let steers = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(steers), "{text:?}");
}
