//! `--filter`: which sessions are wanted, in a few words.
//!
//! ```text
//! filter  = part { "or" part }
//! part    = one { ["and"] one }
//! one     = "not" one | "(" filter ")" | term
//! term    = "host" ADDRESS[/BITS] | "port" N | "verb" NAME | "code" PATTERN | "finding" PATTERN
//!         | "bytes" N | "longer" SECONDS | "failed" | WORD
//! ```
//!
//! A pattern may have `*` at its end, and `bytes` means at least so many. Any other word is looked for in what was said on
//! the control connection, in the addresses and in the names of findings; in quotes a word may hold spaces, and is none of
//! the words above.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use wharf_proto::Verb;

use super::facts::Facts;

/// Parts within parts at most.
const MAX_DEPTH: usize = 32;

/// A filter that has been understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Host(IpNet),
    Port(u16),
    Verb(Verb),
    Code(String),
    Finding(String),
    Bytes(u64),
    Longer(Duration),
    Failed,
    Word(String),
}

impl Filter {
    /// Whether these facts are wanted.
    pub(super) fn matches(&self, facts: &Facts) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(facts)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(facts)),
            Self::Not(part) => !part.matches(facts),
            Self::Host(net) => facts.hosts.iter().any(|ip| net.contains(&ip.to_canonical())),
            Self::Port(port) => facts.ports.contains(port),
            Self::Verb(verb) => facts.verbs.contains(verb),
            Self::Code(pattern) => facts.codes.iter().any(|code| fits(pattern, &code.to_string())),
            Self::Finding(pattern) => facts.findings.iter().any(|id| fits(pattern, id)),
            Self::Bytes(least) => facts.bytes >= *least,
            Self::Longer(least) => facts.duration >= *least,
            Self::Failed => facts.failed > 0,
            Self::Word(word) => {
                let is_id = |id: &&str| id.eq_ignore_ascii_case(word);
                [&facts.words, &facts.client, &facts.server].iter().any(|text| text.contains(word))
                    || facts.findings.iter().any(is_id)
            }
        }
    }
}

/// `D*` fits `D10`; letters of either case are alike.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(head) => {
            text.get(..head.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(head))
        }
        None => text.eq_ignore_ascii_case(pattern),
    }
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = words(text)?.into_iter().peekable();
        let filter = any(&mut words, 0)?;
        match words.next() {
            None => Ok(filter),
            Some(word) => Err(format!("`{}` stands where the filter could end", word.text)),
        }
    }
}

/// A word of a filter; one in quotes is never one of the filter's own.
struct Word {
    text: String,
    is_quoted: bool,
}

impl Word {
    fn is(&self, word: &str) -> bool {
        !self.is_quoted && self.text == word
    }
}

type Words = std::iter::Peekable<std::vec::IntoIter<Word>>;

fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (length, is_quoted) = match first {
            '(' | ')' => (1, false),
            '"' => (rest[1..].find('"').ok_or("a quote has no end")? + 2, true),
            _ => (
                rest.find(|c: char| c.is_whitespace() || "()\"".contains(c)).unwrap_or(rest.len()),
                false,
            ),
        };
        let (word, behind) = rest.split_at(length);
        words.push(Word { text: word.trim_matches('"').to_owned(), is_quoted });
        rest = behind.trim_start();
    }
    Ok(words)
}

fn any(words: &mut Words, depth: usize) -> Result<Filter, String> {
    let mut parts = vec![all(words, depth)?];
    while words.next_if(|word| word.is("or")).is_some() {
        parts.push(all(words, depth)?);
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Any(parts) })
}

fn all(words: &mut Words, depth: usize) -> Result<Filter, String> {
    let mut parts = vec![one(words, depth)?];
    while words.peek().is_some_and(|word| !word.is("or") && !word.is(")")) {
        words.next_if(|word| word.is("and"));
        parts.push(one(words, depth)?);
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) })
}

