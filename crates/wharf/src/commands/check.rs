//! `wharf check`: the doctor. Every step to a server and every way of moving data, each tried in a session of its
//! own, and what it means.
//!
//! A password goes over the line in clear only where that was asked for. That a server has no TLS is a fault only where
//! TLS was asked for, and that the data connections of one must resume it is none. What is tried is in `check/attempt.rs`, how
//! it is told in `check/report.rs` and the files beside it; the verdicts are the ladder's.

mod attempt;
mod command;
mod report;
mod table;
mod words;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use wharf_client::{Address, Error, Login, Memory, Options, Proxy, Scheme, Setup, TlsFault};

use crate::args::check::CheckArgs;
use crate::args::{ConnectionArgs, language};
use crate::events::Events;
use crate::exit::{Exit, Usage};
use crate::interrupt::unless_interrupted;
use crate::visit;
use attempt::{Attempt, Cover, Extra, Patient};
use command::Way;
use report::Report;

/// The ways of agreeing on a data connection, the best first.
const SETUPS: [Setup; 4] = [Setup::Epsv, Setup::Pasv, Setup::Eprt, Setup::Port];

pub(crate) async fn run(arguments: &CheckArgs, events: &Events) -> anyhow::Result<Exit> {
    let (address, connection) = (&arguments.url.0, &arguments.connection);
    let covers = covers(address, connection);
    // Options that make no sense are told before anybody is bothered.
    let options = options(address, connection, &covers)?;
    let options = Options { timeout: arguments.timeout(), memory: Memory::default(), ..options };
    // While a password is asked for nobody hears signals.
    let patient = Patient::new(address, visit::login(address)?, options);
    unless_interrupted(check(arguments, covers, &patient, events)).await?
}

async fn check(
    arguments: &CheckArgs,
    covers: Vec<Cover>,
    patient: &Patient<'_>,
    events: &Events,
) -> anyhow::Result<Exit> {
    let address = &arguments.url.0;
    let connection = &arguments.connection;
    let lang = language(arguments.how.lang);
    let mut report =
        Report::new(arguments, events, lang, wanted(address, connection), &patient.login)?;
    let (host, port) = match &connection.proxy {
        Some(proxy) => (&proxy.host, proxy.port),
        None => (&address.host, address.port),
    };
    let found = resolve(host, port).await;
    report.resolved(host, &found)?;
    let way = Way { address, connection };
    let Ok(addresses) = found else { return report.end(&way) };
    let mut covers = VecDeque::from(covers);
    while let Some(cover) = covers.pop_front() {
        if cover == Cover::Clear && !may_be_heard(arguments, &patient.login) {
            let attempt = patient.try_greeting(cover).await;
            report.entered(&attempt)?;
            report.not_said(&patient.login)?;
            continue;
        }
        let first = patient.try_login(cover).await;
        report.entered(&first)?;
        if matches!(first.outcome, Err(Error::Connect { .. } | Error::Proxy { .. })) {
            break;
        }
        if first.outcome.is_ok() && enters(patient, cover, &mut report).await? {
            for setup in setups(connection, &first, &addresses) {
                report.listed(&patient.try_listing(cover, setup).await)?;
            }
            if let Some(setup) = report.resumes(cover) {
                report.begun_anew(&patient.try_anew(cover, setup).await)?;
            }
        }
        if cover == Cover::Implicit && first.tls(false).is_none() && !is_distrusted(&first) {
            report.is_no_implicit_tls()?;
        }
        // Who says nothing in clear will say no more there; it may wait for TLS.
        if is_silent(&first) {
            covers = VecDeque::from([Cover::Implicit]);
        }
    }
    if let Some((cover, setup)) = report.best() {
        if arguments.how.upload {
            report.extra(Extra::Upload, &patient.try_upload(cover, setup).await)?;
        }
        if let Some(seconds) = arguments.how.idle {
            let silence = Duration::from_secs(seconds.get());
            report.extra(Extra::Idle(silence), &patient.try_silence(cover, silence).await)?;
        }
    }
    report.end(&way)
}

