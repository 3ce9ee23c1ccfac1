//! Names that steer terminals and forge lines, through the whole binary: log, messages and ladder.

use crate::serving::{Serving, run};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

/// Whether a text has anything in it that a terminal would obey.
fn steers(text: &str) -> bool {
    text.contains(|c: char| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)))
}

#[test]
fn s19_s21_the_log_shows_what_users_write_and_obeys_none_of_it() {
    for format in ["text", "json"] {
        let serving = Serving::new(&["--writable", "--log-format", format]);
        let mut control = TcpStream::connect(("127.0.0.1", serving.port)).unwrap();
        let mut lines = BufReader::new(control.try_clone().unwrap());
        let words: [&[u8]; 8] = [
            b"USER $(id)\x1b[2J\r\0\xc2\x9b\r\n",
            b"PASS x\x1b]0;x\x07\r\n",
            b"USER anonymous\r\n",
            b"PASS '; DROP TABLE users; --\r\n",
            b"CWD \x1b[31m\r\0forged\xff\xff\x00\r\n",
            b"DELE `id`\xe2\x80\xae%n{}\r\n",
            b"SITE CHMOD 777 \"$(reboot)\"\r\n",
            b"QUIT\r\n",
        ];
        control.write_all(&words.concat()).unwrap();
        let mut line = Vec::new();
        while !line.starts_with(b"221 ") {
            line.clear();
            assert_ne!(lines.read_until(b'\n', &mut line).unwrap(), 0);
        }
        // A client that has read the good-bye and stays would be waited for.
        drop((control, lines));
        let (code, log) = serving.end();
        assert_eq!(code, Some(0));
        assert!(log.contains("530") && log.contains("550"), "{log}");
        assert!(!steers(&log), "{log:?}");
        for line in log.lines() {
            assert!(line.starts_with(if format == "json" { "{\"" } else { "20" }), "{line}");
        }
    }
}

#[test]
fn s19_messages_and_ladders_of_the_client_obey_no_name() {
    let serving = Serving::new(&[]);
    let here = tempfile::tempdir().unwrap();
    std::fs::write(serving.path("a\u{1b}[2J\u{202e}b"), "x").unwrap();
    for command in [&["ls"][..], &["cat"], &["stat"]].map(|words| words[0]) {
        let path = if command == "ls" { "" } else { "a%1b%5b2J%e2%80%aeb%07missing" };
        let done = run(here.path(), &[command, "--trace=ladder", &serving.url(path)]);
        assert!(!steers(&String::from_utf8_lossy(&done.stderr)), "{done:?}");
        if let Ok(ladder) = std::fs::read_to_string(here.path().join("ladder")) {
            assert!(!steers(&ladder), "{ladder:?}");
        }
    }
}
