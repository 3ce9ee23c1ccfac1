//! Greeting, login, replies of all shapes, and control connections that end before their time.

use std::time::Duration;

use wharf_client::{Error, Login, Options, Session};
use wharf_proto::tap::What;
use wharf_proto::{Command, Text};
use wharf_testkit::scripted::Scripted;

use crate::support::{connect, impatient, log_in, options, plain, run, tapped};

fn greeted(greeting: &'static [u8], options: &Options) -> Result<(), Error> {
    let server = Scripted::session(move |peer| {
        peer.send(greeting);
        peer.expect_end();
    });
    run(connect(&server, options)).map(drop)
}

#[test]
fn greetings_of_one_line_and_several_are_welcome() {
    for greeting in [
        &b"220 ready\r\n"[..],
        b"220 ready\n",
        b"220-Welcome\r\n 220 not yet\r\n220-really\r\n220 ready\r\n",
        b"120 soon\r\n220 ready\r\n",
        b"220\r\n",
        b"220 caf\xe9\r\n",
    ] {
        assert!(greeted(greeting, &options()).is_ok(), "{}", greeting.escape_ascii());
    }
}

#[test]
fn a_greeting_that_refuses_is_unwelcome() {
    for greeting in [&b"421 too many users\r\n"[..], b"530 not you\r\n", b"554 no\r\n"] {
        let error = greeted(greeting, &options()).unwrap_err();
        assert!(matches!(error, Error::Unwelcome { .. }), "{error}");
    }
}

#[test]
fn what_is_not_ftp_is_told_from_ftp() {
    for greeting in [&b"SSH-2.0-OpenSSH_9\r\n"[..], b"\x16\x03\x01\x02\x00\n", b"* OK IMAP\r\n"] {
        let error = greeted(greeting, &options()).unwrap_err();
        assert!(matches!(error, Error::NotFtp { .. }), "{error}");
    }
}

#[test]
fn a_server_without_greeting_times_out_and_one_that_closes_is_lost() {
    let error = greeted(b"", &impatient()).unwrap_err();
    assert!(matches!(error, Error::NoReply { .. }), "{error}");
    let server = Scripted::session(|peer| peer.send(b"220-half a gree"));
    let error = run(connect(&server, &options())).unwrap_err();
    assert!(matches!(error, Error::ControlLost { source: None, .. }), "{error}");
}

#[test]
fn a_reply_of_several_lines_that_never_ends_is_told_as_that_with_what_came_of_it() {
    let server = Scripted::session(|peer| {
        peer.say("220 ready");
        peer.expect("FEAT");
        peer.say("211-Features:");
        peer.say(" SIZE");
        peer.say("212 End");
        peer.expect_any_end();
    });
    let (options, heard) = tapped(Options { timeout: Duration::from_secs(2), ..options() });
    let error = run(async {
        let mut session = connect(&server, &options).await?;
        session.quote(&Command::Feat).await.map(drop)
    });
    let error = error.unwrap_err();
    let Error::NoReply { last, .. } = &error else { panic!("{error}") };
    assert!(last.unended && last.reply.as_ref().is_some_and(|reply| reply.lines.len() == 3));
    assert!(error.to_string().contains("whose reply began with \"211 Features:"), "{error}");
    assert!(error.advice().unwrap().contains("never ends"), "{:?}", error.advice());
    let heard = heard.lock().unwrap();
    let begun = heard.iter().find_map(|what| match what {
        What::NoReply { code, lines } => Some((*code, lines.len())),
        _ => None,
    });
    assert_eq!(begun, Some((Some(211), 3)), "{heard:?}");
}

#[test]
fn a_reply_without_end_is_given_up() {
    let server = Scripted::session(|peer| {
        peer.send(b"220-");
        // The client closes in the midst of it.
        let flood = [b'x'; 32 * 1024];
        peer.send(&flood);
    });
    let error = run(connect(&server, &options())).unwrap_err();
    assert!(matches!(error, Error::NotFtp { .. }), "{error}");
}

