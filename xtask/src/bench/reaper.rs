//! What a measurement has started ends with it, however it ends.
//!
//! A signal handler would not be asked when we are killed, and what the kernel does for children of the dead is undone as
//! soon as a server changes its user. So a shell beside us hears from us which process groups there are and which
//! folders are ours, until the pipe between us ends: because we have ended, one way or the other. Then it ends those groups
//! and removes those folders.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps the list, and does what is to be done at its end. Nothing but that end concerns it.
const SCRIPT: &str = r#"trap '' INT TERM HUP
groups=' '
while read -r what name; do
    case $what in
        begins) groups="$groups$name " ;;
        over) groups="${groups%% $name *} ${groups#* $name }" ;;
        folder) set -- "$@" "$name" ;;
    esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
for folder in "$@"; do rm -rf -- "$folder"; done 2>/dev/null"#;

/// The shell beside us. Clones mean the same one.
#[derive(Clone, Debug)]
pub(super) struct Reaper(Arc<Mutex<ChildStdin>>);

/// A process group that was started by us, and ends with us.
#[derive(Debug)]
pub(super) struct Group {
    /// Its first process; none when it has been waited for.
    child: Option<Child>,
    reaper: Reaper,
}

impl Reaper {
    /// Starts it.
    pub(super) fn start() -> io::Result<Self> {
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT, "reaper"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipe = child.stdin.take().ok_or_else(|| io::Error::other("it has no pipe"))?;
        Ok(Self(Arc::new(Mutex::new(pipe))))
    }

    /// This folder is to be removed at the end.
    pub(super) fn minds(&self, folder: &Path) -> io::Result<()> {
        self.hears(&format!("folder {}", folder.display()))
    }

    /// Starts a command as a group of its own.
    pub(super) fn spawn(&self, command: &mut Command) -> io::Result<Group> {
        let child = command.process_group(0).spawn()?;
        let group = Group { child: Some(child), reaper: self.clone() };
        self.hears(&format!("begins {}", group.id()))?;
        Ok(group)
    }

    fn hears(&self, line: &str) -> io::Result<()> {
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pipe.write_all(format!("{line}\n").as_bytes())
    }
}

impl Group {
    /// The number of its first process, and of the group.
    pub(super) fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// The first process.
    pub(super) fn child(&mut self) -> io::Result<&mut Child> {
        self.child.as_mut().ok_or_else(|| io::Error::other("it has been waited for"))
    }

    /// The first process, for whoever waits for it: when that is done, the group is held to have ended.
    pub(super) fn wait_by<T>(mut self, wait: impl FnOnce(Child) -> io::Result<T>) -> io::Result<T> {
        let id = self.id();
        let child = self.child.take().ok_or_else(|| io::Error::other("it has been waited for"))?;
        let waited = wait(child);
        self.reaper.hears(&format!("over {id}"))?;
        waited
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // It may have ended by itself; then there is nothing to end. Its number is its own until it is waited for.
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.reaper.hears(&format!("over {}", child.id()));
        let _ = child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::time::{Duration, Instant};

    /// A command that lasts.
    fn lasting() -> Command {
        let mut command = Command::new("sleep");
        command.arg("20");
        command
    }

    fn was_killed(group: &mut Group) -> bool {
        group.child().unwrap().wait().unwrap().signal() == Some(9)
    }

    #[test]
    fn what_runs_when_the_pipe_ends_is_ended_and_the_folder_removed() {
        let reaper = Reaper::start().unwrap();
        let folder = tempfile::tempdir().unwrap().keep();
        reaper.minds(&folder).unwrap();
        let mut groups = [(); 3].map(|()| reaper.spawn(&mut lasting()).unwrap());
        let [_, over, _] = &mut groups;
        reaper.hears(&format!("over {}", over.id())).unwrap();
        // As if we were killed: the other end of the pipe is closed.
        let mut other = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
        *reaper.0.lock().unwrap() = other.stdin.take().unwrap();
        other.wait().unwrap();
        let [first, over, last] = &mut groups;
        assert!(was_killed(first) && was_killed(last));
        assert!(over.child().unwrap().try_wait().unwrap().is_none(), "it was said to be over");
        let end = Instant::now() + Duration::from_secs(20);
        while folder.exists() {
            assert!(Instant::now() < end, "the folder is still there");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_group_ends_when_it_is_dropped() {
        let reaper = Reaper::start().unwrap();
        let group = reaper.spawn(&mut lasting()).unwrap();
        let process = std::path::PathBuf::from(format!("/proc/{}", group.id()));
        assert!(process.exists());
        drop(group);
        assert!(!process.exists());
    }
}
