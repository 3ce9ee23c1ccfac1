//! A chosen row: all that is told of it, how it is compared, and what is done with the rows around it.

use super::*;

/// A desk with a ladder in which the row with this label is chosen.
fn at(name: &str, label: &str) -> Desk {
    let mut desk = Desk::with(&[name], plain());
    desk.press("\n");
    while !desk.chosen().contains(label) {
        let before = desk.chosen();
        desk.press("j");
        assert_ne!(desk.chosen(), before, "{label}");
    }
    desk
}

#[test]
fn all_lines_of_a_reply_are_told_on_the_whole_screen_and_beneath_its_row() {
    let mut desk = at(UPLOAD, "211 Features supported");
    desk.shows("more lines: Enter");
    desk.hides("211 End FEAT.");
    desk.press("\n");
    desk.shows("    211-Features supported:");
    desk.shows("     REST STREAM");
    desk.shows("    211 End FEAT.");
    desk.press("\u{1b}w");
    desk.shows("│    211 End FEAT.");
    desk.press("w");
    desk.hides("│    211 End FEAT.");
}

#[test]
fn a_row_is_shown_as_headers_and_bytes_without_its_password() {
    let mut desk = at(UPLOAD, "PASS …");
    desk.press("x");
    desk.shows("client 127.0.0.1:42922 → server 127.0.0.1:2121");
    desk.shows("PSH, ACK; seq ");
    desk.shows("IP  TTL 64");
    desk.shows("0000  50 41 53 53 20 e2 80 a6 0d 0a");
    desk.press("\n→");
    desk.shows("0000  32 33 30 20 4c 6f");
    desk.press("x");
    desk.hides("0000  32 33 30");
}

#[test]
fn times_count_from_a_marked_row_with_which_another_is_compared() {
    let mut desk = at(UPLOAD, "USER ann");
    desk.press("d");
    desk.shows("mark a row with m first");
    desk.press("m");
    desk.shows("*/s");
    assert!(desk.chosen().starts_with(">*") && desk.chosen().contains("+0.000"));
    let first = desk.screen().into_iter().find(|line| line.contains("─ SYN ─")).unwrap();
    assert!(first.contains("-0.00"), "{first}");
    desk.press("jd");
    desk.shows("row 14 – row 15   +0.0000");
    desk.shows(
        "    USER ann                                     ~     331 Username ok, send password.",
    );
    desk.shows("=     control connection, seen, PSH ACK");
    desk.press("q");
    desk.shows("*/s");
    desk.press("km");
    desk.shows("d/s");
}

#[test]
fn rows_that_are_cut_are_scrolled_sideways_and_left_leads_back() {
    let mut desk = at(UPLOAD, "OPTS MLST");
    desk.terminal = Terminal::new(TestBackend::new(70, 30)).unwrap();
    desk.draw();
    assert!(desk.chosen().contains('…'));
    desk.press("→→");
    assert!(
        desk.chosen().contains("OPTS MLST type;perm;size;modify;unix.mode;"),
        "{}",
        desk.chosen()
    );
    desk.press("←←←");
    assert!(desk.chosen().contains('…'));
    assert!(matches!(desk.app.view, View::Ladder(_)));
    desk.press("←");
    assert!(matches!(desk.app.view, View::List));
}

#[test]
fn every_packet_is_asked_for_where_runs_were_folded_and_the_chosen_row_stays() {
    let mut desk = at(BULK, "226 Transfer complete");
    assert_eq!(desk.press("p"), Action::Unfold(1));
    desk.shows("reading it again");
    let mut capture = std::fs::File::open(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(BULK).with_extension("cap"),
    )
    .map(Capture::open)
    .unwrap()
    .unwrap();
    let mut sessions = Sessions::default().keeping(Keep::PACKETS);
    capture.each_segment(|segment| sessions.push(segment)).unwrap();
    let scene = scenes(&sessions.finish().remove(0)).remove(0);
    desk.app.take(Update::Unfolded(1, Some((Arc::new(scene), Vec::new()))));
    desk.hides("reading it again");
    assert!(desk.chosen().contains("226 Transfer complete"), "{}", desk.chosen());
    desk.hides("in 12 segments");
    assert_eq!(desk.press("pp"), Action::None);
}

#[test]
fn the_room_below_the_rows_is_as_high_as_wanted() {
    let mut desk = at(UPLOAD, "211 Features supported");
    desk.press("++++++++");
    desk.shows("211 End FEAT.");
    desk.press("--------------------");
    desk.hides("row 11,");
}

#[test]
fn the_numbers_of_a_session_are_told_on_the_whole_screen() {
    let mut desk = at(BULK, "226 Transfer complete");
    desk.press("i");
    desk.shows("Data connection 1 RETR: 400000 B");
    desk.press("q");
    desk.hides("400000 B in");
}

#[test]
fn what_is_ours_of_a_rows_words_is_japanese_in_the_pane_too() {
    let mut desk = Desk::with(&[BULK], Options { lang: Lang::Ja, ..plain() });
    desk.press("\n");
    while !desk.chosen().contains("RETR data")
        || !desk.chosen().replace(' ', "").contains("セグメント")
    {
        let before = desk.chosen();
        desk.press("j");
        assert_ne!(desk.chosen(), before, "no row tells of several segments");
    }
    assert!(!desk.screen().join("").contains(" segments"), "{:?}", desk.screen());
}