#[test]
fn a_port_without_server_says_what_was_tried() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = run(Session::connect("127.0.0.1", port, &options())).unwrap_err();
    assert!(matches!(&error, Error::Connect { attempts, .. } if attempts.len() == 1), "{error}");
    assert!(error.advice().unwrap().contains("nothing listens"));
    let error = run(Session::connect("no.such.host.invalid", 21, &options())).unwrap_err();
    assert!(matches!(error, Error::Resolve { .. }), "{error}");
}

#[test]
fn users_that_need_no_password_a_password_or_an_account_get_in() {
    let nobody = Scripted::session(|peer| {
        peer.say("220 ready");
        peer.answer("USER ann", "230 in");
    });
    let account = Scripted::session(|peer| {
        peer.say("220 ready");
        peer.answer("USER ann", "331 password");
        peer.answer("PASS  p w ", "332 account");
        peer.answer("ACCT 7", "230 in");
    });
    let mut login = Login::new("ann", " p w ");
    login.account = Some(wharf_proto::Secret::new(b"7".to_vec()));
    for server in [nobody, account] {
        run(async { connect(&server, &plain()).await.unwrap().login(&login).await.unwrap() });
    }
}

#[test]
fn a_refused_login_tells_whose_and_the_password_is_in_no_message_and_no_event() {
    let server = Scripted::session(|peer| {
        peer.say("220 ready");
        peer.answer("USER ann", "331 password");
        peer.answer("PASS hunter2", "530 Login incorrect");
    });
    let (options, heard) = tapped(options());
    let error = run(async {
        let mut session = connect(&server, &options).await.unwrap();
        session.login(&Login::new("ann", "hunter2")).await.unwrap_err()
    });
    assert!(matches!(error, Error::Login { .. }), "{error}");
    assert_eq!(error.to_string(), "ann: login refused: 530 Login incorrect");
    let shown = format!("{error:?} {:?}", heard.lock().unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_server_that_says_421_ends_the_session_whatever_was_asked() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("PWD", "421 going down");
    });
    let error = run(async { log_in(&server, &options()).await.pwd().await.unwrap_err() });
    assert!(matches!(error, Error::Closing { .. }), "{error}");
    assert_eq!(error.code(), Some(421));
}

#[test]
fn a_421_that_came_while_nothing_was_asked_is_the_answer_to_the_next_command() {
    let server = Scripted::session(|peer| {
        peer.say("220 ready");
        peer.answer("USER anonymous", "331 password");
        // In one segment, so that it has surely come before anything else is said.
        peer.answer("PASS anonymous@", "230 in\n421 idle too long");
    });
    let error = run(async {
        let mut session = log_in(&server, &options()).await;
        session.pwd().await.unwrap_err()
    });
    assert!(matches!(error, Error::Closing { .. }), "{error}");
    assert_eq!(error.last().unwrap().verb, None, "it answers no command that was sent: {error:?}");
}

#[test]
fn a_control_connection_that_breaks_tells_the_last_command() {
    let server = Scripted::sessions(|host| {
        let mut peer = host.accept();
        peer.login();
        peer.expect("PWD");
        peer.reset();
    });
    let error = run(async { log_in(&server, &options()).await.pwd().await.unwrap_err() });
    assert!(matches!(error, Error::ControlLost { .. }), "{error}");
    assert_eq!(error.last().unwrap().command, "PWD".into());
}

#[test]
fn a_stray_226_is_not_taken_for_the_answer_to_pwd() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("PWD", "226 transfer complete");
    });
    let error = run(async { log_in(&server, &options()).await.pwd().await.unwrap_err() });
    assert!(matches!(error, Error::OutOfStep { .. }), "{error}");
}

