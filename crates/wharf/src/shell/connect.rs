//! Getting in and out: `open`, `user`, `close`.
//!
//! At a terminal, name and password are asked for. From a pipe nothing is asked: `open` connects, and
//! `user` says who it is, with the password behind the name, in the environment or on the next line.

use std::env;
use std::sync::Arc;

use wharf_client::{Address, Error, Login, Options, Scheme, Session, Site, Wanted, Way};
use wharf_proto::tap::SessionId;
use wharf_proto::{Secret, Text};

use super::input::Input;
use super::jobs::Seats;
use super::{Call, Flow, Outcome, Shell};
use crate::args::Url;
use crate::args::tls::warn;
use crate::exit::{Exit, Interrupted, Usage, Why};
use crate::interrupt::unless_interrupted;
use crate::trace::Trace;
use crate::visit::{PASSWORD_VARIABLE, options};
use crate::{settings, terminal};

pub(super) const ANONYMOUS: &str = "anonymous";

/// `open HOST [PORT]` or `open URL`.
pub(super) fn open(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let (host, port) = match call.words {
        [url] if url.to_string().contains("://") || url.as_bytes().starts_with(b"@") => {
            let Url(address) = url.to_string().parse().map_err(Usage)?;
            return open_url(shell, &address);
        }
        [host] => (host.to_string(), "21".to_owned()),
        [host, port] => (host.to_string(), port.to_string()),
        _ => return Err(Usage("open [USER@]HOST [PORT]".to_owned()).into()),
    };
    let port = port.parse().map_err(|_| Usage(format!("{port}: not a port")))?;
    let (user, host) = match host.rsplit_once('@') {
        Some((user, host)) => (Some(user.into()), host.to_owned()),
        None => (None, host),
    };
    let address = settled(shell, &Address { user, ..address_of(host, port) })?;
    connect(shell, &address)?;
    if let Some(user) = address.user {
        return log_in(shell, Some(user), address.password);
    }
    if shell.lines.is_terminal() { log_in(shell, None, None) } else { Ok(Flow::On) }
}

/// Connects as a URL says, logs in, and goes to its folder.
pub(super) fn open_url(shell: &mut Shell, address: &Address) -> Outcome {
    let address = settled(shell, address)?;
    connect(shell, &address)?;
    let user = address.user.unwrap_or_else(|| ANONYMOUS.into());
    log_in(shell, Some(user), address.password)?;
    if !address.path.is_empty() {
        let path = address.path;
        shell.with(async |session| session.cwd(&path).await)?;
        shell.went(&path);
        look_around(shell)?;
    }
    Ok(Flow::On)
}

/// Where a session was opened, who logged in, and where it went: enough to come back.
pub(crate) struct Home {
    address: Address,
    login: Option<(Text, Secret)>,
    /// The folders it was sent to, one after the other, from the last absolute one on.
    folders: Vec<Text>,
    /// How many jobs run at a time with that server.
    seats: Arc<Seats>,
}

impl Home {
    fn logged_in(&self) -> Result<&(Text, Secret), Why> {
        let words = || "not logged in; try user NAME".to_owned();
        self.login.as_ref().ok_or_else(|| Why { exit: Exit::Login, words: words() })
    }

    /// The session has gone there.
    pub(super) fn went(&mut self, path: &Text) {
        if path.as_bytes().starts_with(b"/") {
            self.folders.clear();
        }
        self.folders.push(path.clone());
    }
}

/// `reconnect`: the session anew, to where it was.
pub(super) fn reconnect(shell: &mut Shell, _: &Call<'_>) -> Outcome {
    let home = shell.home.take();
    let Some(Home { address, login, folders, seats }) = home else {
        return Err(Usage("there was no session; try open HOST".to_owned()).into());
    };
    drop(shell.link.take());
    let host = address.host.clone();
    shell.screen.note(format_args!("connecting to {host} again"));
    let back = (|| {
        // What holds for the connection may be meant for another host, whose opening has failed since.
        settled(shell, &address)?;
        connect(shell, &address)?;
        if let Some((name, password)) = login.clone() {
            log_in(shell, Some(name), Some(password))?;
        }
        for folder in &folders {
            shell.with(async |session| session.cwd(folder).await)?;
            shell.went(folder);
        }
        look_around(shell)
    })();
    // A server that is not back yet may be tried again.
    if back.is_err() {
        shell.home = Some(Home { address, login, folders, seats });
    }
    back
}

