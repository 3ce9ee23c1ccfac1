//! `wharf serve --config`: a server that follows its file, and files that stop the start.

use std::io::{BufRead, BufReader};
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
