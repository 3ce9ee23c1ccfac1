//! The findings: for each rule a session that shows it, and one that comes near and does not.
//!
//! The sessions are in `tests/findings/*.case`, in the small language of `verdicts/script.rs`: as packets, and where
//! a case says `tap`, as the events that this end would have told, which must give the same verdict.

mod script;

pub(crate) use script::{cases, play};

use crate::captures::segments;
use script::Case;
use std::collections::{BTreeMap, BTreeSet};
use wharf_ladder::findings::{Confidence, Finding, Severity, findings, rules, with_ghosts};
use wharf_ladder::sessions::{Session, Sessions};
use wharf_ladder::{Lang, Options, Packet, text};

pub(crate) fn sessions(case: &Case) -> Vec<Session> {
    let mut sessions = Sessions::default();
    for segment in &case.wire.segments {
        sessions.push(&segment.segment());
    }
    let mut all: Vec<Session> = sessions.finish().into_iter().flatten().collect();
    for session in &mut all {
        session.until = case.wire.now();
    }
    all
}

fn ids(findings: &[Finding]) -> BTreeSet<&'static str> {
    findings.iter().map(|finding| finding.rule.id).collect()
}

/// What is found in all sessions of a case.
pub(crate) fn found(case: &Case) -> BTreeSet<&'static str> {
    sessions(case).iter().flat_map(|session| ids(&session.findings())).collect()
}

