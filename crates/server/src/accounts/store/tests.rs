//! The store on a temporary disk: what is kept, and who is let in by it.

use super::verify::Now;
use super::*;
use crate::accounts::hash::work;
use crate::accounts::{Attempt, Fingerprint, Verdict, Why};
use jiff::civil::date;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;
use wharf_proto::Secret;

/// `Hello world!`
const BCRYPT: &str = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.z6PrHbuSsMSSwIGFy1JGevQZf6CqJ1y";
/// The secret of RFC 6238, whose code is 287082 from 30 to 59 and 359152 from 60 to 89.
const TOTP: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_or_make(&folder.path().join("wharf/users.db")).unwrap();
    (folder, store)
}

fn name(name: &str) -> UserName {
    name.parse().unwrap()
}

fn user(called: &str, said: Said) -> NewUser {
    NewUser { name: name(called), password: Some(Hash::parse(BCRYPT).unwrap()), totp: None, said }
}

fn attempt(name: &str, password: &str) -> Attempt {
    Attempt::new(name.into(), Secret::new(password.into()))
}

fn at(seconds: u64) -> Now {
    Now { seconds, local: date(2026, 11, 22).at(12, 0, 0, 0) }
}

fn verify(store: &Store, attempt: &Attempt) -> Verdict {
    store.verify_at(attempt, at(60))
}

fn raw(store: &Store, statement: &str) {
    store.lock().execute_batch(statement).unwrap();
}

#[test]
fn store_is_made_for_its_owner_alone_and_opened_again_with_what_is_in_it() {
    let (folder, store) = store();
    store.add(&user("ann", Said::default())).unwrap();
    let path = folder.path().join("wharf/users.db");
    for file in [&path, &path.with_extension("db-wal")] {
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    let again = Store::open(&path).unwrap();
    assert_eq!(again.users().unwrap().len(), 1);
    let none = Store::open(&folder.path().join("none.db"));
    assert!(matches!(none, Err(StoreError::File { .. })));
}

#[test]
fn s22_file_that_is_no_store_or_a_later_one_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    std::fs::write(&path, "[[user]]\nname = \"ann\"\n".repeat(100)).unwrap();
    assert!(Store::open(&path).is_err());
    assert!(Store::open(folder.path()).is_err());
    let (_folder, later) = store();
    raw(&later, "PRAGMA user_version = 9");
    let again = migrate(&mut later.lock());
    assert!(matches!(again, Err(StoreError::TooNew { found: 9, known: 1 })));
}

#[test]
fn users_are_added_once_changed_listed_and_removed() {
    let (_folder, store) = store();
    let said = Said { quota_bytes: Some(7), networks: vec!["::1".to_owned()], ..Said::default() };
    store.add(&user("ann", said.clone())).unwrap();
    assert!(matches!(store.add(&user("ann", Said::default())), Err(StoreError::Exists(_))));
    let two = [user("bob", Said::default()), user("ann", Said::default())];
    assert!(store.add_all(&two).is_err());
    assert_eq!(store.users().unwrap().len(), 1, "all or none");
    assert_eq!(store.said(&name("ann")).unwrap(), said);
    let changed = Said { home: Some("/srv/ann".to_owned()), ..Said::default() };
    store.set_said(&name("ann"), &changed).unwrap();
    assert_eq!(store.said(&name("ann")).unwrap(), changed);
    store.set_disabled(&name("ann"), true).unwrap();
    let listed = store.users().unwrap().remove(0);
    assert!(listed.disabled && listed.password && !listed.totp && listed.damaged.is_none());
    store.remove(&name("ann")).unwrap();
    assert!(matches!(store.remove(&name("ann")), Err(StoreError::NoSuchUser(_))));
    assert!(matches!(store.set_said(&name("ann"), &changed), Err(StoreError::NoSuchUser(_))));
    let left = "SELECT count(*) FROM user_network";
    assert_eq!(store.lock().query_row(left, [], |row| row.get::<_, i64>(0)), Ok(0));
    assert!(store.add(&user("x", Said { hours: vec!["8-9".to_owned()], ..changed })).is_err());
}

#[test]
fn s21_names_are_values_and_never_part_of_a_statement() {
    let (_folder, store) = store();
    let odd = "x'); DROP TABLE user; --";
    store.add(&user(odd, Said::default())).unwrap();
    assert!(matches!(verify(&store, &attempt(odd, "Hello world!")), Verdict::In(_)));
    assert_eq!(verify(&store, &attempt("' OR '1'='1", "x")), Verdict::Refused(Why::Unknown));
}

