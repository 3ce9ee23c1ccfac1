//! Seccomp: which calls of the kernel the process can still make.
//!
//! The list was made from what the server was seen to use (strace over the tests of the binary and a long
//! session), what SQLite was seen to use in both of its journal modes, and what the C library and the runtime are
//! known to fall back on. Everything else is answered with ENOSYS, as an older kernel would: a library that
//! tries something new then goes the older way, and nothing is killed. Where it can be, a call is allowed
//! whatever its arguments, since the kernel looks those up in a table and runs no filter for them.
//!
//! What is left out on purpose: running programs (`execve`), making processes (`clone` makes threads only, and
//! `clone3`, whose flags no filter can see, is not there), name spaces, tracing, mounts, modules, keys,
//! `bpf`, `io_uring`, `userfaultfd`, and changing user again.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use super::How;

/// Calls that are allowed whatever they are about.
const ALLOWED: &[c_long] = &[
    // Files, by handle and by name.
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_fgetxattr,
    libc::SYS_flock,
    libc::SYS_fremovexattr,
    libc::SYS_fsetxattr,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_getxattr,
    libc::SYS_lgetxattr,
    libc::SYS_linkat,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_removexattr,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_sendfile,
    libc::SYS_setxattr,
    libc::SYS_splice,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_symlinkat,
    libc::SYS_umask,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
    libc::SYS_write,
    libc::SYS_writev,
    // The network.
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_socketpair,
    // Waiting.
    libc::SYS_clock_nanosleep,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_gettime,
    libc::SYS_timerfd_settime,
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_msync,
    libc::SYS_munlock,
    libc::SYS_munmap,
    // Threads, signals and how they end.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_gettid,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_getaffinity,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    // Questions.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_getcpu,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

/// What this architecture has under older names as well.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_epoll_wait,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];

#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// Calls that are allowed with one of these first, second or third arguments only.
const NARROWED: &[(c_long, u8, &[i32])] = &[
    (libc::SYS_socket, 0, &[libc::AF_INET, libc::AF_INET6, libc::AF_UNIX, libc::AF_NETLINK]),
    // Not the one that types into somebody's terminal.
    (libc::SYS_ioctl, 1, &[FIONBIO, FIONREAD, FIOCLEX, TCGETS]),
    (libc::SYS_prctl, 0, &[libc::PR_SET_NAME, libc::PR_GET_NAME]),
];

// The same on x86_64 and aarch64; the C library's constants are of another type on each.
const FIONBIO: i32 = 0x5421;
const FIONREAD: i32 = 0x541B;
const FIOCLEX: i32 = 0x5451;
const TCGETS: i32 = 0x5401;
const TCSETS: u32 = 0x5402;
const TCSETSW: u32 = 0x5403;
const TCSETSF: u32 = 0x5404;
const TCGETS2: u32 = 0x802C_542A;
const TCSETS2: u32 = 0x402C_542B;
const TCSETSW2: u32 = 0x402C_542C;
const TCSETSF2: u32 = 0x402C_542D;
const TIOCGWINSZ: u32 = 0x5413;

/// What a call has to say to make a thread, and not a process.
const THREAD: u64 = (libc::CLONE_THREAD | libc::CLONE_VM) as u64;

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It serves.
    Serve,
    /// It looks at packets, and shows them on a terminal.
    Capture,
}

/// What only a screen asks its terminal for.
const TERMINAL: &[u32] =
    &[TCSETS, TCSETSW, TCSETSF, TCGETS2, TCSETS2, TCSETSW2, TCSETSF2, TIOCGWINSZ];

/// Puts the filter in force, for this thread and those that it starts.
pub(super) fn enforce(purpose: Purpose) -> How {
    let filtered = filter(purpose).and_then(|filter| seccompiler::apply_filter(&filter));
    match filtered {
        Ok(()) => {
            let calls = ALLOWED.len() + OLDER.len() + NARROWED.len() + 2;
            How::InForce(format!("{calls} calls of the kernel, and none that runs a program"))
        }
        Err(error) => How::Lacking(format!("this kernel, or this container, has none: {error}")),
    }
}

fn filter(purpose: Purpose) -> Result<BpfProgram, seccompiler::Error> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> = BTreeMap::new();
    for call in ALLOWED.iter().chain(OLDER) {
        rules.insert(*call, Vec::new());
    }
    for (call, argument, values) in NARROWED {
        let one = |value: &i32| when(*argument, SeccompCmpOp::Eq, u64::from(value.unsigned_abs()));
        rules.insert(*call, values.iter().map(one).collect::<Result<_, _>>()?);
    }
    if purpose == Purpose::Capture {
        let second = |value: u32| when(1, SeccompCmpOp::Eq, u64::from(value));
        let more = TERMINAL.iter().map(|value| second(*value)).collect::<Result<Vec<_>, _>>()?;
        rules.entry(libc::SYS_ioctl).or_default().extend(more);
        // Ctrl-Z: the screen stops itself.
        rules.insert(libc::SYS_kill, vec![second(libc::SIGTSTP.unsigned_abs())?]);
    }
    rules.insert(libc::SYS_clone, vec![when(0, SeccompCmpOp::MaskedEq(THREAD), THREAD)?]);
    // The limits of a process may be read, not changed: the new ones are at no address.
    let unchanged = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![unchanged])?]);
    let refuse = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let architecture = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules, refuse, SeccompAction::Allow, architecture)?;
    Ok(filter.try_into()?)
}

/// A rule over the lower half of an argument, which is all that these calls look at.
fn when(
    argument: u8,
    is: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, value)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::process::Command;

    /// Does this in a thread behind the filter; nothing where the kernel has no seccomp.
    fn behind<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let thread = std::thread::spawn(move || match enforce(Purpose::Serve) {
            How::InForce(_) => Some(work()),
            How::Lacking(_) | How::Off(_) => None,
        });
        thread.join().unwrap()
    }

    #[test]
    fn threads_start_and_programs_do_not() {
        let tried = behind(|| {
            let sum: i32 = (1..4).map(|n| std::thread::spawn(move || n).join().unwrap()).sum();
            (sum, Command::new("/bin/true").status().map_err(|error| error.raw_os_error()))
        });
        if let Some((sum, program)) = tried {
            assert_eq!(sum, 6);
            assert_eq!(program.unwrap_err(), Some(libc::ENOSYS));
        }
    }

    #[test]
    fn what_is_not_on_the_list_is_answered_as_by_an_older_kernel() {
        let user = rustix::process::getuid();
        let switched = behind(move || rustix::thread::set_thread_uid(user));
        assert!(switched.is_none_or(|result| result == Err(rustix::io::Errno::NOSYS)));
        let packets = || {
            let socket = rustix::net::socket(
                rustix::net::AddressFamily::PACKET,
                rustix::net::SocketType::RAW,
                None,
            );
            socket.map(drop)
        };
        assert!(behind(packets).is_none_or(|result| result == Err(rustix::io::Errno::NOSYS)));
    }

    #[test]
    fn names_are_looked_up_and_files_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        let done = behind(move || -> io::Result<usize> {
            use std::net::ToSocketAddrs as _;
            std::fs::write(&file, "x")?;
            let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
            listener.set_nonblocking(true)?;
            Ok(("localhost", 21).to_socket_addrs()?.count())
        });
        assert!(done.is_none_or(|found| found.unwrap() > 0));
    }
}
