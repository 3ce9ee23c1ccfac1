//! Listings of hosts that are no Unix, from a server: what is asked of it, and what is made of the rows.

use std::io::Write;

use wharf_client::{Error, Login, Options, Proof, Session};
use wharf_proto::Text;
use wharf_proto::listing::Entry;
use wharf_testkit::faulty::{Fault, Faulty};
use wharf_testkit::scripted::{Peer, Scripted};

use crate::support::{log_in, options, plain, run};

fn serve_list(peer: &mut Peer, rows: &[u8]) {
    let data = peer.epsv();
    peer.answer("LIST", "150 opening");
    data.give(rows);
    peer.say("226 done");
}

#[test]
fn a_server_is_asked_what_it_is_only_where_its_rows_do_not_tell_and_only_once() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&[]);
        serve_list(peer, b"04-14-00  03:47PM         589 read me.htm\r\n");
        serve_list(peer, b"MEMBER1\r\nMEMBER2\r\n");
        peer.answer("SYST", "215 MVS is the operating system of this server");
        serve_list(peer, b"MEMBER1\r\nMEMBER2\r\n");
        serve_list(peer, b"");
        peer.expect_end();
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        assert_eq!(session.list(None).await.unwrap().entries[0].name, b"read me.htm");
        for _ in 0..2 {
            let listing = session.list(None).await.unwrap();
            let names: Vec<_> = listing.entries.iter().map(|entry| &entry.name[..]).collect();
            assert_eq!(names, [b"MEMBER1", b"MEMBER2"]);
        }
        assert!(session.list(None).await.unwrap().entries.is_empty());
        session.close().await;
    });
}

#[test]
fn the_plain_session_does_not_ask_and_keeps_the_rows_that_it_cannot_read() {
    let server = Scripted::session(|peer| {
        peer.login();
        let data = peer.pasv();
        peer.answer("LIST", "150 opening");
        data.give(b"MEMBER1\r\nodd \xFF row\r\n");
        peer.say("226 done");
        peer.expect_end();
    });
    run(async {
        let mut session = log_in(&server, &plain()).await;
        let listing = session.list(None).await.unwrap();
        assert!(listing.entries.is_empty());
        assert_eq!(listing.unread[1].as_bytes(), b"odd \xFF row");
        session.close().await;
    });
}

#[test]
fn a_listing_without_end_is_given_up_at_the_limit() {
    let server = Faulty::new(&[], &[Fault::EndlessListing, Fault::NoFacts]);
    run(async {
        let options = Options { listing_limit: 1 << 20, ..options() };
        let (host, port) = (server.address().ip().to_string(), server.address().port());
        let mut session = Session::connect(&host, port, &options).await.unwrap();
        session.login(&Login::anonymous()).await.unwrap();
        let error = session.list(None).await.unwrap_err();
        assert!(matches!(error, Error::ListingTooLong { limit: 0x10_0000 }), "{error}");
    });
}

#[test]
fn a_row_of_list_that_is_longer_than_any_name_is_no_row() {
    let row = [&b"-rw-r--r-- 1 u g 5 Nov 22 2024 "[..], &[b'x'; 100_000]].concat().leak();
    let rows: &[&[u8]] = Box::leak(Box::new([&*row]));
    let server = Faulty::new(&[], &[Fault::Rows(rows), Fault::NoFacts]);
    run(async {
        let (host, port) = (server.address().ip().to_string(), server.address().port());
        let mut session = Session::connect(&host, port, &options()).await.unwrap();
        session.login(&Login::anonymous()).await.unwrap();
        let error = session.list(None).await.unwrap_err();
        assert!(matches!(error, Error::RowTooLong { limit: 0x1_0000 }), "{error}");
        assert_eq!(error.to_string(), "a row of the listing is longer than 65536 bytes");
    });
}

#[test]
fn rows_are_handed_over_as_they_come_whatever_the_packets_and_a_row_without_end_is_given_up() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&["MLST type*;size*;"]);
        for end in [&b"\r\n"[..], b"\r\n", b""] {
            let data = peer.epsv();
            peer.answer("MLSD", "150 opening");
            let mut data = data.open();
            for part in [
                &b"type=cdir; .\r\ntype=file;si"[..],
                b"ze=5; a\r",
                b"\n\r\nodd\r\ntype=dir; b",
                end,
            ] {
                data.write_all(part).unwrap();
            }
            drop(data);
            peer.say("226 done");
        }
        let data = peer.epsv();
        peer.answer("MLSD", "150 opening");
        let mut data = data.open();
        // Whoever has heard enough goes.
        while data.write_all(&[b'x'; 4096]).is_ok() {}
        peer.say("426 broken");
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        let mut rows = Vec::new();
        let mut each = |row: Result<Entry, Text>| {
            rows.push(row.map_or_else(|row| row.to_string(), |entry| format!("{:?}", entry.size)));
            Ok(())
        };
        session.list_each(None, &mut each).await.unwrap();
        assert_eq!(rows, ["Some(5)", "odd", "None"]);
        let listing = session.list(None).await.unwrap();
        assert_eq!((listing.entries.len(), listing.unread.len()), (2, 1));
        // One whose last row has no end is not whole.
        let error = session.list(None).await.unwrap_err();
        assert!(matches!(error, Error::Unproven { missing: Proof::LastRow, .. }), "{error}");
        let error = session.list_each(None, &mut |_| Ok(())).await.unwrap_err();
        assert!(matches!(error, Error::RowTooLong { limit: 0x1_0000 }), "{error}");
    });
}
