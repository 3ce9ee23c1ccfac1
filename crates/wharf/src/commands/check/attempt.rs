//! One try: a session of its own, with everything that its tap told.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wharf_client::{Address, Error, Login, Options, Put, Session, Setup, Tls, TlsMode, quiet};
use wharf_ladder::Ladder;
use wharf_ladder::findings::Finding;
use wharf_proto::tap::{Event, SessionId, TlsFacts, What};
use wharf_proto::{Command, Text};

/// How long is waited for a server that is full, before it is asked again.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(1)];
/// What is stored by `--upload`.
const FILE: &[u8] = b"wharf check\n";

/// How a session is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// Not at all.
    Clear,
    /// From AUTH TLS on.
    Explicit,
    /// From the first byte on.
    Implicit,
}

/// What is tried beyond listings.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extra {
    /// A small file.
    Upload,
    /// A silence of this length.
    Idle(Duration),
}

/// What came of a try.
pub(super) type Outcome = Result<Told, Error>;

/// What a try has learnt.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) features: Vec<String>,
    pub(super) system: Option<String>,
    pub(super) folder: Option<String>,
    /// Bytes that came over data connections.
    pub(super) moved: usize,
}

/// A try that is over.
pub(super) struct Attempt {
    /// The number of its session, from 1.
    pub(super) session: SessionId,
    pub(super) cover: Cover,
    pub(super) setup: Option<Setup>,
    pub(super) outcome: Outcome,
    pub(super) took: Duration,
    pub(super) events: Vec<Event>,
    ladder: Ladder,
}

/// Who is examined; clones count their tries together.
#[derive(Clone)]
pub(super) struct Patient<'a> {
    address: &'a Address,
    /// What goes for each try, TLS as it is where it is tried.
    options: Options,
    pub(super) login: Login,
    /// When the first try began, from which the time of all events is counted.
    begun: Instant,
    /// Tries so far.
    tries: Rc<Cell<u64>>,
}

impl<'a> Patient<'a> {
    pub(super) fn new(address: &'a Address, login: Login, options: Options) -> Self {
        Self { address, options, login, begun: Instant::now(), tries: Rc::default() }
    }

    /// Connects and hears the greeting, and says nothing but NOOP and QUIT.
    pub(super) async fn try_greeting(&self, cover: Cover) -> Attempt {
        self.attempt(cover, None, async |session| {
            let _ = session.quote(&Command::Noop).await;
            Ok(Told::default())
        })
        .await
    }

    /// Logs in and asks what the server is.
    pub(super) async fn try_login(&self, cover: Cover) -> Attempt {
        self.attempt(cover, None, async |session| {
            session.login(&self.login).await?;
            let features = session.features().await?.iter().map(str::to_owned).collect();
            let system = session.system().await.ok().map(Text::to_string);
            let folder = session.pwd().await.ok().map(|folder| folder.to_string());
            Ok(Told { features, system, folder, moved: 0 })
        })
        .await
    }

    /// Enters the folder that the URL names.
    pub(super) async fn try_folder(&self, cover: Cover) -> Attempt {
        self.attempt(cover, None, async |session| {
            self.enter(session).await?;
            let folder = session.pwd().await.ok().map(|folder| folder.to_string());
            Ok(Told { folder, ..Told::default() })
        })
        .await
    }

    /// Whether a folder is named.
    pub(super) fn has_folder(&self) -> bool {
        !self.address.path.is_empty()
    }

    /// Lists a folder, the data connection agreed on in one way.
    pub(super) async fn try_listing(&self, cover: Cover, setup: Setup) -> Attempt {
        self.attempt(cover, Some(setup), async |session| {
            self.enter(session).await?;
            let moved = session.list_text(None).await?.len();
            Ok(Told { moved, ..Told::default() })
        })
        .await
    }

    /// Lists a folder over a data connection that begins TLS anew.
    pub(super) async fn try_anew(&self, cover: Cover, setup: Setup) -> Attempt {
        let tls = Tls { fresh_data: true, ..self.options.tls.clone() };
        let options = Options { tls, ..self.options.clone() };
        Self { options, ..self.clone() }.try_listing(cover, setup).await
    }

    /// Stores a small file, fetches and deletes it.
    pub(super) async fn try_upload(&self, cover: Cover, setup: Setup) -> Attempt {
        self.attempt(cover, Some(setup), async |session| {
            self.enter(session).await?;
            let name = Text::from(format!("wharf-check-{}.txt", std::process::id()));
            session.store(&mut &FILE[..], &name, Put::default(), &mut quiet()).await?;
            let mut came = Vec::new();
            let fetched = session.fetch(&name, 0, &mut came, &mut quiet()).await;
            session.delete(&name).await?;
            fetched?;
            Ok(Told { moved: came.len(), ..Told::default() })
        })
        .await
    }

