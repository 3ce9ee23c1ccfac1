//! Whatever a peer sends, a line keeps its width and no control character reaches the terminal.

use crate::sessions::Story;
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;
use wharf_ladder::width::columns;
use wharf_ladder::{Ambiguous, Ladder, Lang, Options};
use wharf_proto::Text;
use wharf_proto::tap::What;

/// Names that terminals are known to count differently, or that could steer one.
const HOSTILE: &[&str] = &[
    "一覧の送信が完了しました、長い長い日本語の応答文がここに続きます",
    "👩\u{200d}👩\u{200d}👧\u{200d}👦👍🏽🇯🇵❤\u{fe0f}1\u{fe0f}\u{20e3}",
    "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}\u{309}",
    "\u{301}\u{302} starts with marks",
    "a\x1b[2J\x07\r\nb\u{9b}31m\u{202e}txt.exe\u{2066}\u{61c}",
    "ｶﾞｷﾞ half\u{a0}width\u{ad}\u{200b}\u{feff}",
    "لا إله <\u{338} =\u{338} >\u{338} ֿשלום",
    "\u{1100}\u{1161}\u{11a8}\u{17d2}\u{1780}\u{e0041}\u{e0100}葛\u{e0100}",
    "─═│▶◀…⋯×→①Ω±",
];

fn story(line: &[u8], reply: &[u8]) -> Ladder {
    let told = [
        What::Command { verb: None, line: Text::from(line) },
        What::Reply { code: 250, lines: vec![Text::from(reply), Text::default()] },
        What::DataRefused { why: Text::from(reply) },
    ];
    let story = told.into_iter().fold(Story::logged_in(), Story::tell);
    Ladder::from_events(&story.after(120_000).quits().events())
}

/// How many columns a line takes at most, on terminals that join characters and on those that do not.
fn widest(line: &str, ambiguous: Ambiguous) -> usize {
    let joined = match ambiguous {
        Ambiguous::One => line.width(),
        Ambiguous::Two => line.width_cjk(),
    };
    joined.max(columns(line, ambiguous))
}

fn check(ladder: &Ladder, options: &Options) -> Result<(), TestCaseError> {
    let text = ladder.render_text(options);
    for line in text.lines() {
        prop_assert!(widest(line, options.ambiguous) <= options.width, "{options:?}\n{line}");
        prop_assert!(!line.chars().any(char::is_control), "{line:?}");
        prop_assert!(!options.ascii || line.is_ascii(), "{line}");
    }
    Ok(())
}

fn options() -> impl Strategy<Value = Options> {
    let widths = prop_oneof![Just(80_usize), 20_usize..=200];
    (widths, any::<[bool; 7]>()).prop_map(
        |(width, [two, ascii, packets, ja, notes, no_times, whole])| {
            let ambiguous = if two { Ambiguous::Two } else { Ambiguous::One };
            let lang = if ja { Lang::Ja } else { Lang::En };
            let plain = Options::default();
            Options { width, ambiguous, ascii, packets, lang, notes, no_times, whole, ..plain }
        },
    )
}

#[test]
fn hostile_labels_fit_80_columns_in_both_settings() {
    for text in HOSTILE {
        let long = text.repeat(40);
        for ladder in [story(text.as_bytes(), long.as_bytes()), story(long.as_bytes(), b"\xff\xe3")]
        {
            for ambiguous in [Ambiguous::One, Ambiguous::Two] {
                for notes in [false, true] {
                    let options = Options { ambiguous, notes, ..Options::default() };
                    check(&ladder, &options).expect(text);
                }
            }
        }
    }
}

#[test]
fn the_right_lifeline_stands_in_one_column_whatever_the_label() {
    for text in HOSTILE {
        let ladder = story(text.as_bytes(), text.repeat(9).as_bytes());
        for ambiguous in [Ambiguous::One, Ambiguous::Two] {
            let text = ladder.render_text(&Options { ambiguous, ..Options::default() });
            for line in text.lines().filter(|line| line.ends_with("│21")) {
                assert_eq!(columns(line, ambiguous), 77, "{line}");
            }
        }
    }
}

#[test]
fn with_colours_only_our_own_escapes_are_written() {
    let ladder = story(b"\x1b[31m\x9b\xc2\x9b1m", b"\x1b]0;title\x07");
    let text = ladder.render_text(&Options { colour: true, ..Options::default() });
    for rest in text.split('\x1b').skip(1) {
        let (code, _) = rest.split_once('m').expect("an SGR sequence");
        assert!(matches!(code, "[0" | "[36" | "[32" | "[31" | "[33" | "[2"), "{code:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_fit_any_width(
        line in prop::collection::vec(any::<u8>(), 0..300),
        reply in any::<String>(),
        options in options(),
    ) {
        check(&story(&line, reply.as_bytes()), &options)?;
    }

    #[test]
    fn any_mixture_of_hostile_pieces_fits_any_width(
        pieces in prop::collection::vec(0..HOSTILE.len(), 0..6),
        options in options(),
    ) {
        let text: String = pieces.iter().filter_map(|at| HOSTILE.get(*at)).copied().collect();
        check(&story(text.as_bytes(), text.as_bytes()), &options)?;
    }
}
