//! The options of `wharf serve`.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::config::public::PublicAddress;
use crate::confine::Identity;

/// `wharf serve`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// The folder to serve, `.` if nothing is said
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Take the settings from this TOML file; what the command line says wins
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Listen here, `[::]:2121` if nothing is said; may be given several times, port 0 picks one
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Vec<SocketAddr>,
    /// Let anonymous users write too; users with an account always may
    #[arg(long)]
    pub(crate) writable: bool,
    /// Let this user in, to read and write; may be given several times. For trying things, because
    /// others on this machine can see the password
    #[arg(long = "user", value_name = "NAME:PASSWORD", value_parser = name_and_password)]
    pub(crate) users: Vec<(String, String)>,
    /// Take the users from this store, which `wharf user` manages; the default store, where there is one
    #[cfg(feature = "sqlite")]
    #[arg(long = "users", value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// Let nobody in who has no account
    #[arg(long)]
    pub(crate) no_anonymous: bool,
    /// Offer TLS with this certificate, which the certificates of its issuers follow, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of that certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Offer TLS with a certificate made on the spot, for a first try; its fingerprint is logged
    #[arg(long, conflicts_with = "tls_cert")]
    pub(crate) tls_self_signed: bool,
    /// Add the keys of all TLS sessions to this file, for reading captures of them (`wharf trace --keys`). Whoever has
    /// the file can read those sessions, passwords included
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key_log: Option<PathBuf>,
    /// Listen here for clients that begin with TLS at once (ftps, most often at port 990); may be given several
    /// times
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) implicit_tls: Vec<SocketAddr>,
    /// Use these ports for passive data connections
    #[arg(long, value_name = "A-B", value_parser = port_range)]
    pub(crate) passive_ports: Option<RangeInclusive<u16>>,
    /// Tell clients to connect to this IPv4 address for data, as a NAT before us demands; a name is looked up once,
    /// at the start
    #[arg(long, value_name = "IP|NAME")]
    pub(crate) public_address: Option<PublicAddress>,
    /// Let users who have an account transfer files between this server and another one; `fxp` in the file
    /// says which servers, and without it they may be anywhere
    #[arg(long)]
    pub(crate) allow_fxp: bool,
    /// How the log on standard error is written, `text` if nothing is said
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Write down what happens in each session, for `wharf trace`: to this file, or a file a session into this folder
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) tap: Option<PathBuf>,
    /// Log nothing but trouble
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Answer finished transfers with 250 in place of 226, as some hosts do
    #[arg(long)]
    pub(crate) complete_with_250: bool,
    /// Go on as this user once the ports are open; root goes on as the owner of DIR if nothing is said
    #[arg(long, value_name = "USER[:GROUP]")]
    pub(crate) run_as: Option<Identity>,
    /// Give up nothing: neither root, nor files outside of DIR, nor calls of the kernel. For finding faults
    #[arg(long, conflicts_with = "run_as")]
    pub(crate) no_confinement: bool,
    /// Print who may do what from where, open no port, and end
    #[arg(long)]
    pub(crate) check: bool,
}

/// How a log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// A line an event, for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

fn name_and_password(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, password)) if !name.is_empty() => Ok((name.to_owned(), password.to_owned())),
        _ => Err("a name, a colon and a password are wanted".to_owned()),
    }
}

/// Reads `50000-50100`.
pub(crate) fn port_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wanted = || "two ports are wanted, the lower one first: 50000-50100".to_owned();
    let (first, last) = text.split_once('-').ok_or_else(wanted)?;
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wanted);
    let (first, last) = (port(first)?, port(last)?);
    if first <= last { Ok(first..=last) } else { Err(wanted()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_ports_and_users_are_parsed_or_refused() {
        assert_eq!(port_range("1-65535"), Ok(1..=65535));
        for text in ["", "5", "5-", "-5", "0-5", "6-5", "1-65536", "a-b"] {
            assert!(port_range(text).is_err(), "{text}");
        }
        let pair = |name: &str, password: &str| Ok((name.to_owned(), password.to_owned()));
        assert_eq!(name_and_password("ann:a:b"), pair("ann", "a:b"));
        assert!(name_and_password(":x").is_err() && name_and_password("x").is_err());
    }
}
