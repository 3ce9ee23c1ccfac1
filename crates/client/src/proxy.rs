//! Proxies: between us and every server, because the network lets nothing else out.
//!
//! SOCKS5 (RFC 1928, with the login of RFC 1929) and CONNECT of HTTP (RFC 9110 section 9.3.6) carry any connection,
//! so control and data connections go through them, TLS and all; names are resolved by the proxy. An FTP gateway
//! is a server that one logs in to, and that goes on to the one that is named in the login: how, is its
//! [`Gateway`] style. None of them takes in connections for us, so active mode is not to be had behind the first two.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;
use wharf_proto::{Secret, Text};

use crate::url::{decode, named_port};

/// The longest answer of an HTTP proxy that is read.
const HEADERS: usize = 8 * 1024;

/// A proxy, and what it wants to know of us.
///
/// ```
/// use wharf_client::{Proxy, ProxyKind};
/// let proxy: Proxy = "socks5://ann:secret@proxy.example.org".parse()?;
/// assert_eq!((proxy.kind, proxy.port), (ProxyKind::Socks5, 1080));
/// assert_eq!(proxy.to_string(), "socks5://ann@proxy.example.org:1080");
/// # Ok::<(), wharf_client::ProxyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// How it is spoken to.
    pub kind: ProxyKind,
    /// A name or an address, an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Who we are to it.
    pub login: Option<(Text, Secret)>,
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// SOCKS5.
    Socks5,
    /// HTTP, by CONNECT.
    Http,
    /// FTP, by a login of this style.
    Gateway(Gateway),
}

/// How an FTP gateway is told where to go on to. `P` is who we are to the gateway, `U` to the server `H`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gateway {
    /// `user`: `USER P`, `PASS P` where there is such a login, then `USER U@H`, `PASS U`.
    #[default]
    User,
    /// `joined`: `USER U@P@H`, `PASS U@P`.
    Joined,
    /// `account`: `USER U@H P`, `PASS U`, `ACCT P`.
    Account,
    /// `site`: `USER P`, `PASS P`, `SITE H`, `USER U`, `PASS U`.
    Site,
    /// `proxy-user`: `USER P@H`, `PASS P`, `USER U`, `PASS U`.
    ProxyUser,
}

/// Why a text is not the address of a proxy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}: a proxy is written socks5://[user:password@]host[:port], http://... or ftp://...[;login=user|joined|account|site|proxy-user]"
)]
pub struct ProxyError(String);

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let told = || ProxyError(without_password(text));
        let (address, style) = match text.rsplit_once(";login=") {
            Some((address, style)) => (address, Some(style)),
            None => (text, None),
        };
        let url = Url::parse(address).map_err(|_| told())?;
        let (kind, usual) = match (url.scheme(), style) {
            ("socks5" | "socks5h", None) => (ProxyKind::Socks5, 1080),
            ("http", None) => (ProxyKind::Http, 8080),
            ("ftp", style) => {
                let gateway = match style.unwrap_or("user") {
                    "user" => Gateway::User,
                    "joined" => Gateway::Joined,
                    "account" => Gateway::Account,
                    "site" => Gateway::Site,
                    "proxy-user" => Gateway::ProxyUser,
                    _ => return Err(told()),
                };
                (ProxyKind::Gateway(gateway), 21)
            }
            _ => return Err(told()),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(told)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(told());
        }
        let named = || address.split_once("://").and_then(|(_, rest)| named_port(rest));
        let port = url.port().or_else(named).unwrap_or(usual);
        let decoded = |text| decode(text).map_err(|_| told());
        let login = match (url.username(), url.password().unwrap_or_default()) {
            ("", _) => None,
            (user, password) => Some((Text::from(decoded(user)?), Secret::new(decoded(password)?))),
        };
        Ok(Self { kind, host, port, login })
    }
}

/// A text that may be meant as a URL, without what may be a password.
fn without_password(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => text.to_owned(),
    }
}

impl fmt::Display for Proxy {
    /// As a URL, without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ProxyKind::Socks5 => "socks5://",
            ProxyKind::Http => "http://",
            ProxyKind::Gateway(_) => "ftp://",
        })?;
        if let Some((user, _)) = &self.login {
            write!(f, "{user}@")?;
        }
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}:{}", self.host, self.port)
    }
}

/// Why a proxy did not take us further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyFault {
    /// The connection to it broke, or it said something that makes no sense.
    #[error("{0}")]
    Broken(std::io::Error),
    /// There is no connection to it.
    #[error("{0}")]
    NoConnection(Box<crate::Error>),
    /// It does not know us.
    #[error("it wants another login")]
    Login,
    /// It does not go there, or could not get there.
    #[error("it does not go on: {0}")]
    Refused(Text),
    /// It is a gateway, so there is no TLS to the server behind it.
    #[error("a gateway reads all that is said, so no TLS goes through it")]
    Listens,
}

impl From<std::io::Error> for ProxyFault {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error)
    }
}

impl Proxy {
    /// Whether connections go through it, rather than to it.
    pub fn is_tunnel(&self) -> bool {
        !matches!(self.kind, ProxyKind::Gateway(_))
    }

