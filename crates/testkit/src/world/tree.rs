//! Files and folders in memory.

use std::collections::BTreeMap;

use wharf_proto::Text;
use wharf_proto::listing::{Entry, Kind, unix};
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Cannot, Fault, Outcome, StoreAt, TreeAction};
use wharf_proto::time::Timestamp;

/// What time it is in the tree: everything has just changed.
pub(super) const NOW: Timestamp = Timestamp::new(1_795_352_700, 0);

/// An entry of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Folder,
    File(Vec<u8>),
}

/// Files and folders, by path. The root is always there.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: BTreeMap<VirtualPath, Node>,
}

impl Tree {
    /// Adds a folder.
    #[track_caller]
    pub fn add_folder(&mut self, path: &str) {
        self.nodes.insert(path_of(path), Node::Folder);
    }

    /// Adds a file.
    #[track_caller]
    pub fn add_file(&mut self, path: &str, bytes: &[u8]) {
        self.nodes.insert(path_of(path), Node::File(bytes.to_vec()));
    }

    /// What is in a file, if there is one.
    #[track_caller]
    pub fn read(&self, path: &str) -> Option<&[u8]> {
        self.file(&path_of(path)).ok()
    }

    /// Whether there is an entry of this name.
    pub(super) fn has(&self, path: &VirtualPath) -> bool {
        self.node(path).is_ok()
    }

    /// What is in a file.
    pub(super) fn file(&self, path: &VirtualPath) -> Result<&[u8], Fault> {
        match self.node(path)? {
            Node::File(bytes) => Ok(bytes),
            Node::Folder => Err(Fault::NotAFile),
        }
    }

    /// Whether a file may be there: its folder is, and no folder has its name.
    pub(super) fn may_store(&self, path: &VirtualPath) -> Result<(), Fault> {
        self.folder(&path.parent())?;
        match self.node(path) {
            Ok(Node::Folder) => Err(Fault::NotAFile),
            Ok(Node::File(_)) | Err(_) => Ok(()),
        }
    }

    /// Puts bytes into a file.
    pub(super) fn write(&mut self, path: &VirtualPath, at: StoreAt, bytes: &[u8]) {
        let mut content = self.file(path).map(<[u8]>::to_vec).unwrap_or_default();
        match at {
            StoreAt::Start | StoreAt::NewName => content.clear(),
            StoreAt::From(marker) => {
                content.truncate(usize::try_from(marker.offset()).unwrap_or(usize::MAX));
            }
            StoreAt::End => {}
        }
        content.extend_from_slice(bytes);
        self.nodes.insert(path.clone(), Node::File(content));
    }

    /// What is in a folder; of a file, itself.
    pub(super) fn entries(&self, path: &VirtualPath) -> Result<Vec<Entry>, Fault> {
        if let Node::File(_) = self.node(path)? {
            return Ok(vec![self.entry(path)?]);
        }
        let members = self.nodes.keys().filter(|member| !member.is_root());
        members.filter(|member| member.parent() == *path).map(|member| self.entry(member)).collect()
    }

    /// Does one thing.
    pub(super) fn act(&mut self, action: &TreeAction) -> Outcome {
        self.try_act(action).unwrap_or_else(Outcome::Failed)
    }

    fn try_act(&mut self, action: &TreeAction) -> Result<Outcome, Fault> {
        match action {
            TreeAction::Enter(path) => self.folder(path)?,
            TreeAction::Find(path)
            | TreeAction::SetModified(path, _)
            | TreeAction::SetMode(path, _)
            | TreeAction::SetLabel(path, ..) => {
                self.node(path)?;
            }
            TreeAction::MakeFolder { path, parents, .. } => self.make_folder(path, *parents)?,
            TreeAction::RemoveFolder { path, all } => self.remove_folder(path, *all)?,
            TreeAction::Delete(path) => {
                self.file(path)?;
                self.nodes.remove(path);
            }
            TreeAction::Rename { from, to } => self.rename(from, to)?,
            TreeAction::Copy { from, to, .. } => {
                self.append(to, std::slice::from_ref(from), false)?
            }
            TreeAction::Join { target, parts, .. } => self.append(target, parts, true)?,
            TreeAction::Link { .. } => return Err(Fault::Unsupported(Cannot::Storage)),
            TreeAction::Size { path, coded } => return self.size(path, coded.is_some()),
            TreeAction::Modified(path) => return self.file(path).map(|_| Outcome::Modified(NOW)),
            TreeAction::Facts(path) => return Ok(Outcome::Facts(Box::new(self.entry(path)?))),
            TreeAction::List(path, _) => return self.look(path),
            TreeAction::Free(_) => return Ok(Outcome::Size(1 << 30)),
            TreeAction::FolderSize(path) => return self.folder_size(path),
            TreeAction::Digest(path, ..) => return self.digest(path),
        }
        Ok(Outcome::Done)
    }

