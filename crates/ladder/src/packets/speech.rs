//! What is said on the control connection: bytes in order become commands and replies.
//!
//! After a gap, and where a capture begins in the middle of a session, reading goes on at the next line, or
//! at once where the bytes look like the beginning of one: half a line could be the end of a password. What is under
//! TLS comes here as it was before. Of a line whose end the capture has cut off, what it has is read, and `…` stands
//! for the rest. The words are proto's to read; rows are made elsewhere.

use super::half::Run;
use crate::label::CUT;
use std::mem;
use wharf_proto::line::{Arrival, LineReader};
use wharf_proto::redact::Redactor;
use wharf_proto::reply::{Reply, ReplyError, ReplyReader};
use wharf_proto::tap::Party;
use wharf_proto::{Text, Verb};

/// Longest command line that is read.
const COMMAND: usize = 8 * 1024;
/// Longest line of a reply that is read.
const REPLY: usize = 16 * 1024;

/// Both sides of the conversation.
#[derive(Debug)]
pub(super) struct Speech {
    commands: Lines,
    replies: Lines,
    reply: ReplyReader,
    /// The last line of the reply that has begun looks like its end, but for its code.
    is_amiss: bool,
    redactor: Redactor,
}

/// Something said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A command line, its secret redacted.
    Command {
        /// The verb, where the table knows it.
        verb: Option<Verb>,
        /// The line as it may be shown.
        shown: Text,
        /// The line as it came, for those commands alone that have no secret.
        line: Vec<u8>,
    },
    /// A whole reply.
    Reply {
        /// As it came.
        reply: Reply,
        /// As it may be shown.
        shown: Reply,
    },
    /// A reply of several lines that has ended with another code than it began with, as what is said behind it tells.
    Amiss {
        /// As it came.
        reply: Reply,
        /// As it may be shown.
        shown: Reply,
    },
    /// A line of the server that is no reply.
    Stray(Text),
}

impl Speech {
    pub(super) fn new() -> Self {
        Self {
            commands: Lines::new(COMMAND),
            replies: Lines::new(REPLY),
            reply: ReplyReader::new(),
            is_amiss: false,
            redactor: Redactor::default(),
        }
    }

    /// What these bytes complete.
    pub(super) fn hear(&mut self, from: Party, run: &Run<'_>) -> Vec<Said> {
        match from {
            Party::Client => {
                let mut said = Vec::new();
                self.commands.read(run, is_command, |line, is_cut| {
                    said.push(to_command(line, is_cut, &mut self.redactor));
                });
                if self.is_amiss && !said.is_empty() {
                    said.splice(0..0, self.end_amiss());
                }
                said
            }
            Party::Server => self.hear_server(run),
        }
    }

    /// Whether no line of a side has begun.
    pub(super) fn is_between(&self, from: Party) -> bool {
        self.lines(from).is_between()
    }

    /// Some words of the session as they may be shown.
    pub(super) fn hide(&self, words: &Text) -> Text {
        self.redactor.hide(words)
    }

    /// How many bytes are held of lines and of a reply that have begun.
    pub(super) fn buffered(&self) -> usize {
        let lines = self.commands.reader.buffered() + self.replies.reader.buffered();
        lines + self.reply.buffered()
    }

    /// Whether a reply has begun and not ended.
    pub(super) fn is_amid_reply(&self) -> bool {
        self.reply.is_amid()
    }

    /// The reply that has begun has ended, since the client goes on.
    fn end_amiss(&mut self) -> Option<Said> {
        self.is_amiss = false;
        let reply = self.reply.give_up()?;
        let shown = self.redactor.reply(&reply);
        Some(Said::Amiss { reply, shown })
    }

    fn hear_server(&mut self, run: &Run<'_>) -> Vec<Said> {
        let mut said = Vec::new();
        if run.torn {
            self.reply = ReplyReader::new();
        }
        self.replies.read(run, is_reply, |line, _| {
            // One more line of a reply may be too much of it.
            let more = self.reply.is_amid().then(|| Text::from(line.as_slice()));
            let ends = more.is_some() && is_reply(&line) && line.get(3) == Some(&b' ');
            self.is_amiss = false;
            match self.reply.line(line) {
                Ok(Some(reply)) => {
                    let shown = self.redactor.reply(&reply);
                    said.push(Said::Reply { reply, shown });
                }
                Ok(None) => self.is_amiss = ends,
                Err(ReplyError::NotAReply(line)) => {
                    said.push(Said::Stray(self.redactor.hide(&line)));
                }
                Err(_) => said.extend(more.map(|line| Said::Stray(self.redactor.hide(&line)))),
            }
        });
        // The last lines of a reply are in the segment of its first, as a rule.
        if run.cut
            && let Some(mut reply) = self.reply.give_up()
        {
            reply.lines.push(CUT.into());
            let shown = self.redactor.reply(&reply);
            said.push(Said::Reply { reply, shown });
        }
        said
    }

