//! The names of months in the languages that hosts print their listings in.
//!
//! As the C libraries shorten them. Where two languages have one spelling for two months (Croatian, and its
//! neighbours), the more widely spoken one is meant. Spellings outside ASCII are looked for in UTF-8 and in the
//! charsets that came before it.

use encoding_rs::{
    EUC_JP, Encoding, GBK, ISO_8859_2, KOI8_R, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252,
};

use crate::time::month_by_name;

/// The charsets of hosts whose spelling is no UTF-8.
static CHARSETS: [&Encoding; 7] =
    [WINDOWS_1252, ISO_8859_2, WINDOWS_1251, KOI8_R, SHIFT_JIS, EUC_JP, GBK];

/// The spellings of each month, in small letters and without the point behind them.
#[rustfmt::skip]
static NAMES: [&[&str]; 12] = [
    &["januar", "january", "janv", "ene", "gen", "jän", "janeiro", "sty", "led", "янв", "ian", "jaan", "oca", "tammi", "ιαν"],
    &["februar", "february", "fév", "févr", "fev", "febr", "lut", "úno", "фев", "veebr", "şub", "helmi", "φεβ"],
    &["march", "mär", "märz", "mrz", "mrt", "mars", "marzo", "bře", "мар", "márc", "märts", "maalis", "μαρ"],
    &["april", "avr", "abr", "kwi", "dub", "апр", "ápr", "nis", "huhti", "απρ", "avril"],
    &["mai", "mag", "maj", "mei", "kvě", "май", "мая", "máj", "maí", "toukokuu", "touko", "μαϊ", "maggio"],
    &["june", "juni", "juin", "giu", "cze", "čer", "čen", "июн", "jún", "iun", "juuni", "haz", "kesä", "ιουν", "junio"],
    &["july", "juli", "juil", "lug", "lip", "čec", "июл", "júl", "iul", "juuli", "tem", "heinä", "ιουλ", "julio"],
    &["august", "août", "aoû", "aou", "ago", "sie", "srp", "авг", "ágú", "ağu", "elo", "αυγ"],
    &["september", "sept", "set", "wrz", "zář", "сен", "szept", "eyl", "syys", "σεπ"],
    &["october", "okt", "ott", "out", "paź", "říj", "окт", "eki", "loka", "οκτ", "oktober"],
    &["november", "nóv", "noi", "lis", "ноя", "kas", "marras", "νοε", "noviembre"],
    &["december", "dez", "déc", "dic", "des", "gru", "pro", "дек", "dets", "ara", "joulu", "δεκ"],
];

/// The month of this name, in any of the languages.
pub(super) fn month(name: &[u8]) -> Option<u8> {
    if let Some(month) = month_by_name(name) {
        return Some(month);
    }
    if !(3..=24).contains(&name.len()) {
        return None;
    }
    if let Ok(name) = str::from_utf8(name) {
        return spelt(name);
    }
    CHARSETS.iter().find_map(|charset| {
        spelt(&charset.decode_without_bom_handling_and_without_replacement(name)?)
    })
}

fn spelt(name: &str) -> Option<u8> {
    let small = name.to_lowercase();
    let small = small.trim_end_matches('.');
    let found = NAMES.iter().zip(1..).find(|(names, _)| names.contains(&small));
    found.map(|(_, month)| month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_known_in_many_languages_and_charsets() {
        for (name, number) in [
            (&b"Nov"[..], 11),
            (b"OKT", 10),
            ("Mär".as_bytes(), 3),
            (b"M\xE4r", 3),
            ("févr.".as_bytes(), 2),
            (b"d\xE9c", 12),
            ("мая".as_bytes(), 5),
            (b"\xEC\xE0\xFF", 5),
            (b"\xC6\xC5\xD7", 2),
            ("paź".as_bytes(), 10),
            (b"pa\xBC", 10),
            ("Ağu".as_bytes(), 8),
        ] {
            assert_eq!(month(name), Some(number), "{}", name.escape_ascii());
        }
        for name in [&b""[..], b"no", b"user", b"\xFF\xFE\xFD", b"1234"] {
            assert_eq!(month(name), None, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn no_spelling_stands_for_two_months() {
        let mut all: Vec<&str> = NAMES.iter().flat_map(|names| names.iter().copied()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