/// Whether a connection was open and nobody greeted on it, in clear.
fn is_silent(first: &Attempt) -> bool {
    let before_all = |error: &Error| error.last().is_some_and(|last| last.is_before_all());
    first.cover != Cover::Implicit
        && first.greeting().is_none()
        && matches!(&first.outcome, Err(error @ Error::NoReply { .. }) if before_all(error))
}

/// Whether TLS failed for its certificate alone.
fn is_distrusted(first: &Attempt) -> bool {
    matches!(&first.outcome, Err(Error::Tls { fault: TlsFault::Certificate { .. }, .. }))
}

/// Whether the folder that is to be listed can be entered; without one there is nothing to try.
async fn enters(
    patient: &Patient<'_>,
    cover: Cover,
    report: &mut Report<'_>,
) -> anyhow::Result<bool> {
    if !patient.has_folder() {
        return Ok(true);
    }
    let attempt = patient.try_folder(cover).await;
    report.folder(&attempt)?;
    Ok(attempt.outcome.is_ok())
}

/// The addresses of the host that is connected to, in the order of the resolver.
async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, std::io::Error> {
    let found = tokio::net::lookup_host((host, port)).await?;
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.dedup();
    Ok(addresses)
}

/// How a session must be covered, where that is said.
fn wanted(address: &Address, connection: &ConnectionArgs) -> Option<Cover> {
    match address.scheme {
        Scheme::Ftps => Some(Cover::Implicit),
        Scheme::Ftpes => Some(Cover::Explicit),
        Scheme::Ftp if connection.tls.demands(Scheme::Ftp) => Some(Cover::Explicit),
        Scheme::Ftp => None,
    }
}

/// In clear and under TLS is tried; under TLS only where it begins at once, and in clear only where a gateway reads all.
fn covers(address: &Address, connection: &ConnectionArgs) -> Vec<Cover> {
    let gateway = connection.proxy.as_ref().is_some_and(|proxy| !proxy.is_tunnel());
    match wanted(address, connection) {
        Some(Cover::Implicit) => vec![Cover::Implicit],
        None if gateway => vec![Cover::Clear],
        Some(Cover::Explicit | Cover::Clear) | None => vec![Cover::Explicit, Cover::Clear],
    }
}

/// What goes for each session, TLS as it is where it is tried.
fn options(
    address: &Address,
    connection: &ConnectionArgs,
    covers: &[Cover],
) -> Result<Options, Usage> {
    let scheme = match address.scheme {
        Scheme::Ftp if covers.contains(&Cover::Explicit) => Scheme::Ftpes,
        scheme => scheme,
    };
    // Which way is tried is said for each try.
    let neither = ConnectionArgs { active: false, passive: false, ..connection.clone() };
    visit::options(&neither, scheme, None)
}

/// The ways that can be tried, where the first session was like this.
fn setups<'a>(
    connection: &'a ConnectionArgs,
    first: &'a Attempt,
    addresses: &'a [SocketAddr],
) -> impl Iterator<Item = Setup> + 'a {
    let tunnelled = connection.proxy.as_ref().is_some_and(Proxy::is_tunnel);
    SETUPS.into_iter().filter(move |setup| {
        let (active, extended) = match setup {
            Setup::Epsv => (false, true),
            Setup::Pasv => (false, false),
            Setup::Eprt => (true, true),
            Setup::Port => (true, false),
        };
        let asked = if active { !connection.passive && !tunnelled } else { !connection.active };
        asked && !(extended && connection.plain) && is_possible(*setup, first, addresses)
    })
}

/// Whether this login may go over the line in clear.
fn may_be_heard(arguments: &CheckArgs, login: &Login) -> bool {
    arguments.how.clear_password || login.user == Login::anonymous().user
}

/// Whether a way can be tried over the address family that the connection has.
fn is_possible(setup: Setup, first: &Attempt, addresses: &[SocketAddr]) -> bool {
    let four = match first.server() {
        Some(server) => server.is_ipv4(),
        None => addresses.iter().any(SocketAddr::is_ipv4),
    };
    four || matches!(setup, Setup::Epsv | Setup::Eprt)
}
