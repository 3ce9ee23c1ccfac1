//! How much a member may store, over all its sessions (S24).

use crate::raw::{Raw, Running, let_max_in};
use std::io::Write;
use std::net::TcpStream;
use wharf_server::accounts::Quota;

fn running(quota: Quota) -> Running {
    Running::with(|config| let_max_in(config, quota))
}

fn bytes(most: u64) -> Quota {
    Quota { bytes: Some(most), files: None }
}

fn max(server: &Running) -> Raw {
    let mut raw = server.login("max", "secret");
    raw.command("TYPE I", 200);
    raw
}

/// Sends what the server takes; it may end the connection in the midst.
fn offer(mut data: TcpStream, content: &[u8]) {
    let _ = data.write_all(content);
}

#[test]
fn s24_what_is_there_at_the_login_counts_and_avbl_and_allo_say_what_is_left() {
    let server = running(bytes(1000));
    std::fs::create_dir(server.path().join("d")).unwrap();
    server.write("d/f", [0; 400]);
    let mut max = max(&server);
    assert_eq!(max.command("AVBL", 213), "600");
    max.command("ALLO 600", 200);
    max.command("ALLO 601", 452);
    max.store("STOR g", &[1; 600]);
    assert_eq!(max.command("AVBL", 213), "0");
    max.command("DELE d/f", 250);
    assert_eq!(max.command("AVBL", 213), "400");
}

#[test]
fn s24_an_upload_that_is_refused_changes_nothing_however_large_it_is() {
    // The second is large enough for the kernel's own path.
    for size in [100_000_usize, 3 << 20] {
        let server = running(bytes(size as u64));
        server.write("f", "the old version");
        let mut max = max(&server);
        let data = max.passive();
        max.command("STOR f", 125);
        let writer = std::thread::spawn(move || offer(data, &vec![7; size + 1]));
        assert!(max.expect(552).contains("more than you may store"));
        writer.join().unwrap();
        assert_eq!(server.read("f"), b"the old version");
        assert_eq!(server.names(), ["f"], "nothing hidden is left");
        max.store("STOR f", &vec![8; size]);
        assert_eq!(server.read("f").len(), size, "just as much is taken");
        max.pasv();
        max.command("STOR g", 552);
        max.pasv();
        max.command("APPE f", 552);
        assert_eq!(server.names(), ["f"]);
    }
}

#[test]
fn s24_files_are_counted_and_a_copy_is_one() {
    let server = running(Quota { bytes: None, files: Some(2) });
    server.write("f", "1");
    let mut max = max(&server);
    max.command("SITE COPY f g", 200);
    max.command("SITE COPY f h", 550);
    max.pasv();
    max.command("STOU", 552);
    max.store("STOR g", b"in place of another");
    max.command("COMB g f", 250);
    max.command("SITE COPY g f", 200);
    assert_eq!(server.names(), ["f", "g"]);
}

#[test]
fn s24_uploads_of_several_sessions_at_the_limit_never_go_over() {
    const MOST: u64 = 5 << 20;
    let server = running(bytes(MOST));
    let codes: Vec<u16> = std::thread::scope(|scope| {
        let mut uploads = Vec::new();
        for n in 0..4 {
            let server = &server;
            uploads.push(scope.spawn(move || {
                let mut max = max(server);
                let data = max.passive();
                max.send(&format!("STOR f{n}"));
                let begun = max.reply().0;
                if begun != 125 {
                    // The others have claimed everything already.
                    return begun;
                }
                offer(data, &vec![n; 2 << 20]);
                max.reply().0
            }));
        }
        uploads.into_iter().map(|upload| upload.join().unwrap()).collect()
    });
    let done = codes.iter().filter(|code| **code == 226).count();
    assert!(codes.iter().all(|code| [226, 552].contains(code)), "{codes:?}");
    assert!(done <= 2, "{codes:?}");
    let names = server.names();
    assert_eq!(names.len(), done, "{names:?}");
    assert!(names.iter().all(|name| server.read(name).len() == 2 << 20));
    let mut max = max(&server);
    assert_eq!(max.command("AVBL", 213), (MOST - (done as u64 * (2 << 20))).to_string());
}
