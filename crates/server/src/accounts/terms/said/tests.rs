//! What is written of accounts: what it comes to, and what is refused.

use super::*;
use crate::accounts::{Attempt, Fingerprint, Mounted, Why};
use jiff::civil::{date, datetime};
use proptest::prelude::*;
use wharf_proto::Text;
use wharf_proto::verb::Right;

fn whole() -> Said {
    Said {
        home: Some("/srv/ann".to_owned()),
        mounts: vec!["/pub=served:/pub".to_owned()],
        rights: Some("read,list,write".to_owned()),
        rules: vec!["/pub=rl".to_owned(), "/a=b=none".to_owned()],
        quota_bytes: Some(1 << 40),
        quota_files: Some(0),
        rate_up: Some(1),
        rate_down: Some(2),
        sessions: Some(3),
        networks: vec!["192.0.2.0/24".to_owned(), "2001:db8::1".to_owned()],
        hours: vec!["08:00-18:00".to_owned()],
        tls: true,
        any_tls_session: true,
        fxp: vec!["198.51.100.7".to_owned()],
        certificates: vec!["ab".repeat(32)],
        expires: Some("2027-12-31".to_owned()),
        charset: Some("shift_jis".to_owned()),
    }
}

fn attempt() -> Attempt {
    Attempt {
        from: [192, 0, 2, 7].into(),
        secured: true,
        ..Attempt::new("ann".into(), wharf_proto::Secret::new(Vec::new()))
    }
}

#[test]
fn what_is_said_comes_to_a_member_whole() {
    let terms = Terms::try_from(&whole()).unwrap();
    let member = terms.member(&Text::from("ann"));
    assert_eq!(member.mounts.len(), 2);
    assert_eq!(member.mounts[0].what, Mounted::Folder("/srv/ann".into()));
    assert!(matches!(&member.mounts[1].what, Mounted::Served(at) if at.as_bytes() == b"/pub"));
    let rights = member.account.rights;
    assert!(rights.has(Right::Write) && !rights.has(Right::Delete) && !member.account.anonymous);
    assert_eq!(member.rules[1].beneath.as_bytes(), b"/a=b");
    assert_eq!(member.rules[1].rights, Rights::NONE);
    assert_eq!(
        (member.quota.files, member.rates.down, member.sessions),
        (Some(0), Some(2), Some(3))
    );
    assert!(member.any_tls_session && member.account.foreign.len() == 1);
    let json = serde_json::to_string(&whole()).unwrap();
    assert_eq!(serde_json::from_str::<Said>(&json).unwrap(), whole());
}

#[test]
fn who_has_said_nothing_is_granted_what_is_served_and_no_bound() {
    let terms = Terms::try_from(&Said::default()).unwrap();
    let member = terms.member(&Text::from("ann"));
    assert_eq!(member, crate::accounts::Member::new(member.account.clone()));
    assert_eq!(print_rights(member.account.rights), "rwldnm");
    assert_eq!(terms.admit(&attempt(), datetime(2026, 1, 1, 3, 0, 0, 0)), Ok(()));
}

#[test]
fn logins_are_let_in_from_their_networks_at_their_hours_under_tls_and_until_their_day() {
    let terms = Terms::try_from(&whole()).unwrap();
    let now = date(2027, 12, 31).at(17, 59, 0, 0);
    assert_eq!(terms.admit(&attempt(), now), Ok(()));
    let mapped = Attempt { from: "::ffff:192.0.2.9".parse().unwrap(), ..attempt() };
    assert_eq!(terms.admit(&mapped, now), Ok(()));
    let late = date(2027, 12, 31).at(18, 0, 0, 0);
    assert_eq!(terms.admit(&attempt(), late), Err(Why::Hours));
    let after = date(2028, 1, 1).at(9, 0, 0, 0);
    assert_eq!(terms.admit(&attempt(), after), Err(Why::Expired));
    let foreign = Attempt { from: [192, 0, 3, 7].into(), ..attempt() };
    assert_eq!(terms.admit(&foreign, now), Err(Why::Network));
    let clear = Attempt { secured: false, ..attempt() };
    assert_eq!(terms.admit(&clear, now), Err(Why::Unsecured));
}

#[test]
fn certificates_are_known_with_and_without_colons() {
    let colons = vec!["AB"; 32].join(":");
    assert_eq!(colons.parse::<Fingerprint>(), Ok(Fingerprint([0xab; 32])));
    let terms = Terms::try_from(&whole()).unwrap();
    let shown = |byte| Attempt { certificate: Some(Fingerprint([byte; 32])), ..attempt() };
    assert!(terms.knows_certificate(&shown(0xab)) && !terms.knows_certificate(&shown(0xac)));
    assert!(!terms.knows_certificate(&attempt()));
}

/// Something that every key of text takes wrong.
fn malformed() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just(" ".to_owned()),
        Just("-1".to_owned()),
        Just("0.0.0.0/33".to_owned()),
        Just("/x=".to_owned()),
        Just("/x=../y".to_owned()),
        Just("24:00-24:00".to_owned()),
        Just("2027-02-29".to_owned()),
        "[^/:0-9a-z]{1,8}",
    ]
}

proptest! {
    #[test]
    fn s23_each_key_that_is_malformed_is_an_error(text in malformed(), key in 0..9) {
        let mut said = whole();
        let name = match key {
            0 => { said.home = Some(format!("srv{text}")); "home" }
            1 => { said.mounts.push(text); "mounts" }
            2 => { said.rights = Some(text); "rights" }
            3 => { said.rules.push(text); "rules" }
            4 => { said.networks.push(text); "networks" }
            5 => { said.hours.push(text); "hours" }
            6 => { said.fxp.push(text); "fxp" }
            7 => { said.certificates.push(text); "certificates" }
            _ => { said.expires = Some(text); "expires" }
        };
        prop_assert_eq!(Terms::try_from(&said).map_err(|error| error.key), Err(name));
    }
}

#[test]
fn s23_what_contradicts_itself_or_is_not_known_is_an_error() {
    let with = |change: &dyn Fn(&mut Said)| {
        let mut said = whole();
        change(&mut said);
        Terms::try_from(&said).map_err(|error| error.key)
    };
    assert_eq!(with(&|said| said.rules = vec!["/x=d".to_owned()]), Err("rules"));
    assert_eq!(with(&|said| said.mounts = vec!["/=/x".to_owned()]), Err("mounts"));
    assert_eq!(with(&|said| said.sessions = Some(0)), Err("sessions"));
    assert_eq!(with(&|said| said.rate_down = Some(0)), Err("rate-down"));
    assert_eq!(with(&|said| said.charset = Some("utf-16".to_owned())), Err("charset"));
    assert_eq!(with(&|said| said.home = Some("srv/ann".to_owned())), Err("home"));
    assert_eq!(with(&|said| said.rights = Some("rr,x".to_owned())), Err("rights"));
    for json in [
        r#"{"quota-bytes":-1}"#,
        r#"{"quota-bytes":"many"}"#,
        r#"{"quota-bytes":1.5}"#,
        r#"{"sessions":4294967296}"#,
        r#"{"quota_bytes":1}"#,
        r#"{"tls":"no"}"#,
        r#"{"networks":"192.0.2.0/24"}"#,
    ] {
        assert!(serde_json::from_str::<Said>(json).is_err(), "{json}");
    }
}