#[test]
fn replies_cut_anywhere_and_telnet_options_between_them_are_read() {
    let server = Scripted::session(|peer| {
        for byte in b"220-a\r\n220 b\r\n" {
            peer.send(&[*byte]);
        }
        peer.answer("USER anonymous", "331 password");
        peer.expect("PASS anonymous@");
        peer.send(b"\xff\xfd\x0123");
        peer.send(b"0 in\r\n");
        assert_eq!(peer.hear_bytes(), b"\xff\xfc\x01PWD");
        peer.say("257 \"/a \"\"b\"\"\" here");
    });
    let path = run(async { log_in(&server, &options()).await.pwd().await.unwrap() });
    assert_eq!(path, Text::from("/a \"b\""));
}

#[test]
fn names_with_spaces_utf8_and_foreign_bytes_go_out_as_they_are_and_line_feeds_do_not() {
    const NAMES: [&[u8]; 4] = [b" two  spaces ", "日本 é".as_bytes(), b"\xe9\xfe", b"-rf"];
    let server = Scripted::session(|peer| {
        peer.login();
        for name in NAMES {
            assert_eq!(peer.hear_bytes(), [b"DELE ", name].concat());
            peer.say("250 gone");
        }
        peer.expect_end();
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        for name in NAMES {
            session.delete(&name.into()).await.unwrap();
        }
        for name in [&b"a\nDELE b"[..], b"a\0b"] {
            let error = session.delete(&name.into()).await.unwrap_err();
            assert!(matches!(error, Error::Unsendable(_)), "{error}");
        }
        session.close().await;
    });
}

#[test]
fn names_with_the_escape_of_telnet_or_a_cr_go_as_the_server_understands_them_or_not_at_all() {
    // What it says to a Data Mark behind a folder and to the folder, to FEAT, and what it hears for 0xFF and for CR.
    type Row = (&'static str, Option<&'static str>, Option<&'static str>, &'static [u8], bool);
    const ROWS: [Row; 4] = [
        ("250 ok", None, Some("UTF8"), b"DELE a\xff\xffb", true),
        ("250 ok", None, Some("SIZE"), b"DELE a\xff\xffb", false),
        ("550 no", Some("250 ok"), None, b"DELE a\xffb", false),
        ("550 no", Some("550 no"), None, b"DELE a\xff\xffb", false),
    ];
    for (marked, here, features, hears, takes_cr) in ROWS {
        let server = Scripted::sessions(move |host| {
            for first in [true, false] {
                let mut peer = host.accept();
                let peer = &mut peer;
                peer.login();
                if first {
                    assert_eq!(peer.hear_bytes(), b"CWD .\xff\xf2");
                    peer.say(marked);
                    if let Some(here) = here {
                        peer.answer("CWD .", here);
                    }
                    if let Some(feature) = features {
                        peer.features(&[feature]);
                        if feature == "UTF8" {
                            peer.answer("OPTS UTF8 ON", "200 ok");
                        }
                    }
                }
                // The second session knows it.
                assert_eq!(peer.hear_bytes(), hears);
                peer.say("250 gone");
                if takes_cr {
                    assert_eq!(peer.hear_bytes(), b"DELE a\r\0b");
                    peer.say("250 gone");
                }
                peer.expect_end();
            }
        });
        run(async {
            let options = options();
            for _ in 0..2 {
                let mut session = log_in(&server, &options).await;
                session.delete(&b"a\xffb"[..].into()).await.unwrap();
                let deleted = session.delete(&"a\rb".into()).await;
                assert_eq!(deleted.is_ok(), takes_cr, "{marked}: {deleted:?}");
                session.close().await;
            }
        });
    }
}

