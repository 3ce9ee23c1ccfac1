//! Transfers: RETR STOR APPE LIST NLST MLSD REST ABOR (RFC 959 section 4.1.3, RFC 3659).
//!
//! Preliminary replies tell the truth: 125 when the data connection is open at that moment, 150 when it is
//! not yet. The final reply is 226 when the data connection is closed; 250 where the policy wants it.

use super::effect::{
    Cannot, Effect, Ended, Fault, News, Outcome, Part, Pattern, Payload, Route, StoreAt,
    TransferPlan, TreeAction,
};
use super::state::{Awaiting, DataPlan, Moving, Pace, Sequence, Transfer};
use super::{Output, Session};
use crate::codec::{Coding, Marker, Settings};
use crate::command::Range;
use crate::glob::Glob;
use crate::listing::Format;
use crate::params::Mode;
use crate::tap::{Timer, What};
use crate::texts::Say;
use crate::{Text, Verb, codec};

impl Session {
    /// RETR.
    pub(super) fn retr(&mut self, path: &Text, sequence: &Sequence) {
        let part = match sequence {
            Sequence::RestartAt(marker) if self.restarts_in_the_file() => Part::From(*marker),
            Sequence::RestartAt(marker)
                if marker.offset() > 0 && self.representation.mode == Mode::Deflate =>
            {
                return self.say_unsupported(Verb::Retr, Cannot::RestartDeflated);
            }
            Sequence::RestartAt(marker) => Part::Behind(marker.offset()),
            Sequence::Range(_) if !codec::passes_through(self.representation) => {
                return self.say_unsupported(Verb::Retr, Cannot::RangeOfText);
            }
            Sequence::Range(range) => Part::Range(*range),
            Sequence::None | Sequence::RenameFrom(_) => Part::Behind(0),
        };
        if let Some(path) = self.path(Verb::Retr, path) {
            self.begin(Verb::Retr, Payload::Retrieve { path, part });
        }
    }

    /// STOR.
    pub(super) fn stor(&mut self, path: &Text, sequence: &Sequence) {
        let at = match sequence {
            Sequence::Range(_) => {
                return self.say_unsupported(Verb::Stor, Cannot::RangeOfUpload);
            }
            Sequence::RestartAt(marker) if marker.offset() == 0 => StoreAt::Start,
            // Where a place on the wire is in a translated file nobody knows.
            Sequence::RestartAt(_) if !self.restarts_in_the_file() => {
                return self.say_unsupported(Verb::Stor, Cannot::RestartOfText);
            }
            Sequence::RestartAt(marker) => StoreAt::From(*marker),
            Sequence::None | Sequence::RenameFrom(_) => StoreAt::Start,
        };
        self.store(Verb::Stor, path, at);
    }

    /// Whether the offset of REST is a place in our file: in the framed modes, where a marker tells it, and
    /// where the bytes are those of the file. In a stream of text it counts bytes on the wire.
    fn restarts_in_the_file(&self) -> bool {
        self.representation.mode.is_framed()
            || codec::passes_through(self.coding_as_stream().representation)
    }

    fn coding(&self) -> Coding {
        let settings = Settings {
            code_page: self.policy.code_page,
            marker_interval: self.policy.marker_interval,
            level: self.deflate_level,
        };
        Coding { representation: self.representation, settings }
    }

    /// As if the mode were that of a stream.
    pub(super) fn coding_as_stream(&self) -> Coding {
        let mut coding = self.coding();
        coding.representation.mode = Mode::Stream;
        coding
    }

    fn store(&mut self, verb: Verb, path: &Text, at: StoreAt) {
        let umask = self.umask;
        if let Some(path) = self.path(verb, path) {
            self.begin(verb, Payload::Store { path, at, umask });
        }
    }

    fn say_unsupported(&mut self, verb: Verb, what: Cannot) {
        self.say(&Say::Fault(&Fault::Unsupported(what), verb));
    }

    /// APPE.
    pub(super) fn appe(&mut self, path: &Text) {
        self.store(Verb::Appe, path, StoreAt::End);
    }

