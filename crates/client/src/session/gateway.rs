//! Logging in through an FTP gateway: what is said to it before, and instead of, what is said to the server.
//!
//! The styles are in [`Gateway`]; without a gateway everything goes out as it is.

use wharf_proto::command::Site;
use wharf_proto::{Command, Secret, Text};

use super::{Session, Wanted};
use crate::proxy::{Gateway, ProxyKind};
use crate::{Error, Proxy};

impl Session {
    /// The gateway, how it wants to be told, and who we are to it.
    fn gateway(&self) -> Option<(Gateway, &Proxy)> {
        let proxy = self.control.proxy()?;
        match proxy.kind {
            ProxyKind::Gateway(style) => Some((style, proxy)),
            ProxyKind::Socks5 | ProxyKind::Http => None,
        }
    }

    /// The server as a gateway is told of it.
    fn destination(&self) -> String {
        match (self.control.host(), self.control.port()) {
            (host, 21) => host.to_owned(),
            (host, port) => format!("{host}:{port}"),
        }
    }

    /// Says to the gateway what it wants to hear first; gives what USER has to say then.
    pub(super) async fn pass_gateway(&mut self, user: &Text) -> Result<Text, Error> {
        let Some((style, proxy)) = self.gateway() else { return Ok(user.clone()) };
        let (login, to) = (proxy.login.clone(), self.destination());
        let joined = |parts: &[&[u8]]| Text::from(parts.concat());
        let name = login.as_ref().map(|(name, _)| name.as_bytes()).unwrap_or_default();
        let (user, to) = (user.as_bytes(), to.as_bytes());
        match style {
            Gateway::User => {
                self.log_in_at_gateway(login, None).await?;
                Ok(joined(&[user, b"@", to]))
            }
            Gateway::Joined => Ok(joined(&[user, b"@", name, b"@", to])),
            Gateway::Account => Ok(joined(&[user, b"@", to, b" ", name])),
            Gateway::Site => {
                self.log_in_at_gateway(login.clone(), None).await?;
                self.completed(&Command::Site(Site::Unknown(to.into()))).await?;
                Ok(user.into())
            }
            Gateway::ProxyUser => {
                self.log_in_at_gateway(login.clone(), Some(to)).await?;
                Ok(user.into())
            }
        }
    }

    async fn log_in_at_gateway(
        &mut self,
        login: Option<(Text, Secret)>,
        to: Option<&[u8]>,
    ) -> Result<(), Error> {
        let Some((name, password)) = login else { return Ok(()) };
        let name = match to {
            Some(to) => Text::from([name.as_bytes(), b"@", to].concat()),
            None => name,
        };
        let wanted = self.step(&Command::User(name)).await?;
        if wanted == Wanted::Password {
            self.step(&Command::Pass(password)).await?;
        }
        Ok(())
    }

    /// The password as the gateway wants it.
    pub(super) fn password_at_gateway(&self, password: &Secret) -> Secret {
        match self.gateway() {
            Some((Gateway::Joined, Proxy { login: Some((_, own)), .. })) => {
                Secret::new([password.reveal(), b"@", own.reveal()].concat())
            }
            _ => password.clone(),
        }
    }

    /// Proves to a gateway of the style of accounts who we are.
    pub(super) async fn account_at_gateway(&mut self, wanted: Wanted) -> Result<Wanted, Error> {
        match self.gateway() {
            Some((Gateway::Account, Proxy { login: Some((_, own)), .. }))
                if wanted == Wanted::Account =>
            {
                let command = Command::Acct(own.clone());
                self.step(&command).await
            }
            _ => Ok(wanted),
        }
    }
}
