//! Logging in: who does, what the server wants of them, and what it took (RFC 959 section 4.1.1).
//!
//! A further session of the same user says the same again in one write, which `again.rs` does; gateways on the way to the
//! server are passed in `gateway.rs`.

use wharf_proto::reply::Class;
use wharf_proto::{Command, Secret, Text};

use crate::{Error, Session};

/// Who logs in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user.
    pub user: Text,
    /// What proves it. Where there is none and the server asks for it, nothing is sent in its place.
    pub password: Option<Secret>,
    /// The account to charge, where the server asks for one (332).
    pub account: Option<Secret>,
}

impl Login {
    /// A user with a password.
    pub fn new(user: impl Into<Text>, password: impl Into<Vec<u8>>) -> Self {
        Self { user: user.into(), password: Some(Secret::new(password.into())), account: None }
    }

    /// Whom every public server lets in. The password is a custom: RFC 1635 wants an e-mail address and
    /// nobody needs ours.
    pub fn anonymous() -> Self {
        Self::new("anonymous", "anonymous@")
    }
}

/// What the server wants next for a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing: the user is in.
    Nothing,
    /// A password.
    Password,
    /// An account.
    Account,
}

/// What a login took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Took {
    /// A user alone.
    User,
    /// A user and a password.
    Password,
}

impl Session {
    /// Logs in: USER, then PASS and ACCT if the server asks for them.
    ///
    /// # Errors
    /// `Login` when it is refused, and those of the control connection.
    pub async fn login(&mut self, login: &Login) -> Result<(), Error> {
        let mut wanted = self.user(&login.user).await?;
        let plainly = self.control.is_plainly_reached();
        self.login_took = (wanted == Wanted::Nothing && plainly).then_some(Took::User);
        if wanted == Wanted::Password {
            let Some(password) = &login.password else {
                return Err(Error::NoPassword { user: login.user.clone() });
            };
            wanted = self.password(password).await?;
            self.login_took = (wanted == Wanted::Nothing && plainly).then_some(Took::Password);
        }
        if let (Wanted::Account, Some(account)) = (wanted, &login.account) {
            wanted = self.account(account).await?;
        }
        match wanted {
            Wanted::Nothing => Ok(()),
            Wanted::Password | Wanted::Account => Err(self.login_refused()),
        }
    }

    /// Says who logs in: the first step of [`login`](Self::login), for whoever asks a person for the next
    /// one only if the server wants it.
    ///
    /// # Errors
    /// `Login` when it is refused, and those of the control connection.
    pub async fn user(&mut self, user: &Text) -> Result<Wanted, Error> {
        self.may_be_secret()?;
        self.is_now(user.clone());
        let user = self.pass_gateway(user).await?;
        let wanted = self.step(&Command::User(user)).await?;
        self.settled(wanted).await
    }

    /// Proves it with a password.
    ///
    /// # Errors
    /// `Login` when it is refused, and those of the control connection.
    pub async fn password(&mut self, password: &Secret) -> Result<Wanted, Error> {
        self.may_be_secret()?;
        let password = self.password_at_gateway(password);
        let wanted = self.step(&Command::Pass(password)).await?;
        let wanted = self.account_at_gateway(wanted).await?;
        self.settled(wanted).await
    }

    /// From now on the session is this user's, or nobody's; what the server can do may be another thing for each.
    pub(super) fn is_now(&mut self, user: Text) {
        (self.features, self.away, self.user) = (None, None, user);
    }

    /// Names the account to charge.
    ///
    /// # Errors
    /// `Login` when it is refused, and those of the control connection.
    pub async fn account(&mut self, account: &Secret) -> Result<Wanted, Error> {
        self.may_be_secret()?;
        let wanted = self.step(&Command::Acct(account.clone())).await?;
        self.settled(wanted).await
    }

    /// Whether a secret can be said: not where TLS was to cover it, and does not any more.
    pub(super) fn may_be_secret(&self) -> Result<(), Error> {
        if self.control.is_cleared() { Err(Error::Cleared) } else { Ok(()) }
    }

    /// Goes back to a control connection in clear where that is wanted, once the user is in. That is the login at the server:
    /// behind the one at a gateway there is still something secret to be said.
    async fn settled(&mut self, wanted: Wanted) -> Result<Wanted, Error> {
        if wanted == Wanted::Nothing {
            self.control.clear_if_wanted().await?;
        }
        Ok(wanted)
    }

    pub(super) async fn step(&mut self, command: &Command) -> Result<Wanted, Error> {
        let reply = self.control.command(command).await?;
        match reply.code.value() {
            331 => Ok(Wanted::Password),
            332 => Ok(Wanted::Account),
            _ if reply.code.class() == Class::Completion => Ok(Wanted::Nothing),
            _ => Err(self.login_refused()),
        }
    }

    pub(super) fn login_refused(&self) -> Error {
        Error::Login { user: self.user.clone(), last: self.control.last_boxed() }
    }
}
