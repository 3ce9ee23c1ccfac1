//! The demo's server: a small tree of real files in a temporary folder, and ports to serve it on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wharf_proto::server::Rights;
use wharf_proto::tap::Event;
use wharf_server::storage::local::LocalFolder;
use wharf_server::{Accounts, Config, Server, Tap};

pub(super) const USER: &str = "user";
pub(super) const PASSWORD: &str = "password";
pub(super) const FOLDER: &str = "pub";
pub(super) const FILE: &str = "ship.txt";

/// What the file says: a few lines, so that their ends are converted on the way.
const TEXT: &str = "\
A ship comes in on the tide,
ties up at the wharf,
and is gone with the next.
";

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How many pairs of ports are tried when the usual ones are taken.
const TRIES: u32 = 64;

/// A running server.
pub(super) struct House {
    pub(super) address: SocketAddr,
    pub(super) events: Arc<Mutex<Vec<Event>>>,
    folder: Folder,
    stop: oneshot::Sender<()>,
    running: JoinHandle<io::Result<()>>,
}

/// A temporary folder, which goes with this, however that ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // Who clears up after an error has nobody to tell of another one.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl House {
    /// Opens the house with the file in it, on ports 21 and 20 where that is allowed and `high` does not
    /// forbid it, else on 2121 and 2120, else on any two neighbours.
    pub(super) fn open(high: bool) -> anyhow::Result<Self> {
        Self::with(
            &[(FILE, TEXT), ("tide.txt", "06:12 high\n12:31 low\n")],
            if high { &[2121] } else { &[21, 2121] },
        )
    }

    /// Opens a house with nothing in its folder, on any ports.
    pub(super) fn open_empty() -> anyhow::Result<Self> {
        Self::with(&[], &[])
    }

    fn with(files: &[(&str, &str)], usual: &[u16]) -> anyhow::Result<Self> {
        let folder = temporary_folder()?;
        let tree = folder.0.join(FOLDER);
        std::fs::create_dir(&tree).with_context(|| format!("cannot make {}", tree.display()))?;
        for (name, text) in files {
            let path = tree.join(name);
            std::fs::write(&path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let events = Arc::new(Mutex::new(Vec::new()));
        let server = bind(&folder.0, &events, usual)?;
        let (_, address) = *server.addresses().first().context("the server listens nowhere")?;
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(async { drop(stopped.await) }));
        Ok(Self { address, events, folder, stop, running })
    }

    /// The file as it is on disk.
    pub(super) fn served(&self) -> anyhow::Result<Vec<u8>> {
        let path = self.folder.0.join(FOLDER).join(FILE);
        std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Ends the server and removes the tree.
    pub(super) async fn close(self) {
        // Both can fail only if the server has ended by itself, and then there is nothing to wait for.
        let _ = self.stop.send(());
        let _ = self.running.await;
        drop(self.folder);
    }
}

fn bind(
    folder: &std::path::Path,
    events: &Arc<Mutex<Vec<Event>>>,
    usual: &[u16],
) -> anyhow::Result<Server> {
    let storage = LocalFolder::open(folder).context("cannot serve the demo's folder")?;
    let mut config = Config::new(Arc::new(storage));
    config.accounts = Accounts::new().with_user(USER, PASSWORD, Rights::WRITER);
    // The reference session ends its transfers in 250, as some hosts do.
    config.policy.complete_with_250 = true;
    config.quick_acks = true;
    let any = std::iter::repeat_n(0, TRIES as usize);
    for port in usual.iter().copied().chain(any) {
        config.listen = vec![SocketAddr::new(HERE, port)];
        let sink = Arc::clone(events);
        let tap: Arc<dyn Tap> = Arc::new(move |event: &Event| {
            sink.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        });
        let Ok(server) = Server::bind(config.clone(), vec![tap]) else { continue };
        if server.addresses().first().is_some_and(|(_, address)| is_free(address.port() - 1)) {
            return Ok(server);
        }
    }
    anyhow::bail!("no two neighbouring ports are free on {HERE}")
}

/// Whether data could come from this port.
fn is_free(port: u16) -> bool {
    std::net::TcpListener::bind(SocketAddr::new(HERE, port)).is_ok()
}

fn temporary_folder() -> anyhow::Result<Folder> {
    let base = std::env::temp_dir();
    for number in 0..1000 {
        let folder = base.join(format!("wharf-demo-{}-{number}", std::process::id()));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(Folder(folder)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot make {}", folder.display()));
            }
        }
    }
    anyhow::bail!("{} is full of folders of earlier demos", base.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_house_that_an_error_leaves_behind_leaves_no_folder() {
        let house = House::open_empty().unwrap();
        let place = house.folder.0.clone();
        assert!(place.join(FOLDER).is_dir());
        drop(house);
        assert!(!place.exists());
    }
}
