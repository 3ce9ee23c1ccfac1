//! Reaching a host by its name: every address it has, both families, a quarter of a second apart
//! (happy eyeballs, RFC 8305 sections 4 and 5).
//!
//! The resolver is the system's; behind a proxy it is the proxy's. What is not done: asking for the two families
//! apart, and remembering which family won.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::teller::Teller;
use crate::{Error, Options, Proxy, ProxyFault};

/// How long one attempt has the field to itself (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// What came of an address that did not take the connection.
type Failure = (SocketAddr, io::Error);

/// Connects to `host`, or to the proxy before it, which then leads on to it.
pub(crate) async fn reach(
    host: &str,
    port: u16,
    options: &Options,
    teller: &Teller,
) -> Result<TcpStream, Error> {
    let Some(proxy) = &options.proxy else {
        return dial(host, port, options.timeout, teller).await;
    };
    let mut stream = dial(&proxy.host, proxy.port, options.timeout, teller).await?;
    let leading = timeout(options.timeout, proxy.lead_on(&mut stream, host, port)).await;
    let late = |_| Err(ProxyFault::Broken(io::ErrorKind::TimedOut.into()));
    leading
        .unwrap_or_else(late)
        .map_err(|fault| Error::Proxy { proxy: proxy.to_string(), fault })?;
    teller.explain(format_args!("{host} port {port} is reached through {proxy}"));
    Ok(stream)
}

/// A connection through a proxy, for data.
pub(crate) async fn tunnel(proxy: &Proxy, host: &str, port: u16) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect((proxy.host.as_str(), proxy.port)).await?;
    match proxy.lead_on(&mut stream, host, port).await {
        Ok(()) => Ok(stream),
        Err(ProxyFault::Broken(error)) => Err(error),
        Err(fault) => Err(io::Error::other(format!("{proxy}: {fault}"))),
    }
}

/// Connects to the first address of `host` that takes the connection; `patience` is for all of it.
async fn dial(
    host: &str,
    port: u16,
    patience: Duration,
    teller: &Teller,
) -> Result<TcpStream, Error> {
    let late = || io::Error::from(io::ErrorKind::TimedOut);
    let addresses = match timeout(patience, lookup_host((host, port))).await {
        Ok(Ok(found)) => by_turns(found.collect()),
        Ok(Err(source)) => return Err(Error::Resolve { host: host.to_owned(), source }),
        Err(_) => return Err(Error::Resolve { host: host.to_owned(), source: late() }),
    };
    let mut attempts = Vec::new();
    match timeout(patience, race(&addresses, &mut attempts)).await {
        Ok(Some(stream)) => {
            explain(teller, host, &addresses, &stream, &attempts);
            return Ok(stream);
        }
        Ok(None) => {}
        Err(_) => {
            let tried: Vec<SocketAddr> = attempts.iter().map(|(address, _)| *address).collect();
            let silent = addresses.into_iter().filter(|address| !tried.contains(address));
            attempts.extend(silent.map(|address| (address, late())));
        }
    }
    Err(Error::Connect { host: host.to_owned(), port, attempts })
}

/// Says which of the addresses it was.
fn explain(
    teller: &Teller,
    host: &str,
    addresses: &[SocketAddr],
    stream: &TcpStream,
    failed: &[Failure],
) {
    let Ok(chosen) = stream.peer_addr() else { return };
    if addresses.len() > 1 || !failed.is_empty() {
        let list: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        teller.explain(format_args!(
            "{host} has the addresses {}, tried in this order",
            list.join(", ")
        ));
    }
    for (address, error) in failed {
        teller.explain(format_args!("{} did not answer: {error}", address.ip()));
    }
    teller.explain(format_args!("connected to {chosen}"));
}

/// The addresses with the families taking turns, the resolver's favourite first.
fn by_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let favourite = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let count = addresses.len();
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == favourite);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = Vec::with_capacity(count);
    while turns.len() < count {
        turns.extend(first.next());
        turns.extend(second.next());
    }
    turns
}

/// Starts an attempt for each address in turn and gives the first connection; what failed goes into
/// `failed`. `None` when all failed.
async fn race(addresses: &[SocketAddr], failed: &mut Vec<Failure>) -> Option<TcpStream> {
    let mut running: JoinSet<Result<TcpStream, Failure>> = JoinSet::new();
    let mut waiting = addresses.iter().copied();
    loop {
        let next = waiting.next();
        if let Some(address) = next {
            let attempt =
                async move { TcpStream::connect(address).await.map_err(|error| (address, error)) };
            running.spawn(attempt);
        }
        // The next attempt begins when this one has failed or has had its head start.
        tokio::select! {
            ended = running.join_next() => match ended? {
                Ok(Ok(stream)) => return Some(stream),
                Ok(Err(failure)) => failed.push(failure),
                Err(_) => {}
            },
            () = sleep(HEAD_START), if next.is_some() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns_and_the_resolvers_favourite_is_first() {
        let parse = |text: &[&str]| -> Vec<SocketAddr> {
            text.iter().map(|address| address.parse().unwrap()).collect()
        };
        let found = parse(&["[::1]:21", "[::2]:21", "[::3]:21", "1.1.1.1:21", "2.2.2.2:21"]);
        let turns = parse(&["[::1]:21", "1.1.1.1:21", "[::2]:21", "2.2.2.2:21", "[::3]:21"]);
        assert_eq!(by_turns(found), turns);
    }

    #[tokio::test]
    async fn a_dead_address_does_not_keep_a_living_one_from_being_reached() {
        let alive = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addresses = [alive, listener.local_addr().unwrap()];
        let mut failed = Vec::new();
        assert!(race(&addresses, &mut failed).await.is_some());
        assert_eq!(failed.len(), 1);
        assert!(race(&addresses[..1], &mut failed).await.is_none());
    }
}
