//! A whole FTP server in a few lines: `cargo run -p wharf-server --example serve -- FOLDER [ADDRESS]`.

#![expect(clippy::print_stdout, reason = "an example is a program")]

use std::sync::Arc;
use wharf_proto::server::Rights;
use wharf_server::storage::local::LocalFolder;
use wharf_server::{Accounts, Config, Server};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".to_owned());
    let mut config = Config::new(Arc::new(LocalFolder::open(folder.as_ref())?));
    if let Some(address) = arguments.next() {
        let address = address.parse().map_err(std::io::Error::other)?;
        config.listen = vec![address];
    }
    config.accounts = Accounts::new().with_anonymous(Rights::WRITER);
    let server = Server::bind(config, Vec::new())?;
    for (scheme, address) in server.addresses() {
        println!("listening on {scheme}://{address}");
    }
    server.run(std::future::pending()).await
}
