//! What `wharf serve --check` prints: who may do what from where, as the server would have it.
//!
//! A section is a function that gives rows, and a line in [`SECTIONS`]. What somebody should think about twice is
//! a row of the last section. Nothing is decided here: the rows tell what settings and confinement came to.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use wharf_proto::Text;
use wharf_proto::server::Rights;
use wharf_proto::verb::Right;
use wharf_server::Config;
use wharf_server::accounts::{Known, Member, Mounted, Terms};

use super::certificates;
use super::trial::Trial;
use crate::config::Settings;
use crate::confine::{How, Measure};

/// How wide the first column is.
const FIRST: usize = 26;

/// What is told about.
struct Exposure<'a> {
    settings: &'a Settings,
    config: &'a Config,
    measures: &'a [Measure],
    trials: &'a [Trial],
}

/// What, and what about it.
type Row = (String, String);

/// What gives the rows of a section; a section without any is left out.
type Section = fn(&Exposure<'_>) -> Vec<Row>;

/// The sections, in their order.
const SECTIONS: [(&str, Section); 10] = [
    ("Where it listens", listeners),
    ("TLS", tls),
    ("What is served", trees),
    ("Who may log in, and may what", people),
    ("From where", peers),
    ("Data connections", data),
    ("Limits", limits),
    ("The process", process),
    ("What it opens", opened),
    ("To think about twice", warnings),
];

/// The whole table.
pub(super) fn table(
    settings: &Settings,
    config: &Config,
    measures: &[Measure],
    trials: &[Trial],
) -> String {
    let exposure = Exposure { settings, config, measures, trials };
    let mut text = String::new();
    for (title, section) in SECTIONS {
        let rows = section(&exposure);
        if rows.is_empty() {
            continue;
        }
        let gap = if text.is_empty() { "" } else { "\n" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{gap}{title}");
        for (what, about) in rows {
            let _ = writeln!(text, "  {what:FIRST$}  {about}");
        }
    }
    text
}

fn row(what: impl Into<String>, about: impl Into<String>) -> Row {
    (what.into(), about.into())
}

/// A place where it listens: the scheme, the address, and what there is of TLS.
type Listener<'a> = (&'static str, &'a SocketAddr, Cover);

/// What there is of TLS at a listener.
#[derive(Clone, Copy, PartialEq)]
enum Cover {
    None,
    Offered,
    /// Offered, and nothing is refused to who does without.
    Optional,
    Always,
}

fn listeners_of(config: &Config) -> Vec<Listener<'_>> {
    let Config { listen, listen_clear, listen_implicit, tls, .. } = config;
    let offered = if tls.is_some() { Cover::Offered } else { Cover::None };
    let each = [
        (listen, "ftp", offered),
        (listen_clear, "ftp", Cover::Optional),
        (listen_implicit, "ftps", Cover::Always),
    ];
    let listeners = each.into_iter().flat_map(|(addresses, scheme, cover)| {
        addresses.iter().map(move |address| (scheme, address, cover))
    });
    listeners.collect()
}

fn listeners(exposure: &Exposure<'_>) -> Vec<Row> {
    let told = |(scheme, address, cover): Listener<'_>| {
        let tls = match cover {
            Cover::None => "no TLS",
            Cover::Offered => "TLS by AUTH TLS",
            Cover::Optional => "! passwords and files may go in clear; TLS by AUTH TLS",
            Cover::Always => "TLS from the start",
        };
        row(format!("{scheme}://{address}"), format!("{}, {tls}", who_reaches(address)))
    };
    listeners_of(exposure.config).into_iter().map(told).collect()
}

