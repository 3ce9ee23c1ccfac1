//! The tap's file after it was moved away, as logs are rotated: SIGHUP has the server go on in another of that name.

use std::sync::Arc;

use tokio::signal::unix::Signal;

use crate::tap::TapFile;

/// Sees to it for as long as the server runs.
pub(super) async fn keep_up(tap: Arc<TapFile>, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        match tap.reopen() {
            Ok(true) => tracing::info!("the file of the tap was moved: another one is begun"),
            Ok(false) => {}
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(%error, "the tap goes on in the file that was moved away");
            }
        }
    }
}
