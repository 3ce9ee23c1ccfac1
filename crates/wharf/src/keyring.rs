//! Passwords in the keyring of the desktop: the Secret Service of freedesktop.org, which GNOME Keyring, KWallet and
//! KeePassXC offer over D-Bus.
//!
//! A password is found by the server, `HOST:PORT`, and the user. Where there is no keyring, as on a server, there is no
//! password in it, and that is no mistake; whoever wants to keep one is told. It blocks, so it is asked where no runtime
//! is at work.

use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Error};
use wharf_client::Address;
use wharf_proto::{Secret, Text};
use zbus_secret_service_keyring_store::Store;

/// A keyring.
#[derive(Clone)]
pub(crate) struct Keyring(Arc<CredentialStore>);

impl Keyring {
    /// That of the desktop.
    ///
    /// # Errors
    /// There is none, or it does not answer.
    pub(crate) fn open() -> Result<Self, Error> {
        Ok(Self(Store::new()?))
    }

    /// One in memory.
    #[cfg(test)]
    pub(crate) fn of_tests() -> Self {
        Self(keyring_core::mock::Store::new().unwrap())
    }

    /// Fills in the password of who is named and has none.
    pub(crate) fn settle(&self, address: &mut Address) {
        if let (Some(user), None) = (&address.user, &address.password) {
            address.password = self.password(&address.host, address.port, user);
        }
    }

    fn password(&self, host: &str, port: u16, user: &Text) -> Option<Secret> {
        // One that cannot be read, because the keyring stays locked for example, can still be typed.
        self.entry(host, port, user).ok()?.get_secret().ok().map(Secret::new)
    }

    /// Keeps a password in place of the one that was there.
    ///
    /// # Errors
    /// The keyring cannot take it.
    pub(crate) fn keep(
        &self,
        host: &str,
        port: u16,
        user: &Text,
        password: &Secret,
    ) -> Result<(), Error> {
        self.entry(host, port, user)?.set_secret(password.reveal())
    }

    /// Forgets a password; tells whether there was one.
    ///
    /// # Errors
    /// The keyring cannot do it.
    pub(crate) fn forget(&self, host: &str, port: u16, user: &Text) -> Result<bool, Error> {
        match self.entry(host, port, user)?.delete_credential() {
            Ok(()) => Ok(true),
            Err(Error::NoEntry) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn entry(&self, host: &str, port: u16, user: &Text) -> Result<Entry, Error> {
        let service = format!("wharf {}:{port}", host.to_ascii_lowercase());
        let user = std::str::from_utf8(user.as_bytes())
            .map_err(|error| Error::BadDataFormat(user.as_bytes().to_vec(), Box::new(error)))?;
        self.0.build(&service, user, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(keyring: &Keyring, url: &str) -> Option<Vec<u8>> {
        let mut address: Address = url.parse().unwrap();
        keyring.settle(&mut address);
        address.password.map(|password| password.reveal().to_vec())
    }

    #[test]
    fn a_password_is_found_by_server_and_user_until_it_is_forgotten() {
        let keyring = Keyring::of_tests();
        let (ann, bob) = (Text::from("ann"), Text::from("bob"));
        assert_eq!(settled(&keyring, "ftp://ann@h/"), None);
        keyring.keep("H", 21, &ann, &Secret::new(b"old".to_vec())).unwrap();
        keyring.keep("h", 21, &ann, &Secret::new(b"p \xff".to_vec())).unwrap();
        assert_eq!(settled(&keyring, "ftp://ann@h/x").as_deref(), Some(&b"p \xff"[..]));
        assert_eq!(settled(&keyring, "ftpes://ann@h/x").as_deref(), Some(&b"p \xff"[..]));
        // What the URL says wins; and other servers and users have other passwords.
        assert_eq!(settled(&keyring, "ftp://ann:own@h/").as_deref(), Some(&b"own"[..]));
        for other in ["ftp://bob@h/", "ftp://h/", "ftp://ann@h:2121/", "ftps://ann@h/"] {
            assert_eq!(settled(&keyring, other), None, "{other}");
        }
        assert!(!keyring.forget("h", 21, &bob).unwrap());
        assert!(keyring.forget("h", 21, &ann).unwrap());
        assert_eq!(settled(&keyring, "ftp://ann@h/"), None);
        assert!(keyring.keep("h", 21, &b"\xff"[..].into(), &Secret::new(Vec::new())).is_err());
    }

    #[test]
    fn a_keyring_that_stays_locked_has_no_password_and_says_so_when_it_is_to_keep_one() {
        let keyring = Keyring::of_tests();
        let ann = Text::from("ann");
        let locked = || {
            let entry = keyring.entry("h", 21, &ann).unwrap();
            let mock: &keyring_core::mock::Cred = entry.as_any().downcast_ref().unwrap();
            mock.set_error(Error::NoStorageAccess("it is locked".into()));
        };
        keyring.keep("h", 21, &ann, &Secret::new(b"x".to_vec())).unwrap();
        locked();
        assert_eq!(settled(&keyring, "ftp://ann@h/"), None);
        locked();
        assert!(keyring.keep("h", 21, &ann, &Secret::new(b"y".to_vec())).is_err());
        assert_eq!(settled(&keyring, "ftp://ann@h/").as_deref(), Some(&b"x"[..]));
    }
}
