//! The examples of the client library, with real servers of ours.

use std::fs;

use wharf_client::Verdict;

use crate::serving::Serving;
use crate::tree::{files, plant};

#[path = "../../../client/examples/copy.rs"]
#[expect(dead_code, reason = "what is called is what main calls")]
mod copy;
#[path = "../../../client/examples/fetch.rs"]
#[expect(dead_code, reason = "what is called is what main calls")]
mod fetch;
#[path = "../../../client/examples/sync.rs"]
#[expect(dead_code, reason = "what is called is what main calls")]
mod sync;

fn run<T>(example: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(example)
}

#[test]
fn the_example_of_fetching_brings_the_files_of_a_folder_and_not_what_is_below_it() {
    let serving = Serving::new(&["--quiet"]);
    let here = tempfile::tempdir().unwrap();
    plant(&serving.path("pub"));
    run(fetch::fetch(&serving.url("pub"), here.path())).unwrap();
    let mut there = files(&serving.path("pub"));
    there.retain(|(name, _)| !name.contains('/'));
    assert!(files(here.path()) == there && there.len() > 5);
}

#[test]
fn the_example_of_sync_stores_what_is_here_and_deletes_what_is_not_unless_that_is_too_much() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    let here = tempfile::tempdir().unwrap();
    plant(here.path());
    fs::create_dir(serving.path("www")).unwrap();
    for name in ["old", "older"] {
        fs::write(serving.path("www").join(name), name).unwrap();
    }
    let refused = run(sync::sync(here.path(), &serving.url("www"), 1)).unwrap_err();
    assert_eq!(refused.to_string(), "2 things would be deleted");
    let tally = run(sync::sync(here.path(), &serving.url("www"), 2)).unwrap();
    assert_eq!((tally.deleted, tally.failed), (2, 0));
    assert!(files(&serving.path("www")) == files(here.path()));
}

#[test]
fn the_example_of_copying_brings_a_file_from_one_server_to_another() {
    let options = ["--quiet", "--user", "bob:pw", "--allow-fxp"];
    let [from, to] = [Serving::new(&options), Serving::at("127.0.0.2", &options)];
    fs::write(from.path("x"), b"bytes").unwrap();
    let url = |serving: &Serving, path| serving.url(path).replace("://", "://bob:pw@");
    let copied = run(copy::copy(&url(&from, "x"), &url(&to, "y"))).unwrap();
    assert_eq!((copied.moved, copied.verdict), (Some(5), Verdict::SizeOnly));
    assert_eq!(fs::read(to.path("y")).unwrap(), b"bytes");
}
