//! Dialogues of both machines, by scenario: what each end makes of the other.
//!
//! The wording of replies and the order of effects are in the ladders; here it counts that the client
//! takes each reply for what it is, that the world is left in order, and that time and the wire may do
//! what they like.

use std::sync::Arc;
use std::time::Duration;

use wharf_proto::client::Asked;
use wharf_proto::server::{Account, Effect, Outcome, Output, Policy, Rights, Session};
use wharf_proto::tap::What;
use wharf_proto::{Moment, Verb};
use wharf_testkit::pair::Pair;
use wharf_testkit::world::{Data, Pace, World};

const SECOND: Duration = Duration::from_secs(1);

/// What the client of the reference session sends.
const REFERENCE: &[u8] = b"USER bob\r\nPASS secret\r\nCWD docs\r\nPORT 192,0,2,7,4,158\r\nLIST\r\n\
    PORT 192,0,2,7,4,159\r\nRETR notes.txt\r\nQUIT\r\n";

fn logged_in() -> Pair {
    let mut pair = Pair::new(World::reference());
    pair.log_in("bob", "secret");
    pair
}

/// A session with a transfer that goes on until the test ends it.
fn transferring(line: &str) -> Pair {
    let mut pair = logged_in();
    pair.world.pace = Pace::Held;
    assert_eq!(pair.ask(line), [125]);
    pair
}

#[test]
fn login_and_list_brings_the_rows_of_the_folder() {
    let mut pair = logged_in();
    assert_eq!(pair.ask("CWD docs"), [250]);
    assert_eq!(pair.ask("PASV"), [227]);
    assert_eq!(pair.ask("LIST"), [125, 226]);
    assert_eq!(pair.ask("NLST"), [125, 226]);
    assert_eq!(pair.ask("NLST /docs/"), [125, 226]);
    let rows = &pair.world.downloads;
    assert_eq!(
        rows[0],
        b"-rw-r--r--   1 ftp      ftp             8 Nov 22 13:05 notes.txt\r\n".to_vec()
    );
    assert_eq!((&rows[1][..], &rows[2][..]), (&b"notes.txt\r\n"[..], &b"/docs/notes.txt\r\n"[..]));
    assert_eq!(pair.ask("QUIT"), [221]);
    assert!(pair.is_closed() && !pair.world.is_busy());
    assert!(pair.answers.iter().all(|answer| answer.legal));
}

#[test]
fn file_is_fetched_as_text_as_bytes_and_from_an_offset() {
    let mut pair = logged_in();
    for (line, codes) in [
        ("RETR docs/notes.txt", &[125, 226][..]),
        ("TYPE I", &[200]),
        ("RETR docs/notes.txt", &[125, 226]),
        ("REST 4", &[350]),
        ("RETR docs/notes.txt", &[125, 226]),
        ("REST 9", &[350]),
        ("RETR docs/notes.txt", &[554]),
        ("RETR docs", &[550]),
    ] {
        assert_eq!(pair.ask(line), codes, "{line}");
    }
    assert_eq!(pair.world.downloads, [&b"one\r\ntwo\r\n"[..], b"one\ntwo\n", b"two\n"]);
}

#[test]
fn upload_is_under_its_name_when_it_is_complete_and_not_before() {
    let mut pair = logged_in();
    (pair.world.pace, pair.world.uploads) = (Pace::Held, [b"three\r\n".to_vec()].into());
    assert_eq!(pair.ask("STOR docs/new.txt"), [125]);
    assert_eq!(pair.world.tree.read("/docs/new.txt"), None);
    pair.complete();
    pair.settle();
    assert_eq!(pair.last_answers(1), [(Asked::Verb(Verb::Stor), 226)]);
    assert_eq!(pair.world.tree.read("/docs/new.txt"), Some(&b"three\n"[..]));
}

