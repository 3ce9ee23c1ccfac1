//! Certificates that are renewed while the server runs: read anew on SIGHUP, and when their files have changed.
//!
//! Sessions that run keep what they have. New files that make no sense are refused, with the reason in the log,
//! and the old ones stay in force.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use wharf_server::tls::Tls;

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
            }
            Err(error) => {
                tracing::error!(%error, "the new certificates are refused; the old ones stay");
            }
        }
    }
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
