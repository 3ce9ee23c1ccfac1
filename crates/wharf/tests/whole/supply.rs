//! What the binary is made of: the lock file, and that CI builds from it.

use std::fs;
use std::path::Path;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)).unwrap()
}

#[test]
fn s26_every_dependency_is_locked_by_its_checksum_and_comes_from_the_registry() {
    let lock: toml::Table = read("Cargo.lock").parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    assert!(packages.len() > 50);
    for package in packages {
        let name = package["name"].as_str().unwrap();
        match package.get("source").and_then(toml::Value::as_str) {
            None => assert!(name.starts_with("wharf") || name == "xtask", "{name}"),
            Some(source) => {
                assert!(source.starts_with("registry+"), "{name}: {source}");
                assert_eq!(package["checksum"].as_str().unwrap().len(), 64, "{name}");
            }
        }
    }
}

#[test]
fn s26_ci_builds_from_the_lock_file_and_checks_sources_and_licences() {
    let ci = read(".ci/run");
    let fetch = ci.find("cargo fetch --locked").unwrap();
    let first = ci.find("cargo clippy --locked").unwrap();
    assert!(fetch < first, "a lock file that does not fit ends the run before anything is built");
    assert!(ci.contains("check bans licenses sources"));
    assert!(read("deny.toml").contains("unknown-git = \"deny\""));
}
