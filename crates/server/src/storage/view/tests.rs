//! The view over local folders: what is seen, what is refused, and what is booked.

use super::*;
use crate::accounts::{Quota, Rule};
use crate::storage::local::LocalFolder;
use crate::turns::{Turns, Waiter};
use rustix::fs::{CWD, RenameFlags};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tempfile::TempDir;
use wharf_proto::server::Account;

const WRITE: Rights = Rights::of(Right::Write);

fn path(text: &str) -> VirtualPath {
    VirtualPath::root().join(text.as_bytes()).unwrap()
}

fn member(rights: Rights) -> Member {
    Member::new(Account::new("bob".into(), rights))
}

fn rule(beneath: &str, rights: Rights) -> Rule {
    Rule { beneath: path(beneath), rights }
}

fn folder(at: &str, real: &Path) -> Mount {
    Mount { at: path(at), what: Mounted::Folder(real.into()) }
}

fn served(tree: &TempDir) -> Arc<dyn Storage> {
    Arc::new(LocalFolder::open(tree.path()).unwrap())
}

fn view(member: &Member, tree: &TempDir) -> Arc<dyn Storage> {
    View::of(member, &served(tree), None).unwrap()
}

/// A view with a ledger in which everything has been counted.
fn metered(quota: Quota, tree: &TempDir) -> (Arc<dyn Storage>, Arc<Ledger>) {
    let ledger = Arc::new(Ledger::default());
    ledger.allow(quota);
    let member = Member { quota, ..member(Rights::WRITER) };
    let view = View::of(&member, &served(tree), Some(Arc::clone(&ledger))).unwrap();
    let (waiter, counted) = (Waiter::default(), Arc::clone(&view));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(ledger.count(Turns::new(1), counted, waiter.awaited()));
    (view, ledger)
}

fn bytes(most: u64) -> Quota {
    Quota { bytes: Some(most), files: None }
}

fn open(tree: &dyn Storage, name: &str, at: StoreAt) -> Result<Box<dyn Upload>, Fault> {
    let (path, holder) = (path(name), Holder::new(b"bob", None));
    let there = Existing::Replaced;
    tree.write(&Wanted { path: &path, at, holder: &holder, umask: None, there, in_one_go: false })
}

fn store(tree: &dyn Storage, name: &str, content: &[u8]) -> Result<(), Fault> {
    let mut upload = open(tree, name, StoreAt::Start)?;
    for piece in content.chunks(1000) {
        upload.write(piece)?;
    }
    upload.complete()
}

fn names(tree: &dyn Storage, name: &str) -> Vec<String> {
    let mut folder = tree.list(&path(name), Look::default()).unwrap();
    let mut names = Vec::new();
    let mut look = |entry: &wharf_proto::listing::EntryRef<'_>| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
    };
    while folder.read(&mut look).unwrap() {}
    names.sort();
    names
}

#[test]
fn who_is_held_to_nothing_has_the_served_tree_itself() {
    let tree = tempfile::tempdir().unwrap();
    let served = served(&tree);
    let is_served =
        |member: &Member| Arc::ptr_eq(&View::of(member, &served, None).unwrap(), &served);
    assert!(is_served(&member(Rights::WRITER)) && is_served(&member(Rights::READER)));
    assert!(!is_served(&member(WRITE)));
    let rules = vec![rule("/a", Rights::READER)];
    assert!(!is_served(&Member { rules, ..member(Rights::WRITER) }));
}

