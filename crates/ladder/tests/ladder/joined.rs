//! A third party that drives two servers: its two sessions as one picture, in every form, compared with the files in
//! `tests/golden` (`UPDATE_GOLDEN=1` rewrites them).

use crate::{captures, verdicts};
use std::path::Path;
use wharf_ladder::render::{Sheet, html, json, mermaid, pcapng, svg};
use wharf_ladder::scene::{Role, TlsRole, Who, scenes};
use wharf_ladder::sessions::Sessions;
use wharf_ladder::{Channel, Lang, Options, Packet, Scene, text};

fn joined() -> Scene {
    let mut sessions = Sessions::default();
    for segment in captures::segments("third-party") {
        sessions.push(&segment.segment());
    }
    let group = sessions.finish().into_iter().find(|group| group.len() == 2);
    let scenes = scenes(&group.expect("two sessions that belong together"));
    assert_eq!(scenes.len(), 1);
    scenes.into_iter().next().expect("one scene")
}

#[track_caller]
pub(crate) fn compare(name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, got).expect("the golden file is writable");
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(got, want, "{name} differs; UPDATE_GOLDEN=1 rewrites it");
}

fn sheet(scene: &Scene) -> Sheet<'_> {
    Sheet { scene, lang: Lang::En, packets: false, no_times: false, origin: None }
}

#[test]
fn the_server_that_was_asked_to_listen_is_a_and_the_passive_side() {
    let scene = joined();
    let who: Vec<(Who, Option<Role>)> =
        scene.lifelines.iter().map(|lifeline| (lifeline.who, lifeline.role)).collect();
    assert_eq!(
        who,
        [(Who::A, Some(Role::Listens)), (Who::Third, None), (Who::B, Some(Role::Connects))]
    );
    assert_eq!(scene.lifelines[0].port, Some(2121));
    assert_eq!(scene.sessions, [1, 2]);
}

#[test]
fn the_data_connection_that_both_sessions_have_is_drawn_once_between_the_servers() {
    let scene = joined();
    let data: Vec<_> =
        scene.steps.iter().filter(|step| step.row.channel != Channel::Control).collect();
    assert!(data.iter().all(|step| step.is_between_servers()));
    let count =
        |is_it: fn(&Packet) -> bool| data.iter().filter(|step| is_it(&step.row.packet)).count();
    assert_eq!(count(|packet| *packet == Packet::Syn), 1);
    let carries: Vec<String> = data
        .iter()
        .filter(|step| matches!(step.row.packet, Packet::Data { .. }))
        .map(|step| step.row.label.to_string())
        .collect();
    assert_eq!(carries, ["RETR data 300 B"], "who sends retrieves");
    let numbers: Vec<u32> = scene.steps.iter().map(|step| step.row.no).collect();
    assert!(numbers.iter().zip(1..).all(|(no, place)| *no == place));
}

#[test]
fn three_lifelines_in_text_at_any_width() {
    let scene = joined();
    let plain = Options { no_times: true, ..Options::default() };
    compare(
        "third-party.txt",
        &text::scene(&scene, &Options { packets: true, ..Options::default() }),
    );
    let japanese = Options { width: 120, lang: Lang::Ja, notes: true, ..plain };
    compare("third-party-ja-120.txt", &text::scene(&scene, &japanese));
    compare("third-party-ascii.txt", &text::scene(&scene, &Options { ascii: true, ..plain }));
    compare("third-party-list-50.txt", &text::scene(&scene, &Options { width: 50, ..plain }));
    compare("third-party-lesson.txt", &text::lesson(&scene, &plain));
    for width in 60..=140 {
        for ambiguous in [wharf_ladder::Ambiguous::One, wharf_ladder::Ambiguous::Two] {
            let drawn = text::scene(&scene, &Options { width, ambiguous, notes: true, ..plain });
            let widest =
                drawn.lines().map(|line| wharf_ladder::width::columns(line, ambiguous)).max();
            assert!(widest <= Some(width), "{width} {ambiguous:?}\n{drawn}");
        }
    }
}

#[test]
fn three_lifelines_in_the_forms_that_programs_read() {
    let scene = joined();
    compare("third-party.svg", &svg::render(&sheet(&scene)));
    compare("third-party.html", &html::session(&sheet(&scene)));
    compare("third-party.mermaid", &mermaid::render(&sheet(&scene)));
    compare("third-party.json", &json::render(&sheet(&scene)));
}

#[test]
fn the_pictures_of_several_scenes_are_one_picture_without_overlap() {
    let scene = joined();
    let one = svg::render(&sheet(&scene));
    let mut album = svg::Album::default();
    for _ in 0..3 {
        album.add(&sheet(&scene));
    }
    let all = album.finish();
    let height = |svg: &str| -> usize {
        let from = svg.find("viewBox=\"0 0 ").expect("a size") + 13;
        let size = svg[from..].split('"').next().expect("an end");
        size.split(' ').nth(1).and_then(|height| height.parse().ok()).expect("a height")
    };
    assert_eq!(height(&all), 3 * height(&one));
    let places: Vec<usize> = all
        .match_indices("<svg y=\"")
        .filter_map(|(at, mark)| all[at + mark.len()..].split('"').next()?.parse().ok())
        .collect();
    assert_eq!(places, [0, height(&one), 2 * height(&one)]);
    // One root holds them.
    assert!(all.trim_end().ends_with("</svg>\n</svg>") && all.matches("</svg>").count() == 4);
}

#[test]
fn the_capture_made_of_it_is_read_as_the_same_two_sessions() {
    let scene = joined();
    let mut bytes = pcapng::begin();
    bytes.extend(pcapng::session(&Sheet { packets: true, ..sheet(&scene) }));
    let mut capture = wharf_ladder::capture::Capture::open(bytes.as_slice()).expect("a capture");
    let mut sessions = Sessions::default();
    capture.each_segment(|segment| sessions.push(segment)).expect("a whole capture");
    let again = scenes(&sessions.finish().pop().expect("a group"));
    let labels = |scene: &Scene| -> Vec<String> {
        scene.steps.iter().map(|step| step.row.label.to_string()).collect()
    };
    assert_eq!(labels(&again[0]), labels(&scene));
}

#[test]
fn between_servers_it_is_told_which_is_the_client_of_tls() {
    let case = verdicts::play(
        "clean a transfer under TLS",
        "login\n> PROT P\n< 200 ok\n> SSCN ON\n< 200 ok\nends 192.0.2.10:1190 198.51.100.7:21\nlogin\n\
         > PROT P\n< 200 ok\nat 1\npassive\n> STOR a\nat 2\n> PORT 203,0,113,5,195,80\n< 200 ok\n> RETR a\n\
         data d 198.51.100.7:20 203.0.113.5:50000 open\ntls d full",
    );
    let scene = scenes(&verdicts::sessions(&case)).remove(0);
    let roles: Vec<Option<TlsRole>> = scene.lifelines.iter().map(|of| of.tls).collect();
    assert_eq!(roles, [Some(TlsRole::Client), None, Some(TlsRole::Server)]);
    let drawn = text::scene(&scene, &Options::default());
    let line = drawn.lines().nth(3).unwrap_or_default();
    assert!(line.contains("TLS client") && line.ends_with("TLS server"), "{drawn}");
}
