//! What a row means, in one sentence of English or Japanese, and where the RFC says so.
//!
//! The sentences are tables (`note/table.rs`): one for packets, one by verb, one by code. This file picks
//! the sentence and fills in ports. It explains what is normal; what went wrong in a session, and whose
//! fault it was, is not said here.

mod table;
mod third;

use crate::row::{Packet, Remark, Row};
use crate::scene::{Scene, Step};
use table::{Sentence, command, packet, remark, reply};
use wharf_proto::{Lang, Verb};

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
    let (sentence, rfc) = match row.packet {
        Packet::Command => {
            let verb = row.verb?;
            let help = Sentence { en: verb.row().help, ja: "", rfc: "" };
            (command(verb).unwrap_or(help), verb.row().rfc)
        }
        Packet::Reply(code) => {
            let sentence = reply(code, row.verb.is_some_and(Verb::opens_transfer))?;
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
            | Remark::Missing
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
    };
    let words = lang.of(sentence.en, sentence.ja);
    (!words.is_empty()).then(|| fill(words, row) + &cited(rfc, lang))
}

/// The note of a step: that of its row, but where a third party drives two servers other words are right.
#[must_use]
pub fn of_step(scene: &Scene, step: &Step, lang: Lang) -> Option<String> {
    let Some(sentence) = third::sentence(scene, step) else { return note(&step.row, lang) };
    let words = third::named(lang.of(sentence.en, sentence.ja), scene, step, lang);
    Some(fill(&words, &step.row) + &cited(sentence.rfc, lang))
}

/// Puts the row's ports into the places that a sentence keeps for them, and drops the parts in brackets
/// whose port nobody told.
fn fill(words: &str, row: &Row) -> String {
    let ports = [
        ("{client}", row.ports.client),
        ("{server}", row.ports.server),
        ("{named}", row.names.map(|address| address.port())),
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
}
