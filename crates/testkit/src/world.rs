//! A world for a session to act in: users, a tree, and data connections that go as a test wants them to.
//!
//! All of it in memory, and without rights: who may do what is the machine's business, or that of the
//! real storage. An upload is under its name when it is complete, and not before.

mod tree;

use std::collections::{BTreeMap, VecDeque};

use wharf_proto::Secret;
use wharf_proto::ascii::{Decoder, Encoder};
use wharf_proto::command::Range;
use wharf_proto::listing::Format;
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{
    Account, Effect, EffectId, Ended, Fault, News, Outcome, Part, Payload, Rights, StoreAt,
    TransferPlan,
};

pub use tree::Tree;

/// How data connections go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Data {
    /// They are open by the time the file is.
    #[default]
    Opens,
    /// They are opened by [`World::open_data`].
    OpensLater,
    /// Nobody is there.
    Refused,
}

/// How fast bytes move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// All at once.
    #[default]
    AtOnce,
    /// Not before [`World::complete`] or [`World::break_off`].
    Held,
}

/// Users, a tree, and transfers under way.
#[derive(Debug, Default)]
pub struct World {
    /// How data connections go.
    pub data: Data,
    /// How fast bytes move.
    pub pace: Pace,
    /// The files and folders.
    pub tree: Tree,
    /// What the client will send, an upload each.
    pub uploads: VecDeque<Vec<u8>>,
    /// What the client has received, a transfer each.
    pub downloads: Vec<Vec<u8>>,
    /// What broken uploads have brought, by path.
    pub partials: BTreeMap<VirtualPath, Vec<u8>>,
    users: BTreeMap<Vec<u8>, (Vec<u8>, Rights)>,
    codes: BTreeMap<Vec<u8>, Vec<u8>>,
    listening: bool,
    ports: u16,
    transfer: Option<Transfer>,
}

/// A transfer under way.
#[derive(Debug)]
struct Transfer {
    id: EffectId,
    plan: TransferPlan,
    /// What goes over the data connection.
    bytes: Vec<u8>,
}

impl World {
    /// A world with an empty tree and no users.
    pub fn new() -> Self {
        Self::default()
    }

    /// The world of the reference session: bob with all rights, anonymous readers, and `docs/notes.txt`.
    pub fn reference() -> Self {
        let mut world = Self::new();
        world.add_user("bob", "secret", Rights::WRITER);
        world.add_user("anonymous", "", Rights::READER);
        world.tree.add_folder("/docs");
        world.tree.add_file("/docs/notes.txt", b"one\ntwo\n");
        world
    }

    /// Adds a user; for `anonymous` any password is right.
    pub fn add_user(&mut self, name: &str, password: &str, rights: Rights) {
        self.users.insert(name.into(), (password.into(), rights));
    }

    /// Lets a user in only who gives this code with ACCT as well.
    pub fn demand_code(&mut self, name: &str, code: &str) {
        self.codes.insert(name.into(), code.into());
    }

    /// Whether a listener or a transfer is left.
    pub fn is_busy(&self) -> bool {
        self.listening || self.transfer.is_some()
    }

    /// Carries out an effect, and gives the outcomes that come at once.
    pub fn carry_out(&mut self, id: EffectId, effect: &Effect) -> Vec<Outcome> {
        match effect {
            Effect::Authenticate { user, password, code } => {
                let code = code.as_ref().map(Secret::reveal);
                vec![self.authenticate(user.as_bytes(), password.reveal(), code)]
            }
            Effect::Listen { .. } => {
                self.listening = true;
                self.ports += 1;
                vec![Outcome::Listening(([192, 0, 2, 1], 49_999 + self.ports).into())]
            }
            Effect::Recognise(_) => vec![Outcome::LoginRefused],
            Effect::Secure => vec![Outcome::Secured { certified: false }],
            Effect::Clear => vec![Outcome::Done],
            Effect::Host(Some(_)) => vec![Outcome::Failed(Fault::NotFound)],
            Effect::Host(None) => vec![Outcome::Host("Wharf FTP server ready.".into())],
            Effect::CloseData => {
                self.listening = false;
                Vec::new()
            }
            Effect::Tree(action) => vec![self.tree.act(action)],
            Effect::Transfer(plan) => self.begin(id, plan),
        }
    }

    /// Drops a transfer; an upload leaves behind what it has brought.
    pub fn cancel(&mut self, id: EffectId) {
        if let Some(transfer) = self.transfer.take_if(|transfer| transfer.id == id)
            && let Payload::Store { path, .. } = transfer.plan.what
        {
            self.partials.insert(path, transfer.bytes);
        }
    }

    /// The session is over: its listener goes with it.
    pub fn close(&mut self) {
        self.listening = false;
    }

    /// The data connection of the transfer under way opens.
    #[track_caller]
    pub fn open_data(&mut self) -> (EffectId, Vec<Outcome>) {
        let Some(transfer) = &self.transfer else { panic!("no transfer is under way") };
        let id = transfer.id;
        let mut outcomes = vec![Outcome::Opened];
        if self.pace == Pace::AtOnce {
            outcomes.push(self.complete().1);
        }
        (id, outcomes)
    }

