//! One session of a faulty server: commands in, replies out.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::thread::sleep;

use wharf_proto::Command;
use wharf_proto::address::{Eprt, print_227, print_229};

use super::Fault;
use super::data::Way;
use super::server::Shared;
use crate::scripted::{PATIENCE, patient};

/// What a fault of this name says, if it is there.
macro_rules! said {
    ($session:expr, $name:ident) => {
        $session.shared.find(|fault| match fault {
            Fault::$name(said) => Some(*said),
            _ => None,
        })
    };
}
pub(super) use said;

/// A session, in a thread of its own.
pub(super) struct Session<'s> {
    pub(super) shared: &'s Shared,
    pub(super) control: TcpStream,
    lines: BufReader<TcpStream>,
    pub(super) way: Option<Way>,
    /// Where the next transfer begins.
    pub(super) offset: usize,
    renamed: Option<String>,
    /// Whether MODE B is in force.
    pub(super) blocks: bool,
    /// A reply that is to come behind the next one.
    held: Option<String>,
    /// Whether a download has begun.
    pub(super) has_sent: bool,
}

impl<'s> Session<'s> {
    /// Holds a session to its end. That the client goes away is no failure of the server.
    pub(super) fn hold(stream: TcpStream, shared: &'s Shared) {
        let count = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
        let lines = stream.try_clone().map(|stream| BufReader::new(patient(stream)));
        if let Ok(lines) = lines {
            let control = stream;
            let (way, renamed, offset) = (None, None, 0);
            let (blocks, held, has_sent) = (false, None, false);
            let mut session =
                Self { shared, control, lines, way, offset, renamed, blocks, held, has_sent };
            let _ = session.run(count);
        }
        shared.open.fetch_sub(1, Ordering::SeqCst);
    }

    fn run(&mut self, count: usize) -> io::Result<()> {
        let most = said!(self, Sessions);
        if most.is_some_and(|most| count > most) {
            return self.say("421 too many connections from you");
        }
        self.answer("welcome", "welcome", "220 ready")?;
        loop {
            let mut line = Vec::new();
            if self.lines.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let line = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
            let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
            let verb = &*verb.to_ascii_uppercase();
            let hangs_up =
                |fault: &Fault| matches!(fault, Fault::HangsUp(at) if *at == verb || *at == line);
            if self.shared.faults.iter().any(hangs_up) {
                return Ok(());
            }
            if let Some(count) = said!(self, GoesDown) {
                if verb == "RETR" && self.times("download") == count + 1 {
                    self.shared.close();
                }
                if self.shared.over.load(Ordering::SeqCst) {
                    return self.say("421 going down");
                }
            }
            self.carry_out(verb, argument, &line)?;
            if verb == "QUIT" {
                return Ok(());
            }
        }
    }

    fn carry_out(&mut self, verb: &str, argument: &str, line: &str) -> io::Result<()> {
        let argument = argument.trim_start_matches('/');
        let reply = match verb {
            "USER" => "331 password",
            "PASS" => "230 in",
            "SYST" => "215 UNIX Type: L8",
            "FEAT" => return self.features(line),
            "MODE" => {
                let taken = self.answer(verb, line, "200 ok")?;
                self.blocks = taken && argument == "B";
                return Ok(());
            }
            "TYPE" | "OPTS" | "NOOP" | "STRU" => "200 ok",
            "PWD" => "257 \"/\"",
            "CWD" | "CDUP" => "250 ok",
            "MKD" => "257 \"made\"",
            "QUIT" => "221 bye",
            "ABOR" => "226 nothing to break off",
            "MDTM" if self.shared.has(&Fault::ChangesWhileSent) && self.has_sent => {
                "213 20240501123001"
            }
            "MDTM" => "213 20240501123000",
            "SIZE" => return self.size(argument, line),
            "REST" => {
                let taken = self.answer(verb, line, "350 from there")?;
                self.offset = argument.parse().ok().filter(|_| taken).unwrap_or(0);
                return Ok(());
            }
            "DELE" | "RMD" => {
                let removed = self.files(|files| files.remove(argument).is_some());
                if removed { "250 gone" } else { "550 no such file" }
            }
            "RNFR" => {
                self.renamed = Some(argument.to_owned());
                "350 to what?"
            }
            "RNTO" => self.rename(argument),
            "EPSV" | "PASV" => return self.listen(verb, line),
            "PORT" | "EPRT" => self.aim(line),
            "RETR" | "LIST" | "NLST" | "MLSD" => return self.send(verb, argument, line),
            "STOR" | "APPE" => return self.take(verb, argument, line),
            _ => "502 not here",
        };
        self.answer(verb, line, reply).map(drop)
    }

    fn features(&mut self, line: &str) -> io::Result<()> {
        let mut rows = vec!["SIZE", "MDTM", "REST STREAM"];
        if !self.shared.has(&Fault::NoFacts) {
            rows.push("MLST type*;size*;modify*;");
        }
        for fault in &self.shared.faults {
            if let Fault::Offers(feature) = fault {
                rows.push(feature);
            }
        }
        let rows: String = rows.iter().map(|row| format!(" {row}\n")).collect();
        self.answer("FEAT", line, &format!("211-Features\n{rows}211 End")).map(drop)
    }

