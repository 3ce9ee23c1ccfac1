//! `wharf user`: the accounts of a server's store.
//!
//! What is kept, and what a value means, is in `wharf-server`; here it is asked for and told.

use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use wharf_proto::Text;
use wharf_server::accounts::hash::Hash;
use wharf_server::accounts::import::{self, Format, Reason};
use wharf_server::accounts::store::{Listed, Store, StoreError};
use wharf_server::accounts::user::{NewUser, UserName};
use wharf_server::accounts::{Said, Terms, totp};

use crate::args::{LimitArgs, UserAction, UserArgs};
use crate::exit::{Exit, Interrupted, Usage};
use crate::store::default_path;
use crate::terminal;
use crate::visit::PASSWORD_VARIABLE;

/// How long a password on standard input may be.
const PASSWORD: u64 = 4096;

pub(crate) fn run(arguments: &UserArgs) -> anyhow::Result<Exit> {
    let unknown = || Usage("where is the store? Say it with --store".to_owned());
    let path = arguments.store.clone().or_else(default_path).ok_or_else(unknown)?;
    let open = || Store::open(&path).context("cannot open the user store");
    match &arguments.action {
        UserAction::Add { name, no_password, limits } => add(&path, name, *no_password, limits),
        UserAction::Remove { name } => Ok(open()?.remove(name)?),
        UserAction::List { json } => list(&open()?.users()?, *json),
        UserAction::Password { name } => {
            let store = open()?;
            // Nobody types a password twice for a user that is not there.
            store.said(name)?;
            Ok(store.set_password(name, &new_password(name)?)?)
        }
        UserAction::Disable { name } => Ok(open()?.set_disabled(name, true)?),
        UserAction::Enable { name } => Ok(open()?.set_disabled(name, false)?),
        UserAction::Limits { name, limits } => change(&open()?, name, limits),
        UserAction::Import { format, file, skip_refused } => {
            return take_over(&path, (*format).into(), file, *skip_refused);
        }
    }?;
    Ok(Exit::Done)
}

/// Opens the store, and makes it where there is none.
fn open_or_make(path: &Path) -> anyhow::Result<Store> {
    Store::open_or_make(path).context("cannot open the user store")
}

fn add(path: &Path, name: &UserName, no_password: bool, limits: &LimitArgs) -> anyhow::Result<()> {
    let said = limits.over(Said::default());
    Terms::try_from(&said).map_err(|error| Usage(error.to_string()))?;
    // Nobody types a password twice for a user that is there already.
    if Store::open(path).is_ok_and(|store| store.said(name).is_ok()) {
        return Err(StoreError::Exists(name.clone()).into());
    }
    let password = if no_password { None } else { Some(new_password(name)?) };
    let totp = limits.totp.unwrap_or(false).then(totp::Secret::random).transpose();
    let totp = totp.map_err(io::Error::other)?;
    let user = NewUser { name: name.clone(), password, totp, said };
    open_or_make(path)?.add(&user)?;
    user.totp.map_or(Ok(()), |secret| tell(name, &secret))
}

fn change(store: &Store, name: &UserName, limits: &LimitArgs) -> anyhow::Result<()> {
    store.set_said(name, &limits.over(store.said(name)?))?;
    match limits.totp {
        None => Ok(()),
        Some(false) => Ok(store.set_totp(name, None)?),
        Some(true) => {
            let secret = totp::Secret::random().map_err(io::Error::other)?;
            store.set_totp(name, Some(&secret))?;
            tell(name, &secret)
        }
    }
}

/// Shows a new second factor, for the first and last time.
fn tell(name: &UserName, secret: &totp::Secret) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}\n{}", secret.base32(), secret.uri(name.as_str()))?;
    Ok(out.flush()?)
}

fn list(users: &[Listed], json: bool) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    for user in users {
        if json {
            writeln!(out, "{}", serde_json::to_string(user)?)?;
        } else {
            writeln!(out, "{}", row(user))?;
        }
    }
    Ok(out.flush()?)
}

/// Name, rights, home, and what else there is to know.
fn row(user: &Listed) -> String {
    let shown = |text: &str| Text::from(text).to_string();
    let said = &user.said;
    let rights = said.rights.as_deref().unwrap_or("all");
    let home = said.home.as_deref().unwrap_or("served:/");
    let notes = [
        (user.disabled, "disabled"),
        (!user.password, "no password"),
        (user.totp, "second factor"),
        (said.tls, "TLS"),
        (!said.certificates.is_empty(), "certificate"),
        (said.expires.is_some(), "expires"),
        (user.damaged.is_some(), "DAMAGED: nobody is let in"),
    ];
    let notes: Vec<&str> = notes.iter().filter(|(is, _)| *is).map(|(_, note)| *note).collect();
    let row = format!("{:<20} {:<6} {:<24} ", shown(&user.name), shown(rights), shown(home));
    format!("{row}{}", notes.join(", ")).trim_end().to_owned()
}

fn take_over(path: &Path, format: Format, file: &Path, skip: bool) -> anyhow::Result<Exit> {
    let name = file.display();
    let bytes = fs::read(file).with_context(|| format!("cannot read {name}"))?;
    let (mut users, mut refused) = (Vec::new(), false);
    for line in import::read(format, &bytes) {
        match line.read {
            Ok(user) => users.push(user),
            Err(reason) => {
                refused |= matches!(reason, Reason::Refused(_));
                terminal::say(format_args!("{name}:{}: {reason}", line.number));
            }
        }
    }
    if refused && !skip {
        terminal::say("nothing is imported; --skip-refused imports the others");
        return Ok(Exit::Failed);
    }
    open_or_make(path)?.add_all(&users).context("nothing is imported")?;
    terminal::say(format_args!("{} imported", users.len()));
    Ok(if refused { Exit::Failed } else { Exit::Done })
}

/// A new password, from where there is one.
fn new_password(name: &UserName) -> anyhow::Result<Hash> {
    let password = match env::var_os(PASSWORD_VARIABLE) {
        Some(password) => password.into_encoded_bytes(),
        None if io::stdin().is_terminal() => asked_twice(name)?,
        None => {
            terminal::read_line(PASSWORD).context("cannot read the password")?.unwrap_or_default()
        }
    };
    Ok(Hash::make(&password).map_err(|error| Usage(error.to_string()))?)
}

fn asked_twice(name: &UserName) -> anyhow::Result<Vec<u8>> {
    let ask = |question: String| -> anyhow::Result<Vec<u8>> {
        let answer = terminal::ask_password(&question).context("cannot ask for the password")?;
        Ok(answer.ok_or_else(Interrupted::default)?)
    };
    let password = ask(format!("New password for {name}: "))?;
    if password == ask("The same again: ".to_owned())? {
        Ok(password)
    } else {
        Err(Usage("these were two passwords".to_owned()).into())
    }
}
