//! What is in a folder, for whoever walks through a tree: all of it, and an error where there is no such folder.
//!
//! MLSD does that. LIST with a path does not: servers take its argument for flags, for a pattern or for a file, and some
//! list what is not there as nothing. So without MLSD the folder is entered and listed as it is, and left again; two
//! commands in one write where the server takes that, which costs no more round trips than TYPE does alone.
//!
//! ```text
//!   CWD a/b, TYPE A  ─▶  LIST, or LIST -a  ─▶  TYPE I, CWD home
//! ```

use std::sync::{Mutex, PoisonError};

use wharf_proto::params::{Format, Type};
use wharf_proto::reply::Class;
use wharf_proto::{Command, Reply, Text};

use crate::listing::was_opened;
use crate::spool::{Glance, Spool};
use crate::transfer::{Order, Restart};
use crate::{BYTES, Connection, Error, Session, Watch, quiet};

/// What is known of how a server lists names that begin with a dot. All sessions with it may share this.
#[derive(Debug, Default)]
pub(crate) struct Dots(Mutex<Option<How>>);

/// How LIST comes to tell names that begin with a dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// As it is.
    Plainly,
    /// As `LIST -a`, which is not FTP, and understood by those who hide them (they hand it to `ls`, or do as if).
    Asked,
    /// Nobody knows whether it does.
    Unknown,
}

impl Dots {
    fn known(&self) -> Option<How> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, how: How) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
    }
}

impl Session {
    /// Lists a folder, up to so many bytes of it, and by LIST up to the limit of the session; the empty path is the folder
    /// where the session is. `watch` hears how many have come.
    ///
    /// # Errors
    /// `Refused` where it is not there, is no folder, or cannot be looked into; `ListingTooLong`; and every error that a
    /// transfer can have.
    pub(crate) async fn list_folder(
        &mut self,
        path: &Text,
        dots: &Dots,
        limit: u64,
        watch: &mut Watch<'_>,
    ) -> Result<Spool, Error> {
        let named = Some(path).filter(|path| !path.is_empty());
        if !self.plain && self.features().await?.has("MLST") {
            self.set_type(Type::Image).await?;
            let mlsd = Command::Mlsd(named.cloned());
            match self.spooled(&mlsd, Spool::new(true, limit), watch).await {
                Err(error) if self.has_no_mlsd(&error) => {}
                listed => return listed,
            }
        }
        let text = Type::Ascii(Format::NonPrint);
        let Some(path) = named else {
            self.set_type(text).await?;
            let listed = self.list_here(dots, limit, watch).await;
            return self.back(listed, &[Command::Type(Type::Image)]).await;
        };
        self.set_stream().await?;
        let enter = Command::Cwd(path.clone());
        // A name that cannot be sent is found out before it is noted that the session is elsewhere.
        self.can_say(&enter).await?;
        let home = self.depart().await?;
        let [entered, _] = self.both(&enter, &Command::Type(text)).await?;
        if entered.code.class() != Class::Completion {
            self.came_back();
            let last = Connection::exchange(&enter, Some(entered));
            return Err(Error::Refused { last });
        }
        let listed = self.list_here(dots, limit, watch).await;
        self.back(listed, &[Command::Type(Type::Image), Command::Cwd(home)]).await
    }

    /// Lists the folder where the session is by LIST, with the names that begin with a dot if there is a way.
    async fn list_here(
        &mut self,
        dots: &Dots,
        limit: u64,
        watch: &mut Watch<'_>,
    ) -> Result<Spool, Error> {
        // What its rows mean is seen from all of them only, so they will be read into memory.
        let limit = limit.min(u64::try_from(self.listing_limit).unwrap_or(u64::MAX));
        let how = dots.known();
        if how == Some(How::Asked) {
            return self.spooled(&Command::ListAll, Spool::new(false, limit), watch).await;
        }
        let spool = Spool::new(false, limit);
        let mut spool = self.spooled(&Command::List(None), spool, watch).await?;
        spool.hides_dots = how != Some(How::Plainly);
        if !spool.hides_dots || self.plain {
            return Ok(spool);
        }
        let plainly = spool.glance()?;
        if plainly.shows_dots {
            dots.learn(How::Plainly);
            spool.hides_dots = false;
        } else if how.is_none() {
            return self.try_to_see_dots(dots, spool, plainly).await;
        }
        Ok(spool)
    }

