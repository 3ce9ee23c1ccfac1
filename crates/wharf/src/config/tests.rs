//! Files and arguments together: what they mean, and where each mistake is found.

use std::fs;
use std::ops::RangeInclusive;

use clap::Parser as _;
use wharf_proto::server::TlsPolicy;
use wharf_proto::{Secret, Text};
use wharf_server::accounts::{Attempt, Member, Mounted, Verdict};
use wharf_server::storage::local::LocalFolder;
use wharf_server::{Guarding, Trusted};

use super::*;
use crate::args::{Arguments, Command};
use crate::confine::{Privileges, Reach, Switch};

const EXAMPLE: &str = include_str!("../../../../examples/serve.toml");

fn typed(words: &[&str]) -> ServeArgs {
    let words = ["wharf", "serve"].iter().chain(words);
    match Arguments::try_parse_from(words).unwrap().command {
        Command::Serve(arguments) => arguments,
        other => panic!("{other:?}"),
    }
}

/// Reads this file with these arguments; a mistake is told without the name of the file.
fn read(file: &str, words: &[&str]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("serve.toml");
    fs::write(&path, file).unwrap();
    let mut arguments = typed(words);
    arguments.config = Some(path.clone());
    Settings::read(&arguments).map_err(|Usage(told)| {
        told.strip_prefix(&format!("{}:", path.display())).unwrap_or(&told).to_owned()
    })
}

fn config(settings: &Settings) -> Config {
    let folder = tempfile::tempdir().unwrap();
    settings.server(Arc::new(LocalFolder::open(folder.path()).unwrap()))
}

fn lets_in(config: &Config, name: &str, password: &str) -> bool {
    member(&config.accounts, name, password).is_some()
}

/// Who this is, if it is let in.
fn member(accounts: &Accounts, name: &str, password: &str) -> Option<Member> {
    let password = Secret::new(password.as_bytes().to_vec());
    match accounts.verify(&Attempt::new(Text::from(name), password)) {
        Verdict::In(member) => Some(*member),
        Verdict::Refused(_) | Verdict::WantsCode => None,
    }
}

fn ports(range: RangeInclusive<u16>) -> Option<RangeInclusive<u16>> {
    Some(range)
}

#[test]
fn an_empty_file_and_no_file_mean_the_defaults() {
    for settings in [read("", &[]).unwrap(), Settings::read(&typed(&[])).unwrap()] {
        assert_eq!(settings.folder, PathBuf::from("."));
        assert!(settings.log_format == LogFormat::Text && !settings.quiet);
        let config = config(&settings);
        assert_eq!(config.listen, ["[::]:2121".parse().unwrap()]);
        assert!(lets_in(&config, "anonymous", "x"));
        assert_eq!((config.sessions, config.passive_ports), (20_000, None));
    }
}

#[test]
fn every_key_of_the_example_arrives() {
    let settings = read(EXAMPLE, &[]).unwrap();
    assert_eq!(settings.folder, PathBuf::from("/srv/ftp"));
    assert!(settings.log_format == LogFormat::Json && settings.quiet);
    let config = config(&settings);
    assert_eq!(config.listen, ["[::]:21".parse().unwrap()]);
    assert!(lets_in(&config, "ann", "a long secret") && !lets_in(&config, "ann", "x"));
    assert!(!lets_in(&config, "anonymous", "x"));
    assert_eq!(config.passive_ports, ports(50_000..=50_100));
    assert_eq!(settings.public_address().unwrap(), Some("192.0.2.1".parse().unwrap()));
    assert!(config.archives && config.sync_uploads);
    assert_eq!(config.foreign, ["198.51.100.0/24".parse().unwrap()]);
    assert!(config.policy.complete_with_250);
    assert_eq!(config.policy.greeting, "The harbour office.");
    assert_eq!(config.policy.tls, Some(TlsPolicy::default()));
    assert_eq!(config.listen_clear, ["127.0.0.1:2121".parse().unwrap()]);
    assert_eq!(config.listen_implicit, ["[::]:990".parse().unwrap()]);
    assert_eq!((config.sessions, config.strangers_per_address), (1000, 16));
    assert_eq!(config.policy.login_time, Duration::from_secs(30));
    assert_eq!(config.policy.idle_time, Duration::from_secs(600));
    assert_eq!(config.data_idle_time, Duration::from_secs(120));
    assert_eq!((config.reserve, config.sessions_per_address), (4, 100));
    assert_eq!(config.listeners_per_address, 50);
    let networks = ["10.0.0.0/8", "2001:db8::/32", "127.0.0.1/32"];
    assert_eq!(config.trusted, Trusted::new(networks.map(|net| net.parse().unwrap()).to_vec()));
    let rules = Guarding {
        free_refusals: 3,
        longest_delay: Duration::from_secs(5),
        ban_after: 20.try_into().unwrap(),
        ban_time: Duration::from_secs(3600),
        half_life: Duration::from_secs(1200),
    };
    assert_eq!(config.guard, Some(rules));
    let Wanted { privileges, no_new_privileges, landlock, seccomp } = settings.confinement;
    assert_eq!(privileges, Privileges::Drop(Some("nobody".parse().unwrap())));
    assert_eq!(no_new_privileges, Switch::On);
    assert_eq!(landlock, Switch::Off("landlock in [process]"));
    assert_eq!(seccomp, Switch::Off("seccomp in [process]"));
}

