//! Storage: where files are, behind one trait.
//!
//! A storage names entries by [`VirtualPath`], so no name can lead outside it before the storage has even
//! looked; how it holds that line against links and races is its own affair. Calls may block for as long as
//! a local disk takes. What is served does not know rights, sessions or sockets. A member's view of it
//! (`storage/view.rs`) is a storage as well, which knows the rights of each name and passes on what they allow.

pub(crate) mod descent;
pub mod local;
pub(crate) mod quota;
pub(crate) mod view;

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use wharf_proto::codec::Marker;
use wharf_proto::listing::{Entry, EntryRef, Fact, Unique};
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Fault, StoreAt};
use wharf_proto::time::Timestamp;
use wharf_proto::verb::Right;

/// A tree of files and folders.
pub trait Storage: Send + Sync {
    /// The facts of one entry; links inside the tree are followed. The entry's name is the path's last part.
    ///
    /// # Errors
    /// [`Fault`], here and below, says why not.
    fn facts(&self, path: &VirtualPath) -> Result<Entry, Fault>;

    /// Whether this is a folder that may be entered.
    fn enter(&self, path: &VirtualPath) -> Result<(), Fault>;

    /// What has this name, without details; a link that leads nowhere is something.
    fn find(&self, path: &VirtualPath) -> Result<Entry, Fault>;

    /// Makes a folder, without the permissions in `umask` (without those of the server's own umask, where
    /// none is given).
    fn make_folder(&self, path: &VirtualPath, umask: Option<u32>) -> Result<(), Fault>;

    /// Makes a link inside the tree.
    fn make_link(&self, link: &VirtualPath, target: &VirtualPath) -> Result<(), Fault>;

    /// Sets when an entry changed.
    fn set_modified(&self, path: &VirtualPath, time: Timestamp) -> Result<(), Fault>;

    /// Sets the permissions of an entry: the lower nine bits of its mode.
    fn set_mode(&self, path: &VirtualPath, mode: u32) -> Result<(), Fault>;

    /// Sets what the bytes of a file are said to be: a media type, a charset or a language. An empty value
    /// takes it away.
    fn set_label(&self, path: &VirtualPath, label: Fact, value: &[u8]) -> Result<(), Fault>;

    /// How many bytes are free where an entry is.
    fn free(&self, path: &VirtualPath) -> Result<u64, Fault>;

    /// Removes an empty folder.
    fn remove_folder(&self, path: &VirtualPath) -> Result<(), Fault>;

    /// Deletes what is not a folder; of a link, the link.
    fn delete(&self, path: &VirtualPath) -> Result<(), Fault>;

    /// Deletes what the holder's unfinished upload to a name that nothing has has brought.
    fn give_up(&self, path: &VirtualPath, holder: &Holder) -> Result<(), Fault>;

    /// Deletes a file, of a link the link, if it is as it was seen: else [`Fault::Changed`].
    fn delete_seen(&self, path: &VirtualPath, seen: &Version) -> Result<(), Fault>;

    /// Renames.
    fn rename(&self, from: &VirtualPath, to: &VirtualPath, there: Existing) -> Result<(), Fault>;

    /// Opens a file for reading.
    fn read(&self, path: &VirtualPath) -> Result<Box<dyn Source>, Fault>;

    /// Opens what a file is for its holder: the unfinished upload with which the holder goes on by
    /// [`StoreAt::From`] and [`StoreAt::End`], as far as it is, and where there is none the file. While somebody is
    /// writing the new version of a file, that is still the old one.
    fn read_own(&self, path: &VirtualPath, holder: &Holder) -> Result<Box<dyn Source>, Fault>;

    /// How many bytes that has which [`read_own`](Self::read_own) opens.
    fn size(&self, path: &VirtualPath, holder: &Holder) -> Result<u64, Fault>;

    /// Opens an upload. Nothing is visible under its name before [`Upload::complete`].
    fn write(&self, wanted: &Wanted<'_>) -> Result<Box<dyn Upload>, Fault>;

    /// Whether this right to a name is there, for what is done in steps and must not end between two of them. Who
    /// knows no rights has them all.
    fn allows(&self, _path: &VirtualPath, _right: Right) -> Result<(), Fault> {
        Ok(())
    }

    /// Puts on the disk which names are in a folder, and what has them. Where storing is all there is to it, there is
    /// nothing to do. It may take long.
    fn sync_folder(&self, _path: &VirtualPath) -> Result<(), Fault> {
        Ok(())
    }

    /// Opens a folder to list it, or one file to list that alone.
    fn list(&self, path: &VirtualPath, look: Look) -> Result<Box<dyn Folder>, Fault>;

    /// What is beneath a folder, as a tree of its own: no link leads out of it.
    fn subtree(&self, folder: &VirtualPath, links: Links) -> Result<Arc<dyn Storage>, Fault>;

    /// How much is in the whole tree, unfinished uploads too; what links lead to is not counted again.
    /// `go_on` is asked now and then, and the walk ends when it says no.
    fn usage(&self, go_on: &dyn Fn() -> Result<(), Fault>) -> Result<Usage, Fault>;
}

/// What becomes of a file that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is replaced.
    Replaced,
    /// It stays, and what wanted its name is refused.
    Kept,
}

/// Whether links inside a tree are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// To where they lead inside the tree.
    Followed,
    /// A name is what it says: no link on the way to it, and none is made.
    Refused,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in files.
    pub bytes: u64,
    /// Files.
    pub files: u64,
}