fn tls(exposure: &Exposure<'_>) -> Vec<Row> {
    let Some(tls) = &exposure.config.tls else { return Vec::new() };
    let wanted = exposure.config.policy.tls.unwrap_or_default();
    let allowed = |yes: bool| if yes { "allowed" } else { "refused" };
    let bound = match exposure.config.any_tls_session {
        true => "! need not belong to their control connection's TLS session",
        false => "must resume the TLS session of their control connection",
    };
    let keys = exposure.settings.key_log().map(|path| {
        let file = shown(path);
        row("keys", format!("! are added to {file}: who has it can read every session"))
    });
    let clients = exposure.settings.client_certificates().map(|(issuers, demanded)| {
        let how = if demanded { "are demanded" } else { "may be shown" };
        row("client certificates", format!("{how}, issued by those of {}", shown(issuers)))
    });
    let rows = [
        row("certificate", format!("SHA-256 {}", tls.fingerprint())),
        row("passwords in clear", allowed(wanted.clear_passwords)),
        row("data in clear", allowed(wanted.clear_data)),
        row("CCC", allowed(wanted.ccc)),
        row("data connections", bound),
    ];
    let dates = certificates::out_of_date(tls).into_iter();
    let dates = dates.map(|what| row("certificate", format!("! {what}: clients refuse it")));
    rows.into_iter().chain(dates).chain(clients).chain(keys).collect()
}

fn who_reaches(address: &SocketAddr) -> &'static str {
    match address.ip() {
        ip if ip.is_loopback() => "this machine only",
        ip if ip.is_unspecified() => "every network of this machine",
        _ => "the network of this address",
    }
}

fn trees(exposure: &Exposure<'_>) -> Vec<Row> {
    let own = row("to all", shown(&exposure.settings.folder));
    let hosts = exposure.settings.hosts();
    let hosts =
        hosts.map(|(name, folder, _)| row(format!("to HOST {}", Text::from(name)), shown(folder)));
    std::iter::once(own).chain(hosts).collect()
}

/// A path from the root on, as a terminal may show it.
pub(super) fn shown(path: &Path) -> String {
    let whole = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    Text::from(whole.as_os_str().as_encoded_bytes()).to_string()
}

fn people(exposure: &Exposure<'_>) -> Vec<Row> {
    let accounts = &exposure.config.accounts;
    let nobody = accounts.anonymous().is_none().then(|| row("anonymous", "nobody"));
    let known = accounts.known();
    let known = known.iter().flat_map(|known| {
        let Known { member, .. } = known;
        let rights = in_words(member.account.rights);
        let about = format!("{rights}, with {}{}", proof_of(known), trees_of(member));
        let held = Some(held(known)).filter(|held| !held.is_empty());
        let held = held.map(|held| row("", held.join("; ")));
        std::iter::once(row(member.account.name.to_string(), about)).chain(held)
    });
    let others = accounts.has_sources().then(|| row("others", "whom the sources of accounts know"));
    nobody.into_iter().chain(known).chain(others).collect()
}

/// What somebody must show to be let in.
fn proof_of(Known { member, terms, password, totp }: &Known) -> String {
    if member.account.anonymous {
        return "any password".to_owned();
    }
    let certificates = match terms.as_ref().map_or(0, |terms| terms.certificates.len()) {
        0 => None,
        1 => Some("a certificate".to_owned()),
        n => Some(format!("one of {n} certificates")),
    };
    let first = password.then(|| "a password".to_owned()).into_iter().chain(certificates);
    let first = first.collect::<Vec<_>>().join(" or ");
    match (first.is_empty(), totp) {
        (true, _) => "! nothing that lets in: there is no password".to_owned(),
        (false, true) => format!("{first}, and a code"),
        (false, false) => first,
    }
}

/// What somebody is held to.
fn held(Known { member, terms, .. }: &Known) -> Vec<String> {
    let Member { quota, rates, sessions, any_tls_session, .. } = member;
    let mut held = Vec::new();
    if let Some(Terms { networks, hours, tls, expires, .. }) = terms {
        held.extend((!networks.is_empty()).then(|| format!("from {}", listed(networks))));
        held.extend((!hours.is_empty()).then(|| format!("at {}", listed(hours))));
        held.extend(expires.map(|day| format!("until {day}")));
        held.extend(tls.then(|| "under TLS alone".to_owned()));
    }
    let most = |bound: Option<u64>, what: &str| bound.map(|bound| format!("{bound} {what}"));
    held.extend(most(quota.bytes, "bytes stored at most"));
    held.extend(most(quota.files, "files stored at most"));
    held.extend(most(rates.up, "bytes a second up"));
    held.extend(most(rates.down, "bytes a second down"));
    held.extend(most(sessions.map(u64::from), "sessions at once"));
    held.extend(any_tls_session.then(|| "! data connections of any TLS session".to_owned()));
    held
}

