//! ABOR, STAT, NOOP and QUIT while a transfer runs, over real sockets.

use crate::raw::{Raw, Running, let_max_in};
use crate::upload::wait_for_partial;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;
use wharf_proto::Verb;
use wharf_proto::tap::{HalfEnd, Party, What};
use wharf_server::accounts::Quota;

/// A download that cannot end, because the client does not read it: far more than socket buffers hold.
fn stuck(server: &Running) -> (Raw, TcpStream) {
    let file = std::fs::File::create(server.path().join("big")).unwrap();
    file.set_len(1 << 30).unwrap();
    let mut bob = server.bob();
    let data = bob.passive();
    bob.command("RETR big", 125);
    (bob, data)
}

fn is_reset(mut data: TcpStream) -> bool {
    let mut buffer = vec![0; 1 << 20];
    loop {
        match data.read(&mut buffer) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

#[test]
fn abor_breaks_a_running_transfer_off_with_426_then_226_and_a_reset() {
    let server = Running::new();
    let (mut bob, data) = stuck(&server);
    bob.send("ABOR");
    bob.expect(426);
    bob.expect(226);
    assert!(is_reset(data), "a cut file must not look whole");
    bob.command("NOOP", 200);
}

/// How the halves of the only data connection have ended, as the tap hears it, once it was reset.
fn ends(server: &Running) -> Vec<(Party, u64, HalfEnd)> {
    server.wait_for(|what| matches!(what, What::DataEnded { how: HalfEnd::Reset, .. }));
    let ended = |what: &What| match what {
        What::DataEnded { by, bytes, how, .. } => Some((*by, *bytes, *how)),
        _ => None,
    };
    server.events.lock().unwrap().iter().filter_map(|event| ended(&event.what)).collect()
}

/// Closes it with RST.
fn reset(data: TcpStream) {
    socket2::SockRef::from(&data).set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn a_download_that_the_client_resets_gets_426_and_the_tap_its_bytes_once_and_whose_reset_it_was() {
    let server = Running::new();
    let (mut bob, mut data) = stuck(&server);
    data.read_exact(&mut [0]).unwrap();
    reset(data);
    bob.expect(426);
    let ends = ends(&server);
    let [(Party::Server, 1.., HalfEnd::Cut), (Party::Client, 0, HalfEnd::Reset)] = ends[..] else {
        panic!("{ends:?}");
    };
}

#[test]
fn an_upload_that_the_client_resets_gets_426_and_the_tap_its_bytes_once_and_whose_reset_it_was() {
    let server = Running::new();
    let mut bob = server.bob();
    let mut data = bob.passive();
    bob.command("STOR f", 125);
    data.write_all(b"half").unwrap();
    wait_for_partial(&server, "", 4);
    reset(data);
    bob.expect(426);
    assert_eq!(ends(&server), [(Party::Client, 4, HalfEnd::Reset)]);
}

#[test]
fn a_download_broken_off_behind_its_end_has_its_bytes_once_in_the_tap() {
    let server = Running::new();
    server.write("f", "all");
    let mut bob = server.bob();
    let mut data = bob.passive();
    bob.command("RETR f", 125);
    let mut all = String::new();
    data.read_to_string(&mut all).unwrap();
    // It keeps its own half open.
    bob.send("ABOR");
    bob.expect(426);
    bob.expect(226);
    let told = [(Party::Server, 3, HalfEnd::Fin), (Party::Server, 0, HalfEnd::Reset)];
    assert_eq!((all.as_str(), &ends(&server)[..]), ("all", &told[..]));
}

#[test]
fn abor_behind_a_telnet_synch_is_understood() {
    let server = Running::new();
    let (mut bob, _data) = stuck(&server);
    bob.bytes(&[0xff, 0xf4, 0xff]);
    let urgent = socket2::SockRef::from(&bob.control);
    urgent.send_out_of_band(&[0xf2]).unwrap();
    bob.send("ABOR");
    bob.expect(426);
    bob.expect(226);
}

#[test]
fn abor_while_the_data_connection_is_awaited_frees_the_session() {
    let server = Running::new();
    server.write("f", "x");
    let mut bob = server.bob();
    bob.pasv();
    bob.command("RETR f", 150);
    bob.send("ABOR");
    bob.expect(426);
    bob.expect(226);
    assert_eq!(bob.fetch("RETR f"), b"x");
    bob.command("ABOR", 226);
}

#[test]
fn abor_is_heard_while_a_text_is_read_up_to_the_restart_and_nothing_is_sent() {
    let server = Running::new();
    let file = std::fs::File::create(server.path().join("big")).unwrap();
    file.set_len(1 << 40).unwrap();
    let mut bob = server.bob();
    bob.command("TYPE A", 200);
    bob.command("REST 1099511627776", 350);
    let _data = bob.passive();
    bob.command("RETR big", 125);
    bob.send("ABOR");
    bob.expect(426);
    bob.expect(226);
}

#[test]
fn stat_and_noop_are_answered_at_once_and_other_commands_wait() {
    let server = Running::new();
    let (mut bob, data) = stuck(&server);
    bob.command("NOOP", 200);
    let state = bob.command("STAT", 211);
    assert!(state.contains("RETR is running"), "{state}");
    bob.send("PWD");
    bob.send("QUIT");
    bob.send("ABOR");
    bob.expect(426);
    bob.expect(226);
    bob.expect(257);
    bob.expect(221);
    assert!(bob.is_closed());
    drop(data);
}

#[test]
fn quit_during_a_transfer_lets_it_end() {
    let server = Running::new();
    server.write("f", vec![7; 3 << 20]);
    let mut bob = server.bob();
    let mut data = bob.passive();
    bob.command("RETR f", 125);
    bob.send("QUIT");
    let mut bytes = Vec::new();
    data.read_to_end(&mut bytes).unwrap();
    drop(data);
    assert_eq!(bytes.len(), 3 << 20);
    bob.expect(226);
    bob.expect(221);
}

#[test]
fn a_control_connection_that_dies_takes_its_transfer_with_it() {
    let server = Running::new();
    let (mut bob, data) = stuck(&server);
    bob.control.flush().unwrap();
    drop(bob);
    assert!(is_reset(data));
}

/// A file that takes hours to read.
fn endless(server: &Running) {
    let file = std::fs::File::create(server.path().join("endless")).unwrap();
    file.set_len(1 << 40).unwrap();
}

#[test]
fn abor_breaks_slow_work_off_with_451_then_226() {
    let server = Running::new();
    endless(&server);
    server.write("f", "x");
    let mut bob = server.bob();
    for command in ["HASH endless", "SITE COPY endless copy", "COMB joined endless f"] {
        bob.send(command);
        bob.send("NOOP");
        bob.send("ABOR");
        bob.expect(451);
        bob.expect(226);
        bob.expect(200);
    }
    assert_eq!(server.names(), ["endless", "f"]);
    bob.command("HASH f", 213);
}

#[test]
fn slow_readers_stop_no_login_no_upload_and_nobody_elsewhere_and_end_with_their_sessions() {
    const READERS: usize = 8;
    let server = Running::with(|config| {
        let_max_in(config, Quota { bytes: Some(1 << 50), files: None });
    });
    endless(&server);
    server.write("f", "x");
    let mut readers: Vec<Raw> = (0..READERS).map(|_| server.bob()).collect();
    readers.iter_mut().for_each(|reader| reader.send("HASH endless"));
    let is_hash = |what: &What| matches!(what, What::Command { verb: Some(Verb::Hash), .. });
    while server.events.lock().unwrap().iter().filter(|event| is_hash(&event.what)).count()
        < READERS
    {
        std::thread::yield_now();
    }
    let mut max = server.login("max", "secret");
    max.command("TYPE I", 200);
    max.store("APPE f", b"y");
    assert_eq!(server.read("f"), b"xy");
    server.bob_at(Ipv4Addr::new(127, 0, 0, 2).into()).command("HASH f", 213);
    // Of their own address all turns are taken, until their sessions end.
    let mut bob = server.bob();
    bob.send("HASH f");
    drop(readers);
    bob.expect(213);
}
