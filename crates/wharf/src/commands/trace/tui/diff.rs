//! Two sessions side by side: their rows set against each other by verb, code and kind, so that the first step in which
//! they part is seen, and how long each step took.

use std::sync::Arc;

use ratatui::crossterm::event::KeyCode;
use wharf_ladder::Scene;
use wharf_ladder::compare::{Pair, compared};

use super::app::moved;

/// Two sessions that are compared.
pub(super) struct Diff {
    pub(super) left: Arc<Scene>,
    pub(super) right: Arc<Scene>,
    pub(super) pairs: Vec<Pair>,
    pub(super) cursor: usize,
    pub(super) top: usize,
    pub(super) page: usize,
}

impl Diff {
    pub(super) fn new(left: Arc<Scene>, right: Arc<Scene>) -> Self {
        let pairs = compared(&left, &right);
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
}
