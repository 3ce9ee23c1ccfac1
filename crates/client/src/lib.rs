//! The FTP client as a library: drives the client machine of wharf-proto over tokio.
//!
//! What this crate is: a [`Connection`] that sends commands and awaits their replies, a [`Session`] with
//! a typed method for each thing one does over FTP, data connections in both modes, transfers that are
//! done only when their end is proven, and files fetched and stored so that they can be resumed. What it
//! is not: it prints nothing, reads no environment and asks nobody; the program that uses it does.
//!
//! ```no_run
//! # async fn example() -> Result<(), wharf_client::Error> {
//! use wharf_client::{Address, Options, Session, quiet};
//! let address: Address = "ftp://ftp.example.org/pub/README".parse().expect("a URL");
//! let mut session = Session::connect(&address.host, address.port, &Options::default()).await?;
//! session.login(&address.login()).await?;
//! session.fetch(&address.path, 0, &mut tokio::io::sink(), &mut quiet()).await?;
//! session.quit().await
//! # }
//! ```
//!
//! ```text
//!   Session            typed methods                          session.rs, listing.rs, files/
//!      |  commands, replies            |  bytes
//!   Connection         control.rs      transfer.rs  <->  data.rs
//!      |  lines                        |
//!   proto::client      TcpStream       TcpStream
//! ```

#![forbid(unsafe_code)]

mod connection;
mod data;
mod dial;
mod error;
mod files;
mod listing;
mod options;
mod session;
mod teller;
mod transfer;
mod url;

pub use connection::Connection;
pub use data::Way;
pub use error::{Error, Exchange, Proof};
pub use files::{Fetched, Get, Put, Stored};
pub use listing::Listing;
pub use options::{Options, Tap};
pub use session::{Features, Login, Session, Wanted};
pub use transfer::{Progress, Transfer, Watch, quiet};
pub use url::{Address, AddressError, UrlType};