#[test]
fn upload_that_abor_breaks_off_leaves_nothing_under_its_name() {
    let mut pair = logged_in();
    (pair.world.pace, pair.world.uploads) = (Pace::Held, [b"thr".to_vec()].into());
    assert_eq!(pair.ask("STOR docs/new.txt"), [125]);
    assert_eq!(pair.ask("ABOR"), [426, 226]);
    let expected = [(Asked::Verb(Verb::Stor), 426), (Asked::Verb(Verb::Abor), 226)];
    assert_eq!(pair.last_answers(2), expected);
    assert_eq!(pair.world.tree.read("/docs/new.txt"), None);
    assert_eq!(pair.world.partials.len(), 1);
    assert_eq!(pair.ask("PWD"), [257]);
    assert!(!pair.world.is_busy());
}

#[test]
fn upload_whose_data_connection_breaks_leaves_the_old_file() {
    let mut pair = logged_in();
    (pair.world.pace, pair.world.uploads) = (Pace::Held, [b"thr".to_vec()].into());
    assert_eq!(pair.ask("STOR docs/notes.txt"), [125]);
    pair.break_off("connection reset");
    pair.settle();
    assert_eq!(pair.last_answers(1), [(Asked::Verb(Verb::Stor), 426)]);
    assert_eq!(pair.world.tree.read("/docs/notes.txt"), Some(&b"one\ntwo\n"[..]));
}

#[test]
fn upload_goes_on_where_it_broke_off() {
    let mut pair = logged_in();
    pair.world.uploads = [b"TWO\n".to_vec(), b"three\n".to_vec()].into();
    for (line, codes) in [
        ("TYPE I", &[200][..]),
        ("REST 4", &[350]),
        ("STOR docs/notes.txt", &[125, 226]),
        ("APPE docs/notes.txt", &[125, 226]),
    ] {
        assert_eq!(pair.ask(line), codes, "{line}");
    }
    assert_eq!(pair.world.tree.read("/docs/notes.txt"), Some(&b"one\nTWO\nthree\n"[..]));
}

#[test]
fn tree_is_changed_by_what_was_said_and_by_nothing_that_was_refused() {
    let mut pair = logged_in();
    for (line, codes) in [
        ("MKD a", &[257][..]),
        ("MKD a", &[550]),
        ("CWD a", &[250]),
        ("MKD ../a/b", &[257]),
        ("CDUP", &[250]),
        ("RMD a", &[550]),
        ("RNFR a/b", &[350]),
        ("RNTO c", &[250]),
        ("RNFR a/b", &[550]),
        ("RNTO d", &[503]),
        ("RMD a", &[250]),
        ("DELE docs", &[550]),
        ("SIZE docs/notes.txt", &[213]),
        ("MDTM docs/notes.txt", &[213]),
        ("MLST docs", &[250]),
        ("STAT docs", &[212]),
        ("STAT docs/notes.txt", &[213]),
        ("DELE docs/notes.txt", &[250]),
        ("MLSD docs", &[125, 226]),
    ] {
        assert_eq!(pair.ask(line), codes, "{line}");
    }
    assert_eq!(pair.world.downloads, [b""]);
}

#[test]
fn anonymous_reads_and_cannot_write() {
    let mut pair = Pair::new(World::reference());
    pair.log_in("anonymous", "guest@example.net");
    assert_eq!(pair.ask("RETR docs/notes.txt"), [125, 226]);
    let before = pair.effects.len();
    for line in ["STOR x", "APPE x", "DELE docs/notes.txt", "MKD x", "RMD docs", "RNFR docs"] {
        assert!(matches!(pair.ask(line)[..], [550 | 553]), "{line}");
    }
    assert_eq!(pair.effects.len(), before, "the tree was asked");
}

#[test]
fn wrong_password_is_refused_and_the_third_ends_the_session() {
    let mut pair = Pair::new(World::reference());
    for code in [530, 530, 421] {
        assert_eq!(pair.ask("USER bob"), [331]);
        assert_eq!(pair.ask("PASS guess"), [code]);
    }
    assert!(pair.is_closed());
}

