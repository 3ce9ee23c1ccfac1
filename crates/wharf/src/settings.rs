//! What a person has written down for the client: bookmarks, settings of hosts, aliases, and `.netrc`.
//!
//! One TOML file, `$XDG_CONFIG_HOME/wharf/client.toml` or the one that WHARF_SETTINGS names; `docs/client.md` has its
//! keys. What the command line says wins over the table of the host, and that over the table for all. A password is
//! taken from the URL, from WHARF_PASSWORD, from this file, from `.netrc`, from the keyring of the desktop where the
//! feature `keyring` is built in; then it is asked for.

mod file;

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Once, OnceLock};

use wharf_client::{Address, Memory, Netrc, NetrcEntry};
use wharf_proto::Text;

use self::file::File;
pub(crate) use self::file::HostSettings;
use crate::args::{ConnectionArgs, DataAddressArg};
use crate::config::place::Source;
use crate::exit::Usage;
#[cfg(feature = "keyring")]
use crate::keyring::Keyring;
use crate::terminal;
use crate::visit::PASSWORD_VARIABLE;

/// The settings, read when they are first asked for.
fn file() -> Result<&'static File, Usage> {
    static FILE: OnceLock<Result<File, String>> = OnceLock::new();
    let read = || {
        let named = env::var_os("WHARF_SETTINGS").map(PathBuf::from);
        let usual = || config_file("client.toml").filter(|path| path.exists());
        let Some(path) = named.or_else(usual) else { return Ok(File::default()) };
        let source = Source::read(&path)?;
        File::parse(source.text()).map_err(|mistake| source.point_at(&mistake))
    };
    let read = FILE.get_or_init(|| read().map_err(|Usage(why)| why));
    read.as_ref().map_err(|why| Usage(why.clone()))
}

/// The address that `@NAME` or `@NAME/PATH` stands for.
pub(crate) fn bookmark(text: &str) -> Result<Address, Usage> {
    let (name, path) = text.split_once('/').map_or((text, None), |(name, path)| (name, Some(path)));
    let file = file()?;
    let Some(bookmark) = file.bookmarks.get(name) else {
        let known: Vec<String> = file.bookmarks.keys().map(|name| format!("@{name}")).collect();
        let known = if known.is_empty() { "there are none".to_owned() } else { known.join(", ") };
        return Err(Usage(format!("@{name}: no such bookmark; {known}")));
    };
    let Some(path) = path else { return Ok(bookmark.0.clone()) };
    let base = bookmark.0.to_string();
    let url = format!("{}/{path}", base.trim_end_matches('/'));
    let mut address: Address = url.parse().map_err(|error| Usage(format!("{url}: {error}")))?;
    address.password.clone_from(&bookmark.0.password);
    Ok(address)
}

/// The names of all bookmarks, and where they lead.
pub(crate) fn bookmarks() -> Result<impl Iterator<Item = (&'static str, &'static Address)>, Usage> {
    Ok(file()?.bookmarks.iter().map(|(name, bookmark)| (name.as_str(), &bookmark.0)))
}

/// What a command of the shell stands for, if the file says so.
pub(crate) fn alias(name: &str) -> Result<Option<&'static str>, Usage> {
    Ok(file()?.alias.get(name).map(String::as_str))
}

/// Fills in what neither the URL nor the command line says.
pub(crate) fn settle(address: &mut Address, connection: &mut ConnectionArgs) -> Result<(), Usage> {
    settle_by(address, connection, PASSWORD_VARIABLE)
}

/// The same for a host whose password may be in this environment variable.
pub(crate) fn settle_by(
    address: &mut Address,
    connection: &mut ConnectionArgs,
    variable: &str,
) -> Result<(), Usage> {
    let file = file()?;
    let of_host = file.host.get(&address.host.to_ascii_lowercase());
    for settings in of_host.into_iter().chain([&file.all]) {
        settle_connection(address, connection, settings);
    }
    if let Some(charset) = connection.charset {
        address.path = charset.typed(address.path.as_bytes()).into_owned().into();
    }
    let asked = address.user.is_none() || address.password.is_none();
    if asked && env::var_os(variable).is_none() {
        settle_login(address)?;
        // A keyring is asked last, for it may be locked, and ask a person.
        #[cfg(feature = "keyring")]
        if address.user.is_some()
            && address.password.is_none()
            && let Ok(keyring) = Keyring::open()
        {
            keyring.settle(address);
        }
    }
    Ok(())
}