    fn size(&mut self, name: &str, line: &str) -> io::Result<()> {
        let told = said!(self, Size);
        let size = self.files(|files| files.get(name).map(|bytes| bytes.len() as u64));
        let reply = match size {
            None => "550 no such file".to_owned(),
            Some(size) => format!("213 {}", told.unwrap_or(size)),
        };
        self.answer("SIZE", line, &reply).map(drop)
    }

    fn rename(&mut self, to: &str) -> &'static str {
        let Some(from) = self.renamed.take() else { return "503 what?" };
        let refuses = self.shared.has(&Fault::NoRenameOver);
        self.files(|files| {
            if refuses && files.contains_key(to) {
                return "553 that name is taken";
            }
            let Some(bytes) = files.remove(&from) else { return "550 no such file" };
            files.insert(to.to_owned(), bytes);
            "250 renamed"
        })
    }

    /// Opens a port, and tells where.
    fn listen(&mut self, verb: &str, line: &str) -> io::Result<()> {
        let extended_only = self.shared.has(&Fault::ExtendedReplyToPasv);
        if verb == "EPSV" && extended_only {
            return self.answer(verb, line, "500 what?").map(drop);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let SocketAddr::V4(mut at) = listener.local_addr()? else { return Ok(()) };
        let dead = verb == "EPSV" && self.shared.has(&Fault::DeadEpsvPort);
        self.way = (!dead).then_some(Way::Passive(listener));
        if self.shared.has(&Fault::ForeignPassive) {
            at.set_ip(Ipv4Addr::new(1, 2, 3, 4));
        }
        let reply = if verb == "EPSV" || extended_only {
            format!("229 here {}", print_229(at.port()))
        } else {
            format!("227 here {}", print_227(at))
        };
        self.answer(verb, line, &reply).map(drop)
    }

    fn aim(&mut self, line: &str) -> &'static str {
        let to = match Command::parse(line.as_bytes()) {
            Ok(Command::Port(to)) => to.into(),
            Ok(Command::Eprt(Eprt::Address(to))) => to,
            _ => return "501 where?",
        };
        self.way = Some(Way::Active(to));
        "200 noted"
    }

    /// Says what the faults have for this command, or else this; tells whether it was this.
    pub(super) fn answer(&mut self, verb: &str, line: &str, reply: &str) -> io::Result<bool> {
        let delay = self.shared.find(|fault| match fault {
            Fault::Delay(of, by) if *of == verb => Some(*by),
            _ => None,
        });
        if let Some(delay) = delay {
            sleep(delay.min(PATIENCE));
        }
        for fault in &self.shared.faults {
            match fault {
                Fault::AnswersLate(of) if *of == verb && self.held.is_none() => {
                    self.held = Some(reply.to_owned());
                    return Ok(true);
                }
                Fault::Reply(to, text) if *to == verb || *to == line => {
                    return self.say(text).map(|()| false);
                }
                Fault::Few(to, text, times)
                    if (*to == verb || *to == line) && self.times(to) <= *times =>
                {
                    return self.say(text).map(|()| false);
                }
                Fault::EndlessReply(to) if *to == verb => {
                    self.say("211-it begins")?;
                    return self.endlessly(b" and goes on\r\n").map(|()| false);
                }
                Fault::EndlessLine(to) if *to == verb => {
                    return self.endlessly(b"200 and so on ").map(|()| false);
                }
                _ => {}
            }
        }
        self.say(reply).map(|()| true)
    }

    /// Sends this until the client goes away, or has had more than anybody should take.
    fn endlessly(&mut self, bytes: &[u8]) -> io::Result<()> {
        const ENOUGH: usize = 64 << 20;
        let chunk = bytes.repeat(1024);
        (0..ENOUGH / chunk.len()).try_for_each(|_| self.control.write_all(&chunk))
    }

    /// Sends a reply; each line gets its line end, all of it leaves in one segment.
    pub(super) fn say(&mut self, reply: &str) -> io::Result<()> {
        let end = if self.shared.has(&Fault::BareLf) { "\n" } else { "\r\n" };
        let held = self.held.take();
        let lines = reply.lines().chain(held.iter().flat_map(|held| held.lines()));
        let text: String = lines.map(|line| format!("{line}{end}")).collect();
        let pause = said!(self, Trickle);
        let Some(pause) = pause else { return self.control.write_all(text.as_bytes()) };
        text.as_bytes().chunks(1).try_for_each(|byte| {
            sleep(pause);
            self.control.write_all(byte)
        })
    }

    /// Counts how often something has happened on this server, this time included.
    fn times(&self, what: &'static str) -> usize {
        let mut shown = self.shared.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let count = shown.entry(what).or_default();
        *count += 1;
        *count
    }

    /// Whether this happens for the first time.
    pub(super) fn is_first(&self, what: &'static str) -> bool {
        self.times(what) == 1
    }

    pub(super) fn files<T>(
        &self,
        work: impl FnOnce(&mut std::collections::BTreeMap<String, Vec<u8>>) -> T,
    ) -> T {
        work(&mut self.shared.files.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