#[test]
fn noop_keeps_a_session_alive_while_a_long_transfer_runs() {
    let mut pair = transferring("RETR docs/notes.txt");
    for _ in 0..60 {
        pair.wait(60 * SECOND);
        assert_eq!(pair.ask("NOOP"), [200]);
        assert_eq!(pair.last_answers(1), [(Asked::Verb(Verb::Noop), 200)]);
    }
    pair.complete();
    pair.settle();
    assert_eq!(pair.last_answers(1), [(Asked::Verb(Verb::Retr), 226)]);
    assert_eq!(pair.client.owed(), 0);
}

#[test]
fn stat_and_abor_in_a_transfer_are_taken_for_what_they_answer() {
    let mut pair = transferring("RETR docs/notes.txt");
    assert_eq!(pair.ask("STAT"), [211]);
    for line in ["NOOP", "STAT", "ABOR"] {
        pair.send(line).unwrap();
    }
    pair.settle();
    let expected = [(Verb::Noop, 200), (Verb::Stat, 211), (Verb::Retr, 426), (Verb::Abor, 226)];
    assert_eq!(pair.last_answers(4), expected.map(|(verb, code)| (Asked::Verb(verb), code)));
    assert_eq!(pair.client.owed(), 0);
}

#[test]
fn quit_in_a_transfer_is_answered_when_the_transfer_is_over() {
    let mut pair = transferring("RETR docs/notes.txt");
    assert_eq!(pair.ask("QUIT"), []);
    pair.complete();
    pair.settle();
    assert_eq!(
        pair.last_answers(2),
        [(Asked::Verb(Verb::Retr), 226), (Asked::Verb(Verb::Quit), 221)]
    );
    assert!(pair.is_closed());
}

#[test]
fn command_that_is_not_urgent_is_not_sent_while_a_reply_is_owed() {
    let mut pair = transferring("RETR docs/notes.txt");
    assert!(pair.send("PWD").is_err());
    assert_eq!(pair.client.owed(), 1);
}

#[test]
fn abor_that_crosses_the_end_of_the_transfer_has_a_226_of_its_own() {
    let mut pair = transferring("RETR docs/notes.txt");
    pair.latency = SECOND / 10;
    pair.complete();
    pair.send("ABOR").unwrap();
    pair.settle();
    assert_eq!(
        pair.last_answers(2),
        [(Asked::Verb(Verb::Retr), 226), (Asked::Verb(Verb::Abor), 226)]
    );
    assert_eq!(pair.ask("PWD"), [257]);
}

#[test]
fn driver_of_an_action_that_abor_came_right_behind_hears_of_which_verb_it_is() {
    let (client, server) = (([192, 0, 2, 7], 40000).into(), ([192, 0, 2, 1], 21).into());
    let mut session = Session::new(Arc::new(Policy::default()), client, server, false);
    session.handle_opened(Moment::START);
    session.handle_bytes(Moment::START, b"USER bob\r\nPASS secret\r\nHASH x\r\nABOR\r\n");
    let mut verbs = Vec::new();
    while let Some(output) = session.poll_output() {
        match output {
            Output::Do(id, Effect::Authenticate { .. }) => {
                let account = Box::new(Account::new("bob".into(), Rights::WRITER));
                session.handle_outcome(Moment::START, id, Outcome::LoggedIn(account));
            }
            Output::Do(_, Effect::Tree(_)) => verbs.push(session.verb()),
            _ => {}
        }
    }
    assert_eq!(verbs, [Some(Verb::Hash)]);
}

#[test]
fn server_that_shuts_down_breaks_off_the_transfer_and_says_so() {
    let mut pair = transferring("STOR docs/notes.txt");
    pair.shut_down();
    assert_eq!(pair.last_answers(1), [(Asked::Verb(Verb::Stor), 421)]);
    assert!(pair.is_closed() && !pair.world.is_busy());
    assert_eq!(pair.world.tree.read("/docs/notes.txt"), Some(&b"one\ntwo\n"[..]));
}

