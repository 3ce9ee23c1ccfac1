//! The FTP server: drives the server machine of `wharf-proto` over tokio.
//!
//! What it is: listeners, one task a session, the data plane, storage and accounts. What it is not: it does
//! not know what a verb means or how a reply is worded (that is `wharf-proto`), and it prints nothing.
//!
//! ```no_run
//! use wharf_proto::server::Rights;
//! use wharf_server::storage::local::LocalFolder;
//! use wharf_server::{Accounts, Config, Server};
//! # async fn run() -> std::io::Result<()> {
//! let folder = LocalFolder::open("/srv/ftp".as_ref())?;
//! let mut config = Config::new(std::sync::Arc::new(folder));
//! config.accounts = Accounts::new().with_anonymous(Rights::READER);
//! let server = Server::bind(config, Vec::new())?;
//! for (scheme, address) in server.addresses() {
//!     println!("listening on {scheme}://{address}");
//! }
//! server.run(std::future::pending()).await
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod accounts;
pub mod archive;
mod config;
mod control;
mod data;
mod deed;
pub mod descriptors;
mod digest;
mod effects;
mod guard;
mod limits;
mod listener;
mod members;
mod origin;
mod rates;
mod seldom;
pub mod storage;
mod tap;
pub mod tls;
mod turns;
mod workers;

pub use accounts::Accounts;
pub use config::{Config, Host};
pub use guard::Guarding;
pub use listener::{Scheme, Server, Serving, may_listen};
pub use origin::{Trusted, network};
pub use tap::{Log, Tap};
