//! Files and folders: RNFR RNTO DELE RMD MKD (RFC 959 section 4.1.3), SIZE MDTM MLST (RFC 3659).

use super::effect::{Effect, Outcome, TreeAction};
use super::state::{Awaiting, Pace, Sequence};
use super::{Session, VirtualPath};
use crate::codec::passes_through;
use crate::listing::{Entry, mlsx};
use crate::reply::Reply;
use crate::texts::{self, Say};
use crate::{Text, Verb};

impl Session {
    /// RNFR.
    pub(super) fn rnfr(&mut self, path: &Text) {
        self.act(Verb::Rnfr, path, TreeAction::Find);
    }

    /// RNTO.
    pub(super) fn rnto(&mut self, path: &Text, sequence: Sequence) {
        match sequence {
            Sequence::RenameFrom(from) => {
                self.act(Verb::Rnto, path, |to| TreeAction::Rename { from: *from, to });
            }
            Sequence::None | Sequence::RestartAt(_) | Sequence::Range(_) => {
                self.say(&Say::RenameFirst)
            }
        }
    }

    /// DELE.
    pub(super) fn dele(&mut self, path: &Text) {
        self.act(Verb::Dele, path, TreeAction::Delete);
    }

    /// RMD.
    pub(super) fn rmd(&mut self, path: &Text) {
        self.act(Verb::Rmd, path, |path| TreeAction::RemoveFolder { path, all: false });
    }

    /// MKD.
    pub(super) fn mkd(&mut self, path: &Text) {
        let umask = self.umask;
        self.act(Verb::Mkd, path, |path| TreeAction::MakeFolder { path, parents: false, umask });
    }

    /// SIZE: the bytes that the transfer would take (RFC 3659 section 4), but for what the modes other than
    /// that of a stream add and take away: clients compare sizes and go on from them with REST, and in those
    /// modes REST counts without that.
    pub(super) fn size(&mut self, path: &Text) {
        let coding = self.coding_as_stream();
        let coded = (!passes_through(coding.representation)).then_some(coding);
        self.act(Verb::Size, path, |path| TreeAction::Size { path, coded });
    }

    /// MDTM.
    pub(super) fn mdtm(&mut self, path: &Text) {
        self.act(Verb::Mdtm, path, TreeAction::Modified);
    }

    /// MLST.
    pub(super) fn mlst(&mut self, path: Option<&Text>) {
        if let Some(path) = self.path_or_folder(Verb::Mlst, path) {
            self.act_on(Verb::Mlst, path, TreeAction::Facts);
        }
    }

    pub(super) fn act(
        &mut self,
        verb: Verb,
        argument: &Text,
        action: impl FnOnce(VirtualPath) -> TreeAction,
    ) {
        if let Some(path) = self.path(verb, argument) {
            self.act_on(verb, path, action);
        }
    }

    pub(super) fn act_on(
        &mut self,
        verb: Verb,
        path: VirtualPath,
        action: impl FnOnce(VirtualPath) -> TreeAction,
    ) {
        let (on, action) = (Box::new(path.clone()), action(path));
        let pace = if action.is_slow() { Pace::Long } else { Pace::Short };
        self.awaiting = Awaiting::Tree { verb, path: on, pace };
        self.start(Effect::Tree(action));
    }

    pub(super) fn handle_tree_outcome(&mut self, verb: Verb, path: VirtualPath, outcome: Outcome) {
        match outcome {
            Outcome::Done => self.handle_tree_done(verb, path),
            Outcome::Size(bytes) if verb == Verb::Allo => self.tell_space(bytes),
            Outcome::Size(bytes) => self.say(&Say::Size(bytes)),
            Outcome::Digest { hex, start, end } => {
                self.tell_digest(verb, &path, &hex, (start, end))
            }
            Outcome::Modified(time) => self.say(&Say::Modified(time)),
            Outcome::Facts(entry) => self.tell_facts(&path, *entry),
            Outcome::Listed { lines, folder } => self.tell_listing(&path, lines, folder),
            Outcome::Failed(fault) => self.say(&Say::Fault(&fault, verb)),
            _ => self.say(&Say::InternalFault),
        }
    }

    fn handle_tree_done(&mut self, verb: Verb, path: VirtualPath) {
        match verb {
            Verb::Cwd | Verb::Cdup | Verb::Smnt => {
                self.say(&Say::Entered(&path));
                self.folder = path;
            }
            Verb::Rnfr => {
                self.sequence = Sequence::RenameFrom(Box::new(path));
                self.say(&Say::RenameTo);
            }
            Verb::Rnto => self.say(&Say::Renamed),
            Verb::Dele => self.say(&Say::Deleted),
            Verb::Rmd => self.say(&Say::Removed),
            Verb::Mkd => self.say(&Say::Made(&path)),
            Verb::Site => self.say(&Say::SiteDone),
            Verb::Comb => self.say(&Say::Joined),
            Verb::Mfmt | Verb::Mff => self.say(&Say::FactSet(&path)),
            _ => self.say(&Say::InternalFault),
        }
    }

    /// RFC 3659 section 7.2: one line of facts, indented, with the whole path.
    fn tell_facts(&mut self, path: &VirtualPath, mut entry: Entry) {
        entry.name = self.charset.to_wire(path.as_bytes()).into_owned();
        let mut line = Vec::new();
        mlsx::write_row(&mut line, &entry, self.facts);
        let lines = vec!["Facts:".into(), Text::from(line), "End.".into()];
        self.send(&Reply { code: texts::code(250), lines });
    }
}
