//! What is stored is on the disk before the reply says that it is complete, where that is wanted.

use crate::raw::{Running, let_max_in};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use wharf_proto::codec::Marker;
use wharf_proto::listing::{Entry, Fact};
use wharf_proto::path::VirtualPath;
use wharf_proto::server::Fault;
use wharf_proto::time::Timestamp;
use wharf_server::accounts::Quota;
use wharf_server::storage::{
    Before, Existing, Folder, Holder, Links, Look, Source, Storage, Upload, Usage, Version, Wanted,
};

/// What was done, in order.
#[derive(Default)]
struct Log {
    done: Mutex<Vec<String>>,
    /// Whether the disk takes no bytes.
    broken: AtomicBool,
}

impl Log {
    fn note(&self, what: &str) {
        self.done.lock().unwrap().push(what.to_owned());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.done.lock().unwrap())
    }
}

/// A storage that tells what is put on the disk.
struct Watched(Arc<dyn Storage>, Arc<Log>);

/// An upload to it.
struct WatchedUpload(Box<dyn Upload>, Arc<Log>);

/// Methods that do what those of the inner one do.
macro_rules! passed_on {
    ($(fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $result:ty;)*) => {
        $(fn $name(&self $(, $argument: $type)*) -> $result {
            self.0.$name($($argument),*)
        })*
    };
}

impl Storage for Watched {
    passed_on! {
        fn facts(&self, path: &VirtualPath) -> Result<Entry, Fault>;
        fn enter(&self, path: &VirtualPath) -> Result<(), Fault>;
        fn find(&self, path: &VirtualPath) -> Result<Entry, Fault>;
        fn make_folder(&self, path: &VirtualPath, umask: Option<u32>) -> Result<(), Fault>;
        fn make_link(&self, link: &VirtualPath, target: &VirtualPath) -> Result<(), Fault>;
        fn set_modified(&self, path: &VirtualPath, time: Timestamp) -> Result<(), Fault>;
        fn set_mode(&self, path: &VirtualPath, mode: u32) -> Result<(), Fault>;
        fn set_label(&self, path: &VirtualPath, label: Fact, value: &[u8]) -> Result<(), Fault>;
        fn free(&self, path: &VirtualPath) -> Result<u64, Fault>;
        fn remove_folder(&self, path: &VirtualPath) -> Result<(), Fault>;
        fn delete(&self, path: &VirtualPath) -> Result<(), Fault>;
        fn give_up(&self, path: &VirtualPath, holder: &Holder) -> Result<(), Fault>;
        fn delete_seen(&self, path: &VirtualPath, seen: &Version) -> Result<(), Fault>;
        fn rename(&self, from: &VirtualPath, to: &VirtualPath, there: Existing) -> Result<(), Fault>;
        fn read(&self, path: &VirtualPath) -> Result<Box<dyn Source>, Fault>;
        fn read_own(&self, path: &VirtualPath, holder: &Holder) -> Result<Box<dyn Source>, Fault>;
        fn size(&self, path: &VirtualPath, holder: &Holder) -> Result<u64, Fault>;
        fn list(&self, path: &VirtualPath, look: Look) -> Result<Box<dyn Folder>, Fault>;
        fn usage(&self, go_on: &dyn Fn() -> Result<(), Fault>) -> Result<Usage, Fault>;
    }

    fn subtree(&self, folder: &VirtualPath, links: Links) -> Result<Arc<dyn Storage>, Fault> {
        Ok(Arc::new(Self(self.0.subtree(folder, links)?, Arc::clone(&self.1))))
    }

    fn write(&self, wanted: &Wanted<'_>) -> Result<Box<dyn Upload>, Fault> {
        Ok(Box::new(WatchedUpload(self.0.write(wanted)?, Arc::clone(&self.1))))
    }

    fn sync_folder(&self, path: &VirtualPath) -> Result<(), Fault> {
        self.1.note(&format!("folder {path}"));
        self.0.sync_folder(path)
    }
}

