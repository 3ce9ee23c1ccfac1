//! Removing a folder with all that is in it, and asking what one name is.
//!
//! Links are removed and never followed. A name that could lead out of its folder is not removed, whatever the server
//! lists: it is told as a failure. How deep a tree may be is bounded, because a server can make up folders for ever.

use wharf_proto::listing::names::is_plain;
use wharf_proto::listing::{Entry, Kind, Role, mlsx};
use wharf_proto::{Command, Text};

use crate::folder::Dots;
use crate::{Deed, Error, Session, quiet};

/// How many folders may lie within each other.
const DEPTH: usize = 256;

/// What was done with one name, and what came of it.
pub type Told<'t> = dyn FnMut(Deed, &Text, Result<(), Error>) + Send + 't;

/// A folder that is being removed.
struct Level {
    path: Text,
    /// What is still to be removed in it, the last one first.
    left: Vec<Entry>,
}

impl Session {
    /// Removes a file, or a folder with all that is in it. What could not be removed is told, and the rest is tried all
    /// the same; `told` hears of everything that is gone or stays.
    ///
    /// # Errors
    /// Those that end the session; whatever is about one name is told.
    pub async fn remove_tree(&mut self, path: &Text, told: &mut Told<'_>) -> Result<(), Error> {
        let refusal = match self.delete(path).await {
            Ok(_) => {
                told(Deed::Delete, path, Ok(()));
                return Ok(());
            }
            Err(error @ Error::Refused { .. }) => error,
            Err(error) => return Err(error),
        };
        let base = self.absolute(path).await?;
        let dots = Dots::default();
        let mut levels = match self.members(&base, &dots).await {
            Ok(left) => vec![Level { path: base, left }],
            // It is no folder either: what DELE says of it counts.
            Err(Error::Refused { .. }) => {
                let refused = self.with_reason(path, Err(refusal)).await;
                told(Deed::Delete, path, refused);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        while let Some(level) = levels.last_mut() {
            let Some(entry) = level.left.pop() else {
                let path = level.path.clone();
                levels.pop();
                let removed = self.rmdir(&path).await.map(drop).map_err(Error::of_listed);
                tell(Deed::Remove, &path, removed, told)?;
                continue;
            };
            let below = Text::from([level.path.as_bytes(), b"/", &entry.name].concat());
            if !is_plain(&entry.name) {
                let deed = if entry.kind == Kind::Folder { Deed::Remove } else { Deed::Delete };
                told(deed, &below, Err(Error::UnsafeName { name: entry.name.into() }));
            } else if entry.kind != Kind::Folder {
                let removed = self.delete(&below).await.map(drop).map_err(Error::of_listed);
                tell(Deed::Delete, &below, removed, told)?;
            } else if levels.len() == DEPTH {
                told(Deed::Remove, &below, Err(Error::TooDeep { depth: DEPTH }));
            } else {
                levels.extend(self.level(below, &dots, told).await?);
            }
        }
        Ok(())
    }

    /// A folder and what is in it; `None` where it cannot be looked into, which is told.
    async fn level(
        &mut self,
        path: Text,
        dots: &Dots,
        told: &mut Told<'_>,
    ) -> Result<Option<Level>, Error> {
        match self.members(&path, dots).await {
            Ok(left) => Ok(Some(Level { path, left })),
            Err(error) => {
                tell(Deed::List, &path, Err(error), told)?;
                Ok(None)
            }
        }
    }

    /// What is in a folder.
    async fn members(&mut self, path: &Text, dots: &Dots) -> Result<Vec<Entry>, Error> {
        let limit = u64::try_from(self.listing_limit).unwrap_or(u64::MAX);
        let rows = self.list_folder(path, dots, limit, &mut quiet()).await?.rows()?;
        // What stands in a row that cannot be read stays, and so RMD says that the folder is not empty.
        let rows = rows.readable();
        rows.filter(|row| row.as_ref().map_or(true, |row| row.role == Role::Member)).collect()
    }

    /// The path from the root on, so that it means the same wherever the session goes.
    async fn absolute(&mut self, path: &Text) -> Result<Text, Error> {
        let bytes = path.as_bytes();
        let bytes = bytes.strip_suffix(b"/").filter(|rest| !rest.is_empty()).unwrap_or(bytes);
        if bytes.starts_with(b"/") {
            return Ok(bytes.into());
        }
        let here = self.pwd().await?;
        let here = here.as_bytes().strip_suffix(b"/").unwrap_or(here.as_bytes());
        Ok([here, b"/", bytes].concat().into())
    }

    /// What one name is: by MLST, else by SIZE, MDTM and CWD, as far as these tell. The name in it is the path as it
    /// was given.
    ///
    /// # Errors
    /// `Refused` where there is no such name, and those of the control connection.
    pub async fn stat(&mut self, path: &Text) -> Result<Entry, Error> {
        if self.features().await?.has("MLST") {
            match self.stat_by_mlst(path).await {
                // It is in FEAT, and not there; MLSD may be all the same.
                Err(error @ Error::Refused { .. })
                    if matches!(error.code(), Some(500 | 502 | 504)) => {}
                told => return told,
            }
        }
        let (size, modified) = (self.size(path).await?, self.mdtm(path).await?);
        let mut entry = Entry::new(path.as_bytes().to_vec(), Kind::File);
        (entry.size, entry.modified) = (size, modified);
        if size.is_none() {
            // A folder has no size; and what cannot be entered either is not there, or nobody's business.
            self.look_into(path).await?;
            entry.kind = Kind::Folder;
        }
        Ok(entry)
    }

    pub(crate) async fn stat_by_mlst(&mut self, path: &Text) -> Result<Entry, Error> {
        let reply = self.completed(&Command::Mlst(Some(path.clone()))).await?;
        let row = reply.lines.get(1).map(Text::as_bytes).unwrap_or_default();
        let found = mlsx::read(row.strip_prefix(b" ").unwrap_or(row));
        let malformed = || Error::Malformed { wanted: "facts", last: self.control.last_boxed() };
        let mut entry = found.ok_or_else(malformed)?;
        entry.name = path.as_bytes().to_vec();
        Ok(entry)
    }
}

/// Tells what became of a name, unless the session has ended with it.
fn tell(
    deed: Deed,
    path: &Text,
    result: Result<(), Error>,
    told: &mut Told<'_>,
) -> Result<(), Error> {
    match result {
        Ok(()) | Err(Error::Refused { .. } | Error::RefusedFor { .. } | Error::Unsendable(_)) => {
            told(deed, path, result);
            Ok(())
        }
        Err(error) => Err(error),
    }
}