fn listed<T: ToString>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What a member has for a tree, where that is not the one that all have.
fn trees_of(member: &Member) -> String {
    let own = member.mounts.iter().map(|mount| match &mount.what {
        Mounted::Served(path) if path.is_root() && mount.at.is_root() => String::new(),
        Mounted::Served(path) => format!("; {} is served:{path}", mount.at),
        Mounted::Folder(path) => format!("; {} is {}", mount.at, shown(path)),
    });
    let rules = member.rules.iter();
    let rules = rules.map(|rule| format!("; beneath {} {}", rule.beneath, in_words(rule.rights)));
    own.chain(rules).collect()
}

fn in_words(rights: Rights) -> String {
    let words = [
        (Right::List, "list"),
        (Right::Read, "read"),
        (Right::Write, "write"),
        (Right::Delete, "delete"),
        (Right::Rename, "rename"),
        (Right::Folders, "make folders"),
    ];
    let held = words.into_iter().filter(|(right, _)| rights.has(*right)).map(|(_, word)| word);
    let held: Vec<_> = held.collect();
    if held.is_empty() { "nothing".to_owned() } else { held.join(", ") }
}

fn peers(exposure: &Exposure<'_>) -> Vec<Row> {
    let Config { foreign, accounts, .. } = exposure.config;
    let mut rows = vec![
        row("sessions", "every address that reaches a listener"),
        row("data connections", "the address of the session, from port 1024 up"),
    ];
    let members = accounts.members();
    let own = members.iter().filter(|member| !member.account.foreign.is_empty());
    if !foreign.is_empty() {
        rows.push(row(
            "  of other servers",
            format!("{}, for users with an account", listed(foreign)),
        ));
    }
    rows.extend(own.map(|member| {
        let about = format!("{}, for {}", listed(&member.account.foreign), member.account.name);
        row("  of other servers", about)
    }));
    if accounts.has_sources() {
        rows.push(row("  of other servers", "what the sources of accounts say of each user"));
    }
    rows
}

fn data(exposure: &Exposure<'_>) -> Vec<Row> {
    let Config { passive_ports, public_address, .. } = exposure.config;
    let passive = match passive_ports {
        Some(range) => format!("ports {} to {}", range.start(), range.end()),
        None => "any port that the system gives; a firewall wants --passive-ports".to_owned(),
    };
    let told = match (public_address, exposure.settings.public_name()) {
        (Some(address), Some(name)) => {
            format!("{address}, which {name} is now; looked up once, at the start")
        }
        (Some(address), None) => format!("{address}, whatever the address here"),
        (None, _) => "the address that the session came to".to_owned(),
    };
    let listeners = listeners_of(exposure.config).into_iter();
    let mut from: Vec<u16> =
        listeners.map(|(_, address, _)| address.port().saturating_sub(1)).collect();
    from.sort_unstable();
    from.dedup();
    let active = match from.iter().filter(|port| **port > 0).map(u16::to_string).collect::<Vec<_>>()
    {
        ports if ports.is_empty() => "from the port before that of the listener".to_owned(),
        ports => format!("from port {}, or any where that is taken", ports.join(", ")),
    };
    vec![row("passive", passive), row("address told", told), row("active", active)]
}