impl Upload for WatchedUpload {
    passed_on! {
        fn path(&self) -> &VirtualPath;
        fn resumes_at(&self) -> Option<Marker>;
        fn before(&self) -> Before;
        fn is_slow_to_begin(&self) -> bool;
        fn descriptor(&self) -> Option<BorrowedFd<'_>>;
    }

    fn begin(&mut self, go_on: &dyn Fn() -> Result<(), Fault>) -> Result<(), Fault> {
        self.0.begin(go_on)
    }

    fn discard(self: Box<Self>) {
        self.0.discard();
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.0.write(bytes)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.1.note("bytes");
        match self.1.broken.load(Ordering::Relaxed) {
            true => Err(Fault::Full),
            false => self.0.sync(),
        }
    }

    fn complete(self: Box<Self>) -> Result<(), Fault> {
        self.1.note("name");
        self.0.complete()
    }
}

/// A server on a watched folder. `max` has a quota, and so a view.
fn watched(sync_uploads: bool) -> (Running, Arc<Log>) {
    let log = Arc::new(Log::default());
    let server = Running::with(|config| {
        config.storage = Arc::new(Watched(Arc::clone(&config.storage), Arc::clone(&log)));
        config.sync_uploads = sync_uploads;
        let_max_in(config, Quota { bytes: Some(1 << 30), files: None });
    });
    std::fs::create_dir(server.path().join("d")).unwrap();
    (server, log)
}

#[test]
fn whatever_is_stored_is_on_the_disk_before_it_is_acknowledged_and_has_its_name_between() {
    for user in ["bob", "max"] {
        let (server, log) = watched(true);
        let mut raw = server.login(user, "secret");
        raw.command("TYPE I", 200);
        let (root, below) = (["bytes", "name", "folder /"], ["bytes", "name", "folder /d"]);
        raw.store("STOR f", b"1");
        assert_eq!(log.take(), root, "{user}");
        raw.store("APPE f", &[b'2'; 3_000_000]);
        assert_eq!(log.take(), root, "{user}");
        raw.command("REST 1", 350);
        raw.store("STOR f", b"2");
        assert_eq!(log.take(), root, "{user}");
        raw.command("CWD d", 250);
        raw.store("STOU", b"3");
        assert_eq!(log.take(), below, "{user}");
        raw.command("SITE COPY /f g", 200);
        assert_eq!(log.take(), below, "{user}");
        raw.command("COMB /d/h g", 250);
        assert_eq!(log.take(), below, "{user}");
        assert_eq!((server.read("f"), server.read("d/h")), (b"12".to_vec(), b"12".to_vec()));
    }
}

#[test]
fn nothing_waits_for_the_disk_unless_that_is_wanted() {
    let (server, log) = watched(false);
    let mut bob = server.bob();
    bob.store("STOR f", b"1");
    bob.command("SITE COPY f d/g", 200);
    bob.command("COMB f d/g", 250);
    assert_eq!(log.take(), ["name"; 3]);
}

#[test]
fn what_the_disk_does_not_take_is_refused_and_the_old_version_stays() {
    let (server, log) = watched(true);
    server.write("f", "old");
    log.broken.store(true, Ordering::Relaxed);
    let mut bob = server.bob();
    let mut data = bob.passive();
    bob.command("STOR f", 125);
    std::io::Write::write_all(&mut data, b"new").unwrap();
    drop(data);
    bob.expect(452);
    server.write("part", "more");
    bob.command("COMB f part", 550);
    assert_eq!(log.take(), ["bytes"; 2]);
    assert_eq!((server.read("f"), server.read("part")), (b"old".to_vec(), b"more".to_vec()));
    log.broken.store(false, Ordering::Relaxed);
    bob.store("APPE f", b"er");
    assert_eq!(server.read("f"), b"newer");
}