#[test]
fn nothing_comes_between_the_two_commands_of_a_rename_to_the_first_odd_name() {
    let server = Scripted::session(|peer| {
        peer.login();
        assert_eq!(peer.hear_bytes(), b"CWD .\xff\xf2");
        peer.say("250 ok");
        peer.answer("FEAT", "502 no");
        peer.answer("RNFR x", "350 to?");
        assert_eq!(peer.hear_bytes(), b"RNTO a\xff\xffb");
        peer.say("250 ok");
        // A name that cannot be said leaves no RNFR behind.
        peer.answer("DELE x", "250 gone");
        peer.expect_end();
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        session.rename(&"x".into(), &b"a\xffb"[..].into()).await.unwrap();
        let error = session.rename(&"x".into(), &"a\rb".into()).await.unwrap_err();
        assert!(matches!(error, Error::Unsendable(_)), "{error}");
        session.delete(&"x".into()).await.unwrap();
        session.close().await;
    });
}

#[test]
fn a_quit_that_is_not_answered_in_time_is_no_failure() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.expect("QUIT");
        peer.expect_end();
    });
    run(async { log_in(&server, &impatient()).await.quit().await.unwrap() });
}

#[test]
fn the_small_methods_send_what_they_are_named_after() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("CWD a b", "250 ok");
        peer.answer("CDUP", "200 ok");
        peer.answer("MKD x", "257 \"/x\" made");
        peer.answer("RNFR x", "350 to?");
        peer.answer("RNTO y", "250 ok");
        peer.answer("RMD y", "550 not empty");
        peer.answer("TYPE I", "200 ok");
        peer.answer("SIZE f", "213 17");
        peer.answer("SIZE g", "550 no such file");
        peer.answer("MDTM f", "213 20240501123000.5");
        peer.answer("SYST", "215 UNIX");
        peer.answer("QUIT", "221 bye");
        peer.expect_end();
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        session.cwd(&"a b".into()).await.unwrap();
        session.cdup().await.unwrap();
        assert_eq!(session.mkdir(&"x".into()).await.unwrap(), Some("/x".into()));
        session.rename(&"x".into(), &"y".into()).await.unwrap();
        let error = session.rmdir(&"y".into()).await.unwrap_err();
        assert_eq!(error.to_string(), "RMD y was refused: 550 not empty");
        assert_eq!(session.size(&"f".into()).await.unwrap(), Some(17));
        assert_eq!(session.size(&"g".into()).await.unwrap(), None);
        let time = session.mdtm(&"f".into()).await.unwrap().unwrap();
        assert_eq!(time.print_mdtm(), "20240501123000.500");
        assert_eq!(session.quote(&Command::Syst).await.unwrap().code.value(), 215);
        session.quit().await.unwrap();
    });
}

#[test]
fn a_session_can_live_in_a_task() {
    fn sendable<T: Send>(future: T) -> T {
        future
    }
    let _never_polled = sendable(async {
        let mut session = Session::connect("h", 21, &options()).await?;
        session.login(&Login::anonymous()).await?;
        session.list(None).await?;
        let (name, path) = (Text::from("x"), std::path::Path::new("x"));
        let mut quiet = wharf_client::quiet();
        session.get(&name, path, wharf_client::Get::default(), &mut quiet).await?;
        session.put(path, &name, wharf_client::Put::default(), &mut quiet).await?;
        session.abort().await?;
        session.quit().await
    });
}

#[test]
fn a_verb_that_the_server_does_not_know_is_not_sent_twice() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        peer.answer("SIZE f", "502 not here");
        peer.answer("MDTM f", "500 what?");
        peer.expect_end();
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        for _ in 0..2 {
            assert_eq!(session.size(&"f".into()).await.unwrap(), None);
            assert_eq!(session.mdtm(&"f".into()).await.unwrap(), None);
        }
    });
}

#[test]
fn nothing_is_sent_while_a_reply_is_missing() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.expect("PWD");
        peer.expect_end();
    });
    run(async {
        let mut session = log_in(&server, &impatient()).await;
        assert!(matches!(session.pwd().await, Err(Error::NoReply { .. })));
        assert!(matches!(session.cdup().await, Err(Error::ReplyOwed { .. })));
    });
}
