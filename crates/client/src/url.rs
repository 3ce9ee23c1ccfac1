//! Addresses of files: `ftp://[user[:password]@]host[:port]/path[;type=a|i|d]` (RFC 1738 section 3.2,
//! RFC 3986), and the same with `ftps` and `ftpes` for TLS, which no RFC has.
//!
//! The path is relative to the folder that the login leads to; a first `%2F` makes it absolute. What the
//! percent signs stand for are bytes and need not be UTF-8. Not done here: looking for a password anywhere but
//! in the URL.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use url::{Host, Url};
use wharf_proto::{Secret, Text};

use crate::{Login, TlsMode};

/// The port of FTP, which the parser of URLs knows and leaves out.
const FTP_PORT: u16 = 21;
/// What stands for itself in a path.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What `;type=` at the end of a URL asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlType {
    /// `a`: the file as text.
    Ascii,
    /// `i`: the file byte by byte.
    Image,
    /// `d`: the names in the folder.
    Directory,
}

/// What stands before `://`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// `ftp`: in clear.
    #[default]
    Ftp,
    /// `ftpes`: under TLS from AUTH TLS on, or not at all.
    Ftpes,
    /// `ftps`: under TLS from the first byte on.
    Ftps,
}

impl Scheme {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ftp => "ftp",
            Self::Ftpes => "ftpes",
            Self::Ftps => "ftps",
        }
    }

    /// The port where such servers listen.
    pub fn port(self) -> u16 {
        match self {
            Self::Ftp | Self::Ftpes => FTP_PORT,
            Self::Ftps => 990,
        }
    }

    /// When TLS begins.
    pub fn tls(self) -> TlsMode {
        match self {
            Self::Ftp => TlsMode::Off,
            Self::Ftpes => TlsMode::Explicit,
            Self::Ftps => TlsMode::Implicit,
        }
    }
}

/// A host, who logs in there, and a path.
///
/// ```
/// # use wharf_client::Address;
/// let address: Address = "ftp://ann@ftp.example.org:2121/pub/a%20b.txt".parse()?;
/// assert_eq!((address.host.as_str(), address.port), ("ftp.example.org", 2121));
/// assert_eq!(address.path.as_bytes(), b"pub/a b.txt");
/// # Ok::<(), wharf_client::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whether there is TLS.
    pub scheme: Scheme,
    /// A name or an address, an IPv6 address without brackets, and with its zone if it has one.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The user, where the URL names one.
    pub user: Option<Text>,
    /// The password, where the URL holds one.
    pub password: Option<Secret>,
    /// The path, percent signs decoded; empty for the folder that the login leads to.
    pub path: Text,
    /// What is asked for at the path.
    pub kind: Option<UrlType>,
}

/// Why a text is not the address of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It has no `://`.
    #[error("not a URL; it should look like ftp://host/path")]
    NotAUrl,
    /// A URL of another protocol.
    #[error("{0}:// is not FTP")]
    OtherScheme(String),
    /// The URL is malformed.
    #[error("malformed URL: {0}")]
    Malformed(#[from] url::ParseError),
    /// A host is missing.
    #[error("the URL names no host")]
    NoHost,
    /// A character that URLs have another use for stands for itself.
    #[error("in the name of a file, {0} is written {1}")]
    Reserved(char, &'static str),
    /// LF or NUL, which cannot be sent in a command; or CR elsewhere than in the path, where it depends on the server.
    #[error("the URL holds a line end or NUL, which cannot be sent over FTP")]
    LineEnd,
    /// The type is none of `a`, `i` and `d`.
    #[error(";type= must be a, i or d")]
    UnknownType,
}

impl Address {
    /// Who logs in by this URL: its user with its password, if it has one, or anonymous. Whoever can ask for a
    /// password that is missing sets it first.
    pub fn login(&self) -> Login {
        match &self.user {
            None => Login::anonymous(),
            Some(user) => {
                Login { user: user.clone(), password: self.password.clone(), account: None }
            }
        }
    }

    /// The last name of the path, where it has one: what a local copy would be called.
    pub fn file_name(&self) -> Option<&[u8]> {
        let name = self.path.as_bytes().rsplit(|byte| *byte == b'/').next()?;
        wharf_proto::listing::names::is_plain(name).then_some(name)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        // The parser would take line ends out without a word.
        if text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | b'\t' | 0)) {
            return Err(AddressError::LineEnd);
        }
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::NotAUrl)?;
        let known = [Scheme::Ftp, Scheme::Ftpes, Scheme::Ftps];
        let is_named = |known: &Scheme| known.name().eq_ignore_ascii_case(scheme);
        let scheme = known
            .into_iter()
            .find(is_named)
            .ok_or_else(|| AddressError::OtherScheme(scheme.to_owned()))?;
        // The parser is that of web browsers: it would take these for a query, a fragment and a slash,
        // and a missing host for a superfluous slash.
        for (reserved, written) in [('?', "%3F"), ('#', "%23"), ('\\', "%5C")] {
            if rest.contains(reserved) {
                return Err(AddressError::Reserved(reserved, written));
            }
        }
        if rest.starts_with('/') {
            return Err(AddressError::NoHost);
        }
        let (rest, zone) = without_zone(rest);
        // The parser knows only this scheme, and reads those that it does not know otherwise.
        let url = Url::parse(&format!("ftp://{rest}"))?;
        let host = match url.host().ok_or(AddressError::NoHost)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => format!("{ip}{zone}"),
        };
        let (path, kind) = split_type(url.path())?;
        let path = path.strip_prefix('/').unwrap_or(path);
        let user = match url.username() {
            "" => None,
            user => Some(decode(user)?.into()),
        };
        let password = url.password().map(decode).transpose()?.map(Secret::new);
        let port = url.port().or_else(|| named_port(&rest)).unwrap_or_else(|| scheme.port());
        Ok(Self { scheme, host, port, user, password, path: decode_path(path)?.into(), kind })
    }
}

