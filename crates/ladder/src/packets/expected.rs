//! The data connections that a session has announced, and whether a connection that appears is one of them.
//!
//! PORT, EPRT, 227 and 229 announce; a connection is scored against each announcement, because addresses
//! alone do not decide: a client may pass over the address of a 227 and keep the port, a NAT may have
//! rewritten one of them, a server may connect from any port. Without any announcement RFC 959 has a default
//! (section 3.2): from the server's port before its control port to the client's own control port.

use crate::row::Ends;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use wharf_proto::tap::Party;

/// Announcements kept at most.
const MAX_OFFERS: usize = 32;
/// What a connection must score to be taken as announced.
pub(crate) const ENOUGH: i32 = 8;
/// Aliases of addresses kept at most.
const MAX_ALIASES: usize = 8;

/// The announcements of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    offers: VecDeque<Offer>,
    /// Listeners that nobody has asked for yet; see [`Expected::take_news`].
    news: Vec<SocketAddr>,
    /// Announcements of which the capture does not say where.
    hidden: u32,
    /// Addresses that stand for another, as a connection has shown: named, then used.
    aliases: Vec<(IpAddr, IpAddr)>,
}

/// One announcement.
#[derive(Clone, Copy, Debug)]
struct Offer {
    listener: Party,
    address: SocketAddr,
    state: State,
}

/// What has become of an announcement.
///
/// ```text
/// Offered -> Armed -> Used
///        \-> Refused
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A command made it; no reply yet.
    Offered,
    /// A reply accepted or made it.
    Armed,
    /// A reply refused it.
    Refused,
    /// A connection came.
    Used,
}

/// What a connection is judged by, beside the announcements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// The control connection's ends.
    pub(super) control: Ends,
    /// A transfer command waits for its connection.
    pub(super) pending: bool,
}

impl Expected {
    /// The client says where it listens.
    pub(super) fn offered(&mut self, address: SocketAddr) {
        self.hidden = 0;
        self.add(Offer { listener: Party::Client, address, state: State::Offered });
    }

    /// The server accepts or refuses what the client said.
    pub(super) fn answered(&mut self, accepted: bool) {
        if let Some(offer) = self.offers.iter_mut().find(|offer| offer.state == State::Offered) {
            offer.state = if accepted { State::Armed } else { State::Refused };
        }
    }

    /// The server says where it listens.
    pub(super) fn announced(&mut self, address: SocketAddr) {
        self.hidden = 0;
        self.add(Offer { listener: Party::Server, address, state: State::Armed });
    }

    /// One side says where it listens, and the capture has cut off where that is.
    pub(super) fn hidden(&mut self) {
        self.hidden = self.hidden.saturating_add(1);
    }

    /// Whether a connection may come that was announced, nobody knows where.
    pub(super) fn is_guessing(&self) -> bool {
        self.hidden > 0
    }

    /// A connection has come that may be the one.
    pub(super) fn guessed(&mut self) {
        self.hidden = self.hidden.saturating_sub(1);
    }

    /// Whether an announced connection has not come yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.offers.back().is_some_and(|offer| matches!(offer.state, State::Offered | State::Armed))
    }

    /// The ends of a connection opened from `from` to `to`, if this session has announced it.
    pub(super) fn claim(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        context: Context,
    ) -> Option<Ends> {
        let aliases = &self.aliases;
        let scored =
            self.offers.iter_mut().map(|offer| (offer.score(from, to, context, aliases), offer));
        // Of equals the last one made: the same endpoint may be announced again and again.
        let best = scored.max_by_key(|(score, _)| *score).filter(|(score, _)| *score >= ENOUGH);
        if let Some((_, offer)) = best {
            offer.state = State::Used;
            let alias = (offer.address.ip(), to.ip());
            if alias.0 != alias.1 && !self.aliases.contains(&alias) && aliases.len() < MAX_ALIASES {
                self.aliases.push(alias);
            }
            return Some(match offer.listener {
                Party::Client => Ends { client: to, server: from },
                Party::Server => Ends { client: from, server: to },
            });
        }
        is_default(from, to, context).then_some(Ends { client: to, server: from })
    }

    /// How well a connection fits what was announced; from [`ENOUGH`] on it does.
    pub(super) fn rate(&self, from: SocketAddr, to: SocketAddr, context: Context) -> i32 {
        let scores = self.offers.iter().map(|offer| offer.score(from, to, context, &self.aliases));
        let default = if is_default(from, to, context) { ENOUGH } else { 0 };
        scores.max().unwrap_or(0).max(default)
    }

    /// Whether a listener at this address was announced.
    pub(super) fn announces(&self, address: SocketAddr) -> bool {
        self.offers.iter().any(|offer| offer.address == address)
    }

    /// The listeners that were named since this was last asked.
    pub(super) fn take_news(&mut self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.news)
    }

    fn add(&mut self, offer: Offer) {
        if self.news.len() < MAX_OFFERS {
            self.news.push(offer.address);
        }
        if self.offers.len() >= MAX_OFFERS {
            self.offers.pop_front();
        }
        self.offers.push_back(offer);
    }
}

