//! The settings of `wharf serve`: what was said in a file and on the command line, and what it means.
//!
//! Two steps. The file is parsed into a [`File`], whose types hold nothing that makes no sense, and whose
//! mistakes know their place (`config/place.rs`). Then [`Settings`] joins it with the arguments, which win.
//! A new key is a field in `config/file.rs`, a line here, and a line in `examples/serve.toml`.

pub(crate) mod file;
mod guard;
pub(crate) mod place;
mod process;
pub(crate) mod public;
mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use wharf_proto::server::Rights;
use wharf_proto::verb::Right;
use wharf_server::accounts::Mounted;
use wharf_server::accounts::program::Program;
use wharf_server::storage::Storage;
use wharf_server::tls::{Tls, TlsError};
use wharf_server::{Accounts, Config};

use crate::args::serve::{LogFormat, ServeArgs};
use crate::confine::{Access, Reach, Wanted};
use crate::exit::{Exit, Usage, Why};
use file::{CharsetName, File, Limits, Network, ProgramCommand, Seconds};
use place::{Mistake, Source};
use public::PublicAddress;

/// How long the program of `[accounts.program]` may take, if nothing is said.
const PROGRAM_TIME: Duration = Duration::from_secs(5);

/// What a server is to do, whoever said so.
pub(crate) struct Settings {
    /// What is served.
    pub(crate) folder: PathBuf,
    /// How the log is written.
    pub(crate) log_format: LogFormat,
    /// Whether only trouble is logged.
    pub(crate) quiet: bool,
    /// How the process is confined.
    pub(crate) confinement: Wanted,
    /// Those that need no store.
    accounts: Accounts,
    /// The user store, if there is one.
    #[cfg(feature = "sqlite")]
    store: Option<PathBuf>,
    listen: Option<Vec<SocketAddr>>,
    implicit: Vec<SocketAddr>,
    tls: Option<tls::Wanted>,
    tap: Option<PathBuf>,
    /// What 227 names, and where that stands in the file, if it does.
    public_address: Option<(PublicAddress, Option<Range<usize>>)>,
    /// The file, and where the paths stand in it that are opened at the start.
    source: Option<Source>,
    places: Vec<(PathBuf, Range<usize>)>,
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
        match joined {
            Ok(settings) => Ok(Self { source: Some(source), ..settings }),
            Err(mistake) => Err(source.point_at(&mistake)),
        }
    }

    /// What is wrong with a path that cannot be opened, and where the file names it, if it does.
    pub(crate) fn blame(&self, path: &Path, reason: String) -> String {
        let place = self.places.iter().find(|(named, _)| named == path);
        self.told_of(place.map(|(_, place)| place), reason)
    }

    /// What is wrong with what is said at this place of the file; on the command line, where there is none.
    fn told_of(&self, place: Option<&Range<usize>>, reason: String) -> String {
        match self.source.as_ref().zip(place) {
            Some((source, place)) => source.point_at(&Mistake::at(place.clone(), reason)).0,
            None => reason,
        }
    }

    /// What the file and the arguments mean together. The arguments win; a list there replaces the list of
    /// the file.
    fn join(mut file: File, arguments: &ServeArgs) -> Result<Self, Mistake> {
        let places = file.places();
        let tls = tls::wanted(&file, arguments)?;
        let implicit = tls::implicit(&file, arguments, tls.is_some())?;
        let confinement = process::wanted(&file, arguments)?;
        #[cfg(feature = "sqlite")]
        let store = arguments
            .store
            .clone()
            .or_else(|| file.users.take().map(Spanned::into_inner))
            .or_else(|| crate::store::default_path().filter(|store| store.exists()));
        let sources = file.accounts.is_any();
        #[cfg(feature = "sqlite")]
        let sources = sources || store.is_some();
        let accounts = accounts(&file, arguments, sources)?;
        let typed = &arguments.listen;
        let listen =
            if typed.is_empty() { file.listen.take().map(Vec::from) } else { Some(typed.clone()) };
        if let Some(ports) = &arguments.passive_ports {
            file.passive_ports = Some(ports.clone().into());
        }
        let in_file = |said: Spanned<PublicAddress>| {
            let place = said.span();
            (said.into_inner(), Some(place))
        };
        let typed = arguments.public_address.clone().map(|address| (address, None));
        let public_address = typed.or_else(|| file.public_address.take().map(in_file));
        if arguments.allow_fxp && file.fxp.is_empty() {
            file.fxp = Network::everywhere();
        }
        file.complete_with_250 |= arguments.complete_with_250;
        let said = |path: Option<Spanned<PathBuf>>| path.map(Spanned::into_inner);
        let folder = arguments.folder.clone().or_else(|| said(file.folder.take()));
        let tap = arguments.tap.clone().or_else(|| said(file.tap.take()));
        Ok(Self {
            folder: folder.unwrap_or_else(|| PathBuf::from(".")),
            log_format: arguments.log_format.or(file.log_format).unwrap_or_default(),
            quiet: arguments.quiet || file.quiet,
            confinement,
            accounts,
            #[cfg(feature = "sqlite")]
            store,
            listen,
            implicit,
            tls,
            tap,
            public_address,
            source: None,
            places,
            said: file,
        })
    }

    /// The server's settings, for this storage.
    pub(crate) fn server(&self, storage: Arc<dyn Storage>) -> Config {
        let said = &self.said;
        let mut config = Config::new(storage);
        config.accounts = self.accounts.clone();
        set(&mut config.listen, self.listen.clone());
        config.passive_ports = self.passive_ports();
        config.foreign = said.fxp.iter().map(|network| network.0).collect();
        config.policy.complete_with_250 = said.complete_with_250;
        set(&mut config.policy.greeting, said.greeting.clone());
        set(&mut config.policy.charset, said.charset.map(|charset| charset.0));
        set(&mut config.policy.code_page, said.code_page.map(|page| page.0));
        if let Some(bytes) = said.marker_bytes {
            config.policy.marker_interval = (bytes > 0).then_some(bytes);
        }
        if let Some(tls) = &said.tls {
            tls::demand(tls.get_ref(), &mut config);
        }
        config.listen_implicit.clone_from(&self.implicit);
        config.archives = said.archives;
        config.sync_uploads = said.sync_uploads;
        limit(&mut config, &said.limits);
        set(&mut config.trusted, said.guard.trusted());
        config.guard = said.guard.rules();
        config
    }

    /// The certificates to offer TLS with, read; none where it is not wanted.
    pub(crate) fn tls(&self) -> Result<Option<Tls>, Usage> {
        let Some(wanted) = &self.tls else { return Ok(None) };
        let loaded = Tls::load(wanted.source.clone(), wanted.clients.clone());
        loaded.map(Some).map_err(|error| match &error {
            TlsError::Read { path, .. } | TlsError::Content { path, .. } => {
                Usage(self.blame(path, error.to_string()))
            }
            _ => Usage(error.to_string()),
        })
    }

    /// The address that 227 names, if one was said, and if as a name, the one that it has now.
    pub(crate) fn public_address(&self) -> Result<Option<Ipv4Addr>, Why> {
        let Some((address, place)) = &self.public_address else { return Ok(None) };
        address.look_up().map(Some).map_err(|reason| Why {
            exit: Exit::Network,
            words: self.told_of(place.as_ref(), reason),
        })
    }

    /// The name that the public address was said as, if it was.
    pub(crate) fn public_name(&self) -> Option<&str> {
        self.public_address.as_ref()?.0.name()
    }

    /// The file that the keys of TLS sessions are added to, if they are.
    pub(crate) fn key_log(&self) -> Option<&Path> {
        self.tls.as_ref()?.key_log.as_deref()
    }

    /// What clients may show certificates of, and whether they must, if they may.
    pub(crate) fn client_certificates(&self) -> Option<(&Path, bool)> {
        let wanted = self.tls.as_ref()?.clients.as_ref()?;
        Some((&wanted.issuers, wanted.demanded))
    }

    /// Where the events of sessions are written, if they are.
    pub(crate) fn tap(&self) -> Option<&Path> {
        self.tap.as_deref()
    }

    /// What the server reaches while it runs: what it serves, and the folders of the certificates, which it reads
    /// again. Whatever else it is to open after its start (a database) has its line here.
    pub(crate) fn reach(&self, accounts: &Accounts) -> Vec<Access> {
        let certificates = self.tls.iter().flat_map(tls::Wanted::folders);
        let certificates = certificates.map(|path| Access { path, how: Reach::Read });
        let tap = self.tap().map(|path| match path.is_dir() {
            true => Access { path: path.to_owned(), how: Reach::Write },
            // The file itself is open before anything is out of reach; the next one of its name is not.
            false => Access { path: parent(path), how: Reach::Add },
        });
        // Where it is not there, opening the tap says so.
        let tap = tap.filter(|access| access.path.is_dir());
        let store = self.store().into_iter().flat_map(folders_of);
        let store = store.map(|path| Access { path, how: Reach::Write });
        let others = certificates.chain(store).chain(tap);
        self.shown(accounts).into_iter().chain(others).collect()
    }

    /// The folders that are shown to clients.
    pub(crate) fn shown(&self, accounts: &Accounts) -> Vec<Access> {
        let how = if accounts.may_change() { Reach::Write } else { Reach::Read };
        let hosts = self.said.host.iter().map(|host| host.folder.get_ref());
        let served = std::iter::once(&self.folder).chain(hosts);
        let served = served.map(|path| Access { path: path.clone(), how });
        let own = accounts.members().into_iter().flat_map(|member| member.mounts);
        let own = own.filter_map(|mount| match mount.what {
            Mounted::Folder(path) => Some(Access { path, how: Reach::Write }),
            Mounted::Served(_) => None,
        });
        served.chain(own).collect()
    }

    /// The ports for passive data connections, if some were said.
    pub(crate) fn passive_ports(&self) -> Option<RangeInclusive<u16>> {
        self.said.passive_ports.clone().map(Into::into)
    }

    /// The user store, beside which SQLite makes files of its own.
    fn store(&self) -> Option<&Path> {
        #[cfg(feature = "sqlite")]
        return self.store.as_deref();
        #[cfg(not(feature = "sqlite"))]
        None
    }

    /// All accounts, those of the store, of PAM and of the program too.
    pub(crate) fn accounts(&self) -> anyhow::Result<Accounts> {
        let mut accounts = self.accounts.clone();
        #[cfg(feature = "sqlite")]
        if let Some(path) = &self.store {
            let store = wharf_server::accounts::store::Store::open(path);
            let store = store.map_err(|error| {
                let why = format!("cannot open the user store: {error}");
                std::io::Error::other(self.blame(path, why))
            })?;
            accounts = accounts.with_source(Arc::new(store));
        }
        #[cfg(feature = "pam")]
        if let Some(pam) = &self.said.accounts.pam {
            let (service, grants) = (pam.service.clone(), pam.grants.0.clone());
            accounts = accounts
                .with_source(Arc::new(wharf_server::accounts::pam::Pam { service, grants }));
        }
        if let Some(program) = &self.said.accounts.program {
            let time = program.seconds.map_or(PROGRAM_TIME, Duration::from);
            let ProgramCommand { path, arguments } = program.command.clone();
            accounts = accounts.with_source(Arc::new(Program { path, arguments, time }));
        }
        Ok(accounts)
    }

    /// Whether folders may show what the kernel tells of itself.
    pub(crate) fn pseudo_file_systems(&self) -> bool {
        self.said.pseudo_file_systems
    }

    /// The virtual hosts: name, folder, greeting.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = (&str, &Path, String)> {
        self.said.host.iter().map(|host| {
            let greeting = || format!("{} FTP server ready.", host.name);
            (
                host.name.as_str(),
                host.folder.get_ref().as_path(),
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

/// The folder that a file is named in.
fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// The folder that a file is named in, and the one that it lies in, where a link leads there: who renews such a file
/// (certbot does) has the link lead to another one beside it.
fn folders_of(path: &Path) -> Vec<PathBuf> {
    let named = parent(path);
    let lies = path.canonicalize().map(|file| parent(&file)).ok();
    let elsewhere = lies.filter(|lies| named.canonicalize().is_ok_and(|named| named != *lies));
    std::iter::once(named).chain(elsewhere).collect()
}

/// Replaces a default, if something was said.
fn set<T>(place: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *place = said;
    }
}

/// Who may log in without being asked for elsewhere; a mistake if that is nobody, and nobody else is asked.
fn accounts(file: &File, arguments: &ServeArgs, sources: bool) -> Result<Accounts, Mistake> {
    let writable = arguments.writable || file.writable;
    let mut accounts = Accounts::new();
    let said = file.anonymous.as_ref();
    let closed = said.filter(|anonymous| anonymous.get_ref().allowed == Some(false));
    if !arguments.no_anonymous && closed.is_none() {
        let drop_box = said.filter(|anonymous| anonymous.get_ref().drop_box);
        let rights = match (drop_box, writable) {
            (Some(table), true) => {
                let reason = "in a drop box nobody reads or lists: writable says otherwise";
                return Err(Mistake::at(table.span(), reason));
            }
            (Some(_), false) => Rights::of(Right::Write),
            (None, true) => Rights::WRITER,
            (None, false) => Rights::READER,
        };
        accounts = accounts.with_anonymous(rights);
        if let Some(folder) = said.and_then(|anonymous| anonymous.get_ref().folder.clone()) {
            accounts = accounts.anonymous_in(folder.into_inner());
        }
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
        _ if sources || !accounts.is_empty() => Ok(accounts),
        Some(closed) if !arguments.no_anonymous => Err(Mistake::at(
            closed.span(),
            "nobody could log in: add a [[user]], or give --user or --users",
        )),
        _ => Err(Mistake::typed("nobody could log in: give --user, or leave --no-anonymous out")),
    }
}

#[cfg(test)]
mod tests;
