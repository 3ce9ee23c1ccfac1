//! `wharf serve`: a folder served until Ctrl-C.
//!
//! What a server does is in `wharf-server`; here the options become its settings.

use std::io::{self, Write as _};
use std::sync::Arc;

use anyhow::Context;
use tokio::runtime::Builder;
use tracing_subscriber::filter::LevelFilter;
use wharf_proto::server::Rights;
use wharf_server::storage::local::LocalFolder;
use wharf_server::{Accounts, Config, Log, Server};

use crate::args::{LogFormat, ServeArgs};
use crate::exit::Exit;

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
    if !arguments.listen.is_empty() {
        config.listen.clone_from(&arguments.listen);
    }
    let runtime = Builder::new_multi_thread().enable_all().build().context("cannot begin")?;
    runtime.block_on(async {
        let server = Server::bind(config, vec![Arc::new(Log)]).context("cannot listen")?;
        let mut out = io::stdout().lock();
        for address in server.addresses() {
            writeln!(out, "listening on ftp://{address}")?;
        }
        out.flush()?;
        let stop = async { drop(tokio::signal::ctrl_c().await) };
        server.run(stop).await;
        Ok(Exit::Done)
    })
}

fn accounts(arguments: &ServeArgs) -> Accounts {
    let rights = if arguments.writable { Rights::WRITER } else { Rights::READER };
    let mut accounts = Accounts::new();
    if !arguments.no_anonymous {
        accounts = accounts.with_anonymous(rights);
    }
    arguments
        .users
        .iter()
        .fold(accounts, |accounts, (name, password)| accounts.with_user(name, password, rights))
}

fn start_log(arguments: &ServeArgs) {
    let level = if arguments.quiet { LevelFilter::WARN } else { LevelFilter::INFO };
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr);
    match arguments.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
