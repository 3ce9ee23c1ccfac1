//! Certificates that are renewed while the server runs: read anew on SIGHUP, and when their files have changed.
//!
//! Sessions that run keep what they have. New files that make no sense are refused, with the reason in the log,
//! and the old ones stay in force.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use tokio::signal::unix::Signal;
use wharf_server::tls::{Tls, TlsError};

/// How often the files are looked at. A certificate is renewed weeks before it must be.
const PERIOD: Duration = Duration::from_secs(10);

/// What tells one state of a file from another.
type Looks = Vec<Option<(u64, i64, i64, u64)>>;

/// Keeps the certificates up to date for as long as the server runs.
pub(super) async fn keep_up(tls: Arc<Tls>, mut hangup: Signal) {
    let files = tls.files();
    let mut seen = look(&files);
    let mut tried = seen.clone();
    loop {
        let asked = tokio::select! {
            asked = hangup.recv() => asked.is_some(),
            () = tokio::time::sleep(PERIOD) => false,
        };
        let now = look(&files);
        // Changed, and no longer changing: certificate and key are seldom written in one step.
        let settled = now != seen && now == tried;
        tried.clone_from(&now);
        if !asked && !settled {
            continue;
        }
        seen = now;
        match tls.reload() {
            Ok(()) => {
                tracing::info!(fingerprint = tls.fingerprint(), "the certificates were read anew");
                warn_of_dates(&tls);
            }
            Err(error) => {
                let error = match error {
                    TlsError::Read { path, source } => {
                        format!("{}: {}", path.display(), unread(&path, &source))
                    }
                    error => error.to_string(),
                };
                tracing::error!(%error, "the new certificates are refused; the old ones stay");
            }
        }
    }
}

/// What clients will find wrong with the dates of the certificates, a sentence each.
pub(super) fn out_of_date(tls: &Tls) -> Vec<String> {
    let found = tls.untimely(SystemTime::now());
    let told = |(file, what): (PathBuf, _)| format!("a certificate in {} {what}", file.display());
    found.into_iter().map(told).collect()
}

/// Tells of certificates that clients will refuse for their dates.
pub(super) fn warn_of_dates(tls: &Tls) {
    for what in out_of_date(tls) {
        tracing::warn!("{what}: clients refuse it, unless they pin it");
    }
}

/// Those of the files that were read and cannot be read again, as what the process has become, and why.
pub(super) fn lost(tls: &Tls) -> Vec<(PathBuf, String)> {
    let again = |path: PathBuf| {
        let error = File::open(&path).err()?;
        let why = unread(&path, &error);
        Some((path, why))
    };
    tls.files().into_iter().filter_map(again).collect()
}

/// Tells of files that a renewal would be lost in, while that can still be mended.
pub(super) fn warn_of_lost(tls: &Tls) {
    for (path, why) in lost(tls) {
        let path = path.display();
        tracing::warn!("{path} was read at the start, and cannot be when it is renewed: {why}");
    }
}

/// Why a file cannot be read. The sandbox refuses what the file's own rights would allow, in the same word.
fn unread(path: &Path, error: &io::Error) -> String {
    let allowed = || accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS).is_ok();
    if error.kind() == io::ErrorKind::PermissionDenied {
        let lies = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let user = rustix::process::geteuid().as_raw();
        if allowed() {
            return format!(
                "the server's sandbox (Landlock) keeps it from {}, which was not there or not named when it \
                 started; start it anew",
                lies.display()
            );
        }
        return format!("user {user}, as whom the server goes on, may not ({error})");
    }
    error.to_string()
}

/// What SIGHUP does where nothing is read anew. It ends no server, as it ends none that has certificates.
pub(super) async fn have_none(mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        tracing::info!("SIGHUP: there are no certificates to be read anew");
    }
}

fn look(files: &[PathBuf]) -> Looks {
    let state = |path: &PathBuf| {
        let data = fs::metadata(path).ok()?;
        Some((data.ino(), data.mtime(), data.mtime_nsec(), data.len()))
    };
    files.iter().map(state).collect()
}
