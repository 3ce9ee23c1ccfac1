//! Certificates of `wharf serve` over its life: renewed behind links, out of date, out of reach.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use crate::serving::{Serving, run};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A folder as certbot keeps it: `live` holds links, what they lead to is in `archive`.
struct Kept(TempDir);

impl Kept {
    /// With a first certificate, valid in these years.
    fn new(years: (i32, i32)) -> Self {
        let kept = Self(tempfile::tempdir().unwrap());
        for folder in ["live", "archive", "elsewhere"] {
            std::fs::create_dir(kept.at(folder)).unwrap();
        }
        kept.renew("archive", 1, years);
        kept
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Has the links lead to another certificate, that is made in this folder.
    fn renew(&self, folder: &str, number: u32, years: (i32, i32)) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let certificate = params.self_signed(&key).unwrap().pem();
        for (name, text) in [("chain", certificate), ("key", key.serialize_pem())] {
            let file = format!("{folder}/{name}{number}.pem");
            std::fs::write(self.at(&file), text).unwrap();
            symlink(format!("../{file}"), self.at("new")).unwrap();
            std::fs::rename(self.at("new"), self.at(&format!("live/{name}.pem"))).unwrap();
        }
    }

    /// A server with what the links lead to.
    fn serving(&self, options: &[&str]) -> Serving {
        let [chain, key] = self.options();
        Serving::new(&[&["--tls-cert", &chain, "--tls-key", &key][..], options].concat())
    }

    fn options(&self) -> [String; 2] {
        ["live/chain.pem", "live/key.pem"].map(|file| self.at(file).to_str().unwrap().to_owned())
    }
}

fn log_of(serving: &Serving) -> BufReader<File> {
    BufReader::new(serving.log().as_fd().try_clone_to_owned().unwrap().into())
}

/// What the server says from here on, to the first line with these words.
fn told(log: &mut BufReader<File>, words: &str) -> String {
    let mut text = String::new();
    while !text.lines().next_back().is_some_and(|line| line.contains(words)) {
        assert!(log.read_line(&mut text).unwrap() > 0, "{words}: {text}");
    }
    text
}

fn hang_up(serving: &Serving) {
    let pid = Pid::from_raw(serving.pid().cast_signed()).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
}

#[test]
fn a_certificate_that_a_link_leads_to_is_read_anew_when_the_link_leads_to_the_next_one() {
    let kept = Kept::new((2020, 2090));
    let serving = kept.serving(&[]);
    let mut log = log_of(&serving);
    let first = told(&mut log, "TLS is offered");
    kept.renew("archive", 2, (2020, 2090));
    hang_up(&serving);
    let anew = told(&mut log, " certificates ");
    assert!(anew.contains("the certificates were read anew"), "{anew}");
    assert!(!anew.contains("was read at the start, and cannot be"), "{anew}");
    let fingerprint = |text: &str| text.rsplit_once("fingerprint=").unwrap().1.to_owned();
    assert_ne!(fingerprint(&first), fingerprint(&anew));
}

#[test]
fn a_certificate_that_the_sandbox_keeps_the_server_from_is_told_with_the_sandbox() {
    let kept = Kept::new((2020, 2090));
    let serving = kept.serving(&[]);
    let mut log = log_of(&serving);
    if !told(&mut log, "TLS is offered").contains("landlock: reads beneath") {
        return;
    }
    kept.renew("elsewhere", 2, (2020, 2090));
    hang_up(&serving);
    let refused = told(&mut log, " certificates ");
    assert!(refused.contains("sandbox (Landlock)") && refused.contains("elsewhere"), "{refused}");
}

#[test]
fn certificates_that_are_too_old_or_too_new_are_told_with_the_date_at_start_check_and_hangup() {
    let kept = Kept::new((2001, 2003));
    let [chain, key] = kept.options();
    let options = ["--check", "--listen", "127.0.0.1:0", "--tls-cert", &chain, "--tls-key", &key];
    let checked =
        run(Path::new("/"), &[&["serve", kept.0.path().to_str().unwrap()], &options[..]].concat());
    assert!(checked.status.success(), "{checked:?}");
    let table = String::from_utf8(checked.stdout).unwrap();
    assert!(table.contains("chain.pem has expired on 2003-01-01 00:00:00 UTC"), "{table}");
    assert!(table.contains("can be read, and read anew"), "{table}");

    let serving = kept.serving(&[]);
    let mut log = log_of(&serving);
    kept.renew("archive", 2, (2091, 2093));
    hang_up(&serving);
    let mut said = told(&mut log, " certificates ");
    serving.tell_to_end();
    log.read_to_string(&mut said).unwrap();
    assert!(said.contains("chain.pem has expired on 2003-01-01 00:00:00 UTC"), "{said}");
    assert!(said.contains("chain.pem is not valid before 2091-01-01 00:00:00 UTC"), "{said}");
}

#[test]
fn a_key_that_the_server_cannot_read_any_more_as_what_it_becomes_is_told_at_start_and_check() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let kept = Kept::new((2020, 2090));
    let tree = tempfile::tempdir().unwrap();
    chown(tree.path(), Some(4711), Some(4711)).unwrap();
    std::fs::set_permissions(kept.0.path(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(kept.at("archive/key1.pem"), PermissionsExt::from_mode(0o600))
        .unwrap();
    let [chain, key] = kept.options();
    let folder = tree.path().to_str().unwrap().to_owned();
    let options = [&folder, "--listen", "127.0.0.1:0", "--tls-cert", &chain, "--tls-key", &key];
    let checked = run(Path::new("/"), &[&["serve", "--check"], &options[..]].concat());
    assert!(checked.status.success(), "{checked:?}");
    let table = String::from_utf8(checked.stdout).unwrap();
    let words = "user 4711, as whom the server goes on, may not";
    assert!(
        table.contains(&format!("can be read; ! but not when it is renewed: {words}")),
        "{table}"
    );

    let (_, log) = Serving::started(tree, &options).end();
    assert!(log.contains("key.pem was read at the start") && log.contains(words), "{log}");
    assert!(!log.contains("chain.pem was"), "{log}");
}
