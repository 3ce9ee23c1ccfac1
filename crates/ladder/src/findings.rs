//! What went wrong in a session: a table of rules, each with its cause, whose fault it is, how sure that is, the
//! rows that prove it, and what to do.
//!
//! The rules stand in `findings/`, a file a chapter. A rule looks at a [`Case`] and at nothing else, so a tap and
//! a capture of the same session are judged alike. A rule that misses something (a reply that did not come) waits
//! until its time is over: the end of what is known is not the end of the session. A symptom is hidden where its
//! cause was found.

mod active;
mod control;
mod cover;
mod login;
mod network;
mod passive;
mod said;
mod transfer;

use crate::case::{Case, Vantage};
use crate::conn::Conn;
use crate::row::{Channel, Packet, Provenance, Row};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;
use wharf_proto::tap::Party;
use wharf_proto::{Lang, Text};

/// Every rule, in the order of the life of a session.
pub static RULES: [&[Rule]; 7] = [
    control::RULES,
    login::RULES,
    active::RULES,
    passive::RULES,
    cover::RULES,
    transfer::RULES,
    network::RULES,
];

/// Rows that are named as proof at most.
const MAX_ROWS: usize = 8;
/// A connection that was asked for once and not answered within this time is not answered.
const UNANSWERED: Duration = Duration::from_secs(3);
/// The rule that tells of gaps in the capture, and is as sure as they are.
const GAPS: &str = "N5";
/// The rule that finds replies and commands out of step: whatever is read behind that is misread.
const OUT_OF_STEP: &str = "P1";
/// The rules that miss something on the control connection, or count there, or rest on what was agreed on there last:
/// where its bytes are missing, it may have been among them.
const HEARS_ALL: &[&str] = &[
    "C3", "C5", "C12", "C13", "A8", "D5", "D6", "D7", "X1", "X3", "X4", "X6", "X7", "X8", "X13",
    "X14", "P1", "P2", "P3", "P5", "F3",
];

/// A way in which sessions fail.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name, a letter and a number.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// How sure it is, where everything could be seen.
    pub confidence: Confidence,
    /// Whose it is to mend.
    pub side: Blame,
    /// Whether it can be seen where TLS covers the control connection.
    pub visible: Visible,
    /// The rules whose finding explains this one away.
    pub hidden_by: &'static [&'static str],
    /// What happened and why. `{}` is what the proof says.
    pub cause: Words,
    /// What to do.
    pub advice: Words,
    find: fn(&Case<'_>) -> Option<Proof>,
}

/// Words in both languages.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// English.
    pub en: &'static str,
    /// Japanese.
    pub ja: &'static str,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing failed.
    Info,
    /// It worked, and will not always.
    Warning,
    /// Something failed.
    Failure,
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// One explanation of several.
    Possible,
    /// The most likely one.
    Likely,
    /// There is no other.
    Certain,
}

/// Whose a fault is to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The client's.
    Client,
    /// The server's.
    Server,
    /// A firewall's, a NAT's, or a line's between them.
    Network,
    /// Not to be told from here.
    Either,
}

/// What a rule must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visible {
    /// The words on the control connection.
    Words,
    /// Connections and their ends, which TLS does not hide.
    Shape,
}

/// What a rule has found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof {
    rows: Vec<u32>,
    what: String,
    who: Option<Party>,
    severity: Option<Severity>,
    doubts: u8,
    ghost: Option<Ghost>,
    /// Cause and advice, where they are not those of the rule.
    words: Option<[Words; 2]>,
}

/// A row that should have come and did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ghost {
    /// The row behind which it should have come.
    pub after: u32,
    /// Who should have sent it.
    pub from: Party,
    /// On which connection.
    pub channel: Channel,
    /// What it would have been.
    pub label: &'static str,
}

