//! `wharf serve --config`: a server that follows its file, and files that stop the start.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crate::serving::{Serving, run};

const FILE: &str = "\
folder = \"tree\"
listen = [\"127.0.0.1:0\"]
anonymous = false
greeting = \"The harbour office.\"

[[user]]
name = \"ann\"
password = \"secret\"
";

#[test]
fn a_server_follows_its_file_and_lets_its_user_in() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("tree")).unwrap();
    std::fs::write(place.path().join("tree/ship.txt"), "a ship\n").unwrap();
    let file = place.path().join("serve.toml");
    std::fs::write(&file, FILE).unwrap();
    let serving = Serving::started(place, &["--config", file.to_str().unwrap()]);
    let here = tempfile::tempdir().unwrap();
    let cat = |user: &str| {
        let url = format!("ftp://{user}127.0.0.1:{}/ship.txt", serving.port);
        run(here.path(), &["cat", &url])
    };
    assert_eq!(cat("ann:secret@").stdout, b"a ship\n");
    assert_eq!(cat("ann:wrong@").status.code(), Some(4));
    assert_eq!(cat("").status.code(), Some(4), "anonymous");
    let mut greeting = String::new();
    let socket = TcpStream::connect(("127.0.0.1", serving.port)).unwrap();
    BufReader::new(socket).read_line(&mut greeting).unwrap();
    assert_eq!(greeting, "220 The harbour office.\r\n");
    let (code, log) = serving.end();
    assert!(code == Some(0) && !log.contains("secret"), "{code:?} {log}");
}

#[test]
fn a_file_that_cannot_be_followed_ends_the_start_with_its_line_and_reason() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("bad.toml"), "quiet = true\nlisen = [\"[::]:21\"]\n").unwrap();
    for (file, told) in [
        ("bad.toml", "bad.toml:2:1: unknown field `lisen`"),
        ("missing.toml", "missing.toml: cannot read: No such file"),
    ] {
        let ended = run(here.path(), &["serve", "--config", file]);
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(ended.stdout.is_empty());
        let message = String::from_utf8_lossy(&ended.stderr);
        assert!(message.contains(told), "{message}");
        assert_eq!(message.contains("lisen = ["), file == "bad.toml", "{message}");
    }
}

/// The address that 227 names, to a session at this port of 127.83.7.3.
fn told_by_227(port: u16) -> String {
    let mut socket = TcpStream::connect(("127.83.7.3", port)).unwrap();
    socket.write_all(b"USER ftp\r\nPASS x\r\nPASV\r\nQUIT\r\n").unwrap();
    let replies: Vec<_> = BufReader::new(socket).lines().map(Result::unwrap).collect();
    let told = replies.iter().find(|line| line.starts_with("227 ")).unwrap();
    told.split_once('(').unwrap().1.splitn(5, ',').take(4).collect::<Vec<_>>().join(".")
}

#[test]
fn a_public_address_given_as_a_name_is_told_as_the_address_that_the_name_has() {
    let here = Serving::at("127.83.7.3", &[]);
    assert_eq!(told_by_227(here.port), "127.83.7.3");
    let named = Serving::at("127.83.7.3", &["--public-address", "localhost"]);
    assert_eq!(told_by_227(named.port), "127.0.0.1");
    let (code, log) = named.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("name=\"localhost\" address=127.0.0.1"), "{log}");
}

#[test]
fn a_check_shows_the_public_address_with_its_name_and_judges_the_address() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("serve.toml"), "public-address = \"localhost\"\n").unwrap();
    let check = ["serve", ".", "--check", "--config", "serve.toml", "--listen", "0.0.0.0:0"];
    let checked = run(here.path(), &check);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    let table = String::from_utf8(checked.stdout).unwrap();
    for wanted in ["127.0.0.1, which localhost is now", "127.0.0.1 is private"] {
        assert!(table.contains(wanted), "{wanted}\n{table}");
    }
}

#[test]
fn a_malformed_public_address_is_a_mistake_on_the_command_line() {
    let here = tempfile::tempdir().unwrap();
    for (typed, told) in [
        ("ftp example", "an IPv4 address or a host name is wanted"),
        ("192.0.2", "an IPv4 address or a host name is wanted"),
        ("2001:db8::1", "227 carries IPv4 only"),
    ] {
        let ended = run(here.path(), &["serve", ".", "--check", "--public-address", typed]);
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        let message = String::from_utf8_lossy(&ended.stderr);
        assert!(message.contains(told), "{message}");
    }
}
