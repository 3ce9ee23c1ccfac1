//! The replies in block mode: each is to the oldest command that is owed one, and some ask for more to be said.

use wharf_proto::client::{Answer, Asked};
use wharf_proto::reply::Class;

use super::flight::{Body, Part};
use super::{Lane, Stop};
use crate::{Connection, Error, Session};

impl Lane<'_> {
    /// Takes a reply, and says what is to be said behind it.
    pub(super) fn hear(
        &mut self,
        answer: Answer,
        session: &mut Session,
    ) -> Result<Result<(), Stop>, Error> {
        let Answer { to, reply, more, .. } = answer;
        let Some((number, part, length)) = self.flight.asked.front().copied() else {
            return Ok(Err(Stop::Odd("a reply came that nobody asked for")));
        };
        let asking = self.skills.asking;
        if !more {
            self.flight.asked.pop_front();
            self.flight.text = self.flight.text.saturating_sub(length);
        }
        let (broken, spoilt, resumed) = (self.broken, self.spoilt, self.resumed);
        let Some(item) = self.flight.item(number) else {
            return Ok(Err(Stop::Odd("a reply answers nothing")));
        };
        if !matches!(to, Asked::Verb(_)) {
            return Ok(Err(Stop::Odd("a reply came that nobody asked for")));
        }
        if part == Part::Bytes && reply.code.is_refusal() && !broken {
            let last = Connection::exchange(&item.command, Some(reply.clone()));
            // The next connection of this session would fare no better.
            let error = session.explained(Error::Refused { last }, resumed);
            if matches!(error, Error::NotResumed { .. }) {
                return Err(error);
            }
        }
        match (part, more) {
            (Part::Bytes, true) if !item.begun && matches!(reply.code.value(), 125 | 150) => {
                item.begun = true;
            }
            (_, true) => return Ok(Err(Stop::Odd("a preliminary reply came that does not fit"))),
            (Part::Bytes | Part::Deed, false) => {
                // Nothing comes over a connection that is given up.
                item.spoilt |= (spoilt && part == Part::Bytes) || (broken && item.lacks_bytes());
                item.last = Some(reply);
            }
            (Part::Digest, false) => {
                item.digest = asking.and_then(|asking| asking.answer(&reply));
            }
            (Part::Size, false) => {
                if let Body::Upload(upload) = &mut item.body {
                    upload.hear_size(&reply);
                }
            }
            (Part::Name, false) => {
                if let Body::Upload(upload) = &mut item.body {
                    upload.hear_name(reply);
                }
            }
            (Part::Aside, false) => {}
        }
        if !more {
            item.owed -= 1;
            self.follow(number, part, session)?;
        }
        Ok(Ok(()))
    }

    /// What is to be said or done behind a last reply to an upload.
    fn follow(&mut self, number: u64, part: Part, session: &mut Session) -> Result<(), Error> {
        let (crew, skills) = (self.crew, self.skills);
        let Some(item) = self.flight.item(number) else { return Ok(()) };
        let Body::Upload(upload) = &mut item.body else { return Ok(()) };
        let code = item.last.as_ref().map(|reply| reply.code);
        if code.is_none_or(|code| code.class() != Class::Completion) || item.spoilt {
            self.give_up_the_connection(part == Part::Bytes);
            return Ok(());
        }
        // 226 says that the data connection is closed: whose the bytes behind it are is not known either.
        let closes = part == Part::Bytes && code.is_some_and(|code| code.value() != 250);
        if item.owed == 0 {
            let commands = upload.next(crew, skills, item.digest.as_ref());
            item.owed = commands.len();
            for (command, part) in commands {
                self.ask(session, &command, number, part)?;
            }
        }
        if closes {
            self.apart = Some("the server closes the data connection behind each file");
            self.give_up_the_connection(true);
        }
        Ok(())
    }
}
