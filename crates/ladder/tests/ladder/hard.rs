//! The cases in which data connections are hard to find, one after the other, each bound to its session and its command:
//! those in which other readers lose them. And what of each is said.

use crate::verdicts::{found, play, sessions};
use std::net::SocketAddr;
use wharf_ladder::scene::scenes;
use wharf_ladder::sessions::{Session, Sessions};
use wharf_ladder::{Channel, Packet, Row};
use wharf_proto::Verb;

/// Which command the bytes on each data connection serve, with the ports of its ends.
fn transfers(session: &Session) -> Vec<(Verb, u64, SocketAddr, SocketAddr)> {
    let rows = session.packets.rows();
    let conns = session.packets.conns();
    let of = |row: &Row| {
        let Packet::Data { bytes, .. } = row.packet else { return None };
        let conn = conns.iter().find(|conn| conn.channel == row.channel)?;
        let ends = conn.ends.filter(|_| row.channel != Channel::Control)?;
        Some((row.verb?, bytes, ends.client, ends.server))
    };
    rows.iter().filter_map(of).collect()
}

fn verbs(steps: &str) -> Vec<(Verb, u64)> {
    let case = play("clean", steps);
    let sessions = sessions(&case);
    assert_eq!(sessions.len(), 1, "{steps}");
    transfers(&sessions[0]).into_iter().map(|(verb, bytes, ..)| (verb, bytes)).collect()
}

#[test]
fn case_1_active_mode_from_another_port_than_20() {
    for port in [20, 2120, 40_000] {
        let steps = format!(
            "login\nactive\n> LIST\ndata d 203.0.113.5:{port} 192.0.2.10:1182 open\ndata d <bytes 10\ndata d <fin\n\
             data d >fin\n< 226 done"
        );
        assert_eq!(verbs(&steps), [(Verb::List, 10)], "{port}");
    }
}

#[test]
fn case_1_parallel_active_sessions_of_the_same_hosts_are_not_swapped() {
    let steps = "login
ends 192.0.2.10:1190 203.0.113.5:21
login
at 1
> PORT 192,0,2,10,4,158
< 200 ok
at 2
> PORT 192,0,2,10,4,159
< 200 ok
> RETR b
at 1
> RETR a
data two 203.0.113.5:20 192.0.2.10:1183 open
data one 203.0.113.5:20 192.0.2.10:1182 open
data two <bytes 20
data one <bytes 10
data one <fin
data one >fin
data two <fin
data two >fin
< 226 done
at 2
< 226 done";
    let sessions = sessions(&play("clean", steps));
    let bytes: Vec<Vec<u64>> = sessions
        .iter()
        .map(|session| transfers(session).into_iter().map(|(_, bytes, ..)| bytes).collect())
        .collect();
    assert_eq!(bytes, [vec![10], vec![20]]);
}

#[test]
fn case_2_eprt_of_both_families() {
    for (client, server, eprt) in [
        ("192.0.2.10", "203.0.113.5", "|1|192.0.2.10|1182|"),
        ("[2001:db8::10]", "[2001:db8::5]", "|2|2001:db8::10|1182|"),
    ] {
        let steps = format!(
            "ends {client}:1180 {server}:21\nlogin\n> EPRT {eprt}\n< 200 ok\n> NLST\ndata d {server}:20 {client}:1182 open\n\
             data d <bytes 10\ndata d <fin\ndata d >fin\n< 226 done"
        );
        assert_eq!(verbs(&steps), [(Verb::Nlst, 10)], "{client}");
    }
}

#[test]
fn case_3_a_client_that_takes_the_servers_address_in_place_of_a_private_one() {
    let steps = "login
> PASV
< 227 Entering Passive Mode (10,9,0,5,195,80)
> RETR a
data d 192.0.2.10:1182 203.0.113.5:50000 open
data d <bytes 10
data d <fin
data d >fin
< 226 done";
    assert_eq!(verbs(steps), [(Verb::Retr, 10)]);
    assert!(
        found(&play("D10", steps)).contains("D10"),
        "and it is told that the address was of no use"
    );
}

#[test]
fn case_4_the_other_server_comes_in_place_of_the_client() {
    let steps = "login
ends 192.0.2.10:1190 198.51.100.7:21
login
at 1
passive
at 2
> PORT 203,0,113,5,195,80
< 200 ok
> STOR b
at 1
> RETR a
data d 198.51.100.7:20 203.0.113.5:50000 open
data d <bytes 10
data d <fin
data d >fin
< 226 done
at 2
< 226 done";
    let case = play("clean", steps);
    let mut all = Sessions::default();
    case.wire.segments.iter().for_each(|segment| all.push(&segment.segment()));
    let groups = all.finish();
    assert_eq!(groups.len(), 1, "they belong together");
    assert_eq!(groups[0].len(), 2);
    let scenes = scenes(&groups[0]);
    let between = |scene: &wharf_ladder::Scene| {
        scene.steps.iter().filter(|step| step.is_between_servers()).count()
    };
    assert!(scenes[0].is_joined() && between(&scenes[0]) > 3);
}

