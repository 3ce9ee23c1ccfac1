//! The data plane: one transfer, from its plan to its end.
//!
//! The file or folder is opened at once. What may take long goes in steps, each a future with an outcome for
//! the machine: the data connection is opened, the bytes are moved. The session's driver polls the step and
//! feeds its outcome to the machine, so a reply that belongs between two steps is written between them. Dropping a
//! step drops the transfer: the connection is reset and an upload's bytes are kept. How connections open is
//! in `data/open.rs`; what goes out is in `data/send.rs`, what comes in in `data/receive.rs`, and both move
//! their bytes through the one door, `data/pump.rs`.

pub(crate) mod early;
pub(crate) mod open;
pub(crate) mod ports;
mod pump;
mod receive;
mod send;

pub(crate) use send::permissions_of;

use crate::archive::Archive;
use crate::deed::Moved;
use crate::rates::Brake;
use crate::storage::{Existing, Folder, Holder, Look, Storage, Wanted};
use crate::tap::Teller;
use crate::tls::SessionTls;
use crate::turns::{Kind, Turns};
use early::Early;
use open::DataConnection;
use ports::Passive;
use receive::Incoming;
use send::Outgoing;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use wharf_proto::Text;
use wharf_proto::charset::Charset;
use wharf_proto::codec::Coding;
use wharf_proto::glob::Glob;
use wharf_proto::listing::Format;
use wharf_proto::server::{
    Cannot, Ended, Fault, News, Outcome, Part, Payload, Rights, Route, StoreAt, TlsRole,
    TransferPlan,
};
use wharf_proto::verb::Right;

/// One step of a transfer, on its way.
pub(crate) type Step = Pin<Box<dyn Future<Output = Done> + Send>>;

/// A step's outcome, and the step after it unless the transfer is over.
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    pub(crate) next: Option<Step>,
    /// The data connection, where it stays open for the next transfer.
    pub(crate) kept: Option<Box<Kept>>,
    /// The passive port, when its connection has come.
    pub(crate) port: Option<Passive>,
}

/// A data connection between two transfers, in block and compressed mode.
pub(crate) struct Kept {
    data: DataConnection,
    /// What has come behind the end of the last file: the beginning of the next.
    behind: Vec<u8>,
}

/// What a session has prepared for its next data connection.
#[derive(Default)]
pub(crate) struct Prepared {
    pub(crate) listener: Option<Passive>,
    /// The same where the connection will be under TLS, and we the server there.
    pub(crate) early: Option<Box<Early>>,
    pub(crate) kept: Option<Box<Kept>>,
}

/// What a transfer needs to know of its session.
pub(crate) struct Setting {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) holder: Holder,
    pub(crate) rights: Rights,
    /// What slows down what comes from the client, and what goes to it.
    pub(crate) up: Brake,
    pub(crate) down: Brake,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    /// How many data connections the session has had.
    pub(crate) connections: Arc<AtomicU32>,
    pub(crate) teller: Teller,
    /// Bytes moved so far, for STAT and the log.
    pub(crate) moved: Arc<Moved>,
    pub(crate) idle_time: Duration,
    pub(crate) linger_time: Duration,
    pub(crate) doubt_time: Duration,
    /// Whether each segment is acknowledged by itself.
    pub(crate) quick_acks: bool,
    /// TLS of the session, where its control connection has it.
    pub(crate) tls: Option<Arc<SessionTls>>,
    /// Whether a data connection need not resume the TLS session of the control connection.
    pub(crate) any_tls_session: bool,
    /// How long a TLS handshake may take.
    pub(crate) handshake_time: Duration,
    /// How long a data connection may take to open.
    pub(crate) open_time: Duration,
    /// How long the client's own connection may take behind one that was turned away.
    pub(crate) own_time: Duration,
    /// The turns in which what is slow about uploads is done.
    pub(crate) uploads: Arc<Kind>,
    /// Whether a folder may be fetched as an archive.
    pub(crate) archives: bool,
    /// Whether an upload is put on the disk before it is said to be complete.
    pub(crate) sync_uploads: bool,
}

impl Setting {
    /// Those turns, as this client has them.
    fn turns(&self) -> Turns {
        self.uploads.of(self.client.ip())
    }
}

