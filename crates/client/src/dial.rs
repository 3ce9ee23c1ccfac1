//! Reaching a host by its name: every address it has, the families by turns, a quarter of a second apart; the first
//! connection is the one, and the attempts that were slower are dropped (happy eyeballs, RFC 8305 sections 4 and 5).
//!
//! The resolver is the system's; behind a proxy it is the proxy's. What is not done: asking for the two families
//! apart, and remembering which family won.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::teller::Teller;
use crate::{Error, Family, Options, Proxy, ProxyFault};

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
        return dial(host, port, options, teller).await;
    };
    let of_proxy = |fault| Error::Proxy { proxy: proxy.to_string(), fault };
    let stream = dial(&proxy.host, proxy.port, options, teller).await;
    let mut stream = stream.map_err(|error| of_proxy(ProxyFault::NoConnection(Box::new(error))))?;
    let leading = timeout(options.timeout, proxy.lead_on(&mut stream, host, port)).await;
    let late = |_| Err(ProxyFault::Broken(io::ErrorKind::TimedOut.into()));
    leading.unwrap_or_else(late).map_err(of_proxy)?;
    teller.explain(format_args!("{host} port {port} is reached through {proxy}"));
    Ok(stream)
}

/// A connection through a proxy, for data; `at` is where the control connection has found it.
pub(crate) async fn tunnel(
    proxy: &Proxy,
    at: SocketAddr,
    host: &str,
    port: u16,
) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(at).await?;
    match proxy.lead_on(&mut stream, host, port).await {
        Ok(()) => Ok(stream),
        Err(ProxyFault::Broken(error)) => Err(error),
        Err(fault) => Err(io::Error::other(format!("{proxy}: {fault}"))),
    }
}

