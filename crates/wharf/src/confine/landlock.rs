//! Landlock: which files the process can still open.
//!
//! Only files. What may be reached over the network is not narrowed: in active mode clients name any port from
//! 1024 up, and an ephemeral port may be listened on at any time, so a list of ports would hold everything.
//! Changing the mode, the times and the attributes of a file is not Landlock's to refuse, which is why
//! `/proc/self/fd`, through which storage does that, needs no rule.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible, LandlockStatus, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope, make_bitflags,
    path_beneath_rules,
};

use super::How;

/// What has been tried. Later kernels know more to refuse, which would be refused without a trial.
const TRIED: ABI = ABI::V7;

const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});

/// No device, no socket, no fifo and nothing to run is made or opened by a file server.
const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | MakeSym | RemoveFile | RemoveDir | Refer
});

/// A file that is added to, and the one that takes its name when it was moved away.
const ADD: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | WriteFile | MakeReg});

/// What the C library and the time zone need; which of them there are is the system's affair. Not all of `/etc`:
/// root without capabilities still owns `/etc/shadow`.
const SYSTEM: [&str; 12] = [
    "/dev/urandom",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/resolv.conf",
    "/etc/services",
    "/sys/devices/system/cpu/online",
    "/usr/share/zoneinfo",
];

/// A file or a tree that the server reaches while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What is done there.
    pub(crate) how: Reach,
}

/// What the server does beneath a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It reads.
    Read,
    /// It makes files and adds to them, and takes nothing away.
    Add,
    /// It reads, and changes whatever there is.
    Write,
}

impl Reach {
    fn rights(self) -> BitFlags<AccessFs> {
        match self {
            Self::Read => READ,
            Self::Add => ADD,
            Self::Write => WRITE,
        }
    }
}

/// Rules that are not in force yet. What they name is open already.
pub(super) struct Rules {
    ruleset: Result<RulesetCreated, String>,
    words: String,
}

impl Rules {
    /// Opens what is to stay in reach.
    pub(super) fn prepare(reach: &[Access]) -> anyhow::Result<Self> {
        // A kernel that cannot make rules is told about when they are to be in force.
        let ruleset = match begin() {
            Ok(ruleset) => Ok(reach.iter().try_fold(ruleset, allow)?),
            Err(error) => Err(error.to_string()),
        };
        Ok(Self { ruleset, words: words(reach) })
    }

    /// Puts them in force, for this thread and those that it starts.
    pub(super) fn enforce(self) -> How {
        let status = match self.ruleset.map(RulesetCreated::restrict_self) {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => return How::Lacking(error.to_string()),
            Err(error) => return How::Lacking(error),
        };
        match (status.ruleset, status.landlock) {
            (RulesetStatus::FullyEnforced, LandlockStatus::Available { effective_abi, .. }) => {
                How::InForce(format!("{} (ABI {effective_abi})", self.words))
            }
            (RulesetStatus::PartiallyEnforced, LandlockStatus::Available { effective_abi, .. }) => {
                How::InForce(format!(
                    "{} (ABI {effective_abi}, which does not cover {})",
                    self.words,
                    uncovered(effective_abi)
                ))
            }
            (_, LandlockStatus::NotEnabled) => {
                How::Lacking("this kernel has it, and it is not enabled".to_owned())
            }
            (_, LandlockStatus::NotImplemented) => {
                How::Lacking("this kernel, or this container, has none".to_owned())
            }
            (_, LandlockStatus::Available { effective_abi, .. }) => How::Lacking(format!(
                "this kernel's is too old (ABI {effective_abi}): it could not rename from folder to folder"
            )),
        }
    }
}

fn begin() -> Result<RulesetCreated, landlock::RulesetError> {
    // Without Refer, which came with ABI 2, renaming into another folder would be refused for ever: no rules
    // are better than those.
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::SoftRequirement)
        .handle_access(AccessFs::Refer)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(TRIED))?
        .scope(Scope::from_all(TRIED))?
        .create()?;
    let null = make_bitflags!(AccessFs::{ReadFile | WriteFile});
    ruleset
        .add_rules(path_beneath_rules(SYSTEM, READ))?
        .add_rules(path_beneath_rules(["/dev/null"], null))
}