#[test]
fn mounts_are_folders_that_are_listed_entered_and_never_taken_away() {
    let (tree, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir_all(tree.path().join("pub/in")).unwrap();
    std::fs::create_dir_all(tree.path().join("a")).unwrap();
    std::fs::write(tree.path().join("pub/in/shared"), "s").unwrap();
    std::fs::write(tree.path().join("hidden"), "covered by a mount").unwrap();
    std::fs::write(home.path().join("mine"), "m").unwrap();
    let mounts = vec![
        folder("/", home.path()),
        Mount { at: path("/far/pub"), what: Mounted::Served(path("/pub")) },
        Mount { at: path("/mine"), what: Mounted::Served(path("/a")) },
        folder("/gone", Path::new("/nonexistent/wharf")),
    ];
    let view = view(&Member { mounts, ..member(Rights::WRITER) }, &tree);
    let view = &*view;
    assert_eq!(names(view, "/"), ["far", "gone", "mine"]);
    assert_eq!(names(view, "/far"), ["pub"]);
    assert_eq!(names(view, "/far/pub/in"), ["shared"]);
    assert_eq!(names(view, "/mine"), [""; 0]);
    for way in ["/", "/far", "/far/pub", "/far/pub/in", "/mine"] {
        assert_eq!(view.enter(&path(way)), Ok(()), "{way}");
        assert_eq!(view.facts(&path(way)).unwrap().kind, Kind::Folder, "{way}");
    }
    assert_eq!(view.enter(&path("/gone")), Err(Fault::NotFound));
    for way in ["/", "/far", "/far/pub", "/mine"] {
        assert_eq!(view.remove_folder(&path(way)), Err(Fault::Denied), "{way}");
        assert_eq!(view.delete(&path(way)), Err(Fault::Denied), "{way}");
        assert_eq!(view.find(&path(way)), Err(Fault::Denied), "{way}");
        let there = Existing::Replaced;
        assert_eq!(view.rename(&path(way), &path("/x"), there), Err(Fault::Denied), "{way}");
        assert_eq!(view.rename(&path("/far/pub/in"), &path(way), there), Err(Fault::Denied));
        assert_eq!(store(view, way, b"x"), Err(Fault::NotAFile), "{way}");
        assert_eq!(view.make_folder(&path(way), None), Err(Fault::Exists), "{way}");
    }
    assert_eq!(store(view, "/far/pub/new", b"x"), Ok(()));
    assert_eq!(std::fs::read(tree.path().join("pub/new")).unwrap(), b"x");
    let upload = open(view, "/far/pub/report", StoreAt::NewName).unwrap();
    assert!(upload.path().to_string().starts_with("/far/pub/report."));
}

#[test]
fn s05_between_trees_nothing_is_renamed_or_linked_and_no_link_leads_out_of_a_mount() {
    let (tree, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(tree.path().join("pub")).unwrap();
    std::fs::write(tree.path().join("secret"), "s").unwrap();
    std::os::unix::fs::symlink("../secret", tree.path().join("pub/up")).unwrap();
    std::fs::write(home.path().join("f"), "f").unwrap();
    let pub_mount = Mount { at: path("/pub"), what: Mounted::Served(path("/pub")) };
    let mounts = vec![folder("/", home.path()), pub_mount];
    let view = view(&Member { mounts, ..member(Rights::WRITER) }, &tree);
    let between = Err(Fault::Unsupported(Cannot::BetweenTrees));
    assert_eq!(view.rename(&path("/f"), &path("/pub/f"), Existing::Replaced), between);
    assert_eq!(view.make_link(&path("/pub/l"), &path("/f")), between);
    assert_eq!(view.read(&path("/pub/up")).err(), Some(Fault::Denied));
    assert_eq!(std::fs::read(home.path().join("f")).unwrap(), b"f");
}

#[test]
fn s06_no_rename_and_no_link_gives_more_than_there_was_under_the_old_name() {
    let tree = tempfile::tempdir().unwrap();
    for folder in ["open/sub", "box/sub", "house"] {
        std::fs::create_dir_all(tree.path().join(folder)).unwrap();
    }
    std::fs::write(tree.path().join("box/f"), "secret").unwrap();
    std::fs::write(tree.path().join("open/f"), "open").unwrap();
    std::os::unix::fs::symlink("../box/f", tree.path().join("open/link")).unwrap();
    let drop_box = WRITE.with(Right::Rename);
    let rules = vec![rule("/box", drop_box), rule("/house/inner", Rights::NONE)];
    let view = view(&Member { rules, ..member(Rights::WRITER) }, &tree);
    let rename = |from, to| view.rename(&path(from), &path(to), Existing::Replaced);
    assert_eq!(rename("/box/f", "/open/g"), Err(Fault::Denied));
    assert_eq!(rename("/box/sub", "/open/g"), Err(Fault::Denied));
    assert_eq!(rename("/house", "/open/g"), Err(Fault::Denied));
    assert_eq!(rename("/open/f", "/box/f"), Err(Fault::Exists), "a drop box replaces nothing");
    assert_eq!(rename("/open/f", "/box/g"), Ok(()), "what is handed in may be handed in");
    assert_eq!(view.read(&path("/open/link")).err(), Some(Fault::Denied));
    let link = view.make_link(&path("/open/l"), &path("/open/sub"));
    assert_eq!(link, Err(Fault::Unsupported(Cannot::Storage)));
    assert_eq!(names(&*view, "/house"), [""; 0]);
}

#[test]
fn s24_an_overwrite_counts_the_difference_and_what_is_deleted_is_given_back() {
    let tree = tempfile::tempdir().unwrap();
    std::fs::write(tree.path().join("old"), [0; 60]).unwrap();
    let (view, ledger) = metered(Quota { bytes: Some(100), files: Some(2) }, &tree);
    let used = || ledger.books().used().unwrap();
    assert_eq!(used(), Usage { bytes: 60, files: 1 });
    assert_eq!(store(&*view, "old", &[1; 100]), Ok(()), "the difference fits");
    assert_eq!(used(), Usage { bytes: 100, files: 1 });
    assert_eq!(store(&*view, "new", &[1]), Err(Fault::OverQuota));
    assert_eq!(store(&*view, "old", &[2; 101]), Err(Fault::OverQuota));
    assert_eq!(std::fs::read(tree.path().join("old")).unwrap(), [1; 100]);
    assert_eq!(store(&*view, "old", &[3; 30]), Ok(()));
    assert_eq!(store(&*view, "new", &[4; 70]), Ok(()));
    assert_eq!(open(&*view, "third", StoreAt::Start).err(), Some(Fault::OverQuota));
    assert_eq!((used(), view.free(&path("/"))), (Usage { bytes: 100, files: 2 }, Ok(0)));
    assert_eq!(view.rename(&path("/old"), &path("/old"), Existing::Replaced), Ok(()));
    assert_eq!(used().bytes, 100, "a name for the same file gives nothing back");
    assert_eq!(view.rename(&path("/new"), &path("/old"), Existing::Replaced), Ok(()));
    assert_eq!(used(), Usage { bytes: 70, files: 1 });
    assert_eq!(view.delete(&path("/old")), Ok(()));
    assert_eq!(used(), Usage::default());
    assert_eq!(std::fs::read_dir(tree.path()).unwrap().count(), 0, "nothing hidden is left");
}

#[test]
fn s24_deleting_what_an_upload_is_to_replace_gives_no_more_room_than_there_is() {
    let tree = tempfile::tempdir().unwrap();
    std::fs::write(tree.path().join("old"), [0; 80]).unwrap();
    std::fs::write(tree.path().join("other"), [0; 10]).unwrap();
    let (view, ledger) = metered(bytes(100), &tree);
    let mut upload = open(&*view, "old", StoreAt::Start).unwrap();
    upload.write(&[1; 90]).unwrap();
    view.delete(&path("/old")).unwrap();
    store(&*view, "other", &[1; 85]).unwrap();
    assert_eq!(upload.complete(), Err(Fault::OverQuota));
    assert_eq!(ledger.books().used(), view.usage(&|| Ok(())));
    assert_eq!(view.usage(&|| Ok(())), Ok(Usage { bytes: 85, files: 1 }));
}

#[test]
fn s24_what_a_broken_upload_leaves_counts_and_is_gone_on_with() {
    let tree = tempfile::tempdir().unwrap();
    let (view, ledger) = metered(bytes(100), &tree);
    let agree = || {
        let walked = view.usage(&|| Ok(())).unwrap();
        assert_eq!(ledger.books().used(), Ok(walked));
        walked
    };
    for name in ["a", "b"] {
        let mut upload = open(&*view, name, StoreAt::Start).unwrap();
        upload.write(&[1; 40]).unwrap();
    }
    assert_eq!(agree(), Usage { bytes: 80, files: 2 });
    assert_eq!(store(&*view, "c", &[1; 30]), Err(Fault::OverQuota));
    drop(open(&*view, "a", StoreAt::Start).unwrap());
    let mut upload = open(&*view, "a", StoreAt::End).unwrap();
    upload.write(&[2; 10]).unwrap();
    upload.complete().unwrap();
    assert_eq!(agree(), Usage { bytes: 90, files: 2 });
    // A new version that would not fit beside the old one is not kept when it breaks off.
    let mut upload = open(&*view, "a", StoreAt::Start).unwrap();
    upload.write(&[3; 50]).unwrap();
    drop(upload);
    assert_eq!(agree(), Usage { bytes: 90, files: 2 });
    assert_eq!(
        std::fs::read(tree.path().join("a")).unwrap(),
        [[1; 40].as_slice(), &[2; 10]].concat()
    );
}

#[test]
fn s24_uploads_side_by_side_never_go_over() {
    const MOST: u64 = 50_000;
    let tree = tempfile::tempdir().unwrap();
    let (view, ledger) = metered(Quota { bytes: Some(MOST), files: Some(6) }, &tree);
    let refused = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let (view, ledger, refused) = (&*view, &*ledger, &refused);
            scope.spawn(move || {
                for round in 0..60_usize {
                    let name = format!("f{}", (thread + round) % 8);
                    let size = 1000 + 137 * ((7 * thread + 13 * round) % 100);
                    match store(view, &name, &vec![7; size]) {
                        Ok(()) | Err(Fault::Busy) => {}
                        Err(Fault::OverQuota) => drop(refused.fetch_add(1, Ordering::Relaxed)),
                        Err(fault) => panic!("{fault:?}"),
                    }
                    let now = view.usage(&|| Ok(())).unwrap();
                    // Old and new versions are there together until the new one has the name.
                    assert!(now.bytes <= 2 * MOST && ledger.room().is_ok());
                    if round % 5 == 4 {
                        let _ = view.delete(&path(&name));
                    }
                }
            });
        }
    });
    let there = view.usage(&|| Ok(())).unwrap();
    assert!(there.bytes <= MOST && there.files <= 6, "{there:?}");
    assert_eq!(ledger.books().used(), Ok(there), "the ledger says what is there");
    assert!(refused.into_inner() > 0, "the limit was never reached");
}