#[test]
fn login_renews_an_old_hash_and_keeps_the_new_one() {
    let (_folder, store) = store();
    store.add(&user("ann", Said::default())).unwrap();
    let kept =
        |store: &Store| record::read(&store.lock(), "ann").unwrap().unwrap().password.unwrap();
    assert_eq!(verify(&store, &attempt("ann", "Hello")), Verdict::Refused(Why::Password));
    assert_eq!(kept(&store), BCRYPT);
    let Verdict::In(member) = verify(&store, &attempt("ann", "Hello world!")) else { panic!() };
    assert_eq!(member.account.name.as_bytes(), b"ann");
    let renewed = kept(&store);
    assert!(renewed.starts_with("$argon2id$"));
    assert!(matches!(verify(&store, &attempt("ann", "Hello world!")), Verdict::In(_)));
    assert_eq!(kept(&store), renewed);
}

#[test]
fn s17_known_names_cost_the_work_of_one_password_whatever_is_wrong_and_unknown_ones_none() {
    let (_folder, store) = store();
    for called in ["ann", "off", "bare", "odd", "two"] {
        store.add(&user(called, Said::default())).unwrap();
    }
    store.set_disabled(&name("off"), true).unwrap();
    store.set_totp(&name("two"), Some(&totp::Secret::parse(TOTP).unwrap())).unwrap();
    raw(&store, "UPDATE user SET password = NULL WHERE name = 'bare'");
    raw(&store, "UPDATE user SET rights = '?' WHERE name = 'odd'");
    for (called, password, wanted) in [
        ("ann", "wrong", 1),
        ("off", "wrong", 1),
        ("bare", "wrong", 1),
        ("odd", "wrong", 1),
        ("two", "wrong", 1),
        ("two", "wrong359152", 1),
        ("nobody", "wrong", 0),
    ] {
        let (verdict, done) = work::of(|| verify(&store, &attempt(called, password)));
        assert!(matches!(verdict, Verdict::Refused(_)) && done == wanted, "{called}: {done}");
    }
}

#[test]
fn s22_user_that_is_disabled_or_has_no_password_comes_in_with_none() {
    let (_folder, store) = store();
    store.add(&user("off", Said::default())).unwrap();
    store.set_disabled(&name("off"), true).unwrap();
    assert_eq!(verify(&store, &attempt("off", "Hello world!")), Verdict::Refused(Why::Disabled));
    store.add(&NewUser { password: None, ..user("bare", Said::default()) }).unwrap();
    for hash in ["NULL", "''", "'*'", "'x'", "'Hello world!'", "'$y$j9T$F5Jx5fExrKuPp53xLKQ..1$'"] {
        raw(&store, &format!("UPDATE user SET password = {hash} WHERE name = 'bare'"));
        for password in ["", "Hello world!", "*", "x"] {
            let verdict = verify(&store, &attempt("bare", password));
            assert!(matches!(verdict, Verdict::Refused(_)), "{hash} {password}");
        }
    }
}

#[test]
fn s23_record_in_which_anything_is_malformed_lets_nobody_in() {
    for damage in [
        "UPDATE user SET rights = 'rwx'",
        "UPDATE user SET rights = ''",
        "UPDATE user SET home = 'srv'",
        "UPDATE user SET quota_bytes = -1",
        "UPDATE user SET quota_files = -9223372036854775808",
        "UPDATE user SET rate_up = 0",
        "UPDATE user SET rate_down = -5",
        "UPDATE user SET sessions = 4294967296",
        "UPDATE user SET sessions = 0",
        "UPDATE user SET expires = '2027-02-30'",
        "UPDATE user SET expires = ''",
        "UPDATE user SET charset = 'klingon'",
        "UPDATE user SET totp_secret = ''",
        "UPDATE user SET totp_secret = 'not base 32'",
        "INSERT INTO user_network VALUES ('ann', '192.0.2.0/33')",
        "INSERT INTO user_network VALUES ('ann', '')",
        "INSERT INTO user_hours VALUES ('ann', '00:00-25:00')",
        "INSERT INTO user_mount VALUES ('ann', '/x')",
        "INSERT INTO user_rule VALUES ('ann', '/x=q')",
        "INSERT INTO user_fxp VALUES ('ann', 'everywhere')",
        "INSERT INTO user_certificate VALUES ('ann', 'ab')",
        "DROP TABLE user_hours",
        "ALTER TABLE user RENAME COLUMN tls TO ssl",
    ] {
        let (_folder, store) = store();
        store.add(&user("ann", Said::default())).unwrap();
        raw(&store, damage);
        let verdict = verify(&store, &attempt("ann", "Hello world!"));
        assert!(matches!(verdict, Verdict::Refused(Why::Broken(_))), "{damage}: {verdict:?}");
        let shown = store.users().unwrap().remove(0);
        assert!(shown.damaged.is_some(), "{damage}");
    }
}

