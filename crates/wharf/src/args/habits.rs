//! Options that people know from curl, wget, lftp, ncftp and rclone: what they are called here.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Options of others, and what does the same here.
const OPTIONS: &[(&[&str], &str)] = &[
    (
        &["-c", "-C", "--continue", "--continue-at"],
        "get goes on with what is there by itself, put does with --resume",
    ),
    (
        &["-P", "--parallel", "--transfers", "-Z"],
        "--jobs N moves so many files at a time, --segments N so many parts of one",
    ),
    (
        &["-x", "--split", "--max-connection-per-server", "--pget-n"],
        "--segments N fetches one file over N sessions",
    ),
    (
        &["-R", "--recursive"],
        "-r moves a folder with all that is below it; sync LOCAL URL mirrors upwards",
    ),
    (&["--reverse"], "sync LOCAL URL makes the tree on the server like the one here"),
    (&["-m", "--mirror"], "wharf sync makes one tree like the other, either way"),
    (&["-T", "--upload-file"], "wharf put FILE URL stores a file; - is standard input"),
    (
        &["-O", "--remote-name", "--output-document"],
        "get keeps the name of the URL by itself; -o FILE says another one, -o - is standard output",
    ),
    (
        &["-u", "--user", "--username", "--pass", "--password", "--ftp-user", "--ftp-password"],
        "user and password stand in the URL, ftp://user@host/, and the password better in WHARF_PASSWORD or ~/.netrc",
    ),
    (&["-k", "--no-check-certificate"], "--insecure trusts any certificate"),
    (&["-s", "--silent", "-nv", "--no-verbose"], "-q says only what went wrong"),
    (
        &["-v", "--verbose", "-d", "--debug"],
        "--trace draws the session, --explain says how the server was reached",
    ),
    (&["-l", "--list-only"], "ls -1 lists names alone"),
    (&["-Q", "--quote"], "wharf shell sends any command with quote"),
    (&["-a", "--append"], "wharf shell has append"),
    (
        &["--ssl-reqd", "--ssl", "--ftp-ssl", "--ftps", "--ftp-tls"],
        "ftpes:// in place of ftp:// in the URL wants TLS",
    ),
    (&["-B", "--use-ascii", "-A"], "--ascii moves text"),
    (&["--max-time", "--connect-timeout", "--contimeout"], "--timeout SECONDS"),
    (
        &["--ftp-create-dirs"],
        "wharf mkdir -p makes folders with those above them; put -r makes its own",
    ),
    (&["--socks5", "--preproxy", "--proxy-user"], "--proxy socks5://user:password@host"),
    (&["--ftp-pasv", "--passive-ftp"], "--passive"),
    (
        &["-E", "--disable-epsv", "--no-epsv"],
        "a server that does not answer EPSV is asked by PASV by itself; --plain never asks by EPSV",
    ),
    (&["--ftp-port", "--no-passive-ftp"], "--active"),
    (&["--checksum", "-i"], "--verify compares digests; sync has --compare hash"),
    (&["--retry", "--tries", "-t"], "--retries N"),
    (&["--rate", "--bwlimit", "--limit"], "--limit-rate RATE, such as 2M"),
    (&["-n", "--dry-run", "--just-print"], "sync has --dry-run"),
];

/// The same error, which tells what is called otherwise here.
pub(super) fn with_habits(mut error: clap::Error) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(wanted)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let wanted = wanted.split('=').next().unwrap_or_default().to_owned();
    if let Some((_, tip)) = OPTIONS.iter().find(|(names, _)| names.contains(&&*wanted)) {
        let tips = ContextValue::StyledStrs(vec![(*tip).into()]);
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::TrailingArg);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Arguments;

    #[test]
    fn who_types_what_another_client_knows_is_told_what_it_is_called_here() {
        for (words, tip) in [
            (&["get", "-c", "ftp://h/x"][..], "by itself"),
            (&["put", "-T", "x", "ftp://h/"], "wharf put FILE URL"),
            (&["get", "--parallel=5", "ftp://h/x"], "--jobs N"),
            (&["ls", "--ssl-reqd", "ftp://h/"], "ftpes://"),
            (&["sync", "--reverse", "a", "ftp://h/"], "sync LOCAL URL"),
        ] {
            let words = ["wharf"].iter().chain(words);
            let told = with_habits(Arguments::try_parse_from(words).unwrap_err()).to_string();
            assert!(told.contains(tip), "{told}");
        }
    }

    #[test]
    fn no_option_is_told_twice() {
        let mut names: Vec<_> = OPTIONS.iter().flat_map(|(names, _)| names.iter()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
