//! What every form must show beside the rows themselves: all lines of a reply, silences, gaps, what was sent again, what is
//! under TLS; compared with the files in `tests/golden` (`UPDATE_GOLDEN=1` rewrites them).

use crate::joined::compare;
use crate::sessions::Story;
use crate::verdicts::{cases, play, sessions};
use crate::wire::{ACK, Acceptor, Opener, PSH, Wire};
use crate::{captures, covered};
use std::collections::BTreeSet;
use std::time::Duration;
use wharf_ladder::capture::Capture;
use wharf_ladder::packet::Header;
use wharf_ladder::render::{Sheet, html, json, mermaid, pcapng, svg};
use wharf_ladder::scene::scenes;
use wharf_ladder::sessions::Sessions;
use wharf_ladder::{
    Channel, Hide, Keep, Ladder, Lang, More, Options, Packet, Packets, Remark, Row, Scene, raw,
    text,
};
use wharf_proto::Text;
use wharf_proto::tap::What;

/// A session with a reply of four lines, one that comes back with the password, a segment sent again, a minute of silence,
/// and bytes that were not captured.
fn marked() -> Wire {
    let mut wire = Wire::greeted();
    wire.asks("USER ann", "331 password");
    wire.asks("PASS hunter2", "230-Welcome\r\n<b>hunter2</b>\x1b[31m\r\n230 done");
    wire.asks("FEAT", "211-Features:\r\n MDTM\r\n REST STREAM\r\n211 End");
    wire.asks("PASV", "227 Entering passive mode (203,0,113,5,200,1).");
    wire.wait(Duration::from_millis(250));
    wire.again();
    let data = wire.connect("192.0.2.10:1182", "203.0.113.5:51201");
    wire.asks("RETR a.txt", "150 here it comes");
    wire.put(data, Acceptor, PSH, &[b'a'; 40]);
    wire.unseen(data, Acceptor, PSH, &[b'b'; 60]);
    wire.put(data, Acceptor, PSH, b"end");
    wire.put(data, Opener, ACK, b"");
    wire.wait(Duration::from_secs(61));
    wire.says("226 done");
    wire.asks("QUIT", "221 bye");
    for segment in &mut wire.segments {
        segment.header =
            Header { hops: 57, window: 1000, id: Some(7), frame: 3, ..Header::default() };
    }
    wire
}

fn scene(wire: &Wire) -> Scene {
    let mut sessions = Sessions::default();
    wire.segments.iter().for_each(|segment| sessions.push(&segment.segment()));
    scenes(&sessions.finish().pop().expect("a session")).pop().expect("a scene")
}

fn sheet(scene: &Scene) -> Sheet<'_> {
    Sheet { scene, lang: Lang::En, packets: false, no_times: false, origin: None }
}

#[test]
fn silences_gaps_what_was_sent_again_and_all_lines_of_replies_are_in_every_form() {
    let scene = scene(&marked());
    let whole = Options { whole: true, ..Options::default() };
    compare("marked.txt", &text::scene(&scene, &whole));
    compare("marked.svg", &svg::render(&sheet(&scene)));
    compare("marked.html", &html::session(&Sheet { lang: Lang::Ja, ..sheet(&scene) }));
    compare("marked.mermaid", &mermaid::render(&sheet(&scene)));
    compare("marked.json", &json::render(&sheet(&scene)));
}

#[test]
fn a_diagram_tells_every_finding_whatever_its_last_proof_is_and_whether_that_is_drawn() {
    let helper = "login\n> PORT 192,168,1,7,4,158\nrewritten PORT 198,51,100,9,4,158\n< 200 ok\n> LIST\n< 425 no";
    let gap = "login\n> NOOP\nlose\n< 200 ok\n> SYST";
    for (steps, id) in [(helper, "D14"), (gap, "N5")] {
        let session = sessions(&play(id, steps)).remove(0);
        let mut scene = scenes(std::slice::from_ref(&session)).remove(0);
        let told =
            |scene: &Scene| mermaid::render(&sheet(scene)).matches(&format!(": {id}: ")).count();
        assert_eq!(told(&scene), 1, "{id}");
        let finding = scene.findings.iter_mut().find(|finding| finding.rule.id == id);
        finding.expect(id).rows = vec![9_999];
        assert_eq!(told(&scene), 1, "{id}, its row not drawn");
    }
}

