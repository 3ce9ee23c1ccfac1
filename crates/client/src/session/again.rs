//! Logging in once more where another session of the same login is in already.
//!
//! What that session was told need not be asked again: what the server has, how its login goes, and which way data
//! connections take. So all that is to be said goes out in one write behind the greeting, which is one round trip in
//! place of six. It is said only where the server was seen to take several commands in one segment, and where its
//! login was a user, or a user and a password, and nothing else.

use tokio::time::timeout;
use wharf_proto::params::Type;
use wharf_proto::reply::Class;
use wharf_proto::{Command, Text, Verb};

use super::{Features, Login, Session, Took};
use crate::Error;
use crate::data::Proven;
use crate::tree::PROBE;

/// What a session has been told and has seen of its server.
#[derive(Clone, Debug)]
pub(crate) struct Acquaintance {
    features: Features,
    /// Nothing as long as there was no data connection.
    data: Option<Proven>,
    login_took: Took,
}

impl Acquaintance {
    /// Whether there is no more to be known.
    pub(crate) fn is_complete(&self) -> bool {
        self.data.is_some()
    }
}

impl Session {
    /// What another session may take for granted; nothing before enough of it has been seen.
    pub(crate) fn acquaintance(&self) -> Option<Acquaintance> {
        let is_usual = self.at_once && !self.plain;
        let (features, login_took) = (self.features.clone()?, self.login_took?);
        is_usual.then(|| Acquaintance { features, data: self.data.proven(), login_took })
    }

    /// Logs in, goes to the folders and sets TYPE I.
    ///
    /// # Errors
    /// `Login`, `NoPassword`, `Refused` for a folder, and those of the control connection; the session is of no further use then.
    pub(crate) async fn log_in_again(
        &mut self,
        login: &Login,
        folders: &[Text],
        known: Acquaintance,
    ) -> Result<(), Error> {
        let password = match (known.login_took, &login.password) {
            (Took::User, _) => None,
            (Took::Password, Some(password)) => Some(Command::Pass(password.clone())),
            (Took::Password, None) => {
                return Err(Error::NoPassword { user: login.user.clone() });
            }
        };
        let user = Command::User(login.user.clone());
        let behind = password.into_iter().chain(folders.iter().cloned().map(Command::Cwd));
        let encoding = known.features.has("UTF8").then(|| Command::Opts("UTF8 ON".into()));
        let behind = behind.chain(encoding).chain([Command::Type(Type::Image)]);
        let commands: Vec<Command> = [user].into_iter().chain(behind).collect();
        let (first, behind) = (&commands[..1], &commands[1..]);
        first.iter().try_for_each(|command| self.control.send(command))?;
        behind.iter().try_for_each(|command| self.control.send_behind(command))?;
        self.user = login.user.clone();
        for command in &commands {
            self.control.speaks_of(command);
            let patience = PROBE.min(self.control.patience());
            let Ok(answer) = timeout(patience, self.control.answer()).await else {
                return Err(Error::NoReply { last: self.control.last_boxed(), waited: patience });
            };
            let class = answer?.reply.code.class();
            match (command.verb(), class) {
                (Verb::User, Class::Intermediate) if known.login_took == Took::Password => {}
                (Verb::User, Class::Completion) => {}
                (Verb::User | Verb::Pass, class) if class != Class::Completion => {
                    return Err(self.login_refused());
                }
                (Verb::Opts, _) => {}
                (_, Class::Completion) => {}
                _ => return Err(self.refused()),
            }
        }
        self.features = Some(known.features);
        if let Some(data) = known.data {
            self.data.take_over(data);
        }
        self.at_once = true;
        self.login_took = Some(known.login_took);
        Ok(())
    }
}
