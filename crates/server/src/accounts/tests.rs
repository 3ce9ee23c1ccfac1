//! Accounts that were given, anonymous access, and sources in their order.

use super::hash::work;
use super::*;

fn attempt(name: &str, password: impl AsRef<[u8]>) -> Attempt {
    Attempt::new(name.into(), Secret::new(password.as_ref().to_vec()))
}

fn member(accounts: &Accounts, name: &str, password: &str) -> Option<Member> {
    match accounts.verify(&attempt(name, password)) {
        Verdict::In(member) => Some(*member),
        Verdict::Refused(_) | Verdict::WantsCode => None,
    }
}

/// A source that knows one name, whose password is `right`.
struct Knows(&'static str);

impl Source for Knows {
    fn verify(&self, attempt: &Attempt) -> Verdict {
        if attempt.name.as_bytes() != self.0.as_bytes() {
            return Verdict::Refused(Why::Unknown);
        }
        hash::waste(attempt.password.reveal());
        match attempt.password.reveal() {
            b"right" => {
                let terms = Terms::try_from(&Said::default()).unwrap();
                Verdict::In(Box::new(terms.member(&attempt.name)))
            }
            _ => Verdict::Refused(Why::Password),
        }
    }
}

#[test]
fn a_user_comes_in_with_the_right_password_only() {
    let accounts = Accounts::new().with_user("bob", "secret", Rights::WRITER);
    assert!(member(&accounts, "bob", "secret").is_some());
    for (name, password) in [("bob", "Secret"), ("bob", ""), ("eve", "secret"), ("anonymous", "x")]
    {
        assert_eq!(member(&accounts, name, password), None, "{name} {password}");
    }
}

#[test]
fn anonymous_comes_in_with_any_password_and_reads_only_beneath_its_own_root() {
    let accounts = Accounts::new().with_anonymous(Rights::READER);
    let account = member(&accounts, "FTP", "me@example.org").unwrap().account;
    assert!(account.anonymous && account.rights == Rights::READER);
    let own = accounts.anonymous_in("/srv/pub".into());
    let mounts = member(&own, "anonymous", "").unwrap().mounts;
    assert!(matches!(&mounts[..], [Mount { at, what: Mounted::Folder(folder) }]
        if at.is_root() && folder.as_os_str() == "/srv/pub"));
}

#[test]
fn sources_are_asked_in_turn_behind_those_that_were_given() {
    let accounts = Accounts::new()
        .with_anonymous(Rights::READER)
        .with_user("ann", "given", Rights::READER)
        .with_source(Arc::new(Knows("ann")))
        .with_source(Arc::new(Knows("bob")))
        .with_source(Arc::new(Knows("ftp")));
    assert_eq!(member(&accounts, "ann", "given").unwrap().account.rights, Rights::READER);
    assert!(member(&accounts, "bob", "right").is_some());
    assert_eq!(member(&accounts, "ann", "right"), None, "a name that was given is nobody else's");
    assert!(member(&accounts, "ftp", "right").unwrap().account.anonymous);
    assert_eq!(accounts.verify_at_once(&attempt("bob", "right")), None);
}

/// A source that counts failures, as PAM does, and knows no certificates.
#[derive(Default)]
struct Counts(std::sync::atomic::AtomicU32);

impl Source for Counts {
    fn verify(&self, attempt: &Attempt) -> Verdict {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        hash::waste(attempt.password.reveal());
        Verdict::Refused(Why::Password)
    }
}

#[test]
fn a_certificate_is_recognised_without_an_attempt_at_a_source_that_knows_none() {
    let counts = Arc::new(Counts::default());
    let accounts = Accounts::new().with_user("ann", "", Rights::READER).with_source(counts.clone());
    for (name, why) in [("bob", Why::Unknown), ("ann", Why::Password)] {
        let (verdict, done) = work::of(|| accounts.recognise(&attempt(name, "")));
        assert_eq!((verdict, done), (Verdict::Refused(why), 1), "{name}");
    }
    assert_eq!(counts.0.load(std::sync::atomic::Ordering::Relaxed), 0);
    assert_eq!(accounts.verify(&attempt("bob", "")), Verdict::Refused(Why::Password));
    assert_eq!(counts.0.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn s17_every_refusal_costs_the_work_of_one_password() {
    let accounts = Accounts::new()
        .with_user("ann", "given", Rights::READER)
        .with_source(Arc::new(Knows("bob")))
        .with_source(Arc::new(Knows("eve")));
    for name in ["ann", "bob", "eve", "nobody", "", "\u{0}", "anonymous"] {
        let (verdict, done) = work::of(|| accounts.verify(&attempt(name, "wrong")));
        assert!(matches!(verdict, Verdict::Refused(_)) && done == 1, "{name}: {done}");
    }
}

#[test]
fn s29_names_and_passwords_that_are_too_long_are_refused_at_once_and_without_work() {
    let accounts = Accounts::new().with_source(Arc::new(Knows("bob")));
    for long in [attempt("bob", [b'x'; 4096]), attempt(&"x".repeat(4000), "right")] {
        let (verdict, done) = work::of(|| accounts.verify_at_once(&long));
        assert_eq!((verdict, done), (Some(Verdict::Refused(Why::TooLong)), 0));
    }
}