/// Connects to the first address of `host` that takes the connection; the options' patience is for all of it.
async fn dial(
    host: &str,
    port: u16,
    options: &Options,
    teller: &Teller,
) -> Result<TcpStream, Error> {
    let late = || io::Error::from(io::ErrorKind::TimedOut);
    let unresolved = |source| Error::Resolve { host: host.to_owned(), source };
    let found = timeout(options.timeout, lookup_host((host, port))).await;
    let found = found.map_err(|_| unresolved(late()))?.map_err(unresolved)?;
    let addresses = chosen(by_turns(found.collect()), options.family).map_err(unresolved)?;
    if let [_, _, ..] = addresses[..] {
        let list: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        teller.explain(format_args!("{host} has the addresses {}", list.join(", ")));
    }
    let mut attempts = Vec::new();
    let mut told = |told: Attempt<'_>| match told {
        Attempt::Begins(address) if addresses.len() > 1 => {
            teller.explain(format_args!("trying {address}"));
        }
        Attempt::Begins(_) => {}
        Attempt::Failed(address, error) => {
            teller.explain(format_args!("{address} did not take the connection: {error}"));
        }
    };
    let running = race(&addresses, &mut attempts, TcpStream::connect, &mut told);
    match timeout(options.timeout, running).await {
        Ok(Some((address, stream))) => {
            teller.explain(format_args!("connected to {address}"));
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

/// Those of the wanted family, each once.
fn chosen(addresses: Vec<SocketAddr>, family: Option<Family>) -> io::Result<Vec<SocketAddr>> {
    let mut fitting: Vec<SocketAddr> = Vec::with_capacity(addresses.len());
    for address in addresses {
        if family.is_none_or(|family| family.has(address.ip())) && !fitting.contains(&address) {
            fitting.push(address);
        }
    }
    match (fitting.is_empty(), family) {
        (true, Some(family)) => {
            let why = format!("it has no {family} address");
            Err(io::Error::new(io::ErrorKind::AddrNotAvailable, why))
        }
        _ => Ok(fitting),
    }
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

/// What a race tells while it runs.
enum Attempt<'a> {
    Begins(SocketAddr),
    Failed(SocketAddr, &'a io::Error),
}

/// Starts an attempt for each address in turn and gives the first connection, dropping the other attempts; what failed
/// goes into `failed`. `None` when all failed.
async fn race<T, F>(
    addresses: &[SocketAddr],
    failed: &mut Vec<Failure>,
    connect: impl Fn(SocketAddr) -> F,
    told: &mut (dyn FnMut(Attempt<'_>) + Send),
) -> Option<(SocketAddr, T)>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut running: JoinSet<Result<(SocketAddr, T), Failure>> = JoinSet::new();
    let mut waiting = addresses.iter().copied();
    loop {
        let next = waiting.next();
        if let Some(address) = next {
            told(Attempt::Begins(address));
            let attempt = connect(address);
            running.spawn(async move {
                attempt.await.map(|done| (address, done)).map_err(|error| (address, error))
            });
        }
        // The next attempt begins when one has failed or this one has had its head start.
        tokio::select! {
            ended = running.join_next() => match ended? {
                Ok(Ok(winner)) => return Some(winner),
                Ok(Err((address, error))) => {
                    told(Attempt::Failed(address, &error));
                    failed.push((address, error));
                }
                Err(_) => {}
            },
            () = sleep(HEAD_START), if next.is_some() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use tokio::time::Instant;

    use super::*;

    fn parse(text: &[&str]) -> Vec<SocketAddr> {
        text.iter().map(|address| address.parse().unwrap()).collect()
    }

    /// What an address does: nothing at all, or after so many milliseconds it takes the connection or does not.
    #[derive(Clone, Copy)]
    enum Does {
        Nothing,
        Take(u64),
        Refuse(u64),
    }

    /// A race on a virtual clock. Gives the winner, when each attempt began and the whole ended, and which were
    /// under way when they were dropped.
    async fn raced(field: &[(&str, Does)]) -> (Option<SocketAddr>, Vec<u64>, Vec<SocketAddr>) {
        struct Running(SocketAddr, Arc<Mutex<Vec<SocketAddr>>>, bool);
        impl Drop for Running {
            fn drop(&mut self) {
                if !self.2 {
                    self.1.lock().unwrap().push(self.0);
                }
            }
        }
        let does: BTreeMap<SocketAddr, Does> =
            field.iter().map(|(address, does)| (address.parse().unwrap(), *does)).collect();
        let addresses = parse(&field.iter().map(|(address, _)| *address).collect::<Vec<_>>());
        let dropped: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
        let origin = Instant::now();
        let ms = || u64::try_from(origin.elapsed().as_millis()).unwrap();
        let mut times = Vec::new();
        let mut failed = Vec::new();
        let connect = |address: SocketAddr| {
            let does = does[&address];
            let running = Running(address, Arc::clone(&dropped), false);
            async move {
                let mut running = running;
                let (after, result) = match does {
                    Does::Nothing => std::future::pending().await,
                    Does::Take(after) => (after, Ok(())),
                    Does::Refuse(after) => (after, Err(io::ErrorKind::ConnectionRefused.into())),
                };
                sleep(Duration::from_millis(after)).await;
                running.2 = true;
                result
            }
        };
        let winner = race(&addresses, &mut failed, connect, &mut |told| {
            if let Attempt::Begins(_) = told {
                times.push(ms());
            }
        })
        .await;
        times.push(ms());
        // Tasks that are dropped go when the runtime has its turn.
        tokio::task::yield_now().await;
        let dropped = dropped.lock().unwrap().clone();
        (winner.map(|(address, ())| address), times, dropped)
    }

    const SIX: &str = "[::1]:21";
    const FOUR: &str = "1.1.1.1:21";
    const OTHER: &str = "2.2.2.2:21";

    #[tokio::test(start_paused = true)]
    async fn an_address_that_does_nothing_has_a_quarter_of_a_second_and_is_dropped() {
        let field = [(SIX, Does::Nothing), (FOUR, Does::Take(40)), (OTHER, Does::Take(0))];
        let (winner, times, dropped) = raced(&field).await;
        assert_eq!(winner, Some(FOUR.parse().unwrap()));
        assert_eq!(times, [0, 250, 290], "the third is not even tried");
        assert_eq!(dropped, parse(&[SIX]));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_the_next_address_is_tried_at_once() {
        let field = [(SIX, Does::Refuse(30)), (FOUR, Does::Take(40))];
        assert_eq!(raced(&field).await, (Some(FOUR.parse().unwrap()), vec![0, 30, 70], vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn who_began_later_wins_only_if_it_is_faster() {
        let slow = [(SIX, Does::Take(300)), (FOUR, Does::Take(100))];
        let (winner, times, dropped) = raced(&slow).await;
        assert_eq!((winner, times), (Some(SIX.parse().unwrap()), vec![0, 250, 300]));
        assert_eq!(dropped, parse(&[FOUR]));
        let slower = [(SIX, Does::Take(400)), (FOUR, Does::Take(100))];
        assert_eq!(raced(&slower).await.0, Some(FOUR.parse().unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_refuse_the_race_is_over_with_the_last() {
        let field = [(SIX, Does::Refuse(500)), (FOUR, Does::Refuse(10)), (OTHER, Does::Refuse(0))];
        assert_eq!(raced(&field).await, (None, vec![0, 250, 260, 500], vec![]));
        assert_eq!(raced(&[]).await, (None, vec![0], vec![]));
    }

    #[test]
    fn the_families_take_turns_and_the_resolvers_favourite_is_first() {
        let found = parse(&["[::1]:21", "[::2]:21", "[::3]:21", "1.1.1.1:21", "2.2.2.2:21"]);
        let turns = parse(&["[::1]:21", "1.1.1.1:21", "[::2]:21", "2.2.2.2:21", "[::3]:21"]);
        assert_eq!(by_turns(found), turns);
    }

    #[test]
    fn of_the_wanted_family_each_address_is_tried_once_and_one_there_must_be() {
        let found = parse(&[SIX, FOUR, SIX]);
        assert_eq!(chosen(found.clone(), None).unwrap(), parse(&[SIX, FOUR]));
        assert_eq!(chosen(found, Some(Family::V4)).unwrap(), parse(&[FOUR]));
        let error = chosen(parse(&[FOUR]), Some(Family::V6)).unwrap_err();
        assert_eq!(error.to_string(), "it has no IPv6 address");
    }

    /// A listener of which no connection can be had any more, and what keeps it so.
    fn full() -> (SocketAddr, Vec<socket2::Socket>) {
        let socket =
            || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let listener = socket();
        listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut kept = vec![listener];
        // The kernel takes in one or two more than it was asked to.
        while {
            let one = socket();
            let taken = one.connect_timeout(&address, Duration::from_millis(50)).is_ok();
            kept.push(one);
            taken && kept.len() < 10
        } {}
        (address.as_socket().unwrap(), kept)
    }

    #[tokio::test]
    async fn neither_a_dead_nor_a_silent_address_keeps_a_living_one_from_being_reached() {
        let four = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let alive = four.local_addr().unwrap();
        let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (silent, _kept) = full();
        let mut failed = Vec::new();
        let field = [dead, silent, alive];
        let winner = race(&field, &mut failed, TcpStream::connect, &mut |_| ()).await;
        assert_eq!(winner.unwrap().1.peer_addr().unwrap(), alive);
        assert_eq!(failed.len(), 1, "{failed:?}");
        let six = std::net::TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap();
        let listens = std::net::TcpListener::bind(six).unwrap();
        for (field, winner) in [([six, dead], six), ([dead, six], six), ([six, alive], six)] {
            let raced = race(&field, &mut failed, TcpStream::connect, &mut |_| ()).await;
            assert_eq!(raced.map(|(address, _)| address), Some(winner));
        }
        drop(listens);
        let raced = race(&[six, alive], &mut failed, TcpStream::connect, &mut |_| ()).await;
        assert_eq!(raced.map(|(address, _)| address), Some(alive));
        assert!(race(&[dead], &mut failed, TcpStream::connect, &mut |_| ()).await.is_none());
    }
}
