//! What the shell's commands and its line editor share: the session, and the names that are known of the server.
//!
//! While a line is edited no command runs, and the other way round; so the session is lent to one of them at a time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Runtime;
use wharf_client::{Error, Listing, Session};
use wharf_proto::Text;
use wharf_proto::listing::Kind;

use super::jobs::Gauge;
use crate::exit::{Exit, Why};
use crate::interrupt::with_session;

/// How many folders' names are kept for completion.
const FOLDERS: usize = 64;

/// A name on the server, and whether it is that of a folder.
pub(crate) type Known = (Vec<u8>, bool);

/// The session of a shell, if there is one.
pub(crate) struct Link {
    pub(crate) runtime: Runtime,
    session: RefCell<Option<Session>>,
    /// How the last session ended, or could not be opened, if that was not what the user wanted.
    lost: Cell<Option<Exit>>,
    /// Whether replies are not shown, because nobody asked for them.
    pub(crate) hushed: Arc<AtomicBool>,
    /// Whether every reply is the answer to what the user has asked.
    pub(crate) asked: Arc<AtomicBool>,
    /// Whether a job has stored something since the names were asked for.
    pub(crate) outdated: Arc<AtomicBool>,
    /// How far the jobs are, where there is a place to show it.
    pub(crate) gauge: Option<Arc<Gauge>>,
    /// Folders whose names have been asked for since something was changed.
    known: RefCell<BTreeMap<Vec<u8>, Vec<Known>>>,
}

impl Link {
    pub(crate) fn new(runtime: Runtime, gauge: Option<Arc<Gauge>>) -> Self {
        Self {
            runtime,
            gauge,
            session: RefCell::default(),
            lost: Cell::default(),
            hushed: Arc::default(),
            asked: Arc::default(),
            outdated: Arc::default(),
            known: RefCell::default(),
        }
    }

    /// Whether there is a session.
    pub(crate) fn is_open(&self) -> bool {
        self.session.borrow().is_some()
    }

    /// Looks at the session.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Session) -> T) -> Option<T> {
        self.session.borrow().as_ref().map(at)
    }

    /// Takes on a session.
    pub(crate) fn put(&self, session: Session) {
        *self.session.borrow_mut() = Some(session);
        self.lost.set(None);
        self.forget_names();
    }

    /// There is no session, and that is why.
    pub(crate) fn is_lost(&self, exit: Exit) {
        self.lost.set(Some(exit));
    }

    /// What is told of a session that is not there: for a script the reason is the one for which it is not.
    pub(crate) fn absence(&self) -> Why {
        match self.lost.get() {
            None => Why { exit: Exit::Usage, words: "not connected; try open HOST".to_owned() },
            Some(exit) => {
                let words =
                    "not connected: the session was lost, or could not be opened".to_owned();
                Why { exit, words }
            }
        }
    }

    /// Gives the session away.
    pub(crate) fn take(&self) -> Option<Session> {
        self.forget_names();
        self.lost.set(None);
        self.session.borrow_mut().take()
    }

    /// Changes something about the session that asks nothing of the server.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.session.borrow_mut().as_mut() {
            change(session);
        }
    }

    /// Does something with the session, if there is one.
    pub(crate) fn with<T>(
        &self,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, Error>,
    ) -> anyhow::Result<T> {
        let mut session = self.session.borrow_mut();
        let session = session.as_mut().ok_or_else(|| self.absence())?;
        self.runtime.block_on(with_session(session, work))
    }

    /// The same without showing the replies: for what the user did not ask for.
    pub(crate) fn with_hushed<T>(
        &self,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, Error>,
    ) -> anyhow::Result<T> {
        self.with_set(&self.hushed, work)
    }

    /// The same, where each reply is the answer, whatever it is to.
    pub(crate) fn with_answers<T>(
        &self,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, Error>,
    ) -> anyhow::Result<T> {
        self.with_set(&self.asked, work)
    }

    /// Does something with the session while this is set.
    fn with_set<T>(
        &self,
        flag: &AtomicBool,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, Error>,
    ) -> anyhow::Result<T> {
        flag.store(true, Ordering::Relaxed);
        let result = self.with(work);
        flag.store(false, Ordering::Relaxed);
        result
    }

    /// Forgets which names there are: the session has gone elsewhere, or something was changed.
    pub(crate) fn forget_names(&self) {
        self.known.borrow_mut().clear();
    }

    /// The names in a folder of the server, empty for the present one. Asked for once.
    pub(crate) fn names(&self, folder: &[u8]) -> anyhow::Result<Vec<Known>> {
        if self.outdated.swap(false, Ordering::Relaxed) {
            self.forget_names();
        }
        if let Some(names) = self.known.borrow().get(folder) {
            return Ok(names.clone());
        }
        let path = Text::from(folder);
        let path = (!path.is_empty()).then_some(&path);
        let Listing { entries, .. } = self.with_hushed(async |session| session.list(path).await)?;
        let known = |entry: wharf_proto::listing::Entry| {
            let folder = matches!(entry.kind, Kind::Folder);
            (entry.name, folder)
        };
        let names: Vec<Known> = entries.into_iter().map(known).collect();
        let mut all = self.known.borrow_mut();
        if all.len() == FOLDERS {
            all.clear();
        }
        all.insert(folder.to_vec(), names.clone());
        Ok(names)
    }
}
