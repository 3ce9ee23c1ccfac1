//! Files of other servers, and lines that no user may come of.

use super::*;

/// `Hello world!`
const BCRYPT: &str = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.z6PrHbuSsMSSwIGFy1JGevQZf6CqJ1y";
const SHA512: &str = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";

/// The users that a file comes to, and the numbers of the lines that come to none, with an `!` where that is
/// a mistake.
fn told(format: Format, file: &str) -> (Vec<NewUser>, Vec<String>) {
    let (mut users, mut others) = (Vec::new(), Vec::new());
    for line in read(format, file.as_bytes()) {
        match line.read {
            Ok(user) => users.push(user),
            Err(Reason::Locked) => others.push(line.number.to_string()),
            Err(Reason::Refused(_)) => others.push(format!("{}!", line.number)),
        }
    }
    (users, others)
}

#[test]
fn htpasswd_is_read_line_by_line() {
    let file = format!(
        "# users\nann:{BCRYPT}\n\nbob:$apr1$x$y\nann:{BCRYPT}\neve\r\ndan:{SHA512}\r\nftp:{BCRYPT}\n:{BCRYPT}\nx:\n"
    );
    let (users, others) = told(Format::Htpasswd, &file);
    assert_eq!(users.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["ann", "dan"]);
    assert!(users.iter().all(|user| user.password.as_ref().unwrap().is_of(b"Hello world!")));
    assert_eq!(others, ["4!", "5!", "6!", "8!", "9!", "10!"]);
}

#[test]
fn passwd_gives_the_home_and_shadow_the_last_day() {
    let file = format!(
        "ann:{SHA512}:1000:1000:Ann:/srv/ann:/bin/sh\nroot:x:0:0::/root:/bin/sh\nbob::1:1::/b:/bin/sh\n\
         daemon:*:19000:0:99999:7:::\neve:!{SHA512}:19000:0:99999:7:::\ndan:{SHA512}:19000:0:99999:7::1:\n\
         fay:{SHA512}:19000:0:99999:7::soon:\n"
    );
    let (users, others) = told(Format::Passwd, &file);
    assert_eq!(users[0].said.home.as_deref(), Some("/srv/ann"));
    assert_eq!(users[1].name.as_str(), "dan");
    assert_eq!(users[1].said.expires.as_deref(), Some("1970-01-01"));
    assert_eq!(others, ["2", "3!", "4", "5", "7!"]);
}

#[test]
fn pure_pw_gives_its_bounds_or_is_refused_where_they_cannot_be_kept() {
    let line = |rest: &str| format!("ann:{SHA512}:1000:1000::/srv/ann/./{rest}");
    let (users, others) = told(
        Format::PurePw,
        &line(":1024:2048:::3:10:4096:::192.0.2.0/24,198.51.100.1::0800-1800"),
    );
    assert_eq!(others, Vec::<String>::new());
    let said = &users[0].said;
    assert_eq!(said.home.as_deref(), Some("/srv/ann"));
    assert_eq!((said.rate_up, said.rate_down, said.sessions), (Some(1024), Some(2048), Some(3)));
    assert_eq!((said.quota_files, said.quota_bytes), (Some(10), Some(4096)));
    assert_eq!((said.networks.len(), said.hours[0].as_str()), (2, "08:00-18:00"));
    assert!(told(Format::PurePw, &line("::::::::::::")).1.is_empty());
    // Behind the home: rates, ratios, sessions, files, bytes, addresses of ours and of clients, hours.
    for (field, value) in [
        (0, "-1"),
        (1, "x"),
        (2, "2"),
        (3, "1"),
        (4, "4294967296"),
        (5, "+5"),
        (6, "18446744073709551616"),
        (7, "192.0.2.1"),
        (8, "192.0.2.1"),
        (9, "example.org"),
        (9, "192.0.2.0/33"),
        (10, "192.0.2.1"),
        (11, "2500-1800"),
        (11, "0800"),
        (11, "0800-1800:"),
    ] {
        let mut fields = [""; 12];
        fields[field] = value;
        let (users, others) = told(Format::PurePw, &line(&format!(":{}", fields.join(":"))));
        assert!(users.is_empty() && others == ["1!"], "{field} {value}");
    }
}

#[test]
fn vsftpd_has_a_password_in_clear_text_on_every_other_line() {
    let (users, others) = told(Format::Vsftpd, "ann\nHello world!\n#bob\nx:y\neve\n");
    assert_eq!(users.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["ann", "#bob"]);
    let hash = users[0].password.as_ref().unwrap();
    assert!(hash.as_str().starts_with("$argon2id$") && hash.is_of(b"Hello world!"));
    assert_eq!(others, ["5!"]);
}

#[test]
fn s22_lines_in_which_anything_is_odd_come_to_no_user() {
    for format in [Format::Htpasswd, Format::Passwd, Format::PurePw] {
        for line in [
            "ann",
            "ann:",
            ":",
            ":::::::::::::::::",
            "ann::::::",
            "ann::::::::",
            "\u{1}:x",
            "::::::",
        ] {
            let (users, others) = told(format, line);
            assert!(users.is_empty() && others.len() == 1, "{format:?} {line}");
        }
    }
    assert!(read(Format::Htpasswd, b"\xff:\xff").iter().all(|line| line.read.is_err()));
    assert!(read(Format::Vsftpd, b"\xff\nsecret").iter().all(|line| line.read.is_err()));
}
