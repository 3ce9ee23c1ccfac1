//! What a row means, in one sentence of English or Japanese, and where the RFC says so.
//!
//! The sentences are tables (`note/table.rs`): one for packets, one by verb, one by code. This file picks
//! the sentence and fills in ports. It explains what is normal; what went wrong in a session, and whose
//! fault it was, is not said here. A lesson ([`taught`]) says more: what a row is for, and what would be otherwise in another
//! case (`note/more.rs`).

mod more;
mod table;
mod third;

use crate::row::{Channel, Packet, Remark, Row};
use crate::scene::{Scene, Step};
use std::collections::BTreeSet;
use table::{FILE_EOF, Sentence, command, packet, remark, reply};
use wharf_proto::{Lang, Verb};

/// What a lesson says of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taught {
    /// What it is, in a sentence, and where the RFC says so; nothing for a row that explains itself.
    pub note: String,
    /// What it is for, and what would be otherwise in another case. It is said once in a lesson.
    pub more: String,
}

/// The note of a row, with its RFC paragraph in brackets; none for a row that explains itself.
///
/// ```
/// use wharf_ladder::{Channel, Lang, Packet, Ports, Provenance, Row, note::note};
/// use wharf_proto::{Text, Verb, tap::Party};
/// let row = Row {
///     no: 6,
///     at: None,
///     channel: Channel::Control,
///     from: Party::Client,
///     ports: Ports::default(),
///     packet: Packet::Command,
///     verb: Some(Verb::User),
///     names: None,
///     more: None,
///     label: Text::from("USER ann"),
///     provenance: Provenance::Seen,
///     tls: false,
///     wire: None,
/// };
/// assert_eq!(note(&row, Lang::En).as_deref(), Some("the client names the user (RFC 959 4.1.1)"));
/// assert_eq!(note(&row, Lang::Ja).as_deref(), Some("ユーザー名を送る（RFC 959 4.1.1）"));
/// ```
#[must_use]
pub fn note(row: &Row, lang: Lang) -> Option<String> {
    let (sentence, rfc) = sentence(row)?;
    worded(lang.of(sentence.en, sentence.ja), rfc, row, lang)
}

/// The note of a step: that of its row, but where a third party drives two servers other words are right.
#[must_use]
pub fn of_step(scene: &Scene, step: &Step, lang: Lang) -> Option<String> {
    let Some(sentence) = third::sentence(scene, step) else { return note(&step.row, lang) };
    let words = third::named(lang.of(sentence.en, sentence.ja), scene, step, lang);
    worded(&words, sentence.rfc, &step.row, lang)
}

/// What a lesson says of each step, in their order.
#[must_use]
pub fn taught(scene: &Scene, lang: Lang) -> Vec<Taught> {
    let mut said = BTreeSet::new();
    let mut blocks = Blocks::default();
    let mut out = Vec::with_capacity(scene.steps.len());
    for (at, step) in scene.steps.iter().enumerate() {
        blocks.pass(step);
        let row = &step.row;
        let joined = third::sentence(scene, step).map(|sentence| (sentence, sentence.rfc));
        let last = blocks.are_in_force && is_last_of_file(scene, at);
        let of_blocks = last.then_some((FILE_EOF, FILE_EOF.rfc));
        let Some((sentence, rfc)) = joined.or(of_blocks).or_else(|| sentence(row)) else {
            out.push(Taught::default());
            continue;
        };
        let named = |words| third::named(words, scene, step, lang);
        let words = named(lang.of(sentence.en, sentence.ja));
        let note = worded(&words, rfc, row, lang).unwrap_or_default();
        let is_new = !sentence.more.0.is_empty() && said.insert(sentence.more.0);
        let more = lang.of(sentence.more.0, sentence.more.1);
        let more = if is_new { fill(&named(more), row) } else { String::new() };
        out.push(Taught { note, more });
    }
    out
}

/// Whether files come in blocks (RFC 959 section 3.4.2), as far as the steps so far say.
#[derive(Debug, Default)]
struct Blocks {
    are_asked_for: bool,
    are_in_force: bool,
}

