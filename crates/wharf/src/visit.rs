//! A visit: connect, log in, do one thing, leave. What every one-shot command has in common.
//!
//! Where passwords come from is decided here: the URL, the environment, the terminal, in this order.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use wharf_client::{
    Address, BYTES, DataAddress, Error, Explain, Family, Login, Options, Scheme, Session, TEXT,
    Tap, Throttle, TlsMode, UrlType, Way,
};

use wharf_proto::params::{Format, Mode, Representation, Structure, Type};
use wharf_proto::{Secret, Text};

use crate::args::tls::warn;
use crate::args::tree::PaceArgs;
use crate::args::{ConnectionArgs, DataAddressArg, FormArgs, TypeArgs};
use crate::events::Events;
use crate::exit::{Interrupted, Usage};
use crate::interrupt::{unless_interrupted, with_session};
use crate::retry::{Try, persist};
use crate::trace::Trace;
use crate::{settings, terminal};

/// How long anything may take, if nothing is said.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The environment variable that holds the password, where the URL does not.
pub(crate) const PASSWORD_VARIABLE: &str = "WHARF_PASSWORD";

/// Logs in at the host of `address`, does `work` there and leaves.
pub(crate) async fn visit<T>(
    address: &Address,
    arguments: &ConnectionArgs,
    mut work: impl AsyncFnMut(&mut Session) -> Result<T, Error>,
) -> anyhow::Result<T> {
    traced(address, arguments, async |login, options| {
        let mut unanswered = None;
        loop {
            let error = match logged_in(address, &login, &options, &mut work).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            // Nothing has been done yet, and a new session asks for its data connection in another way.
            let question = error.downcast_ref().and_then(Error::unanswered_question);
            if question.is_none() || question == unanswered {
                return Err(error);
            }
            if !arguments.quiet {
                terminal::say(format_args!("wharf: {error:#}; trying again"));
            }
            unanswered = question;
        }
    })
    .await
}

/// The same for a file that is moved: at this rate, and with other sessions after faults of the network.
pub(crate) async fn visit_to_move<T>(
    pace: PaceArgs,
    address: &Address,
    arguments: &ConnectionArgs,
    events: &Events,
    mut work: impl AsyncFnMut(&mut Session, &mut Try) -> Result<T, Error>,
) -> anyhow::Result<T> {
    traced(address, arguments, async |login, mut options| {
        options.throttle = pace.limit_rate.map(Throttle::new);
        let first = options.session.0;
        persist(pace.retries, arguments.quiet, events, async |attempt| {
            options.session.0 = first + u64::from(attempt.number);
            let work = async |session: &mut Session| {
                attempt.enters();
                work(session, attempt).await
            };
            logged_in(address, &login, &options, work).await
        })
        .await
    })
    .await
}

/// Finds out who logs in and how, does `work`, and draws what was asked to be drawn.
async fn traced<T>(
    address: &Address,
    arguments: &ConnectionArgs,
    work: impl AsyncFnOnce(Login, Options) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let trace = Trace::wanted_by(arguments)?;
    let options = options(arguments, address.scheme, trace.as_ref().map(Trace::tap))?;
    let login = login(address)?;
    warn(&options.tls, arguments.quiet);
    let result = work(login, options).await;
    let drawn = trace.map_or(Ok(()), |trace| trace.draw());
    let done = result?;
    drawn.map(|()| done)
}

async fn logged_in<T>(
    address: &Address,
    login: &Login,
    options: &Options,
    work: impl AsyncFnOnce(&mut Session) -> Result<T, Error>,
) -> anyhow::Result<T> {
    let entering = async {
        let mut session = Session::connect(&address.host, address.port, options).await?;
        session.login(login).await?;
        Ok::<_, Error>(session)
    };
    let mut session = unless_interrupted(entering).await??;
    let result = with_session(&mut session, work).await;
    if result.is_ok() {
        // How QUIT went changes nothing, nor who did not wait for it: what was done is proven already.
        let _ = unless_interrupted(session.quit()).await;
    }
    result
}

