//! `wharf serve`: a folder served until Ctrl-C.
//!
//! In two phases. While the process has one thread and all that it was started with, everything is read, opened
//! and bound; then it is confined (`confine.rs`), and only then does the runtime start its threads. What a
//! server does is in `wharf-server`; what the options and the file mean for it in `config.rs`; what `--check`
//! tries in `serve/trial.rs`, and what it prints in `serve/exposure.rs`.

mod certificates;
mod exposure;
mod log;
mod rotation;
mod trial;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use anyhow::Context;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use wharf_proto::Text;
use wharf_proto::path::VirtualPath;
use wharf_server::storage::local::LocalFolder;
use wharf_server::tls::KeyLog;
use wharf_server::{Config, Host, Log, Server, Tap, descriptors};

use self::trial::Trial;
use crate::args::serve::ServeArgs;
use crate::config::Settings;
use crate::confine::{self, Confinement, Measure, Needs, Switch, low_ports};
use crate::exit::{Exit, Why};
use crate::pseudo;
use crate::tap::TapFile;

pub(crate) fn run(arguments: &ServeArgs) -> anyhow::Result<Exit> {
    let settings = Settings::read(arguments)?;
    let mut config = open(&settings)?;
    if arguments.check {
        return check(&settings, &config);
    }
    let log = log::start(settings.quiet, settings.log_format);
    if let Err(error) = descriptors::raise_limit() {
        tracing::warn!(%error, "the limit of descriptors stays what it was");
    }
    // Who wants no log is spared the work of putting its events together.
    let mut taps: Vec<Arc<dyn Tap>> = if settings.quiet { Vec::new() } else { vec![Arc::new(Log)] };
    let tap = settings.tap().map(|path| {
        TapFile::open(path).map_err(|error| blamed(&settings, path, &format!("{error:#}")))
    });
    let tap = tap.transpose()?.map(Arc::new);
    taps.extend(tap.iter().map(|tap| Arc::clone(tap) as Arc<dyn Tap>));
    log_keys(&settings, &config)?;
    if let (Some(name), Some(address)) = (settings.public_name(), config.public_address) {
        tracing::info!(name, %address, "the public address was looked up");
    }
    // How many processors there are is written in files that will be out of reach.
    config.threads = thread::available_parallelism().map_or(1, usize::from);
    // As wharf serve --check has it.
    let of_ports = |error: io::Error| Why { exit: Exit::Network, words: error.to_string() };
    let server = Server::bind(config.clone(), taps).map_err(of_ports)?;
    let addresses: Vec<_> = server.addresses().into_iter().map(|(_, address)| address).collect();
    let confinement = prepare(&settings, &config, &addresses)?;
    confine::report(&confinement.enter()?);
    let tls = config.tls.clone();
    still_reaches(&settings, &config)?;
    if let Some(tap) = &tap {
        tap.still_writes()?;
    }
    // Ends behind the runtime, and so behind whatever is logged.
    let _outlet = log.let_out().context("cannot begin")?;
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot begin")?;
    runtime.block_on(async {
        // Whoever reads that we listen may tell us to end.
        let stop = told_to_stop()?;
        let hangup = signal(SignalKind::hangup())?;
        if let Some(tap) = tap {
            tokio::spawn(rotation::keep_up(tap, signal(SignalKind::hangup())?));
        }
        match tls {
            Some(tls) => {
                tracing::info!(fingerprint = tls.fingerprint(), "TLS is offered");
                certificates::warn_of_dates(&tls);
                certificates::warn_of_lost(&tls);
                tokio::spawn(certificates::keep_up(tls, hangup));
            }
            None => drop(tokio::spawn(certificates::have_none(hangup))),
        }
        let addresses = server.addresses();
        let serving = server.start()?;
        let lines = addresses.iter().map(|(scheme, at)| format!("listening on {scheme}://{at}\n"));
        // Clients are let in already, and need nobody who reads that.
        if let Err(error) = io::stdout().write_all(lines.collect::<String>().as_bytes()) {
            tracing::warn!(%error, "nobody could be told where the server listens");
        }
        serving.until(stop).await;
        Ok(Exit::Done)
    })
}