fn limits(exposure: &Exposure<'_>) -> Vec<Row> {
    let config = exposure.config;
    let seconds = |time: Duration| format!("{} s", time.as_secs());
    let guessing = match &config.guard {
        Some(guard) => format!(
            "{} wrong passwords from an address have it banned for {}",
            guard.ban_after,
            seconds(guard.ban_time)
        ),
        None => "! bans nobody, and slows nobody down".to_owned(),
    };
    vec![
        row("sessions", config.sessions.to_string()),
        row("of trusted networks", format!("{} more", config.reserve)),
        row("of one address", config.sessions_per_address.to_string()),
        row("of one address, strangers", config.strangers_per_address.to_string()),
        row("to log in", seconds(config.policy.login_time)),
        row("idle", seconds(config.policy.idle_time)),
        row("data standing still", seconds(config.data_idle_time)),
        row("wrong passwords", config.policy.wrong_passwords.to_string()),
        row("guessing", guessing),
    ]
}

fn opened(exposure: &Exposure<'_>) -> Vec<Row> {
    let told = |Trial { what, result, .. }: &Trial| match result {
        Ok(told) => row(what, told),
        Err(why) => row(what, format!("! {why}")),
    };
    exposure.trials.iter().map(told).collect()
}

fn process(exposure: &Exposure<'_>) -> Vec<Row> {
    let told = |measure: &Measure| {
        let about = match &measure.how {
            How::InForce(what) => what.clone(),
            How::Lacking(why) => format!("! {why}"),
            How::Off(by) => format!("! switched off by {by}"),
        };
        row(measure.name, about)
    };
    exposure.measures.iter().map(told).collect()
}

fn warnings(exposure: &Exposure<'_>) -> Vec<Row> {
    let config = exposure.config;
    let listeners = listeners_of(config);
    let open: Vec<_> = listeners.iter().filter(|(_, at, _)| !at.ip().is_loopback()).collect();
    if open.is_empty() {
        return Vec::new();
    }
    let named = |member: &Member| !member.account.anonymous;
    let passwords = config.accounts.has_sources() || config.accounts.members().iter().any(named);
    let refused = !config.policy.tls.is_some_and(|tls| tls.clear_passwords);
    let clear = |cover: Cover| match cover {
        Cover::None | Cover::Optional => true,
        Cover::Offered => !refused,
        Cover::Always => false,
    };
    let mut rows = Vec::new();
    let in_clear = on(open.iter().filter(|(_, _, cover)| clear(*cover)));
    if passwords && !in_clear.is_empty() {
        rows.push(row("passwords", format!("cross the network in clear text on {in_clear}")));
    }
    if config.accounts.anonymous().is_some_and(|rights| !Rights::READER.covers(rights)) {
        let on = on(open.iter());
        rows.push(row("anonymous writers", format!("anybody who reaches {on} may fill the disk")));
    }
    let private = config.public_address.filter(|address| is_private(*address));
    rows.extend(private.map(|address| {
        row(
            "public address",
            format!("{address} is private: clients beyond your network get no data"),
        )
    }));
    rows
}

/// The addresses of these listeners.
fn on<'a>(listeners: impl Iterator<Item = &'a &'a Listener<'a>>) -> String {
    listeners.map(|(_, address, _)| address.to_string()).collect::<Vec<_>>().join(", ")
}

/// Whether nobody on the Internet can reach this address.
fn is_private(address: Ipv4Addr) -> bool {
    // 100.64.0.0/10 is shared by the customers of a provider (RFC 6598).
    let shared = address.octets()[0] == 100 && (64..128).contains(&address.octets()[1]);
    let local = IpAddr::V4(address).is_loopback() || address.is_link_local();
    address.is_private() || local || shared || address.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_the_internet_cannot_reach_are_known() {
        for private in
            ["10.0.0.1", "192.168.1.1", "172.31.0.1", "127.0.0.1", "100.64.0.1", "0.0.0.0"]
        {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in ["8.8.8.8", "172.32.0.1", "100.63.0.1", "100.128.0.1"] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn rights_are_told_one_by_one() {
        assert_eq!(in_words(Rights::READER), "list, read");
        assert_eq!(in_words(Rights::of(Right::Write)), "write");
        let all = "list, read, write, delete, rename, make folders";
        assert_eq!(in_words(Rights::WRITER), all);
    }
}