#[test]
fn each_rule_finds_what_it_is_for_and_not_what_comes_near() {
    let mut wrong = Vec::new();
    for case in cases() {
        let found = found(&case);
        for id in &case.finds {
            if !found.contains(id.as_str()) {
                wrong.push(format!("{}: {id} was not found, but {found:?}", case.name));
            }
        }
        for id in &case.spares {
            if found.contains(id.as_str()) {
                wrong.push(format!("{}: {id} was found, among {found:?}", case.name));
            }
        }
        if case.finds.is_empty() && case.spares.is_empty() && !found.is_empty() {
            wrong.push(format!("{}: {found:?} in a clean session", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_case_for_it_and_one_near_it() {
    let mut has: BTreeMap<String, [bool; 2]> = BTreeMap::new();
    for case in cases() {
        for id in case.finds {
            has.entry(id).or_default()[0] = true;
        }
        for id in case.spares {
            has.entry(id).or_default()[1] = true;
        }
    }
    let lacking: Vec<&str> =
        rules().map(|rule| rule.id).filter(|id| has.get(*id) != Some(&[true; 2])).collect();
    assert!(lacking.is_empty(), "without a case for and near it: {lacking:?}");
}

#[test]
fn a_tap_gives_the_verdict_of_the_capture_where_it_can_see_it() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in cases() {
        let Some(sessions) = case.told() else { continue };
        count += 1;
        let found: BTreeSet<&str> =
            sessions.iter().flat_map(|session| ids(&session.findings())).collect();
        for id in &case.finds {
            if !found.contains(id.as_str()) {
                wrong.push(format!("{}: {id} was not found by the tap, but {found:?}", case.name));
            }
        }
        if let Some(id) = case.spares.iter().find(|id| found.contains(id.as_str())) {
            wrong.push(format!("{}: {id} was found by the tap", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 20, "{count} cases were told as well");
}

/// What only packets show: segments sent again, bytes of TLS and of files, and what somebody between the two does.
const ONLY_PACKETS: [&str; 22] = [
    "C1", "C2", "C9", "A6", "A9", "N6", "D5", "D14", "D23", "T5", "T6", "T7", "X1", "X4", "X14",
    "F2", "F3", "N1", "N2", "N3", "N5", "P4",
];

#[test]
fn every_rule_has_a_case_that_an_end_tells_too_but_for_what_only_packets_show() {
    let told: BTreeSet<String> = cases()
        .into_iter()
        .filter(|case| case.told().is_some())
        .flat_map(|case| case.finds)
        .collect();
    let lacking: Vec<&str> = rules()
        .map(|rule| rule.id)
        .filter(|id| told.contains(*id) == ONLY_PACKETS.contains(id))
        .collect();
    assert!(lacking.is_empty(), "without a case of a tap, or with one unexpected: {lacking:?}");
}

#[test]
fn the_captures_of_good_sessions_have_no_finding() {
    for name in [
        "reference",
        "active-vsftpd-ftplib",
        "passive-pyftpdlib-curl",
        "eprt-ipv6-curl",
        "upload-lftp",
        "default-port",
        "third-party",
        "bulk-cut",
    ] {
        let mut sessions = Sessions::default();
        segments(name).iter().for_each(|segment| sessions.push(&segment.segment()));
        for session in sessions.finish().into_iter().flatten() {
            assert_eq!(ids(&session.findings()), BTreeSet::new(), "{name}");
        }
    }
}

#[test]
fn a_client_that_says_goodbye_has_perhaps_only_looked_at_the_certificate_as_the_tap_tells() {
    let weight = |name: &str| {
        let case = cases().into_iter().find(|case| case.name.starts_with(name)).expect("a case");
        let session = case.told().expect("a tap").remove(0);
        let drawn = session.packets.render_text(&Options::default());
        let found = session.findings().into_iter().find(|finding| finding.rule.id == "A5");
        (found.expect("a finding").severity, drawn.contains("FIN without close_notify"))
    };
    let polite = "A5 a client that leaves once the handshake of TLS 1.3";
    assert_eq!(weight(polite), (Severity::Info, false));
    assert_eq!(weight("A5 a client that leaves so without"), (Severity::Failure, true));
}

#[test]
fn that_tls_hides_the_ports_is_surer_where_it_works_in_clear() {
    let sure = |name: &str| {
        let case = cases().into_iter().find(|case| case.name.starts_with(name)).expect("a case");
        let mut found = sessions(&case).into_iter().flat_map(|session| session.findings());
        found.find(|finding| finding.rule.id == "D22").expect("a finding").confidence
    };
    assert_eq!(sure("D22 it works in clear"), Confidence::Likely);
    assert_eq!(sure("D22 the range is closed"), Confidence::Possible);
}

#[test]
fn what_did_not_come_is_drawn_where_it_should_have_been_and_verdicts_fit_their_width() {
    let case = cases().into_iter().find(|case| case.name.starts_with("D12")).expect("a case");
    let session = sessions(&case).remove(0);
    let found = session.findings();
    let rows = with_ghosts(session.packets.rows(), &found);
    let at = rows.iter().position(|row| row.packet == Packet::Absent).expect("a ghost");
    assert!(rows[..at].iter().any(|row| row.packet == Packet::Syn));
    for width in [60, 80, 120] {
        for lang in [Lang::En, Lang::Ja] {
            let options = Options { width, lang, ..Options::default() };
            let drawn = text::render(&rows, session.packets.ends(), &options);
            assert!(drawn.contains("did not come") || drawn.contains("来なかった"), "{drawn}");
            let said = text::verdicts(&found, &options);
            for line in drawn.lines().chain(said.lines()) {
                let columns = wharf_ladder::width::columns(line, options.ambiguous);
                assert!(columns <= width, "{columns}: {line}");
            }
        }
    }
}

#[test]
fn findings_are_the_same_whatever_the_language_and_hold_no_control_character() {
    for case in cases() {
        for session in sessions(&case) {
            let end = session.until;
            let of = session.packets.case(end, session.before, !session.partners.is_empty());
            for finding in findings(&of) {
                let said = text::verdicts(&[finding], &Options::default());
                assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
            }
        }
    }
}

#[test]
fn no_finding_is_proven_by_a_row_that_is_folded_away() {
    for case in cases() {
        for session in sessions(&case) {
            let rows = session.packets.rows();
            let shown = |no: &u32| !rows.iter().any(|row| row.no == *no && row.is_bare_ack());
            for finding in session.findings() {
                assert!(finding.rows.iter().all(shown), "{}: {:?}", case.name, finding.rows);
            }
        }
    }
}

#[test]
fn distrust_is_proven_by_the_row_of_its_alert() {
    let alert = "greeted\n> AUTH TLS\n< 234 go\n>> 15030300020230\n>fin\n<fin";
    let session = sessions(&play("A5", alert)).remove(0);
    let found = session.findings();
    let distrust = found.iter().find(|finding| finding.rule.id == "A5").expect("A5");
    let row = session.packets.rows().iter().find(|row| row.no == distrust.rows[0]).expect("a row");
    assert!(row.label.to_string().contains("unknown_ca"), "{row:?}");
}

#[test]
fn a_refused_auth_is_a_warning_where_the_session_goes_on_in_clear() {
    let severity = |more: &str| {
        let case = play("A3", &format!("greeted\n> AUTH TLS\n< 530 log in first\n{more}"));
        let found = sessions(&case).remove(0).findings();
        found.iter().find(|finding| finding.rule.id == "A3").map(|finding| finding.severity)
    };
    assert_eq!(severity("<fin\n>fin"), Some(Severity::Failure));
    assert_eq!(severity("> USER ann\n< 230 in\n> NOOP\n< 200 ok"), Some(Severity::Warning));
}

#[test]
fn a_capture_of_the_control_connection_alone_does_not_count_bytes_it_cannot_know() {
    let steps = "login\npassive\n> RETR a\n< 150 go\n< 226 done\nbye";
    let session = sessions(&play("N6", steps)).remove(0);
    let line = session.packets.summary().line(Lang::En, false);
    assert_eq!(line, "1 transfer, bytes not captured, ended in order");
}

#[test]
fn a_227_of_another_address_is_as_bad_without_the_data_connections_as_with_them() {
    let severity = |data: &str| {
        let steps = format!(
            "login\n> PASV\n< 227 ok (198,51,100,9,195,80)\n> RETR a\n{data}< 150 go\n< 226 done"
        );
        let found = sessions(&play("D11", &steps)).remove(0).findings();
        found.iter().find(|finding| finding.rule.id == "D11").map(|finding| finding.severity)
    };
    let data = "data d 192.0.2.10:1181 203.0.113.5:50000 open\ndata d <bytes 9\ndata d <fin\ndata d >fin\n";
    assert_eq!(severity(data), Some(Severity::Info));
    assert_eq!(severity(""), Some(Severity::Info));
}

#[test]
fn a_stranger_at_the_data_port_is_told_only_where_the_transfer_came_to_nothing() {
    let said = |rest: &str| {
        let stranger = "told refused 198.51.100.9:4000 is not the client of this session";
        let steps = format!("login\npassive\n> LIST\n{stranger}\n{rest}");
        let told = play("D16 a stranger, tap server", &steps).told().expect("a tap").remove(0);
        let found = told.findings();
        let finding = found.iter().find(|finding| finding.rule.id == "D16")?;
        Some(finding.cause(Lang::Ja))
    };
    let words = said("wait 20\n< 425 nobody came").expect("D16");
    assert!(
        words.ends_with(
            "サーバーが拒否した：198.51.100.9:4000 はこのセッションのクライアントではない"
        ),
        "{words}"
    );
    let works = "data d 192.0.2.10:1181 203.0.113.5:50000 open\n< 150 go\ndata d <fin\n< 226 done";
    assert_eq!(said(works), None);
}

#[test]
fn a_server_that_says_how_long_it_has_waited_is_believed_where_nobody_saw_when_bytes_moved() {
    let steps = "login\npassive\n> STOR a\ndata d 192.0.2.10:1181 203.0.113.5:50000 open\n< 125 go\n\
                 data d >bytes 100\nwait 6\ndata d <rst\n\
                 < 426 The transfer broke off: nothing moved on the data connection for 6 s.";
    let told = play("X17, tap server", steps).told().expect("a tap").remove(0);
    let found = told.findings();
    let still = found.iter().find(|finding| finding.rule.id == "X17").expect("X17");
    assert!(still.cause(Lang::En).contains("stood still for 6 s: the client"), "{still:?}");
}

#[test]
fn who_says_good_bye_once_it_has_seen_the_certificate_is_no_failure() {
    let severity = |end: &str| {
        let steps = format!("greeted\n> AUTH TLS\n< 234 go\ntls control full-1.3\n{end}>fin");
        let found = sessions(&play("A5", &steps)).remove(0).findings();
        found.iter().find(|finding| finding.rule.id == "A5").map(|finding| finding.severity)
    };
    let goodbye = format!(">> 1703030013{}\n", "aa".repeat(19));
    assert_eq!(severity(""), Some(Severity::Failure));
    assert_eq!(severity(&goodbye), Some(Severity::Info));
    assert_eq!(
        severity(&format!(">> 170303000f{}\n{goodbye}", "aa".repeat(15))),
        Some(Severity::Failure)
    );
}

#[test]
fn a_server_tells_of_distrust_although_it_has_answered_the_word_that_came_before() {
    let finds = |rest: &str| {
        let steps = format!("greeted\n> AUTH TLS\n< 234 go\ntls control full-1.3\n{rest}");
        let told = play("A5, tap server", &steps).told().expect("a tap").remove(0);
        ids(&told.findings()).contains("A5")
    };
    assert!(finds("> CLNT lftp\n< 200 noted\n>fin"));
    assert!(finds("> CLNT lftp\n< 200 noted\n<rst"));
    assert!(!finds("> CLNT lftp\n< 200 noted\n<fin"));
    assert!(!finds("> CLNT lftp\n< 200 noted\n> FEAT\n< 211 none\n>fin"));
    assert!(!finds("> QUIT\n< 221 bye\n>fin"));
    assert!(!finds("> CLNT lftp\n< 200 noted\nwait 20\n>fin"));
}

#[test]
fn a_server_that_wants_a_certificate_behind_the_handshake_is_told_as_that_and_has_not_crashed() {
    let steps =
        "under-tls\n> PBSZ 0\n<fin\ntold not-secured the server broke it off: CertificateRequired";
    let told = play("A4, tap client", steps).told().expect("a tap").remove(0);
    let found = told.findings();
    assert_eq!(ids(&found), BTreeSet::from(["A4"]));
    assert!(found[0].cause(Lang::En).contains("wants a certificate of the client"), "{found:?}");
    assert!(found[0].advice(Lang::En).contains("--client-cert"), "{found:?}");
}
