//! Server-to-server transfer: one client, two servers, the data between them (RFC 959 section 2.3).
//!
//! The servers stand at different addresses of this machine, so that each sees a stranger in the other.

use crate::covered::{self, Covered, config};
use crate::raw::Running;
use rustls::version::TLS13;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use wharf_server::Config;

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);

fn at(host: Ipv4Addr) -> impl Fn(&mut Config) {
    move |config: &mut Config| {
        config.listen = vec![SocketAddr::new(IpAddr::V4(host), 0)];
        config.foreign = vec!["127.0.0.0/24".parse().unwrap()];
    }
}

/// What PORT takes of what 227 gives.
fn named(reply: &str) -> String {
    reply.split(['(', ')']).nth(1).unwrap().to_owned()
}

#[test]
fn a_file_goes_from_one_server_to_another_in_both_directions() {
    let (here, there) = (Running::with(at(HERE)), Running::with(at(THERE)));
    here.write("f", vec![7; 1_000_003]);
    let (mut from, mut to) = (here.bob(), there.bob());
    let passive = named(&to.command("PASV", 227));
    from.command(&format!("PORT {passive}"), 200);
    to.command("STOR g", 150);
    from.command("RETR f", 125);
    from.expect(226);
    to.expect(226);
    assert_eq!(there.read("g"), here.read("f"));

    let passive = named(&from.command("PASV", 227));
    to.command(&format!("PORT {passive}"), 200);
    from.command("STOR h", 150);
    to.command("RETR g", 125);
    to.expect(226);
    from.expect(226);
    assert_eq!(here.read("h"), here.read("f"));
}

#[test]
fn s01_another_host_is_refused_to_who_is_not_allowed_it_and_beyond_the_networks_named() {
    let none = Running::new();
    none.bob().command("PORT 127,0,0,77,200,1", 501);
    let some = Running::with(at(HERE));
    let mut bob = some.bob();
    bob.command("PORT 127,0,0,77,200,1", 200);
    bob.command("PORT 127,0,0,77,0,25", 501);
    bob.command("PORT 127,0,1,77,200,1", 501);
    bob.command("EPRT |1|192.0.2.1|51201|", 501);
    some.anonymous().command("PORT 127,0,0,77,200,1", 501);
}

#[test]
fn under_tls_one_of_the_servers_is_the_tls_client_by_cpsv_or_sscn() {
    let (here, there) = (
        covered::server(at(HERE)),
        covered::server(|config| {
            at(THERE)(config);
            // It cannot know the TLS session of the other server.
            config.any_tls_session = true;
        }),
    );
    here.write("f", vec![7; 1_000_003]);
    let mut from = Covered::bob(here.at, config(&[&TLS13]));
    let mut to = Covered::bob(there.at, config(&[&TLS13]));
    // The one that listens is the TLS client.
    let passive = named(&from.command("CPSV", 227));
    to.command(&format!("PORT {passive}"), 200);
    from.command("RETR f", 150);
    to.command("STOR g", 125);
    from.expect(226);
    to.expect(226);
    assert_eq!(there.read("g"), here.read("f"));
    // The one that connects is.
    from.command("SSCN ON", 200);
    let passive = named(&to.command("PASV", 227));
    from.command(&format!("PORT {passive}"), 200);
    to.command("STOR h", 150);
    from.command("RETR f", 125);
    from.expect(226);
    to.expect(226);
    assert_eq!(there.read("h"), here.read("f"));
    assert!(from.command("SSCN", 200).contains("ON"));
    from.command("SSCN OFF", 200);
    assert!(from.fetch("RETR f").0, "its client is a TLS client again");
}

#[test]
fn being_the_tls_client_is_refused_to_who_may_not_transfer_between_servers() {
    let server = covered::server(|_| ());
    let mut bob = Covered::bob(server.at, config(&[&TLS13]));
    bob.command("CPSV", 534);
    bob.command("SSCN ON", 534);
    let plain = Running::new();
    plain.bob().command("CPSV", 502);
}
