//! The options of TLS that every client command takes, and what they come to for an address.
//!
//! An option of TLS for a session that has none is a mistake: whoever gives one does not expect to talk in clear.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use wharf_client::{DataTls, Fingerprint, Identity, Scheme, Tls, TlsMode, Trust, Versions};

use crate::exit::Usage;
use crate::settings::HostSettings;
use crate::terminal;

/// TLS for a client.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// Demand TLS of ftp:// as well, as ftpes:// does
    #[arg(long)]
    tls: bool,
    /// Trust the issuers in this PEM file too, besides those that the system trusts; may be given several times
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// Trust just the certificate with this fingerprint, and no issuer; may be given several times
    #[arg(long, value_name = "sha256:HEX", conflicts_with = "ca")]
    pin: Vec<Fingerprint>,
    /// Trust anybody; who sits in between can pass for the server
    #[arg(long, conflicts_with_all = ["ca", "pin"])]
    insecure: bool,
    /// Show this certificate to a server that asks for one; those of its issuers follow in the PEM file
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// The key of that certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Leave files and listings in clear, and protect only the login
    #[arg(long)]
    clear_data: bool,
    /// Leave files and listings in clear where the server refuses to protect them (PROT P), in place of leaving
    #[arg(long, conflicts_with = "clear_data")]
    prot_fallback: bool,
    /// Go back to a control connection in clear once the login is done, for a NAT that must read it
    #[arg(long)]
    ccc: bool,
    /// Offer no later version
    #[arg(long, value_enum, value_name = "VERSION")]
    tls_max: Option<Version>,
    /// Offer no earlier version
    #[arg(long, value_enum, value_name = "VERSION")]
    tls_min: Option<Version>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Version {
    /// TLS 1.2.
    #[value(name = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[value(name = "1.3")]
    Tls13,
}

impl TlsArgs {
    /// The options as they would be written, `--tls` left out; nothing where the system decides.
    pub(crate) fn words(&self) -> String {
        let mut words = String::new();
        let flags = [
            ("--insecure", self.insecure),
            ("--clear-data", self.clear_data),
            ("--prot-fallback", self.prot_fallback),
            ("--ccc", self.ccc),
        ];
        for (flag, _) in flags.iter().filter(|(_, given)| *given) {
            words += &format!(" {flag}");
        }
        for pin in &self.pin {
            words += &format!(" --pin {pin}");
        }
        let files = self.ca.iter().map(|file| ("--ca", file));
        let files = files.chain(self.client_cert.iter().map(|file| ("--client-cert", file)));
        for (option, file) in files.chain(self.client_key.iter().map(|file| ("--client-key", file)))
        {
            words += &format!(" {option} {}", terminal::quoted(&file.display().to_string()));
        }
        for (option, version) in [("--tls-max", self.tls_max), ("--tls-min", self.tls_min)] {
            if let Some(version) = version.and_then(|version| version.to_possible_value()) {
                words += &format!(" {option} {}", version.get_name());
            }
        }
        words
    }

    /// Whether certificates are not looked at.
    pub(crate) fn trusts_anybody(&self) -> bool {
        self.insecure
    }

    /// Whether a session of this scheme has TLS.
    pub(crate) fn demands(&self, scheme: Scheme) -> bool {
        self.tls || scheme.tls() != TlsMode::Off
    }

    /// Fills in what the settings say of a host, as far as a session of this scheme has TLS.
    pub(crate) fn settle(&mut self, scheme: Scheme, settings: &HostSettings) {
        self.tls |= settings.tls.unwrap_or(false);
        if scheme.tls() == TlsMode::Off && !self.tls {
            return;
        }
        if self.ca.is_empty() && self.pin.is_empty() && !self.insecure {
            self.pin = settings.pin.iter().map(|pin| pin.0).collect();
            if self.pin.is_empty() {
                self.ca.clone_from(&settings.ca);
            }
        }
        if !self.prot_fallback {
            self.clear_data |= settings.clear_data.unwrap_or(false);
        }
        self.prot_fallback |= settings.prot_fallback.unwrap_or(false) && !self.clear_data;
        self.ccc |= settings.ccc.unwrap_or(false);
    }

