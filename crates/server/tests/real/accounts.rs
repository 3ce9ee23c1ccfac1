//! Logins against the user store, over real sockets.

use crate::raw::Running;
use std::io::Write;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use wharf_server::accounts::hash::Hash;
use wharf_server::accounts::store::Store;
use wharf_server::accounts::user::NewUser;
use wharf_server::accounts::{Attempt, Said, Source, Verdict, Why, totp};

/// A server with a store in which `ann` has the password `a long secret`.
fn running(adjust: impl FnOnce(&Store)) -> (TempDir, Running) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_or_make(&folder.path().join("users.db")).unwrap();
    store.add(&ann()).unwrap();
    adjust(&store);
    let server = Running::with(|config| {
        config.accounts = config.accounts.clone().with_source(Arc::new(store));
    });
    (folder, server)
}

fn ann() -> NewUser {
    let password = Some(Hash::make(b"a long secret").unwrap());
    NewUser { name: "ann".parse().unwrap(), password, totp: None, said: Said::default() }
}

#[test]
fn user_of_the_store_logs_in_and_keeps_to_its_rights() {
    let (_folder, server) = running(|store| {
        let said = Said { rights: Some("rl".to_owned()), ..Said::default() };
        store.set_said(&"ann".parse().unwrap(), &said).unwrap();
    });
    server.write("ship.txt", "a ship\n");
    let mut raw = server.login("ann", "a long secret");
    assert_eq!(raw.fetch("RETR ship.txt"), b"a ship\r\n");
    raw.command("DELE ship.txt", 550);
    raw.command("STOR x", 553);
    // What was given with the start still comes in, and so does anonymous access.
    server.bob();
    server.anonymous();
}

#[test]
fn s17_every_name_is_asked_for_a_password_and_every_refusal_reads_the_same() {
    let (_folder, server) = running(|store| {
        let off = NewUser { name: "off".parse().unwrap(), ..ann() };
        store.add(&off).unwrap();
        store.set_disabled(&off.name, true).unwrap();
        let said = Said { tls: true, ..Said::default() };
        store.add(&NewUser { name: "tls".parse().unwrap(), said, ..ann() }).unwrap();
    });
    let mut told = Vec::new();
    for (name, password) in [
        ("ann", "wrong"),
        ("nobody", "wrong"),
        ("off", "a long secret"),
        ("tls", "a long secret"),
        ("bob", "wrong"),
        (&"x".repeat(3000), "wrong"),
    ] {
        let mut raw = server.connect();
        let asked = raw.command(&format!("USER {name}"), 331);
        told.push((asked, raw.command(&format!("PASS {password}"), 530)));
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn s25_second_factor_is_wanted_over_the_wire_and_given_with_pass_or_acct() {
    let secret = totp::Secret::random().unwrap();
    let (_folder, server) = running(|store| {
        store.set_totp(&"ann".parse().unwrap(), Some(&secret)).unwrap();
    });
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let code = |seconds: u64| secret.code_at(seconds);
    let mut raw = server.connect();
    raw.command("USER ann", 331);
    raw.command("PASS a long secret", 332);
    raw.command("PWD", 530);
    raw.command(&format!("ACCT {}", code(now())), 230);
    raw.command("PWD", 257);
    // USER ends that login, and the code is used up.
    raw.command("USER ann", 331);
    raw.command(&format!("PASS a long secret{}", code(now() - 30)), 530);
    raw.command("PWD", 530);
    raw.command("USER ann", 331);
    raw.command(&format!("PASS a long secret{}", code(now() + 30)), 230);
    raw.command("PWD", 257);
}

#[test]
fn s29_many_long_passwords_at_once_are_refused_and_others_are_served() {
    let (_folder, server) = running(|_| ());
    let long = "x".repeat(4000);
    let mut many: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for raw in &mut many {
        raw.control.write_all(format!("USER ann\r\nPASS {long}\r\n").as_bytes()).unwrap();
    }
    server.login("ann", "a long secret").command("NOOP", 200);
    for raw in &mut many {
        raw.expect(331);
        raw.expect(530);
    }
}

/// A source that is asked for ever, until it is let go.
struct Held(std::sync::Mutex<std::sync::mpsc::Receiver<()>>);

impl Source for Held {
    fn verify(&self, _: &Attempt) -> Verdict {
        let _ = self.0.lock().unwrap().recv();
        Verdict::Refused(Why::Password)
    }
}

#[test]
fn s29_sessions_go_on_while_passwords_are_verified() {
    let (let_go, held) = std::sync::mpsc::channel();
    let server = Running::with(|config| {
        let held = Arc::new(Held(std::sync::Mutex::new(held)));
        config.accounts = config.accounts.clone().with_source(held);
    });
    let mut waiting: Vec<_> = (0..64).map(|_| server.connect()).collect();
    for raw in &mut waiting {
        raw.command("USER ann", 331);
        raw.send("PASS secret");
    }
    // There are two threads for all sessions, and neither waits.
    let mut bob = server.bob();
    bob.command("NOOP", 200);
    bob.store("STOR x", b"bytes");
    drop(let_go);
    for raw in &mut waiting {
        raw.expect(530);
    }
}
