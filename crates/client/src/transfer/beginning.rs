//! The beginning of a transfer: a data connection is agreed on and opened, and the command goes out.
//!
//! The connection is there before the command until one way was seen to work, then the command goes first, and where the
//! server is known to take several commands at once, both are asked for in one write, be it while the file before is
//! still on its way. RFC 959 section 3.2.

use std::io;
use std::time::Duration;

use tokio::time::timeout;
use wharf_proto::Command;
use wharf_proto::reply::Class;
use wharf_proto::tap::{Timer, What};

use super::replies::alongside;
use super::{Order, Replies};
use crate::data::{DataConnection, Plan, Question};
use crate::marks::Mark;
use crate::{Error, Session};

/// The refusals that speak of the data connection and not of the file.
const OF_THE_CONNECTION: [u16; 2] = [425, 426];

impl Session {
    /// Opens a data connection and sends the command over the control connection.
    pub(super) async fn begin(
        &mut self,
        order: &Order<'_>,
        from: Option<&Mark>,
    ) -> Result<(DataConnection, Replies), Error> {
        // A name that cannot be sent is found out before a port is asked for, which nobody would use.
        self.can_say(order.command).await?;
        self.control.protect_data_again().await?;
        // On connections with us it is we who are the TLS client.
        self.be_tls_client(false).await?;
        self.forget_restart().await?;
        loop {
            match self.try_to_begin(order, from).await {
                // The session is lost with the way; another one need not be.
                Err(error) if self.control.is_spent() => {
                    self.data.is_lost_with(&error);
                    return Err(self.data.concluded(error));
                }
                Err(error) if self.data.try_otherwise(&self.control, &error) => {
                    self.data.has_tried(error);
                }
                result => return result.map_err(|error| self.data.concluded(error)),
            }
        }
    }

    async fn try_to_begin(
        &mut self,
        order: &Order<'_>,
        from: Option<&Mark>,
    ) -> Result<(DataConnection, Replies), Error> {
        let restart = order.restart(from);
        if self.at_once && restart.is_none() {
            let asked = self.asked.take().filter(|(_, command)| command == order.command);
            let question = match asked {
                Some((question, _)) => Some(question),
                None => self.ask(order.command)?,
            };
            if let Some(question) = question {
                return self.begin_at_once(order, question).await;
            }
        }
        let plan = self.data.agree(&mut self.control).await?;
        let mut replies = Replies::default();
        // As long as no way has been seen to work, the connection comes first: a server to whose port nobody gets waits
        // there and hears nothing, ABOR neither, so the session would be lost with the way.
        let opened = match self.data.must_be_tried(&plan) {
            true => Ok(self.open(plan, &mut replies).await?),
            false => Err(plan),
        };
        if let Some(restart) = &restart {
            let reply = self.control.command(restart).await?;
            if reply.code.class() != Class::Intermediate {
                return Err(Error::Refused { last: self.control.last_boxed() });
            }
        }
        // From then on the command goes out before the connection is there, and two round trips become one.
        self.control.send(order.command)?;
        let data = match opened {
            Ok(data) => data,
            Err(plan) => self.open(plan, &mut replies).await?,
        };
        self.cover(data, replies).await
    }

    /// Asks for a data connection and sends the command behind the question, in one write; where it is known that one
    /// will be granted.
    fn ask(&mut self, command: &Command) -> Result<Option<Question>, Error> {
        let Some(question) = self.data.sure_question(&self.control) else { return Ok(None) };
        self.control.send(&question.command)?;
        self.control.send_behind(command)?;
        Ok(Some(question))
    }

    /// Opens the data connection that was asked for in one write with the command.
    async fn begin_at_once(
        &mut self,
        order: &Order<'_>,
        question: Question,
    ) -> Result<(DataConnection, Replies), Error> {
        let answer = self.control.patiently(async |control| control.answer().await).await?;
        let agreed = match answer.reply.code.is_refusal() {
            true => Err(self.refused()),
            false => question.planned(&self.control, &answer.reply),
        };
        self.control.speaks_of(order.command);
        match agreed {
            Ok(plan) => {
                let mut replies = Replies::default();
                let data = self.open(plan, &mut replies).await?;
                self.cover(data, replies).await
            }
            Err(error) => {
                // The command is answered as well, most likely by a refusal.
                self.at_once = false;
                self.wind_up(&mut Replies::default()).await?;
                Err(error)
            }
        }
    }

    /// Asks for the next file's port, and for the file, when all bytes of the present one are here: servers that wait
    /// for the end of our half before their last reply answer that and this at once.
    pub(super) fn ask_ahead(&mut self) -> Result<(), Error> {
        let Some(next) = self.ahead.take() else { return Ok(()) };
        if !self.at_once || !self.can_say_at_once(&next) {
            return Ok(());
        }
        if let Some(question) = self.data.sure_question(&self.control) {
            self.control.send_behind(&question.command)?;
            self.control.send_behind(&next)?;
            self.asked = Some((question, next));
        }
        Ok(())
    }

    /// Opens a data connection, and hears the replies to the command that is on its way, if one is.
    async fn open(&mut self, plan: Plan, replies: &mut Replies) -> Result<DataConnection, Error> {
        let teller = self.control.teller().clone();
        let over = |replies: &Replies| {
            (replies.refused() || replies.lost.is_some()).then_some(Duration::ZERO)
        };
        let opening = timeout(plan.patience(), plan.open(&teller));
        let source = match alongside(&mut self.control, replies, over, opening).await {
            Some(Ok(Ok(stream))) => return Ok(self.data.opened(stream, &self.control)),
            Some(Ok(Err(source))) => Some(source),
            Some(Err(_)) => None,
            None => return Err(std::mem::take(replies).failure(self.control.last())),
        };
        Err(self.unopened(plan, source, std::mem::take(replies)).await)
    }

    /// The error of a data connection that did not open, once the server has been told. `None` stands
    /// for a connection that did not come in time.
    async fn unopened(
        &mut self,
        plan: Plan,
        source: Option<io::Error>,
        mut replies: Replies,
    ) -> Error {
        if source.is_none() {
            self.control.teller().tell(What::TimerRanOut { timer: Timer::DataOpen });
        }
        let last = self.control.last_boxed();
        if let Err(error) = self.wind_up(&mut replies).await {
            // That the server ends the session says more than that nobody is at its port any longer.
            if matches!(error, Error::Closing { .. }) {
                return error;
            }
            tracing::debug!(%error, "the transfer could not be broken off in order");
        }
        // A server that refuses the file closes its port as well, and either may be seen first.
        if replies.closing() {
            return replies.failure(&last);
        }
        let code = replies.finished.as_ref().map_or(0, |reply| reply.code.value());
        if replies.refused() && !OF_THE_CONNECTION.contains(&code) {
            return replies.failure(&last);
        }
        let waited = plan.patience();
        match (plan, source) {
            (Plan::Connect { to, .. }, source) => {
                let source = source.unwrap_or_else(|| io::ErrorKind::TimedOut.into());
                let elsewhere = to.ip() != self.control.server().ip();
                Error::DataConnect { address: to, elsewhere, source, last }
            }
            (Plan::Accept { .. }, Some(source)) => Error::DataListen { source },
            (Plan::Accept { at, .. }, None) => Error::DataAccept { address: at, waited, last },
        }
    }
}