/// What is to be moved, opened.
enum Cargo {
    Send(Outgoing),
    Pack(Archive),
    List(Listing),
    Receive { incoming: Incoming, new_name: bool },
}

/// A folder to be listed.
struct Listing {
    folder: Box<dyn Folder>,
    format: Format,
    /// What stands before each name in NLST.
    prefix: Vec<u8>,
    /// What the names must look like.
    glob: Option<Glob>,
    charset: Charset,
}

/// Begins a transfer that has been planned: opens its file or folder, and its data connection if that is there.
pub(crate) fn begin(setting: Setting, plan: TransferPlan, ready: Prepared) -> Done {
    let how = Manner { coding: plan.coding, tls: plan.tls };
    let receives = matches!(plan.what, Payload::Store { .. });
    let cargo = match open_cargo(&setting, plan.what, plan.coding) {
        Ok(cargo) => cargo,
        // A client may have sent the bytes of a refused upload already: they must not be taken for those
        // of the next one, so the connection goes with them.
        Err(fault) if receives => return over(Ended::Failed(fault)),
        Err(fault) => return Done { kept: ready.kept, ..over(Ended::Failed(fault)) },
    };
    let news = news_of(&cargo);
    let listener = match ready.early.map(|early| *early) {
        Some(mut early) if plan.route == Route::Accept && plan.tls == Some(TlsRole::Server) => {
            // Whoever comes to the port has to prove to be the client.
            let there = early.is_open();
            let own = async move {
                let (data, port) = early.own().await?;
                let data = data.again(&setting);
                Ok((setting, data, Some(port)))
            };
            return prepared(there, news, open_step(own, cargo, how));
        }
        early => ready.listener.or_else(|| early.map(Early::into_port)),
    };
    match (plan.route, ready.kept, listener) {
        (Route::Kept, Some(kept), _) => {
            let Kept { data, behind } = *kept;
            let data = data.again(&setting);
            prepared(true, news, pump_step(setting, cargo, how, data, behind))
        }
        (Route::Kept, None, _) => over(Ended::NotOpened("the data connection is closed".into())),
        (Route::Accept, _, Some(port)) => match port.accept_waiting(&setting) {
            Some(data) => {
                let next = pump_step(setting, cargo, how, data, Vec::new());
                Done { port: Some(port), ..prepared(true, news, next) }
            }
            None => {
                let open = async move {
                    let data = port.accept(&setting).await;
                    Ok((setting, data, Some(port)))
                };
                prepared(false, news, open_step(open, cargo, how))
            }
        },
        (Route::Accept, _, None) => over(Ended::NotOpened("no listener is open".into())),
        (Route::Dial(to), ..) => {
            let open = async move {
                let data = open::dial(&setting, to).await?;
                Ok((setting, data, None))
            };
            prepared(false, news, open_step(open, cargo, how))
        }
    }
}