/// `user [NAME [PASSWORD]]`.
pub(super) fn user(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    match call.words {
        [] => log_in(shell, None, None),
        [name] => log_in(shell, Some(name.clone()), None),
        [name, password] => {
            let password = Secret::new(password.as_bytes().to_vec());
            log_in(shell, Some(name.clone()), Some(password))
        }
        _ => Err(Usage("user [NAME [PASSWORD]]".to_owned()).into()),
    }
}

/// `close`.
pub(super) fn close(shell: &mut Shell, _: &Call<'_>) -> Outcome {
    if !shell.link.is_open() {
        return Err(Usage("not connected".to_owned()).into());
    }
    leave(shell);
    Ok(Flow::On)
}

/// Says good-bye, if there is anybody to say it to.
pub(super) fn leave(shell: &mut Shell) {
    shell.place = None;
    shell.home = None;
    if let Some(session) = shell.link.take() {
        // The connection closes whether the server answers or not.
        let _ = shell.link.runtime.block_on(unless_interrupted(session.quit()));
    }
}

/// Notes where the session is, for the prompt. In plain mode nothing is asked that was not asked for.
pub(super) fn look_around(shell: &mut Shell) -> Outcome {
    shell.place = None;
    if !shell.connection.plain
        && shell.lines.is_terminal()
        && let Ok(place) = shell.link.with_hushed(async |session| session.pwd().await)
    {
        is_at(shell, place);
    }
    Ok(Flow::On)
}

/// The prompt of a terminal tells that the session is there.
pub(super) fn is_at(shell: &mut Shell, place: Text) {
    shell.place = shell.lines.is_terminal().then_some(place);
}

/// The address of a host that no URL names.
fn address_of(host: String, port: u16) -> Address {
    let (scheme, path) = (Scheme::Ftp, Text::default());
    Address { scheme, host, port, user: None, password: None, path, kind: None }
}

/// The address with what the settings say of its host; what they say of the connection holds until the next one.
fn settled(shell: &mut Shell, address: &Address) -> Result<Address, Usage> {
    if let Some(host) = shell.link.look(|session| session.control().host().to_owned()) {
        return Err(Usage(format!("connected to {host}; close that first")));
    }
    let mut address = address.clone();
    shell.connection = shell.arguments.clone();
    settings::settle(&mut address, &mut shell.connection)?;
    Ok(address)
}

fn connect(shell: &mut Shell, address: &Address) -> anyhow::Result<()> {
    shell.opened += 1;
    let options = Options {
        session: SessionId(shell.opened),
        throttle: shell.throttle.clone(),
        ..options(&shell.connection, address.scheme, Some(shell.tap()))?
    };
    warn(&options.tls, shell.connection.quiet);
    let connecting = unless_interrupted(Session::connect(&address.host, address.port, &options));
    let mut session = shell.link.runtime.block_on(connecting)??;
    if let Some(way) = shell.way {
        session.set_way(way);
    }
    shell.link.put(session);
    let (login, folders, seats) = (None, Vec::new(), Seats::new());
    shell.home = Some(Home { address: address.clone(), login, folders, seats });
    Ok(())
}

fn present_home(shell: &Shell) -> Result<&Home, Why> {
    let home = shell.home.as_ref().filter(|_| shell.link.is_open());
    home.ok_or_else(|| shell.link.absence())
}

/// The server of the session, and who is logged in there, with what proves it.
#[cfg(feature = "keyring")]
pub(super) fn present(shell: &Shell) -> Result<(&Address, &(Text, Secret)), Why> {
    let home = present_home(shell)?;
    Ok((&home.address, home.logged_in()?))
}

/// The address of a name on the server of the session, seen from the folder where that is, with who is logged in.
pub(super) fn address(shell: &Shell, name: &Text) -> Result<Address, Why> {
    let home = present_home(shell)?;
    let (user, password) = home.logged_in()?.clone();
    let mut path = Vec::new();
    // From an absolute name on, what was before it does not count.
    for part in home.folders.iter().chain([name]).map(Text::as_bytes) {
        match part {
            [b'/', ..] => path = part.to_vec(),
            _ if path.is_empty() || path.ends_with(b"/") => path.extend_from_slice(part),
            _ => path = [&path[..], b"/", part].concat(),
        }
    }
    let (user, password) = (Some(user), Some(password));
    Ok(Address { user, password, path: path.into(), kind: None, ..home.address.clone() })
}

