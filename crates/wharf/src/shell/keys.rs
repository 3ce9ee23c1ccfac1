//! `remember` and `forget`: the password of the present session in the keyring of the desktop, and out of it again.

use anyhow::Context;

use super::{Call, Flow, Outcome, Shell, connect};
use crate::exit::Usage;
use crate::keyring::Keyring;

/// `remember`.
pub(super) fn remember(shell: &mut Shell, _: &Call<'_>) -> Outcome {
    keep(shell, || Keyring::open().context("the keyring"))
}

/// `forget`.
pub(super) fn forget(shell: &mut Shell, _: &Call<'_>) -> Outcome {
    let known = give_up(shell, || Keyring::open().context("the keyring"))?;
    shell.screen.note(match known {
        true => "the password is not in the keyring any more",
        false => "there was no password in the keyring",
    });
    Ok(Flow::On)
}

/// Keeps the password of the session in this keyring, which is opened when there is something to keep.
fn keep(shell: &Shell, keyring: impl FnOnce() -> anyhow::Result<Keyring>) -> Outcome {
    let (address, (user, password)) = connect::present(shell)?;
    if *user == connect::ANONYMOUS.into() {
        return Err(Usage("anonymous users have no password".to_owned()).into());
    }
    keyring()?.keep(&address.host, address.port, user, password).context("the keyring")?;
    let host = &address.host;
    shell.screen.note(format_args!("{user}'s password for {host} is kept in the keyring"));
    Ok(Flow::On)
}

/// Has this keyring forget it; tells whether it knew one.
fn give_up(
    shell: &Shell,
    keyring: impl FnOnce() -> anyhow::Result<Keyring>,
) -> anyhow::Result<bool> {
    let (address, (user, _)) = connect::present(shell)?;
    keyring()?.forget(&address.host, address.port, user).context("the keyring")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use clap::Parser;
    use wharf_client::Address;
    use wharf_testkit::faulty::Faulty;

    /// A shell that has said these lines to a server that lets everybody in.
    fn shell(lines: &[&str]) -> (Shell, Address, Faulty) {
        let server = Faulty::new(&[], &[]);
        let parsed = Arguments::try_parse_from(["wharf", "shell", "-q"]).unwrap();
        let Command::Shell(arguments) = parsed.command else { panic!("another command") };
        let mut shell = Shell::new(arguments).unwrap();
        let host = server.address();
        let open = format!("open {} {}", host.ip(), host.port());
        for line in [&[open.as_str()], lines].concat() {
            assert_eq!(shell.carry_out(line).unwrap(), Flow::On, "{line}");
        }
        let address = format!("ftp://ann@{host}/").parse().unwrap();
        (shell, address, server)
    }

    #[test]
    fn the_keyring_keeps_the_password_of_the_session_until_it_is_to_forget_it() {
        let keyring = Keyring::of_tests();
        let open = || Ok(keyring.clone());
        let (shell, address, _server) = shell(&["user ann secret"]);
        let password = || {
            let mut address = address.clone();
            keyring.settle(&mut address);
            address.password.map(|password| password.reveal().to_vec())
        };
        assert!(!give_up(&shell, open).unwrap() && password().is_none());
        assert_eq!(keep(&shell, open).unwrap(), Flow::On);
        assert_eq!(password().as_deref(), Some(&b"secret"[..]));
        assert!(give_up(&shell, open).unwrap() && password().is_none());
        assert!(!give_up(&shell, open).unwrap());
    }

    #[test]
    fn without_a_password_there_is_nothing_to_keep_and_no_keyring_is_asked() {
        let nobody = || -> anyhow::Result<Keyring> { panic!("a keyring was opened") };
        let (anonymous, ..) = shell(&["user anonymous"]);
        let told = keep(&anonymous, nobody).unwrap_err().to_string();
        assert_eq!(told, "anonymous users have no password");
        let (nobody_yet, ..) = shell(&[]);
        assert!(keep(&nobody_yet, nobody).unwrap_err().to_string().contains("not logged in"));
        let (closed, ..) = shell(&["user ann secret", "close"]);
        assert!(give_up(&closed, nobody).unwrap_err().to_string().contains("not connected"));
    }

    #[test]
    fn a_keyring_that_is_not_there_is_told() {
        let (shell, ..) = shell(&["user ann secret"]);
        let none = || Err(anyhow::anyhow!("no service")).context("the keyring");
        assert_eq!(format!("{:#}", keep(&shell, none).unwrap_err()), "the keyring: no service");
    }
}
