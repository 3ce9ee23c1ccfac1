//! From the data connection to a local file.

use super::frame::Item;
use super::framer::Unframer;
use super::marker::Marker;
use super::text::{FromWire, Lines};
use super::{Event, Losses, NoRestart, Progress, Settings, WireError, deflate, pages, records};
use crate::Text;
use crate::params::{Mode, Representation, Structure};

/// When a push has appended so much, it leaves the rest of the wire for the next: a few bytes of
/// compressed data can be a lot of file.
const ENOUGH: usize = 1024 * 1024;

/// How many markers one push tells at most.
const MAX_EVENTS: usize = 64;

/// The bytes of a transfer to the bytes of a local file.
///
/// ```
/// use wharf_proto::codec::{Inbound, Settings};
/// use wharf_proto::params::{Mode, Representation};
///
/// let how = Representation { mode: Mode::Block, ..Representation::default() };
/// let mut file = Inbound::new(how, &Settings::default()).unwrap();
/// let (mut local, wire) = (Vec::new(), b"\x40\x00\x0aone\r\ntwo\r\nmore");
/// let progress = file.push(wire, &mut local).unwrap();
/// assert!(progress.ended && progress.consumed == 13);
/// file.finish(&mut local).unwrap();
/// assert_eq!(local, b"one\ntwo\n");
/// ```
#[derive(Debug)]
pub struct Inbound {
    body: Body,
    unframer: Unframer,
    inflate: Option<deflate::Decoder>,
    /// A record has ended.
    records: bool,
    /// How many bytes of the file have been given.
    offset: u64,
}

/// What the file is made of.
#[derive(Debug)]
enum Body {
    Bytes,
    Text(FromWire),
    /// Text whose lines are records.
    Lines(FromWire),
    Records(records::Writer),
    /// And the text of a file that was plain before it was cut into pages.
    Pages(pages::Decoder, Option<FromWire>),
}

impl Inbound {
    /// For a file, from its beginning. Nothing for a representation that is not carried out: TYPE L with
    /// another size than 8.
    pub fn new(how: Representation, settings: &Settings) -> Option<Self> {
        if !super::is_carried_out(how) {
            return None;
        }
        let text = |lines| FromWire::new(how.kind, lines, settings.code_page);
        let body = match how.structure {
            Structure::File => text(Lines::Ended).map_or(Body::Bytes, Body::Text),
            Structure::Record => {
                let records = || Body::Records(records::Writer::new());
                text(Lines::Records).map_or_else(records, Body::Lines)
            }
            Structure::Page => Body::Pages(pages::Decoder::new(), text(Lines::Ended)),
        };
        let inflate = match how.mode {
            Mode::Deflate => Some(deflate::Decoder::new()),
            Mode::Stream | Mode::Block | Mode::Compressed => None,
        };
        let unframer = Unframer::new(how);
        Some(Self { body, unframer, inflate, records: false, offset: 0 })
    }

    /// Goes on behind a place that [`Event::Marker`] gave, in a transfer that has just been made; what
    /// is given first is the byte of the file at its offset.
    ///
    /// # Errors
    /// Pages have no place to go on from.
    pub fn resume_at(&mut self, marker: Marker) -> Result<(), NoRestart> {
        let (offset, place) = (marker.offset(), marker.state());
        if offset == 0 {
            return Ok(());
        }
        match &mut self.body {
            Body::Bytes => {}
            Body::Text(text) | Body::Lines(text) => text.resume(place),
            Body::Records(writer) => *writer = records::Writer::resume(place != 0),
            Body::Pages(..) => return Err(NoRestart),
        }
        self.offset = offset;
        Ok(())
    }

    /// Appends what comes of more bytes of the transfer, if anything does. It may take fewer than it is
    /// given: when the file has ended, the rest belongs to what is next on the connection; when it has
    /// not, the file must be relieved of what was appended, and the rest be pushed then.
    ///
    /// # Errors
    /// The bytes are not what was agreed on. The transfer is at its end then; what was appended is good.
    pub fn push(&mut self, wire: &[u8], out: &mut Vec<u8>) -> Result<Progress, WireError> {
        let mut push = Push { before: out.len(), out, events: Vec::new() };
        let mut rest = wire;
        let result = match self.inflate.take() {
            None => self.unframe(&mut rest, ENOUGH, &mut push),
            Some(mut inflate) => {
                let result = self.inflate(&mut inflate, &mut rest, &mut push);
                self.inflate = Some(inflate);
                result
            }
        };
        self.flush(push.out);
        let (given, events) = (push.given(), push.events);
        self.offset += given;
        result?;
        Ok(Progress { consumed: wire.len() - rest.len(), ended: self.has_ended(), events })
    }