#[test]
fn idle_session_is_ended_with_a_421_that_answers_nothing() {
    let mut pair = logged_in();
    pair.wait(299 * SECOND);
    assert!(!pair.is_closed());
    pair.wait(SECOND);
    assert_eq!(pair.last_answers(1), [(Asked::Nothing, 421)]);
    assert!(pair.is_closed());
}

#[test]
fn slow_tree_keeps_the_replies_in_order() {
    let mut pair = logged_in();
    pair.slow = true;
    pair.send_raw(b"CWD docs\r\nSIZE notes.txt\r\nPWD\r\n");
    pair.settle();
    assert_eq!(pair.effects.len(), 2, "the login and CWD");
    pair.release();
    let codes: Vec<u16> = pair.last_answers(3).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, [250, 213, 257]);
}

#[test]
fn latency_costs_a_round_trip_a_command() {
    let mut pair = Pair::new(World::reference());
    pair.latency = SECOND / 4;
    pair.settle();
    let opened = pair.now();
    pair.log_in("bob", "secret");
    pair.ask("PASV");
    pair.ask("LIST");
    assert_eq!(pair.now().since(opened), 2 * SECOND);
}

#[test]
fn pipelined_session_costs_one_round_trip() {
    let mut pair = Pair::new(World::reference());
    pair.latency = SECOND / 4;
    pair.send_raw(REFERENCE);
    pair.settle();
    assert_eq!(pair.now().since(Moment::START), SECOND / 2);
    assert_eq!(pair.world.downloads.len(), 2);
    assert!(pair.is_closed());
}

#[test]
fn bytes_that_arrive_one_by_one_make_the_same_session() {
    let session = |one_by_one| {
        let mut pair = Pair::new(World::reference());
        pair.one_by_one = one_by_one;
        pair.send_raw(REFERENCE);
        pair.settle();
        (pair.answers, pair.effects)
    };
    assert_eq!(session(true), session(false));
}

#[test]
fn late_data_connection_is_announced_with_150_and_used() {
    let mut pair = logged_in();
    pair.world.data = Data::OpensLater;
    assert_eq!(pair.ask("RETR docs/notes.txt"), []);
    pair.wait(SECOND);
    assert_eq!(pair.last_answers(1), [(Asked::Verb(Verb::Retr), 150)]);
    pair.open_data();
    pair.settle();
    assert_eq!(pair.last_answers(1), [(Asked::Verb(Verb::Retr), 226)]);
}

#[test]
fn data_connection_that_never_opens_is_given_up_and_the_session_goes_on() {
    let mut pair = logged_in();
    pair.world.data = Data::OpensLater;
    assert_eq!(pair.ask("PASV"), [227]);
    assert_eq!(pair.ask("LIST"), [150]);
    pair.wait(60 * SECOND);
    assert_eq!(pair.last_answers(1), [(Asked::Verb(Verb::List), 425)]);
    assert!(!pair.world.is_busy());
    pair.world.data = Data::Refused;
    assert_eq!(pair.ask("LIST"), [425]);
    pair.world.data = Data::Opens;
    assert_eq!(pair.ask("LIST"), [125, 226]);
}

#[test]
fn no_password_reaches_the_tap_however_it_is_sent() {
    let mut pair = Pair::new(World::reference());
    pair.send_raw(
        b"USER bob\r\nPASS hunter2\r\n  pass hunter2\r\nACCT hunter2\r\nPASS\thunter2\r\n",
    );
    pair.settle();
    let commands = pair.taps.iter().filter(|tap| matches!(tap, What::Command { .. })).count();
    assert_eq!(commands, 5);
    assert!(!format!("{:?}", pair.taps).contains("hunter2"), "{:?}", pair.taps);
}

/// Sends so much of the reference session, and lets the connection die.
fn die_after(sent: &[u8], data: Data, pace: Pace) -> Pair {
    let mut pair = Pair::new(World::reference());
    (pair.world.data, pair.world.pace) = (data, pace);
    pair.send_raw(sent);
    pair.settle();
    pair.cut();
    pair
}