/// Where and as whom jobs log in: as the shell did, into the folder where it is now; and how many of them at a time.
pub(super) fn site(shell: &Shell) -> anyhow::Result<(Site, Arc<Seats>)> {
    let home = present_home(shell)?;
    let (user, password) = home.logged_in()?.clone();
    let login = Login { user, password: Some(password), account: None };
    let tap = shell.trace.as_ref().map(Trace::tap);
    let mut options = options(&shell.connection, home.address.scheme, tap)?;
    options.throttle = shell.throttle.clone();
    if let Some(way) = shell.way {
        (options.way, options.fallback) = (way, false);
    }
    let site = Site::new(home.address.host.clone(), home.address.port, login, options);
    Ok((Site { folders: home.folders.clone(), ..site }, Arc::clone(&home.seats)))
}

/// Logs in, and asks for what is not told.
fn log_in(shell: &mut Shell, name: Option<Text>, password: Option<Secret>) -> Outcome {
    let name = match name {
        Some(name) => name,
        None if shell.lines.is_terminal() => match shell.lines.next("Name (anonymous): ")? {
            Input::Line(name) if name.trim().is_empty() => ANONYMOUS.into(),
            Input::Line(name) => name.trim().into(),
            Input::Unreadable(why) => return Err(why.into()),
            Input::Cancelled | Input::End => return Err(Interrupted::default().into()),
        },
        None => return Err(Usage("user NAME [PASSWORD]".to_owned()).into()),
    };
    let mut wanted = shell.with(async |session| session.user(&name).await)?;
    let mut proof = Secret::new(Vec::new());
    if wanted == Wanted::Password {
        proof = match password {
            Some(password) => password,
            None if name == ANONYMOUS.into() => {
                Login::anonymous().password.map_or_else(|| password_for(shell, &name), Ok)?
            }
            None => password_for(shell, &name)?,
        };
        wanted = shell.with(async |session| session.password(&proof).await)?;
    }
    if wanted == Wanted::Account {
        give_account(shell, &name)?;
    }
    if let Some(home) = &mut shell.home {
        home.login = Some((name, proof));
        home.folders.clear();
    }
    // Asked now, so that it is not asked in the midst of something else.
    shell.link.with_hushed(async |session| session.features().await.map(drop))?;
    look_around(shell)
}

/// Gives what a server wants besides a password, if it can be asked for; `account` gives it in a script.
fn give_account(shell: &Shell, user: &Text) -> anyhow::Result<()> {
    if shell.lines.is_terminal() {
        let account = terminal::ask_password("Account: ")?;
        let account = Secret::new(account.ok_or_else(Interrupted::default)?);
        return shell.with(async |session| session.account(&account).await.map(drop));
    }
    let last = shell.link.look(|session| session.control().last().clone());
    let last = Box::new(last.unwrap_or_default());
    Err(Error::Login { user: user.clone(), last }.into())
}

fn password_for(shell: &mut Shell, user: &Text) -> anyhow::Result<Secret> {
    if let Some(password) = env::var_os(PASSWORD_VARIABLE) {
        return Ok(Secret::new(password.into_encoded_bytes()));
    }
    if shell.lines.is_terminal() {
        let password = terminal::ask_password("Password: ")?;
        return Ok(Secret::new(password.ok_or_else(Interrupted::default)?));
    }
    match shell.lines.next("")? {
        Input::Line(password) => Ok(Secret::new(password.into_bytes())),
        Input::Unreadable(why) => Err(why.into()),
        Input::Cancelled | Input::End => Err(Error::NoPassword { user: user.clone() }.into()),
    }
}

/// `active` and `passive`.
pub(super) fn set_way(shell: &mut Shell, way: Way) -> Outcome {
    shell.way = Some(way);
    shell.link.change(|session| session.set_way(way));
    shell.screen.note(match way {
        Way::Active => "the server opens the data connections",
        Way::Passive => "the data connections are opened from here",
    });
    Ok(Flow::On)
}
