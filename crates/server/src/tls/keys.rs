//! The keys of TLS sessions, written to a file for those who look at a capture of them.
//!
//! The lines are those of `SSLKEYLOGFILE` (draft-ietf-tls-keylogfile), so whatever reads captures reads them. Whoever
//! has them reads every session that was captured, afterwards too: the file is its owner's alone, and a server
//! writes none unless it is told to.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Who may read and write the file.
const OWNER_ALONE: u32 = 0o600;

/// A file that keys are added to.
#[derive(Debug)]
pub struct KeyLog {
    file: Mutex<File>,
    /// A key could not be written, and that was told.
    failed: AtomicBool,
}

impl KeyLog {
    /// Opens or makes the file; what it holds stays. Nobody but its owner may read it from then on.
    ///
    /// # Errors
    /// Where it cannot be opened, is a link or no file, or belongs to somebody else.
    pub fn open(path: &Path) -> io::Result<Self> {
        let no_link = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(OWNER_ALONE)
            .custom_flags(no_link.bits().cast_signed())
            .open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        file.set_permissions(Permissions::from_mode(OWNER_ALONE))?;
        Ok(Self { file: Mutex::new(file), failed: AtomicBool::new(false) })
    }
}

impl rustls::KeyLog for KeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line =
            Vec::with_capacity(label.len() + 2 * (client_random.len() + secret.len()) + 3);
        // Writing to memory cannot fail.
        let _ = write!(line, "{label} ");
        client_random.iter().try_for_each(|byte| write!(line, "{byte:02x}")).unwrap_or_default();
        line.push(b' ');
        secret.iter().try_for_each(|byte| write!(line, "{byte:02x}")).unwrap_or_default();
        line.push(b'\n');
        // A line in one piece: two servers may add to one file.
        let written = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
        if let Err(error) = written
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            tracing::error!(%error, "keys of TLS sessions cannot be written any more");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::KeyLog as _;

    #[test]
    fn keys_are_added_to_a_file_that_only_its_owner_may_read_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        std::fs::write(&path, "# kept\n").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        KeyLog::open(&path).unwrap().log("CLIENT_RANDOM", &[0, 0xab], &[1]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "# kept\nCLIENT_RANDOM 00ab 01\n");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_link_and_a_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link).unwrap();
        assert!(KeyLog::open(&link).is_err());
        assert!(KeyLog::open(folder.path()).is_err());
        assert!(!folder.path().join("elsewhere").exists());
    }
}
