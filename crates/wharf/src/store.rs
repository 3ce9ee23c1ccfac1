//! Where the user store is, where nobody says.

use std::env;
use std::path::PathBuf;

/// The store of a machine's server.
const OF_ROOT: &str = "/var/lib/wharf/users.db";
/// The store of a user's own server, in the folder for data.
const OF_USER: &str = "wharf/users.db";

/// The default store; none where the environment names no home.
pub(crate) fn default_path() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(OF_ROOT.into());
    }
    let named =
        |variable| env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = named("XDG_DATA_HOME").or_else(|| Some(named("HOME")?.join(".local/share")))?;
    Some(data.join(OF_USER))
}