    /// What the options come to for an address of this scheme.
    ///
    /// # Errors
    /// Options that contradict each other, or that would be of no effect.
    pub(crate) fn wanted(&self, scheme: Scheme) -> Result<Tls, Usage> {
        let mode = match scheme.tls() {
            TlsMode::Off if self.tls => TlsMode::Explicit,
            mode => mode,
        };
        let trust = if self.insecure {
            Trust::Anybody
        } else if self.pin.is_empty() {
            Trust::Issuers(self.ca.clone())
        } else {
            Trust::Pinned(self.pin.clone())
        };
        let versions = match (self.tls_min, self.tls_max) {
            (Some(Version::Tls13), Some(Version::Tls12)) => {
                return Err(Usage("no version is left between --tls-min and --tls-max".to_owned()));
            }
            (_, Some(Version::Tls12)) => Versions::Only12,
            (Some(Version::Tls13), _) => Versions::Only13,
            (None | Some(Version::Tls12), None | Some(Version::Tls13)) => Versions::Both,
        };
        let identity = self.client_cert.clone().zip(self.client_key.clone());
        let identity = identity.map(|(certificate, key)| Identity { certificate, key });
        let tls = Tls {
            mode,
            trust,
            identity,
            versions,
            data: match (self.clear_data, self.prot_fallback) {
                (true, _) => DataTls::Never,
                (false, true) => DataTls::IfOffered,
                (false, false) => DataTls::Demanded,
            },
            ccc: self.ccc,
            log_keys: true,
            ..Tls::default()
        };
        let untold = Tls { log_keys: true, ..Tls::default() };
        if mode == TlsMode::Off && tls != untold {
            let why =
                "these options are for TLS, and ftp:// is in clear: write ftpes://, or add --tls";
            return Err(Usage(why.to_owned()));
        }
        Ok(tls)
    }
}

/// Says what is not protected although there is TLS.
pub(crate) fn warn(tls: &Tls, quiet: bool) {
    if quiet || tls.mode == TlsMode::Off {
        return;
    }
    if tls.trust == Trust::Anybody {
        terminal::say("warning: with --insecure anybody in between can pass for the server");
    }
    match tls.data {
        DataTls::Demanded => {}
        DataTls::IfOffered => terminal::say(
            "warning: with --prot-fallback files and listings go in clear where the server does not protect them",
        ),
        DataTls::Never => terminal::say(
            "warning: with --clear-data files and listings can be read and changed on their way",
        ),
    }
    if tls.ccc {
        terminal::say(
            "warning: with --ccc all that is said behind the login can be read and changed on its way",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_of_tls_for_a_session_in_clear_is_a_mistake() {
        let pinned = TlsArgs { ca: vec!["x".into()], ..TlsArgs::default() };
        assert!(pinned.wanted(Scheme::Ftp).is_err());
        assert!(pinned.wanted(Scheme::Ftpes).is_ok());
        let demanded = TlsArgs { tls: true, ..pinned };
        assert_eq!(demanded.wanted(Scheme::Ftp).unwrap().mode, TlsMode::Explicit);
        assert_eq!(demanded.wanted(Scheme::Ftps).unwrap().mode, TlsMode::Implicit);
        assert_eq!(TlsArgs::default().wanted(Scheme::Ftp).unwrap().mode, TlsMode::Off);
    }

    #[test]
    fn versions_are_those_between_the_first_and_the_last() {
        let versions = |tls_min, tls_max| {
            TlsArgs { tls_min, tls_max, ..TlsArgs::default() }
                .wanted(Scheme::Ftps)
                .map(|t| t.versions)
        };
        let (old, new) = (Some(Version::Tls12), Some(Version::Tls13));
        for (min, max, expected) in [
            (None, None, Versions::Both),
            (old, new, Versions::Both),
            (None, old, Versions::Only12),
            (old, old, Versions::Only12),
            (new, None, Versions::Only13),
            (new, new, Versions::Only13),
        ] {
            assert_eq!(versions(min, max).unwrap(), expected);
        }
        assert!(versions(new, old).is_err());
    }
}
