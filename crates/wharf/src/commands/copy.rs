//! `wharf copy`: from server to server, the data going between the two; with `-r` a whole tree.

use std::future::Future;
use std::pin::pin;

use serde_json::json;
use wharf_client::{
    Address, Copied, Copier, CopyError, CopyEvent, Error, Lent, Route, Side, Site, Throttle,
    TlsMode, USUAL, UrlType, Verdict,
};
use wharf_proto::Text;
use wharf_proto::tap::SessionId;

use super::tree::Report;
use crate::args::ConnectionArgs;
use crate::args::copy::CopyArgs;
use crate::args::tls::{TlsArgs, warn};
use crate::events::Events;
use crate::exit::{Exit, Interrupted, Usage};
use crate::interrupt::unless_interrupted;
use crate::progress::Screen;
use crate::retry::persist;
use crate::settings;
use crate::trace::Trace;
use crate::visit::{PASSWORD_VARIABLE, file, login_by, options};

/// The environment variable that holds the password of the target, where the URL does not. That of the source is not
/// told to another host.
const TARGET_PASSWORD_VARIABLE: &str = "WHARF_TARGET_PASSWORD";
/// The sessions with the target are counted from here on in what the tap hears, those with the source from 1.
const TARGET_SESSIONS: u64 = 1_000_001;

/// One of the two servers, and how it is spoken to.
struct Place {
    address: Address,
    connection: ConnectionArgs,
    /// Where its password may be.
    variable: &'static str,
}

/// What is to be done.
struct Errand<'a> {
    arguments: &'a CopyArgs,
    source: Place,
    target: Place,
    /// The path at the target.
    remote: Text,
}

pub(crate) async fn run(arguments: &CopyArgs, events: &Events) -> anyhow::Result<Exit> {
    let errand = Errand::of(arguments)?;
    let trace = Trace::wanted_by(&arguments.connection)?;
    let copier = errand.copier(trace.as_ref())?;
    let result = match arguments.how.recursive {
        true => errand.copy_tree(&copier, events).await,
        false => errand.copy_file(&copier, events).await,
    };
    if result.is_ok() {
        // How QUIT went changes nothing: what was done is proven already.
        let _ = unless_interrupted(copier.close()).await;
    }
    let drawn = trace.map_or(Ok(()), |trace| trace.draw());
    let exit = result?;
    drawn.map(|()| exit)
}

impl<'a> Errand<'a> {
    fn of(arguments: &'a CopyArgs) -> anyhow::Result<Self> {
        let place = |address: &Address, variable| -> Result<Place, Usage> {
            let (mut address, mut connection) = (address.clone(), arguments.connection.clone());
            settings::settle_by(&mut address, &mut connection, variable)?;
            Ok(Place { address, connection, variable })
        };
        let (from, to) = (&arguments.source.0, &arguments.target.0);
        let of_text = |kind| matches!(kind, Some(UrlType::Ascii | UrlType::Directory));
        if of_text(from.kind) || of_text(to.kind) {
            return Err(Usage("a copy goes byte by byte, without ;type=".to_owned()).into());
        }
        let account =
            |address: &Address| (address.host.clone(), address.port, address.login().user);
        let same = account(from) == account(to);
        let mut source = place(from, PASSWORD_VARIABLE)?;
        let mut target =
            place(to, if same { PASSWORD_VARIABLE } else { TARGET_PASSWORD_VARIABLE })?;
        if !arguments.how.recursive {
            file(&source.address)?;
        }
        let remote = remote(&source, &target, arguments.how.recursive)?;
        if same && source.address.path == remote {
            return Err(Usage(format!("{from}: this is source and target at once")).into());
        }
        // What is said of TLS is meant for the one that has it.
        match (source.has_tls(), target.has_tls()) {
            (true, false) => target.connection.tls = TlsArgs::default(),
            (false, true) => source.connection.tls = TlsArgs::default(),
            _ => {}
        }
        Ok(Self { arguments, source, target, remote })
    }

