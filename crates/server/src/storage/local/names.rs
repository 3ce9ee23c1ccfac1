//! Turns at a name: whoever gives a name another file, or takes it away, does that alone.
//!
//! So what was seen under a name is still there when it is replaced, whichever sessions and trees lead to it.
//! Names share their turns by chance, which only ever makes one wait for the other; nobody holds two. Other
//! programs know nothing of them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

static TURNS: [Mutex<()>; 64] = [const { Mutex::new(()) }; 64];

/// The turn at a name, in whichever folder it is.
pub(super) fn turn(name: &[u8]) -> MutexGuard<'static, ()> {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let which = usize::try_from(hasher.finish() % TURNS.len() as u64).unwrap_or(0);
    // Nothing is in it that somebody who panicked could have left half done.
    TURNS[which].lock().unwrap_or_else(PoisonError::into_inner)
}
