//! `wharf demo`, as an ordinary user sees it.

use crate::serving::wharf;

fn demo(options: &[&str]) -> String {
    let output = wharf().args(["demo", "--no-capture"]).args(options).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The rows: lines that begin with a number.
fn rows(text: &str) -> Vec<(u32, &str)> {
    let number = |line: &str| line.split_whitespace().next()?.parse().ok();
    text.lines().filter_map(|line| Some((number(line)?, line))).collect()
}

#[test]
fn the_reference_session_has_its_49_rows_under_their_numbers() {
    let text = demo(&[]);
    let rows = rows(&text);
    assert!((1..=49).eq(rows.iter().map(|(no, _)| *no).take(49)), "{text}");
    for (no, wanted) in [
        (1, "SYN"),
        (4, "220"),
        (10, "PASS"),
        (18, "PORT"),
        (21, "LIST"),
        (23, "SYN"),
        (25, "125"),
        (27, "FIN"),
        (32, "250"),
        (37, "RETR"),
        (42, "125"),
        (43, "FIN"),
        (48, "250"),
    ] {
        assert!(rows[no - 1].1.contains(wanted), "{no}: {}", rows[no - 1].1);
    }
    assert!(text.contains("These are the 49 rows of the reference session"), "{text}");
    assert!(text.contains("The file that arrived equals the file served."));
    assert!(!text.contains("PASS password"));
}

#[test]
fn no_line_is_wider_than_80_columns_and_ascii_is_ascii() {
    let text = demo(&["--ascii"]);
    assert!(text.is_ascii());
    assert!(rows(&text).iter().all(|(_, line)| line.len() <= 80));
}

#[test]
fn passive_mode_and_the_third_host_are_shown_too() {
    let passive = demo(&["--passive"]);
    assert!(passive.contains("PASV") && passive.contains("227") && !passive.contains("PORT 127"));
    let third = demo(&["--third-party"]);
    assert!(
        third.contains("PASV") && third.contains("PORT 127") && third.contains("STOR ship.txt")
    );
    assert!(third.contains("The file that arrived equals the file served."));
}

#[test]
fn it_speaks_japanese_when_asked() {
    let text = demo(&["--lang", "ja", "--notes"]);
    assert!(text.contains("届いたファイルはサーバーのファイルと一致した。"));
    assert!(text.contains("クライアントがコントロールコネクションの確立を求める"));
}

#[test]
fn explained_each_of_the_49_rows_has_its_sentence_and_its_paragraph() {
    for (lang, sentence) in [("en", "the client names the user"), ("ja", "ユーザー名を送る")]
    {
        let text = demo(&["--explain", "--lang", lang]);
        let lesson = text.split("\n\n").last().unwrap();
        let heads = |line: &&str| line.get(..3).is_some_and(|no| no.trim().parse::<u32>().is_ok());
        assert!(lesson.lines().filter(heads).count() >= 49, "{text}");
        assert!(lesson.contains("RFC 959 4.1.1"), "{text}");
        assert!(lesson.contains(sentence), "{text}");
        // What it is for, and what would be otherwise, is said once.
        for (word, times) in [("AUTH TLS", 1), ("RFC 959 4.1.2", 4)] {
            assert_eq!(lesson.matches(word).count(), times, "{word}: {text}");
        }
        // A port may have the same digits in it.
        let codes = lesson.split(|letter: char| !letter.is_ascii_digit()).filter(|no| *no == "332");
        assert_eq!(codes.count(), 1, "{text}");
    }
}