    fn place(&self, side: Side) -> &Place {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    /// Sessions with both servers, of which none is open yet.
    fn copier(&self, trace: Option<&Trace>) -> anyhow::Result<Copier> {
        let site = |place: &Place, first| -> anyhow::Result<Site> {
            let Place { address, connection, variable } = place;
            let mut options = options(connection, address.scheme, trace.map(Trace::tap))?;
            options.session = SessionId(first);
            let login = login_by(address, variable)?;
            let charset = connection.charset.unwrap_or_default();
            let site = Site::new(address.host.clone(), address.port, login, options);
            Ok(Site { charset, ..site })
        };
        let mut source = site(&self.source, 1)?;
        let mut target = site(&self.target, TARGET_SESSIONS)?;
        target.options.origin = source.options.origin;
        // What goes through here is paid for once.
        source.options.throttle = self.arguments.how.moving.pace.limit_rate.map(Throttle::new);
        let told = [&source.options.tls, &target.options.tls];
        if let Some(tls) = told.into_iter().find(|tls| tls.mode != TlsMode::Off) {
            warn(tls, self.arguments.connection.quiet);
        }
        let jobs = match self.arguments.how.recursive {
            true => self.arguments.how.tree.jobs.map_or(USUAL, usize::from),
            false => 1,
        };
        Ok(Copier::new(source, target, jobs))
    }

    /// Logs in at both, so that what is wrong there is told as theirs.
    async fn enter(&self, copier: &Copier) -> anyhow::Result<()> {
        let (source, target) = (copier.pool(Side::Source), copier.pool(Side::Target));
        let entering = async { tokio::join!(source.take(), target.take()) };
        let entered = unless_interrupted(entering).await?;
        let mut result = Ok(());
        for (side, entered) in [(Side::Source, entered.0), (Side::Target, entered.1)] {
            match entered {
                Ok(session) => session.into_iter().for_each(Lent::give_back),
                Err(error) => result = result.and(Err(self.told(CopyError { side, error }))),
            }
        }
        result
    }

    /// An error with the address of the server.
    fn told(&self, CopyError { side, error }: CopyError) -> anyhow::Error {
        if matches!(error, Error::Stopped) {
            return Interrupted::default().into();
        }
        let place = self.place(side).address.to_string();
        match error {
            // It is about both.
            Error::NotDirect { .. } => error.into(),
            error => anyhow::Error::from(error).context(place),
        }
    }

    async fn copy_file(&self, copier: &Copier, events: &Events) -> anyhow::Result<Exit> {
        let quiet = self.arguments.connection.quiet;
        let screen = Screen::new(quiet || events.is_on());
        let mut meter = screen.meter(&self.remote).telling(events.course("copy", &self.remote));
        let request = self.arguments.how.request()?;
        let copying =
            persist(self.arguments.how.moving.pace.retries, quiet, events, async |attempt| {
                self.enter(copier).await?;
                attempt.enters();
                let path = &self.source.address.path;
                let mut hear = |event| match event {
                    CopyEvent::Note(note) => {
                        events.note(&note);
                        screen.note(note);
                    }
                    CopyEvent::Moves(progress) => {
                        attempt.hear(progress);
                        meter.hear(progress);
                    }
                    _ => {}
                };
                let work = copier.copy_file(path, &self.remote, &request, &mut hear);
                until_stopped(copier, work).await?.map_err(|error| self.told(error))
            });
        let copied = copying.await;
        let copied = events.one("copy", &self.remote, copied, |copied| {
            let (_, route) = words(copied);
            events.verdict(copied.verdict.name());
            let amount = copied.amount().map(|amount| meter.all_tries(amount));
            (amount, json!({ "verdict": copied.verdict.name(), "route": route }))
        })?;
        let (verdict, _) = words(&copied);
        match copied.amount() {
            Some(amount) => meter.done(amount, &verdict),
            None => {
                drop(meter);
                screen.note(format_args!("{}: {verdict}", self.remote));
            }
        }
        Ok(Exit::Done)
    }

    async fn copy_tree(&self, copier: &Copier, events: &Events) -> anyhow::Result<Exit> {
        let arguments = self.arguments;
        let files = arguments.how.request()?;
        let tree = arguments.how.tree.request(&arguments.how.moving, !arguments.how.restart)?;
        let quiet = arguments.connection.quiet;
        let mut report = Report::new(quiet, &arguments.how.tree, events)?;
        let mut hear = |happened| report.hear(happened);
        let path = &self.source.address.path;
        let tally = match self.enter(copier).await {
            Ok(()) => {
                let work = copier.copy_tree(path, &self.remote, &files, &tree, &mut hear);
                until_stopped(copier, work).await.and_then(|tally| Ok(tally?))
            }
            Err(error) => Err(error),
        };
        let tally = tally.inspect_err(|error| report.cut_short("copy", error))?;
        report.end(tally)
    }
}

impl Place {
    fn has_tls(&self) -> bool {
        self.connection.tls.demands(self.address.scheme)
    }
}

/// Awaits the end of a copy. After Ctrl-C, or another signal to end, it is broken off in order at both servers; a second one ends at once.
async fn until_stopped<T>(copier: &Copier, work: impl Future<Output = T>) -> anyhow::Result<T> {
    let mut work = pin!(work);
    match unless_interrupted(work.as_mut()).await {
        Ok(done) => Ok(done),
        Err(interrupted) => {
            copier.stop();
            let _ = unless_interrupted(work).await;
            Err(interrupted.into())
        }
    }
}

/// What is known of a copy, and which way it went.
fn words(copied: &Copied) -> (String, &'static str) {
    let verdict = match copied.verdict {
        Verdict::Verified => "digest agrees",
        Verdict::SizeOnly => "size agrees",
        Verdict::Unproven => "size not compared",
    };
    match copied.route {
        Route::Direct => (format!("from server to server; {verdict}"), "direct"),
        Route::Relayed => (format!("through this machine; {verdict}"), "relay"),
    }
}

/// The path at the target: the URL's, with the name of the source behind a slash at its end.
fn remote(from: &Place, to: &Place, recursive: bool) -> Result<Text, Usage> {
    let path = to.address.path.as_bytes();
    if !path.is_empty() && !path.ends_with(b"/") {
        return Ok(to.address.path.clone());
    }
    let charset = |place: &Place| place.connection.charset.unwrap_or_default();
    match from.address.file_name() {
        Some(name) => {
            let shown = charset(from).shown(name);
            Ok([path, &charset(to).typed(&shown)].concat().into())
        }
        None if recursive => Ok(to.address.path.clone()),
        None => Err(Usage(format!("{}: the URL names no file", from.address))),
    }
}
