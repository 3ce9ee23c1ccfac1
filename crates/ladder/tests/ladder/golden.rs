//! Ladders compared byte for byte with the files in `tests/golden`; `UPDATE_GOLDEN=1` rewrites them.

use crate::sessions::{self, Story};
use std::path::Path;
use wharf_ladder::{Ambiguous, Ladder, Lang, Options};

const PLAIN: Options = Options {
    width: 80,
    ambiguous: Ambiguous::One,
    ascii: false,
    colour: false,
    packets: false,
    lang: Lang::En,
    notes: false,
    no_times: false,
    whole: false,
    since: None,
};

#[track_caller]
fn compare(name: &str, story: Story, options: &Options) {
    let ladder = Ladder::from_events(&story.events());
    let summary = ladder.summary().line(options.lang, !options.no_times);
    let got = ladder.render_text(options) + &summary + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &got).expect("the golden file is writable");
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(got, want, "{name} differs; UPDATE_GOLDEN=1 rewrites it");
}

#[test]
fn the_reference_session_has_all_49_rows_at_80_columns_when_packets_are_asked_for() {
    compare("reference-49.txt", sessions::reference(), &Options { packets: true, ..PLAIN });
}

#[test]
fn the_reference_session_is_folded_by_default_and_keeps_its_numbers() {
    compare("reference-folded.txt", sessions::reference().quits(), &PLAIN);
}

#[test]
fn without_times_the_columns_of_times_and_the_silences_are_gone() {
    compare("reference-no-times.txt", sessions::reference(), &Options { no_times: true, ..PLAIN });
}

#[test]
fn japanese_notes_stand_beside_the_rows_at_120_columns() {
    let options = Options { width: 120, lang: Lang::Ja, notes: true, packets: true, ..PLAIN };
    compare("reference-ja-120.txt", sessions::reference(), &options);
}

#[test]
fn notes_have_room_on_one_line_at_160_columns() {
    let options = Options { width: 160, notes: true, ..PLAIN };
    compare("reference-en-160.txt", sessions::reference(), &options);
}

#[test]
fn notes_are_listed_under_a_ladder_of_80_columns() {
    compare("passive-notes-80.txt", sessions::passive(), &Options { notes: true, ..PLAIN });
}

#[test]
fn in_ascii_nothing_else_is_used_even_for_a_japanese_name() {
    let options = Options { ascii: true, packets: true, lang: Lang::Ja, ..PLAIN };
    compare("reference-ascii.txt", sessions::reference(), &Options { lang: Lang::En, ..options });
    let text = Ladder::from_events(&sessions::reference().events())
        .render_text(&Options { notes: true, ..options });
    assert!(text.is_ascii());
}

#[test]
fn where_ambiguous_characters_take_two_columns_the_lifelines_stay_straight() {
    let options = Options { ambiguous: Ambiguous::Two, packets: true, ..PLAIN };
    compare("reference-ambiguous-two.txt", sessions::reference(), &options);
}

#[test]
fn in_passive_mode_the_client_opens_the_data_connection() {
    compare("passive.txt", sessions::passive(), &Options { packets: true, ..PLAIN });
}

#[test]
fn an_upload_is_carried_by_the_clients_half_and_an_empty_one_is_a_fin_alone() {
    compare("upload.txt", sessions::upload(), &PLAIN);
}

#[test]
fn a_refused_data_connection_and_a_timer_are_remarks() {
    compare("refused.txt", sessions::refused(), &PLAIN);
}

#[test]
fn a_broken_half_is_drawn_as_rst() {
    compare("reset.txt", sessions::reset(), &Options { packets: true, ..PLAIN });
}

#[test]
fn two_ipv6_addresses_take_two_header_lines() {
    compare("ipv6.txt", sessions::ipv6(), &PLAIN);
}

#[test]
fn below_60_columns_the_ladder_is_a_list() {
    compare("reference-list-40.txt", sessions::reference(), &Options { width: 40, ..PLAIN });
}

#[test]
fn colours_repeat_what_the_marks_say() {
    compare("refused-colour.txt", sessions::refused(), &Options { colour: true, ..PLAIN });
}