impl fmt::Display for Address {
    /// The URL without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.name())?;
        if let Some(user) = &self.user {
            write!(f, "{}@", percent_encode(user.as_bytes(), PATH))?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host.replace('%', "%25"))?;
        } else {
            f.write_str(&self.host)?;
        }
        if self.port != self.scheme.port() {
            write!(f, ":{}", self.port)?;
        }
        let path = self.path.as_bytes();
        let (slash, path) = match path.strip_prefix(b"/") {
            Some(rest) => ("/%2F", rest),
            None => ("/", path),
        };
        write!(f, "{slash}{}", percent_encode(path, PATH))?;
        f.write_str(match self.kind {
            None => "",
            Some(UrlType::Ascii) => ";type=a",
            Some(UrlType::Image) => ";type=i",
            Some(UrlType::Directory) => ";type=d",
        })
    }
}

/// The port that what stands behind the scheme of a URL names. The parser leaves out the one that it takes for the usual.
pub(crate) fn named_port(rest: &str) -> Option<u16> {
    let authority = rest.split('/').next()?;
    let behind = authority.rsplit(['@', ']']).next()?;
    behind.rsplit_once(':')?.1.trim_end().parse().ok()
}

/// What stands behind the scheme, without the zone of its IPv6 address, `[fe80::1%25eth0]` in RFC 6874, and the zone as the system
/// writes it, `%eth0`. The parser knows none; what is no such zone is left for it to refuse.
fn without_zone(rest: &str) -> (Cow<'_, str>, String) {
    let found = || {
        let authority = rest.split('/').next()?;
        let (user, host) = rest.split_at_checked(authority.find('[')? + 1)?;
        let (address, behind) = host.split_once(']')?;
        let (address, zone) = address.split_once("%25")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
        let valid = !zone.is_empty() && zone.chars().all(plain);
        valid.then(|| (format!("{user}{address}]{behind}"), format!("%{zone}")))
    };
    found().map_or((Cow::Borrowed(rest), String::new()), |(rest, zone)| (Cow::Owned(rest), zone))
}

/// Path and type; the last `;type=` of the path counts.
fn split_type(path: &str) -> Result<(&str, Option<UrlType>), AddressError> {
    const MARK: &str = ";type=";
    let Some(at) = path.to_ascii_lowercase().rfind(MARK) else { return Ok((path, None)) };
    let (path, mark) = path.split_at(at);
    match mark.get(MARK.len()..).unwrap_or_default() {
        "a" | "A" => Ok((path, Some(UrlType::Ascii))),
        "i" | "I" => Ok((path, Some(UrlType::Image))),
        "d" | "D" => Ok((path, Some(UrlType::Directory))),
        _ => Err(AddressError::UnknownType),
    }
}

/// What the percent signs of a part of a URL stand for.
///
/// # Errors
/// `LineEnd` for what no command should hold.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, AddressError> {
    decode_path(text).and_then(|bytes| {
        if bytes.contains(&b'\r') { Err(AddressError::LineEnd) } else { Ok(bytes) }
    })
}