#[test]
fn no_form_holds_a_password_that_a_reply_repeats_nor_anything_that_steers_its_reader() {
    let scene = scene(&marked());
    let forms = [
        text::scene(&scene, &Options { whole: true, ..Options::default() }),
        svg::render(&sheet(&scene)),
        html::session(&sheet(&scene)),
        json::render(&sheet(&scene)),
        String::from_utf8_lossy(&pcapng::session(&sheet(&scene))).into_owned(),
    ];
    for form in &forms {
        assert!(!form.contains("hunter2"));
    }
    for form in &forms[..4] {
        assert!(!form.contains('\x1b'));
    }
    for form in &forms[1..3] {
        assert!(form.contains("&lt;b&gt;…&lt;/b&gt;") && !form.contains("<b>"), "{form}");
    }
}

#[test]
fn the_capture_that_is_made_holds_the_lines_of_replies_as_they_went_over_the_wire() {
    let scene = scene(&marked());
    let mut bytes = pcapng::begin();
    bytes.extend(pcapng::session(&sheet(&scene)));
    let mut capture = Capture::open(bytes.as_slice()).expect("a capture");
    let mut said = Vec::new();
    capture.each_segment(|segment| said.push(segment.payload.to_vec())).expect("a whole capture");
    let features = b"211-Features:\r\n MDTM\r\n REST STREAM\r\n211 End\r\n";
    assert!(said.iter().any(|said| said == features));
    assert!(!said.iter().any(|said| said.windows(2).any(|part| part == b"(+")));
}

#[test]
fn what_is_under_tls_is_marked_and_no_row_of_the_control_connection_is_drawn_as_data() {
    let scene = covered::scene("tls13-wharf");
    let svg = svg::render(&sheet(&scene));
    assert!(svg.contains(">CT</text>") && svg.contains(">DT</text>"));
    assert!(svg.contains("T under TLS"));
    let rows = svg.lines().filter(|line| line.contains("<g id="));
    for row in rows.filter(|row| row.contains(">CT</text>")) {
        assert!(!row.contains("class=\"dat"), "{row}");
    }
}

#[test]
fn sessions_of_one_text_are_one_diagram_in_which_hosts_stand_once_and_rows_keep_their_numbers() {
    let scene = scene(&marked());
    let mut diagram = mermaid::Diagram::default();
    diagram.add(&sheet(&scene));
    diagram.add(&sheet(&scene));
    let all = diagram.finish();
    assert_eq!(all.matches("sequenceDiagram").count(), 1);
    assert_eq!(all.matches("participant").count(), 2, "{all}");
    assert!(all.contains("participant C as client 192.0.2.10\n"), "{all}");
    assert_eq!(all.matches("Note over C,S: Session 1:").count(), 2);
    assert_eq!(all.matches("autonumber 1\n").count(), 2);
    assert!(all.contains("S-->>C: 230 Welcome") && all.contains("C->>S: FEAT"));
}

#[test]
fn a_long_diagram_is_cut_and_says_how_much_is_not_drawn() {
    let mut wire = Wire::greeted();
    (0..200).for_each(|_| wire.asks("NOOP", "200 ok"));
    let scene = scene(&wire);
    let mut diagram = mermaid::Diagram::default();
    diagram.add(&sheet(&scene));
    diagram.add(&sheet(&scene));
    let all = diagram.finish();
    assert!(all.lines().count() < 400);
    assert!(all.contains("1 more sessions, 508 more rows, not drawn"), "{all}");
}

#[test]
fn with_every_packet_each_segment_is_a_row_and_what_is_not_kept_is_told() {
    let read = |keep: Keep| {
        let mut packets = Packets::of_port(2121).keeping(keep);
        for segment in captures::segments("bulk-cut") {
            packets.push(&segment.segment());
        }
        packets
    };
    let segments = |packets: &Packets| -> Vec<u32> {
        packets.rows().iter().filter_map(|row| Some(row.wire?.segments)).collect()
    };
    let (folded, every) = (read(Keep::default()), read(Keep::PACKETS));
    assert!(segments(&folded).iter().any(|segments| *segments > 1));
    assert!(segments(&every).iter().all(|segments| *segments <= 1));
    assert_eq!(segments(&every).len(), segments(&folded).iter().sum::<u32>() as usize);

    let mut wire = Wire::greeted();
    (0..1500).for_each(|_| wire.asks("NOOP", "200 ok"));
    let mut packets = Packets::of_port(21).keeping(Keep { rows: 2048, folds: false });
    wire.segments.iter().for_each(|segment| _ = packets.push(&segment.segment()));
    let rows = packets.rows();
    assert!(rows.len() <= 2048);
    let left = rows.iter().find(|row| matches!(row.packet, Packet::Omitted(_)));
    assert!(left.is_some());
    let drawn = packets.render_text(&Options::default());
    assert!(drawn.contains("rows not kept; --rows N keeps more"), "{drawn}");
}

