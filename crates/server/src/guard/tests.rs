//! Guessing, on a clock that is counted by hand.

use super::*;
use std::net::{Ipv4Addr, Ipv6Addr};

const EVE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 66));
const ADA: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn guard() -> Guard {
    Guard::new(Some(Guarding::default()), Trusted::default())
}

fn second(n: u64) -> Moment {
    Moment::after(Duration::from_secs(n))
}

/// The delays of so many wrong passwords in one second, in seconds.
fn delays(guard: &Guard, from: IpAddr, user: &str, times: usize) -> Vec<u64> {
    let wrong = |_| guard.is_wrong(Moment::START, from, &user.into()).as_secs();
    (0..times).map(wrong).collect()
}

#[test]
fn s18_refusals_come_later_and_later_up_to_a_bound() {
    assert_eq!(delays(&guard(), EVE, "bob", 8), [0, 0, 1, 2, 4, 8, 10, 10]);
    assert_eq!(delay(u32::MAX, 0, Duration::MAX), FIRST * u32::MAX, "no shift is too far");
}

#[test]
fn s18_many_names_from_one_address_are_delayed_too_and_then_banned_for_a_time() {
    let guard = guard();
    let users = (0..29).map(|n| format!("user{n}"));
    let all: Vec<u64> = users.flat_map(|user| delays(&guard, EVE, &user, 1)).collect();
    assert_eq!(all[..13], [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 10]);
    assert!(guard.admits(second(1), EVE));
    delays(&guard, EVE, "one more", 1);
    assert!(!guard.admits(second(1), EVE) && guard.admits(second(1), ADA));
    assert!(!guard.admits(second(899), EVE));
    assert!(guard.admits(second(900), EVE), "a ban ends");
}

#[test]
fn s18_one_name_from_many_addresses_is_delayed_a_little_and_its_owner_is_let_in_at_once() {
    let guard = guard();
    let longest = (0..1000_u32).map(|n| {
        let from = Ipv4Addr::from_bits(0x0a00_0000 + n);
        guard.is_wrong(Moment::START, from.into(), &"bob".into())
    });
    assert_eq!(longest.max().unwrap(), LONGEST_FOR_USER);
    assert!(guard.admits(Moment::START, ADA));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // There is no timer in this runtime: a delay would panic.
    let bob = Text::from("bob");
    let right = guard.after(|| Moment::START, ADA, &bob, async { Checked::Right(()) });
    assert_eq!(runtime.block_on(right), Some(()));
}

#[test]
fn s18_a_right_password_clears_the_pair_and_not_the_address() {
    let guard = guard();
    delays(&guard, EVE, "eve", 5);
    guard.is_right(Moment::START, EVE, &"eve".into());
    assert_eq!(delays(&guard, EVE, "eve", 1), [0]);
    delays(&guard, EVE, "bob", 2);
    assert_eq!(delays(&guard, EVE, "someone", 1), [1], "the ninth of the address");
}

#[test]
fn s18_wrong_passwords_are_forgotten_with_time() {
    let guard = guard();
    delays(&guard, EVE, "bob", 6);
    let later = |seconds| guard.is_wrong(second(seconds), EVE, &"bob".into()).as_secs();
    assert_eq!(later(600), 2, "half of them");
    assert_eq!(later(86_400), 0);
}

#[test]
fn a_host_with_ipv6_is_one_address_whichever_it_picks() {
    let guard = guard();
    for n in 0..30 {
        let from = Ipv6Addr::from_bits(0x2001_0db8 << 96 | n).into();
        guard.is_wrong(Moment::START, from, &"bob".into());
    }
    assert!(!guard.admits(second(1), "2001:db8::ffff".parse().unwrap()));
    assert!(guard.admits(second(1), "2001:db8:0:1::1".parse().unwrap()));
}

#[test]
fn trusted_networks_are_neither_delayed_nor_banned_and_without_rules_nobody_is() {
    let office = Trusted::new(vec!["192.0.2.0/24".parse().unwrap()]);
    for guard in
        [Guard::new(Some(Guarding::default()), office), Guard::new(None, Trusted::default())]
    {
        assert_eq!(delays(&guard, EVE, "bob", 100), vec![0; 100]);
        assert!(guard.admits(second(1), EVE));
    }
}

#[tokio::test(start_paused = true)]
async fn s18_a_delay_holds_up_nobody_else_and_is_waited_for_without_a_thread() {
    let guard = guard();
    delays(&guard, EVE, "bob", 10);
    let began = tokio::time::Instant::now();
    let (bob, ada) = (Text::from("bob"), Text::from("ada"));
    let wrong = async {
        let refused =
            guard.after(|| Moment::START, EVE, &bob, async { Checked::<()>::Wrong }).await;
        (refused, began.elapsed())
    };
    let other = async {
        let refused =
            guard.after(|| Moment::START, ADA, &ada, async { Checked::<()>::Wrong }).await;
        (refused, began.elapsed())
    };
    let (late, at_once) = tokio::join!(wrong, other);
    assert_eq!(late.0.or(at_once.0), None);
    assert!(late.1 >= Duration::from_secs(10) && at_once.1.is_zero(), "{late:?} {at_once:?}");
}

#[tokio::test(start_paused = true)]
async fn s18_a_session_that_was_there_before_the_ban_of_its_address_gets_no_password_checked() {
    let guard = guard();
    delays(&guard, EVE, "bob", 30);
    let checked = async { panic!("no password of a banned address is looked at") };
    let refused: Option<()> = guard.after(|| Moment::START, EVE, &"bob".into(), checked).await;
    assert_eq!(refused, None);
}
