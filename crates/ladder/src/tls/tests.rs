//! Handshakes made by hand, whole and in pieces.

use super::*;
use proptest::prelude::*;
use wharf_proto::tap::Party::{Client, Server};

fn counted(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &counted(body)].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind][..], &length[1..], body].concat()
}

fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &counted(value)].concat()
}

fn client_hello(id: &[u8], psk: bool) -> Vec<u8> {
    let name = [&[0, 11, 0][..], &counted(b"ftp.test")].concat();
    let mut extensions = extension(0, &name);
    if psk {
        extensions.extend(extension(41, b"x"));
    }
    let id = [&[u8::try_from(id.len()).unwrap()][..], id].concat();
    let body = [&[3, 3][..], &[7; 32], &id, &[0, 2, 0x13, 1, 1, 0], &counted(&extensions)].concat();
    record(22, &message(1, &body))
}

fn server_hello(id: &[u8], new: bool, psk: bool) -> Vec<u8> {
    let mut extensions = Vec::new();
    if new {
        extensions.extend(extension(43, &[3, 4]));
    }
    if psk {
        extensions.extend(extension(41, &[0, 0]));
    }
    let id = [&[u8::try_from(id.len()).unwrap()][..], id].concat();
    let body = [&[3, 3][..], &[8; 32], &id, &[0x13, 1, 0], &counted(&extensions)].concat();
    record(22, &message(2, &body))
}

fn tls(client: &[u8], server: &[u8]) -> Tls {
    let mut tls = Tls::default();
    tls.take(Client, client);
    tls.take(Server, server);
    tls
}

#[test]
fn the_hellos_tell_version_name_and_resumption() {
    let full = tls(&client_hello(b"", false), &server_hello(b"", true, false));
    assert_eq!(full.version(), Some("TLS 1.3".into()));
    assert_eq!(full.client.as_ref().unwrap().name, Some("ftp.test".into()));
    assert_eq!(full.is_resumed(), Some(false));
    let resumed = tls(&client_hello(b"", true), &server_hello(b"", true, true));
    assert_eq!(resumed.is_resumed(), Some(true));
    let old = tls(&client_hello(b"id", false), &server_hello(b"id", false, false));
    assert_eq!((old.version(), old.is_resumed()), (Some("TLS 1.2".into()), Some(true)));
    let other = tls(&client_hello(b"id", false), &server_hello(b"new", false, false));
    assert_eq!(other.is_resumed(), Some(false));
}

#[test]
fn an_alert_in_clear_is_named_and_one_under_keys_is_known_by_its_place() {
    let mut tls = tls(&client_hello(b"", false), &server_hello(b"", true, false));
    tls.take(Client, &record(21, &[2, 48]));
    let alert = tls.alert(Client).unwrap();
    assert!(alert.is_about_trust() && !alert.is_about_terms());
    assert_eq!(alert.to_string(), "unknown_ca");
    assert_eq!(tls.said_goodbye(Server), None, "nothing under keys yet");
    tls.take(Server, &record(23, &[0; 300]));
    assert_eq!(tls.said_goodbye(Server), Some(false));
    tls.take(Server, &record(23, &[0; 19]));
    assert_eq!(tls.said_goodbye(Server), Some(true));
}

#[test]
fn a_side_of_which_bytes_are_missing_is_not_judged() {
    let mut tls = tls(&client_hello(b"", false), &server_hello(b"", true, false));
    tls.take(Server, &record(23, &[0; 300]));
    tls.lose(Server);
    tls.take(Server, &record(23, &[0; 19]));
    assert_eq!(tls.said_goodbye(Server), None);
}

proptest! {
    #[test]
    fn the_pieces_that_bytes_come_in_change_nothing(size in 1usize..40) {
        let (client, server) = (client_hello(b"id", true), server_hello(b"id", true, true));
        let whole = tls(&client, &server);
        let mut pieces = Tls::default();
        for piece in client.chunks(size) {
            pieces.take(Client, piece);
        }
        for piece in server.chunks(size) {
            pieces.take(Server, piece);
        }
        prop_assert_eq!((pieces.client, pieces.server), (whole.client, whole.server));
    }

    #[test]
    fn no_bytes_make_it_panic(
        noise in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
        junk in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut hello = client_hello(b"id", true);
        for (at, byte) in noise {
            *at.get_mut(&mut hello) = byte;
        }
        tls(&hello, &hello);
        tls(&junk, &record(22, &junk));
    }
}
