//! Files of this machine: fetched and stored so that nothing half done ever passes for a file.
//!
//! A download goes to a hidden part beside its target and is renamed when it is proven complete; what a broken one leaves
//! behind is gone on with the next time (`part.rs`, `download.rs`). An upload can be gone on with where the server kept
//! what it got (`upload.rs`, `behind.rs`). That either is of the same file is found out by its last bytes (`overlap.rs`).
//! Until it is proven an upload may have a temporary name (`name.rs`). A file may come over several sessions at a time
//! (`segments.rs`), what is stored may be no file (`stream.rs`), and what is written may take each byte once (`pipe.rs`). How well the bytes of either are proven is in
//! `proof.rs`. Whole trees are not done here (`tree.rs`).

mod amount;
mod behind;
mod download;
mod name;
pub(crate) mod overlap;
mod part;
mod pipe;
mod place;
mod proof;
mod segments;
mod stream;
mod upload;

pub use amount::Amount;
pub use download::{Fetched, Get};
pub use pipe::Pipe;
pub use place::Place;
pub use proof::Verdict;
pub use segments::SegmentRequest;
pub use upload::{Put, Stored};

pub(crate) use download::system_time;
pub(crate) use name::{
    OLD_GONE, aside, is_ours, is_temporary, stepped_aside, take_name, temporary,
};
pub(crate) use part::{Part, beside, give_name, is_at};
pub(crate) use segments::Help;
pub(crate) use upload::is_same_version;

use std::io;
use std::path::Path;

use wharf_proto::params::{Format, Mode, Representation, Structure, Type};

use crate::Error;

/// A file byte by byte: TYPE I, STRU F, MODE S.
pub const BYTES: Representation =
    Representation { kind: Type::Image, structure: Structure::File, mode: Mode::Stream };

/// A file as text, whose line ends become those of the other side: TYPE A, STRU F, MODE S.
pub const TEXT: Representation = Representation { kind: Type::Ascii(Format::NonPrint), ..BYTES };

/// Names the file that could not be written.
pub(crate) fn unwritten(path: &Path) -> impl FnOnce(Error) -> Error {
    move |error| match error {
        error if overlap::is_difference(&error) => error,
        Error::Sink(source) => local("write", path)(source),
        error => error,
    }
}

/// Makes an error of a file of this machine out of what the system said.
pub(crate) fn local(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Local { doing, path: path.to_owned(), source }
}
