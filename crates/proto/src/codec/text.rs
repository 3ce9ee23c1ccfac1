//! Text between the disk and the wire: the steps of TYPE A and E with their format controls, one behind
//! the other.
//!
//! ```text
//! disk ─▶ (rows of a listing: CRLF to LF) ─▶ (FORMAT C: a column of controls) ─▶ code and line ends ─▶ wire
//! disk ◀───────────────────────────────────── (FORMAT C: moves of the paper) ◀── code and line ends ◀─ wire
//! ```
//!
//! FORMAT T needs no step of its own. Its format effectors, CR, LF, VT and FF (NL in EBCDIC), are characters
//! in our files too, so that what is stored can be printed; CRLF there as elsewhere ends a line.

use super::carriage::{self, Place};
use super::ebcdic::{self, CodePage};
use crate::ascii;
use crate::params::{Format, Type};
use memchr::memchr_iter;

const LF: u8 = b'\n';
const CR: u8 = b'\r';

/// NL in EBCDIC.
const NL: u8 = 0x15;

/// How lines end on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// As the TYPE has it: CRLF or NL.
    Ended,
    /// They are records, and a single LF or NL only separates them on the way.
    Records,
}

/// Text from the disk to the wire.
#[derive(Clone, Debug)]
pub(super) struct ToWire {
    rows: Option<ascii::Decoder>,
    carriage: Option<carriage::Encoder>,
    code: Encoder,
    /// The last byte that `carriage` gave to the code is a CR, which matters for what it gives next.
    after_cr: bool,
    /// What comes of `rows` and of `carriage`.
    steps: [Vec<u8>; 2],
}

#[derive(Clone, Debug)]
enum Encoder {
    Crlf(ascii::Encoder),
    Bytes,
    Ebcdic(ebcdic::Encoder),
}

impl Encoder {
    fn encode(&mut self, text: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Crlf(encoder) => encoder.encode(text, out),
            Self::Bytes => out.extend_from_slice(text),
            Self::Ebcdic(encoder) => encoder.encode(text, out),
        }
    }
}

/// The format control of a text TYPE, and whether it is EBCDIC.
fn parts(kind: Type) -> Option<(Format, bool)> {
    match kind {
        Type::Ascii(format) => Some((format, false)),
        Type::Ebcdic(format) => Some((format, true)),
        Type::Image | Type::Local(_) => None,
    }
}

fn has_carriage(format: Format) -> bool {
    match format {
        Format::Carriage => true,
        Format::NonPrint | Format::Telnet => false,
    }
}

impl ToWire {
    /// The steps for a TYPE; none if it is not for text.
    pub(super) fn new(kind: Type, lines: Lines, page: CodePage) -> Option<Self> {
        let (format, ebcdic) = parts(kind)?;
        let code = match lines {
            _ if ebcdic => Encoder::Ebcdic(ebcdic::Encoder::new(page)),
            Lines::Ended => Encoder::Crlf(ascii::Encoder::new()),
            Lines::Records => Encoder::Bytes,
        };
        let carriage = has_carriage(format).then(carriage::Encoder::new);
        Some(Self { rows: None, carriage, code, after_cr: false, steps: Default::default() })
    }

    /// The lines of the text end with CRLF already.
    #[must_use]
    pub(super) fn with_rows(self) -> Self {
        Self { rows: (!self.keeps_rows()).then(ascii::Decoder::new), ..self }
    }

    /// Whether lines that end with CRLF already go as they are: the code of TYPE A leaves them.
    pub(super) fn keeps_rows(&self) -> bool {
        self.carriage.is_none() && matches!(self.code, Encoder::Crlf(_))
    }

    /// What goes into the text as a record goes out as it is.
    pub(super) fn is_identity(&self) -> bool {
        self.rows.is_none() && self.carriage.is_none() && matches!(self.code, Encoder::Bytes)
    }

    /// What separates the lines when they are records.
    pub(super) fn separator(&self) -> u8 {
        match self.code {
            Encoder::Crlf(_) | Encoder::Bytes => LF,
            Encoder::Ebcdic(_) => NL,
        }
    }

    /// Appends the next part of the text.
    pub(super) fn data(&mut self, local: &[u8], out: &mut Vec<u8>) {
        let [rows, moves] = &mut self.steps;
        let mut text = local;
        if let Some(step) = &mut self.rows {
            rows.clear();
            step.decode(text, rows);
            text = rows;
        }
        if let Some(step) = &mut self.carriage {
            moves.clear();
            step.encode(text, moves);
            text = moves;
            self.after_cr = text.last().map_or(self.after_cr, |byte| *byte == CR);
        }
        self.code.encode(text, out);
    }

    /// Appends what is still held when the text has ended.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(mut step) = self.rows.take() {
            let mut last = Vec::new();
            step.finish(&mut last);
            self.data(&last, out);
        }
        if let Some(step) = self.carriage.take() {
            let mut last = Vec::new();
            step.finish(&mut last);
            self.code.encode(&last, out);
        }
        if let Encoder::Ebcdic(encoder) = &mut self.code {
            encoder.finish(out);
        }
    }

    /// What has to be known to go on behind a line end, if that is possible there.
    pub(super) fn place(&self) -> Option<u8> {
        let clear = match &self.code {
            Encoder::Crlf(_) | Encoder::Bytes => !self.after_cr,
            Encoder::Ebcdic(encoder) => encoder.is_clear(),
        };
        self.carriage.map_or(Some(0), |step| step.place()).filter(|_| clear)
    }

    /// Goes on where [`place`](Self::place) was asked.
    pub(super) fn resume(&mut self, place: u8) {
        if let Some(step) = &mut self.carriage {
            *step = carriage::Encoder::resume(place);
        }
    }

    /// Characters that were not in the code page, and bytes that were not UTF-8.
    pub(super) fn losses(&self) -> (u64, u64) {
        match &self.code {
            Encoder::Crlf(_) | Encoder::Bytes => (0, 0),
            Encoder::Ebcdic(encoder) => (encoder.substituted(), encoder.assumed()),
        }
    }
}