/// Opens everything that is named by a path: folders, certificates, stores of accounts; and looks up the public address.
fn open(settings: &Settings) -> anyhow::Result<Config> {
    let mut config = settings.server(folder(settings, &settings.folder)?);
    config.tls = settings.tls()?.map(Arc::new);
    config.accounts = settings.accounts()?;
    config.public_address = settings.public_address()?;
    if !settings.pseudo_file_systems() {
        let shown = settings.shown(&config.accounts);
        pseudo::refuse(shown.iter().map(|access| access.path.as_path()))?;
    }
    for (name, path, greeting) in settings.hosts() {
        config.hosts.push(Host {
            name: name.to_owned(),
            greeting,
            storage: folder(settings, path)?,
        });
    }
    Ok(config)
}

/// Opens the file for keys, where there is to be one, while it still can be.
fn log_keys(settings: &Settings, config: &Config) -> anyhow::Result<()> {
    let (Some(path), Some(tls)) = (settings.key_log(), &config.tls) else { return Ok(()) };
    let log = KeyLog::open(path).map_err(|error| {
        blamed(settings, path, &format!("cannot write {}: {error}", path.display()))
    })?;
    tls.log_keys(log);
    let file = Text::from(path.as_os_str().as_encoded_bytes());
    tracing::warn!(%file, "the keys of all TLS sessions are written down: who has them can read every session");
    Ok(())
}

fn folder(settings: &Settings, path: &Path) -> io::Result<Arc<LocalFolder>> {
    let opened = LocalFolder::open(path).map_err(|error| {
        blamed(settings, path, &format!("cannot serve {}: {error}", path.display()))
    });
    opened.map(Arc::new)
}

/// Trouble of this machine with a path, told with its place in the file that names it.
fn blamed(settings: &Settings, path: &Path, reason: &str) -> io::Error {
    io::Error::other(settings.blame(path, reason.to_owned()))
}

/// The confinement that these settings ask for, for a server that listens here.
fn prepare(
    settings: &Settings,
    config: &Config,
    listen: &[SocketAddr],
) -> anyhow::Result<Confinement> {
    if settings.confinement.landlock == Switch::On {
        for access in settings.shown(&config.accounts) {
            access.path.metadata().map_err(|error| {
                let path = &access.path;
                blamed(settings, path, &format!("cannot keep {} in reach: {error}", path.display()))
            })?;
        }
    }
    let needs = Needs {
        folder: &settings.folder,
        reach: settings.reach(&config.accounts),
        low_ports: low_ports(listen, settings.passive_ports().as_ref()),
    };
    Confinement::prepare(&settings.confinement, &needs)
}

/// What is served must not be out of reach for what the process has become.
fn still_reaches(settings: &Settings, config: &Config) -> io::Result<()> {
    let hosts = settings.hosts().map(|(_, path, _)| path).zip(config.hosts.iter());
    let hosts = hosts.map(|(path, host)| (path, &host.storage));
    for (path, storage) in
        std::iter::once((settings.folder.as_path(), &config.storage)).chain(hosts)
    {
        let entered = storage.enter(&VirtualPath::root());
        entered.map_err(|fault| {
            let path = path.display();
            let user = rustix::process::geteuid().as_raw();
            let told = format!(
                "user {user}, as whom the server goes on, may not enter {path} ({fault:?})"
            );
            io::Error::new(io::ErrorKind::PermissionDenied, told)
        })?;
    }
    Ok(())
}

/// Says what the server would do, and tries whether it can. The confinement is tried on a thread that then ends, since the
/// kernel keeps it for each thread by itself: what is printed is what happened.
fn check(settings: &Settings, config: &Config) -> anyhow::Result<Exit> {
    let listen = [&config.listen[..], &config.listen_clear, &config.listen_implicit].concat();
    let confinement = prepare(settings, config, &listen)?;
    let mut trials = [trial::ports(config), trial::files(settings)].concat();
    let rehearse = || -> anyhow::Result<(Vec<Measure>, Vec<Trial>)> {
        let measures = confinement.confine_thread()?;
        still_reaches(settings, config)?;
        Ok((measures, [trial::folders(settings, config), trial::certificates(config)].concat()))
    };
    let rehearsed = thread::scope(|scope| scope.spawn(rehearse).join());
    let (measures, folders) = rehearsed.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    trials.extend(folders);
    let mut out = io::stdout().lock();
    let table = exposure::table(settings, config, &measures, &trials);
    out.write_all(table.as_bytes()).and_then(|()| out.flush()).context("standard output")?;
    Ok(trial::exit(&trials))
}

/// Ready on Ctrl-C, and when the system asks the program to end.
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