    /// The transfer under way is complete.
    #[track_caller]
    pub fn complete(&mut self) -> (EffectId, Outcome) {
        let Some(Transfer { id, plan, bytes }) = self.transfer.take() else {
            panic!("no transfer is under way")
        };
        let count = bytes.len() as u64;
        match plan.what {
            Payload::Retrieve { .. } | Payload::List { .. } => self.downloads.push(bytes),
            Payload::Store { path, at, .. } => {
                let bytes =
                    if plan.coding.representation.kind.is_text() { stored(&bytes) } else { bytes };
                self.tree.write(&path, at, &bytes);
            }
        }
        (id, Outcome::Ended(Ended::Complete { bytes: count, remarks: Vec::new() }))
    }

    /// The data connection of the transfer under way breaks.
    #[track_caller]
    pub fn break_off(&mut self, why: &str) -> (EffectId, Outcome) {
        let id = self.transfer.as_ref().map(|transfer| transfer.id);
        let Some(id) = id else { panic!("no transfer is under way") };
        self.cancel(id);
        (id, Outcome::Ended(Ended::Broken(why.into())))
    }

    fn authenticate(&self, user: &[u8], password: &[u8], code: Option<&[u8]>) -> Outcome {
        let anonymous = user == b"anonymous";
        let right = self.codes.get(user).map(Vec::as_slice);
        match self.users.get(user) {
            Some((secret, _)) if secret == password && right.is_some() && code.is_none() => {
                Outcome::AccountWanted
            }
            _ if right.is_some() && right != code => Outcome::LoginRefused,
            Some((secret, rights)) if anonymous || secret == password => {
                let account = Account { anonymous, ..Account::new(user.into(), *rights) };
                Outcome::LoggedIn(Box::new(account))
            }
            _ => Outcome::LoginRefused,
        }
    }

    fn begin(&mut self, id: EffectId, plan: &TransferPlan) -> Vec<Outcome> {
        self.listening = false;
        let mut plan = plan.clone();
        let news = self.choose_name(&mut plan);
        let bytes = match self.prepare(&plan) {
            Ok(bytes) => bytes,
            Err(fault) => return vec![Outcome::Ended(Ended::Failed(fault))],
        };
        let open = self.data == Data::Opens;
        let mut outcomes = vec![Outcome::Prepared { open, news }];
        if self.data == Data::Refused {
            outcomes.push(Outcome::Ended(Ended::NotOpened("connection refused".into())));
            return outcomes;
        }
        self.transfer = Some(Transfer { id, plan, bytes });
        if open && self.pace == Pace::AtOnce {
            outcomes.push(self.complete().1);
        }
        outcomes
    }

    /// Replaces the beginning of a name that STOU gives by a name that nothing has.
    fn choose_name(&self, plan: &mut TransferPlan) -> News {
        let Payload::Store { path, at: StoreAt::NewName, .. } = &mut plan.what else {
            return News::None;
        };
        let begins = path.clone();
        let named = |number: u32| {
            begins.parent().join(&[begins.name()?, format!(".{number}").as_bytes()].concat()).ok()
        };
        let free = |name: &VirtualPath| !self.tree.has(name);
        if let Some(name) = (1..).map_while(named).find(free) {
            path.clone_from(&name);
            return News::Name(name);
        }
        News::None
    }

    /// What will go over the data connection, if the tree has it.
    fn prepare(&mut self, plan: &TransferPlan) -> Result<Vec<u8>, Fault> {
        match &plan.what {
            Payload::Retrieve { path, part } => {
                let file = self.tree.file(path)?;
                let text = plan.coding.representation.kind.is_text();
                let bytes = if text { sent(file) } else { file.to_vec() };
                let range = match part {
                    Part::Behind(start) => Range { start: *start, end: None },
                    Part::From(marker) => Range { start: marker.offset(), end: None },
                    Part::Range(range) => *range,
                };
                let place = |number| usize::try_from(number).map_err(|_| Fault::Offset);
                let end = range.end.map_or(Ok(bytes.len()), place)?.min(bytes.len());
                bytes.get(place(range.start)?..end).map(<[u8]>::to_vec).ok_or(Fault::Offset)
            }
            Payload::Store { path, at, .. } => {
                self.tree.may_store(path)?;
                if let StoreAt::From(marker) = at
                    && marker.offset() > self.tree.file(path)?.len() as u64
                {
                    return Err(Fault::Offset);
                }
                Ok(self.uploads.pop_front().unwrap_or_default())
            }
            Payload::List { path, format, prefix, .. } => self.list(path, *format, prefix),
        }
    }

    fn list(&self, path: &VirtualPath, format: Format, prefix: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut rows = Vec::new();
        for entry in self.tree.entries(path)? {
            if format == Format::Names {
                rows.extend_from_slice(prefix);
            }
            format.write(&mut rows, &entry, tree::NOW);
        }
        Ok(rows)
    }
}

fn sent(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new().encode(text, &mut out);
    out
}

fn stored(text: &[u8]) -> Vec<u8> {
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    decoder.decode(text, &mut out);
    decoder.finish(&mut out);
    out
}