#[test]
fn the_headers_and_the_first_bytes_of_a_packet_are_told_and_of_control_only_what_may_be() {
    let scene = scene(&marked());
    let step = |label: &str| {
        let found = scene.steps.iter().find(|step| step.row.label.to_string().starts_with(label));
        found.expect("a row")
    };
    let pass = step("PASS");
    let fields = [raw::place(pass, Lang::En), raw::fields(&pass.row, Lang::En)].concat();
    let said: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(said[1..3], ["from: 192.0.2.10:1180", "to: 203.0.113.5:21"]);
    assert_eq!(said[3..5], ["frame: 3", "IP: TTL 57, id 7"]);
    assert!(said[5].starts_with("TCP: PSH, ACK; seq ") && said[5].ends_with("win 1000; 14 B"));
    assert_eq!(raw::bytes(&step("PASS").row), "PASS …\r\n".as_bytes());
    let data = &step("RETR data").row;
    assert_eq!(data.more.as_deref(), Some(&More::Bytes(vec![b'a'; 40])));
    assert_eq!(raw::bytes(data), [b'a'; 40]);
}

#[test]
fn what_was_sent_again_is_told_in_the_language_of_each_form() {
    let case = play("clean", "login\n> NOOP\nagain 1\n< 200 ok\nbye");
    let group = sessions(&case);
    let scene = scenes(&group).remove(0);
    for (lang, words) in [(Lang::En, "6 B again"), (Lang::Ja, "6 B（再送）")] {
        let text = text::scene(&scene, &Options { lang, ..Options::default() });
        let sheet = Sheet { scene: &scene, lang, packets: false, no_times: true, origin: None };
        for drawn in [text, svg::render(&sheet), html::session(&sheet)] {
            assert!(drawn.contains(words), "{drawn}");
        }
        assert!(json::render(&sheet).contains("\"6 B again\""), "programs read English");
    }
}

#[test]
fn every_mark_in_a_picture_is_explained_in_its_legend_in_both_languages() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        for scene in scenes(&sessions(&case)) {
            for lang in [Lang::En, Lang::Ja] {
                let options = Options { lang, width: 200, ..Options::default() };
                let drawn = text::scene(&scene, &options);
                let lines: Vec<&str> = drawn.trim_end().lines().collect();
                let begins = lines.iter().rposition(|line| !line.starts_with("     "));
                let (picture, legend) = lines.split_at(begins.expect("a picture") + 1);
                let legend = legend.iter().map(|line| line.trim()).collect::<Vec<_>>();
                let legend = legend.join(lang.of(" ", ""));
                // The kind of connection, then the mark.
                let marks = picture.iter().filter_map(|line| line.get(4..6));
                let marks = marks.filter(|mark| mark.starts_with(['C', 'D', ' ']));
                let marks = marks.flat_map(str::chars).filter(|mark| "CD~T?!".contains(*mark));
                for mark in marks {
                    let is_told =
                        legend.split(lang.of("; ", "、")).any(|part| part.starts_with(mark));
                    assert!(is_told, "{}: {mark} in\n{drawn}", case.name);
                    seen.insert(mark);
                }
            }
        }
    }
    assert_eq!(seen, BTreeSet::from(['!', '?', 'C', 'D', 'T', '~']));
}

/// What of a row's words is ours alone; not what a peer has said, nor what TLS and ICMP call their own.
fn ours(row: &Row, words: &str) -> Option<String> {
    let is_said = row.channel == Channel::Control && row.more.is_some();
    let is_begun = row.label.to_string().ends_with(", part of a reply");
    match row.packet {
        Packet::Note(Remark::Unreachable) => words.split_once('（').map(|(_, by)| by.to_owned()),
        Packet::Note(
            Remark::Secured | Remark::Cleared | Remark::Missing(_) | Remark::TimerRanOut(_),
        ) => Some(words.to_owned()),
        Packet::Note(_) => words.split('：').next().map(str::to_owned),
        Packet::Data { .. } if is_said => {
            let ours = words.rsplit('（').next().map(str::to_owned);
            ours.filter(|_| is_begun)
        }
        Packet::Data { .. } => words.split(", TLS ").next().map(str::to_owned),
        Packet::Ack | Packet::Absent | Packet::Omitted(_) => Some(words.to_owned()),
        _ => None,
    }
}

