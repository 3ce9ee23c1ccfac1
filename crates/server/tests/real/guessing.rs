//! Guessing passwords over real sockets: refused, then not let in. The delays are counted in `src/guard/tests.rs`.

use crate::raw::{Raw, Running, connect_from};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use wharf_server::{Guarding, Trusted};

const EVE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
const ADA: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A server that trusts nobody and bans after the fourth wrong password.
fn guarded(ban_time: Duration) -> Running {
    Running::with(|config| {
        config.trusted = Trusted::new(Vec::new());
        config.guard = Some(Guarding {
            free_refusals: 1,
            longest_delay: Duration::from_millis(20),
            ban_after: 4.try_into().unwrap(),
            ban_time,
            half_life: Duration::from_secs(3600),
        });
    })
}

fn first_reply(server: &Running, from: IpAddr) -> (Raw, u16) {
    let mut raw = Raw::over(connect_from(from, server.at));
    let (code, _) = raw.reply();
    (raw, code)
}

fn guess(raw: &mut Raw, user: &str) -> u16 {
    raw.command(&format!("USER {user}"), 331);
    raw.send("PASS wrong");
    raw.reply().0
}

#[test]
fn s18_guesses_of_many_names_end_in_421_for_the_address_and_for_no_other() {
    let server = guarded(Duration::from_secs(3600));
    let (mut first, _) = first_reply(&server, EVE);
    assert_eq!([guess(&mut first, "bob"), guess(&mut first, "nobody")], [530, 530]);
    let (mut second, _) = first_reply(&server, EVE);
    assert_eq!([guess(&mut second, "bob"), guess(&mut second, "eve")], [530, 530]);
    let (mut banned, code) = first_reply(&server, EVE);
    assert_eq!(code, 421);
    assert!(banned.is_closed());
    // A session that was there before learns nothing either: not even the right password is let in.
    second.command("USER bob", 331);
    second.command("PASS secret", 421);
    server.bob_at(ADA).command("NOOP", 200);
}

#[test]
fn s18_a_ban_ends_by_itself() {
    let server = guarded(Duration::from_millis(300));
    for _ in 0..2 {
        let (mut raw, _) = first_reply(&server, EVE);
        assert_eq!([guess(&mut raw, "bob"), guess(&mut raw, "bob")], [530, 530]);
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while first_reply(&server, EVE).1 != 220 {
        assert!(Instant::now() < deadline, "the ban does not end");
    }
    server.bob_at(EVE).command("NOOP", 200);
}

#[test]
fn s18_an_attack_on_one_name_does_not_keep_its_owner_out() {
    let server = guarded(Duration::from_secs(3600));
    for host in 10..40 {
        let (mut raw, _) = first_reply(&server, Ipv4Addr::new(127, 0, 0, host).into());
        assert_eq!([guess(&mut raw, "bob"), guess(&mut raw, "bob")], [530, 530]);
    }
    server.bob_at(ADA).command("NOOP", 200);
}

#[test]
fn commands_behind_a_refused_password_wait_for_the_refusal_and_are_answered_in_order() {
    let server = guarded(Duration::from_secs(3600));
    let (mut raw, _) = first_reply(&server, EVE);
    raw.bytes(
        b"USER bob\r\nPASS x\r\nUSER bob\r\nPASS x\r\nNOOP\r\nUSER bob\r\nPASS secret\r\nPWD\r\n",
    );
    for code in [331, 530, 331, 530, 200, 331, 230, 257] {
        raw.expect(code);
    }
}
