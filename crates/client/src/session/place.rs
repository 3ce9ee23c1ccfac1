//! Where the session is, and how a method that leaves the folder comes back to it, also when its future was dropped on
//! the way.

use wharf_proto::reply::Class;
use wharf_proto::{Command, Text};

use super::Session;
use crate::Error;
use crate::connection::Place;

/// Where a session belongs that is elsewhere for a moment.
#[derive(Clone, Debug)]
pub(super) struct Away {
    home: Text,
    place: Place,
}

impl Session {
    /// Where the user is, as far as it tells one place from another.
    pub(crate) fn folder(&self) -> Text {
        self.control.in_force().place().folder.as_slice().into()
    }

    /// The path of the current folder, from the root on. Asked once as long as the session stays there.
    pub(crate) async fn home(&mut self) -> Result<Text, Error> {
        match self.control.in_force().place().home.clone() {
            Some(home) => Ok(home),
            None => self.pwd().await,
        }
    }

    /// To be said before a method goes elsewhere; gives the way back. Then [`come_home`](Self::come_home) leads there, or
    /// [`came_back`](Self::came_back) says that the session is there; where neither is come to, [`abort`](Self::abort)
    /// leads back.
    pub(crate) async fn depart(&mut self) -> Result<Text, Error> {
        let home = self.home().await?;
        let place = self.control.in_force().place().clone();
        self.away = Some(Away { home: home.clone(), place });
        Ok(home)
    }

    /// Goes back to where the session belongs, if it is elsewhere.
    ///
    /// # Errors
    /// `OutOfStep` where the server does not let it; nobody would know where the session is, so it is ended. Those of the
    /// control connection.
    pub(crate) async fn come_home(&mut self) -> Result<(), Error> {
        let Some(away) = &self.away else { return Ok(()) };
        let home = Command::Cwd(away.home.clone());
        if self.quote(&home).await?.code.class() != Class::Completion {
            self.control.give_up();
            return Err(Error::OutOfStep { last: self.control.last_boxed() });
        }
        self.came_back();
        Ok(())
    }

    /// The session is where it belongs.
    pub(crate) fn came_back(&mut self) {
        if let Some(away) = self.away.take() {
            self.control.came_back(away.place);
        }
    }

    /// Enters a folder and comes back at once, to see whether it is one.
    ///
    /// # Errors
    /// `Refused` where it cannot be entered, and those of coming back.
    pub(crate) async fn look_into(&mut self, path: &Text) -> Result<(), Error> {
        self.depart().await?;
        match self.cwd(path).await {
            Ok(_) => self.come_home().await,
            Err(error) => {
                self.came_back();
                Err(error)
            }
        }
    }
}