/// The same for a path, in which a CR goes to servers that take one (`session/names.rs`).
///
/// # Errors
/// `LineEnd` for what no command can hold.
fn decode_path(text: &str) -> Result<Vec<u8>, AddressError> {
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    if bytes.iter().any(|byte| matches!(byte, b'\n' | 0)) {
        return Err(AddressError::LineEnd);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn an_ipv6_address_may_have_a_zone() {
        let zoned = address("ftp://[fe80::1%25eth0]:2121/f");
        assert_eq!((zoned.host.as_str(), zoned.port), ("fe80::1%eth0", 2121));
        assert_eq!(zoned.to_string(), "ftp://[fe80::1%25eth0]:2121/f");
        assert_eq!(address("ftp://bob:x@[fe80::1%25a-1]/").host, "fe80::1%a-1");
        for bad in ["ftp://[fe80::1%25]/", "ftp://[fe80::1%25a%2Fb]/", "ftp://[fe80::1%eth0]/"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn each_scheme_has_its_port_and_its_beginning_of_tls() {
        for (url, scheme, port, mode) in [
            ("ftp://h/x", Scheme::Ftp, 21, TlsMode::Off),
            ("FTPES://h/x", Scheme::Ftpes, 21, TlsMode::Explicit),
            ("ftps://h/x", Scheme::Ftps, 990, TlsMode::Implicit),
            ("ftps://u:p@h:21/x", Scheme::Ftps, 21, TlsMode::Implicit),
            ("ftps://u@[::1]:21/x", Scheme::Ftps, 21, TlsMode::Implicit),
            ("ftps://u:p@[::1]/x:1", Scheme::Ftps, 990, TlsMode::Implicit),
            ("ftpes://h:2121/x", Scheme::Ftpes, 2121, TlsMode::Explicit),
        ] {
            let read = address(url);
            assert_eq!((read.scheme, read.port, read.scheme.tls()), (scheme, port, mode), "{url}");
            assert_eq!(address(&read.to_string()).port, port, "{url}");
        }
    }

    #[test]
    fn a_path_is_relative_to_the_login_and_a_first_2f_makes_it_absolute() {
        for (url, path) in [
            ("ftp://h", ""),
            ("ftp://h/", ""),
            ("ftp://h/a/b", "a/b"),
            ("ftp://h/%2Fetc/motd", "/etc/motd"),
            ("ftp://h//etc/motd", "/etc/motd"),
            ("ftp://h/a%20b/%C3%A9;x", "a b/é;x"),
            ("ftp://h/a/", "a/"),
        ] {
            assert_eq!(address(url).path.as_bytes(), path.as_bytes(), "{url}");
        }
        assert_eq!(address("ftp://h/%FF%fe").path.as_bytes(), [0xff, 0xfe]);
    }

    #[test]
    fn user_password_port_and_hosts_of_all_kinds_are_read() {
        let all = address("FTP://us%40er:p%3Aw@[::1]:2121/x");
        assert_eq!((all.host.as_str(), all.port), ("::1", 2121));
        assert_eq!(all.user, Some("us@er".into()));
        assert_eq!(all.password.unwrap().reveal(), b"p:w");
        assert_eq!(address("ftp://127.0.0.1/x").host, "127.0.0.1");
        assert_eq!(address("ftp://h/x").login().user, "anonymous".into());
        assert!(address("ftp://ann@h/x").login().password.is_none());
    }

    #[test]
    fn a_type_at_the_end_is_taken_off_the_path() {
        for (url, kind) in [
            ("ftp://h/x;type=a", UrlType::Ascii),
            ("ftp://h/x;TYPE=I", UrlType::Image),
            ("ftp://h/x;type=d", UrlType::Directory),
        ] {
            let read = address(url);
            assert_eq!((read.path.as_bytes(), read.kind), (&b"x"[..], Some(kind)), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        use AddressError::{LineEnd, NotAUrl, OtherScheme, Reserved, UnknownType};
        for (text, error) in [
            ("example.org/x", NotAUrl),
            ("http://h/x", OtherScheme("http".to_owned())),
            ("sftp://h/x", OtherScheme("sftp".to_owned())),
            ("ftp://h/a?b", Reserved('?', "%3F")),
            ("ftp://h/a#b", Reserved('#', "%23")),
            ("ftp://h/a\\b", Reserved('\\', "%5C")),
            ("ftp://h/a%0d%0aDELE%20b", LineEnd),
            ("ftp://u%0A@h/a", LineEnd),
            ("ftp://u%0D@h/a", LineEnd),
            ("ftp://h/a\rb", LineEnd),
            ("ftp://u:p%00@h/a", LineEnd),
            ("ftp://h/a\nb", LineEnd),
            ("ftp://h/a;type=x", UnknownType),
            ("ftp://h/a;type=", UnknownType),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text:?}");
        }
        for text in ["ftp://", "ftp:///x", "ftp://h:99999/x", "ftp://[::1/x", "ftp://h:x/", "://"] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_prints_as_a_url_without_its_password() {
        for url in [
            "ftp://h/",
            "ftp://h/a/b",
            "ftp://u@h:2121/%2Fa",
            "ftp://[::1]/a%20b%FF",
            "ftp://h/x;type=a",
        ] {
            assert_eq!(address(url).to_string(), url);
        }
        assert_eq!(address("ftp://u:secret@h/x").to_string(), "ftp://u@h/x");
    }

    #[test]
    fn a_local_copy_is_named_like_the_last_part_of_the_path() {
        let name = |url: &str| address(url).file_name().map(<[u8]>::to_vec);
        assert_eq!(name("ftp://h/a/b.txt"), Some(b"b.txt".to_vec()));
        for url in ["ftp://h/", "ftp://h/a/", "ftp://h/a/%2E%2E", "ftp://h/a/..", "ftp://h/a%2F.."]
        {
            assert_eq!(name(url).filter(|name| name == b".."), None, "{url}");
        }
    }
}
