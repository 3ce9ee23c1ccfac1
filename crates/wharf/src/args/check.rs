//! The options of `wharf check`.

use std::num::NonZeroU64;
use std::time::Duration;

use clap::Args;
use wharf_client::Scheme;

use super::{ConnectionArgs, LangArg, Url};
use crate::exit::Usage;
use crate::settings;

/// How long anything may take, if nothing is said: a doctor has many patients.
const TIMEOUT: Duration = Duration::from_secs(10);

/// `wharf check`.
#[derive(Args, Debug)]
#[command(mut_arg("active", |arg| arg.help("Try only data connections that the server opens")))]
#[command(mut_arg("passive", |arg| arg.help("Try only data connections that are opened from here")))]
#[command(mut_arg("timeout", |arg| {
    arg.help("Wait this long for a reply, a connection or the next byte of data [default: 10]")
}))]
#[command(mut_arg("trace", |arg| {
    arg.help(
        "Draw the ladder of each try afterwards, on standard error or into FILE: as text, or by its ending .svg, .html, \
         .json, .mmd or .pcapng; into FILE.jsonl the events are written, for `wharf trace`",
    )
}))]
#[command(mut_arg("quiet", |arg| arg.help("Tell only what was found wrong, and what works")))]
pub(crate) struct CheckArgs {
    /// The server, and a folder to list.
    #[arg(help = "ftp://[user[:password]@]host[:port]/[folder]; ftps:// where TLS begins at once")]
    pub(crate) url: Url,
    #[command(flatten)]
    pub(crate) how: CheckHow,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// What is tried, and how it is told.
#[derive(Args, Clone, Debug)]
pub(crate) struct CheckHow {
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
    /// Tell it as JSON, an object a step
    #[arg(long)]
    pub(crate) json: bool,
    /// The language of all that is not the protocol's [default: that of the environment]
    #[arg(long, value_enum, value_name = "LANG")]
    pub(crate) lang: Option<LangArg>,
}

impl CheckArgs {
    /// Fills in who logs in, through what and whom to trust, as the settings have it. Which way is best is found out.
    ///
    /// # Errors
    /// Settings that make no sense.
    pub(crate) fn settle(&mut self) -> Result<(), Usage> {
        let (connection, scheme) = (&mut self.connection, self.url.0.scheme);
        let ConnectionArgs { active, passive, plain, .. } = *connection;
        // TLS is tried of ftp:// too.
        if scheme == Scheme::Ftp {
            self.url.0.scheme = Scheme::Ftpes;
        }
        let settled = settings::settle(&mut self.url.0, connection);
        self.url.0.scheme = scheme;
        (connection.active, connection.passive, connection.plain) = (active, passive, plain);
        settled
    }

    /// How long anything may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.connection.timeout.map_or(TIMEOUT, |seconds| Duration::from_secs(seconds.get()))
    }
}
