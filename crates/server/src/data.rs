//! The data plane: one transfer, from its plan to its end.
//!
//! A transfer goes in steps, each a future with an outcome for the machine: the file or folder is opened,
//! the data connection is opened, the bytes are moved. The session's driver polls the step and feeds its
//! outcome to the machine, so a reply that belongs between two steps is written between them. Dropping a
//! step drops the transfer: the connection is reset and an upload's bytes are kept. How connections open is
//! in `data/open.rs`; the one door by which bytes move is in `data/pump.rs`.

pub(crate) mod open;
pub(crate) mod ports;
mod pump;

pub(crate) use pump::permissions_of;

use crate::storage::{Folder, Holder, Source, Storage, Upload, Wanted};
use crate::tap::Teller;
use open::DataConnection;
use ports::Passive;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use wharf_proto::command::Range;
use wharf_proto::listing::Format;
use wharf_proto::params::Representation;
use wharf_proto::server::{
    Ended, Fault, News, Outcome, Payload, Rights, Route, StoreAt, TransferPlan,
};

/// One step of a transfer, on its way.
pub(crate) type Step = Pin<Box<dyn Future<Output = Done> + Send>>;

/// A step's outcome, and the step after it unless the transfer is over.
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    pub(crate) next: Option<Step>,
}

/// What a transfer needs to know of its session.
pub(crate) struct Setting {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) holder: Holder,
    pub(crate) rights: Rights,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    /// Counts the session's data connections from 1.
    pub(crate) conn: u32,
    pub(crate) teller: Teller,
    /// Bytes moved so far, for STAT.
    pub(crate) moved: Arc<AtomicU64>,
    pub(crate) idle_time: Duration,
    pub(crate) linger_time: Duration,
}

/// What is to be moved, opened.
enum Cargo {
    Send { source: Box<dyn Source>, range: Range },
    List { folder: Box<dyn Folder>, format: Format, prefix: Vec<u8> },
    Receive { upload: Box<dyn Upload>, new_name: bool },
}

/// A transfer that has been planned: its first step.
pub(crate) fn begin(setting: Setting, plan: TransferPlan, listener: Option<Passive>) -> Step {
    Box::pin(async move {
        let cargo = match open_cargo(&setting, plan.what) {
            Ok(cargo) => cargo,
            Err(fault) => return over(Ended::Failed(fault)),
        };
        let how = plan.representation;
        let news = news_of(&cargo);
        match (plan.route, listener) {
            (Route::Accept, Some(listener)) => match listener.accept_waiting(&setting) {
                Some(data) => prepared(true, news, pump_step(setting, cargo, how, data)),
                None => {
                    let open =
                        async move { listener.accept(&setting).await.map(|data| (setting, data)) };
                    prepared(false, news, open_step(open, cargo, how))
                }
            },
            (Route::Accept, None) => over(Ended::NotOpened("no listener is open".into())),
            (Route::Dial(to), _) => {
                let open =
                    async move { open::dial(&setting, to).await.map(|data| (setting, data)) };
                prepared(false, news, open_step(open, cargo, how))
            }
        }
    })
}

fn open_cargo(setting: &Setting, what: Payload) -> Result<Cargo, Fault> {
    match what {
        Payload::Retrieve { path, range } => {
            let source = setting.storage.read(&path)?;
            Ok(Cargo::Send { source, range })
        }
        Payload::Store { path, at, umask } => {
            let wanted = Wanted { path: &path, at, holder: &setting.holder, umask };
            let new_name = at == StoreAt::NewName;
            Ok(Cargo::Receive { upload: setting.storage.write(&wanted)?, new_name })
        }
        Payload::List { path, format, prefix } => {
            let follow = matches!(format, Format::Facts(_));
            let folder = setting.storage.list(&path, follow)?;
            if follow && !folder.is_folder() {
                return Err(Fault::NotAFolder);
            }
            // NLST of one file names it as it was asked for.
            let prefix = if folder.is_folder() { prefix } else { parent_of(prefix) };
            Ok(Cargo::List { folder, format, prefix })
        }
    }
}

/// `a/b/` is what stands before names in the folder `a/b`; the file `a/b` itself has `a/` before its name.
fn parent_of(mut prefix: Vec<u8>) -> Vec<u8> {
    prefix.pop();
    let keep = prefix.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    prefix.truncate(keep);
    prefix
}

fn open_step(
    open: impl Future<Output = Result<(Setting, DataConnection), wharf_proto::Text>> + Send + 'static,
    cargo: Cargo,
    how: Representation,
) -> Step {
    Box::pin(async move {
        match open.await {
            Ok((setting, data)) => {
                Done { outcome: Outcome::Opened, next: Some(pump_step(setting, cargo, how, data)) }
            }
            Err(why) => over(Ended::NotOpened(why)),
        }
    })
}

fn pump_step(setting: Setting, cargo: Cargo, how: Representation, data: DataConnection) -> Step {
    Box::pin(async move { over(pump::pump(&setting, cargo, how, data).await) })
}

fn news_of(cargo: &Cargo) -> News {
    match cargo {
        Cargo::Send { source, .. } => News::Size(source.size()),
        Cargo::Receive { upload, new_name: true } => News::Name(upload.path().clone()),
        Cargo::Receive { new_name: false, .. } | Cargo::List { .. } => News::None,
    }
}

fn prepared(open: bool, news: News, next: Step) -> Done {
    Done { outcome: Outcome::Prepared { open, news }, next: Some(next) }
}

fn over(ended: Ended) -> Done {
    Done { outcome: Outcome::Ended(ended), next: None }
}
