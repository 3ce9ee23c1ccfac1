//! Copies a file from one server to another, without bringing it here if they let that be:
//! `cargo run -p wharf-client --example copy -- FROM-URL TO-URL`.

#![expect(clippy::print_stdout, reason = "an example is a program")]

use std::error::Error;
use wharf_client::{Address, Copied, Copier, CopyEvent, CopyRequest, Options, Site};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let from = arguments.next().ok_or("from which URL? It looks like ftp://host/file")?;
    let to = arguments.next().ok_or("to which URL?")?;
    let copied = copy(&from, &to).await?;
    println!("{:?}, {}", copied.route, copied.verdict);
    Ok(())
}

/// Copies the file of the first URL to the second.
pub(crate) async fn copy(from: &str, to: &str) -> Result<Copied, Box<dyn Error>> {
    let (from, to): (Address, Address) = (from.parse()?, to.parse()?);
    let site = |address| Site::of(address, Options::default());
    let copier = Copier::new(site(&from), site(&to), 1);
    let mut watch = |event| {
        if let CopyEvent::Note(note) = event {
            println!("{note}");
        }
    };
    let copied = copier.copy_file(&from.path, &to.path, &CopyRequest::default(), &mut watch).await;
    copier.close().await;
    Ok(copied?)
}
