//! The FTP client as a library: drives the client machine of wharf-proto over tokio.
//!
//! What this crate is: a [`Connection`] that sends commands and awaits their replies, a [`Session`] with
//! a typed method for each thing one does over FTP, data connections in both modes, transfers that are
//! done only when their end is proven, TLS on both connections, files fetched and stored so that they can
//! be resumed, one file over several sessions at a time, and files and trees copied between two servers.
//! What it is not: it prints nothing and asks nobody, and reads nothing from the environment but what says
//! where the system keeps the certificates that it trusts, and SSLKEYLOGFILE if that is wanted; the program
//! that uses it does.
//!
//! ```
//! # let server = wharf_testkit::faulty::Faulty::new(&[("pub/README", b"bytes")], &[]);
//! # let url = server.url("pub/README");
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(async {
//! use wharf_client::{Address, Options, Session, quiet};
//! // As `ftp://ftp.example.org/pub/README`.
//! let address: Address = url.parse().expect("a URL");
//! let mut session = Session::connect(&address.host, address.port, &Options::default()).await?;
//! session.login(&address.login()).await?;
//! session.fetch(&address.path, 0, &mut tokio::io::sink(), &mut quiet()).await?;
//! session.quit().await
//! # }).unwrap();
//! ```
//! Its `examples/` are programs to begin from: fetching a folder, keeping one in step, copying between servers. The types of
//! commands, replies, texts and times are those of [`wharf_proto`], which is [`proto`] here.
//!
//! ```text
//!   Session            typed methods                          session.rs, listing.rs, files/
//!      |  commands, replies            |  bytes
//!   Connection         connection.rs   transfer.rs  <->  data.rs
//!      |  lines                        |
//!   proto::client      tls::Stream     tls::Stream
//! ```

#![forbid(unsafe_code)]

mod connection;
mod copy;
mod data;
mod dial;
mod digest;
mod error;
mod files;
mod folder;
mod listing;
mod marks;
mod memory;
mod netrc;
mod options;
mod pool;
mod proxy;
mod remove;
mod retry;
mod session;
mod spool;
mod teller;
mod throttle;
mod tls;
mod transfer;
mod tree;
mod url;

pub use connection::Connection;
pub use copy::{
    Copied, Copier, CopyError, CopyEvent, CopyRequest, CopyWatch, Passage, Route, Side,
};
pub use data::{Setup, Way};
pub use digest::Digest;
pub use error::{Error, Exchange, Proof, Refusal};
pub use files::{
    Amount, BYTES, Fetched, Get, Pipe, Place, Put, SegmentRequest, Stored, TEXT, Verdict,
};
pub use listing::{Listing, RowWatch};
pub use memory::Memory;
pub use netrc::{Netrc, NetrcEntry, NetrcError};
pub use options::{DataAddress, Explain, Family, Options, Tap};
pub use pool::{Lent, MOST, Pool, Site, USUAL};
pub use proxy::{Gateway, Proxy, ProxyError, ProxyFault, ProxyKind};
pub use remove::Told;
pub use retry::{Backoff, Retry};
pub use session::{Features, Login, Session, Wanted};
pub use throttle::Throttle;
pub use tls::{
    CertificateFault, DataTls, Fingerprint, Identity, NotAFingerprint, Tls, TlsFault, TlsMode,
    Trust, Versions,
};
pub use transfer::{End, Progress, Transfer, Watch, quiet};
pub use tree::{
    BadPattern, Compare, Deed, Direction, Filter, Happened, Plan, Reason, Step, StepKind, Steps,
    SyncRequest, Tally, TreeRequest, TreeWatch, UnderWay,
};
pub use url::{Address, AddressError, Scheme, UrlType};
pub use wharf_proto as proto;
