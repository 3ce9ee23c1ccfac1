//! Crossings: who of two servers listens and who connects, and which of them is the TLS client.
//!
//! By RFC 4217 section 7 a server is the TLS server on a data connection, whoever opened it; between two servers one
//! must be the client. CPSV makes the one that listens the client, SSCN ON either of them. Which crossings can work is
//! decided here from what is known without asking; what the servers say to them, in `direct.rs`.

use std::fmt;
use std::net::IpAddr;

use wharf_proto::address::is_private;

use super::{CopyError, Ends, Side, at};
use crate::Session;

/// A way for two servers to come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crossing {
    /// Who listens; the other one connects.
    pub(super) listener: Side,
    pub(super) cover: Cover,
}

/// Who is the TLS client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// There is no TLS.
    None,
    /// The one that listens, by CPSV in place of PASV.
    Cpsv,
    /// This one, by SSCN.
    Sscn(Side),
}

impl fmt::Display for Crossing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} listens", self.listener)?;
        match self.cover {
            Cover::None => Ok(()),
            Cover::Cpsv => write!(f, " and is the TLS client by CPSV"),
            Cover::Sscn(side) => write!(f, ", {side} is the TLS client by SSCN"),
        }
    }
}

/// What decides about the crossings between two servers.
#[derive(Clone, Copy, Debug)]
struct Facts {
    source: IpAddr,
    target: IpAddr,
    /// Whether either is reached through a proxy, so that its address is not known.
    proxied: bool,
    /// Whether each covers its data connections.
    covered: [bool; 2],
    /// Whether each has CPSV and SSCN.
    cpsv: [bool; 2],
    sscn: [bool; 2],
}

/// The crossings between two servers in the order in which they are tried, or why there is none.
pub(super) async fn crossings(
    ends: &mut Ends,
) -> Result<Result<Vec<Crossing>, &'static str>, CopyError> {
    let proxied = |session: &Session| session.control.proxy().is_some();
    let covered = |session: &Session| session.control.data_security().is_some();
    let mut facts = Facts {
        source: ends.source.control.server().ip(),
        target: ends.target.control.server().ip(),
        proxied: proxied(&ends.source) || proxied(&ends.target),
        covered: [covered(&ends.source), covered(&ends.target)],
        cpsv: [false; 2],
        sscn: [false; 2],
    };
    if facts.covered == [true; 2] {
        for (nth, side) in [Side::Source, Side::Target].into_iter().enumerate() {
            let features = ends.of(side).features().await.map_err(at(side))?;
            facts.cpsv[nth] = features.has("CPSV");
            facts.sscn[nth] = features.has("SSCN");
        }
    }
    Ok(facts.crossings())
}

impl Facts {
    fn crossings(&self) -> Result<Vec<Crossing>, &'static str> {
        if self.proxied {
            return Err("behind a proxy the addresses of the servers are not known");
        }
        if self.source.is_loopback() != self.target.is_loopback() {
            return Err("one of the servers is on this machine, where it would pass anyway");
        }
        if self.covered[0] != self.covered[1] {
            return Err("only one of the servers covers its data connections with TLS \
                        (--clear-data has neither of them do it)");
        }
        let listeners = [Side::Source, Side::Target].into_iter().filter(|side| self.is_seen(*side));
        let ways: Vec<Crossing> = listeners
            .flat_map(|listener| {
                let covers = self.covers(listener);
                covers.into_iter().map(move |cover| Crossing { listener, cover })
            })
            .collect();
        if ways.is_empty() {
            return Err("under TLS one of the servers has to be the client of the other, by CPSV \
                        or SSCN, and neither has that");
        }
        Ok(ways)
    }

    /// Whether the other server can be meant to see the address of this one.
    fn is_seen(&self, listener: Side) -> bool {
        let (own, other) = match listener {
            Side::Source => (self.source, self.target),
            Side::Target => (self.target, self.source),
        };
        !is_private(own) || is_private(other)
    }

    fn covers(&self, listener: Side) -> Vec<Cover> {
        if self.covered == [false; 2] {
            return vec![Cover::None];
        }
        let (nth, ip) = match listener {
            Side::Source => (0, self.source),
            Side::Target => (1, self.target),
        };
        // CPSV is PASV, which has no IPv6.
        let cpsv = (self.cpsv[nth] && ip.is_ipv4()).then_some(Cover::Cpsv);
        let source = self.sscn[0].then_some(Cover::Sscn(Side::Source));
        let target = self.sscn[1].then_some(Cover::Sscn(Side::Target));
        // Where the listener is the client by CPSV, SSCN would make it the same.
        let own = if listener == Side::Source { source } else { target };
        let others = if listener == Side::Source { target } else { source };
        cpsv.or(own).into_iter().chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(source: &str, target: &str) -> Facts {
        Facts {
            source: source.parse().unwrap(),
            target: target.parse().unwrap(),
            proxied: false,
            covered: [false; 2],
            cpsv: [false; 2],
            sscn: [false; 2],
        }
    }

    fn told(facts: Facts) -> String {
        match facts.crossings() {
            Ok(ways) => ways.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            Err(why) => why.to_owned(),
        }
    }

    #[test]
    fn in_clear_the_source_listens_or_else_the_target() {
        let both = "the source listens; the target listens";
        assert_eq!(told(facts("192.0.2.1", "198.51.100.2")), both);
        assert_eq!(told(facts("2001:db8::1", "2001:db8::2")), both);
        assert_eq!(told(facts("127.0.0.1", "127.0.0.2")), both);
        assert_eq!(told(facts("10.0.0.1", "192.168.0.1")), both);
    }

    #[test]
    fn a_server_with_a_private_address_does_not_listen_for_a_public_one() {
        assert_eq!(told(facts("10.0.0.1", "8.8.8.8")), "the target listens");
        assert_eq!(told(facts("8.8.8.8", "10.0.0.1")), "the source listens");
        assert!(told(facts("127.0.0.1", "8.8.8.8")).contains("on this machine"));
        let proxied = Facts { proxied: true, ..facts("8.8.8.8", "8.8.4.4") };
        assert!(told(proxied).contains("proxy"));
    }

    #[test]
    fn under_tls_one_of_them_is_the_client() {
        let covered = |cpsv, sscn, from, to| {
            told(Facts { covered: [true; 2], cpsv, sscn, ..facts(from, to) })
        };
        let (a, b) = ("192.0.2.1", "192.0.2.2");
        assert_eq!(
            covered([true, false], [false; 2], a, b),
            "the source listens and is the TLS client by CPSV"
        );
        assert_eq!(
            covered([true; 2], [true; 2], a, b),
            "the source listens and is the TLS client by CPSV; \
             the source listens, the target is the TLS client by SSCN; \
             the target listens and is the TLS client by CPSV; \
             the target listens, the source is the TLS client by SSCN"
        );
        assert_eq!(
            covered([true; 2], [true, false], "2001:db8::1", "2001:db8::2"),
            "the source listens, the source is the TLS client by SSCN; \
             the target listens, the source is the TLS client by SSCN"
        );
        assert!(covered([false; 2], [false; 2], a, b).contains("CPSV"));
        let one = Facts { covered: [true, false], ..facts(a, b) };
        assert!(told(one).contains("only one of the servers"));
    }
}
