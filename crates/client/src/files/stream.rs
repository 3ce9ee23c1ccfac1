//! Storing what is no file of this machine: the output of a program, bytes in memory.
//!
//! It comes once, so there is nothing to go on with and nothing to compare a digest with: whoever has a file uses
//! [`put`](Session::put).

use tokio::io::AsyncRead;
use wharf_proto::Text;
use wharf_proto::codec::passes_through;

use super::{Put, Stored, take_name, temporary};
use crate::{Error, Progress, Session, Watch};

impl Session {
    /// Stores what comes from `from`, to its end, as `remote`: [`fetch`](Self::fetch) the other way. Of the request
    /// `resume` and `verify` have no meaning here.
    ///
    /// ```
    /// # let server = wharf_testkit::faulty::Faulty::new(&[("pub/image.iso", b"bytes")], &[]);
    /// # let (host, port) = ("127.0.0.1", server.address().port());
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// # let (login, options) = (wharf_client::Login::anonymous(), wharf_client::Options::default());
    /// # let site = wharf_client::Site::new(host, port, login, options);
    /// # let mut session = site.enter().await?;
    /// use wharf_client::{Put, quiet};
    /// let mut bytes = &b"made here"[..];
    /// let request = Put { atomic: true, ..Put::default() };
    /// session.store(&mut bytes, &"pub/note".into(), request, &mut quiet()).await?;
    /// # assert_eq!(server.file("pub/note").as_deref(), Some(&b"made here"[..]));
    /// # Ok::<(), wharf_client::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `Source` where it cannot be read, `Unproven` when the server has another size afterwards, `Refused` where it may
    /// not have its name, and every error that a transfer can have.
    pub async fn store<R: AsyncRead + Unpin>(
        &mut self,
        from: &mut R,
        remote: &Text,
        request: Put,
        watch: &mut Watch<'_>,
    ) -> Result<Stored, Error> {
        let Put { how, atomic, .. } = request;
        let name = if atomic { temporary(remote) } else { remote.clone() };
        watch(Progress::Begins { at: 0, total: None });
        self.set_form(how).await?;
        let moved = self.put_bytes(from, &name, 0, how, watch).await?.sent()?.moved;
        // What a codec makes of the bytes has a size of its own.
        let size = passes_through(how).then_some(moved);
        let verified = size.is_some() && self.verify(&name, moved).await?;
        if atomic && take_name(self, &name, remote, false, true).await? {
            watch(Progress::OldGone);
        }
        Ok(Stored { moved, resumed_at: 0, size, verified, agrees: false })
    }
}
