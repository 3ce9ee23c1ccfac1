//! Command lines that follow from a check, as they can be pasted into a shell: the one that does what worked, and the one
//! to try next.

use clap::ValueEnum as _;
use wharf_client::{Address, Scheme, Setup};

use super::attempt::Cover;
use super::report::{Report, setup_name};
use crate::args::ConnectionArgs;
use crate::exit::Exit;
use crate::terminal::quoted;

/// To whom, and with which options.
pub(super) struct Way<'a> {
    pub(super) address: &'a Address,
    pub(super) connection: &'a ConnectionArgs,
}

impl Way<'_> {
    /// A command line that lists in the way that worked.
    pub(super) fn works(&self, of: Cover, setup: Setup) -> String {
        let scheme = match of {
            Cover::Clear => Scheme::Ftp,
            Cover::Explicit => Scheme::Ftpes,
            Cover::Implicit => Scheme::Ftps,
        };
        let active = matches!(setup, Setup::Eprt | Setup::Port);
        let way = if active { " --active" } else { "" };
        let plain = if setup == Setup::Pasv || self.connection.plain { " --plain" } else { "" };
        let tls = if of == Cover::Clear { String::new() } else { self.connection.tls.words() };
        let options = self.options();
        let url = self.url(scheme);
        // Behind the sign of a comment, so that all of it can be pasted into a shell.
        format!("wharf ls{way}{plain}{options}{tls} {url}  # {}", setup_name(setup))
    }

    /// What to check next, where something that is in the way can be put out of it.
    pub(super) fn next(&self, report: &Report<'_>, best: Option<Cover>) -> Option<String> {
        let lang = report.lang;
        let options = self.options();
        // Who was let in without it and told of no such folder, finds none with it.
        let is_refused = matches!(report.worst, Some(Exit::NotFound | Exit::Refused));
        let could_be_better = best.map_or(!is_refused, |best| best == Cover::Clear);
        if let Some((of, print)) = report.stranger
            && could_be_better
        {
            let scheme = if of == Cover::Implicit { Scheme::Ftps } else { self.address.scheme };
            let url = self.url(scheme);
            let why = lang.of(
                "once the server's keeper has confirmed this fingerprint",
                "サーバーの管理者にこのフィンガープリントを確かめてから",
            );
            return Some(format!("wharf check --pin {print}{options} {url}  # {why}"));
        }
        if best.is_none() && report.kept_secret && report.worst.is_none() {
            let url = self.url(self.address.scheme);
            let why = lang.of(
                "sends the password in clear: whoever listens can read it",
                "パスワードを平文で送るため、盗み見られるおそれがある",
            );
            let tls = self.connection.tls.words();
            return Some(format!("wharf check --clear-password{options}{tls} {url}  # {why}"));
        }
        None
    }

    /// The options of the connection that hold for every way.
    fn options(&self) -> String {
        let family = match (self.connection.ipv4, self.connection.ipv6) {
            (true, _) => " -4",
            (_, true) => " -6",
            (false, false) => "",
        };
        let proxy = self.connection.proxy.as_ref();
        let proxy = proxy.map(|proxy| format!(" --proxy {}", quoted(&proxy.to_string())));
        let data = self.connection.data_address.and_then(|host| host.to_possible_value());
        let data = data.map(|host| format!(" --data-address {}", host.get_name()));
        format!("{family}{}{}", proxy.unwrap_or_default(), data.unwrap_or_default())
    }

    fn url(&self, scheme: Scheme) -> String {
        quoted(&Address { scheme, ..self.address.clone() }.to_string())
    }
}
