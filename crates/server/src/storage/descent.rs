//! The way of a walk through a tree: depth first, with the folders that wait for their turn as bare names.
//!
//! Memory is one path and those names, and neither is without bound: who makes a tree that is deeper, or a folder
//! with more folders in it than anybody can use, is told so, and costs nobody else anything. Nothing stays open
//! between two steps.

use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Cannot, Fault};

/// How deep a walk goes.
const DEEPEST: usize = 256;

/// The most bytes of names that wait.
const WAITING: usize = 16 << 20;

/// A walk on its way.
pub(crate) struct Descent {
    at: VirtualPath,
    /// The names that wait, each with its length behind it.
    names: Vec<u8>,
    /// Where in them those of each folder on the way begin.
    levels: Vec<usize>,
    begun: bool,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A folder to be looked into; the folders in it are to be [added](Descent::add).
    Into(VirtualPath),
    /// A folder, not the root of the walk, that has been seen with all that is beneath it.
    OutOf(VirtualPath),
}

impl Descent {
    /// Begins with this folder.
    pub(crate) fn from(root: VirtualPath) -> Self {
        Self { at: root, names: Vec::new(), levels: Vec::new(), begun: false }
    }

    /// A folder in the one that is being looked into.
    ///
    /// # Errors
    /// [`Cannot::TooMuch`], and for [`Self::step`] as well.
    pub(crate) fn add(&mut self, name: &[u8]) -> Result<(), Fault> {
        let length = u16::try_from(name.len()).map_err(|_| too_much())?;
        if self.names.len() + name.len() + size_of_val(&length) > WAITING {
            return Err(too_much());
        }
        self.names.extend_from_slice(name);
        self.names.extend_from_slice(&length.to_be_bytes());
        Ok(())
    }

    /// The next step, as long as there is one.
    pub(crate) fn step(&mut self) -> Result<Option<Step>, Fault> {
        if !self.begun {
            self.begun = true;
            self.levels.push(0);
            return Ok(Some(Step::Into(self.at.clone())));
        }
        let Some(begin) = self.levels.last() else { return Ok(None) };
        if self.names.len() == *begin {
            self.levels.pop();
            let left = self.at.clone();
            self.at = left.parent();
            return Ok((!self.levels.is_empty()).then_some(Step::OutOf(left)));
        }
        if self.levels.len() > DEEPEST {
            return Err(too_much());
        }
        let name = self.pop();
        self.at = self.at.join(&name).map_err(|_| too_much())?;
        self.levels.push(self.names.len());
        Ok(Some(Step::Into(self.at.clone())))
    }

    /// The name that was added last.
    fn pop(&mut self) -> Vec<u8> {
        let (low, high) = (self.names.pop(), self.names.pop());
        let length = u16::from_be_bytes([high.unwrap_or(0), low.unwrap_or(0)]);
        self.names.split_off(self.names.len().saturating_sub(length.into()))
    }
}

fn too_much() -> Fault {
    Fault::Unsupported(Cannot::TooMuch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> VirtualPath {
        VirtualPath::root().join(text.as_bytes()).unwrap()
    }

    #[test]
    fn each_folder_is_left_when_all_beneath_it_has_been_seen() {
        let mut descent = Descent::from(path("/r"));
        let mut steps = Vec::new();
        while let Some(step) = descent.step().unwrap() {
            if step == Step::Into(path("/r")) {
                descent.add(b"a").unwrap();
                descent.add(b"b").unwrap();
            }
            if step == Step::Into(path("/r/b")) {
                descent.add(b"c").unwrap();
            }
            steps.push(step);
        }
        let (into, out) = (|text| Step::Into(path(text)), |text| Step::OutOf(path(text)));
        let b = [into("/r/b"), into("/r/b/c"), out("/r/b/c"), out("/r/b")];
        let a = [into("/r/a"), out("/r/a")];
        let all: Vec<Step> = [into("/r")].into_iter().chain(b).chain(a).collect();
        assert_eq!(steps, all);
        assert_eq!(descent.step(), Ok(None));
    }

    #[test]
    fn a_tree_deeper_than_anybody_needs_is_refused() {
        let mut descent = Descent::from(VirtualPath::root());
        let mut deep = 0;
        let end = loop {
            match descent.step() {
                Ok(Some(_)) => descent.add(b"d").unwrap(),
                end => break end,
            }
            deep += 1;
        };
        assert_eq!((end, deep), (Err(too_much()), DEEPEST + 1));
    }

    #[test]
    fn what_waits_is_bounded_and_is_let_go_of() {
        let mut descent = Descent::from(VirtualPath::root());
        descent.step().unwrap();
        let name = [b'n'; 255];
        let mut added = 0;
        let end = loop {
            match descent.add(&name) {
                Ok(()) => added += 1,
                Err(fault) => break fault,
            }
        };
        assert_eq!((end, added), (too_much(), WAITING / 257));
        let mut seen = 0;
        while let Some(step) = descent.step().unwrap() {
            seen += usize::from(matches!(step, Step::Into(_)));
        }
        assert_eq!((seen, descent.names.len()), (added, 0));
    }
}
