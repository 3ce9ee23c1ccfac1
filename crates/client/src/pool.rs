//! A pool: as many sessions with one server as there is work for, and as the server lets in.
//!
//! Servers tell their limits only by turning sessions away, with 421 or 530 and words of their own. A session that is
//! turned away while another one of the same login is in can have no other reason, whatever the words: from then on the
//! pool asks for no more than were in. What the sessions do is not known here (`tree/`), and nobody is asked for a
//! password.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use wharf_proto::charset::Charset;
use wharf_proto::{Command, Text};

use crate::session::Acquaintance;
use crate::{Address, Error, Login, Options, Session, Versions};

/// How many sessions a tree has, where nobody says.
pub const USUAL: usize = 16;
/// How many it has at most, where nobody says.
pub const MOST: usize = 50;

/// How long a session may be idle before it is asked whether its server is there; a NAT may have forgotten it.
const LONG: Duration = Duration::from_secs(30);
/// How long the answer may take.
const SIGN: Duration = Duration::from_secs(5);

/// A server and who logs in there.
///
/// ```
/// # let server = wharf_testkit::faulty::Faulty::new(&[("pub/image.iso", b"bytes")], &[]);
/// # let (host, port) = ("127.0.0.1", server.address().port());
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// use wharf_client::{Login, Options, Site};
/// let site = Site::new(host, port, Login::anonymous(), Options::default());
/// let session = site.enter().await?;
/// session.quit().await
/// # }).unwrap();
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

impl Session {
    /// Whether one that has been idle for so long can still be used.
    async fn is_alive(&mut self, idle: Duration) -> bool {
        // What has arrived is seen once the reactor has had its turn.
        tokio::task::yield_now().await;
        self.control.is_ready()
            && (idle < LONG || self.control.command_within(&Command::Noop, SIGN).await.is_ok())
    }
}

/// Sessions with one server, up to a limit that is learnt. Clones share them.
///
/// ```
/// # let server = wharf_testkit::faulty::Faulty::new(&[("pub/image.iso", b"bytes")], &[]);
/// # let (host, port) = ("127.0.0.1", server.address().port());
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// # let (login, options) = (wharf_client::Login::anonymous(), wharf_client::Options::default());
/// # let site = wharf_client::Site::new(host, port, login, options);
/// use wharf_client::Pool;
/// let pool = Pool::new(site, 8);
/// if let Some(session) = pool.take().await? {
///     // ... and when the work is done, for the next one to use:
///     session.give_back();
/// }
/// pool.close().await;
/// # Ok::<(), wharf_client::Error>(()) }).unwrap();
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
    /// Those that nobody uses, and since when.
    idle: Vec<(Session, Instant)>,
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

    /// A session that is logged in; `None` when as many are in use as may be. One that was used before is looked at
    /// first: those that the server has ended meanwhile are replaced.
    ///
    /// # Errors
    /// Those of [`Site::enter`], unless the server only has enough of us.
    pub async fn take(&self) -> Result<Option<Lent>, Error> {
        while let Some((mut lent, since)) = self.take_idle() {
            if lent.is_alive(since.elapsed()).await {
                return Ok(Some(lent));
            }
            tracing::info!("the server has ended an idle session");
        }
        let (site, known, older_tls) = {
            let mut state = self.state();
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
        let mut place = Place { pool: self.clone(), entered: false };
        let was_known = known.is_some();
        let entered = site.enter_as(known).await;
        let mut state = self.state();
        match entered {
            Ok(session) => {
                state.inside += 1;
                place.entered = true;
                Ok(Some(Lent { session, place }))
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

    /// The session that was used last of those that nobody uses.
    fn take_idle(&self) -> Option<(Lent, Instant)> {
        let mut state = self.state();
        let (session, since) = state.idle.pop()?;
        state.taken += 1;
        Some((Lent { session, place: Place { pool: self.clone(), entered: true } }, since))
    }

    /// Ends the sessions that nobody uses, with QUIT and all at once.
    pub async fn close(&self) {
        let idle = {
            let mut state = self.state();
            state.inside = state.inside.saturating_sub(state.idle.len());
            std::mem::take(&mut state.idle)
        };
        let mut leaving = tokio::task::JoinSet::new();
        for (session, _) in idle {
            // What was done is proven already.
            leaving.spawn(async move { drop(session.quit().await) });
        }
        leaving.join_all().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that is taken from a pool. [`give_back`](Self::give_back) lets others use it; where it is dropped, because its
/// work was broken off or the session is of no further use, the session is closed and its place is free.
#[derive(Debug)]
pub struct Lent {
    session: Session,
    /// Behind the session, so that this is closed before another one is begun in its place.
    place: Place,
}

impl Lent {
    /// Gives the session back, for others to use, unless it has ended or replies are owed.
    pub fn give_back(self) {
        let Self { session, mut place } = self;
        if session.control.is_spent() {
            return drop(session);
        }
        // It stays inside.
        place.entered = false;
        place.pool.state().idle.push((session, Instant::now()));
    }

    /// Gives the session back as what came of its work has it.
    pub(crate) fn settle<T>(self, result: &Result<T, Error>) {
        if !result.as_ref().is_err_and(Error::ends_the_session) {
            self.give_back();
        }
    }
}

impl Deref for Lent {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

/// A place in the pool, which is free again when this is dropped, with the one who came in.
#[derive(Debug)]
struct Place {
    pool: Pool,
    entered: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.taken = state.taken.saturating_sub(1);
        if self.entered {
            state.inside = state.inside.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_testkit::scripted::Scripted;

    fn pool(versions: Versions) -> Pool {
        let mut options = Options::default();
        options.tls.versions = versions;
        Pool::new(Site::new("localhost", 21, Login::anonymous(), options), 4)
    }

    #[tokio::test]
    async fn an_idle_session_is_alive_unless_its_server_has_closed_or_does_not_answer() {
        let (said, heard) = tokio::sync::oneshot::channel();
        let server = Scripted::sessions(|host| {
            let mut first = host.accept();
            first.say("220 ready");
            first.answer("NOOP", "200 here");
            first.say("421 idle for too long");
            first.shut();
            said.send(()).unwrap();
            let mut second = host.accept();
            second.say("220 ready");
            second.expect("NOOP");
            second.expect_any_end();
        });
        let at = server.address();
        let patient = Options::default();
        let mut first = Session::connect("127.0.0.1", at.port(), &patient).await.unwrap();
        assert!(first.is_alive(LONG).await);
        heard.await.unwrap();
        // What was sent is here once the end has come, which is awaited where nothing else is said.
        while first.is_alive(Duration::ZERO).await {
            tokio::task::yield_now().await;
        }
        let hasty = Options { timeout: Duration::from_secs(1), ..Options::default() };
        let mut second = Session::connect("127.0.0.1", at.port(), &hasty).await.unwrap();
        assert!(second.is_alive(Duration::ZERO).await && !second.is_alive(LONG).await);
    }

    #[test]
    fn want_of_tickets_changes_the_version_of_tls_once_and_only_where_both_are_allowed() {
        let both = pool(Versions::Both);
        assert_eq!([both.lacks_tickets(), both.lacks_tickets()], [true, false]);
        assert!(!pool(Versions::Only13).lacks_tickets() && !pool(Versions::Only12).lacks_tickets());
    }
}