fn settle_connection(
    address: &mut Address,
    connection: &mut ConnectionArgs,
    settings: &HostSettings,
) {
    if !connection.active && !connection.passive {
        connection.active = settings.mode == Some(file::Mode::Active);
        connection.passive = settings.mode == Some(file::Mode::Passive);
    }
    connection.plain |= settings.plain.unwrap_or(false);
    connection.timeout = connection.timeout.or(settings.timeout);
    connection.atomic = connection.atomic.or(settings.atomic);
    connection.jobs = connection.jobs.or(settings.jobs);
    connection.charset = connection.charset.or_else(|| settings.charset.map(|name| name.0));
    connection.proxy = connection.proxy.take().or_else(|| settings.proxy.clone().map(|p| p.0));
    connection.data_address = connection.data_address.or_else(|| {
        settings.data_address.map(|named| match named {
            file::DataHost::Server => DataAddressArg::Server,
            file::DataHost::Named => DataAddressArg::Named,
        })
    });
    connection.tls.settle(address.scheme, settings);
    let user = settings.user.as_deref();
    if address.user.is_none() {
        address.user = user.map(Into::into);
    }
    let same = user.is_some_and(|user| address.user == Some(user.into()));
    if same && address.password.is_none() {
        address.password.clone_from(&settings.password.as_ref().map(|password| password.0.clone()));
    }
}

/// What `.netrc` says of who logs in there.
fn settle_login(address: &mut Address) -> Result<(), Usage> {
    /// A command line may have several URLs.
    static TOLD: Once = Once::new();
    let Some((path, text)) = netrc()? else { return Ok(()) };
    let netrc = Netrc::parse(&text)
        .map_err(|error| Usage(format!("{}:{}: {}", path.display(), error.line, error.reason)))?;
    let user = address.user.as_ref().map(Text::as_bytes);
    let Some(NetrcEntry { login, password, .. }) = netrc.find(&address.host, user) else {
        return Ok(());
    };
    if netrc.is_secret() && is_open(&path) {
        TOLD.call_once(|| {
            terminal::say(format_args!(
                "warning: others can read the passwords in {0}: chmod 600 {0}",
                path.display()
            ));
        });
    }
    if address.user.is_none() {
        address.user.clone_from(login);
    }
    if address.password.is_none() && address.user.is_some() {
        address.password.clone_from(password);
    }
    Ok(())
}

fn netrc() -> Result<Option<(PathBuf, Vec<u8>)>, Usage> {
    let named = env::var_os("NETRC").map(PathBuf::from);
    let usual = || Some(PathBuf::from(env::var_os("HOME")?).join(".netrc"));
    let Some(path) = named.or_else(usual) else { return Ok(None) };
    match fs::read(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Usage(format!("{}: cannot read: {error}", path.display()))),
    }
}

/// Whether others may read a file.
fn is_open(path: &PathBuf) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

static MEMORY: OnceLock<Memory> = OnceLock::new();

/// What earlier sessions have learnt of hosts; kept between runs where there is a place for it.
pub(crate) fn memory() -> &'static Memory {
    MEMORY.get_or_init(|| {
        let text = state_file("hosts").and_then(|path| fs::read_to_string(path).ok());
        Memory::parse(&text.unwrap_or_default())
    })
}

/// Keeps what was learnt in this run. A memory that cannot be kept is no reason to fail.
pub(crate) fn keep_memory() {
    // Who has asked for nothing has learnt nothing.
    let Some(memory) = MEMORY.get() else { return };
    let Some(path) = state_file("hosts") else { return };
    let text = memory.print();
    let before = fs::read_to_string(&path).unwrap_or_default();
    if text == before {
        return;
    }
    let new = path.with_extension(format!("{}", std::process::id()));
    let _ = path.parent().map(fs::create_dir_all);
    let _ = fs::write(&new, text).and_then(|()| fs::rename(&new, &path));
}

/// A file of settings, where the XDG base directory specification has it.
fn config_file(name: &str) -> Option<PathBuf> {
    beneath("XDG_CONFIG_HOME", ".config").map(|folder| folder.join(name))
}

/// A file that the program keeps for itself between runs.
pub(crate) fn state_file(name: &str) -> Option<PathBuf> {
    beneath("XDG_STATE_HOME", ".local/state").map(|folder| folder.join(name))
}

fn beneath(variable: &str, usual: &str) -> Option<PathBuf> {
    let named = |variable| env::var_os(variable).map(PathBuf::from);
    let base = named(variable).filter(|path| path.is_absolute());
    Some(base.or_else(|| Some(named("HOME")?.join(usual)))?.join("wharf"))
}