    /// Ends the transfer, when the file has ended or else the connection, and appends what was held.
    ///
    /// # Errors
    /// The end of the file is not proven.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WireError> {
        let unframed = self.unframer.is_done() != Some(false);
        let inflated = self.inflate.as_ref().is_none_or(deflate::Decoder::is_done);
        let paged = match &self.body {
            Body::Pages(pages, _) => pages.is_done(),
            Body::Bytes | Body::Text(_) | Body::Lines(_) | Body::Records(_) => true,
        };
        if !(unframed && inflated && paged) {
            return Err(WireError::Cut);
        }
        let before = out.len();
        match &mut self.body {
            Body::Bytes => {}
            Body::Text(text) | Body::Lines(text) => text.finish(out),
            Body::Records(writer) => writer.finish(out),
            Body::Pages(pages, text) => {
                let to_local = |wire: &[u8]| match text {
                    None => wire.to_vec(),
                    Some(text) => {
                        let mut local = Vec::new();
                        text.data(wire, &mut local);
                        text.finish(&mut local);
                        local
                    }
                };
                pages.finish(to_local, out);
            }
        }
        self.offset += (out.len() - before) as u64;
        Ok(())
    }

    /// How many bytes of the file have been given, counted from its beginning.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What could not be stored as it came.
    pub fn losses(&self) -> Losses {
        let split = match &self.body {
            Body::Lines(text) => text.split(),
            Body::Bytes | Body::Text(_) | Body::Records(_) | Body::Pages(..) => 0,
        };
        Losses { substituted: 0, assumed: 0, split }
    }

    /// Whether the file has ended, by more than the end of the connection.
    fn has_ended(&self) -> bool {
        match (&self.inflate, self.unframer.is_done(), &self.body) {
            (Some(inflate), ..) => inflate.is_done(),
            (None, Some(done), _) => done,
            (None, None, Body::Pages(pages, _)) => pages.is_done(),
            (None, None, Body::Bytes | Body::Text(_) | Body::Lines(_) | Body::Records(_)) => false,
        }
    }

    fn inflate(
        &mut self,
        inflate: &mut deflate::Decoder,
        rest: &mut &[u8],
        push: &mut Push<'_>,
    ) -> Result<(), WireError> {
        while rest.is_empty() || push.out.len() < push.before + ENOUGH {
            let Some(mut bytes) = inflate.next(rest)? else { break };
            self.unframe(&mut bytes, usize::MAX, push)?;
            if !bytes.is_empty() {
                return Err(WireError::BehindEnd);
            }
        }
        Ok(())
    }

    fn unframe(
        &mut self,
        rest: &mut &[u8],
        enough: usize,
        push: &mut Push<'_>,
    ) -> Result<(), WireError> {
        if let (Body::Pages(pages, _), None) = (&mut self.body, self.unframer.is_done()) {
            return pages.data(rest, push.out);
        }
        // What was taken off the wire has to be told, to the end of the file.
        while rest.is_empty() || push.has_room(enough) {
            let Some(item) = self.unframer.next(rest)? else { break };
            match item {
                Item::Data(data) => self.data(data, push.out)?,
                Item::Run { byte, count } => {
                    let run = [byte; 63];
                    self.data(run.get(..count).unwrap_or(&run), push.out)?;
                }
                Item::EndOfRecord => self.end_record(push.out)?,
                Item::EndOfFile { with_data } => {
                    // z/OS marks its last record so, and with TYPE E its lines even under STRU F.
                    if with_data && (self.records || !matches!(self.body, Body::Text(_))) {
                        self.end_record(push.out)?;
                    }
                }
                Item::Suspect => {
                    self.flush(push.out);
                    push.events.push(Event::Suspect { at: self.offset + push.given() })
                }
                Item::Marker(text) => {
                    self.flush(push.out);
                    let at = self.offset + push.given();
                    let here = self.place().map(|place| Marker::new(at, place));
                    push.events.push(Event::Marker { text: Text::from(text), here });
                }
            }
        }
        Ok(())
    }

    fn data(&mut self, mut data: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
        match &mut self.body {
            Body::Bytes => out.extend_from_slice(data),
            Body::Text(text) | Body::Lines(text) => text.data(data, out),
            Body::Records(writer) => writer.data(data, out)?,
            Body::Pages(pages, _) => {
                pages.data(&mut data, out)?;
                if !data.is_empty() {
                    return Err(WireError::BehindEnd);
                }
            }
        }
        Ok(())
    }

    /// Appends text that was only gathered.
    fn flush(&mut self, out: &mut Vec<u8>) {
        match &mut self.body {
            Body::Text(text) | Body::Lines(text) => text.flush(out),
            Body::Bytes | Body::Records(_) | Body::Pages(..) => {}
        }
    }

    fn end_record(&mut self, out: &mut Vec<u8>) -> Result<(), WireError> {
        self.records = true;
        match &mut self.body {
            // Records are no part of what was agreed on, and bytes have no place for them.
            Body::Bytes | Body::Pages(..) => {}
            Body::Text(text) | Body::Lines(text) => text.end_line(out),
            Body::Records(writer) => writer.end_record(out)?,
        }
        Ok(())
    }

    /// What has to be known to go on here, if that is possible.
    fn place(&self) -> Option<u8> {
        match &self.body {
            Body::Bytes => Some(0),
            Body::Text(text) | Body::Lines(text) => Some(text.place()),
            Body::Records(writer) => writer.place().map(u8::from),
            Body::Pages(..) => None,
        }
    }
}

/// What one push has appended and found.
struct Push<'a> {
    before: usize,
    out: &'a mut Vec<u8>,
    events: Vec<Event>,
}

impl Push<'_> {
    /// Whether more shall be taken: a marker has three bytes, and each waits to be answered.
    fn has_room(&self, enough: usize) -> bool {
        self.out.len() - self.before < enough && self.events.len() < MAX_EVENTS
    }

    fn given(&self) -> u64 {
        (self.out.len() - self.before) as u64
    }
}
