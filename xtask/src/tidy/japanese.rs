//! Rule `japanese`: what speaks Japanese speaks it in one way.
//!
//! The terms are those of the RFCs in Japanese and of Japanese teaching material. Documents say です and ます; notes,
//! findings and all that a program writes besides replies are plain statements. Between Japanese and other letters or
//! digits stands one space, within Japanese none, and punctuation is Japanese. A test's data may be as it likes.

use super::Finding;
use super::file::File;

/// Where Japanese is ours.
const PLACES: &[&str] =
    &["crates/ladder/src/", "crates/wharf/src/", "crates/proto/src/texts.rs", "xtask/src/session/"];

/// What is not said, what is said in its place, and what may stand behind it where that makes it another word.
const TERMS: &[(&str, &str, &str)] = &[
    ("制御コネクション", "コントロールコネクション", ""),
    ("制御接続", "コントロールコネクション", ""),
    ("データ接続", "データコネクション", ""),
    ("フォルダ", "ディレクトリ", ""),
    ("ディレクトリー", "ディレクトリ", ""),
    ("利用者", "ユーザー", ""),
    ("ユーザ", "ユーザー", "ー"),
    ("サーバ", "サーバー", "ー"),
    ("暗黙の TLS", "暗黙的 TLS", ""),
    ("明示的な TLS", "明示的 TLS", ""),
    ("捕捉", "キャプチャー", ""),
    ("第三者ホスト", "第3者ホスト", ""),
    ("指紋", "フィンガープリント", ""),
];

/// Names that are written without a space before or behind their digit.
const NAMES: &[&str] = &["第3者"];

/// Applies the rule to a file that speaks Japanese.
pub(super) fn check(file: &File) -> Vec<Finding> {
    let speaks = file.path.ends_with(".ja.md")
        || (file.is_rust()
            && PLACES.iter().any(|place| file.path.starts_with(place))
            && !file.path.ends_with("tests.rs"));
    if !speaks {
        return Vec::new();
    }
    let text = file.lines().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    text.flat_map(|(number, line)| {
        let of_line = terms(line).into_iter().chain(letters(line));
        of_line.map(move |advice| Finding::error(number, advice))
    })
    .collect()
}

fn terms(line: &str) -> Vec<String> {
    let found = TERMS.iter().filter(|(wrong, _, unless)| {
        line.match_indices(wrong).any(|(at, _)| {
            let rest = line.get(at + wrong.len()..).unwrap_or_default();
            unless.is_empty() || !rest.starts_with(unless)
        })
    });
    found.map(|(wrong, right, _)| format!("{wrong}: write {right}")).collect()
}

/// What is wrong between two letters that stand beside each other.
fn letters(line: &str) -> Option<String> {
    let line = NAMES.iter().fold(line.to_owned(), |line, name| line.replace(name, "第者"));
    let line: Vec<char> = line.chars().collect();
    line.windows(3).find_map(|three| {
        let &[a, b, c] = three else { return None };
        let shown = format!("{a}{b}{c}");
        if is_japanese(a) && b == ' ' && is_japanese(c) {
            return Some(format!("\"{shown}\": no space within Japanese"));
        }
        if is_japanese(a) && b == ' ' && c == '(' {
            return Some(format!("\"{shown}\": write （ ）"));
        }
        let meet = |a: char, b: char| is_japanese(a) && b.is_ascii_alphanumeric();
        // What stands behind a backslash is no letter.
        if meet(b, c) || (a != '\\' && meet(c, b)) {
            return Some(format!("\"{shown}\": a space between Japanese and other letters"));
        }
        let punctuates = matches!(c, '(' | ',' | ':' | ';' | '!' | '?' | '.');
        let closes = b == ')' && is_japanese(c);
        if (is_japanese(b) && punctuates) || closes {
            return Some(format!("\"{shown}\": write Japanese punctuation"));
        }
        None
    })
}

fn is_japanese(c: char) -> bool {
    matches!(c, 'ぁ'..='ゖ' | 'ァ'..='ヺ' | 'ー' | '一'..='鿿' | '々')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let findings = check(&File::new("docs/a.ja.md", text));
        findings.into_iter().map(|finding| finding.advice).collect()
    }

    #[test]
    fn one_way_of_writing_passes() {
        let text = "サーバーはポート 21 で待ち（RFC 959 5.2）、第3者ホストの TLS を確かめます。\n";
        assert_eq!(found(text), [""; 0]);
    }

    #[test]
    fn wrong_terms_spaces_and_punctuation_are_found() {
        for wrong in [
            "制御コネクション",
            "サーバの応答",
            "サーバー が待つ",
            "ポート21 で待つ",
            "TLSで守る",
            "待つ(PASV)",
            "待つ (PASV)",
            "待つ, つなぐ",
        ] {
            assert_eq!(found(wrong).len(), 1, "{wrong}: {:?}", found(wrong));
        }
    }

    #[test]
    fn other_files_and_the_data_of_tests_are_left_alone() {
        assert!(check(&File::new("crates/client/src/a.rs", "\"制御接続\"\n")).is_empty());
        let text = "//! A.\n#[cfg(test)]\nmod tests { /* 制御接続 */ }\n";
        assert!(check(&File::new("crates/ladder/src/a.rs", text)).is_empty());
    }
}
