//! The modes of transmission behind one face, one for each direction.

use super::frame::Item;
use super::{WireError, block, compressed, stream};
use crate::params::{Mode, Representation, Structure, Type};

/// What frames the bytes that go out.
#[derive(Clone, Debug)]
pub(super) enum Framer {
    /// Nothing does: the end of the connection is the end of the file, or the last page is.
    Bare,
    Stream(stream::Encoder),
    Block(block::Encoder),
    Compressed(compressed::Encoder),
}

/// What takes the frames of bytes that come in apart.
#[derive(Clone, Debug)]
pub(super) enum Unframer {
    Bare,
    Stream(stream::Decoder),
    Block(block::Decoder),
    Compressed(compressed::Decoder),
}

/// The byte for which compressed mode has a string of its own.
fn filler(kind: Type) -> u8 {
    match kind {
        Type::Ascii(_) => b' ',
        Type::Ebcdic(_) => 0x40,
        Type::Image | Type::Local(_) => 0,
    }
}

/// Whether the ends of records are framed.
fn has_records(structure: Structure) -> bool {
    match structure {
        Structure::Record => true,
        Structure::File | Structure::Page => false,
    }
}

impl Framer {
    pub(super) fn new(how: Representation) -> Self {
        let records = has_records(how.structure);
        match how.mode {
            Mode::Stream | Mode::Deflate if records => Self::Stream(stream::Encoder),
            Mode::Stream | Mode::Deflate => Self::Bare,
            Mode::Block => Self::Block(block::Encoder::new(records)),
            Mode::Compressed => {
                Self::Compressed(compressed::Encoder::new(filler(how.kind), records))
            }
        }
    }

    pub(super) fn data(&mut self, data: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Bare => out.extend_from_slice(data),
            Self::Stream(encoder) => encoder.data(data, out),
            Self::Block(encoder) => encoder.data(data, out),
            Self::Compressed(encoder) => encoder.data(data, out),
        }
    }

    pub(super) fn end_record(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Bare => {}
            Self::Stream(encoder) => encoder.end_record(out),
            Self::Block(encoder) => encoder.end_record(out),
            Self::Compressed(encoder) => encoder.end_record(out),
        }
    }

    /// A record, or the end of one, of which it is known that the file goes on behind it.
    pub(super) fn record(&mut self, data: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Bare => out.extend_from_slice(data),
            Self::Stream(encoder) => {
                encoder.data(data, out);
                encoder.end_record(out);
            }
            Self::Block(encoder) => encoder.record(data, out),
            Self::Compressed(encoder) => encoder.record(data, out),
        }
    }

    pub(super) fn marker(&mut self, text: &[u8], out: &mut Vec<u8>) {
        match self {
            // There are none in stream mode (RFC 959 section 3.5).
            Self::Bare | Self::Stream(_) => {}
            Self::Block(encoder) => encoder.marker(text, out),
            Self::Compressed(encoder) => encoder.marker(text, out),
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Bare => {}
            Self::Stream(encoder) => encoder.finish(out),
            Self::Block(encoder) => encoder.finish(out),
            Self::Compressed(encoder) => encoder.finish(out),
        }
    }
}

impl Unframer {
    pub(super) fn new(how: Representation) -> Self {
        match how.mode {
            Mode::Stream | Mode::Deflate if has_records(how.structure) => {
                Self::Stream(stream::Decoder::new())
            }
            Mode::Stream | Mode::Deflate => Self::Bare,
            Mode::Block => Self::Block(block::Decoder::new()),
            Mode::Compressed => Self::Compressed(compressed::Decoder::new(filler(how.kind))),
        }
    }

    /// What is next, taken off the front of `wire`.
    pub(super) fn next<'a>(&mut self, wire: &mut &'a [u8]) -> Result<Option<Item<'a>>, WireError> {
        match self {
            Self::Bare if wire.is_empty() => Ok(None),
            Self::Bare => Ok(Some(Item::Data(std::mem::take(wire)))),
            Self::Stream(decoder) => decoder.next(wire),
            Self::Block(decoder) => decoder.next(wire),
            Self::Compressed(decoder) => decoder.next(wire),
        }
    }

    /// Whether the frames have ended the file; nothing if there are no frames.
    pub(super) fn is_done(&self) -> Option<bool> {
        match self {
            Self::Bare => None,
            Self::Stream(decoder) => Some(decoder.is_done()),
            Self::Block(decoder) => Some(decoder.is_done()),
            Self::Compressed(decoder) => Some(decoder.is_done()),
        }
    }
}