#[test]
fn the_process_is_confined_unless_somebody_says_otherwise() {
    let wanted = |file: &str, words: &[&str]| read(file, words).map(|read| read.confinement);
    assert_eq!(wanted("", &[]), Ok(Wanted::default()));
    assert_eq!(wanted("", &["--no-confinement"]), Ok(Wanted::nothing("--no-confinement")));
    let typed = wanted("[process]\nrun-as = \"nobody\"", &["--run-as", "root"]).unwrap();
    assert_eq!(typed.privileges, Privileges::Drop(Some("root".parse().unwrap())));
    let kept = wanted("[process]\ndrop-privileges = false", &[]).unwrap();
    assert_eq!(kept.privileges, Privileges::Keep("drop-privileges in [process]"));
    assert_eq!((kept.landlock, kept.seccomp), (Switch::On, Switch::On));
}

#[test]
fn s22_a_user_who_is_not_there_or_cannot_be_become_is_found_in_the_file() {
    let file = "[process]\nrun-as = \"no-such-user\"";
    let told = read(file, &[]).err().unwrap();
    assert!(told.starts_with("2:10: there is no user `no-such-user`"), "{told}");
    let file = "[process]\nrun-as = \"nobody\"";
    for (file, words) in [
        (file.to_owned(), &["--no-confinement"][..]),
        (format!("{file}\ndrop-privileges = false"), &[]),
    ] {
        let told = read(&file, words).err().unwrap();
        assert!(told.starts_with("2:10: run-as cannot be followed"), "{told}");
    }
}

#[test]
fn what_is_served_is_in_reach_and_is_written_to_where_somebody_may() {
    let reach = |file: &str, words: &[&str]| {
        let settings = read(file, words).unwrap();
        let reach = settings.reach(&settings.accounts().unwrap());
        reach.into_iter().map(|access| (access.path, access.how)).collect::<Vec<_>>()
    };
    assert_eq!(reach("", &["here"]), [("here".into(), Reach::Read)]);
    assert_eq!(reach("", &["here", "--user", "ann:x"]), [("here".into(), Reach::Write)]);
    let tap = reach("tap = \"/usr/tap.jsonl\"\n", &["here"]);
    assert_eq!(tap, [("here".into(), Reach::Read), ("/usr".into(), Reach::Add)]);
    let host = "writable = true\n[[host]]\nname = \"h\"\nfolder = \"/h\"\n";
    assert_eq!(
        reach(host, &["here"]),
        [("here".into(), Reach::Write), ("/h".into(), Reach::Write)]
    );
}

#[test]
fn passwords_are_guarded_unless_it_is_said_that_they_are_not() {
    let rules = |file| config(&read(file, &[]).unwrap()).guard;
    assert_eq!(rules(""), Some(Guarding::default()));
    assert_eq!(rules("[guard]\ntrusted = []"), Some(Guarding::default()));
    assert_eq!(rules("[guard]\nenabled = false"), None);
}

/// The keys of a table, as the parser knows them: it names them when it refuses another.
fn keys(table: &str) -> Vec<String> {
    let Err(mistake) = File::parse(&format!("{table}\nno-such-key = 1\n")) else {
        panic!("{table}");
    };
    let names = mistake.reason.strip_prefix("unknown field `no-such-key`, expected ");
    let names = names.map(|names| names.split('`').skip(1).step_by(2).map(str::to_owned));
    names.into_iter().flatten().collect()
}

#[test]
fn the_example_has_every_key_of_every_table() {
    let example: toml::Table = EXAMPLE.parse().unwrap();
    let mut tables = 0;
    let top = keys("");
    assert!(top.contains(&"folder".to_owned()), "{top:?}");
    for key in top {
        let value = example.get(&key).unwrap_or_else(|| panic!("{key} is not in the example"));
        let table = value.as_array().and_then(|rows| rows.first()).unwrap_or(value);
        let heading = if value.is_array() { format!("[[{key}]]") } else { format!("[{key}]") };
        for inner in keys(&heading) {
            assert!(table.get(&inner).is_some(), "{heading} {inner} is not in the example");
            tables += 1;
        }
    }
    assert!(tables >= 7, "the keys of [[user]] and [limits] were looked at");
}

