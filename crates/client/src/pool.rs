//! A pool: as many sessions with one server as there is work for, and as the server lets in.
//!
//! Servers tell their limits only by turning sessions away, with 421 or 530 and words of their own. A session that is
//! turned away while another one of the same login is in can have no other reason, whatever the words: from then on the
//! pool asks for no more than were in. What the sessions do is not known here (`tree/`), and nobody is asked for a
//! password.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wharf_proto::Text;
use wharf_proto::charset::Charset;

use crate::session::Acquaintance;
use crate::{Address, Error, Login, Options, Session, Versions};

/// How many sessions a tree has, where nobody says.
pub const USUAL: usize = 16;
/// How many it has at most, where nobody says.
pub const MOST: usize = 50;

/// A server and who logs in there.
///
/// ```no_run
/// # async fn example() -> Result<(), wharf_client::Error> {
/// use wharf_client::{Login, Options, Site};
/// let site = Site::new("ftp.example.org", 21, Login::anonymous(), Options::default());
/// let session = site.enter().await?;
/// session.quit().await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Site {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Who logs in.
    pub login: Login,
    /// How each session behaves.
    pub options: Options,
    /// The folders that each session goes to, one after the other, before anything else is done.
    pub folders: Vec<Text>,
    /// The charset of its names. They stay as they are, but for those of a copy to a server with another one.
    pub charset: Charset,
}

impl Site {
    /// A server and who logs in there.
    pub fn new(host: impl Into<String>, port: u16, login: Login, options: Options) -> Self {
        let (host, folders, charset) = (host.into(), Vec::new(), Charset::default());
        Self { host, port, login, options, folders, charset }
    }

    /// The server of an address, for whom the address names.
    pub fn of(address: &Address, options: Options) -> Self {
        Self::new(address.host.clone(), address.port, address.login(), options)
    }

    /// Connects, logs in, and goes to the folders.
    ///
    /// # Errors
    /// Those of [`Session::connect`], [`Session::login`] and [`Session::cwd`].
    pub async fn enter(&self) -> Result<Session, Error> {
        self.enter_as(None).await
    }

    /// The same, for a server that is `known` from another session.
    async fn enter_as(&self, known: Option<Acquaintance>) -> Result<Session, Error> {
        let mut session = Session::connect(&self.host, self.port, &self.options).await?;
        if let Some(known) = known {
            session.log_in_again(&self.login, &self.folders, known).await?;
            return Ok(session);
        }
        session.login(&self.login).await?;
        for folder in &self.folders {
            session.cwd(folder).await?;
        }
        Ok(session)
    }
}

/// Sessions with one server, up to a limit that is learnt. Clones share them.
///
/// ```no_run
/// # async fn example(site: wharf_client::Site) -> Result<(), wharf_client::Error> {
/// use wharf_client::Pool;
/// let pool = Pool::new(site, 8);
/// if let Some(session) = pool.take().await? {
///     // ... and when the work is done, for the next one to use:
///     pool.give(session);
/// }
/// pool.close().await;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Pool {
    site: Arc<Site>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// How many sessions are in use or being opened.
    taken: usize,
    /// How many of them are logged in.
    inside: usize,
    usual: usize,
    limit: usize,
    /// How many sessions were begun: each has a name of its own in what the tap hears.
    begun: u64,
    idle: Vec<Session>,
    known: Known,
    older_tls: OlderTls,
}

/// Whether sessions have TLS 1.2 where both versions are allowed. A ticket of TLS 1.3 is good for one data connection,
/// and some servers give two of them and demand one for each; a TLS session of 1.2 is resumed as often as wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OlderTls {
    NotNeeded,
    Needed,
    /// The server has none.
    Missing,
}

/// What is known of the server from the sessions that are in.
#[derive(Debug)]
enum Known {
    Nothing,
    Well(Acquaintance),
    /// What was known did not hold; each session asks for itself.
    Wrongly,
}

impl Pool {
    /// A pool of up to `limit` sessions, but at least one. None is opened yet.
    pub fn new(site: Site, limit: usize) -> Self {
        Self::growing(site, limit, limit)
    }

    /// A pool whose trees have up to `usual` sessions, and up to `most` where many small files wait for nothing but the
    /// distance: as long as one more makes hardly any file slower. [`USUAL`] and [`MOST`] are good numbers.
    pub fn growing(site: Site, usual: usize, most: usize) -> Self {
        let usual = usual.max(1);
        let state = State {
            taken: 0,
            inside: 0,
            usual,
            limit: most.max(usual),
            begun: 0,
            idle: Vec::new(),
            known: Known::Nothing,
            older_tls: OlderTls::NotNeeded,
        };
        Self { site: Arc::new(site), state: Arc::new(Mutex::new(state)) }
    }

