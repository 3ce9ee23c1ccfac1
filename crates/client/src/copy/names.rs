//! Names on their way from one server to the other, each of which may have a charset of its own for them.

use wharf_proto::Text;
use wharf_proto::charset::Charset;

/// From one charset into another.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Names {
    pub(super) source: Charset,
    pub(super) target: Charset,
}

impl Names {
    /// A name, or a path, of the source as the target is to have it. Each name by itself: one that the source's charset
    /// cannot read, or the target's cannot say, stays byte for byte.
    pub(crate) fn at_target(self, path: &[u8]) -> Text {
        if self.source == self.target || path.is_ascii() {
            return path.into();
        }
        let names = path.split(|byte| *byte == b'/');
        let names = names.map(|name| self.target.typed(&self.source.shown(name)).into_owned());
        names.collect::<Vec<_>>().join(&b'/').into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_of_a_path_is_converted_by_itself_where_both_charsets_have_it() {
        let named = |label: &str| Charset::named(label).unwrap();
        let names = Names { source: named("shift_jis"), target: named("euc-jp") };
        // 港 in Shift_JIS, UTF-8 and EUC-JP.
        let (sjis, utf_8, euc) = (b"\x8D\x60", "港".as_bytes(), b"\xB9\xC1");
        let path = [&sjis[..], b"/a b/", utf_8, b"/\xFF\xFF"].concat();
        let wanted = [&euc[..], b"/a b/", euc, b"/\xFF\xFF"].concat();
        assert_eq!(names.at_target(&path).as_bytes(), wanted);
        let to_latin = Names { source: named("shift_jis"), target: named("latin1") };
        assert_eq!(to_latin.at_target(sjis).as_bytes(), utf_8);
        assert_eq!(Names::default().at_target(sjis).as_bytes(), sjis);
    }
}
