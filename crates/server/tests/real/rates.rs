//! How fast bytes move: at least as long as the rate says is what they take.

use crate::raw::{Raw, Running};
use std::time::{Duration, Instant};
use wharf_proto::server::{Account, Rights};
use wharf_server::accounts::{Member, Rates};

/// Bytes a second.
const RATE: u64 = 4 << 20;

/// What the server lets through at once.
const AHEAD: Duration = Duration::from_millis(60);

fn running(rates: Rates) -> Running {
    Running::with(|config| {
        let account = Account::new("max".into(), Rights::WRITER);
        let member = Member { rates, ..Member::new(account) };
        config.accounts = config.accounts.clone().with_member(member, "secret");
    })
}

fn max(server: &Running) -> Raw {
    let mut raw = server.login("max", "secret");
    raw.command("TYPE I", 200);
    raw
}

fn takes_at_least(millis: u64, start: Instant) {
    let (took, least) = (start.elapsed(), Duration::from_millis(millis));
    assert!(took + AHEAD >= least, "{took:?} where {least:?} is the least");
}

#[test]
fn a_download_takes_the_time_that_the_rate_says_and_two_sessions_share_it() {
    let server = running(Rates { up: None, down: Some(RATE) });
    let content = vec![5; 2 << 20];
    server.write("f", &content);
    let (mut one, mut two) = (max(&server), max(&server));
    let start = Instant::now();
    assert!(one.fetch("RETR f") == content);
    takes_at_least(500, start);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for session in [&mut one, &mut two] {
            scope.spawn(|| assert!(session.fetch("RETR f") == content));
        }
    });
    takes_at_least(1000, start);
    assert!(server.bob().fetch("RETR f") == content, "nobody else is slowed down");
}

#[test]
fn an_upload_takes_the_time_that_the_rate_says() {
    let server = running(Rates { up: Some(RATE), down: None });
    let content = vec![6; 2 << 20];
    let mut max = max(&server);
    let start = Instant::now();
    max.store("STOR f", &content);
    takes_at_least(500, start);
    assert!(server.read("f") == content);
}

#[test]
fn abor_and_stat_are_answered_at_once_however_slow_the_transfer_is() {
    let server = running(Rates { up: None, down: Some(1000) });
    server.write("f", vec![5; 1 << 20]);
    let mut max = max(&server);
    let _data = max.passive();
    max.command("RETR f", 125);
    let start = Instant::now();
    assert!(max.command("STAT", 211).contains("RETR is running"));
    max.send("ABOR");
    max.expect(426);
    max.expect(226);
    assert!(start.elapsed() < Duration::from_secs(10), "17 minutes is what the file takes");
}