    fn size(&self, path: &VirtualPath, text: bool) -> Result<Outcome, Fault> {
        let file = self.file(path)?;
        let ends = file.iter().filter(|byte| text && **byte == b'\n').count();
        Ok(Outcome::Size((file.len() + ends) as u64))
    }

    fn folder_size(&self, path: &VirtualPath) -> Result<Outcome, Fault> {
        self.folder(path)?;
        let size = |(_, node): (_, &Node)| match node {
            Node::File(bytes) => bytes.len() as u64,
            Node::Folder => 0,
        };
        Ok(Outcome::Size(self.below(path).map(size).sum()))
    }

    /// No hash of any name, but one that tells two files apart.
    fn digest(&self, path: &VirtualPath) -> Result<Outcome, Fault> {
        let file = self.file(path)?;
        let sum = |sum: u64, byte: &u8| sum.wrapping_mul(257).wrapping_add((*byte).into());
        let hex = format!("{:016x}", file.iter().fold(1, sum));
        Ok(Outcome::Digest { hex, start: 0, end: file.len() as u64 })
    }

    fn make_folder(&mut self, path: &VirtualPath, parents: bool) -> Result<(), Fault> {
        if parents && !self.has(&path.parent()) {
            self.make_folder(&path.parent(), true)?;
        }
        self.folder(&path.parent())?;
        if self.has(path) {
            return Err(Fault::Exists);
        }
        self.nodes.insert(path.clone(), Node::Folder);
        Ok(())
    }

    fn remove_folder(&mut self, path: &VirtualPath, all: bool) -> Result<(), Fault> {
        self.folder(path)?;
        let below: Vec<VirtualPath> = self.below(path).map(|(path, _)| path.clone()).collect();
        if !all && !below.is_empty() {
            return Err(Fault::NotEmpty);
        }
        below.iter().chain([path]).for_each(|path| drop(self.nodes.remove(path)));
        Ok(())
    }

    /// Adds files to the end of another.
    fn append(
        &mut self,
        target: &VirtualPath,
        parts: &[VirtualPath],
        remove: bool,
    ) -> Result<(), Fault> {
        self.may_store(target)?;
        let mut content =
            if remove { self.file(target).unwrap_or_default().to_vec() } else { Vec::new() };
        for part in parts {
            content.extend_from_slice(self.file(part)?);
        }
        if remove {
            parts.iter().for_each(|part| drop(self.nodes.remove(part)));
        }
        self.nodes.insert(target.clone(), Node::File(content));
        Ok(())
    }

    /// What is in a folder and in the folders in it.
    fn below(&self, folder: &VirtualPath) -> impl Iterator<Item = (&VirtualPath, &Node)> {
        let inside = |path: &VirtualPath| {
            let rest = path.relative().strip_prefix(folder.relative());
            !path.is_root() && rest.is_some_and(|rest| folder.is_root() || rest.starts_with(b"/"))
        };
        self.nodes.iter().filter(move |(path, _)| inside(path))
    }

    fn rename(&mut self, from: &VirtualPath, to: &VirtualPath) -> Result<(), Fault> {
        self.folder(&to.parent())?;
        let node = self.node(from)?.clone();
        if node == Node::Folder && !self.entries(from)?.is_empty() {
            return Err(Fault::NotEmpty);
        }
        self.nodes.remove(from);
        self.nodes.insert(to.clone(), node);
        Ok(())
    }

    fn look(&self, path: &VirtualPath) -> Result<Outcome, Fault> {
        let row = |entry: Entry| {
            let mut row = Vec::new();
            unix::write_row(&mut row, &entry, NOW);
            Text::from(row)
        };
        let lines = self.entries(path)?.into_iter().map(row).collect();
        Ok(Outcome::Listed { lines, folder: *self.node(path)? == Node::Folder })
    }

    fn node(&self, path: &VirtualPath) -> Result<&Node, Fault> {
        if path.is_root() {
            return Ok(&Node::Folder);
        }
        self.nodes.get(path).ok_or(Fault::NotFound)
    }

    fn folder(&self, path: &VirtualPath) -> Result<(), Fault> {
        match self.node(path)? {
            Node::Folder => Ok(()),
            Node::File(_) => Err(Fault::NotAFolder),
        }
    }

    fn entry(&self, path: &VirtualPath) -> Result<Entry, Fault> {
        let name = path.name().unwrap_or_default().to_vec();
        let mut entry = match self.node(path)? {
            Node::Folder => Entry::new(name, Kind::Folder),
            Node::File(bytes) => {
                let mut entry = Entry::new(name, Kind::File);
                entry.size = Some(bytes.len() as u64);
                entry
            }
        };
        entry.modified = Some(NOW);
        Ok(entry)
    }
}

#[track_caller]
fn path_of(path: &str) -> VirtualPath {
    match VirtualPath::root().join(path.as_bytes()) {
        Ok(path) => path,
        Err(error) => panic!("{path}: {error}"),
    }
}
