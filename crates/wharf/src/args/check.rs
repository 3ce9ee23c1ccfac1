//! The options of `wharf check`.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::Args;

use super::tls::TlsArgs;
use super::{LangArg, Url};

/// `wharf check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The server, and a folder to list.
    #[arg(help = "ftp://[user[:password]@]host[:port]/[folder]; ftps:// where TLS begins at once")]
    pub(crate) url: Url,
    /// Send the password in clear too, to try what works without TLS; that of anonymous users is none and is always
    /// sent
    #[arg(long)]
    pub(crate) clear_password: bool,
    /// Store a small file in the folder in the best way that works, fetch it, and delete it
    #[arg(long)]
    pub(crate) upload: bool,
    /// Be silent for so long, and see whether the session is still there
    #[arg(long, value_name = "SECONDS")]
    pub(crate) idle: Option<NonZeroU64>,
    /// Wait this long for a reply, a connection or the next byte of data
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    pub(crate) timeout: NonZeroU64,
    /// One JSON object a step
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw the ladder of each try afterwards, on standard error or into FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    pub(crate) trace: Option<PathBuf>,
    /// The language of all that is not the protocol's [default: that of the environment]
    #[arg(long, value_enum, value_name = "LANG")]
    pub(crate) lang: Option<LangArg>,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
}
