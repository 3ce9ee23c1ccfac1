//! Storing a small file with fewer round trips: its bytes go out before the server has said that it takes them, and its
//! size is asked for before it has said that it has them.
//!
//! Only where the server is known to do one thing after the other. One that reads commands while a transfer runs would
//! answer with the size that the file has then, and with that answer where the one to STOR is awaited.

use wharf_proto::params::Type;
use wharf_proto::{Command, Reply, Text, Verb};

use super::Session;
use crate::Error;
use crate::data::bears_port_ahead;
use crate::transfer::Order;

impl Session {
    /// Whether a file may be stored so.
    pub(crate) fn may_be_brisk(&self, order: &Order<'_>) -> bool {
        self.brisk
            && self.at_once
            && !order.how.mode.is_framed()
            && matches!(order.command, Command::Stor(_))
            && bears_port_ahead(&self.control)
    }

    /// Asks for the size of the file that was sent.
    pub(crate) fn ask_size_ahead(&mut self, order: &Order<'_>) -> Result<(), Error> {
        let Command::Stor(path) = order.command else { return Ok(()) };
        let size = Command::Size(path.clone());
        if order.how.kind != Type::Image
            || self.unknown.contains(&Verb::Size)
            || !self.can_say_at_once(&size)
        {
            return Ok(());
        }
        self.control.send_behind(&size)?;
        self.sized = Some(path.clone());
        Ok(())
    }

    /// What was answered to that, where it was asked for of this file.
    pub(super) async fn size_ahead(&mut self, path: &Text) -> Result<Option<Reply>, Error> {
        let Some(asked) = self.sized.take().filter(|_| self.control.awaits_replies()) else {
            return Ok(None);
        };
        self.control.speaks_of(&Command::Size(asked.clone()));
        let answer = self.control.patiently(async |control| control.answer().await).await?;
        Ok(Some(answer.reply).filter(|_| asked == *path))
    }

    /// Hears what was answered to that where nobody wants to know any more.
    pub(crate) async fn forget_size_ahead(&mut self) {
        if let Some(path) = self.sized.clone()
            && let Err(error) = self.size_ahead(&path).await
        {
            tracing::debug!(%error, "the size of a file that was not stored was not told");
        }
    }
}