    /// STOU: under a new name, which the preliminary reply tells (RFC 1123 section 4.1.2.9).
    pub(super) fn stou(&mut self, path: Option<&Text>) {
        let begins = path.cloned().unwrap_or_else(|| "upload".into());
        self.store(Verb::Stou, &begins, StoreAt::NewName);
    }

    /// ALLO: nothing is reserved, but the answer tells whether there is space.
    pub(super) fn allo(&mut self, bytes: u64) {
        self.wanted = bytes;
        let folder = self.folder.clone();
        self.act_on(Verb::Allo, folder, TreeAction::Free);
    }

    pub(super) fn tell_space(&mut self, free: u64) {
        if self.wanted <= free {
            self.say(&Say::SpaceFor(self.wanted));
        } else {
            self.say(&Say::Fault(&Fault::Full, Verb::Allo));
        }
    }

    /// RANG.
    pub(super) fn rang(&mut self, range: Range) {
        self.sequence = match range == Range::default() {
            true => Sequence::None,
            false => Sequence::Range(range),
        };
        self.say(&Say::RangeIs(range));
    }

    /// MLSD.
    pub(super) fn mlsd(&mut self, path: Option<&Text>) {
        self.begin_listing(Verb::Mlsd, path, Format::Facts(self.facts));
    }

    /// LIST, NLST and MLSD. Each name of NLST can be used in the next command as it stands (RFC 1123 section
    /// 4.1.2.7), so the folder that was asked for stands before it.
    pub(super) fn begin_listing(&mut self, verb: Verb, argument: Option<&Text>, format: Format) {
        let Some(path) = self.path_or_folder(verb, argument) else { return };
        let prefix = match argument.map(Text::as_bytes) {
            None => Vec::new(),
            Some(words) if words.ends_with(b"/") => words.to_vec(),
            Some(words) => [words, b"/"].concat(),
        };
        let pattern = match format {
            Format::Unix | Format::Names => argument.and_then(|argument| self.pattern(argument)),
            Format::Facts(_) => None,
        };
        let charset = self.charset;
        self.begin(verb, Payload::List { path, format, prefix, pattern, charset });
    }

    /// The argument as a pattern, where it is one in its last name.
    fn pattern(&self, argument: &Text) -> Option<Box<Pattern>> {
        let words = self.charset.from_wire(argument.as_bytes());
        let (folder, glob) = Glob::split(&words)?;
        let prefix = match folder {
            b"" | b"/" => folder.to_vec(),
            _ => [&self.charset.to_wire(folder), b"/".as_slice()].concat(),
        };
        let folder = self.folder.join(folder).ok()?;
        Some(Box::new(Pattern { folder, glob, prefix }))
    }

    fn begin(&mut self, verb: Verb, what: Payload) {
        if self.must_be_private() && !self.is_private() {
            return self.say(&Say::PrivateDataOnly);
        }
        let tls = self.tls_role();
        let route = match std::mem::replace(&mut self.plan, DataPlan::None) {
            DataPlan::Listening { .. } => Route::Accept,
            DataPlan::Dial(to) => Route::Dial(to),
            DataPlan::Kept => Route::Kept,
            // RFC 959 section 3.3: the default data port is the client's end of the control connection.
            DataPlan::None => Route::Dial(self.client),
        };
        let plan = TransferPlan { what, route, coding: self.coding(), tls };
        let id = self.start(Effect::Transfer(Box::new(plan)));
        self.moved = 0;
        self.transfer = Transfer::Preparing(Moving {
            id,
            verb,
            dials: matches!(route, Route::Dial(_)),
            size: None,
        });
        self.stored_as = None;
    }

    pub(super) fn handle_transfer_outcome(&mut self, outcome: Outcome) {
        match (self.transfer, outcome) {
            (Transfer::Preparing(moving), Outcome::Prepared { open, news }) => {
                let moving = self.hear(moving, news);
                // Who dials knows soon whether the connection opens; who waits may wait long, for a client
                // that wants to read 150 first.
                let announced = !open && !moving.dials;
                if open {
                    self.announce(125, moving);
                    self.run(moving);
                } else {
                    if announced {
                        self.announce(150, moving);
                    }
                    self.transfer = Transfer::Opening { moving, announced, since: self.now };
                }
            }
            (Transfer::Opening { moving, announced, .. }, Outcome::Opened) => {
                if !announced {
                    self.announce(125, moving);
                }
                self.run(moving);
            }
            (Transfer::Running(_), Outcome::Marked { theirs, ours }) => {
                self.say(&Say::Marked(&theirs, ours));
            }
            (_, Outcome::Ended(ended)) => self.finish(&ended),
            _ => {}
        }
    }