/// Text from the wire to the disk.
#[derive(Clone, Debug)]
pub(super) struct FromWire {
    code: Decoder,
    carriage: Option<carriage::Decoder>,
    /// Small parts of the text, which go through the steps together.
    gathered: Vec<u8>,
    /// What comes of `code`.
    step: Vec<u8>,
    /// How many records have ended in what is gathered.
    ended: u64,
    /// Line ends within records.
    split: u64,
}

/// Parts of less than this are gathered.
const SMALL: usize = 1024;

/// So much is gathered.
const GATHERED: usize = 16 * 1024;

#[derive(Clone, Debug)]
enum Decoder {
    /// And whether the last byte was a CR, which the step then holds.
    Crlf(ascii::Decoder, bool),
    Bytes,
    /// And whether lines are records.
    Ebcdic(CodePage, Lines),
}

impl Decoder {
    /// What stands between two records while they are gathered; nothing if lines are no records.
    fn separator(&self) -> Option<u8> {
        match self {
            Self::Bytes => Some(LF),
            Self::Ebcdic(_, Lines::Records) => Some(NL),
            Self::Crlf(..) | Self::Ebcdic(_, Lines::Ended) => None,
        }
    }
}

impl FromWire {
    /// The steps for a TYPE; none if it is not for text.
    pub(super) fn new(kind: Type, lines: Lines, page: CodePage) -> Option<Self> {
        let (format, ebcdic) = parts(kind)?;
        let code = match lines {
            _ if ebcdic => Decoder::Ebcdic(page, lines),
            Lines::Ended => Decoder::Crlf(ascii::Decoder::new(), false),
            Lines::Records => Decoder::Bytes,
        };
        let carriage = has_carriage(format).then(carriage::Decoder::default);
        let [gathered, step] = [Vec::new(), Vec::new()];
        Some(Self { code, carriage, gathered, step, ended: 0, split: 0 })
    }

    /// Takes the next part of the text. It is appended at once, or by [`flush`](Self::flush).
    pub(super) fn data(&mut self, wire: &[u8], out: &mut Vec<u8>) {
        if wire.len() >= SMALL && self.gathered.is_empty() {
            return self.translate(wire, out);
        }
        self.gathered.extend_from_slice(wire);
        if self.gathered.len() >= GATHERED {
            self.flush(out);
        }
    }

    /// Ends a line for which nothing stands in the text: a record.
    pub(super) fn end_line(&mut self, out: &mut Vec<u8>) {
        if let Some(separator) = self.code.separator() {
            self.ended += 1;
            return self.data(&[separator], out);
        }
        self.flush(out);
        self.release(out);
        match &mut self.carriage {
            Some(step) => step.decode(b"\n", out),
            None => out.push(LF),
        }
    }

    /// Appends what was gathered.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) {
        let mut gathered = std::mem::take(&mut self.gathered);
        self.translate(&gathered, out);
        gathered.clear();
        self.gathered = gathered;
    }

    /// Appends what is still held when the text has ended.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.flush(out);
        self.release(out);
        if let Some(step) = self.carriage {
            step.finish(out);
        }
    }

    fn translate(&mut self, wire: &[u8], out: &mut Vec<u8>) {
        let Some(&last) = wire.last() else { return };
        if let Some(separator) = self.code.separator() {
            let line_ends = memchr_iter(separator, wire).count() as u64;
            self.split += line_ends - std::mem::take(&mut self.ended);
        }
        self.step.clear();
        let to = if self.carriage.is_some() { &mut self.step } else { &mut *out };
        match &mut self.code {
            Decoder::Crlf(decoder, held) => {
                decoder.decode(wire, to);
                *held = last == CR;
            }
            Decoder::Bytes => to.extend_from_slice(wire),
            Decoder::Ebcdic(page, _) => ebcdic::decode(*page, wire, to),
        }
        if let Some(step) = &mut self.carriage {
            step.decode(&self.step, out);
        }
    }

    /// Appends a CR that was held.
    fn release(&mut self, out: &mut Vec<u8>) {
        if let Decoder::Crlf(decoder, held) = &mut self.code {
            self.step.clear();
            decoder.finish(&mut self.step);
            *held = false;
            match &mut self.carriage {
                Some(step) => step.decode(&self.step, out),
                None => out.append(&mut self.step),
            }
        }
    }

    /// What has to be known to go on here, when nothing is gathered.
    pub(super) fn place(&self) -> u8 {
        let held = match self.code {
            Decoder::Crlf(_, held) => held,
            Decoder::Bytes | Decoder::Ebcdic(..) => false,
        };
        let place = self.carriage.as_ref().map_or(0, |step| match step.place() {
            Place::Beginning => 0,
            Place::Between => 2,
            Place::Line => 4,
        });
        place | u8::from(held)
    }

    /// Goes on where [`place`](Self::place) was asked.
    pub(super) fn resume(&mut self, place: u8) {
        if let Decoder::Crlf(decoder, held) = &mut self.code
            && place & 1 != 0
        {
            decoder.decode(b"\r", &mut self.step);
            *held = true;
        }
        if let Some(step) = &mut self.carriage {
            *step = carriage::Decoder::new(match place & 6 {
                0 => Place::Beginning,
                2 => Place::Between,
                _ => Place::Line,
            });
        }
    }

    /// How many line ends there were within records.
    pub(super) fn split(&self) -> u64 {
        self.split
    }
}
