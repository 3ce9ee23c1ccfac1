//! Who the user is and where: USER PASS ACCT CWD CDUP PWD QUIT (RFC 959 section 4.1.1), and who is none at all.

use super::effect::{Account, Effect, Outcome, TreeAction};
use super::state::{Awaiting, Claim, Login, Security};
use super::{Session, VirtualPath};
use crate::foreign::Foreign;
use crate::texts::{Say, Voice};
use crate::{Secret, Text, Verb};
use std::sync::Arc;

/// Why a client gets no session at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwelcome {
    /// There are as many as there may be.
    ServerFull,
    /// There are as many from its address as there may be.
    AddressFull,
    /// Its address is banned for a while.
    Banned,
}

impl Unwelcome {
    /// What is said in place of a greeting.
    pub fn farewell(self) -> Vec<u8> {
        Say::Unwelcome(self).reply(Voice::default()).encode()
    }
}

/// Whether this name is one of anonymous access: `anonymous` or `ftp`, in letters of either case (RFC 1635).
pub fn is_anonymous(name: &[u8]) -> bool {
    [&b"anonymous"[..], b"ftp"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

impl Session {
    /// Whether the first bytes of all are TLS, whose sender waits for an answer and not for the end of a line.
    pub(super) fn is_greeted_with_tls(&self) -> bool {
        self.commands_before_login == 0
            && matches!(self.login, Login::Nobody)
            && Foreign::of_start(self.lines.begun()).is_some()
    }

    /// Another protocol is answered once; whatever follows is its own and no command of ours.
    pub(super) fn part_with(&mut self, other: Foreign) {
        self.say(&Say::NotFtp(other));
        self.close();
    }

    /// USER: every name is asked for a password, so that names cannot be tried out (RFC 2577 section 5).
    /// It ends the login that there was; the new one has as much time as the first.
    pub(super) fn user(&mut self, name: Text) {
        if matches!(self.login, Login::In(_)) {
            (self.unknown_since, self.commands_before_login) = (self.now, 0);
        }
        let anonymous = is_anonymous(name.as_bytes());
        if let Login::In(_) = self.login {
            // Nothing of one account is left to the next.
            self.forget_data();
            (self.umask, self.idle_time) = (None, self.policy.idle_time);
        }
        self.login = Login::Nobody;
        self.choose_charset();
        if !anonymous && self.wants_tls_for_passwords() {
            return self.say(&Say::TlsFirst);
        }
        if self.is_certified() && !anonymous {
            self.awaiting = Awaiting::Recognition(name.clone());
            self.start(Effect::Recognise(name));
            return;
        }
        self.login = Login::Named(Box::new(Claim { name, password: None }));
        self.say(&Say::PasswordWanted { anonymous });
    }

    /// A certificate that is not enough to be this user is no reason to refuse a password.
    pub(super) fn handle_recognition(&mut self, name: Text, outcome: Outcome) {
        match outcome {
            Outcome::LoggedIn(account) => self.welcome(account, &Say::LoggedInByCertificate(&name)),
            Outcome::AccountWanted => {
                let password = Some(Secret::new(Vec::new()));
                self.login = Login::Named(Box::new(Claim { name, password }));
                self.say(&Say::AccountWanted);
            }
            _ => {
                self.login = Login::Named(Box::new(Claim { name, password: None }));
                self.say(&Say::PasswordWanted { anonymous: false });
            }
        }
    }

    fn welcome(&mut self, account: Box<Account>, say: &Say<'_>) {
        self.login = Login::In(account);
        self.folder = VirtualPath::root();
        self.choose_charset();
        self.say(say);
    }

    /// PASS.
    pub(super) fn pass(&mut self, password: Secret) {
        match std::mem::replace(&mut self.login, Login::Nobody) {
            Login::Named(claim) if claim.password.is_none() => {
                let user = claim.name.clone();
                let claim = Claim { password: Some(password.clone()), ..*claim };
                self.awaiting = Awaiting::Login(Box::new(claim));
                self.start(Effect::Authenticate { user, password, code: None });
            }
            before @ (Login::Nobody | Login::Named(_) | Login::In(_)) => {
                self.login = before;
                self.say(&Say::UserFirst);
            }
        }
    }

    /// ACCT: the code of a second factor, where 332 has asked for it. Name and password are verified again
    /// with it, so there is one gate for all three; nothing but USER and PASS leads to where it is asked for.
    pub(super) fn acct(&mut self, code: Secret) {
        let given = match &mut self.login {
            Login::Named(claim) => {
                claim.password.take().map(|password| (claim.name.clone(), password))
            }
            Login::Nobody | Login::In(_) => None,
        };
        let Some((user, password)) = given else { return self.say(&Say::Superfluous(Verb::Acct)) };
        self.login = Login::Nobody;
        let claim = Claim { name: user.clone(), password: None };
        self.awaiting = Awaiting::Login(Box::new(claim));
        self.start(Effect::Authenticate { user, password, code: Some(code) });
    }

    pub(super) fn handle_login_outcome(&mut self, claim: Claim, outcome: Outcome) {
        match outcome {
            Outcome::LoggedIn(account) => {
                let anonymous = account.anonymous;
                self.welcome(account, &Say::LoggedIn { name: &claim.name, anonymous });
            }
            Outcome::AccountWanted if claim.password.is_some() => {
                self.login = Login::Named(Box::new(claim));
                self.say(&Say::AccountWanted);
            }
            // To ask for what has just been given would be no end.
            Outcome::AccountWanted | Outcome::LoginRefused => {
                self.wrong_passwords += 1;
                if self.wrong_passwords >= self.policy.wrong_passwords {
                    self.say(&Say::TooManyWrongPasswords);
                    self.close();
                } else {
                    self.say(&Say::LoginRefused);
                }
            }
            Outcome::TurnedAway(why) => self.say(&Say::TurnedAway(why)),
            _ => self.say(&Say::InternalFault),
        }
    }

    /// CWD.
    pub(super) fn cwd(&mut self, path: &Text) {
        self.act(Verb::Cwd, path, TreeAction::Enter);
    }

    /// CDUP: the parent of the root is the root.
    pub(super) fn cdup(&mut self) {
        self.act_on(Verb::Cdup, self.folder.parent(), TreeAction::Enter);
    }

    /// PWD.
    pub(super) fn pwd(&mut self) {
        let folder = self.folder.clone();
        self.say(&Say::FolderIs(&folder));
    }

    /// HOST: before the login, since it may change what the login is for (RFC 7151 section 3.2).
    pub(super) fn host(&mut self, name: Text) {
        match self.login {
            Login::Nobody => {
                self.awaiting = Awaiting::Host { clears: false };
                self.start(Effect::Host(Some(name)));
            }
            Login::Named(_) | Login::In(_) => self.say(&Say::HostFirst),
        }
    }

    pub(super) fn handle_host_outcome(&mut self, clears: bool, outcome: Outcome) {
        match outcome {
            Outcome::Host(greeting) => {
                self.hosted = true;
                self.say(&Say::Hosted(&greeting));
                if clears {
                    self.clear();
                }
            }
            Outcome::Failed(_) => self.say(&Say::NoSuchHost),
            _ => self.say(&Say::InternalFault),
        }
    }

    /// REIN: back to the state after 220, and out of TLS (RFC 4217 section 11). Its turn comes after a running
    /// transfer, which so ends first.
    pub(super) fn rein(&mut self) {
        let clears = self.is_covered();
        if clears && self.refuses_what_is_behind() {
            return;
        }
        let hosted = self.start_over();
        if !clears {
            // What CCC had left of TLS is gone as well.
            self.security = Security::Plain;
        }
        if hosted {
            self.awaiting = Awaiting::Host { clears };
            self.start(Effect::Host(None));
        } else {
            let policy = Arc::clone(&self.policy);
            self.say(&Say::Ready(&policy.greeting));
            if clears {
                self.clear();
            }
        }
    }

    /// Back to the state in which the session began, TLS apart; whether HOST had chosen a tree.
    pub(super) fn start_over(&mut self) -> bool {
        self.forget_data();
        let fresh = Self::new(Arc::clone(&self.policy), self.client, self.server, self.tapped);
        let old = std::mem::replace(self, fresh);
        (self.lines, self.waiting, self.closing) = (old.lines, old.waiting, old.closing);
        (self.now, self.opened, self.active) = (old.now, old.now, old.now);
        self.unknown_since = match old.login {
            Login::In(_) => old.now,
            Login::Nobody | Login::Named(_) => old.unknown_since,
        };
        (self.last_id, self.out, self.security) = (old.last_id, old.out, old.security);
        // Coming back to the start does not bring back what was used up there.
        self.commands_before_login = old.commands_before_login;
        self.bytes_before_login = old.bytes_before_login;
        self.wrong_passwords = old.wrong_passwords;
        old.hosted
    }

    /// SMNT: the user's tree has one mount, its root.
    pub(super) fn smnt(&mut self, path: &Text) {
        match self.path(Verb::Smnt, path) {
            Some(path) if path.is_root() => self.act_on(Verb::Smnt, path, TreeAction::Enter),
            Some(_) => self.say(&Say::NoSuchMount),
            None => {}
        }
    }

    /// QUIT: its turn comes after a running transfer, whose reply goes first.
    pub(super) fn quit(&mut self) {
        self.say(&Say::Goodbye);
        self.close();
    }
}
