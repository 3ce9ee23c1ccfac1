//! Programs of the shell that answer, fail and hang.

use super::*;
use wharf_proto::Secret;

/// A program of the shell's own, run by a shell that it names itself.
fn program(script: &str) -> Program {
    Program {
        path: "/bin/sh".into(),
        arguments: vec!["-c".to_owned(), script.to_owned(), "accounts".to_owned()],
        time: Duration::from_secs(20),
    }
}

fn attempt(name: &str) -> Attempt {
    Attempt::new(name.into(), Secret::new(b"secret \"$(id)\"".to_vec()))
}

#[test]
fn program_is_asked_in_json_and_what_it_grants_is_granted() {
    let script = r#"read -r line; case $line in
        '{"name":"ann","password":"secret \"$(id)\"","code":null,"from":"::","secured":false,"certificate":null}')
            echo '{"verdict":"in","home":"/srv/ann","rights":"rl","quota-bytes":5}';;
        *'"code":"123456"'*) echo '{"verdict":"in"}';;
        *'"name":"two"'*) echo '{"verdict":"wants-code"}';;
        *'"name":"bob"'*) echo '{"verdict":"refused"}';;
        *) echo '{"verdict":"unknown"}';; esac"#;
    let program = program(script);
    let Verdict::In(member) = program.verify(&attempt("ann")) else { panic!() };
    assert_eq!(member.quota.bytes, Some(5));
    assert_eq!(program.verify(&attempt("bob")), Verdict::Refused(Why::Password));
    assert_eq!(program.verify(&attempt("eve")), Verdict::Refused(Why::Unknown));
    assert_eq!(program.verify(&attempt("two")), Verdict::WantsCode);
    let code = |word: &[u8]| Attempt { code: Some(Secret::new(word.to_vec())), ..attempt("two") };
    assert!(matches!(program.verify(&code(b"123456")), Verdict::In(_)));
    assert_eq!(program.verify(&code(b"1")), Verdict::Refused(Why::Code));
    assert_eq!(program.verify(&attempt("\u{1}\n")), Verdict::Refused(Why::Unknown));
    let bytes = Attempt { name: (&b"\xff"[..]).into(), ..attempt("") };
    assert_eq!(program.verify(&bytes), Verdict::Refused(Why::Unknown));
}

#[test]
fn program_is_asked_about_a_certificate_without_a_password() {
    let script = r#"read -r line; case $line in
        *'"password":null'*'"certificate":"'*) echo '{"verdict":"in"}';;
        *) echo '{"verdict":"refused"}';; esac"#;
    let certificate = Some(crate::accounts::Fingerprint([7; 32]));
    let shown = Attempt { certificate, ..Attempt::new("ann".into(), Secret::new(Vec::new())) };
    assert!(matches!(program(script).recognise(&shown), Verdict::In(_)));
    assert_eq!(program(script).verify(&shown), Verdict::Refused(Why::Password));
}

#[test]
fn terms_that_a_program_gives_hold_for_its_own_verdict() {
    let program = program(r#"echo '{"verdict":"in","tls":true}'"#);
    assert_eq!(program.verify(&attempt("ann")), Verdict::Refused(Why::Unsecured));
    let secured = Attempt { secured: true, ..attempt("ann") };
    assert!(matches!(program.verify(&secured), Verdict::In(_)));
}

#[test]
fn s23_program_that_fails_or_says_nonsense_lets_nobody_in() {
    for script in [
        "",
        "exit 0",
        "echo yes",
        "echo '{}'",
        r#"echo '{"verdict":"yes"}'"#,
        r#"echo '{"verdict":["in"]}'"#,
        r#"echo '{"verdict":"in"} {"verdict":"in"}'"#,
        r#"echo '{"verdict":"in","quota-bytes":-1}'"#,
        r#"echo '{"verdict":"in","networks":["everywhere"]}'"#,
        r#"echo '{"verdict":"in","unknown-key":1}'"#,
        r#"echo '{"verdict":"in"'"#,
        r#"echo '{"verdict":"in"}'; exit 1"#,
        r#"echo '{"verdict":"in"}'; kill -9 $$"#,
        r"while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done",
    ] {
        let verdict = program(script).verify(&attempt("ann"));
        assert!(matches!(verdict, Verdict::Refused(Why::Broken(_))), "{script}: {verdict:?}");
    }
    let none = Program { path: "/nonexistent/program".into(), ..program("") };
    assert!(matches!(none.verify(&attempt("ann")), Verdict::Refused(Why::Broken(_))));
}

#[test]
fn program_that_takes_too_long_lets_nobody_in() {
    let slow = Program { time: Duration::from_millis(50), ..program("exec sleep 600") };
    let verdict = slow.verify(&attempt("ann"));
    assert!(matches!(verdict, Verdict::Refused(Why::Broken(why)) if why.contains("in time")));
    let lingers = program(r#"echo '{"verdict":"in"}'; exec >&-; exec sleep 600"#);
    let lingers = Program { time: Duration::from_secs(1), ..lingers };
    assert!(matches!(lingers.verify(&attempt("ann")), Verdict::Refused(Why::Broken(_))));
}

#[test]
fn program_that_is_given_up_ends_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let endless = format!("sleep 600 & echo $! > '{}'; exec cat /dev/zero", file.display());
    let verdict = program(&endless).verify(&attempt("ann"));
    assert!(matches!(verdict, Verdict::Refused(Why::Broken(_))), "{verdict:?}");
    let pid = std::fs::read_to_string(file).unwrap();
    let state = format!("/proc/{}/stat", pid.trim());
    let deadline = Instant::now() + Duration::from_secs(20);
    // Whoever has inherited it may not have buried it yet.
    while std::fs::read_to_string(&state).is_ok_and(|state| !state.contains(") Z ")) {
        assert!(Instant::now() < deadline, "{pid} still runs");
        std::thread::yield_now();
    }
}
