//! Two sessions set against each other, step by step: what both have, what one has alone, and how long each step took.
//!
//! Steps are the same by verb, code and kind, not by their words: ports and names differ between any two sessions. Bare ACKs
//! and what was sent again are left out, since they say nothing of the session.

use crate::row::{Channel, Packet};
use crate::scene::{Scene, Step};
use std::time::Duration;

/// Rows that are compared at most; of longer sessions the beginnings are.
const MAX_ROWS: usize = 2000;
/// A step has taken longer where it took so much longer, and so many times as long.
const LONGER: Duration = Duration::from_millis(100);
const TIMES: u32 = 2;

/// A line of the comparison: places among the steps of the two scenes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Of the first.
    pub left: Option<usize>,
    /// Of the second.
    pub right: Option<usize>,
}

/// How alike the two sides of a line are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// In every word.
    Same,
    /// The same step in other words.
    Alike,
    /// Only the first has it.
    Left,
    /// Only the second has it.
    Right,
}

impl Pair {
    /// Whether only one session has it.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.left.is_none() || self.right.is_none()
    }

    /// Its steps.
    #[must_use]
    pub fn steps<'a>(&self, left: &'a Scene, right: &'a Scene) -> [Option<&'a Step>; 2] {
        let of = |scene: &'a Scene, place: Option<usize>| scene.steps.get(place?);
        [of(left, self.left), of(right, self.right)]
    }

    /// How alike its sides are.
    #[must_use]
    pub fn likeness(&self, left: &Scene, right: &Scene) -> Likeness {
        match self.steps(left, right) {
            [Some(one), Some(other)] if one.row.label == other.row.label => Likeness::Same,
            [Some(_), Some(_)] => Likeness::Alike,
            [Some(_), None] => Likeness::Left,
            [None, _] => Likeness::Right,
        }
    }
}

impl Likeness {
    /// A sign for it.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Same => "=",
            Self::Alike => "~",
            Self::Left => "<",
            Self::Right => ">",
        }
    }
}

/// Sets two sessions against each other.
#[must_use]
pub fn compared(left: &Scene, right: &Scene) -> Vec<Pair> {
    let (left, right) = (told(left), told(right));
    let token = |(_, token): &(usize, String)| token.clone();
    let tokens = [&left, &right].map(|side| side.iter().map(token).collect::<Vec<_>>());
    let place = |side: &[(usize, String)], at: Option<usize>| Some(side.get(at?)?.0);
    let pairs = common(&tokens[0], &tokens[1]).into_iter();
    pairs.map(|(a, b)| Pair { left: place(&left, a), right: place(&right, b) }).collect()
}

/// How long after the step before it a step came.
#[must_use]
pub fn delta(scene: &Scene, place: usize) -> Option<Duration> {
    let at = scene.steps.get(place)?.row.at?;
    let before = scene.steps.get(..place)?.iter().rev().find_map(|step| step.row.at);
    Some(before.map_or(Duration::ZERO, |before| at.since(before)))
}

/// The lines that took one session much longer than the other, those with the greatest difference first.
#[must_use]
pub fn slower(left: &Scene, right: &Scene, pairs: &[Pair]) -> Vec<(Pair, Duration, Duration)> {
    let both = pairs.iter().filter_map(|pair| {
        let (one, other) = (delta(left, pair.left?)?, delta(right, pair.right?)?);
        let (least, most) = (one.min(other), one.max(other));
        (most - least >= LONGER && most >= least * TIMES).then_some((*pair, one, other))
    });
    let mut slower: Vec<_> = both.collect();
    slower.sort_by_key(|(_, one, other)| std::cmp::Reverse(one.abs_diff(*other)));
    slower
}