fn one(words: &mut Words, depth: usize) -> Result<Filter, String> {
    if depth > MAX_DEPTH {
        return Err("too many parts within parts".to_owned());
    }
    let word = words.next().ok_or("something is wanted at its end")?;
    if word.is_quoted {
        return Ok(Filter::Word(word.text.to_lowercase()));
    }
    let mut what = |of: &str| match words.next_if(|word| !word.is(")") && !word.is("(")) {
        Some(word) => Ok(word.text),
        None => Err(format!("`{of}` wants something behind it")),
    };
    Ok(match word.text.as_str() {
        "(" => {
            let filter = any(words, depth + 1)?;
            words.next_if(|word| word.is(")")).ok_or("a ( has no )")?;
            filter
        }
        ")" | "and" | "or" => return Err(format!("`{}` has nothing before it", word.text)),
        "not" => Filter::Not(Box::new(one(words, depth + 1)?)),
        "host" => Filter::Host(net(&what("host")?)?),
        "port" => Filter::Port(number("port", &what("port")?)?),
        "verb" => {
            let name = what("verb")?;
            let verb = Verb::named(name.to_ascii_uppercase().as_bytes());
            Filter::Verb(verb.ok_or_else(|| format!("`{name}` is no verb of FTP"))?)
        }
        "code" => Filter::Code(what("code")?),
        "finding" => Filter::Finding(what("finding")?),
        "bytes" => Filter::Bytes(number("bytes", &what("bytes")?)?),
        "longer" => Filter::Longer(Duration::from_secs(number("longer", &what("longer")?)?)),
        "failed" => Filter::Failed,
        word => Filter::Word(word.to_lowercase()),
    })
}

fn net(text: &str) -> Result<IpNet, String> {
    let one = text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical()));
    one.or_else(|_| text.parse())
        .map_err(|_| format!("`{text}` is no address: 10.0.0.1, 10.0.0.0/8"))
}

fn number<T: FromStr>(of: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{of}` wants a number, and not `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            no: 1,
            client: "10.0.0.1:1180".to_owned(),
            server: "203.0.113.5:21".to_owned(),
            began: wharf_proto::Moment::START,
            duration: Duration::from_secs(3),
            transfers: 1,
            failed: 0,
            bytes: 500,
            ending: "",
            findings: vec!["D10", "C4"],
            worst: None,
            hosts: vec!["10.0.0.1".parse().unwrap(), "203.0.113.5".parse().unwrap()],
            ports: vec![1180, 21],
            verbs: vec![Verb::User, Verb::Retr],
            codes: vec![220, 550],
            words: "220 ready\nuser ann\nretr notes or so.txt\n".to_owned(),
        }
    }

    #[test]
    fn each_term_asks_one_thing_and_parts_are_joined() {
        for yes in [
            "host 10.0.0.1",
            "host 10.0.0.0/8",
            "port 21",
            "verb retr",
            "code 5*",
            "code 550",
            "finding D*",
            "finding c4",
            "bytes 500",
            "longer 3",
            "ann",
            "d10",
            "not failed",
            "\"notes or so\"",
            "host 10.0.0.1 and finding D*",
            "failed or ann",
            "not (failed or bytes 9000)",
            "ann retr",
            "failed and ann or port 21",
        ] {
            let filter: Filter = yes.parse().unwrap();
            assert!(filter.matches(&facts()), "{yes}");
        }
        for no in [
            "host 10.0.0.2",
            "port 22",
            "verb stor",
            "code 4*",
            "finding D1",
            "bytes 501",
            "failed",
            "not ann",
            "\"failed\"",
            "ann and failed",
        ] {
            let filter: Filter = no.parse().unwrap();
            assert!(!filter.matches(&facts()), "{no}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_told() {
        for (text, wants) in [
            ("", "something is wanted"),
            ("host", "wants something behind it"),
            ("host x", "no address"),
            ("(ann", "has no )"),
            ("ann)", "could end"),
            ("or ann", "nothing before it"),
            ("\"ann", "no end"),
            ("verb fly", "no verb"),
            ("port many", "a number"),
        ] {
            let told = text.parse::<Filter>().unwrap_err();
            assert!(told.contains(wants), "{text}: {told}");
        }
        assert!("(".repeat(9999).parse::<Filter>().is_err());
        assert!("not ".repeat(9999).parse::<Filter>().is_err());
    }
}
