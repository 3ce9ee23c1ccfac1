//! Mistakes in a configuration file, and how they are shown: `FILE:LINE:COLUMN: reason`, and the line.
//!
//! What stands behind a password's key is not shown: standard error may end in a journal that others read.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::exit::Usage;

/// What some editors write before the first line; it is in no column.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Where in the file; `None` when it is the command line that is to blame.
    at: Option<usize>,
    /// Why.
    pub(crate) reason: String,
}

impl Mistake {
    /// A mistake at this place of the file.
    pub(crate) fn at(place: Range<usize>, reason: impl Into<String>) -> Self {
        Self { at: Some(place.start), reason: reason.into() }
    }

    /// A mistake on the command line.
    pub(crate) fn typed(reason: &str) -> Self {
        Self { at: None, reason: reason.to_owned() }
    }
}

impl From<toml::de::Error> for Mistake {
    /// The message of the parser, without the value that it repeats: the line shows it, if it may be shown.
    fn from(error: toml::de::Error) -> Self {
        let message = error.message().replace('\n', " ");
        let told = ["invalid type", "invalid value"].iter().find_map(|kind| {
            let value = message.strip_prefix(kind)?.strip_prefix(": ")?;
            Some(format!("{kind}{}", &value[value.rfind(", expected ")?..]))
        });
        Self::at(error.span().unwrap_or_default(), told.unwrap_or(message))
    }
}

/// A file, and where it came from.
pub(crate) struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self, Usage> {
        let name = path.display();
        let bytes =
            fs::read(path).map_err(|error| Usage(format!("{name}: cannot read: {error}")))?;
        let path = path.to_owned();
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes).to_vec();
        String::from_utf8(bytes).map(|text| Self { path: path.clone(), text }).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            Self { path, text }.point_at(&Mistake::at(valid..valid, "this is not UTF-8"))
        })
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The message about a mistake.
    pub(crate) fn point_at(&self, mistake: &Mistake) -> Usage {
        let Mistake { at: Some(at), reason } = mistake else {
            return Usage(mistake.reason.clone());
        };
        let before = self.text.get(..*at).unwrap_or(&self.text);
        let begin = before.rfind('\n').map_or(0, |end| end + 1);
        let number = before.matches('\n').count() + 1;
        let column = before[begin..].chars().count() + 1;
        let line = self.text[begin..].lines().next().unwrap_or_default();
        let heading = self.text[..begin].lines().rfind(|line| line.trim_start().starts_with('['));
        let secret = [line, heading.unwrap_or_default()].iter().any(|line| names_secrets(line));
        let inside =
            ["\"\"\"", "'''"].iter().any(|q| self.text[..begin].matches(q).count() % 2 == 1);
        let shown = match secret {
            true if inside => "…".to_owned(),
            true => key(line),
            false => line.to_owned(),
        };
        let shown = shown.replace(char::is_control, " ");
        let path = self.path.display();
        Usage(format!("{path}:{number}:{column}: {reason}\n  {number} | {shown}"))
    }
}

/// Whether a line, or those below this heading, may hold a password.
fn names_secrets(line: &str) -> bool {
    line.contains("user") || line.contains("password") || line.contains("://")
}

/// A line without its value, which is all that is behind the first sign that no key and no heading has.
fn key(line: &str) -> String {
    let value = line.trim_start().find(['=', '"', '\'', ' ']);
    let indent = line.len() - line.trim_start().len();
    value.map_or_else(|| line.to_owned(), |value| format!("{} …", &line[..indent + value]))
}
