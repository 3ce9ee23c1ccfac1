//! What the log of `wharf serve` says of who did what.

use serde_json::Value;

use crate::serving::Serving;
use crate::talk::Talk;

/// The lines that say this, each as the fields named here.
fn lines(log: &str, message: &str, fields: &[&str]) -> Vec<Vec<Value>> {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut told = Vec::new();
    for line in lines.filter(|line| line["fields"]["message"] == message) {
        assert!(line["fields"]["session"].is_string(), "{line}");
        told.push(fields.iter().map(|field| line["fields"][*field].clone()).collect());
    }
    told
}

#[test]
fn the_log_says_who_moved_what_where_and_how_it_ended() {
    let serving = Serving::new(&["--user", "ann:secret", "--log-format", "json"]);
    let mut ann = Talk::with(&serving);
    ann.say("USER ann", "331");
    ann.say("PASS secret", "230");
    ann.say("MKD in", "257");
    ann.say("CWD in", "250");
    ann.say("TYPE I", "200");
    ann.store("STOR report.pdf", &[7; 500_000]);
    ann.say("MODE Z", "200");
    ann.fetch("RETR report.pdf");
    ann.say("MODE S", "200");
    ann.fetch("LIST");
    ann.data();
    ann.say("RETR none", "550");
    ann.say("RNFR report.pdf", "350");
    ann.say("RNTO old.pdf", "250");
    ann.say("SITE CHMOD 600 old.pdf", "200");
    ann.say("DELE old.pdf", "250");
    ann.say("DELE old.pdf", "550");
    let _given_up = ann.data();
    ann.say("STOR half", "1");
    ann.say("ABOR", "4");
    ann.hear("226");
    drop(ann);
    let (_, log) = serving.end();
    let transfers = lines(&log, "transfer", &["user", "client", "verb", "path", "outcome"]);
    let told = |verb: &str, path: &str, outcome: &str| {
        ["ann", "127.0.0.1", verb, path, outcome].map(Value::from).to_vec()
    };
    let ended = [
        told("STOR", "/in/report.pdf", "done"),
        told("RETR", "/in/report.pdf", "done"),
        told("LIST", "/in", "done"),
        told("RETR", "/in/none", "there is no such name"),
        told("STOR", "/in/half", "given up"),
    ];
    assert_eq!(transfers, ended, "{log}");
    // Of the file, and not what it was deflated to.
    let bytes = lines(&log, "transfer", &["bytes"]);
    assert_eq!(bytes[..2], [vec![Value::from(500_000)], vec![Value::from(500_000)]], "{log}");
    assert!(lines(&log, "transfer", &["seconds"]).iter().all(|line| line[0].is_f64()), "{log}");
    let changes = lines(&log, "change", &["user", "client", "verb", "path", "outcome"]);
    let changed = [
        told("MKD", "/in", "done"),
        told("RNTO", "/in/report.pdf", "done"),
        told("SITE CHMOD", "/in/old.pdf", "done"),
        told("DELE", "/in/old.pdf", "done"),
        told("DELE", "/in/old.pdf", "there is no such name"),
    ];
    assert_eq!(changes, changed, "{log}");
    assert_eq!(lines(&log, "change", &["to"])[1], [Value::from("/in/old.pdf")], "{log}");
}

#[test]
fn a_refused_login_is_told_with_name_and_address_and_never_with_the_password() {
    let serving = Serving::new(&["--user", "ann:secret", "--log-format", "json"]);
    for name in ["mallory", "ann"] {
        let mut talk = Talk::with(&serving);
        talk.say(&format!("USER {name}"), "331");
        talk.say("PASS guessed-word", "530");
    }
    let (_, log) = serving.end();
    let refused = lines(&log, "login refused", &["user", "client", "why"]);
    let told = |user: &str, why: &str| [user, "127.0.0.1", why].map(Value::from).to_vec();
    assert_eq!(refused, [told("mallory", "no such name"), told("ann", "wrong password")], "{log}");
    assert!(!log.contains("guessed-word"), "{log}");
}