/// What is compared.
fn told(scene: &Scene) -> Vec<(usize, String)> {
    let is_told = |(_, step): &(usize, &Step)| !step.row.is_bare_ack() && !step.row.is_again();
    let steps = scene.steps.iter().enumerate().filter(is_told).take(MAX_ROWS);
    let token = |step: &Step| {
        let line = if step.row.channel == Channel::Control { 'c' } else { 'd' };
        format!("{line}{}{} {}", step.from, step.to, what(step))
    };
    steps.map(|(place, step)| (place, token(step))).collect()
}

/// What two steps must have in common to be the same.
pub(crate) fn what(step: &Step) -> String {
    let row = &step.row;
    match (row.packet, row.verb) {
        (Packet::Command, Some(verb)) => verb.name().to_owned(),
        (Packet::Command, None) => row.label.to_string(),
        (Packet::Reply(code), _) => code.to_string(),
        (Packet::Data { .. }, verb) => format!("data {}", verb.map_or("", wharf_proto::Verb::name)),
        (Packet::Syn, _) => "syn".to_owned(),
        (Packet::SynAck, _) => "syn-ack".to_owned(),
        (Packet::Established | Packet::Ack, _) => "ack".to_owned(),
        (Packet::Fin, _) => "fin".to_owned(),
        (Packet::Rst, _) => "rst".to_owned(),
        (Packet::Absent, _) => format!("absent {}", row.label),
        (Packet::Note(_) | Packet::Omitted(_), _) => "note".to_owned(),
    }
}

/// The longest common sequence of two, as places in each, and what is beside it. Behind where they first differ 2,000 of each
/// are looked at.
#[must_use]
pub fn common<T: PartialEq>(left: &[T], right: &[T]) -> Vec<(Option<usize>, Option<usize>)> {
    let same = left.iter().zip(right).take_while(|(one, other)| one == other).count();
    let left = left.get(same..).unwrap_or_default();
    let right = right.get(same..).unwrap_or_default();
    let left = left.get(..MAX_ROWS).unwrap_or(left);
    let right = right.get(..MAX_ROWS).unwrap_or(right);
    let width = right.len() + 1;
    // How long the common sequence of the rests is, from each pair of places on.
    let mut lengths = vec![0u16; (left.len() + 1) * width];
    for (a, one) in left.iter().enumerate().rev() {
        for (b, other) in right.iter().enumerate().rev() {
            let here = a * width + b;
            lengths[here] = match one == other {
                true => lengths[here + width + 1] + 1,
                false => lengths[here + width].max(lengths[here + 1]),
            };
        }
    }
    let (mut a, mut b) = (0, 0);
    let mut out: Vec<_> = (0..same).map(|at| (Some(at), Some(at))).collect();
    while a < left.len() || b < right.len() {
        let here = a * width + b;
        let pair = match (left.get(a), right.get(b)) {
            (Some(x), Some(y)) if x == y => (Some(a), Some(b)),
            (Some(_), Some(_)) if lengths[here + width] >= lengths[here + 1] => (Some(a), None),
            (_, Some(_)) => (None, Some(b)),
            (Some(_), None) => (Some(a), None),
            (None, None) => break,
        };
        a += usize::from(pair.0.is_some());
        b += usize::from(pair.1.is_some());
        out.push((pair.0.map(|at| at + same), pair.1.map(|at| at + same)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aligned(left: &str, right: &str) -> String {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let of = |pair: (Option<usize>, Option<usize>)| match pair {
            (Some(_), Some(_)) => '=',
            (Some(_), None) => '<',
            _ => '>',
        };
        common(&chars(left), &chars(right)).into_iter().map(of).collect()
    }

    #[test]
    fn what_both_have_stands_on_one_line_and_what_one_has_on_its_own() {
        assert_eq!(aligned("abcd", "abcd"), "====");
        assert_eq!(aligned("abcd", "abxd"), "==<>=");
        assert_eq!(aligned("ab", "abc"), "==>");
        assert_eq!(aligned("", "a"), ">");
        assert_eq!(aligned("abc", ""), "<<<");
    }
}