impl Blocks {
    fn pass(&mut self, step: &Step) {
        let row = &step.row;
        if row.verb != Some(Verb::Mode) {
            return;
        }
        match row.packet {
            Packet::Command => {
                let mode = row.label.as_bytes().last().map(u8::to_ascii_uppercase);
                self.are_asked_for = matches!(mode, Some(b'B' | b'C'));
            }
            Packet::Reply(200) => self.are_in_force = self.are_asked_for,
            _ => {}
        }
    }
}

/// Whether a step is the last data before the reply that says that the transfer is complete and the connection stays.
fn is_last_of_file(scene: &Scene, at: usize) -> bool {
    let is_data = |step: &Step| {
        matches!(step.row.packet, Packet::Data { end: None, .. })
            && matches!(step.row.channel, Channel::Data(_))
    };
    if !scene.steps.get(at).is_some_and(is_data) {
        return false;
    }
    let later = scene.steps.iter().skip(at + 1);
    let next = later.map(|step| step.row.packet).find(|packet| {
        matches!(packet, Packet::Data { .. } | Packet::Reply(_) | Packet::Fin | Packet::Rst)
    });
    next == Some(Packet::Reply(250))
}

/// The sentence of a row, and its RFC paragraph.
fn sentence(row: &Row) -> Option<(Sentence, &'static str)> {
    Some(match row.packet {
        Packet::Command => {
            let verb = row.verb?;
            let help = Sentence { en: verb.row().help, ja: "", rfc: "", more: ("", "") };
            (command(verb).unwrap_or(help), verb.row().rfc)
        }
        Packet::Reply(code) => {
            let sentence = reply(code, row.verb)?;
            (sentence, sentence.rfc)
        }
        Packet::Note(Remark::TimerRanOut(_)) => (remark(true), ""),
        Packet::Note(Remark::DataRefused) => (remark(false), ""),
        // They say of themselves what there is to say.
        Packet::Note(
            Remark::Secured
            | Remark::NotSecured
            | Remark::Cleared
            | Remark::Rewritten
            | Remark::Missing(_)
            | Remark::Unreachable
            | Remark::DataFailed
            | Remark::Logged,
        )
        | Packet::Absent
        | Packet::Omitted(_) => return None,
        Packet::Syn
        | Packet::SynAck
        | Packet::Established
        | Packet::Ack
        | Packet::Data { .. }
        | Packet::Fin
        | Packet::Rst => {
            let sentence = packet(row)?;
            (sentence, sentence.rfc)
        }
    })
}

/// The words with the row's ports in their places, and the RFC paragraph behind them; none for no words.
fn worded(words: &str, rfc: &str, row: &Row, lang: Lang) -> Option<String> {
    (!words.is_empty()).then(|| fill(words, row) + &cited(rfc, lang))
}

/// Puts the row's ports into the places that a sentence keeps for them, and drops the parts in brackets
/// whose port nobody told.
fn fill(words: &str, row: &Row) -> String {
    let named = row.names.map(|address| address.port());
    let ports = [
        ("{client}", row.ports.client),
        ("{server}", row.ports.server),
        ("{named}", named),
        // As PORT and 227 write it.
        ("{hi}", named.map(|port| port / 256)),
        ("{lo}", named.map(|port| port % 256)),
    ];
    let mut out = String::with_capacity(words.len());
    for (n, part) in words.split(['[', ']']).enumerate() {
        let mut part = part.to_owned();
        for (place, port) in ports {
            match port {
                Some(port) => part = part.replace(place, &port.to_string()),
                None if n % 2 == 1 && part.contains(place) => part.clear(),
                None => {}
            }
        }
        out.push_str(&part);
    }
    out
}

