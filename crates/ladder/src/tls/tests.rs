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
    tls.take(Client, client, &mut Opener::default());
    tls.take(Server, server, &mut Opener::default());
    tls
}

fn hear(tls: &mut Tls, from: Party, bytes: &[u8]) -> Heard {
    tls.take(from, bytes, &mut Opener::default())
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
    hear(&mut tls, Client, &record(21, &[2, 48]));
    let alert = tls.alert(Client).unwrap();
    assert!(alert.is_about_trust() && !alert.is_about_terms());
    assert_eq!(alert.to_string(), "unknown_ca");
    assert_eq!(tls.said_goodbye(Server), None, "nothing under keys yet");
    hear(&mut tls, Server, &record(23, &[0; 300]));
    assert_eq!(tls.said_goodbye(Server), Some(false));
    hear(&mut tls, Server, &record(23, &[0; 19]));
    assert_eq!(tls.said_goodbye(Server), Some(true));
}

#[test]
fn a_side_of_which_bytes_are_missing_is_not_judged() {
    let mut tls = tls(&client_hello(b"", false), &server_hello(b"", true, false));
    hear(&mut tls, Server, &record(23, &[0; 300]));
    tls.lose(Server, &mut Opener::default());
    hear(&mut tls, Server, &record(23, &[0; 19]));
    assert_eq!(tls.said_goodbye(Server), None);
}

/// Secrets of both sides, for the handshake and behind it.
const SECRETS: [[u8; 32]; 4] = [[1; 32], [2; 32], [3; 32], [4; 32]];

/// A key log with some of these.
fn keys(labels: &[&str]) -> Keys {
    let keys = Keys::default();
    for (label, secret) in [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    ]
    .iter()
    .zip(SECRETS)
    .filter(|(label, _)| labels.iter().any(|part| label.contains(part)))
    {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(keys.learn(format!("{label} {} {hex}", "07".repeat(32)).as_bytes()), 1);
    }
    keys
}

/// A handshake of TLS 1.3 up to both Finished, then a line of the client, a new key, and another line.
fn conversation() -> [(Party, Vec<u8>); 4] {
    let [mut client, mut server, mut speaks, _] = SECRETS.map(open::Sealer::new);
    let finished = message(20, &[9; 32]);
    let first =
        [server_hello(b"", true, false), record(20, &[1]), server.seal(22, &finished)].concat();
    let second =
        [record(20, &[1]), client.seal(22, &finished), speaks.seal(23, b"NOOP\r\n")].concat();
    let update = speaks.seal(22, &message(24, &[0]));
    let third = [update, speaks.updated().seal(23, b"QUIT\r\n")].concat();
    [(Client, client_hello(b"", false)), (Server, first), (Client, second), (Client, third)]
}

fn read(keys: &Keys, parts: &[(Party, Vec<u8>)]) -> (Tls, Heard) {
    let (mut tls, mut opener, mut all) = (Tls::default(), Opener::new(keys), Heard::default());
    for (from, bytes) in parts {
        all.append(tls.take(*from, bytes, &mut opener));
    }
    (tls, all)
}

#[test]
fn with_the_secrets_the_lines_come_out_over_a_change_of_keys_too() {
    let (tls, heard) = read(&keys(&["SECRET"]), &conversation());
    assert_eq!(heard.plain, b"NOOP\r\nQUIT\r\n");
    let words = ["ClientHello", "ServerHello", "Finished", "KeyUpdate"];
    assert_eq!(heard.words, words);
    assert!(tls.is_secured());
    assert_eq!(tls.said_goodbye(Client), Some(false));
}

#[test]
fn without_the_secrets_of_the_handshake_what_follows_it_is_read_all_the_same() {
    let (_, heard) = read(&keys(&["_TRAFFIC_SECRET_0"]), &conversation());
    assert_eq!(heard.plain, b"NOOP\r\nQUIT\r\n");
}

#[test]
fn of_a_side_whose_record_is_missing_or_changed_nothing_more_is_read() {
    let mut parts = conversation();
    let at = parts[2].1.len() - 20;
    parts[2].1[at] ^= 1;
    assert_eq!(read(&keys(&["SECRET"]), &parts).1.plain, b"");
    let mut parts = Vec::from(conversation());
    parts.remove(2);
    assert_eq!(read(&keys(&["SECRET"]), &parts).1.plain, b"");
    assert_eq!(read(&keys(&["SERVER"]), &conversation()).1.plain, b"");
}

#[test]
fn text_where_a_record_might_begin_is_the_end_of_tls() {
    let mut parts = Vec::from(conversation());
    parts.push((Client, b"NOOP\r\n".to_vec()));
    let (tls, heard) = read(&Keys::default(), &parts);
    assert_eq!((heard.clear.as_slice(), heard.plain.as_slice()), (&b"NOOP\r\n"[..], &b""[..]));
    assert!(tls.is_over(Client) && !tls.is_over(Server));
}

proptest! {
    #[test]
    fn the_pieces_that_sealed_bytes_come_in_change_nothing(size in 1usize..60) {
        let pieces: Vec<(Party, Vec<u8>)> = conversation()
            .iter()
            .flat_map(|(from, bytes)| bytes.chunks(size).map(|piece| (*from, piece.to_vec())))
            .collect();
        let keys = keys(&["SECRET"]);
        let (whole, cut) = (read(&keys, &conversation()), read(&keys, &pieces));
        prop_assert_eq!(whole, cut);
    }

    #[test]
    fn the_pieces_that_bytes_come_in_change_nothing(size in 1usize..40) {
        let (client, server) = (client_hello(b"id", true), server_hello(b"id", true, true));
        let whole = tls(&client, &server);
        let mut pieces = Tls::default();
        for piece in client.chunks(size) {
            hear(&mut pieces, Client, piece);
        }
        for piece in server.chunks(size) {
            hear(&mut pieces, Server, piece);
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