impl Offer {
    fn score(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        context: Context,
        aliases: &[(IpAddr, IpAddr)],
    ) -> i32 {
        let Ends { client, server } = context.control;
        let (listens, opens) = match self.listener {
            Party::Client => (client, server),
            Party::Server => (server, client),
        };
        let place = if to == self.address {
            10
        } else if to.port() == self.address.port() && to.ip() == listens.ip() {
            8
        } else if to.port() == self.address.port()
            && aliases.contains(&(self.address.ip(), to.ip()))
        {
            7
        } else {
            return 0;
        };
        let state = match self.state {
            State::Offered | State::Armed => 0,
            State::Refused => -2,
            State::Used => -3,
        };
        let by_server = self.listener == Party::Client;
        place
            + state
            + if from.ip() == opens.ip() { 3 } else { 0 }
            + i32::from(by_server && is_data_port(from, server))
            + if context.pending { 2 } else { 0 }
    }
}

/// Whether a connection is the one that RFC 959 has without any announcement.
fn is_default(from: SocketAddr, to: SocketAddr, context: Context) -> bool {
    let Ends { client, server } = context.control;
    to == client && from.ip() == server.ip() && is_data_port(from, server)
}

/// Whether this is the port before that of the control connection (20 beside 21).
fn is_data_port(address: SocketAddr, control: SocketAddr) -> bool {
    control.port().checked_sub(1) == Some(address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "192.0.2.10:1180";
    const SERVER: &str = "203.0.113.5:21";

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn claim(expected: &mut Expected, from: &str, to: &str) -> Option<Ends> {
        let control = Ends { client: at(CLIENT), server: at(SERVER) };
        expected.claim(at(from), at(to), Context { control, pending: true })
    }

    #[test]
    fn in_active_mode_the_server_connects_from_any_port_to_the_port_named() {
        for from in ["203.0.113.5:20", "203.0.113.5:41000"] {
            let mut expected = Expected::default();
            expected.offered(at("192.0.2.10:1182"));
            expected.answered(true);
            assert_eq!(claim(&mut expected, from, "192.0.2.10:1183"), None);
            let ends = claim(&mut expected, from, "192.0.2.10:1182").unwrap();
            assert_eq!(ends, Ends { client: at("192.0.2.10:1182"), server: at(from) });
            assert!(!expected.is_waiting());
        }
    }

    #[test]
    fn in_passive_mode_the_client_connects_also_where_it_passes_over_the_address() {
        for named in ["203.0.113.5:50123", "10.0.0.5:50123"] {
            let mut expected = Expected::default();
            expected.announced(at(named));
            let ends = claim(&mut expected, "192.0.2.10:1181", "203.0.113.5:50123").unwrap();
            assert_eq!(ends.client, at("192.0.2.10:1181"));
        }
    }

    #[test]
    fn a_third_host_may_connect_to_the_address_named() {
        let mut expected = Expected::default();
        expected.announced(at("203.0.113.5:50123"));
        let ends = claim(&mut expected, "198.51.100.7:20", "203.0.113.5:50123").unwrap();
        assert_eq!(ends, Ends { client: at("198.51.100.7:20"), server: at("203.0.113.5:50123") });
    }

    #[test]
    fn without_an_announcement_the_default_ports_of_rfc_959_are_taken() {
        let mut expected = Expected::default();
        let ends = claim(&mut expected, "203.0.113.5:20", CLIENT).unwrap();
        assert_eq!(ends, Ends { client: at(CLIENT), server: at("203.0.113.5:20") });
        assert_eq!(claim(&mut expected, "203.0.113.5:22", CLIENT), None);
        assert_eq!(claim(&mut expected, "198.51.100.7:20", CLIENT), None);
    }

    #[test]
    fn an_endpoint_announced_twice_is_claimed_once_each_the_last_one_first() {
        let mut expected = Expected::default();
        for _ in 0..2 {
            expected.announced(at("203.0.113.5:50123"));
        }
        claim(&mut expected, "192.0.2.10:1181", "203.0.113.5:50123").unwrap();
        let states: Vec<State> = expected.offers.iter().map(|offer| offer.state).collect();
        assert_eq!(states, [State::Armed, State::Used]);
    }

    #[test]
    fn a_connection_that_comes_although_port_was_refused_still_belongs_to_the_session() {
        let mut expected = Expected::default();
        expected.offered(at("192.0.2.10:1182"));
        expected.answered(false);
        assert!(!expected.is_waiting());
        assert!(claim(&mut expected, "203.0.113.5:20", "192.0.2.10:1182").is_some());
    }

    #[test]
    fn announcements_are_bounded() {
        let mut expected = Expected::default();
        for port in 1..1000 {
            expected.announced(SocketAddr::from(([10, 0, 0, 1], port)));
        }
        assert_eq!(expected.offers.len(), MAX_OFFERS);
    }
}