#[test]
fn connection_that_dies_at_any_byte_ends_the_session_in_order() {
    for data in [Data::Opens, Data::OpensLater, Data::Refused] {
        for pace in [Pace::AtOnce, Pace::Held] {
            for end in 0..=REFERENCE.len() {
                let pair = die_after(&REFERENCE[..end], data, pace);
                let sent = REFERENCE[..end].escape_ascii();
                assert!(pair.is_closed(), "left open after {sent}");
                assert!(!pair.world.is_busy(), "something is left after {sent}");
            }
        }
    }
}

#[test]
fn connection_that_dies_while_a_password_is_verified_ends_when_that_is_known() {
    let mut pair = Pair::new(World::reference());
    pair.slow = true;
    pair.send_raw(b"USER bob\r\nPASS secret\r\nDELE docs/notes.txt\r\n");
    pair.settle();
    pair.cut();
    assert!(!pair.is_closed());
    pair.release();
    assert!(pair.is_closed());
}

#[test]
fn session_ends_in_order_when_the_server_shuts_down_at_any_byte() {
    for pace in [Pace::AtOnce, Pace::Held] {
        for end in 0..=REFERENCE.len() {
            let mut pair = Pair::new(World::reference());
            pair.world.pace = pace;
            pair.send_raw(&REFERENCE[..end]);
            pair.settle();
            pair.shut_down();
            assert!(pair.is_closed() && !pair.world.is_busy());
        }
    }
}

#[test]
fn reference_session_asks_for_the_effects_of_the_deck() {
    let mut pair = Pair::new(World::reference());
    pair.send_raw(REFERENCE);
    pair.settle();
    let kinds: Vec<&str> = pair
        .effects
        .iter()
        .map(|effect| match effect {
            Effect::Authenticate { .. } => "login",
            Effect::Listen { .. } => "listen",
            Effect::Recognise(_) => "recognise",
            Effect::Secure => "begin TLS",
            Effect::Clear => "end TLS",
            Effect::CloseData => "stop",
            Effect::Host(_) => "host",
            Effect::Tree(_) => "tree",
            Effect::Transfer(_) => "transfer",
        })
        .collect();
    assert_eq!(kinds, ["login", "tree", "transfer", "transfer"]);
}

#[test]
fn user_with_no_rights_may_look_at_nothing() {
    let mut world = World::reference();
    world.add_user("drop", "box", Rights::of(wharf_proto::verb::Right::Write));
    let mut pair = Pair::new(world);
    pair.log_in("drop", "box");
    assert_eq!(pair.ask("LIST"), [550]);
    assert_eq!(pair.ask("RETR docs/notes.txt"), [550]);
    assert_eq!(pair.ask("STOR docs/new.txt"), [125, 226]);
}

#[test]
fn s25_second_factor_is_gone_around_by_no_order_of_user_pass_and_acct() {
    let words = ["USER bob", "USER anonymous", "PASS secret", "ACCT 123456", "ACCT 000000", "REIN"];
    for number in 0..words.len().pow(4) {
        let mut world = World::reference();
        world.demand_code("bob", "123456");
        let mut pair = Pair::new(world);
        pair.settle();
        let (mut said, mut rest) = (Vec::new(), number);
        while said.len() < 4 {
            let line = words[rest % words.len()];
            said.push(line);
            rest /= words.len();
            pair.send_raw(format!("{line}\r\n").as_bytes());
            pair.settle();
        }
        // Who is bob: the last name given is his, then comes the password, and the first code behind that.
        let named = said.iter().rposition(|line| line.starts_with("USER") || *line == "REIN");
        let mut since = said[named.unwrap_or(0)..].iter().copied();
        let proven = since.next() == Some("USER bob")
            && since.any(|line| line == "PASS secret")
            && since.find(|line| line.starts_with("ACCT")) == Some("ACCT 123456");
        assert_eq!(pair.ask("DELE docs/notes.txt") == [250], proven, "{said:?}");
    }
}
