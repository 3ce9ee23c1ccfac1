//! What a server says that it can do (FEAT, RFC 2389).

use wharf_proto::Reply;

/// What FEAT says that the server can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features(Vec<String>);

impl Features {
    /// Whether a feature is listed, without regard to what stands behind its name: `has("MLST")`.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|line| Self::names(line, name))
    }

    /// Takes a feature out, which turned out not to be there.
    pub(super) fn forget(&mut self, name: &str) {
        self.0.retain(|line| !Self::names(line, name));
    }

    fn names(line: &str, name: &str) -> bool {
        let first = line.split(' ').next().unwrap_or_default();
        first.eq_ignore_ascii_case(name) || line.eq_ignore_ascii_case(name)
    }

    /// Each feature as the server put it.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The features of these lines.
    #[cfg(test)]
    pub(crate) fn of(lines: &[&str]) -> Self {
        Self(lines.iter().map(|line| (*line).to_owned()).collect())
    }

    pub(super) fn parse(reply: &Reply) -> Self {
        let inner = reply.lines.len().saturating_sub(2);
        let lines = reply.lines.iter().skip(1).take(inner);
        Self(lines.map(|line| String::from_utf8_lossy(line.as_bytes()).trim().to_owned()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_proto::reply::ReplyReader;

    #[test]
    fn features_are_the_lines_between_the_first_and_the_last() {
        let mut reader = ReplyReader::new();
        let lines = ["211-Features:", " MLST size*;modify*;", " rest stream", "211 End"];
        let read = lines.map(|line| reader.line(line.as_bytes().to_vec()).unwrap());
        let features = Features::parse(read[3].as_ref().unwrap());
        assert!(features.has("MLST") && features.has("REST STREAM") && features.has("REST"));
        assert!(!features.has("Features:") && !features.has("End") && !features.has("SIZE"));
        assert_eq!(features.iter().count(), 2);
    }

    #[test]
    fn a_reply_of_one_line_lists_no_features() {
        let code = wharf_proto::reply::Code::new(211).unwrap();
        assert_eq!(Features::parse(&Reply::line(code, "no-features")), Features::default());
    }
}