#[test]
fn what_is_typed_wins_and_its_lists_replace_those_of_the_file() {
    let words = [
        "here",
        "--listen",
        "127.0.0.1:0",
        "--user",
        "bob:b",
        "--passive-ports",
        "4000-4001",
        "--public-address",
        "192.0.2.9",
        "--log-format",
        "text",
    ];
    let settings = read(EXAMPLE, &words).unwrap();
    assert_eq!(settings.folder, PathBuf::from("here"));
    assert_eq!(settings.log_format, LogFormat::Text);
    let config = config(&settings);
    assert_eq!(config.listen, ["127.0.0.1:0".parse().unwrap()]);
    assert!(lets_in(&config, "bob", "b") && !lets_in(&config, "ann", "a long secret"));
    assert_eq!(config.passive_ports, ports(4000..=4001));
    assert_eq!(settings.public_address().unwrap(), Some("192.0.2.9".parse().unwrap()));
}

#[test]
fn switches_on_the_command_line_add_to_the_file() {
    let rights = |settings: &Settings| {
        member(&settings.accounts, "ftp", "").map(|member| member.account.rights)
    };
    assert_eq!(rights(&read("", &[]).unwrap()), Some(Rights::READER));
    assert_eq!(rights(&read("writable = true", &[]).unwrap()), Some(Rights::WRITER));
    assert_eq!(rights(&read("writable = false", &["--writable"]).unwrap()), Some(Rights::WRITER));
    let closed = ["--no-anonymous", "--user", "bob:b", "--quiet", "--complete-with-250"];
    let settings = read("anonymous = true\nquiet = false\n", &closed).unwrap();
    assert!(rights(&settings).is_none() && settings.quiet);
    assert!(config(&settings).policy.complete_with_250);
}

#[test]
fn the_folder_of_a_file_is_seen_from_where_the_file_lies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("serve.toml");
    fs::write(&path, "folder = \"pub\"").unwrap();
    let arguments = typed(&["--config", path.to_str().unwrap()]);
    assert_eq!(Settings::read(&arguments).unwrap().folder, folder.path().join("pub"));
}

#[test]
fn a_mistake_is_told_with_its_line_column_and_reason() {
    let wanted = "two ports are wanted, the lower one first: 50000-50100";
    let whole = "a whole number from 1 to 4294967295 is wanted";
    for (file, place, reason, shown) in [
        ("quiet = true\n\nlisen = []\n", "3:1", "unknown field `lisen`", "3 | lisen = []"),
        ("[limits]\n  session = 1\n", "2:3", "unknown field `session`", "2 |   session = 1"),
        ("writable = \"yes\"\n", "1:12", "invalid type, expected a boolean", "writable = \"yes\""),
        (
            "listen = [\n  \"[::]:21\",\n  \"x\",\n]",
            "3:3",
            "invalid socket address",
            "3 |   \"x\",",
        ),
        ("#\nlisten = []\n", "2:10", "an address is wanted", "listen = []"),
        ("#é\n#\npassive-ports = \"6-5\"", "3:17", wanted, "passive-ports = \"6-5\""),
        ("public-address = \"::1\"", "1:18", "an IPv4 address or a host name is wanted", "\"::1\""),
        ("public-address = \"a b\"", "1:18", "an IPv4 address or a host name is wanted", "\"a b\""),
        ("log-format = \"xml\"", "1:14", "unknown variant `xml`", "= \"xml\""),
        ("[limits]\nsessions = 0", "2:12", whole, "sessions = 0"),
        ("[limits]\nidle-seconds = -1", "2:16", whole, "idle-seconds = -1"),
        ("[guard]\nban-after = 0", "2:13", whole, "ban-after = 0"),
        ("[guard]\nban-seconds = 0", "2:15", whole, "ban-seconds = 0"),
        ("[guard]\ntrusted = [\"10.0.0.0/33\"]", "2:11", "a network is wanted", "10.0.0.0/33\"]"),
        ("[limits]\nreserve = -1", "2:11", "invalid value", "reserve = -1"),
        ("quiet = true\r\nanonymous = false\r\n", "2:13", "nobody could log in", "= false"),
        ("\u{feff}quiet = 1", "1:9", "invalid type, expected a boolean", "1 | quiet = 1"),
        ("limits = [1]", "1:10", "invalid type, expected a table", "limits = [1]"),
        ("user = [[\"ann\", \"x\"]]", "1:9", "invalid type, expected a table", "user …"),
        ("quiet = true\nquiet = true", "2:1", "duplicate key", "2 | quiet = true"),
        ("greeting = \"unclosed\nquiet = true", "1:21", "invalid basic string", "\"unclosed"),
        ("[[user]]\nname = \"\"\npassword = \"x\"", "2:8", "a name is wanted", "name …"),
        ("\n[[user]]\nname = \"ann\"", "2:1", "missing field `password`", "2 | [[user]]"),
    ] {
        let Err(told) = read(file, &[]) else { panic!("{file:?}") };
        assert!(told.starts_with(&format!("{place}: {reason}")), "{file:?}\n{told}");
        assert!(told.lines().count() == 2 && told.ends_with(shown), "{shown}\n{told}");
    }
}