/// `959 4.1.1` as ` (RFC 959 4.1.1)`. Verbs that no RFC defines are not cited.
fn cited(rfc: &str, lang: Lang) -> String {
    if !rfc.starts_with(|c: char| c.is_ascii_digit()) {
        return String::new();
    }
    match lang {
        Lang::En => format!(" (RFC {rfc})"),
        Lang::Ja => format!("（RFC {rfc}）"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Channel, Ports, Provenance};
    use wharf_proto::Text;
    use wharf_proto::tap::Party;
    use wharf_proto::verb::{Status, VERBS};

    fn row(packet: Packet, verb: Option<Verb>) -> Row {
        Row {
            no: 1,
            at: None,
            channel: Channel::Control,
            from: Party::Client,
            ports: Ports { client: Some(1180), server: Some(21) },
            packet,
            verb,
            names: None,
            more: None,
            label: Text::default(),
            provenance: Provenance::Seen,
            tls: false,
            wire: None,
        }
    }

    #[test]
    fn port_says_who_listens_and_who_connects_with_the_port_where_it_is_known() {
        let mut port = row(Packet::Command, Some(Verb::Port));
        let en = note(&port, Lang::En).unwrap();
        assert_eq!(en, "active mode: the client listens; the server will connect (RFC 959 4.1.2)");
        port.names = "192.0.2.10:1182".parse().ok();
        let ja = note(&port, Lang::Ja).unwrap();
        assert_eq!(
            ja,
            "アクティブモード：クライアントがポート 1182 で待ち、サーバーから接続する（RFC 959 4.1.2）"
        );
    }

    #[test]
    fn every_verb_that_is_done_has_a_sentence_in_both_languages() {
        for verb in VERBS.iter().filter(|row| row.status != Status::Refused).map(|row| row.verb) {
            for lang in [Lang::En, Lang::Ja] {
                assert!(note(&row(Packet::Command, Some(verb)), lang).is_some(), "{verb} {lang:?}");
            }
        }
    }

    #[test]
    fn every_reply_of_the_verb_table_has_a_sentence_in_both_languages() {
        for code in VERBS.iter().flat_map(|row| row.replies) {
            for lang in [Lang::En, Lang::Ja] {
                assert!(note(&row(Packet::Reply(*code), None), lang).is_some(), "{code} {lang:?}");
            }
        }
    }

    #[test]
    fn a_250_after_a_transfer_and_a_250_after_cwd_are_told_apart() {
        let of = |verb| note(&row(Packet::Reply(250), Some(verb)), Lang::En).unwrap();
        assert_ne!(of(Verb::List), of(Verb::Cwd));
    }

    #[test]
    fn a_sentence_without_its_ports_is_still_a_sentence() {
        let mut bare = row(Packet::Ack, None);
        bare.ports = Ports::default();
        for words in table::all().flat_map(|sentence| [sentence.en, sentence.ja]) {
            assert!(!words.is_empty() && !fill(words, &bare).contains(['{', '}', '[']), "{words}");
        }
    }

    #[test]
    fn a_lesson_says_of_each_kind_of_row_once_what_it_is_for() {
        let mut port = row(Packet::Command, Some(Verb::Port));
        port.names = "192.0.2.10:1182".parse().ok();
        let rows = [port.clone(), row(Packet::Reply(200), Some(Verb::Port)), port];
        let scene = Scene::of(1, &rows, None, Vec::new());
        let taught = taught(&scene, Lang::En);
        assert!(taught[0].more.contains("4 * 256 + 158"), "{taught:?}");
        assert!(taught[1].note.contains("where it is to connect"), "{taught:?}");
        assert!(taught[2].more.is_empty() && taught[2].note == taught[0].note, "{taught:?}");
    }

    #[test]
    fn the_last_data_of_a_file_in_block_mode_is_told_as_its_end() {
        let mut mode = row(Packet::Command, Some(Verb::Mode));
        mode.label = "MODE B".into();
        let mut data = row(Packet::Data { bytes: 81, end: None }, Some(Verb::Retr));
        data.channel = Channel::Data(1);
        let done = row(Packet::Reply(250), Some(Verb::Retr));
        let told = |rows: &[Row]| {
            let taught = taught(&Scene::of(1, rows, None, Vec::new()), Lang::En);
            taught.iter().any(|of| of.note.contains("last block"))
        };
        let ok = row(Packet::Reply(200), Some(Verb::Mode));
        assert!(told(&[mode.clone(), ok, data.clone(), done.clone()]));
        assert!(!told(&[
            mode,
            row(Packet::Reply(504), Some(Verb::Mode)),
            data.clone(),
            done.clone()
        ]));
        assert!(!told(&[data, done]));
    }
}
