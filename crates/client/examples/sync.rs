//! Makes a folder of a server the same as one here: `cargo run -p wharf-client --example sync -- FOLDER URL`.
//! What is not here is deleted there, if that is not too much.

#![expect(clippy::print_stdout, reason = "an example is a program")]

use std::error::Error;
use std::path::Path;
use wharf_client::{Address, Direction, Happened, Options, Pool, Site, SyncRequest, Tally};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let url = arguments.next().ok_or("which URL? It looks like ftp://user:password@host/folder")?;
    let tally = sync(folder.as_ref(), &url, 100).await?;
    println!("{} stored, {} deleted, {} failed", tally.done, tally.deleted, tally.failed);
    Ok(())
}

/// Makes the folder of this URL the same as `folder`, unless more than `most` things would be deleted by that.
pub(crate) async fn sync(folder: &Path, url: &str, most: u64) -> Result<Tally, Box<dyn Error>> {
    let address: Address = url.parse()?;
    let pool = Pool::new(Site::of(&address, Options::default()), 8);
    let request = SyncRequest { delete: true, ..SyncRequest::new(Direction::Up) };
    let mut watch = |happened| match happened {
        Happened::Done { path, verdict, .. } => println!("{path}: {verdict}"),
        Happened::Failed { path, error, .. } => println!("{path}: {error}"),
        _ => {}
    };
    let plan = pool.plan_sync(folder, &address.path, &request, &mut watch).await?;
    for step in plan.steps()? {
        println!("to do: {}", step?);
    }
    if plan.deletes() > most {
        return Err(format!("{} things would be deleted", plan.deletes()).into());
    }
    let tally = pool.apply_sync(&plan, folder, &address.path, &request, &mut watch).await?;
    pool.close().await;
    Ok(tally)
}
