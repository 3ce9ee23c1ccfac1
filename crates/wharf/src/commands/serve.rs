//! `wharf serve`: a folder served until Ctrl-C.
//!
//! What a server does is in `wharf-server`; here the options become its settings.

use std::io::{self, Write as _};
use std::sync::Arc;

use anyhow::Context;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;
use wharf_proto::server::Rights;
use wharf_server::storage::local::LocalFolder;
use wharf_server::{Accounts, Config, Log, Server, Tap};

use crate::args::{LogFormat, ServeArgs};
use crate::exit::{Exit, Usage};

pub(crate) fn run(arguments: &ServeArgs) -> anyhow::Result<Exit> {
    start_log(arguments);
    let folder = &arguments.folder;
    let storage =
        LocalFolder::open(folder).with_context(|| format!("cannot serve {}", folder.display()))?;
    let mut config = Config::new(Arc::new(storage));
    config.accounts = accounts(arguments);
    config.policy.complete_with_250 = arguments.complete_with_250;
    config.passive_ports.clone_from(&arguments.passive_ports);
    config.public_address = arguments.public_address;
    anyhow::ensure!(
        !config.accounts.is_empty(),
        Usage("nobody could log in: give --user, or leave --no-anonymous out".to_owned())
    );
    if !arguments.listen.is_empty() {
        config.listen.clone_from(&arguments.listen);
    }
    let runtime = Builder::new_multi_thread().enable_all().build().context("cannot begin")?;
    runtime.block_on(async {
        // Who wants no log is spared the work of putting its events together.
        let taps: Vec<Arc<dyn Tap>> =
            if arguments.quiet { Vec::new() } else { vec![Arc::new(Log)] };
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

fn accounts(arguments: &ServeArgs) -> Accounts {
    let rights = if arguments.writable { Rights::WRITER } else { Rights::READER };
    let mut accounts = Accounts::new();
    if !arguments.no_anonymous {
        accounts = accounts.with_anonymous(rights);
    }
    let users = arguments.users.iter();
    users.fold(accounts, |accounts, (name, password)| {
        accounts.with_user(name, password, Rights::WRITER)
    })
}

fn start_log(arguments: &ServeArgs) {
    let level = if arguments.quiet { LevelFilter::WARN } else { LevelFilter::INFO };
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr);
    match arguments.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
