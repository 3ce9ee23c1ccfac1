//! The client machine: which reply answers which command.
//!
//! It counts the replies that the server owes and gives each reply to the command it answers. A new command
//! is refused while a reply is owed, unless the verb is urgent (ABOR, STAT, NOOP, QUIT during a transfer):
//! so a late reply can never be taken for the answer to the next command. A driver that pipelines says so with each
//! command ([`Client::send_behind`]); from then on replies answer the commands strictly in their order. It knows
//! nothing of sockets, timers or what the commands are for; `wharf-client` drives it. RFC 959 sections 5.4 and 6.

use crate::command::{Telnet, Unsendable};
use crate::line::{Arrival, LineReader};
use crate::redact::Redactor;
use crate::reply::{Reply, ReplyError, ReplyReader};
use crate::tap::What;
use crate::verb::Gate;
use crate::{Command, Verb};
use std::collections::VecDeque;
use std::fmt;

/// The longest reply line that is read; longer ones end the session.
const LINE_CAP: usize = 16 * 1024;

/// What the machine asks of its driver, or tells it.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Write these bytes to the control connection.
    Send(Vec<u8>),
    /// A reply came.
    Reply(Answer),
    /// Tell the tap.
    Tap(What),
    /// What came is not FTP; the session cannot go on, and nothing that comes after is read.
    Broken(ReplyError),
}

/// A reply and what it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it answers.
    pub to: Asked,
    /// The reply.
    pub reply: Reply,
    /// Whether another reply to the same command follows.
    pub more: bool,
    /// Whether the verb's row allows this code.
    pub legal: bool,
}

/// What a reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The opening of the connection.
    Greeting,
    /// A command.
    Verb(Verb),
    /// A line that is no command as the table has it: any reply may be one to it.
    Line,
    /// Nothing: the server spoke unasked, as it does with 421.
    Nothing,
}

impl Asked {
    fn allows(self, code: u16) -> bool {
        match self {
            Self::Greeting => matches!(code, 120 | 220 | 421),
            // RFC 4217 and servers that demand it answer 530 before login; RFC 959 allows it to most.
            Self::Verb(verb) => {
                verb.row().allows(code) || (code == 530 && verb.row().gate == Gate::Open)
            }
            Self::Line => true,
            Self::Nothing => false,
        }
    }