fn allow(ruleset: RulesetCreated, access: &Access) -> anyhow::Result<RulesetCreated> {
    let cannot = || format!("cannot keep {} in reach", access.path.display());
    std::fs::metadata(&access.path).with_context(cannot)?;
    let rules = path_beneath_rules([&access.path], access.how.rights());
    let rules: Vec<_> = rules.collect();
    ensure!(!rules.is_empty(), "{}: it cannot be opened", cannot());
    ruleset.add_rules(rules).with_context(cannot)
}

/// What an older kernel lets through.
fn uncovered(abi: ABI) -> &'static str {
    match abi {
        ABI::Unsupported | ABI::V1 => "anything",
        ABI::V2 => "cutting files short, devices, and signals to other processes",
        ABI::V3 | ABI::V4 => "devices, and signals to other processes",
        _ => "signals to other processes",
    }
}

fn words(reach: &[Access]) -> String {
    let list = |how: Reach, words: &str| {
        let paths = reach.iter().filter(|access| access.how == how);
        let paths: Vec<_> = paths.map(|access| shown(&access.path)).collect();
        (!paths.is_empty()).then(|| format!("{words} {}", paths.join(", ")))
    };
    let write = list(Reach::Write, "reads and writes beneath");
    let nowhere = write.is_none().then(|| "writes nowhere".to_owned());
    let add = list(Reach::Add, "adds to files beneath");
    let nowhere = nowhere.filter(|_| add.is_none());
    let all = [list(Reach::Read, "reads beneath"), write, nowhere, add];
    all.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A path as those know it who start the server from another folder.
fn shown(path: &Path) -> String {
    let whole = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    whole.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Does this in a thread under these rules; nothing where the kernel has no Landlock.
    fn under<T: Send + 'static>(
        reach: Vec<Access>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let thread = std::thread::spawn(move || match Rules::prepare(&reach).unwrap().enforce() {
            How::InForce(_) => Some(work()),
            How::Lacking(_) | How::Off(_) => None,
        });
        thread.join().unwrap()
    }

    #[test]
    fn only_what_is_named_is_reached_and_written_only_where_that_is_said() {
        let (read, write, other) = (
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
        );
        let [r, w, o] = [&read, &write, &other].map(|folder| {
            fs::write(folder.path().join("f"), "x").unwrap();
            fs::create_dir(folder.path().join("d")).unwrap();
            folder.path().to_owned()
        });
        let reach = vec![
            Access { path: r.clone(), how: Reach::Read },
            Access { path: w.clone(), how: Reach::Write },
        ];
        let refusals = under(reach, move || {
            fs::read(r.join("f")).unwrap();
            fs::read_dir(&r).unwrap();
            fs::write(w.join("g"), "y").unwrap();
            fs::rename(w.join("f"), w.join("d/f")).unwrap();
            fs::remove_file(w.join("d/f")).unwrap();
            fs::write("/dev/null", "z").unwrap();
            [
                fs::write(r.join("f"), "y"),
                fs::create_dir(r.join("e")),
                fs::remove_file(r.join("f")),
                fs::read(o.join("f")).map(drop),
                fs::rename(w.join("g"), o.join("g")),
                fs::read("/etc/shadow").map(drop),
                std::process::Command::new("/bin/true").status().map(drop),
            ]
        });
        for (number, refusal) in refusals.into_iter().flatten().enumerate() {
            assert!(refusal.is_err(), "{number}");
        }
    }

    #[test]
    fn what_is_not_there_cannot_be_kept_in_reach() {
        let lost = Access { path: "/no/such/folder".into(), how: Reach::Read };
        let told = Rules::prepare(&[lost]).err();
        // Where there is no Landlock nothing is kept at all.
        assert!(told.is_none_or(|told| told.to_string().contains("/no/such/folder")));
    }
}
