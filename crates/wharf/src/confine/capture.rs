//! What `wharf trace --live` gives up once its socket is open: root, every capability, and calls of the kernel that reading
//! and drawing packets does not make.
//!
//! What comes over the line was written by anybody, so whoever takes it apart should be able to do nothing else.

use std::path::Path;

use anyhow::Context as _;

use super::identity::Identity;
use super::privileges::{Plan, Started};
use super::{no_new_privileges, seccomp};

/// Who runs a program that root has no need to be: in most systems this is a user of that name.
const NOBODY: &str = "65534:65534";

/// Confines the process, which must have this thread only: it becomes the user who called sudo, else nobody; without root
/// it stays who it is. What the kernel lacks is passed over, but not a user who cannot be changed.
///
/// # Errors
/// Where privileges cannot be given up.
pub(crate) fn confine() -> anyhow::Result<()> {
    let started = Started::now()?;
    let asked = started.is_root_and_can_switch().then(somebody).transpose()?;
    // Who is not root stays who it is, whoever owns this.
    let owner = Identity::owner_of(Path::new("/"))?;
    Plan::decide(started, asked.as_ref(), &owner, None)?.carry_out()?;
    no_new_privileges().context("cannot forbid new privileges")?;
    seccomp::enforce(seccomp::Purpose::Capture);
    Ok(())
}

/// The user who called sudo, in its group alone; else nobody.
fn somebody() -> anyhow::Result<Identity> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok().filter(|id| *id != 0);
    let caller = number("SUDO_UID").zip(number("SUDO_GID"));
    let text = caller.map_or_else(|| NOBODY.to_owned(), |(user, group)| format!("{user}:{group}"));
    text.parse().map_err(anyhow::Error::msg)
}