fn open_cargo(setting: &Setting, what: Payload, how: Coding) -> Result<Cargo, Fault> {
    match what {
        Payload::Retrieve { path, part } => {
            match (setting.storage.read(&path), Archive::wanted(&path)) {
                (Err(Fault::NotFound), Some((folder, compressed)))
                    if setting.archives && setting.rights.has(Right::List) =>
                {
                    let storage = Arc::clone(&setting.storage);
                    // Where there is no folder either, that is what is wrong.
                    let archive = Archive::open(storage, &folder, compressed);
                    let archive = archive.map_err(|fault| match fault {
                        Fault::NotAFolder => Fault::NotFound,
                        fault => fault,
                    })?;
                    if part != Part::Behind(0) {
                        return Err(Fault::Unsupported(Cannot::PartOfArchive));
                    }
                    Ok(Cargo::Pack(archive))
                }
                (source, _) => Ok(Cargo::Send(Outgoing::new(source?, part, how)?)),
            }
        }
        Payload::Store { path, at, umask } => {
            let wanted = Wanted {
                path: &path,
                at,
                holder: &setting.holder,
                umask,
                there: Existing::Replaced,
                in_one_go: false,
            };
            let new_name = at == StoreAt::NewName;
            let incoming = Incoming::new(setting.storage.write(&wanted)?, how)?;
            Ok(Cargo::Receive { incoming, new_name })
        }
        Payload::List { path, format, prefix, pattern, charset } => {
            let look = match format {
                Format::Facts(facts) => Look::Facts { details: facts.has_details() },
                Format::Unix => Look::Entries,
                Format::Names => Look::Names,
            };
            // A name that looks like a pattern is a name first.
            let (folder, prefix, glob) = match (setting.storage.list(&path, look), pattern) {
                (Err(Fault::NotFound), Some(pattern)) => {
                    let folder = setting.storage.list(&pattern.folder, look)?;
                    (folder, pattern.prefix, Some(pattern.glob))
                }
                (folder, _) => (folder?, prefix, None),
            };
            if matches!(look, Look::Facts { .. }) && !folder.is_folder() {
                return Err(Fault::NotAFolder);
            }
            // NLST of one file names it as it was asked for.
            let prefix = if folder.is_folder() { prefix } else { parent_of(prefix) };
            Ok(Cargo::List(Listing { folder, format, prefix, glob, charset }))
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

/// How the bytes go over the data connection.
#[derive(Clone, Copy)]
struct Manner {
    coding: Coding,
    /// Our part in TLS, where there is any.
    tls: Option<TlsRole>,
}

fn open_step(
    open: impl Future<Output = Result<(Setting, DataConnection, Option<Passive>), Text>>
    + Send
    + 'static,
    cargo: Cargo,
    how: Manner,
) -> Step {
    Box::pin(async move {
        match open.await {
            Ok((setting, data, port)) => {
                let next = Some(pump_step(setting, cargo, how, data, Vec::new()));
                Done { outcome: Outcome::Opened, next, kept: None, port }
            }
            Err(why) => over(Ended::NotOpened(why)),
        }
    })
}

fn pump_step(
    setting: Setting,
    cargo: Cargo,
    how: Manner,
    mut data: DataConnection,
    behind: Vec<u8>,
) -> Step {
    if let Some(role) = how.tls.filter(|_| data.tls.is_none()) {
        return Box::pin(async move {
            match data.secure(&setting, role).await {
                Ok(()) => pump_step(setting, cargo, how, data, behind).await,
                Err(why) => over(Ended::NotOpened(why)),
            }
        });
    }
    match cargo {
        Cargo::Receive { incoming, .. } => {
            receive::step(setting, how.coding, data, incoming, behind)
        }
        cargo => Box::pin(async move { send::send(&setting, cargo, how.coding, data).await }),
    }
}

fn news_of(cargo: &Cargo) -> News {
    match cargo {
        Cargo::Send(file) => News::Size(file.size()),
        Cargo::Receive { incoming, new_name: true } => News::Name(incoming.path().clone()),
        Cargo::Receive { new_name: false, .. } | Cargo::List(_) | Cargo::Pack(_) => News::None,
    }
}

fn prepared(open: bool, news: News, next: Step) -> Done {
    Done { outcome: Outcome::Prepared { open, news }, next: Some(next), kept: None, port: None }
}

fn over(ended: Ended) -> Done {
    Done { outcome: Outcome::Ended(ended), next: None, kept: None, port: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::local::LocalFolder;
    use std::time::Instant;
    use wharf_proto::tap::SessionId;

    /// What a reader from this address has, where no time is short.
    pub(super) fn setting(client: SocketAddr, taps: Arc<[Arc<dyn crate::Tap>]>) -> Setting {
        let (folder, time) = (tempfile::tempdir().unwrap(), Duration::from_secs(20));
        Setting {
            storage: Arc::new(LocalFolder::open(folder.path()).unwrap()),
            holder: Holder::new(b"x", None),
            rights: Rights::READER,
            client,
            server: ([127, 0, 0, 1], 21).into(),
            connections: Arc::default(),
            teller: Teller { session: SessionId(1), origin: Instant::now(), taps },
            moved: Arc::default(),
            up: Brake::default(),
            down: Brake::default(),
            idle_time: time,
            linger_time: Duration::ZERO,
            doubt_time: Duration::ZERO,
            tls: None,
            any_tls_session: false,
            handshake_time: time,
            open_time: time,
            own_time: Duration::ZERO,
            uploads: Arc::new(Kind::new(1, Duration::ZERO)),
            archives: false,
            sync_uploads: false,
            quick_acks: false,
        }
    }
}
