//! The one gate: what a session may have carried out, and how much it may send before it has logged in.

use super::Session;
use super::state::Login;
use crate::texts::Say;
use crate::verb::{Gate, Row, Status};

impl Session {
    /// The one gate: whether the session may have this verb carried out.
    pub(super) fn refusal(&self, row: &Row) -> Option<Say<'static>> {
        match row.status {
            _ if row.gate != Gate::Open && !self.may(Gate::Login) => Some(Say::LoginFirst),
            Status::Refused => Some(Say::NotDone(row.verb)),
            Status::Done => (!self.may(row.gate)).then_some(Say::NotAllowed(row.verb)),
        }
    }

    pub(super) fn is_anonymous(&self) -> bool {
        match &self.login {
            Login::In(account) => account.anonymous,
            Login::Nobody | Login::Named(_) => true,
        }
    }

    pub(super) fn may(&self, gate: Gate) -> bool {
        match (gate, &self.login) {
            (Gate::Open, _) | (Gate::Login, Login::In(_)) => true,
            (Gate::Right(right), Login::In(account)) => account.rights.has(right),
            (Gate::Login | Gate::Right(_), Login::Nobody | Login::Named(_)) => false,
        }
    }

    /// Counts a line before login: whether it is one too many.
    pub(super) fn count_before_login(&mut self) -> bool {
        if matches!(self.login, Login::In(_)) {
            return false;
        }
        self.commands_before_login += 1;
        self.commands_before_login > self.policy.commands_before_login
    }

    /// Counts bytes before login: whether they are more than the commands allowed there could have.
    pub(super) fn too_many_before_login(&mut self, bytes: usize) -> bool {
        if matches!(self.login, Login::In(_)) {
            return false;
        }
        self.bytes_before_login = self.bytes_before_login.saturating_add(bytes);
        let commands = usize::try_from(self.policy.commands_before_login).unwrap_or(usize::MAX);
        self.bytes_before_login > commands.saturating_mul(self.policy.line_cap)
    }
}