    /// Has a fresh connection to it lead on to `host`.
    pub(crate) async fn lead_on(
        &self,
        stream: &mut TcpStream,
        host: &str,
        port: u16,
    ) -> Result<(), ProxyFault> {
        match self.kind {
            ProxyKind::Socks5 => self.by_socks(stream, host, port).await,
            ProxyKind::Http => self.by_connect(stream, host, port).await,
            ProxyKind::Gateway(_) => Ok(()),
        }
    }

    async fn by_socks(
        &self,
        stream: &mut TcpStream,
        host: &str,
        port: u16,
    ) -> Result<(), ProxyFault> {
        const NO_LOGIN: u8 = 0;
        const LOGIN: u8 = 2;
        let offer: &[u8] =
            if self.login.is_some() { &[5, 2, NO_LOGIN, LOGIN] } else { &[5, 1, NO_LOGIN] };
        stream.write_all(offer).await?;
        let mut chosen = [0; 2];
        stream.read_exact(&mut chosen).await?;
        match (chosen, &self.login) {
            ([5, NO_LOGIN], _) => {}
            ([5, LOGIN], Some((user, password))) => {
                let mut message = vec![1];
                for part in [user.as_bytes(), password.reveal()] {
                    message.push(u8::try_from(part.len()).map_err(|_| ProxyFault::Login)?);
                    message.extend_from_slice(part);
                }
                stream.write_all(&message).await?;
                let mut verdict = [0; 2];
                stream.read_exact(&mut verdict).await?;
                if verdict[1] != 0 {
                    return Err(ProxyFault::Login);
                }
            }
            ([5, _], _) => return Err(ProxyFault::Login),
            _ => return Err(ProxyFault::Refused("this is no SOCKS5".into())),
        }
        let mut request = vec![5, 1, 0];
        match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => {
                request.push(1);
                request.extend(ip.octets());
            }
            Ok(IpAddr::V6(ip)) => {
                request.push(4);
                request.extend(ip.octets());
            }
            Err(_) => {
                let length = u8::try_from(host.len());
                let too_long = |_| ProxyFault::Refused("the host's name is too long".into());
                request.extend([3, length.map_err(too_long)?]);
                request.extend_from_slice(host.as_bytes());
            }
        }
        request.extend(port.to_be_bytes());
        stream.write_all(&request).await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await?;
        // The address that it goes out from is of no use here, but must be read.
        let length = match answer[3] {
            1 => 4,
            4 => 16,
            _ => usize::from(stream.read_u8().await?),
        };
        stream.read_exact(&mut vec![0; length + 2]).await?;
        match answer[1] {
            0 => Ok(()),
            code => Err(ProxyFault::Refused(socks_says(code).into())),
        }
    }

    async fn by_connect(
        &self,
        stream: &mut TcpStream,
        host: &str,
        port: u16,
    ) -> Result<(), ProxyFault> {
        let target = match host.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, port).to_string(),
            Err(_) => format!("{host}:{port}"),
        };
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some((user, password)) = &self.login {
            let pair = [user.as_bytes(), b":", password.reveal()].concat();
            request.push_str(&format!("Proxy-Authorization: Basic {}\r\n", BASE64.encode(&pair)));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        // Byte by byte, because what comes behind is the server's greeting already.
        while !answer.ends_with(b"\r\n\r\n") && !answer.ends_with(b"\n\n") {
            if answer.len() == HEADERS {
                return Err(ProxyFault::Refused("its answer has no end".into()));
            }
            answer.push(stream.read_u8().await?);
        }
        let status =
            answer.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
        let code = status.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        match code {
            [b'2', _, _] if status.starts_with(b"HTTP/1.") => Ok(()),
            b"407" => Err(ProxyFault::Login),
            _ => Err(ProxyFault::Refused(status.into())),
        }
    }
}

/// What a code of RFC 1928 section 6 means.
fn socks_says(code: u8) -> &'static str {
    match code {
        1 => "something is wrong with it",
        2 => "its rules do not allow that",
        3 => "the network is out of its reach",
        4 => "the host is out of its reach",
        5 => "the server refused the connection",
        6 => "the server did not answer in time",
        7 => "it does not know the command",
        8 => "it does not know that kind of address",
        _ => "it says why in a code that nobody knows",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str) -> Proxy {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn proxies_are_urls_of_three_kinds() {
        for (text, shown, kind) in [
            ("socks5://h", "socks5://h:1080", ProxyKind::Socks5),
            ("socks5h://[::1]:9", "socks5://[::1]:9", ProxyKind::Socks5),
            ("http://u:p%40@h:80/", "http://u@h:80", ProxyKind::Http),
            ("http://h", "http://h:8080", ProxyKind::Http),
            ("ftp://h", "ftp://h:21", ProxyKind::Gateway(Gateway::User)),
            ("ftp://u:p@h:2121;login=site", "ftp://u@h:2121", ProxyKind::Gateway(Gateway::Site)),
        ] {
            let read = proxy(text);
            assert_eq!((read.to_string().as_str(), read.kind), (shown, kind), "{text}");
        }
        assert_eq!(proxy("http://u:p%40@h").login.unwrap().1.reveal(), b"p@");
        for bad in [
            "",
            "h:1080",
            "https://h",
            "socks4://h",
            "ftp://h;login=x",
            "http://h/path",
            "socks5://h;login=user",
            "http://u%0d%0aX:p@h",
        ] {
            let error = bad.parse::<Proxy>().unwrap_err().to_string();
            assert!(!error.contains("X:p"), "{error}");
        }
    }
}