#[test]
fn case_5_commands_sent_together_or_in_pieces_and_two_replies_in_one_segment() {
    let steps = "open
< 220 ready\\n331 early
> USER ann\\nPASS hunter2\\nPASV
< 230 in\\n227 ok (203,0,113,5,195,80)
data d 192.0.2.10:1182 203.0.113.5:50000 open
>> 5245
>> 54522061
>> 0d0a
< 150 go
data d <bytes 10
data d <fin
data d >fin
< 226 done";
    assert_eq!(verbs(steps), [(Verb::Retr, 10)]);
}

#[test]
fn case_6_verbs_in_small_letters_and_every_way_of_asking_for_tls() {
    let steps = "open
< 220 ready
> user ann
< 331 password
> pass hunter2
< 230 in
> pasv
< 227 ok (203,0,113,5,195,80)
> retr a
data d 192.0.2.10:1182 203.0.113.5:50000 open
data d <bytes 10
data d <fin
data d >fin
< 226 done";
    assert_eq!(verbs(steps), [(Verb::Retr, 10)]);
    for auth in ["AUTH TLS", "auth tls", "AUTH SSL", "AUTH TLS-C"] {
        let steps = format!(
            "greeted\n> {auth}\n< 234 go\ntls control full\nwait 0.1\n\
             data d 192.0.2.10:1182 203.0.113.5:50000 open\ntls d resumed\ndata d <fin\ndata d >fin"
        );
        let sessions = sessions(&play("clean", &steps));
        assert_eq!(sessions.len(), 1, "{auth}");
        let session = &sessions[0].packets;
        assert_eq!(session.conns().len(), 2, "{auth}: the data connection is found by its TLS");
        assert!(session.conns().iter().all(|conn| conn.is_secured()), "{auth}");
    }
}

#[test]
fn case_7_in_block_mode_each_file_is_that_of_its_own_command() {
    // Two files and a listing, each with an end-of-file block, over one connection.
    let steps = "login
> MODE B
< 200 ok
passive
data d 192.0.2.10:1182 203.0.113.5:50000 open
> RETR a
< 125 open
data d << 4000026161
< 250 done
> RETR b
< 125 open
data d << 400003626262
< 250 done
> LIST
< 125 open
data d << 40000163
< 250 done
data d >fin
data d <fin";
    assert_eq!(verbs(steps), [(Verb::Retr, 5), (Verb::Retr, 6), (Verb::List, 4)]);
}

#[test]
fn case_8_any_port_and_the_client_at_the_lower_one() {
    for (client, server) in
        [("192.0.2.10:5000", "203.0.113.5:60021"), ("192.0.2.10:40000", "203.0.113.5:80")]
    {
        let steps = format!(
            "ends {client} {server}\nlogin\n> PASV\n< 227 ok (203,0,113,5,195,80)\n> RETR a\n\
             data d 192.0.2.10:1182 203.0.113.5:50000 open\ndata d <bytes 10\ndata d <fin\ndata d >fin\n< 226 done"
        );
        let sessions = sessions(&play("clean", &steps));
        let ends = sessions[0].packets.ends().expect("known ends");
        assert_eq!(
            (ends.client.to_string(), ends.server.to_string()),
            (client.to_owned(), server.to_owned())
        );
        assert_eq!(transfers(&sessions[0]).len(), 1, "{server}");
    }
}

#[test]
fn a_connection_is_bound_by_time_where_the_capture_has_cut_off_where_it_is_announced() {
    let connection = |from: &str, to: &str| {
        format!(
            "data d {from} {to} open\n> RETR a\n< 150 go\ndata d <bytes 10\ndata d <fin\ndata d >fin\n< 226 done\ncut 8\nbye"
        )
    };
    for (announced, from, to) in [
        ("> EPSV\n< 229 Entering (|||50000|)\ncut 12", "192.0.2.10:1182", "203.0.113.5:50000"),
        ("> PASV\n< 227 ok (203,0,113,5,195,80)\ncut 25", "192.0.2.10:1182", "203.0.113.5:50000"),
        ("> PORT 192,0,2,10,4,158\ncut 20\n< 200 ok", "203.0.113.5:20", "192.0.2.10:1182"),
    ] {
        let steps = format!("login\n{announced}\n{}", connection(from, to));
        let sessions = sessions(&play("clean", &steps));
        assert_eq!(sessions.len(), 1, "{announced}");
        let told = transfers(&sessions[0]);
        assert_eq!(told.len(), 1, "{announced}");
        assert_eq!((told[0].0, told[0].1), (Verb::Retr, 10));
        assert_eq!(sessions[0].packets.summary().transfers, 1, "226 was read: {announced}");
    }
}

#[test]
fn case_9_a_session_that_fails_has_a_verdict_with_the_rows_that_prove_it() {
    let case =
        play("D12", "login\npassive\ndata d 192.0.2.10:1182 203.0.113.5:50000 syn 4\nwait 30");
    let session = sessions(&case).remove(0);
    let findings = session.findings();
    let verdict = findings.iter().find(|finding| finding.rule.id == "D12").expect("a verdict");
    let rows = session.packets.rows();
    assert!(verdict.rows.iter().all(|no| rows.iter().any(|row| row.no == *no)));
    assert!(verdict.cause(wharf_ladder::Lang::En).contains("50000"));
}