    /// The same behind its preliminary reply: a command that is carried out is no longer an unknown one.
    fn allows_at_last(self, code: u16) -> bool {
        match self {
            Self::Verb(verb) => code == 421 || verb.row().replies.contains(&code),
            Self::Greeting | Self::Line | Self::Nothing => self.allows(code),
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Greeting => f.write_str("the greeting"),
            Self::Verb(verb) => verb.fmt(f),
            Self::Line => f.write_str("a line"),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

/// Why a command was not sent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// A reply to an earlier command is still owed.
    #[error("{sent} cannot be sent while {owed} is not answered")]
    ReplyOwed {
        /// What was to be sent.
        sent: Asked,
        /// What the oldest owed reply answers.
        owed: Asked,
    },
    /// The argument cannot stand in a command line.
    #[error(transparent)]
    Unsendable(#[from] Unsendable),
}

/// The client's side of a control connection.
///
/// ```
/// use wharf_proto::client::{Client, Output};
/// use wharf_proto::Command;
/// let mut client = Client::new(false);
/// client.handle_bytes(b"220 ready\r\n");
/// assert!(matches!(client.poll_output(), Some(Output::Reply(_))));
/// client.send(&Command::Noop)?;
/// assert_eq!(client.poll_output(), Some(Output::Send(b"NOOP\r\n".to_vec())));
/// # Ok::<(), wharf_proto::client::SendError>(())
/// ```
#[derive(Debug)]
pub struct Client {
    lines: LineReader,
    replies: ReplyReader,
    owed: VecDeque<Asked>,
    /// Whether the oldest of them has had its preliminary reply.
    begun: bool,
    /// Whether commands were sent one behind the other, so that nothing but their order tells whose a reply is.
    in_order: bool,
    /// What came was not FTP; nothing more is read.
    broken: bool,
    tapped: bool,
    telnet: Telnet,
    redactor: Redactor,
    out: VecDeque<Output>,
}

impl Client {
    /// A machine whose connection has just opened, so that a greeting is owed. `tapped`: whether
    /// [`Output::Tap`] is wanted.
    pub fn new(tapped: bool) -> Self {
        Self {
            lines: LineReader::new(LINE_CAP),
            replies: ReplyReader::new(),
            owed: VecDeque::from([Asked::Greeting]),
            begun: false,
            in_order: false,
            broken: false,
            tapped,
            telnet: Telnet::default(),
            redactor: Redactor::default(),
            out: VecDeque::new(),
        }
    }

    /// Sends a command, if its turn has come.
    ///
    /// # Errors
    /// [`SendError`]; the machine is unchanged then.
    pub fn send(&mut self, command: &Command) -> Result<(), SendError> {
        let verb = command.verb();
        if let Some(owed) = self.owed.front()
            && !(verb.row().urgent && self.owed.len() < 4)
        {
            return Err(SendError::ReplyOwed { sent: Asked::Verb(verb), owed: *owed });
        }
        self.in_order &= !self.owed.is_empty();
        self.put(command)
    }

    /// Sends a command although replies are owed: the server is known to take commands one behind the other. The
    /// greeting must have come, and nothing that changes who speaks or how (AUTH, CCC, REIN, USER) is to be sent so.
    ///
    /// # Errors
    /// `Unsendable`; the machine is unchanged then.
    pub fn send_behind(&mut self, command: &Command) -> Result<(), SendError> {
        self.put(command)?;
        self.in_order = true;
        Ok(())
    }

    /// From now on commands are written for a server that makes this of what has a meaning in Telnet.
    pub fn set_telnet(&mut self, telnet: Telnet) {
        self.telnet = telnet;
    }

    /// Sends a line as it is, such as a verb that a vendor has added or a known one as it was typed, if its turn has come:
    /// byte for byte but for what Telnet wants, and without a control character. Gives what its replies will answer.
    ///
    /// # Errors
    /// [`SendError`]; the machine is unchanged then.
    pub fn send_line(&mut self, line: &[u8]) -> Result<Asked, SendError> {
        if line.is_empty() || line.iter().any(u8::is_ascii_control) {
            return Err(Unsendable(line.into()).into());
        }
        let sent = Command::parse(line).map_or(Asked::Line, |command| Asked::Verb(command.verb()));
        if let Some(owed) = self.owed.front() {
            return Err(SendError::ReplyOwed { sent, owed: *owed });
        }
        self.in_order = false;
        let mut bytes = Vec::with_capacity(line.len() + 2);
        self.telnet.put(&mut bytes, line);
        bytes.extend_from_slice(b"\r\n");
        self.put_bytes(bytes, sent);
        Ok(sent)
    }

    fn put(&mut self, command: &Command) -> Result<(), SendError> {
        let bytes = command.encode_for(self.telnet)?;
        self.put_bytes(bytes, Asked::Verb(command.verb()));
        Ok(())
    }

    fn put_bytes(&mut self, bytes: Vec<u8>, asked: Asked) {
        let (shown, line) = self.redactor.command(bytes.strip_suffix(b"\r\n").unwrap_or(&bytes));
        if self.tapped {
            self.out.push_back(Output::Tap(What::Command { verb: shown, line }));
        }
        self.owed.push_back(asked);
        self.out.push_back(Output::Send(bytes));
    }

    /// Takes bytes that came over the control connection.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        self.lines.push(bytes);
        while let Some(arrival) = self.lines.next() {
            let result = match arrival {
                Arrival::Line(line) => self.replies.line(line),
                Arrival::TooLong => Err(ReplyError::TooLong),
                Arrival::Answer(refusal) => {
                    self.out.push_back(Output::Send(refusal.to_vec()));
                    Ok(None)
                }
                Arrival::Interrupt | Arrival::Mark => Ok(None),
            };
            match result {
                Ok(Some(reply)) => self.handle_reply(reply),
                Ok(None) => {}
                Err(error) => {
                    self.broken = true;
                    if let ReplyError::NotAReply(line) = &error
                        && self.tapped
                    {
                        let lines = vec![self.redactor.hide(line)];
                        self.out.push_back(Output::Tap(What::NoReply { code: None, lines }));
                    }
                    return self.out.push_back(Output::Broken(error));
                }
            }
        }
    }

    /// Takes the next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// How many replies are owed.
    pub fn owed(&self) -> usize {
        self.owed.len()
    }

    /// Whether nothing has come of a reply that is not there whole: the moment at which TLS may begin.
    pub fn is_between_replies(&self) -> bool {
        !self.broken && self.lines.buffered() == 0 && !self.replies.is_amid()
    }

    /// What has come, as it may be shown, of a reply of several lines that has not ended (RFC 959 section 4.2 has it end
    /// with its code and a space).
    pub fn unended(&self) -> Option<Reply> {
        let Reply { code, lines } = self.replies.begun()?;
        Some(Reply {
            code: *code,
            lines: lines.iter().map(|line| self.redactor.hide(line)).collect(),
        })
    }

    /// Whether the last reply to a transfer is owed.
    pub fn owes_a_transfer(&self) -> bool {
        let opens = |asked: &Asked| matches!(asked, Asked::Verb(verb) if verb.opens_transfer());
        self.owed.iter().any(opens)
    }

    /// Gives the reply to the oldest command that may get it; where none may, to the oldest, marked.
    fn handle_reply(&mut self, mut reply: Reply) {
        let code = reply.code.value();
        let shown = self.redactor.reply(&reply);
        // A refusal is for people to read, and is shown; what else comes may name a port or a path.
        if reply.code.is_refusal() {
            reply.clone_from(&shown);
        }
        if self.tapped {
            self.out.push_back(Output::Tap(What::Reply { code, lines: shown.lines }));
        }
        let fits = |(index, asked): (usize, &Asked)| match index {
            0 if self.begun => asked.allows_at_last(code),
            _ => asked.allows(code),
        };
        // What a server does not do at all (502) it says in its turn: an ABOR behind it is answered by the next.
        let in_turn = self.in_order || (code == 502 && !self.begun);
        let within = if in_turn { 1 } else { self.owed.len() };
        let fitting = self.owed.iter().enumerate().take(within).position(fits);
        // A 421 closes the connection whatever was asked; only a waiting verb makes it an answer.
        let index = fitting.or_else(|| (!self.owed.is_empty()).then_some(0));
        let more = reply.code.is_preliminary();
        if index == Some(0) {
            self.begun = more;
        }
        let to = match index {
            Some(index) if more => self.owed.get(index).copied(),
            Some(index) => self.owed.remove(index),
            None => None,
        };
        let to = to.unwrap_or(Asked::Nothing);
        self.out.push_back(Output::Reply(Answer { to, reply, more, legal: fitting.is_some() }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_repeats_the_password_is_not_repeated() {
        let mut client = Client::new(true);
        client.handle_bytes(b"220 ready\r\n");
        let pass = Command::Pass(crate::Secret::new(b"hunter2".to_vec()));
        client.send(&pass).unwrap();
        client.handle_bytes(b"530-no\r\n hunter2?\r\n530 PASS hunter2 is wrong\r\n");
        client.send(&Command::Noop).unwrap();
        client.handle_bytes(b"200 hunter2\r\n");
        let mut told = Vec::new();
        while let Some(output) = client.poll_output() {
            let is_named =
                matches!(&output, Output::Reply(answer) if answer.reply.code.is_refusal());
            let is_shown = is_named || matches!(output, Output::Tap(_));
            told.extend(is_shown.then(|| format!("{output:?}")));
        }
        assert!(told.len() > 4 && !told.iter().any(|told| told.contains("hunter2")), "{told:?}");
    }

    fn logged_in() -> Client {
        let mut client = Client::new(false);
        client.handle_bytes(b"220 ready\r\n");
        client.poll_output();
        client
    }

    fn answers(client: &mut Client, bytes: &[u8]) -> Vec<(Asked, u16, bool)> {
        client.handle_bytes(bytes);
        std::iter::from_fn(|| client.poll_output())
            .filter_map(|output| match output {
                Output::Reply(answer) => Some((answer.to, answer.reply.code.value(), answer.legal)),
                Output::Send(_) | Output::Tap(_) | Output::Broken(_) => None,
            })
            .collect()
    }

    #[test]
    fn a_command_waits_until_the_greeting_and_every_reply_has_come() {
        let mut client = Client::new(false);
        assert!(client.send(&Command::Syst).is_err());
        assert_eq!(answers(&mut client, b"120 soon\r\n220 ready\r\n").len(), 2);
        client.send(&Command::Syst).unwrap();
        assert!(client.send(&Command::Pwd).is_err());
        assert_eq!(answers(&mut client, b"215 UNIX\r\n"), [(Asked::Verb(Verb::Syst), 215, true)]);
        client.send(&Command::Pwd).unwrap();
    }

    #[test]
    fn a_line_goes_out_as_it_is_and_one_that_no_table_has_takes_any_reply() {
        let mut client = Client::new(false);
        assert!(matches!(client.send_line(b"XFROB"), Err(SendError::ReplyOwed { .. })));
        assert_eq!(answers(&mut client, b"220 ready\r\n").len(), 1);
        for bad in [&b""[..], b"XFROB a\r\nDELE x", b"X\0", b"X\x1b[2J", b"X\ta"] {
            assert!(matches!(client.send_line(bad), Err(SendError::Unsendable(_))), "{bad:?}");
        }
        for reply in [&b"299 frobbed\r\n"[..], b"350 more\r\n", b"567 no\r\n"] {
            client.send_line(b"xfrob  a \xFF").unwrap();
            assert_eq!(client.poll_output(), Some(Output::Send(b"xfrob  a \xFF\xFF\r\n".to_vec())));
            let [(Asked::Line, _, true)] = answers(&mut client, reply)[..] else { panic!() };
        }
        // What the table has goes out as it was typed as well, and its replies are those of its verb.
        for (line, verb) in [(&b"xcup "[..], Verb::Cdup), (b"ALLO 10 R 5", Verb::Allo)] {
            assert_eq!(client.send_line(line), Ok(Asked::Verb(verb)));
            assert_eq!(client.poll_output(), Some(Output::Send([line, b"\r\n"].concat())));
            assert_eq!(answers(&mut client, b"200 ok\r\n"), [(Asked::Verb(verb), 200, true)]);
        }
        client.set_telnet(Telnet::Unknown);
        client.send_line(b"\xFF").unwrap();
        assert_eq!(client.poll_output(), Some(Output::Send(b"\xFF\r\n".to_vec())));
        let got = answers(&mut client, b"150 wait\r\n226 done\r\n");
        assert_eq!(got, [(Asked::Line, 150, true), (Asked::Line, 226, true)]);
    }

    #[test]
    fn replies_to_urgent_verbs_find_them_past_a_running_transfer() {
        let mut client = logged_in();
        let (retr, stat, noop) = (Verb::Retr, Verb::Stat, Verb::Noop);
        client.send(&Command::Retr("x".into())).unwrap();
        client.send(&Command::Stat(None)).unwrap();
        client.send(&Command::Noop).unwrap();
        let got = answers(&mut client, b"150 go\r\n211-s\r\n211 e\r\n200 ok\r\n226 done\r\n");
        assert_eq!(
            got,
            [
                (Asked::Verb(retr), 150, true),
                (Asked::Verb(stat), 211, true),
                (Asked::Verb(noop), 200, true),
                (Asked::Verb(retr), 226, true),
            ]
        );
    }

    #[test]
    fn a_500_behind_a_preliminary_reply_is_for_the_verb_that_came_later() {
        let mut client = logged_in();
        client.send(&Command::Retr("x".into())).unwrap();
        answers(&mut client, b"150 go\r\n");
        client.send(&Command::Noop).unwrap();
        let got = answers(&mut client, b"500 what?\r\n226 done\r\n");
        let expected = [(Asked::Verb(Verb::Noop), 500, true), (Asked::Verb(Verb::Retr), 226, true)];
        assert_eq!(got, expected);
        client.send(&Command::Retr("x".into())).unwrap();
        assert_eq!(answers(&mut client, b"500 what?\r\n"), [(Asked::Verb(Verb::Retr), 500, true)]);
    }

    #[test]
    fn abor_takes_the_second_226_and_the_transfer_the_426() {
        let mut client = logged_in();
        client.send(&Command::Retr("x".into())).unwrap();
        client.send(&Command::Abor).unwrap();
        let got = answers(&mut client, b"426 broken off\r\n226 done\r\n");
        assert_eq!(got[0].0, Asked::Verb(Verb::Retr));
        assert_eq!(got[1].0, Asked::Verb(Verb::Abor));
        assert_eq!(client.owed(), 0);
    }

    #[test]
    fn a_transfer_that_is_not_implemented_takes_the_502_and_abor_the_reply_behind_it() {
        let mut client = logged_in();
        client.send(&Command::Appe("x".into())).unwrap();
        client.send(&Command::Abor).unwrap();
        let got = answers(&mut client, b"502 no\r\n226 nothing to break off\r\n");
        assert_eq!(got[0], (Asked::Verb(Verb::Appe), 502, false));
        assert_eq!(got[1], (Asked::Verb(Verb::Abor), 226, true));
    }

    #[test]
    fn an_unasked_421_answers_nothing_and_an_odd_code_is_marked() {
        let mut client = logged_in();
        assert_eq!(answers(&mut client, b"421 bye\r\n"), [(Asked::Nothing, 421, false)]);
        client.send(&Command::Pwd).unwrap();
        assert_eq!(answers(&mut client, b"213 96\r\n"), [(Asked::Verb(Verb::Pwd), 213, false)]);
    }

    #[test]
    fn replies_to_commands_in_a_row_answer_them_in_their_order_whatever_they_say() {
        let mut client = logged_in();
        let (retr, mlsd) = (Verb::Retr, Verb::Mlsd);
        client.send_behind(&Command::Retr("x".into())).unwrap();
        client.send_behind(&Command::Mlsd(None)).unwrap();
        client.send_behind(&Command::Retr("y".into())).unwrap();
        let got = answers(&mut client, b"501 odd\r\n150 go\r\n250 done\r\n200 what?\r\n");
        let expected = [
            (Asked::Verb(retr), 501, true),
            (Asked::Verb(mlsd), 150, true),
            (Asked::Verb(mlsd), 250, true),
            (Asked::Verb(retr), 200, false),
        ];
        assert_eq!(got, expected);
        assert_eq!(client.owed(), 0);
    }

    #[test]
    fn what_is_not_ftp_breaks_the_session() {
        let mut client = Client::new(false);
        client.handle_bytes(b"SSH-2.0-OpenSSH\r\n");
        assert!(matches!(client.poll_output(), Some(Output::Broken(ReplyError::NotAReply(_)))));
    }

    #[test]
    fn what_comes_after_what_is_not_ftp_is_not_read() {
        let mut client = Client::new(false);
        client.handle_bytes(b"SSH-2.0-OpenSSH\r\n220 ready\r\n");
        client.handle_bytes(b"220 ready\r\n");
        assert!(matches!(client.poll_output(), Some(Output::Broken(_))));
        assert_eq!(client.poll_output(), None);
    }
}