    /// Is silent for a time, and asks whether somebody is there.
    pub(super) async fn try_silence(&self, cover: Cover, silence: Duration) -> Attempt {
        self.attempt(cover, None, async |session| {
            session.login(&self.login).await?;
            tokio::time::sleep(silence).await;
            session.quote(&Command::Noop).await?;
            Ok(Told::default())
        })
        .await
    }

    async fn enter(&self, session: &mut Session) -> Result<(), Error> {
        session.login(&self.login).await?;
        if !self.address.path.is_empty() {
            session.cwd(&self.address.path).await?;
        }
        Ok(())
    }

    async fn attempt(
        &self,
        cover: Cover,
        setup: Option<Setup>,
        mut work: impl AsyncFnMut(&mut Session) -> Result<Told, Error>,
    ) -> Attempt {
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        self.tries.set(self.tries.get() + 1);
        let session = SessionId(self.tries.get());
        let options = self.options(session, cover, setup, &events);
        let mut pauses = PAUSES.into_iter();
        let (outcome, took) = loop {
            let begun = Instant::now();
            let outcome = self.session(&options, &mut work).await;
            let took = begun.elapsed();
            // A server that has just seen our last session end may still count it: then it is asked again.
            let may_count_us =
                self.tries.get() > 1 && outcome.as_ref().is_err_and(Error::is_of_too_many);
            let Some(pause) = pauses.next().filter(|_| may_count_us) else { break (outcome, took) };
            tokio::time::sleep(pause).await;
            events.lock().unwrap_or_else(PoisonError::into_inner).clear();
        };
        let events = std::mem::take(&mut *events.lock().unwrap_or_else(PoisonError::into_inner));
        let ladder = Ladder::from_events(events.iter());
        Attempt { session, cover, setup, outcome, took, events, ladder }
    }

    async fn session(
        &self,
        options: &Options,
        work: &mut impl AsyncFnMut(&mut Session) -> Result<Told, Error>,
    ) -> Outcome {
        let mut session = Session::connect(&self.address.host, self.address.port, options).await?;
        let told = work(&mut session).await;
        match &told {
            // How it leaves is no part of what is examined.
            Ok(_) => drop(session.quit().await),
            Err(_) => session.close().await,
        }
        told
    }

    fn options(
        &self,
        session: SessionId,
        cover: Cover,
        setup: Option<Setup>,
        events: &Arc<Mutex<Vec<Event>>>,
    ) -> Options {
        let tls = match cover {
            Cover::Clear => Tls::default(),
            Cover::Explicit => Tls { mode: TlsMode::Explicit, ..self.options.tls.clone() },
            Cover::Implicit => Tls { mode: TlsMode::Implicit, ..self.options.tls.clone() },
        };
        let sink = Arc::clone(events);
        Options {
            setup,
            tls,
            tap: Some(Arc::new(move |event| {
                sink.lock().unwrap_or_else(PoisonError::into_inner).push(event);
            })),
            session,
            origin: self.begun,
            ..self.options.clone()
        }
    }
}

impl Attempt {
    /// What the ladder says went wrong.
    pub(super) fn findings(&self) -> Vec<Finding> {
        self.ladder.findings()
    }

    /// The server's address.
    pub(super) fn server(&self) -> Option<SocketAddr> {
        self.ladder.ends().map(|ends| ends.server)
    }

    /// The greeting's first line, and how long it took to come.
    pub(super) fn greeting(&self) -> Option<(String, Duration)> {
        let opened =
            self.events.iter().find(|event| matches!(event.what, What::ControlOpened { .. }));
        self.events.iter().find_map(|event| match &event.what {
            What::Reply { code, lines } => {
                let first = lines.first().map(Text::to_string).unwrap_or_default();
                let waited = opened.map_or(Duration::ZERO, |opened| event.at.since(opened.at));
                Some((format!("{code} {first}"), waited))
            }
            _ => None,
        })
    }

    /// The TLS of the control connection, or of its data connections.
    pub(super) fn tls(&self, of_data: bool) -> Option<&TlsFacts> {
        self.events.iter().find_map(|event| match &event.what {
            What::Secured { conn, facts } if conn.is_some() == of_data => Some(facts),
            _ => None,
        })
    }
}
