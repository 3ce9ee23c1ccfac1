//! How the process is to be confined, by the file and the command line together.
//!
//! What each measure does is in `confine.rs`. Whoever switches one off is named, so that the log can tell.

use super::file::File;
use super::place::Mistake;
use crate::args::serve::ServeArgs;
use crate::confine::{Privileges, Switch, Wanted};

/// What is wanted; a mistake where somebody is to be become and nothing to be given up.
pub(super) fn wanted(file: &File, arguments: &ServeArgs) -> Result<Wanted, Mistake> {
    let foreign = file.accounts.runs_foreign_code();
    let file = &*file.process;
    let keep = file.drop_privileges == Some(false);
    match &file.run_as {
        Some(run_as) if arguments.no_confinement || keep => {
            let reason = "run-as cannot be followed: the privileges of the start are to be kept, by \
                          --no-confinement or drop-privileges";
            return Err(Mistake::at(run_as.span(), reason));
        }
        Some(_) | None => {}
    }
    if arguments.no_confinement {
        return Ok(Wanted::nothing("--no-confinement"));
    }
    let said = file.run_as.as_ref().map(|run_as| &run_as.get_ref().0);
    let privileges = match arguments.run_as.as_ref().or(said) {
        None if keep => Privileges::Keep("drop-privileges in [process]"),
        run_as => Privileges::Drop(run_as.cloned()),
    };
    let switch = |said: Option<bool>, by| match (said, foreign) {
        (Some(false), _) => Switch::Off(by),
        (Some(true) | None, Some(foreign)) => Switch::Off(foreign),
        (Some(true) | None, None) => Switch::On,
    };
    Ok(Wanted {
        privileges,
        no_new_privileges: Switch::On,
        landlock: switch(file.landlock, "landlock in [process]"),
        seccomp: switch(file.seccomp, "seccomp in [process]"),
    })
}
