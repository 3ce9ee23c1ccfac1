//! The client machine, whatever a server sends it.

use wharf_proto::client::{Answer, Asked, Client, Output, SendError};
use wharf_proto::{Command, Verb};

use super::folded;

/// What a client may want to send, urgent verbs first.
fn command(number: u8) -> Command {
    match number % 12 {
        0 => Command::Abor,
        1 => Command::Stat(None),
        2 => Command::Noop,
        3 => Command::Quit,
        4 => Command::User("bob".into()),
        5 => Command::Retr("notes.txt".into()),
        6 => Command::Stor("notes.txt".into()),
        7 => Command::List(None),
        8 => Command::Pasv,
        9 => Command::Rest(wharf_proto::codec::Marker::at(4096)),
        10 => Command::Feat,
        _ => Command::Retr("a\nDELE b".into()),
    }
}

/// What comes of a session at the client's end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    outputs: Vec<Output>,
    refused: Vec<SendError>,
}

/// The client machine: no cut of what the server sends makes a difference, each answer is to what was
/// asked, and nothing follows [`Output::Broken`].
pub fn client(data: &[u8]) {
    for bytes in
        [data.to_vec(), folded(data, b"\0\x01\x05\x08\x13112233445566\x1800 --\r\n\n\n\xff")]
    {
        let whole = talk(&bytes, usize::MAX);
        assert_eq!(whole, talk(&bytes, 1));
    }
}

/// Plays bytes as a session: a byte below 16 sends a command, one below 32 says how many of the next
/// bytes come from the server, and any other comes from the server itself.
fn talk(data: &[u8], size: usize) -> Seen {
    let mut client = Client::new(true);
    let (mut seen, mut sent, mut broken) = (Seen::default(), Vec::new(), false);
    let mut rest = data;
    while let Some((tag, behind)) = rest.split_first() {
        let segment;
        (segment, rest) = match tag {
            ..16 => (&[][..], behind),
            16..32 => behind.split_at(behind.len().min(usize::from(tag - 16))),
            _ => rest.split_at(1),
        };
        if *tag < 16 {
            let command = command(*tag);
            match client.send(&command) {
                Ok(()) => sent.push(command.verb()),
                Err(error) => seen.refused.push(error),
            }
        }
        segment.chunks(size.min(segment.len().max(1))).for_each(|bytes| client.handle_bytes(bytes));
        while let Some(output) = client.poll_output() {
            assert!(!broken || matches!(output, Output::Send(_) | Output::Tap(_)), "{output:?}");
            broken |= matches!(output, Output::Broken(_));
            check(&output, &sent);
            seen.outputs.push(output);
        }
        assert!(client.owed() <= 4, "{} replies are owed", client.owed());
    }
    seen
}

fn check(output: &Output, sent: &[Verb]) {
    if let Output::Reply(Answer { to, reply, more, legal }) = output {
        assert_eq!(*more, reply.code.is_preliminary());
        assert!(!reply.lines.is_empty());
        match to {
            Asked::Greeting | Asked::Line => {}
            Asked::Verb(verb) => assert!(sent.contains(verb), "{verb} was not asked"),
            Asked::Nothing => assert!(!legal, "an answer to nothing is legal"),
        }
    }
}
