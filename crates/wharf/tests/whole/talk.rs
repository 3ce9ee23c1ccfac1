//! A client without a library: lines to a server that runs, and its replies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::serving::Serving;

/// A client, a command at a time.
pub(crate) struct Talk {
    control: TcpStream,
    replies: BufReader<TcpStream>,
}

impl Talk {
    /// One that has heard the greeting.
    pub(crate) fn with(serving: &Serving) -> Self {
        let control = TcpStream::connect(("127.0.0.1", serving.port)).unwrap();
        let mut talk = Self { replies: BufReader::new(control.try_clone().unwrap()), control };
        talk.hear("220");
        talk
    }

    /// The next reply, all lines of it, whose code begins so.
    pub(crate) fn hear(&mut self, code: &str) -> String {
        let mut text = String::new();
        loop {
            let begin = text.len();
            assert!(self.replies.read_line(&mut text).unwrap() > 0, "{text}");
            let line = &text.as_bytes()[begin..];
            if line[..3].iter().all(u8::is_ascii_digit) && line[3] == b' ' {
                assert!(line.starts_with(code.as_bytes()), "{text}");
                return text;
            }
        }
    }

    /// Says a line, and gives the reply, whose code begins so.
    pub(crate) fn say(&mut self, line: &str, code: &str) -> String {
        self.control.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.hear(code)
    }

    /// A data connection, to where the server listens.
    pub(crate) fn data(&mut self) -> TcpStream {
        let said = self.say("EPSV", "229");
        let port = said.rsplit('|').nth(1).unwrap().parse().unwrap();
        TcpStream::connect(("127.0.0.1", port)).unwrap()
    }

    /// Sends these bytes on this command.
    pub(crate) fn store(&mut self, line: &str, bytes: &[u8]) {
        let mut data = self.data();
        self.say(line, "1");
        data.write_all(bytes).unwrap();
        drop(data);
        self.hear("226");
    }

    /// Takes whatever comes on this command.
    pub(crate) fn fetch(&mut self, line: &str) {
        let mut data = self.data();
        self.say(line, "1");
        data.read_to_end(&mut Vec::new()).unwrap();
        drop(data);
        self.hear("226");
    }
}