/// A verdict.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule that found it.
    pub rule: &'static Rule,
    /// How bad it is here.
    pub severity: Severity,
    /// How sure it is here.
    pub confidence: Confidence,
    /// The numbers of the rows that prove it.
    pub rows: Vec<u32>,
    /// What did not come.
    pub ghost: Option<Ghost>,
    what: String,
    who: Option<Party>,
    /// Cause and advice.
    words: [Words; 2],
}

/// The findings on a session, the worst first; of equals in the order of the session's life.
#[must_use]
pub fn findings(case: &Case<'_>) -> Vec<Finding> {
    // Who logs commands alone proves nothing by a reply that is not there.
    let is_answered = !case.setting.logged || case.replies().next().is_some();
    let mut found: Vec<Finding> = rules()
        .filter(|_| is_answered || case.exchanges.is_empty())
        .filter(|rule| rule.visible == Visible::Shape || case.has_words())
        .filter(|rule| case.hears_all() || !HEARS_ALL.contains(&rule.id))
        .filter_map(|rule| Some(Finding::new(rule, (rule.find)(case)?, case)))
        .collect();
    let ids: Vec<&str> = found.iter().map(|finding| finding.rule.id).collect();
    found.retain(|finding| !finding.rule.hidden_by.iter().any(|id| ids.contains(id)));
    if let Some(from) = found.iter().find(|one| one.rule.id == OUT_OF_STEP).and_then(Finding::from)
    {
        let stays = |one: &Finding| one.from().is_none_or(|row| row < from);
        found.retain(|one| matches!(one.rule.id, OUT_OF_STEP | GAPS) || stays(one));
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

/// Every rule.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied().flatten()
}

/// The rule of this name. Meant for constants: a name that no rule has does not compile there.
///
/// # Panics
/// Where no rule has this name.
#[must_use]
pub const fn rule(id: &str) -> &'static Rule {
    let mut chapters: &[&'static [Rule]] = &RULES;
    while let [chapter, others @ ..] = chapters {
        let mut rules: &'static [Rule] = chapter;
        while let [rule, rest @ ..] = rules {
            if is_same(rule.id.as_bytes(), id.as_bytes()) {
                return rule;
            }
            rules = rest;
        }
        chapters = others;
    }
    panic!("no rule has this name");
}

const fn is_same(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([one, others @ ..], [two, rest @ ..]) = (a, b) {
        if *one != *two {
            return false;
        }
        (a, b) = (others, rest);
    }
    a.is_empty() && b.is_empty()
}

/// A finding of this rule that several sessions prove together, and no row of one of them.
#[must_use]
pub fn of_several(rule: &'static Rule) -> Finding {
    Finding {
        rule,
        severity: rule.severity,
        confidence: rule.confidence,
        rows: Vec::new(),
        ghost: None,
        what: String::new(),
        who: None,
        words: [rule.cause, rule.advice],
    }
}

/// The rows with those between them that should have come, which have no number.
#[must_use]
pub fn with_ghosts(rows: &[Row], findings: &[Finding]) -> Vec<Row> {
    let mut out = Vec::with_capacity(rows.len() + findings.len());
    for row in rows {
        out.push(row.clone());
        for ghost in findings.iter().filter_map(|finding| finding.ghost.as_ref()) {
            if ghost.after == row.no {
                out.push(ghost.row(row, rows));
            }
        }
    }
    out
}

impl Ghost {
    fn row(&self, before: &Row, rows: &[Row]) -> Row {
        let of_channel = rows.iter().find(|row| row.channel == self.channel).unwrap_or(before);
        Row {
            no: 0,
            at: None,
            channel: self.channel,
            from: self.from,
            ports: of_channel.ports,
            packet: Packet::Absent,
            verb: before.verb,
            names: None,
            more: None,
            label: Text::from(self.label),
            provenance: Provenance::Absent,
            tls: false,
            wire: None,
        }
    }
}

impl Finding {
    /// Whether a row proves it, or stands for what did not come.
    #[must_use]
    pub fn is_at(&self, row: &Row) -> bool {
        let is_ghost =
            |ghost: &Ghost| row.no == 0 && row.label.as_bytes() == ghost.label.as_bytes();
        self.rows.contains(&row.no) || self.ghost.as_ref().is_some_and(is_ghost)
    }

    fn new(rule: &'static Rule, proof: Proof, case: &Case<'_>) -> Self {
        let Proof { mut rows, what, who, severity, mut doubts, ghost, words } = proof;
        let gaps = case.setting.missing > 0 && rule.id != GAPS;
        doubts += u8::from(gaps) + u8::from(!case.has_beginning());
        let confidence = (0..doubts).fold(rule.confidence, |sure, _| sure.less());
        for row in &mut rows {
            *row = case.behind_ack(*row);
        }
        rows.retain(|row| *row > 0);
        rows.dedup();
        rows.truncate(MAX_ROWS);
        let severity = severity.unwrap_or(rule.severity);
        let words = words.unwrap_or([rule.cause, rule.advice]);
        Self { rule, severity, confidence, rows, ghost, what, who, words }
    }

    /// The first row that proves it.
    fn from(&self) -> Option<u32> {
        self.rows.iter().copied().min()
    }

    /// What happened and why.
    #[must_use]
    pub fn cause(&self, lang: Lang) -> String {
        let who = match self.who {
            Some(Party::Client) => lang.of("client", "クライアント"),
            Some(Party::Server) => lang.of("server", "サーバー"),
            None => lang.of("not seen", "不明"),
        };
        let what = match lang {
            Lang::En => Cow::Borrowed(&*self.what),
            Lang::Ja => Cow::Owned(said::in_japanese(&self.what)),
        };
        let [cause, _] = self.words;
        cause.of(lang).replace("{who}", who).replace("{}", &what)
    }

    /// Puts other words in place of those that the proof says.
    pub(crate) fn reword(&mut self, with: impl FnOnce(&str) -> String) {
        self.what = with(&self.what);
    }

    /// The same with its rows under other numbers; those that have none there are left out.
    pub(crate) fn renumbered(&self, number: impl Fn(u32) -> u32) -> Self {
        let mut finding = self.clone();
        finding.rows = self.rows.iter().map(|row| number(*row)).filter(|row| *row > 0).collect();
        if let Some(ghost) = &mut finding.ghost {
            ghost.after = number(ghost.after);
        }
        finding
    }

    /// What to do.
    #[must_use]
    pub fn advice(&self, lang: Lang) -> Cow<'static, str> {
        let [_, advice] = self.words;
        Cow::Borrowed(advice.of(lang))
    }
}