    fn run(&mut self, moving: Moving) {
        self.transfer = Transfer::Running(moving);
        self.running_since = self.now;
    }

    fn hear(&mut self, moving: Moving, news: News) -> Moving {
        match news {
            News::None => moving,
            News::Size(bytes) => Moving { size: Some(bytes), ..moving },
            News::Name(path) => {
                self.stored_as = Some(Box::new(path));
                moving
            }
        }
    }

    /// The preliminary reply: 125 where the data connection is open, 150 where it is not yet.
    fn announce(&mut self, code: u16, moving: Moving) {
        let stored_as = self.stored_as.take();
        match (stored_as, moving.size) {
            (Some(path), _) => self.say(&Say::StoringAs(code, &path)),
            (None, size) => self.say(&Say::Starting { code, kind: self.representation.kind, size }),
        }
    }

    fn finish(&mut self, ended: &Ended) {
        let Some(moving) = self.transfer.moving() else { return };
        self.transfer = Transfer::Idle;
        self.active = self.now;
        match ended {
            Ended::Complete { bytes, remarks } => {
                let stays = self.plan == DataPlan::Kept;
                let code = if stays || self.policy.complete_with_250 { 250 } else { 226 };
                self.say(&Say::Complete { bytes: *bytes, remarks, code });
            }
            Ended::NotOpened(why) => self.say(&Say::NotOpened(why)),
            Ended::Broken(why) => self.say(&Say::Broken(why)),
            Ended::Failed(fault) => self.say(&Say::Fault(fault, moving.verb)),
        }
    }

    /// Either patience has run out and 150 is due, or the time for opening has.
    pub(super) fn handle_opening_timeout(&mut self) {
        let Transfer::Opening { moving, announced, since } = self.transfer else { return };
        if announced {
            self.tap(What::TimerRanOut { timer: Timer::DataOpen });
            self.out.push_back(Output::Cancel(moving.id));
            self.transfer = Transfer::Idle;
            self.active = self.now;
            self.say(&Say::OpenTimedOut);
        } else {
            self.transfer = Transfer::Opening { moving, announced: true, since };
            self.announce(150, moving);
        }
    }

    /// REST.
    pub(super) fn rest(&mut self, marker: Marker) {
        if !self.representation.mode.is_framed() && marker != Marker::at(marker.offset()) {
            return self.say(&Say::BadArgument(Verb::Rest));
        }
        self.sequence = Sequence::RestartAt(marker);
        self.say(&Say::RestartAt(marker));
    }

    /// ABOR: 426 for a transfer that it breaks off, and 226 for itself; 226 alone where there is none. A
    /// listener that nobody has used is closed. What else may take long is told to stop, and what came of it is
    /// its own reply: it may be done by then.
    pub(super) fn abor(&mut self) {
        if let Awaiting::Tree { pace: pace @ Pace::Long, .. } = &mut self.awaiting {
            *pace = Pace::Stopping;
            return self.out.push_back(Output::Cancel(self.last_id));
        }
        let Some(moving) = self.transfer.moving() else {
            self.forget_data();
            return self.say(&Say::NothingToAbort);
        };
        self.out.push_back(Output::Cancel(moving.id));
        self.transfer = Transfer::Idle;
        self.say(&Say::Aborted);
        self.say(&Say::AbortDone);
    }
}

/// The part of a file that RANG has chosen.
pub(super) fn range_of(sequence: &Sequence) -> Range {
    match sequence {
        Sequence::Range(range) => *range,
        Sequence::None | Sequence::RenameFrom(_) | Sequence::RestartAt(_) => Range::default(),
    }
}
