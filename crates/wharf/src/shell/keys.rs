//! `remember` and `forget`: the password of the present session in the keyring of the desktop, and out of it again.

use anyhow::Context;

use super::{Call, Flow, Outcome, Shell, connect};
use crate::exit::Usage;
use crate::keyring::Keyring;

/// `remember`.
pub(super) fn remember(shell: &mut Shell, _: &Call<'_>) -> Outcome {
    let (address, (user, password)) = connect::present(shell)?;
    if *user == connect::ANONYMOUS.into() {
        return Err(Usage("anonymous users have no password".to_owned()).into());
    }
    let keyring = Keyring::open().context("the keyring")?;
    keyring.keep(&address.host, address.port, user, password).context("the keyring")?;
    let host = &address.host;
    shell.screen.note(format_args!("{user}'s password for {host} is kept in the keyring"));
    Ok(Flow::On)
}

/// `forget`.
pub(super) fn forget(shell: &mut Shell, _: &Call<'_>) -> Outcome {
    let (address, (user, _)) = connect::present(shell)?;
    let keyring = Keyring::open().context("the keyring")?;
    let known = keyring.forget(&address.host, address.port, user).context("the keyring")?;
    shell.screen.note(match known {
        true => "the password is not in the keyring any more",
        false => "there was no password in the keyring",
    });
    Ok(Flow::On)
}
