//! `wharf user`: who may log in to a server, and what each is held to.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand, ValueEnum};
use wharf_server::accounts::Said;
use wharf_server::accounts::import::Format;
use wharf_server::accounts::user::UserName;

/// `wharf user`.
#[derive(Args, Debug)]
pub(crate) struct UserArgs {
    /// The store; /var/lib/wharf/users.db for root, else wharf/users.db in the folder for data
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: UserAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserAction {
    /// Add a user; the password comes from WHARF_PASSWORD, is asked for at a terminal, or is the first
    /// line of standard input
    Add {
        /// The name
        name: UserName,
        /// Set no password: only a certificate lets in
        #[arg(long, requires = "certificate")]
        no_password: bool,
        #[command(flatten)]
        limits: Box<LimitArgs>,
    },
    /// Remove a user
    Remove {
        /// The name
        name: UserName,
    },
    /// List the users, without their secrets
    List {
        /// Write a JSON object a user
        #[arg(long)]
        json: bool,
    },
    /// Set the password of a user
    Password {
        /// The name
        name: UserName,
    },
    /// Let nobody in with this account
    Disable {
        /// The name
        name: UserName,
    },
    /// Undo `disable`
    Enable {
        /// The name
        name: UserName,
    },
    /// Change what a user is held to; what is not said stays
    Limits {
        /// The name
        name: UserName,
        #[command(flatten)]
        limits: Box<LimitArgs>,
    },
    /// Add the users of another server
    Import {
        /// The form of the file
        #[arg(value_enum)]
        format: FormatArg,
        /// The file
        file: PathBuf,
        /// Import the others where a line is refused; otherwise none is imported then
        #[arg(long)]
        skip_refused: bool,
    },
}

/// The form of a file of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// name:hash
    Htpasswd,
    /// The fields of passwd or of shadow
    Passwd,
    /// The fields of Pure-FTPd
    PurePw,
    /// A name a line, and its password on the next
    Vsftpd,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Htpasswd => Self::Htpasswd,
            FormatArg::Passwd => Self::Passwd,
            FormatArg::PurePw => Self::PurePw,
            FormatArg::Vsftpd => Self::Vsftpd,
        }
    }
}

/// What a user is held to. `none` takes a bound away.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "What the user is held to (`none` takes it away)")]
pub(crate) struct LimitArgs {
    /// Show this folder at the root, `served:/NAME` for one of the tree that is served to all, which is
    /// what is shown if nothing is said
    #[arg(long, value_name = "PATH")]
    home: Option<OrNone<String>>,
    /// Show this folder at another name; may be given several times, as all that follow with `...`
    #[arg(long = "mount", value_name = "AT=FOLDER")]
    mounts: Vec<String>,
    /// Allow this: letters of rwldnm, or read,write,list,delete,rename,mkdir; `all` if nothing is said
    #[arg(long)]
    rights: Option<String>,
    /// Allow only this beneath a name ...
    #[arg(long = "rule", value_name = "PATH=RIGHTS")]
    rules: Vec<String>,
    /// Store no more bytes in files
    #[arg(long, value_name = "N")]
    quota_bytes: Option<OrNone<u64>>,
    /// Store no more files
    #[arg(long, value_name = "N")]
    quota_files: Option<OrNone<u64>>,
    /// Take no more bytes a second from all clients of the user
    #[arg(long, value_name = "N")]
    rate_up: Option<OrNone<u64>>,
    /// Send no more bytes a second to them
    #[arg(long, value_name = "N")]
    rate_down: Option<OrNone<u64>>,
    /// Have no more sessions at once
    #[arg(long, value_name = "N")]
    sessions: Option<OrNone<u32>>,
    /// Log in only from here ...
    #[arg(long = "network", value_name = "CIDR")]
    networks: Vec<String>,
    /// Log in only at this time of the day, by the clock of the server ...
    #[arg(long, value_name = "08:00-18:00")]
    hours: Vec<String>,
    /// Log in only under TLS
    #[arg(long, value_name = "yes|no", num_args = 0..=1, require_equals = true, default_missing_value = "yes", value_parser = BoolishValueParser::new())]
    tls: Option<bool>,
    /// Let data connections have a TLS session of their own
    #[arg(long, value_name = "yes|no", num_args = 0..=1, require_equals = true, default_missing_value = "yes", value_parser = BoolishValueParser::new())]
    any_tls_session: Option<bool>,
    /// Let data connections go to this network, for transfers between two servers ...
    #[arg(long, value_name = "CIDR")]
    fxp: Vec<String>,
    /// Take this client certificate for the password ...
    #[arg(long = "certificate", id = "certificate", value_name = "SHA256HEX")]
    certificates: Vec<String>,
    /// Let nobody in after this day
    #[arg(long, value_name = "YYYY-MM-DD")]
    expires: Option<OrNone<String>>,
    /// Show names in this charset
    #[arg(long, value_name = "NAME")]
    charset: Option<OrNone<String>>,
    /// Demand a second factor: make a new secret and show it, once; `=no` demands none
    #[arg(long, value_name = "yes|no", num_args = 0..=1, require_equals = true, default_missing_value = "yes", value_parser = BoolishValueParser::new())]
    pub(crate) totp: Option<bool>,
}

impl LimitArgs {
    /// What was said before, with what these arguments say.
    pub(crate) fn over(&self, mut said: Said) -> Said {
        put(&mut said.home, self.home.as_ref());
        put(&mut said.quota_bytes, self.quota_bytes.as_ref());
        put(&mut said.quota_files, self.quota_files.as_ref());
        put(&mut said.rate_up, self.rate_up.as_ref());
        put(&mut said.rate_down, self.rate_down.as_ref());
        put(&mut said.sessions, self.sessions.as_ref());
        put(&mut said.expires, self.expires.as_ref());
        put(&mut said.charset, self.charset.as_ref());
        put_all(&mut said.mounts, &self.mounts);
        put_all(&mut said.rules, &self.rules);
        put_all(&mut said.networks, &self.networks);
        put_all(&mut said.hours, &self.hours);
        put_all(&mut said.fxp, &self.fxp);
        put_all(&mut said.certificates, &self.certificates);
        if let Some(rights) = &self.rights {
            said.rights = Some(rights.clone());
        }
        said.tls = self.tls.unwrap_or(said.tls);
        said.any_tls_session = self.any_tls_session.unwrap_or(said.any_tls_session);
        said
    }
}

fn put<T: Clone>(place: &mut Option<T>, typed: Option<&OrNone<T>>) {
    if let Some(OrNone(value)) = typed {
        place.clone_from(value);
    }
}

fn put_all(place: &mut Vec<String>, typed: &[String]) {
    match typed {
        [] => {}
        [none] if none == "none" => place.clear(),
        all => *place = all.to_vec(),
    }
}

/// A value, or `none` for no value.
#[derive(Clone, Debug)]
struct OrNone<T>(Option<T>);

impl<T: FromStr> FromStr for OrNone<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "none" { Ok(Self(None)) } else { text.parse().map(|value| Self(Some(value))) }
    }
}