    /// The server.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// How many sessions the pool would have at most, as far as it knows the server.
    pub fn limit(&self) -> usize {
        self.state().limit
    }

    /// How many sessions a tree has without need for more.
    pub(crate) fn usual(&self) -> usize {
        self.state().usual
    }

    /// How many sessions are logged in.
    pub(crate) fn inside(&self) -> usize {
        self.state().inside
    }

    /// Lets the sessions to come take for granted what this one has seen, once it has.
    pub(crate) fn learn_from(&self, session: &Session) {
        let mut state = self.state();
        let wants = match &state.known {
            Known::Nothing => true,
            Known::Well(known) => !known.is_complete(),
            Known::Wrongly => false,
        };
        if wants && let Some(known) = session.acquaintance() {
            state.known = Known::Well(known);
        }
    }

    /// The tickets of a session were used up before the work was done. Whether that changes how sessions are begun.
    pub(crate) fn lacks_tickets(&self) -> bool {
        let mut state = self.state();
        let changes = state.older_tls == OlderTls::NotNeeded
            && self.site.options.tls.versions == Versions::Both;
        if changes {
            state.older_tls = OlderTls::Needed;
        }
        changes
    }

    /// A session that is logged in; `None` when as many are in use as may be.
    ///
    /// # Errors
    /// Those of [`Site::enter`], unless the server only has enough of us.
    pub async fn take(&self) -> Result<Option<Session>, Error> {
        let (site, known, older_tls) = {
            let mut state = self.state();
            if let Some(session) = state.idle.pop() {
                state.taken += 1;
                return Ok(Some(session));
            }
            if state.taken >= state.limit {
                return Ok(None);
            }
            state.taken += 1;
            let mut site = Site::clone(&self.site);
            site.options.session.0 += state.begun;
            state.begun += 1;
            let known = match &state.known {
                Known::Well(known) => Some(known.clone()),
                Known::Nothing | Known::Wrongly => None,
            };
            let older_tls = state.older_tls == OlderTls::Needed;
            if older_tls {
                site.options.tls.versions = Versions::Only12;
            }
            (site, known, older_tls)
        };
        // Whoever waits for it may stop waiting.
        let mut place = Place { pool: self, entered: false };
        let was_known = known.is_some();
        let entered = site.enter_as(known).await;
        let mut state = self.state();
        match entered {
            Ok(session) => {
                state.inside += 1;
                place.entered = true;
                Ok(Some(session))
            }
            Err(error) if state.inside > 0 && error.is_turned_away() => {
                state.limit = state.inside;
                tracing::info!(limit = state.limit, %error, "the server has enough of us");
                Ok(None)
            }
            Err(error) => {
                if was_known {
                    state.known = Known::Wrongly;
                }
                if older_tls && matches!(error, Error::Tls { .. }) {
                    state.older_tls = OlderTls::Missing;
                }
                Err(error)
            }
        }
    }

    /// Gives a session back, for others to use.
    pub fn give(&self, session: Session) {
        let mut state = self.state();
        state.taken = state.taken.saturating_sub(1);
        state.idle.push(session);
    }

    /// Says that a session that was taken is no more.
    pub fn lose(&self, session: Session) {
        drop(session);
        let mut state = self.state();
        state.taken = state.taken.saturating_sub(1);
        state.inside = state.inside.saturating_sub(1);
    }

    /// Ends the sessions that nobody uses, with QUIT and all at once.
    pub async fn close(&self) {
        let idle = {
            let mut state = self.state();
            state.inside = state.inside.saturating_sub(state.idle.len());
            std::mem::take(&mut state.idle)
        };
        let mut leaving = tokio::task::JoinSet::new();
        for session in idle {
            // What was done is proven already.
            leaving.spawn(async move { drop(session.quit().await) });
        }
        leaving.join_all().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the pool that is free again if nobody came in.
struct Place<'a> {
    pool: &'a Pool,
    entered: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.entered {
            let mut state = self.pool.state();
            state.taken = state.taken.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(versions: Versions) -> Pool {
        let mut options = Options::default();
        options.tls.versions = versions;
        Pool::new(Site::new("localhost", 21, Login::anonymous(), options), 4)
    }

    #[test]
    fn want_of_tickets_changes_the_version_of_tls_once_and_only_where_both_are_allowed() {
        let both = pool(Versions::Both);
        assert_eq!([both.lacks_tickets(), both.lacks_tickets()], [true, false]);
        assert!(!pool(Versions::Only13).lacks_tickets() && !pool(Versions::Only12).lacks_tickets());
    }
}