impl Words {
    /// In one language.
    #[must_use]
    pub fn of(&self, lang: Lang) -> &'static str {
        lang.of(self.en, self.ja)
    }
}

impl Confidence {
    fn less(self) -> Self {
        match self {
            Self::Certain => Self::Likely,
            Self::Likely | Self::Possible => Self::Possible,
        }
    }

    /// In words.
    #[must_use]
    pub fn words(self, lang: Lang) -> &'static str {
        match self {
            Self::Certain => lang.of("certain", "確実"),
            Self::Likely => lang.of("likely", "おそらく"),
            Self::Possible => lang.of("possible", "可能性あり"),
        }
    }
}

impl Severity {
    /// In words.
    #[must_use]
    pub fn words(self, lang: Lang) -> &'static str {
        match self {
            Self::Failure => lang.of("failure", "障害"),
            Self::Warning => lang.of("warning", "警告"),
            Self::Info => lang.of("note", "参考"),
        }
    }
}

impl Blame {
    /// In words.
    #[must_use]
    pub fn words(self, lang: Lang) -> &'static str {
        match self {
            Self::Client => lang.of("client", "クライアント側"),
            Self::Server => lang.of("server", "サーバー側"),
            Self::Network => lang.of("network", "経路"),
            Self::Either => lang.of("either side", "いずれか"),
        }
    }
}

