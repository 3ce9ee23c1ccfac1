//! The settings of `wharf serve`: what was said in a file and on the command line, and what it means.
//!
//! Two steps. The file is parsed into a [`File`], whose types hold nothing that makes no sense, and whose
//! mistakes know their place (`config/place.rs`). Then [`Settings`] joins it with the arguments, which win.
//! A new key is a field in `config/file.rs`, a line here, and a line in `examples/serve.toml`.

mod file;
mod guard;
mod place;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use wharf_proto::server::Rights;
use wharf_server::storage::Storage;
use wharf_server::{Accounts, Config};

use crate::args::{LogFormat, ServeArgs};
use crate::exit::Usage;
use file::{CharsetName, File, Limits, Seconds};
use place::{Mistake, Source};

/// What a server is to do, whoever said so.
pub(crate) struct Settings {
    /// What is served.
    pub(crate) folder: PathBuf,
    /// How the log is written.
    pub(crate) log_format: LogFormat,
    /// Whether only trouble is logged.
    pub(crate) quiet: bool,
    accounts: Accounts,
    listen: Option<Vec<SocketAddr>>,
    /// The rest, in which the arguments have had their say.
    said: File,
}

impl Settings {
    /// Reads the file that the arguments name, if they name one, and joins the two.
    pub(crate) fn read(arguments: &ServeArgs) -> Result<Self, Usage> {
        let Some(path) = &arguments.config else {
            return Self::join(File::default(), arguments).map_err(|mistake| Usage(mistake.reason));
        };
        let source = Source::read(path)?;
        let joined = File::parse(source.text())
            .map(|file| file.beneath(path.parent().unwrap_or_else(|| Path::new(""))))
            .and_then(|file| Self::join(file, arguments));
        joined.map_err(|mistake| source.point_at(&mistake))
    }

    /// What the file and the arguments mean together. The arguments win; a list there replaces the list of
    /// the file.
    fn join(mut file: File, arguments: &ServeArgs) -> Result<Self, Mistake> {
        let accounts = accounts(&file, arguments)?;
        let typed = &arguments.listen;
        let listen =
            if typed.is_empty() { file.listen.take().map(Vec::from) } else { Some(typed.clone()) };
        if let Some(ports) = &arguments.passive_ports {
            file.passive_ports = Some(ports.clone().into());
        }
        file.public_address = arguments.public_address.or(file.public_address);
        file.complete_with_250 |= arguments.complete_with_250;
        let folder = arguments.folder.clone().or_else(|| file.folder.take());
        Ok(Self {
            folder: folder.unwrap_or_else(|| PathBuf::from(".")),
            log_format: arguments.log_format.or(file.log_format).unwrap_or_default(),
            quiet: arguments.quiet || file.quiet,
            accounts,
            listen,
            said: file,
        })
    }

    /// The server's settings, for this storage.
    pub(crate) fn server(&self, storage: Arc<dyn Storage>) -> Config {
        let said = &self.said;
        let mut config = Config::new(storage);
        config.accounts = self.accounts.clone();
        set(&mut config.listen, self.listen.clone());
        config.passive_ports = said.passive_ports.clone().map(Into::into);
        config.public_address = said.public_address;
        config.policy.complete_with_250 = said.complete_with_250;
        set(&mut config.policy.greeting, said.greeting.clone());
        set(&mut config.policy.charset, said.charset.map(|charset| charset.0));
        set(&mut config.policy.code_page, said.code_page.map(|page| page.0));
        if let Some(bytes) = said.marker_bytes {
            config.policy.marker_interval = (bytes > 0).then_some(bytes);
        }
        config.archives = said.archives;
        limit(&mut config, &said.limits);
        set(&mut config.trusted, said.guard.trusted());
        config.guard = said.guard.rules();
        config
    }

    /// The virtual hosts: name, folder, greeting.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = (&str, &Path, String)> {
        self.said.host.iter().map(|host| {
            let greeting = || format!("{} FTP server ready.", host.name);
            (
                host.name.as_str(),
                host.folder.as_path(),
                host.greeting.clone().unwrap_or_else(greeting),
            )
        })
    }
}

fn limit(config: &mut Config, limits: &Limits) {
    set(&mut config.sessions, limits.sessions.map(Into::into));
    set(&mut config.reserve, limits.reserve);
    set(&mut config.sessions_per_address, limits.sessions_per_address.map(Into::into));
    set(&mut config.listeners_per_address, limits.listeners_per_address.map(Into::into));
    set(&mut config.strangers_per_address, limits.strangers_per_address.map(Into::into));
    let time = |seconds: Option<Seconds>| seconds.map(Duration::from);
    set(&mut config.policy.login_time, time(limits.login_seconds));
    set(&mut config.policy.idle_time, time(limits.idle_seconds));
    set(&mut config.data_idle_time, time(limits.data_idle_seconds));
}

/// Replaces a default, if something was said.
fn set<T>(place: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *place = said;
    }
}

/// Who may log in; a mistake if that is nobody.
fn accounts(file: &File, arguments: &ServeArgs) -> Result<Accounts, Mistake> {
    let writable = arguments.writable || file.writable;
    let mut accounts = Accounts::new();
    let closed = file.anonymous.as_ref().filter(|anonymous| !anonymous.get_ref());
    if !arguments.no_anonymous && closed.is_none() {
        accounts = accounts.with_anonymous(if writable { Rights::WRITER } else { Rights::READER });
    }
    if arguments.users.is_empty() {
        for user in &file.user {
            accounts = accounts.with_user(user.name(), &user.password, Rights::WRITER);
            if let Some(CharsetName(charset)) = user.charset {
                accounts = accounts.in_charset(charset);
            }
        }
    } else {
        for (name, password) in &arguments.users {
            accounts = accounts.with_user(name, password, Rights::WRITER);
        }
    }
    match closed {
        _ if !accounts.is_empty() => Ok(accounts),
        Some(closed) if !arguments.no_anonymous => {
            Err(Mistake::at(closed.span(), "nobody could log in: add a [[user]], or give --user"))
        }
        _ => Err(Mistake::typed("nobody could log in: give --user, or leave --no-anonymous out")),
    }
}

#[cfg(test)]
mod tests;