/// Who logs in.
pub(crate) fn login(address: &Address) -> anyhow::Result<Login> {
    login_by(address, PASSWORD_VARIABLE)
}

/// The same, with the password in this environment variable.
pub(crate) fn login_by(address: &Address, variable: &str) -> anyhow::Result<Login> {
    let (mut address, anonymous) = (address.clone(), Login::anonymous());
    if let (Some(user), None) = (&address.user, &address.password) {
        let password = match env::var_os(variable) {
            Some(password) => Some(password.into_encoded_bytes()),
            // The same as who is not named at all.
            None if user.as_bytes().eq_ignore_ascii_case(anonymous.user.as_bytes()) => {
                return Ok(anonymous);
            }
            None if terminal::is_interactive() => {
                let question = format!("Password of {user} at {}: ", address.host);
                Some(terminal::ask_password(&question)?.ok_or_else(Interrupted::default)?)
            }
            None => None,
        };
        address.password = password.map(Secret::new);
    }
    Ok(address.login())
}

/// The options of the library for a server at an address of this scheme.
pub(crate) fn options(
    arguments: &ConnectionArgs,
    scheme: Scheme,
    tap: Option<Tap>,
) -> Result<Options, Usage> {
    let tls = arguments.tls.wanted(scheme)?;
    if let Some(proxy) = &arguments.proxy {
        let why = if proxy.is_tunnel() {
            arguments.active.then_some("takes in no connections, so there is no --active behind it")
        } else {
            (tls.mode != TlsMode::Off).then_some(
                "is a gateway, which must read what is said; for TLS go through socks5:// or http://",
            )
        };
        if let Some(why) = why {
            return Err(Usage(format!("{proxy} {why}")));
        }
    }
    Ok(Options {
        way: if arguments.active { Way::Active } else { Way::Passive },
        fallback: !arguments.active && !arguments.passive,
        data_address: match arguments.data_address {
            Some(DataAddressArg::Named) => DataAddress::Named,
            Some(DataAddressArg::Server) | None => DataAddress::Server,
        },
        family: match (arguments.ipv4, arguments.ipv6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            (false, false) => None,
        },
        proxy: arguments.proxy.clone(),
        memory: settings::memory().clone(),
        explain: arguments.explain.then(explain),
        plain: arguments.plain,
        timeout: arguments.timeout.map_or(TIMEOUT, |seconds| Duration::from_secs(seconds.get())),
        tls,
        tap,
        ..Options::default()
    })
}

/// Tells people what was chosen.
fn explain() -> Explain {
    Arc::new(|what| terminal::say(format_args!("explain: {}", Text::from(what))))
}

/// The path of a file, if the address names one.
pub(crate) fn file(address: &Address) -> Result<&Text, Usage> {
    let path = &address.path;
    if path.is_empty() || path.as_bytes().ends_with(b"/") {
        return Err(Usage(format!("{address}: the URL names no file")));
    }
    Ok(path)
}

/// How a file is represented on its way.
pub(crate) fn form(
    form: FormArgs,
    plain: bool,
    url: Option<UrlType>,
) -> Result<Representation, Usage> {
    let kind = match is_text(form.types, plain, url)? {
        _ if form.ebcdic => Type::Ebcdic(Format::NonPrint),
        true => TEXT.kind,
        false => BYTES.kind,
    };
    let structure = if form.record { Structure::Record } else { Structure::File };
    let mode = if form.block_mode { Mode::Block } else { Mode::Stream };
    Ok(Representation { kind, structure, mode })
}

/// Whether a file is moved as text: by the options, else by the URL, else as the plain protocol does.
pub(crate) fn is_text(types: TypeArgs, plain: bool, url: Option<UrlType>) -> Result<bool, Usage> {
    match url {
        Some(UrlType::Directory) => Err(Usage(";type=d is for ls".to_owned())),
        _ if types.ascii => Ok(true),
        _ if types.binary => Ok(false),
        Some(UrlType::Ascii) => Ok(true),
        Some(UrlType::Image) => Ok(false),
        None => Ok(plain),
    }
}
