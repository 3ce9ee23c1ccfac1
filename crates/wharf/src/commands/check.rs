//! `wharf check`: the doctor. Every step to a server and every way of moving data, each tried in a session of its
//! own, and what it means.
//!
//! A password goes over the line in clear only where that was asked for. What is tried is in `check/attempt.rs`, how
//! it is told in `check/report.rs`; the verdicts are the ladder's.

mod attempt;
mod report;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use wharf_client::{Address, Error, Login, Scheme, Setup, Tls, TlsMode};

use crate::args::check::CheckArgs;
use crate::args::language;
use crate::exit::{Exit, Interrupted};
use crate::interrupt::unless_interrupted;
use crate::visit;
use attempt::{Attempt, Cover, Extra, Patient};
use report::Report;

/// The ways of agreeing on a data connection, the best first.
const SETUPS: [Setup; 4] = [Setup::Epsv, Setup::Pasv, Setup::Eprt, Setup::Port];

pub(crate) async fn run(arguments: &CheckArgs) -> anyhow::Result<Exit> {
    let work = check(arguments);
    unless_interrupted(work).await.ok_or(Interrupted)?
}

async fn check(arguments: &CheckArgs) -> anyhow::Result<Exit> {
    let address = &arguments.url.0;
    // Options of TLS that make no sense are told before anybody is bothered.
    let (tls, covers) = covers(address, arguments)?;
    let patient = Patient::new(arguments, visit::login(address)?, tls);
    let mut report = Report::new(arguments, language(arguments.lang));
    let found = resolve(address).await;
    report.resolved(address, &found)?;
    let Ok(addresses) = found else { return Ok(Exit::Network) };
    for cover in covers {
        if cover == Cover::Clear && !may_be_heard(arguments, &patient.login) {
            report.not_said(&patient.login)?;
            let attempt = patient.try_greeting(cover).await;
            report.entered(&attempt)?;
            continue;
        }
        let first = patient.try_login(cover).await;
        report.entered(&first)?;
        if matches!(first.outcome, Err(Error::Connect { .. })) {
            break;
        }
        if first.outcome.is_ok() {
            for setup in SETUPS.into_iter().filter(|setup| is_possible(*setup, &first, &addresses))
            {
                report.listed(&patient.try_listing(cover, setup).await)?;
            }
        }
    }
    if let Some((cover, setup)) = report.best() {
        if arguments.upload {
            report.extra(Extra::Upload, &patient.try_upload(cover, setup).await)?;
        }
        if let Some(seconds) = arguments.idle {
            let silence = Duration::from_secs(seconds.get());
            report.extra(Extra::Idle(silence), &patient.try_silence(cover, silence).await)?;
        }
    }
    report.end(address)
}

/// The addresses of the host, in the order of the resolver, and how long it took.
async fn resolve(address: &Address) -> Result<Vec<SocketAddr>, std::io::Error> {
    let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await?;
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.dedup();
    Ok(addresses)
}

/// What TLS is like where it is tried: in clear and under TLS is tried, or under TLS only where it begins at once.
fn covers(address: &Address, arguments: &CheckArgs) -> anyhow::Result<(Tls, Vec<Cover>)> {
    let scheme = if address.scheme == Scheme::Ftp { Scheme::Ftpes } else { address.scheme };
    let tls = arguments.tls.wanted(scheme).context("the options of TLS")?;
    let covers = match scheme.tls() {
        TlsMode::Implicit => vec![Cover::Implicit],
        TlsMode::Explicit | TlsMode::Off => vec![Cover::Explicit, Cover::Clear],
    };
    Ok((tls, covers))
}

/// Whether this login may go over the line in clear.
fn may_be_heard(arguments: &CheckArgs, login: &Login) -> bool {
    arguments.clear_password || login.user == Login::anonymous().user
}

/// Whether a way can be tried over the address family that the connection has.
fn is_possible(setup: Setup, first: &Attempt, addresses: &[SocketAddr]) -> bool {
    let four = match first.server() {
        Some(server) => server.is_ipv4(),
        None => addresses.iter().any(SocketAddr::is_ipv4),
    };
    four || matches!(setup, Setup::Epsv | Setup::Eprt)
}
