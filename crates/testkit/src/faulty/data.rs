//! The transfers of a faulty server.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::sleep;

use super::Fault;
use super::session::{Session, said};
use crate::scripted::{PATIENCE, accept, patient, reset};

/// Who opens the data connection.
pub(super) enum Way {
    /// The client connects here.
    Passive(TcpListener),
    /// The client listens there.
    Active(SocketAddr),
}

impl Way {
    fn open(self) -> io::Result<TcpStream> {
        match self {
            Self::Passive(listener) => Ok(accept(&listener)),
            Self::Active(to) => TcpStream::connect_timeout(&to, PATIENCE).map(patient),
        }
    }
}

impl Session<'_> {
    /// A download or a listing.
    pub(super) fn send(&mut self, verb: &str, name: &str, line: &str) -> io::Result<()> {
        let bytes = if verb == "RETR" {
            self.files(|files| files.get(name).cloned())
        } else {
            Some(self.rows(verb, name))
        };
        let offset = std::mem::take(&mut self.offset);
        let Some(bytes) = bytes else {
            return self.answer(verb, line, "550 no such file").map(drop);
        };
        let offset = if self.shared.has(&Fault::IgnoresRest) { 0 } else { offset };
        let bytes = bytes.get(offset..).unwrap_or_default();
        let size = said!(self, SizeIn150).unwrap_or(bytes.len() as u64);
        let begins = format!("150 opening ({size} bytes)");
        let Some(way) = self.begin(verb, line, &begins)? else { return Ok(()) };
        let mut data = way.open()?;
        self.has_sent = true;
        if verb != "RETR" && self.shared.has(&Fault::EndlessListing) {
            while data
                .write_all(&b"-rw-r--r-- 1 u g 5 Nov 22 2024 endless\r\n".repeat(1000))
                .is_ok()
            {}
            return self.say("426 broken off");
        }
        if let Some(count) = said!(self, ResetsOnceAfter)
            && verb == "RETR"
            && self.is_first("reset")
        {
            data.write_all(bytes.get(..count).unwrap_or(bytes))?;
            reset(data);
            return self.say("426 the connection broke");
        }
        if let Some(count) = said!(self, LeavesAfter) {
            let (first, rest) = bytes.split_at(count.min(bytes.len()));
            data.write_all(first)?;
            self.control.shutdown(Shutdown::Both)?;
            return data.write_all(rest);
        }
        let cut = said!(self, CutAfter);
        let grown = said!(self, Grows);
        let cut = if verb == "RETR" { cut } else { self.cut_of_a_listing() };
        let bytes = bytes.get(..cut.unwrap_or(bytes.len())).unwrap_or(bytes);
        let piece = said!(self, Pieces);
        let pause = said!(self, Pauses);
        let framed = self.blocks.then(|| self.in_blocks(verb, bytes));
        let bytes = framed.as_deref().unwrap_or(bytes);
        data.set_nodelay(true)?;
        let sent = bytes.chunks(piece.unwrap_or(usize::MAX)).try_for_each(|piece| {
            sleep(pause.unwrap_or_default());
            data.write_all(piece)
        });
        let sent = sent.and_then(|()| data.write_all(&vec![b'+'; grown.unwrap_or(0)]));
        let ended = sent.and_then(|()| data.shutdown(Shutdown::Write));
        // In blocks the file has ended without the client, which keeps its side open.
        let read = match self.blocks {
            true => ended.map(|()| 0),
            false => ended.and_then(|()| data.read(&mut [0])),
        };
        drop(data);
        if read.is_err() { self.say("426 broken off") } else { self.done() }
    }

    /// After how many bytes a listing ends, if not at its end.
    fn cut_of_a_listing(&self) -> Option<usize> {
        let (always, one) = (said!(self, CutsListings), said!(self, CutsOneListing));
        always.or_else(|| one.filter(|_| self.is_first("a listing")))
    }

    /// These bytes as they go in block mode, or what goes in their place (RFC 959 section 3.4.2).
    fn in_blocks(&self, verb: &str, bytes: &[u8]) -> Vec<u8> {
        const END: u8 = 64;
        let wrong = said!(self, Blocks);
        if let Some(wrong) = wrong.filter(|_| verb == "RETR") {
            return wrong.to_vec();
        }
        let block = |codes, bytes: &[u8]| {
            let [high, low] = u16::try_from(bytes.len()).unwrap_or(0).to_be_bytes();
            [&[codes, high, low], bytes].concat()
        };
        let blocks = bytes.chunks(4096).flat_map(|bytes| block(0, bytes));
        blocks.chain(block(END, b"")).collect()
    }

    /// An upload.
    pub(super) fn take(&mut self, verb: &str, name: &str, line: &str) -> io::Result<()> {
        let offset = std::mem::take(&mut self.offset);
        let Some(way) = self.begin(verb, line, "150 go on")? else { return Ok(()) };
        let mut data = way.open()?;
        let stops = |fault: &Fault| match fault {
            Fault::StopsReading(count, says) => Some((*count, *says)),
            _ => None,
        };
        if let Some((count, says)) = self.shared.find(stops) {
            data.read_exact(&mut vec![0; count])?;
            return self.say(says);
        }
        let mut bytes = Vec::new();
        let read = data.read_to_end(&mut bytes);
        drop(data);
        let zeros = self.shared.has(&Fault::ZeroFills);
        if !self.shared.has(&Fault::Forgets) {
            self.files(|files| {
                let file = files.entry(name.to_owned()).or_default();
                if verb == "STOR" {
                    file.truncate(if zeros { 0 } else { offset });
                    file.resize(offset, 0);
                }
                file.extend_from_slice(&bytes);
            });
        }
        if read.is_err() { self.say("426 broken off") } else { self.done() }
    }

    /// What comes before the data; gives how to open the connection, if there is to be one.
    fn begin(&mut self, verb: &str, line: &str, begins: &str) -> io::Result<Option<Way>> {
        let Some(way) = self.way.take() else {
            self.say("425 no way to go")?;
            return Ok(None);
        };
        if matches!(way, Way::Active(_)) && self.shared.has(&Fault::NeverConnects) {
            self.say(begins)?;
            return Ok(None);
        }
        let refusal = said!(self, NoData);
        if let Some(says) = refusal {
            // The port stays open, and nobody comes.
            self.way = Some(way);
            self.say(says)?;
            return Ok(None);
        }
        if self.shared.has(&Fault::DoneBeforeData) {
            self.say(&format!("{begins}\n226 done"))?;
        } else if !self.answer(verb, line, begins)? {
            return Ok(None);
        }
        Ok(Some(way))
    }

    /// The last reply to a transfer.
    fn done(&mut self) -> io::Result<()> {
        if self.shared.has(&Fault::DoneBeforeData) || self.shared.has(&Fault::NoFinalReply) {
            return Ok(());
        }
        let late = said!(self, LateFinalReply);
        sleep(late.unwrap_or_default().min(PATIENCE));
        self.say("226 done")
    }

    /// The rows of a listing, as this verb has them.
    fn rows(&self, verb: &str, argument: &str) -> Vec<u8> {
        let (hides, all) = (self.shared.has(&Fault::HidesDots), argument == "-a");
        if all && self.shared.has(&Fault::NoFlags) {
            return Vec::new();
        }
        let rows = said!(self, Rows);
        if let Some(rows) = rows {
            return rows.iter().flat_map(|row| [row, &b"\r\n"[..]].concat()).collect();
        }
        self.files(|files| {
            let row = |(name, bytes): (&String, &Vec<u8>)| match verb {
                "MLSD" => {
                    format!("type=file;size={};modify=20240501123000; {name}\r\n", bytes.len())
                }
                "NLST" => format!("{name}\r\n"),
                _ => format!("-rw-r--r-- 1 u g {} May 1 2024 {name}\r\n", bytes.len()),
            };
            let itself = if hides && all { "drwxr-xr-x 2 u g 0 May 1 2024 .\r\n" } else { "" };
            let shown = |name: &str| !hides || all || !name.starts_with('.');
            let rows = files.iter().filter(|(name, _)| shown(name)).map(row).collect::<String>();
            [itself, &rows].concat().into_bytes()
        })
    }
}