#[test]
fn s25_second_factor_is_wanted_on_every_way_in_and_its_code_works_once() {
    let (_folder, store) = store();
    let said = Said { certificates: vec!["ab".repeat(32)], ..Said::default() };
    store.add(&user("ann", said)).unwrap();
    store.set_totp(&name("ann"), Some(&totp::Secret::parse(TOTP).unwrap())).unwrap();
    let wrong = Verdict::Refused(Why::Code);
    let password = attempt("ann", "Hello world!");
    let code = |code: &str, attempt: &Attempt| Attempt {
        code: Some(Secret::new(code.into())),
        ..attempt.clone()
    };
    let certificate = Attempt { certificate: Some(Fingerprint([0xab; 32])), ..attempt("ann", "") };
    // Without a code: by password, by certificate, with an empty code.
    assert_eq!(verify(&store, &password), Verdict::WantsCode);
    assert_eq!(verify(&store, &certificate), Verdict::WantsCode);
    assert_eq!(verify(&store, &code("", &password)), wrong);
    assert_eq!(verify(&store, &code("000000", &certificate)), wrong);
    // A right code in place of the password, or with a wrong one.
    for word in ["359152", "Hello359152", "000000"] {
        assert_eq!(verify(&store, &attempt("ann", word)), Verdict::Refused(Why::Password));
    }
    assert_eq!(
        verify(&store, &code("359152", &attempt("ann", "x"))),
        Verdict::Refused(Why::Password)
    );
    // Behind the password; then the same code again, by every way; then the one before it.
    assert!(matches!(verify(&store, &attempt("ann", "Hello world!359152")), Verdict::In(_)));
    assert_eq!(verify(&store, &attempt("ann", "Hello world!359152")), wrong);
    assert_eq!(verify(&store, &code("359152", &password)), wrong);
    assert_eq!(verify(&store, &code("359152", &certificate)), wrong);
    assert_eq!(verify(&store, &code("287082", &password)), wrong);
    // The next ones, by ACCT and with the certificate.
    let later = |attempt: &Attempt, seconds| store.verify_at(attempt, at(seconds));
    assert!(matches!(later(&code("969429", &password), 90), Verdict::In(_)));
    assert!(matches!(later(&code("338314", &certificate), 120), Verdict::In(_)));
    assert!(matches!(
        later(&Attempt { password: Secret::new("254676".into()), ..certificate }, 150),
        Verdict::In(_)
    ));
}

#[test]
fn s25_of_many_that_come_with_one_code_at_once_one_is_let_in() {
    let (_folder, store) = store();
    store.add(&user("ann", Said::default())).unwrap();
    store.set_totp(&name("ann"), Some(&totp::Secret::parse(TOTP).unwrap())).unwrap();
    let come = || matches!(verify(&store, &attempt("ann", "Hello world!359152")), Verdict::In(_));
    let all = std::thread::scope(|scope| {
        let all = [(); 8].map(|()| scope.spawn(come));
        all.map(|one| one.join().unwrap())
    });
    assert_eq!(all.into_iter().filter(|is_in| *is_in).count(), 1);
}

#[test]
fn certificate_stands_for_the_password_of_its_own_user_alone() {
    let (_folder, store) = store();
    store
        .add(&user("ann", Said { certificates: vec!["ab".repeat(32)], ..Said::default() }))
        .unwrap();
    store.add(&user("bob", Said::default())).unwrap();
    let shown =
        |name: &str| Attempt { certificate: Some(Fingerprint([0xab; 32])), ..attempt(name, "") };
    assert!(matches!(verify(&store, &shown("ann")), Verdict::In(_)));
    assert_eq!(verify(&store, &shown("bob")), Verdict::Refused(Why::Password));
    store.set_disabled(&name("ann"), true).unwrap();
    assert_eq!(verify(&store, &shown("ann")), Verdict::Refused(Why::Disabled));
}