/// How closely the entries of a folder are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// Their names are enough; whatever else is told may be wrong.
    Names,
    /// As they are.
    #[default]
    Entries,
    /// As what links lead to.
    Facts {
        /// Owners and labels as well, which cost more than the rest.
        details: bool,
    },
}

/// An upload that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'w> {
    /// Its name; of [`StoreAt::NewName`] how the name begins.
    pub path: &'w VirtualPath,
    /// Where its first byte goes.
    pub at: StoreAt,
    /// Whose it is.
    pub holder: &'w Holder,
    /// The permissions that a new file shall not have.
    pub umask: Option<u32>,
    /// What becomes of the file that there is; where it is kept, nothing is added to it either.
    pub there: Existing,
    /// Whether it is made in one go: it does not go on with what has broken off, and leaves nothing to go on with.
    pub in_one_go: bool,
}

/// What an upload found when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// Where its first byte goes.
    pub start: u64,
    /// How many bytes an earlier try has left.
    pub kept: u64,
}

/// What tells a file as it is at one moment from any other, and from what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Which file it is.
    pub unique: Unique<()>,
    /// How many bytes it has.
    pub size: u64,
    /// When its bytes changed.
    pub modified: Timestamp,
}

/// A file open for reading.
pub trait Source: Send + Sync {
    /// Its size when it was opened.
    fn size(&self) -> u64;

    /// What it was when it was opened. No other file is taken for it as long as it is open.
    fn version(&self) -> Version;

    /// Its descriptor, where the kernel can read from it.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;

    /// Reads into `buffer` from `offset` on; 0 is the end.
    ///
    /// # Errors
    /// [`Fault`].
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Fault>;
}

/// An upload under way. Dropping it keeps what has come, for the same holder to go on with, unless it was to be made
/// in one go.
pub trait Upload: Send + Sync {
    /// The name it will have.
    fn path(&self) -> &VirtualPath;

    /// The place in the file at which it goes on, where it does.
    fn resumes_at(&self) -> Option<Marker>;

    /// What it found when it was opened.
    fn before(&self) -> Before;

    /// Whether it takes long to begin, because what the file has already must be copied.
    fn is_slow_to_begin(&self) -> bool;

    /// Its descriptor at the place where the next byte goes, where the kernel can write to it. To be asked
    /// for when it is ready.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;

    /// For how many of `most` bytes the kernel may write by the descriptor; where there is no room for any,
    /// [`Upload::write`] says why.
    fn room(&mut self, most: usize) -> usize {
        most
    }

    /// So many bytes have been written by the descriptor.
    fn wrote(&mut self, _bytes: usize) {}

    /// Makes it ready for the first byte, if it is not: nothing has been changed before. `go_on` is asked
    /// now and then, and what is slow ends when it says no.
    ///
    /// # Errors
    /// [`Fault`]; nothing is kept then.
    fn begin(&mut self, go_on: &dyn Fn() -> Result<(), Fault>) -> Result<(), Fault>;

    /// Gives it up: nothing that was written is kept. What an earlier try left is, if nothing was written.
    fn discard(self: Box<Self>);

    /// Writes all of `bytes` behind what is there.
    ///
    /// # Errors
    /// [`Fault`]; what was written before stays.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault>;

    /// Puts its bytes on the disk, as far as they have come. It may take long.
    ///
    /// # Errors
    /// [`Fault`]; what was written before may be lost with the power, and is kept otherwise.
    fn sync(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// Puts the upload under its name, in place of what had that name, in one step. An upload that began with
    /// bytes which are not its own (APPE, REST) takes the place of the very file that was there when it was
    /// opened, or of none: what others have stored there meanwhile would be lost without a word.
    ///
    /// # Errors
    /// [`Fault`], and [`Fault::Changed`] of them where that file is not there as it was; the upload is kept then.
    fn complete(self: Box<Self>) -> Result<(), Fault>;
}

/// Puts an upload on the disk, completes it, and puts its name on the disk, so that not even a loss of power takes it
/// back. `go_on` is asked before it takes its name.
///
/// # Errors
/// [`Fault`]; the upload is kept then, or has its name already, where only that could not be put on the disk.
pub(crate) fn complete_for_good(
    storage: &dyn Storage,
    mut upload: Box<dyn Upload>,
    go_on: &dyn Fn() -> Result<(), Fault>,
) -> Result<(), Fault> {
    upload.sync()?;
    go_on()?;
    let folder = upload.path().parent();
    upload.complete()?;
    storage.sync_folder(&folder)
}

/// A folder being listed.
pub trait Folder: Send {
    /// Whether it is a folder, and not a single file.
    fn is_folder(&self) -> bool;

    /// Shows the next entries to `each`, some at a time and in no order; `false` when there are no more.
    /// An entry that cannot be looked at is left out, and never ends the listing.
    ///
    /// # Errors
    /// [`Fault`] where the folder itself cannot be read on.
    fn read(&mut self, each: &mut dyn FnMut(&EntryRef<'_>)) -> Result<bool, Fault>;
}

/// Whose an unfinished upload is: nobody else sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder(Vec<u8>);

impl Holder {
    /// The holder of this name. Anonymous sessions have their address as well, since they share a name.
    pub fn new(name: &[u8], address: Option<std::net::IpAddr>) -> Self {
        let mut bytes = name.to_vec();
        if let Some(address) = address {
            bytes.push(0);
            bytes.extend_from_slice(address.to_string().as_bytes());
        }
        Self(bytes)
    }

    /// The name.
    pub fn name(&self) -> &[u8] {
        self.0.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// The bytes that tell holders apart.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