    fn lines(&self, from: Party) -> &Lines {
        match from {
            Party::Client => &self.commands,
            Party::Server => &self.replies,
        }
    }
}

/// The lines of one side.
#[derive(Debug)]
struct Lines {
    cap: usize,
    reader: LineReader,
    /// The bytes that come are the rest of a line whose beginning is lost.
    lost: bool,
}

impl Lines {
    fn new(cap: usize) -> Self {
        Self { cap, reader: LineReader::new(cap), lost: false }
    }

    /// Whether no line has begun.
    fn is_between(&self) -> bool {
        self.reader.buffered() == 0
    }

    /// Takes the lines that these bytes complete, and whether the end of a line is not captured; `begins` knows the beginning of
    /// one.
    fn read(
        &mut self,
        run: &Run<'_>,
        begins: fn(&[u8]) -> bool,
        mut take: impl FnMut(Vec<u8>, bool),
    ) {
        let mut bytes = &*run.bytes;
        if run.torn {
            self.reader = LineReader::new(self.cap);
            self.lost = !begins(bytes);
        }
        if mem::take(&mut self.lost) {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            self.lost = end.is_none();
            bytes = end.and_then(|end| bytes.get(end + 1..)).unwrap_or_default();
        }
        match self.reader.whole(bytes) {
            Some(line) => take(line.to_vec(), false),
            None => self.reader.push(bytes),
        }
        for arrival in self.reader.by_ref() {
            match arrival {
                Arrival::Line(line) => take(line, false),
                Arrival::TooLong | Arrival::Interrupt | Arrival::Mark | Arrival::Answer(_) => {}
            }
        }
        if let Some((line, is_cut)) = run.cut.then(|| self.cut(begins)).flatten() {
            take(line, is_cut);
        }
    }

    /// What has come of a line whose end is not captured, where that says what it is; and whether more of it is missing than
    /// its LF.
    fn cut(&mut self, begins: fn(&[u8]) -> bool) -> Option<(Vec<u8>, bool)> {
        self.reader.push(CUT.as_bytes());
        self.reader.push(b"\r\n");
        let Some(Arrival::Line(mut line)) = self.reader.next() else { return None };
        let whole = line.strip_suffix(CUT.as_bytes()).and_then(|line| line.strip_suffix(b"\r"));
        let whole = whole.map(<[u8]>::len);
        line.truncate(whole.unwrap_or(line.len()));
        begins(&line).then_some((line, whole.is_none()))
    }
}

fn to_command(line: Vec<u8>, is_cut: bool, redactor: &mut Redactor) -> Said {
    let (verb, shown) = redactor.command(&line);
    let line = if shown.as_bytes() == line && !is_cut { line } else { Vec::new() };
    Said::Command { verb, shown, line }
}

/// Whether these bytes are lines of a side from their beginning to their end, as no record of TLS is.
pub(super) fn is_said(from: Party, bytes: &[u8]) -> bool {
    let begins = match from {
        Party::Client => is_command(bytes),
        Party::Server => is_reply(bytes),
    };
    let is_text = |byte: &u8| !byte.is_ascii_control() || matches!(byte, b'\r' | b'\n' | b'\t');
    begins && bytes.ends_with(b"\n") && bytes.iter().all(is_text)
}

fn is_command(bytes: &[u8]) -> bool {
    let word = bytes.split(|byte| matches!(byte, b' ' | b'\r' | b'\n')).next();
    word.and_then(Verb::named).is_some()
}

