//! From a local file to the data connection.

use super::frame::{Item, split_front};
use super::framer::Framer;
use super::marker::{Marker, Schedule};
use super::text::{Lines, ToWire};
use super::{LocalError, Losses, NoRestart, Settings, deflate, pages, records};
use crate::params::{Mode, Representation, Structure, Type};
use memchr::memchr;

/// The bytes of a local file to the bytes of a transfer.
///
/// ```
/// use wharf_proto::codec::{Outbound, Settings};
/// use wharf_proto::params::{Mode, Representation};
///
/// let how = Representation { mode: Mode::Block, ..Representation::default() };
/// let mut file = Outbound::new(how, &Settings::default()).unwrap();
/// let mut wire = Vec::new();
/// file.push(b"one\ntwo\n", &mut wire).unwrap();
/// file.finish(&mut wire).unwrap();
/// assert_eq!(wire, b"\x40\x00\x0aone\r\ntwo\r\n");
/// ```
#[derive(Debug)]
pub struct Outbound {
    body: Body,
    framer: Framer,
    /// MODE Z: what comes of the framer is deflated.
    deflate: Option<(deflate::Encoder, Vec<u8>)>,
    schedule: Option<Schedule>,
    /// How many bytes of the file have come.
    offset: u64,
    /// Text, or pages, on the way to the framer.
    ready: Vec<u8>,
}

/// What the file is made of.
#[derive(Debug)]
enum Body {
    Bytes,
    Text(ToWire),
    /// Text whose lines are records.
    Lines(ToWire),
    Records(records::Reader),
    /// And the text before it is cut into pages.
    Pages(pages::Encoder, Option<ToWire>),
}

impl Outbound {
    /// For a file, from its beginning. Nothing for a representation that is not carried out: TYPE L with
    /// another size than 8.
    pub fn new(how: Representation, settings: &Settings) -> Option<Self> {
        if !super::is_carried_out(how) {
            return None;
        }
        let text = |lines| ToWire::new(how.kind, lines, settings.code_page);
        let body = match how.structure {
            Structure::File => text(Lines::Ended).map_or(Body::Bytes, Body::Text),
            Structure::Record => {
                let records = || Body::Records(records::Reader::new());
                text(Lines::Records).map_or_else(records, Body::Lines)
            }
            Structure::Page => Body::Pages(pages::Encoder::new(), text(Lines::Ended)),
        };
        let interval = settings.marker_interval.filter(|bytes| how.mode.is_framed() && *bytes > 0);
        let schedule = interval.map(|bytes| Schedule::new(bytes, 0));
        Some(Self { schedule, ..Self::with_body(body, how, settings) })
    }

    /// For a listing whose rows end with CRLF. It goes as text whatever the TYPE (RFC 959 section 4.1.3),
    /// without markers, and not in pages, into which only a short one would fit. Nothing where the rows go
    /// as they are.
    pub fn listing(how: Representation, settings: &Settings) -> Option<Self> {
        let kind = if how.kind.is_text() { how.kind } else { Type::default() };
        let (structure, lines, body): (_, _, fn(ToWire) -> Body) = match how.structure {
            Structure::Record => (Structure::Record, Lines::Records, Body::Lines),
            Structure::File | Structure::Page => (Structure::File, Lines::Ended, Body::Text),
        };
        let text = ToWire::new(kind, lines, settings.code_page)?.with_rows();
        let bare = (structure, how.mode) == (Structure::File, Mode::Stream);
        if bare && text.keeps_rows() {
            return None;
        }
        let how = Representation { kind, structure, mode: how.mode };
        Some(Self::with_body(body(text), how, settings))
    }

    fn with_body(body: Body, how: Representation, settings: &Settings) -> Self {
        let deflate = match how.mode {
            Mode::Deflate => Some((deflate::Encoder::new(settings.level), Vec::new())),
            Mode::Stream | Mode::Block | Mode::Compressed => None,
        };
        let framer = Framer::new(how);
        Self { body, framer, deflate, schedule: None, offset: 0, ready: Vec::new() }
    }

