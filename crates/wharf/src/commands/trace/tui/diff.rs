//! Two sessions side by side: their rows set against each other by verb, code and kind, so that the first step in which
//! they part is seen, and how long each step took.

use std::sync::Arc;

use ratatui::crossterm::event::KeyCode;
use wharf_ladder::scene::Step;
use wharf_ladder::{Channel, Packet, Scene};
use wharf_proto::Moment;

use super::app::moved;

/// Rows that are compared at most; of longer sessions the beginnings are.
const MAX_ROWS: usize = 2000;

/// Two sessions that are compared.
pub(super) struct Diff {
    pub(super) left: Arc<Scene>,
    pub(super) right: Arc<Scene>,
    pub(super) pairs: Vec<Pair>,
    pub(super) cursor: usize,
    pub(super) top: usize,
    pub(super) page: usize,
}

/// A line of the comparison: places among the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) left: Option<usize>,
    pub(super) right: Option<usize>,
}

impl Pair {
    /// Only one session has it.
    fn is_apart(&self) -> bool {
        self.left.is_none() || self.right.is_none()
    }
}

impl Diff {
    pub(super) fn new(left: Arc<Scene>, right: Arc<Scene>) -> Self {
        let pairs = pairs(&steps(&left), &steps(&right));
        let cursor = pairs.iter().position(Pair::is_apart).unwrap_or(0);
        Self { left, right, pairs, cursor, top: 0, page: 1 }
    }

    pub(super) fn handle(&mut self, code: KeyCode) {
        let last = self.pairs.len().saturating_sub(1);
        if let Some(cursor) = moved(code, self.cursor, last, self.page) {
            self.cursor = cursor;
            return;
        }
        let found = match code {
            KeyCode::Char('n') => {
                let next = self.pairs.iter().skip(self.cursor + 1).position(Pair::is_apart);
                next.map(|next| self.cursor + 1 + next)
            }
            KeyCode::Char('N') => self.pairs.iter().take(self.cursor).rposition(Pair::is_apart),
            _ => None,
        };
        self.cursor = found.unwrap_or(self.cursor);
    }

    /// The steps of a line.
    pub(super) fn steps(&self, pair: Pair) -> [Option<&Step>; 2] {
        [
            pair.left.and_then(|place| self.left.steps.get(place)),
            pair.right.and_then(|place| self.right.steps.get(place)),
        ]
    }
}

/// How long after the row before it a step came.
pub(super) fn delta(scene: &Scene, place: usize) -> Option<f64> {
    let at = scene.steps.get(place)?.row.at?;
    let before = scene.steps.get(..place)?.iter().rev().find_map(|step| step.row.at);
    Some(at.since(before.unwrap_or(Moment::START)).as_secs_f64())
}

/// What is compared: bare ACKs and what was sent again say nothing of the session.
fn steps(scene: &Scene) -> Vec<(usize, String)> {
    let is_told = |(_, step): &(usize, &Step)| !step.row.is_bare_ack() && !step.row.is_again();
    let steps = scene.steps.iter().enumerate().filter(is_told).take(MAX_ROWS);
    steps.map(|(place, step)| (place, token(step))).collect()
}

/// What two steps must have in common to be the same.
fn token(step: &Step) -> String {
    let row = &step.row;
    let line = if row.channel == Channel::Control { 'c' } else { 'd' };
    let what = match (row.packet, row.verb) {
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
    };
    format!("{line}{}{} {what}", step.from, step.to)
}

/// The longest common sequence, and what is beside it.
fn pairs(left: &[(usize, String)], right: &[(usize, String)]) -> Vec<Pair> {
    let width = right.len() + 1;
    // How long the common sequence of the rests is, from each pair of places on.
    let mut lengths = vec![0u16; (left.len() + 1) * width];
    for (a, (_, one)) in left.iter().enumerate().rev() {
        for (b, (_, other)) in right.iter().enumerate().rev() {
            let here = a * width + b;
            lengths[here] = match one == other {
                true => lengths[here + width + 1] + 1,
                false => lengths[here + width].max(lengths[here + 1]),
            };
        }
    }
    let (mut a, mut b) = (0, 0);
    let mut out = Vec::with_capacity(left.len().max(right.len()));
    while a < left.len() || b < right.len() {
        let here = a * width + b;
        let pair = match (left.get(a), right.get(b)) {
            (Some((one, x)), Some((other, y))) if x == y => {
                Pair { left: Some(*one), right: Some(*other) }
            }
            (Some((one, _)), Some(_)) if lengths[here + width] >= lengths[here + 1] => {
                Pair { left: Some(*one), right: None }
            }
            (_, Some((other, _))) => Pair { left: None, right: Some(*other) },
            (Some((one, _)), None) => Pair { left: Some(*one), right: None },
            (None, None) => break,
        };
        a += usize::from(pair.left.is_some());
        b += usize::from(pair.right.is_some());
        out.push(pair);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(left: &str, right: &str) -> String {
        let words = |text: &str| -> Vec<(usize, String)> {
            text.chars().enumerate().map(|(place, c)| (place, c.to_string())).collect()
        };
        let of = |pair: Pair| match (pair.left, pair.right) {
            (Some(_), Some(_)) => '=',
            (Some(_), None) => '<',
            _ => '>',
        };
        pairs(&words(left), &words(right)).into_iter().map(of).collect()
    }

    #[test]
    fn what_both_have_stands_on_one_line_and_what_one_has_on_its_own() {
        assert_eq!(compared("abcd", "abcd"), "====");
        assert_eq!(compared("abcd", "abxd"), "==<>=");
        assert_eq!(compared("ab", "abc"), "==>");
        assert_eq!(compared("", "a"), ">");
        assert_eq!(compared("abc", ""), "<<<");
    }
}