#[test]
fn s05_a_folder_exchanged_for_a_link_in_a_loop_never_leads_out_in_100_000_operations() {
    let (tree, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(tree.path().join("d")).unwrap();
    std::fs::write(tree.path().join("d/f"), "public").unwrap();
    std::fs::write(tree.path().join("g"), "public").unwrap();
    std::fs::write(outside.path().join("f"), "a secret").unwrap();
    std::os::unix::fs::symlink(outside.path(), tree.path().join("l")).unwrap();
    let rules = vec![rule("/", Rights::WRITER)];
    let ruled = Member { rules, ..member(Rights::WRITER) };
    let two = Mount { at: path("/two"), what: Mounted::Served(VirtualPath::root()) };
    let mut mounting = member(Rights::WRITER);
    mounting.mounts.push(two);
    let (metered, _ledger) = metered(bytes(1 << 40), &tree);
    let trees = [served(&tree), view(&ruled, &tree), view(&mounting, &tree), metered];
    let done = AtomicBool::new(false);
    let mut came_to = BTreeMap::<bool, u64>::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (folder, link) = (tree.path().join("d"), tree.path().join("l"));
            while !done.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).unwrap();
            }
        });
        for n in 0..100_000_usize {
            let right = operate(&*trees[n % trees.len()], n / trees.len());
            *came_to.entry(right).or_default() += 1;
        }
        done.store(true, Ordering::Relaxed);
    });
    let left: Vec<_> = std::fs::read_dir(outside.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "something was made outside: {left:?}");
    assert_eq!(std::fs::read(outside.path().join("f")).unwrap(), b"a secret");
    let mode = std::fs::metadata(outside.path().join("f")).unwrap().permissions().mode();
    assert_ne!(mode & 0o777, 0o604, "something was set outside");
    assert!(came_to.values().all(|n| *n > 100) && came_to.len() == 2, "no race: {came_to:?}");
}

/// Does one thing in the folder that is exchanged; whether it was done.
fn operate(tree: &dyn Storage, n: usize) -> bool {
    let (file, other) = (path("/d/f"), path("/d/x"));
    match n % 9 {
        0 => tree.read(&file).is_ok_and(|source| {
            let mut room = [0; 16];
            let read = source.read_at(&mut room, 0).unwrap();
            assert_eq!(&room[..read], b"public", "what is outside was read");
            true
        }),
        1 => store(tree, "/d/x", b"mine").is_ok(),
        2 => tree.make_folder(&path("/d/made"), None).is_ok(),
        3 => tree.remove_folder(&path("/d/made")).is_ok(),
        4 => tree.rename(&other, &path("/d/y"), Existing::Replaced).is_ok(),
        5 => tree.delete(&path("/d/y")).is_ok(),
        6 => tree.set_mode(&file, 0o604).is_ok(),
        7 => tree.list(&path("/d/f"), Look::default()).is_ok(),
        _ => tree.facts(&file).is_ok_and(|entry| {
            assert_eq!(entry.size, Some(6));
            true
        }),
    }
}