fn is_reply(bytes: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    matches!(bytes, [a, b, c, b' ' | b'-', ..] if [a, b, c].into_iter().all(is_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(torn: bool, bytes: &[u8]) -> Run<'_> {
        Run { torn, bytes: bytes.into(), cut: false }
    }

    fn shown(said: &[Said]) -> Vec<String> {
        said.iter()
            .map(|said| match said {
                Said::Command { shown, .. } => shown.to_string(),
                Said::Reply { shown, .. } => shown.to_string(),
                Said::Amiss { shown, .. } => format!("amiss {shown}"),
                Said::Stray(text) => format!("stray {text}"),
            })
            .collect()
    }

    fn heard(from: Party, runs: &[Run<'_>]) -> Vec<String> {
        let mut speech = Speech::new();
        runs.iter().flat_map(|run| shown(&speech.hear(from, run))).collect()
    }

    #[test]
    fn several_commands_in_one_run_and_one_command_in_several_runs_are_heard() {
        let runs = [run(false, b"NOOP\r\nPA"), run(false, b"SS hunter2\r"), run(false, b"\n")];
        assert_eq!(heard(Party::Client, &runs), ["NOOP", "PASS …"]);
    }

    #[test]
    fn a_secret_is_kept_neither_in_the_shown_line_nor_in_the_line() {
        let said = Speech::new().hear(Party::Client, &run(false, b"PASS hunter2\r\n"));
        assert!(!format!("{said:?}").contains("hunter2"));
        let Some(Said::Command { line, .. }) = said.first() else { panic!("a command") };
        assert_eq!(line, b"");
    }

    #[test]
    fn a_secret_that_comes_back_is_shown_neither_in_a_reply_nor_beside_one() {
        let mut speech = Speech::new();
        speech.hear(Party::Client, &run(false, b"PASS hunter2\r\n"));
        let said = speech.hear(Party::Server, &run(false, b"hunter2?\r\n530 no hunter2\r\n"));
        assert_eq!(shown(&said), ["stray …?", "530 no …"]);
    }

    #[test]
    fn the_rest_of_a_line_whose_beginning_is_lost_is_never_shown() {
        let runs = [run(true, b"S hunter2\r\nSYST\r\n")];
        assert_eq!(heard(Party::Client, &runs), ["SYST"]);
        let runs = [run(true, b"hunt"), run(false, b"er2\r\nSYST\r\n")];
        assert_eq!(heard(Party::Client, &runs), ["SYST"]);
        assert_eq!(heard(Party::Client, &[run(true, b"LIST\r\n")]), ["LIST"]);
    }

    #[test]
    fn a_gap_inside_a_reply_of_several_lines_drops_it_and_what_follows_is_heard() {
        let runs = [run(false, b"211-a\r\n b\r\n"), run(true, b"tail\r\n220 hello\r\n")];
        assert_eq!(heard(Party::Server, &runs), ["220 hello"]);
    }

    #[test]
    fn of_a_line_whose_end_is_not_captured_what_is_there_is_heard() {
        let cut = |bytes| Run { cut: true, ..run(false, bytes) };
        let torn = |bytes| Run { cut: true, ..run(true, bytes) };
        assert_eq!(heard(Party::Server, &[cut(b"221 Goodby")]), ["221 Goodby…"]);
        assert_eq!(heard(Party::Server, &[cut(b"211-a\r\n b\r\n c")]), ["211-a\n b\n211 …"]);
        let runs = [cut(b"229 Entering ("), run(true, b"200 ok\r\n")];
        assert_eq!(heard(Party::Server, &runs), ["229 Entering (…", "200 ok"]);
        assert_eq!(heard(Party::Server, &[cut(b"22")]), [""; 0]);
        assert_eq!(heard(Party::Server, &[cut(b"200 ok\r")]), ["200 ok"], "only its LF is missing");
        assert_eq!(heard(Party::Client, &[cut(b"STOR long-na")]), ["STOR long-na…"]);
        assert_eq!(heard(Party::Client, &[cut(b"PASS hunt")]), ["PASS …"]);
        // Half a verb, and the end of something.
        assert_eq!(heard(Party::Client, &[cut(b"STO"), torn(b"unter2")]), [""; 0]);
        let said = Speech::new().hear(Party::Client, &cut(b"PORT 192,0,2,10,4,1"));
        let Some(Said::Command { line, .. }) = said.first() else { panic!("a command") };
        assert_eq!(line, b"", "what it names is not known");
    }

    #[test]
    fn a_reply_that_ends_with_another_code_has_ended_once_the_client_goes_on() {
        let mut speech = Speech::new();
        let server = |line: &'static [u8]| run(false, line);
        assert_eq!(speech.hear(Party::Server, &server(b"211-a\r\n b\r\n221 end\r\n")), []);
        let said = shown(&speech.hear(Party::Client, &run(false, b"NOOP\r\n")));
        assert_eq!(said, ["amiss 211-a\n b\n211 221 end", "NOOP"]);
        assert_eq!(shown(&speech.hear(Party::Server, &server(b"200 ok\r\n"))), ["200 ok"]);
        // A line amid a reply that only looks like it.
        assert_eq!(speech.hear(Party::Server, &server(b"211-a\r\n226 of them\r\n b\r\n")), []);
        assert_eq!(shown(&speech.hear(Party::Client, &run(false, b"NOOP\r\n"))), ["NOOP"]);
        let rest = shown(&speech.hear(Party::Server, &server(b"211 end\r\n")));
        assert_eq!(rest, ["211-a\n 226 of them\n b\n211 end"]);
    }

    #[test]
    fn a_line_that_is_no_reply_is_a_stray() {
        let runs = [run(false, b"login:\r\n220 hello\r\n")];
        assert_eq!(heard(Party::Server, &runs), ["stray login:", "220 hello"]);
    }
}
