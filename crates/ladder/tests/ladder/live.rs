//! Sessions over real sockets, captured while they run. Who may not capture sees only that it is refused.

use std::io::{BufRead, BufReader, ErrorKind, Read, Result, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;
use wharf_ladder::live::{Live, Recording};
use wharf_ladder::{Channel, Options, Packet, Packets, Provenance};
use wharf_proto::Verb;

/// As long as a kernel may put off an ACK, and then some.
const PATIENCE: Duration = Duration::from_secs(5);

/// Enough for thousands of frames.
const BIG: usize = 16 << 20;

/// The right to capture, if we have it.
fn recording(server: SocketAddr) -> Option<Recording> {
    match Live::open() {
        Ok(live) => Some(live.record(vec![Packets::of_server(server)]).expect("a thread")),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
        Err(error) => panic!("{error}"),
    }
}

/// Serves one session: any command is greeted, EPSV announces a listener, RETR sends bytes there.
fn serve(control: &TcpListener, bytes: usize) -> Result<()> {
    let (mut stream, _) = control.accept()?;
    stream.set_nodelay(true)?;
    let data = TcpListener::bind((control.local_addr()?.ip(), 0))?;
    stream.write_all(b"220 ready\r\n")?;
    for line in BufReader::new(stream.try_clone()?).lines() {
        match line?.as_str() {
            "EPSV" => {
                let port = data.local_addr()?.port();
                stream.write_all(format!("229 (|||{port}|)\r\n").as_bytes())?;
            }
            "RETR a" => {
                stream.write_all(b"150 opening\r\n")?;
                data.accept()?.0.write_all(&vec![b'x'; bytes])?;
                stream.write_all(b"226 done\r\n")?;
            }
            "QUIT" => return stream.write_all(b"221 bye\r\n"),
            _ => stream.write_all(b"200 ok\r\n")?,
        }
    }
    Ok(())
}

/// Fetches once; gives how many bytes came.
fn fetch(server: SocketAddr) -> Result<usize> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    let mut replies = BufReader::new(stream.try_clone()?).lines();
    let mut reply = || replies.next().expect("a reply");
    reply()?;
    stream.write_all(b"EPSV\r\n")?;
    let port = reply()?.trim_matches(|c: char| !c.is_ascii_digit())["229 (|||".len()..].parse();
    let mut data = TcpStream::connect((server.ip(), port.expect("a port")))?;
    stream.write_all(b"RETR a\r\n")?;
    let length = data.read_to_end(&mut Vec::new())?;
    data.shutdown(Shutdown::Both)?;
    reply()?;
    reply()?;
    stream.write_all(b"QUIT\r\n")?;
    reply()?;
    Ok(length)
}

/// The session that was captured, where we may capture and have such addresses.
fn captured(ip: impl Into<IpAddr>, bytes: usize) -> Option<Packets> {
    let control = TcpListener::bind((ip.into(), 0)).ok()?;
    let server = control.local_addr().expect("an address");
    let recording = recording(server)?;
    let serving = thread::spawn(move || serve(&control, bytes));
    assert_eq!(fetch(server).expect("a session"), bytes);
    serving.join().expect("no panic").expect("a session");
    let mut sessions = recording.finish(PATIENCE).expect("a capture");
    sessions.pop()
}

#[test]
fn a_short_session_is_captured_whole_over_both_protocols() {
    for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let Some(packets) = captured(ip, 10) else { continue };
        let text = packets.render_text(&Options { packets: true, ..Options::default() });
        assert_eq!((packets.is_over(), packets.missing()), (true, 0), "{text}");
        let rows = packets.rows();
        let first: Vec<Packet> = rows.iter().take(4).map(|row| row.packet).collect();
        let want = [Packet::Syn, Packet::SynAck, Packet::Established, Packet::Reply(220)];
        assert_eq!(first, want);
        assert!(rows.iter().all(|row| row.provenance == Provenance::Seen));
        // A busy machine may send a segment again; a capture that sees both copies has all of them twice.
        assert!(rows.iter().filter(|row| row.is_again()).count() < 5, "{text}");
        let data = |channel| channel == Channel::Data(1);
        assert!(rows.iter().any(|row| data(row.channel) && row.verb == Some(Verb::Retr)));
        assert_eq!(packets.summary().to_client, 10);
    }
}

#[test]
fn a_large_transfer_is_captured_without_loss_in_few_rows() {
    let Some(packets) = captured(Ipv4Addr::LOCALHOST, BIG) else { return };
    let text = packets.render_text(&Options { packets: true, ..Options::default() });
    assert_eq!(packets.missing(), 0, "{text}");
    assert_eq!(packets.summary().to_client, BIG as u64);
    assert!(packets.rows().len() < 60, "{} rows", packets.rows().len());
}

/// A frame's time is when it went by: the reader may come late, and finds the pause between two lines.
#[test]
fn what_is_read_late_has_the_time_at_which_it_went_by() {
    const PAUSE: Duration = Duration::from_millis(300);
    let mut live = match Live::open() {
        Ok(live) => live,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return,
        Err(error) => panic!("{error}"),
    };
    let control = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let server = control.local_addr().expect("an address");
    let mut client = TcpStream::connect(server).expect("a connection");
    let mut line = [0; 5];
    let mut greeted = control.accept().expect("a connection").0;
    greeted.write_all(b"220 \n").expect("a line");
    client.read_exact(&mut line).expect("a line");
    thread::sleep(PAUSE);
    client.write_all(b"SYST\n").expect("a line");
    greeted.read_exact(&mut line).expect("a line");
    let mut said = Vec::new();
    while said.len() < 2 {
        let segment = live.next_segment(PATIENCE).expect("a capture").expect("a segment");
        if segment.length > 0 && [segment.from, segment.to].contains(&server) {
            said.push(segment.at);
        }
    }
    assert!(said[1].since(said[0]) >= PAUSE, "{said:?}");
}

#[test]
fn a_recording_without_a_session_ends_when_patience_does() {
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let Some(recording) = recording(nobody) else { return };
    let sessions = recording.finish(Duration::from_millis(1)).expect("a capture");
    assert!(sessions.iter().all(|session| session.rows().is_empty()));
}