    /// Goes on behind a marker of ours, in a transfer that has just been made; what is pushed first is
    /// the byte of the file at its offset.
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
            Body::Records(reader) => *reader = records::Reader::resume(offset, place != 0),
            Body::Pages(..) => return Err(NoRestart),
        }
        self.offset = offset;
        if let Some(schedule) = &mut self.schedule {
            schedule.put(offset);
        }
        Ok(())
    }

    /// Appends what comes of more bytes of the file, if anything does.
    ///
    /// # Errors
    /// The file cannot be sent in this representation. The transfer is at its end then.
    pub fn push(&mut self, local: &[u8], out: &mut Vec<u8>) -> Result<(), LocalError> {
        self.through_deflate(out, |file, out| file.take(local, out))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), LocalError> {
        self.through_deflate(out, Self::end)?;
        if let Some((deflate, _)) = &mut self.deflate {
            deflate.finish(out);
        }
        Ok(())
    }

    /// How many bytes of the file have come, counted from its beginning.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What could not be sent as it is in the file.
    pub fn losses(&self) -> Losses {
        let (substituted, assumed) = match &self.body {
            Body::Text(text) | Body::Lines(text) | Body::Pages(_, Some(text)) => text.losses(),
            Body::Bytes | Body::Records(_) | Body::Pages(_, None) => (0, 0),
        };
        Losses { substituted, assumed, split: 0 }
    }

    fn through_deflate(
        &mut self,
        out: &mut Vec<u8>,
        step: impl FnOnce(&mut Self, &mut Vec<u8>) -> Result<(), LocalError>,
    ) -> Result<(), LocalError> {
        let Some((mut deflate, mut framed)) = self.deflate.take() else { return step(self, out) };
        framed.clear();
        let result = step(self, &mut framed);
        deflate.data(&framed, out);
        self.deflate = Some((deflate, framed));
        result
    }

    fn take(&mut self, local: &[u8], out: &mut Vec<u8>) -> Result<(), LocalError> {
        if let Body::Records(_) = self.body {
            return self.take_records(local, out);
        }
        let mut rest = local;
        while !rest.is_empty() {
            let cut = self.cut(rest);
            let part = split_front(&mut rest, cut.unwrap_or(usize::MAX));
            self.offset += part.len() as u64;
            self.take_part(part, out)?;
            if cut.is_some() {
                self.put_marker(out);
            }
        }
        Ok(())
    }

    /// How many bytes to take before a marker is put, if one is to be put among them. Text is cut
    /// behind a line end alone, where no codec holds anything.
    fn cut(&self, rest: &[u8]) -> Option<usize> {
        let due = self.schedule?.within(self.offset, rest.len())?;
        match &self.body {
            Body::Bytes => Some(due),
            Body::Text(_) | Body::Lines(_) => {
                let from = due.saturating_sub(1);
                let line_end = memchr(b'\n', rest.get(from..)?)?;
                Some(from + line_end + 1)
            }
            Body::Records(_) | Body::Pages(..) => None,
        }
    }

    /// Puts a marker, unless it is impossible to go on here. Then it stays due.
    fn put_marker(&mut self, out: &mut Vec<u8>) {
        let place = match &self.body {
            Body::Bytes => Some(0),
            Body::Text(text) | Body::Lines(text) => text.place(),
            Body::Records(reader) => reader.place().map(u8::from),
            Body::Pages(..) => None,
        };
        let (Some(place), Some(schedule)) = (place, &mut self.schedule) else { return };
        schedule.put(self.offset);
        let marker = Marker::new(self.offset, place);
        self.framer.marker(marker.to_string().as_bytes(), out);
    }

    fn take_part(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<(), LocalError> {
        let Self { body, framer, ready, .. } = self;
        match body {
            // These have their own way.
            Body::Records(_) => {}
            Body::Bytes => framer.data(part, out),
            Body::Text(text) => {
                if matches!(framer, Framer::Bare) {
                    text.data(part, out);
                } else {
                    ready.clear();
                    text.data(part, ready);
                    framer.data(ready, out);
                }
            }
            Body::Lines(text) if text.is_identity() => frame_lines(framer, part, b'\n', out),
            Body::Lines(text) => {
                ready.clear();
                text.data(part, ready);
                frame_lines(framer, ready, text.separator(), out);
            }
            Body::Pages(pages, text) => {
                let mut rest = part;
                let head = pages.begin(&mut rest);
                let mut paged = Vec::new();
                for bytes in [head, rest] {
                    page(pages, text.as_mut(), bytes, ready, &mut paged)?;
                }
                framer.data(&paged, out);
            }
        }
        Ok(())
    }

    /// Takes a file of records, and puts markers between them; within one that is a plain file, anywhere.
    fn take_records(&mut self, local: &[u8], out: &mut Vec<u8>) -> Result<(), LocalError> {
        let mut rest = local;
        loop {
            let Body::Records(reader) = &mut self.body else { return Ok(()) };
            let due = self.schedule.and_then(|it| it.within(self.offset, rest.len()));
            let plain = reader.place() == Some(false);
            let mut part = match due {
                Some(due) if plain && due > 0 => rest.get(..due).unwrap_or(rest),
                Some(_) | None => rest,
            };
            let before = part.len();
            let item = reader.next(&mut part)?;
            let taken = before - part.len();
            split_front(&mut rest, taken);
            self.offset += taken as u64;
            match item {
                Some(Item::Data(data)) => self.framer.data(data, out),
                Some(Item::EndOfRecord) => self.framer.end_record(out),
                // A reader has nothing else.
                Some(Item::Run { .. } | Item::Suspect | Item::Marker(_)) => {}
                Some(Item::EndOfFile { .. }) => {}
                None if rest.is_empty() => return Ok(()),
                None => {}
            }
            if self.schedule.is_some_and(|schedule| schedule.is_due(self.offset)) {
                self.put_marker(out);
            }
        }
    }

    /// Writes what is still held, and the end of the file.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), LocalError> {
        let Self { body, framer, ready, .. } = self;
        ready.clear();
        match body {
            Body::Bytes => {}
            Body::Text(text) => {
                text.finish(ready);
                framer.data(ready, out);
            }
            Body::Lines(text) => {
                text.finish(ready);
                frame_lines(framer, ready, text.separator(), out);
            }
            Body::Records(reader) => {
                let (data, ended) = reader.finish()?;
                framer.data(data, out);
                if ended {
                    framer.end_record(out);
                }
            }
            Body::Pages(pages, text) => {
                let mut paged = Vec::new();
                let head = pages.begin_at_end();
                page(pages, text.as_mut(), head, ready, &mut paged)?;
                if let Some(text) = text {
                    ready.clear();
                    text.finish(ready);
                    pages.data(ready, &mut paged)?;
                }
                pages.finish(&mut paged)?;
                framer.data(&paged, out);
            }
        }
        framer.finish(out);
        Ok(())
    }
}

/// Frames text whose lines are records. What is behind the last line end is no record yet.
fn frame_lines(framer: &mut Framer, text: &[u8], separator: u8, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr(separator, rest) {
        let line = split_front(&mut rest, at);
        split_front(&mut rest, 1);
        if rest.is_empty() {
            framer.data(line, out);
            framer.end_record(out);
        } else {
            framer.record(line, out);
        }
    }
    framer.data(rest, out);
}

/// Cuts bytes into pages, text made ready for the wire unless it is in pages already.
fn page(
    pages: &mut pages::Encoder,
    text: Option<&mut ToWire>,
    bytes: &[u8],
    ready: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<(), LocalError> {
    match text {
        Some(text) if !pages.is_paged() => {
            ready.clear();
            text.data(bytes, ready);
            pages.data(ready, out)
        }
        Some(_) | None => pages.data(bytes, out),
    }
}
