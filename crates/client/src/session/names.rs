//! Names that hold 0xFF or CR, which Telnet gives a meaning to: how they get to a server as they are.
//!
//! A control connection is one of Telnet (RFC 959 section 2.2), so 0xFF is doubled and a NUL goes behind a CR (RFC 854; RFC 2640
//! section 2.2). Many servers undo neither, and a file would land under another name. Which kind a server is one question
//! tells that changes nothing: a Data Mark behind the name of the current folder is nothing to those that know Telnet, and part
//! of a name that nothing has to the others. It is asked before the first such name, and remembered for the host.
//!
//! What becomes of a CR no question tells. RFC 2640 demands it of those that have UTF8 in FEAT and know Telnet; at all others such
//! a name is refused here, since some of them cut it, and others put something else in its place.

use wharf_proto::Command;
use wharf_proto::command::Telnet;
use wharf_proto::reply::Class;

use crate::{Error, Session};

/// The current folder, and a Data Mark.
const MARKED: &[u8] = b".\xFF\xF2";

impl Session {
    /// Makes sure that what a command names will be understood as it is.
    ///
    /// # Errors
    /// `Unsendable` where it would not, and those of the control connection.
    pub(crate) async fn can_say(&mut self, command: &Command) -> Result<(), Error> {
        if command.is_awkward() && !self.plain && !self.knows_telnet() {
            let telnet = self.find_out_telnet().await?;
            self.data.learn_telnet(telnet);
            self.knows_telnet();
        }
        self.control.can_be_sent(command)
    }

    /// Whether a command can be sent behind others, without a question before it.
    pub(crate) fn can_say_at_once(&mut self, command: &Command) -> bool {
        (!command.is_awkward() || self.plain || self.knows_telnet())
            && self.control.can_be_sent(command).is_ok()
    }

    /// Whether it is known what becomes of such bytes there; then it is kept to from now on.
    pub(crate) fn knows_telnet(&mut self) -> bool {
        let known = self.data.telnet();
        if let Some(telnet) = known {
            self.control.set_telnet(telnet);
        }
        known.is_some()
    }

    async fn find_out_telnet(&mut self) -> Result<Telnet, Error> {
        let here = |name: &[u8]| Command::Cwd(name.into());
        let place = self.control.in_force().place().clone();
        self.control.set_telnet(Telnet::Unknown);
        let marked = self.control.command(&here(MARKED)).await;
        self.control.set_telnet(Telnet::default());
        let is_done = |class| class == Class::Completion;
        let (telnet, why) = if is_done(marked?.code.class()) {
            match self.features().await?.has("UTF8") {
                true => (Telnet::Understood, "0xFF is doubled in names, and NUL goes behind CR"),
                false => (Telnet::ButNotCr, "0xFF is doubled in names"),
            }
        } else if is_done(self.control.command(&here(b".")).await?.code.class()) {
            (Telnet::Unknown, "0xFF goes as it is in names")
        } else {
            (Telnet::ButNotCr, "nobody knows what becomes of 0xFF in names: it is doubled")
        };
        // It is the same folder under whatever name.
        self.control.came_back(place);
        self.control.teller().explain(format_args!("{why}"));
        Ok(telnet)
    }
}
