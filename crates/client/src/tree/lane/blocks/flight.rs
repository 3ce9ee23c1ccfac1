//! What is in flight in block mode: pieces of work whose commands are sent and whose replies are owed.

use std::collections::VecDeque;

use wharf_proto::codec::Inbound;
use wharf_proto::reply::Class;
use wharf_proto::{Command, Reply};

use super::super::super::work::Work;
use super::super::Crew;
use super::upload::Upload;
use crate::Error;
use crate::digest::Digest;
use crate::spool::Spool;

/// How many commands may be in flight, and how many bytes of their text.
const COMMANDS: usize = 64;
const TEXT: usize = 8 * 1024;

/// What a command in flight is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It brings the bytes.
    Bytes,
    /// It asks for the digest.
    Digest,
    /// It does all there is to do.
    Deed,
    /// It asks how much of an upload has arrived.
    Size,
    /// It tells the server something about an upload, and may be refused.
    Aside,
    /// It gives an upload its name.
    Name,
}

/// What comes of a file or listing.
pub(super) enum Body {
    File(Vec<u8>),
    Listing(Spool),
    /// It goes the other way.
    Upload(Box<Upload>),
    /// No bytes are to come.
    None,
}

/// A piece of work in flight.
pub(super) struct Item {
    pub(super) work: Work,
    pub(super) command: Command,
    pub(super) body: Body,
    pub(super) decoder: Option<Inbound>,
    /// 125 or 150 came.
    pub(super) begun: bool,
    /// The block that ends the file came.
    pub(super) ended: bool,
    pub(super) last: Option<Reply>,
    pub(super) digest: Option<Digest>,
    /// How many replies are owed.
    pub(super) owed: usize,
    /// Whether nobody knows whose bytes the server took for it.
    pub(super) spoilt: bool,
}

/// What is in flight, in its order.
#[derive(Default)]
pub(super) struct Flight {
    pub(super) items: VecDeque<Item>,
    /// The number of the first of them.
    pub(super) first: u64,
    /// What the next replies answer.
    pub(super) asked: VecDeque<(u64, Part, usize)>,
    /// How much text the server may not have read yet.
    pub(super) text: usize,
}

impl Flight {
    pub(super) fn has_room(&self) -> bool {
        self.asked.len() < COMMANDS && self.text < TEXT
    }

    pub(super) fn item(&mut self, number: u64) -> Option<&mut Item> {
        self.items.get_mut(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The file whose blocks come next.
    pub(super) fn reading(&mut self) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.begun && !item.ended)
    }

    /// Gives all of it back, to be done by another session. Only the first piece may be to blame.
    pub(super) fn give_back(&mut self, crew: &Crew, why: &Error) {
        self.asked.clear();
        self.text = 0;
        let mut first = true;
        for item in self.items.drain(..) {
            self.first += 1;
            let passing = Error::ControlLost {
                last: why.last().cloned().map(Box::new).unwrap_or_default(),
                source: None,
            };
            if std::mem::take(&mut first) {
                crew.board.broke(item.work, passing);
            } else {
                crew.board.return_unbegun(item.work);
            }
        }
    }
}

impl Item {
    /// Whether bytes are still to come for it.
    pub(super) fn lacks_bytes(&self) -> bool {
        self.decoder.is_some() && !self.ended
    }

    /// Whether nothing more is to come of it.
    pub(super) fn is_settled(&self) -> bool {
        let refused =
            self.last.as_ref().is_some_and(|reply| reply.code.class() != Class::Completion);
        self.owed == 0
            && self.last.is_some()
            && (refused || self.ended || !self.begun || self.spoilt)
    }
}
