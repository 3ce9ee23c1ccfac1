//! Lists a folder and fetches the files in it: `cargo run -p wharf-client --example fetch -- URL [FOLDER]`.

#![expect(clippy::print_stdout, reason = "an example is a program")]

use std::error::Error;
use std::path::Path;
use wharf_client::proto::listing::{Kind, names};
use wharf_client::{Address, Get, Options, Progress, Session};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("which URL? It looks like ftp://host/folder")?;
    let folder = arguments.next().unwrap_or_else(|| ".".to_owned());
    fetch(&url, folder.as_ref()).await
}

/// Fetches the files in the folder of this URL, but not what is below it. A file that is here in part goes on from there.
pub(crate) async fn fetch(url: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let address: Address = url.parse()?;
    let options = Options::default();
    let mut session = Session::connect(&address.host, address.port, &options).await?;
    session.login(&address.login()).await?;
    if !address.path.as_bytes().is_empty() {
        session.cwd(&address.path).await?;
    }
    for entry in session.list(None).await?.entries {
        // A name from a server is not to be trusted where it becomes a path here.
        if entry.kind != Kind::File || !names::is_plain(&entry.name) {
            continue;
        }
        let name = std::str::from_utf8(&entry.name)?;
        let mut watch = |progress| {
            if let Progress::At(bytes) = progress {
                println!("{name}: {bytes} bytes");
            }
        };
        let fetched =
            session.get(&name.into(), &folder.join(name), Get::default(), &mut watch).await?;
        println!("{name}: {}", fetched.verdict());
    }
    Ok(session.quit().await?)
}