    /// Tries `LIST -a`, and believes it where it tells all that LIST does, and that `.` is there too.
    async fn try_to_see_dots(
        &mut self,
        dots: &Dots,
        spool: Spool,
        plainly: Glance,
    ) -> Result<Spool, Error> {
        match self.spooled(&Command::ListAll, Spool::new(false, spool.limit), &mut quiet()).await {
            Ok(mut asked) => {
                let found = asked.glance()?;
                if found.shows_dots && found.names.is_superset(&plainly.names) {
                    dots.learn(How::Asked);
                    return Ok(asked);
                }
                // An empty folder shows nothing, whoever looks.
                if !plainly.names.is_empty() {
                    dots.learn(How::Unknown);
                }
            }
            Err(Error::Refused { .. }) => dots.learn(How::Unknown),
            Err(error) => return Err(error),
        }
        Ok(spool)
    }

    /// Receives a listing; once more where it ends in the midst of a row. By LIST that may be this server's way: then it ends
    /// in the same place again, and nobody can say whether something is missing.
    async fn spooled(
        &mut self,
        command: &Command,
        spool: Spool,
        watch: &mut Watch<'_>,
    ) -> Result<Spool, Error> {
        let (facts, limit) = (spool.facts, spool.limit);
        let first = self.spooled_once(command, spool, watch).await?;
        if first.is_whole() {
            return Ok(first);
        }
        let mut second = self.spooled_once(command, Spool::new(facts, limit), watch).await?;
        second.may_be_cut = !second.is_whole();
        match second.may_be_cut && (facts || second.length() != first.length()) {
            true => Err(self.cut_short(second.length())),
            false => Ok(second),
        }
    }

    async fn spooled_once(
        &mut self,
        command: &Command,
        mut spool: Spool,
        watch: &mut Watch<'_>,
    ) -> Result<Spool, Error> {
        let order =
            Order { command, offset: 0, restart: Restart::Known, expected: None, how: BYTES };
        match self.receive(&order, &mut spool, watch).await {
            Ok(done) => was_opened(command, done).map(|()| spool),
            Err(Error::Sink(_)) if spool.is_full() => Err(spool.too_long()),
            Err(error) => Err(error),
        }
    }

    /// Says what sets the session back behind a listing, unless it has ended with that.
    async fn back(
        &mut self,
        listed: Result<Spool, Error>,
        commands: &[Command],
    ) -> Result<Spool, Error> {
        let over = |error: &Error| error.ends_the_session();
        if self.control.is_spent() || listed.as_ref().err().is_some_and(over) {
            return listed;
        }
        let replies = match commands {
            [one, other] => self.both(one, other).await?.to_vec(),
            _ => {
                let mut replies = Vec::new();
                for command in commands {
                    replies.push(self.quote(command).await?);
                }
                replies
            }
        };
        // Of a session that is nobody knows where no more is wanted.
        if !replies.iter().all(|reply| reply.code.class() == Class::Completion) {
            self.control.give_up();
            return Err(Error::OutOfStep { last: self.control.last_boxed() });
        }
        self.came_back();
        listed
    }

    /// Says two commands, in one write where the server takes that.
    async fn both(&mut self, first: &Command, second: &Command) -> Result<[Reply; 2], Error> {
        if !self.at_once || !self.can_say_at_once(first) {
            return Ok([self.quote(first).await?, self.quote(second).await?]);
        }
        second.encode()?;
        self.control.send(first)?;
        self.control.send_behind(second)?;
        let mut replies = Vec::with_capacity(2);
        while replies.len() < 2 {
            let answer = self.control.patiently(async |control| control.answer().await).await?;
            if !answer.more {
                replies.push(answer.reply);
            }
        }
        let last = self.control.last_boxed();
        replies.try_into().map_err(|_| Error::OutOfStep { last })
    }
}