impl Proof {
    /// Proven by these rows.
    fn of(rows: impl IntoIterator<Item = u32>) -> Self {
        Self { rows: rows.into_iter().collect(), ..Self::default() }
    }

    /// Proven by these rows, where there are any.
    fn of_any(rows: Vec<u32>) -> Option<Self> {
        (!rows.is_empty()).then(|| Self::of(rows))
    }

    /// What stands in the words of the cause.
    fn saying(self, what: impl fmt::Display) -> Self {
        Self { what: what.to_string(), ..self }
    }

    /// Who stands in the words of the cause, as `{who}`.
    fn by(self, who: impl Into<Option<Party>>) -> Self {
        Self { who: who.into(), ..self }
    }

    /// In other words than those of the rule.
    fn in_words(self, cause: Words, advice: Words) -> Self {
        Self { words: Some([cause, advice]), ..self }
    }

    fn weighing(self, severity: Severity) -> Self {
        Self { severity: Some(severity), ..self }
    }

    /// Less sure than the rule is at its best.
    fn doubted(self) -> Self {
        Self { doubts: self.doubts + 1, ..self }
    }

    fn doubted_if(self, doubt: bool) -> Self {
        if doubt { self.doubted() } else { self }
    }

    /// With the row that should have come behind `after`.
    fn missing(self, after: u32, from: Party, channel: Channel, label: &'static str) -> Self {
        Self { ghost: Some(Ghost { after, from, channel, label }), ..self }
    }
}

impl Case<'_> {
    /// Whether the words on the control connection are known, in part at least.
    fn has_words(&self) -> bool {
        !self.exchanges.is_empty()
    }

    /// Whether all of the control connection was captured.
    fn hears_all(&self) -> bool {
        self.control.is_none_or(|control| control.missing() == 0)
    }

    /// A row that proves something where this one is a bare ACK: the one before it on its connection.
    fn behind_ack(&self, no: u32) -> u32 {
        let at = self.rows.partition_point(|row| row.no <= no);
        let upto = self.rows.get(..at).unwrap_or_default();
        let Some(ack) = upto.last().filter(|row| row.no == no && row.is_bare_ack()) else {
            return no;
        };
        let is_it = |row: &&Row| row.channel == ack.channel && !row.is_bare_ack();
        upto.iter().rfind(is_it).map_or(no, |row| row.no)
    }

    /// Whether it was looked from this end.
    fn is_at(&self, party: Party) -> bool {
        self.vantage == Vantage::At(party)
    }
}

/// Whether a connection was asked for in vain: ICMP says so, or nobody does.
fn gets_no_answer(case: &Case<'_>, conn: &Conn) -> bool {
    conn.is_rejected() || is_left_waiting(case, conn)
}

/// Whether a connection was asked for often enough, or long enough ago, to say that nobody answers.
fn is_left_waiting(case: &Case<'_>, conn: &Conn) -> bool {
    conn.is_unanswered() && (conn.syns >= 2 || case.known_after(conn.begun) > UNANSWERED)
}

const fn say(en: &'static str, ja: &'static str) -> Words {
    Words { en, ja }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_has_a_name_of_its_own_and_words_in_both_languages() {
        let ids: BTreeSet<&str> = rules().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), rules().count());
        for rule in rules() {
            for words in [rule.cause, rule.advice] {
                assert!(words.en.len() >= 8 && !words.ja.is_ascii(), "{}", rule.id);
                assert_eq!(words.en.contains("{}"), words.ja.contains("{}"), "{}", rule.id);
            }
            assert!(rule.hidden_by.iter().all(|id| ids.contains(id)), "{}", rule.id);
            assert!(!rule.hidden_by.contains(&rule.id), "{}", rule.id);
        }
        assert!(HEARS_ALL.iter().chain([&GAPS]).all(|id| ids.contains(id)));
    }
}
