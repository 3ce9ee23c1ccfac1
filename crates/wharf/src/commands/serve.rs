//! `wharf serve`: a folder served until Ctrl-C.
//!
//! What a server does is in `wharf-server`; what the options and the file mean for it in
//! `config.rs`.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;
use wharf_server::storage::local::LocalFolder;
use wharf_server::{Host, Log, Server, Tap, descriptors};

use crate::args::{LogFormat, ServeArgs};
use crate::config::Settings;
use crate::exit::Exit;

pub(crate) fn run(arguments: &ServeArgs) -> anyhow::Result<Exit> {
    let settings = Settings::read(arguments)?;
    start_log(&settings);
    if let Err(error) = descriptors::raise_limit() {
        tracing::warn!(%error, "the limit of descriptors stays what it was");
    }
    let mut config = settings.server(open(&settings.folder)?);
    for (name, folder, greeting) in settings.hosts() {
        config.hosts.push(Host { name: name.to_owned(), greeting, storage: open(folder)? });
    }
    let runtime = Builder::new_multi_thread().enable_all().build().context("cannot begin")?;
    runtime.block_on(async {
        // Who wants no log is spared the work of putting its events together.
        let taps: Vec<Arc<dyn Tap>> = if settings.quiet { Vec::new() } else { vec![Arc::new(Log)] };
        let server = Server::bind(config, taps)?;
        let mut out = io::stdout().lock();
        for address in server.addresses() {
            writeln!(out, "listening on ftp://{address}")?;
        }
        out.flush()?;
        drop(out);
        server.run(told_to_stop()?).await;
        Ok(Exit::Done)
    })
}

fn open(folder: &Path) -> anyhow::Result<Arc<LocalFolder>> {
    let opened = LocalFolder::open(folder);
    Ok(Arc::new(opened.with_context(|| format!("cannot serve {}", folder.display()))?))
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

fn start_log(settings: &Settings) {
    let level = if settings.quiet { LevelFilter::WARN } else { LevelFilter::INFO };
    // In a journal or a file colours are noise, and a reader could not tell them from what somebody has smuggled in.
    let colours = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_max_level(level).with_ansi(colours);
    let log = log.with_writer(io::stderr);
    match settings.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