#[test]
fn a_name_given_twice_is_found_at_the_second() {
    let ann = "[[user]]\nname = \"ann\"\npassword = \"x\"\n";
    let told = read(&format!("{ann}{ann}"), &[]).err().unwrap();
    assert!(told.starts_with("5:8: this user is there already"), "{told}");
}

#[test]
fn a_password_is_not_told() {
    for file in [
        "[[user]]\nname = \"ann\"\npassword = secret",
        "[[user]]\nname = \"ann\"\npassword = \"secret",
        "[[user]]\nname = \"ann\"\npassword \"secret\"",
        "[[user]]\nname = \"ann\"\npasswort = \"secret\"",
        "[[user]]\nname = \"ann\"\n  password = [\"secret\"]",
        "[[user]]\nname = [\"secret\"]",
        "[[user]]\nname = \"ann\"\npassword = \"\"\"\nsecret\u{1}",
        "user = \"ann:secret\"",
        "user = [\"ann:secret\"]",
        "user = [{ name = \"ann\", pass = \"secret\" }]",
    ] {
        let told = read(file, &[]).err().unwrap();
        assert!(!told.contains("secret") && told.contains('…'), "{file}\n{told}");
    }
}

#[test]
fn nobody_by_the_command_line_is_not_blamed_on_the_file() {
    for told in [read("", &["--no-anonymous"]), read("anonymous = false", &["--no-anonymous"])] {
        let told = told.err().unwrap();
        assert!(
            told.starts_with("nobody could log in") && told.contains("--no-anonymous"),
            "{told}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_bytes_that_are_no_text_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("serve.toml");
    let told = || {
        let arguments = typed(&["--config", path.to_str().unwrap()]);
        Settings::read(&arguments).err().unwrap().0
    };
    assert!(told().contains("serve.toml: cannot read: "), "{}", told());
    fs::write(&path, b"quiet = true\ngreeting = \"\xff\"\n").unwrap();
    assert!(told().contains("serve.toml:2:13: this is not UTF-8"), "{}", told());
}

#[test]
fn anonymous_access_has_its_own_root_and_a_drop_box_gives_nothing_back() {
    let file = "[anonymous]\nfolder = \"/srv/drop\"\ndrop-box = true\n";
    let member = |settings: &Settings| member(&settings.accounts, "ftp", "").unwrap();
    let anonymous = member(&read(file, &[]).unwrap());
    assert_eq!(anonymous.account.rights, Rights::of(Right::Write));
    assert!(matches!(&anonymous.mounts[..], [mount] if mount.at.is_root()));
    assert_eq!(anonymous.mounts[0].what, Mounted::Folder("/srv/drop".into()));
    for open in ["anonymous = true", "[anonymous]", "[anonymous]\nallowed = true"] {
        assert_eq!(member(&read(open, &[]).unwrap()).account.rights, Rights::READER, "{open}");
    }
    let told = read(file, &["--writable"]).err().unwrap();
    assert!(told.starts_with("1:"), "{told}");
}

#[test]
fn s23_malformed_keys_of_the_accounts_stop_the_start_at_their_place() {
    for (file, place) in [
        ("anonymous = \"no\"", "1:13:"),
        ("[anonymous]\nallowed = 1", "2:11:"),
        ("[anonymous]\nfolder = []", "2:10:"),
        ("[anonymous]\ndrop-box = \"yes\"", "2:12:"),
        ("[anonymous]\ndropbox = true", "2:1:"),
        ("users = 1", "1:9:"),
        ("[accounts]\nprograms = 1", "2:1:"),
        ("[accounts.program]\nseconds = 1", "1:1:"),
        ("[accounts.program]\ncommand = []", "2:11:"),
        ("[accounts.program]\ncommand = [\"accounts\"]", "2:11:"),
        ("[accounts.program]\ncommand = \"/bin/true\"", "2:11:"),
        ("[accounts.program]\ncommand = [\"/bin/true\"]\nseconds = 0", "3:11:"),
        ("accounts.program = [[\"/bin/true\"], 5]", "1:20:"),
    ] {
        let told = read(file, &[]).err().unwrap_or_default();
        assert!(told.starts_with(place), "{file}\n{told}");
    }
}
