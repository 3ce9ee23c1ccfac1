//! Who did what, for the log: a line for each transfer and for each change of the tree, when it is over.
//!
//! It is told where it is done and not read off the tap: there a name is what the client has typed, and here it is
//! the whole path, with who asked for it and from where. What is given up before its end (ABOR, the session has
//! gone) is a line as well, written when the deed is dropped.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use wharf_proto::Text;
use wharf_proto::codec::passes_through;
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Ended, Fault, News, Outcome, Payload, TransferPlan, TreeAction};
use wharf_proto::tap::SessionId;
use wharf_proto::verb::Verb;

/// Who does something.
pub(crate) struct Doer {
    pub(crate) session: SessionId,
    pub(crate) user: Text,
    pub(crate) client: IpAddr,
}

/// Bytes that a transfer has moved so far.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    /// On the data connection.
    pub(crate) wire: AtomicU64,
    /// In the file, counted only where a codec makes them others than those on the wire.
    pub(crate) file: AtomicU64,
}

/// Something that is being done; dropped before its end it was given up. Nothing where nobody is to be told of it.
#[derive(Default)]
pub(crate) struct Deed(Option<Box<Open>>);

struct Open {
    doer: Doer,
    verb: &'static str,
    path: Text,
    what: What,
}

enum What {
    Transfer {
        began: Instant,
        moved: Arc<Moved>,
        /// Whether the bytes on the wire are others than those of the file.
        coded: bool,
    },
    Change {
        /// The other path, of what has two.
        to: Option<Text>,
    },
}

/// Whether anybody reads such lines: who does not is spared them.
pub(crate) fn are_told() -> bool {
    tracing::enabled!(target: module_path!(), tracing::Level::INFO)
}

impl Deed {
    /// A transfer that begins.
    pub(crate) fn transfer(doer: Doer, verb: Verb, plan: &TransferPlan, moved: Arc<Moved>) -> Self {
        let (path, listing) = match &plan.what {
            Payload::Retrieve { path, .. } | Payload::Store { path, .. } => (path, false),
            Payload::List { path, .. } => (path, true),
        };
        // A listing is in no file.
        let coded = !listing && !passes_through(plan.coding.representation);
        let what = What::Transfer { began: Instant::now(), moved, coded };
        Self(Some(Box::new(Open { doer, verb: verb.name(), path: text_of(path), what })))
    }

    /// An action that changes the tree; nothing for one that only looks.
    pub(crate) fn change(
        doer: impl FnOnce() -> Doer,
        verb: Verb,
        action: &TreeAction,
    ) -> Option<Self> {
        // What SITE is called with, the path, and the other one.
        let (site, path, to) = match action {
            TreeAction::MakeFolder { path, .. } => ("SITE MKDIR", path, None),
            TreeAction::RemoveFolder { path, .. } => ("SITE RMDIR", path, None),
            TreeAction::Delete(path) => ("SITE", path, None),
            TreeAction::Rename { from, to } => ("SITE", from, Some(to)),
            TreeAction::SetModified(path, _) => ("SITE UTIME", path, None),
            TreeAction::SetMode(path, _) => ("SITE CHMOD", path, None),
            TreeAction::SetLabel(path, ..) => ("SITE", path, None),
            TreeAction::Copy { from, to, .. } => ("SITE COPY", from, Some(to)),
            TreeAction::Join { target, .. } => ("SITE", target, None),
            TreeAction::Link { link, target } => ("SITE SYMLINK", link, Some(target)),
            TreeAction::Enter(_)
            | TreeAction::Find(_)
            | TreeAction::Size { .. }
            | TreeAction::Modified(_)
            | TreeAction::Facts(_)
            | TreeAction::List(..)
            | TreeAction::Free(_)
            | TreeAction::FolderSize(_)
            | TreeAction::Digest(..) => return None,
        };
        let verb = if verb == Verb::Site { site } else { verb.name() };
        let what = What::Change { to: to.map(text_of) };
        Some(Self(Some(Box::new(Open { doer: doer(), verb, path: text_of(path), what }))))
    }

    /// What came of a step of it: the line is written when that was the last one.
    pub(crate) fn heard(&mut self, outcome: &Outcome) {
        let Some(open) = &mut self.0 else { return };
        let how = match outcome {
            Outcome::Prepared { news: News::Name(path), .. } => {
                // STOU has chosen it.
                open.path = text_of(path);
                return;
            }
            Outcome::Prepared { .. } | Outcome::Opened | Outcome::Marked { .. } => return,
            Outcome::Failed(fault) | Outcome::Ended(Ended::Failed(fault)) => in_words(fault),
            Outcome::Ended(Ended::NotOpened(why)) => format!("no data connection: {why}"),
            Outcome::Ended(Ended::Broken(why)) => why.to_string(),
            _ => "done".to_owned(),
        };
        self.end(&how);
    }

    fn end(&mut self, outcome: &str) {
        let Some(open) = self.0.take() else { return };
        let Open { doer: Doer { session, user, client }, verb, path, what } = *open;
        match what {
            What::Transfer { began, moved, coded } => {
                let bytes = if coded { &moved.file } else { &moved.wire };
                let bytes = bytes.load(Ordering::Relaxed);
                let seconds = (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
                tracing::info!(%session, %user, %client, verb, %path, bytes, seconds, outcome, "transfer");
            }
            What::Change { to } => {
                let to = to.as_ref().map(tracing::field::display);
                tracing::info!(%session, %user, %client, verb, %path, to, outcome, "change");
            }
        }
    }
}

impl Drop for Deed {
    fn drop(&mut self) {
        self.end("given up");
    }
}

fn text_of(path: &VirtualPath) -> Text {
    Text::from(path.as_bytes())
}

/// Why the tree did not do something, in words for the log.
fn in_words(fault: &Fault) -> String {
    let words = match fault {
        Fault::NotFound => "there is no such name",
        Fault::Exists => "the name is taken",
        Fault::NotAFolder => "it is no folder",
        Fault::NotAFile => "it is no plain file",
        Fault::NotEmpty => "the folder is not empty",
        Fault::Unfinished => "an unfinished upload is in the folder",
        Fault::Denied => "permission denied",
        Fault::Name => "the name cannot be used",
        Fault::Busy => "somebody is writing it",
        Fault::Changed => "somebody has changed it meanwhile",
        Fault::Full => "no space is left",
        Fault::OverQuota => "over the quota",
        Fault::Offset => "the position is behind the end",
        Fault::Unsupported(_) => "that is not supported",
        Fault::Shrunk { .. } => "the file became shorter meanwhile",
        Fault::Crowded => "no turn came in time",
        Fault::Stopped => "given up",
        Fault::System(why) => return why.to_string(),
    };
    words.to_owned()
}