#[test]
fn what_is_ours_on_a_row_is_japanese_where_japanese_is_asked_for() {
    let mut rows: Vec<Row> = ["tls12-wharf", "tls13-wharf", "tls13-vsftpd-curl", "ccc-curl"]
        .iter()
        .flat_map(|name| covered::scene(name).steps)
        .map(|step| step.row)
        .collect();
    for case in cases() {
        for session in sessions(&case).iter().chain(&case.told().unwrap_or_default()) {
            rows.extend_from_slice(session.packets.rows());
        }
    }
    let mut kinds = BTreeSet::new();
    for row in &rows {
        let Some(words) = ours(row, &row.words(Lang::Ja)) else { continue };
        let parts = words.split(|c: char| !c.is_ascii_alphanumeric());
        let is_english =
            |word: &str| word.len() > 2 && word.bytes().all(|c| c.is_ascii_lowercase());
        // `LIST data` is how the deck calls it in every language.
        let mut left = parts.filter(|word| is_english(word) && *word != "data");
        assert_eq!(left.next(), None, "{:?}: {words}", row.packet);
        if row.words(Lang::En) != row.words(Lang::Ja) {
            kinds.insert(match row.packet {
                Packet::Note(Remark::Missing(_)) => "Missing".to_owned(),
                Packet::Note(remark) => format!("{remark:?}"),
                Packet::Data { .. } => "data".to_owned(),
                other => format!("{other:?}"),
            });
        }
    }
    for kind in [
        "data",
        "Secured",
        "Missing",
        "Rewritten",
        "Unreachable",
        "NotSecured",
        "DataRefused",
        "TimerRanOut(Idle)",
    ] {
        assert!(kinds.contains(kind), "{kind} not among {kinds:?}");
    }
}

#[test]
fn lines_of_a_reply_that_are_not_shown_are_counted_in_japanese_and_words_like_it_stay() {
    let case = play(
        "clean",
        "login\n> STAT\n< 211-ours\\n b\\n211 end\n> NOOP\n< 200 hers (+2 lines)\nbye",
    );
    let rows = sessions(&case)[0].packets.rows().to_vec();
    let said: Vec<String> = rows.iter().map(|row| row.words(Lang::Ja)).collect();
    assert!(said.iter().any(|said| said == "211 ours（ほか 2 行）"), "{said:?}");
    assert!(said.iter().any(|said| said == "200 hers (+2 lines)"), "{said:?}");
}

/// A session in which the server says a line that is no reply, and begins one that does not end.
fn without_reply() -> Ladder {
    let begun = [b"Files of ann, r\xe9pertoire".to_vec(), b"/srv/ann/taxes".to_vec()];
    let lines = begun.map(Text::from).to_vec();
    let events = Story::greeted()
        .asks("USER ann", 331, "password")
        .tell(What::NoReply { code: None, lines: vec!["/srv/ann is busy".into()] })
        .sends("STAT")
        .tell(What::NoReply { code: Some(211), lines })
        .events();
    Ladder::from_events(&events)
}

#[test]
fn what_comes_in_place_of_a_reply_is_there_as_it_came_in_rows_and_in_the_capture_made_of_them() {
    let ladder = without_reply();
    let last = ladder.rows().last().expect("a row");
    let label = b"211 Files of ann, r\xe9pertoire (+1 line), part of a reply";
    assert_eq!(last.label.as_bytes(), label);
    assert!(
        last.words(Lang::Ja).ends_with("（ほか 1 行）（応答の一部）"),
        "{}",
        last.words(Lang::Ja)
    );
    let said = b"211-Files of ann, r\xe9pertoire\r\n /srv/ann/taxes\r\n";
    assert_eq!(raw::bytes(last), said);
    assert_eq!(last.packet, Packet::Data { bytes: said.len() as u64, end: None });
    let scene = Scene::of(7, ladder.rows(), ladder.ends(), Vec::new());
    let made = pcapng::session(&sheet(&scene));
    for said in [&said[..], b"/srv/ann is busy\r\n"] {
        assert!(made.windows(said.len()).any(|part| part == said));
    }
}

#[test]
fn names_are_hidden_in_what_comes_in_place_of_a_reply_as_well() {
    let ladder = without_reply();
    let mut scene = Scene::of(7, ladder.rows(), ladder.ends(), Vec::new());
    scene.hide(Hide { users: true, names: true });
    let said: Vec<String> = scene.steps.iter().map(|step| step.row.label.to_string()).collect();
    let of_user =
        |said: &&String| said.contains("user-1 is busy") || said.contains("Files of user-1");
    assert_eq!(said.iter().filter(of_user).count(), 2, "{said:?}");
    assert!(said.iter().any(|said| said.ends_with("(+1 line), part of a reply")), "{said:?}");
    let forms = [
        text::scene(&scene, &Options { whole: true, ..Options::default() }),
        svg::render(&sheet(&scene)),
        html::session(&sheet(&scene)),
        json::render(&sheet(&scene)),
        mermaid::render(&sheet(&scene)),
        String::from_utf8_lossy(&pcapng::session(&sheet(&scene))).into_owned(),
    ];
    for form in &forms {
        assert!(!form.contains("taxes") && !form.contains("ann"), "{form}");
    }
}
