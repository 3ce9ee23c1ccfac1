//! What the doctor says: a line a step, a table of the ways, the findings, and settings that work; or the same as JSON, an
//! object a step (docs/check.md). What it comes to is in `report/conclusion.rs`.

mod conclusion;

use std::io::{self, Write};
use std::net::SocketAddr;

use serde_json::{Value, json};
use wharf_client::{CertificateFault, Error, Fingerprint, Login, Setup, TlsFault};
use wharf_ladder::findings::{Finding, Severity};
use wharf_ladder::width::{pad, wrap};
use wharf_ladder::{Ambiguous, Lang};

use super::attempt::{Attempt, Cover, Extra};
use super::table::Cell;
use super::words::{self, advice, of_system, short, whole};
use crate::args::check::CheckArgs;
use crate::events::{Events, with_error};
use crate::exit::Exit;
use crate::terminal;
use crate::trace::Trace;

/// Columns where nobody says how many there are.
const WIDTH: usize = 80;

/// The rule that takes a port that does not greet for one of implicit TLS.
const SILENT_PORT: &str = "C5";

/// What has been found so far.
pub(super) struct Report<'a> {
    pub(super) arguments: &'a CheckArgs,
    events: &'a Events,
    pub(super) lang: Lang,
    /// The listings, in the order in which they were tried.
    pub(super) cells: Vec<Cell>,
    pub(super) findings: Vec<Found>,
    /// How a session must be covered, where that was asked for.
    pub(super) wanted: Option<Cover>,
    /// Somebody was let in, in a way that was asked for.
    is_in: bool,
    /// How the first try that failed would end a command, of those that were asked for; once somebody was let in, of
    /// those that came after.
    pub(super) worst: Option<Exit>,
    /// How the first of what is tried beyond listings failed.
    pub(super) extra: Option<Exit>,
    /// The certificate that is not trusted and could be, and where it was shown.
    pub(super) stranger: Option<(Cover, Fingerprint)>,
    /// Nobody was named to log in.
    is_anonymous: bool,
    /// A password was not sent in clear.
    pub(super) kept_secret: bool,
    trace: Option<Trace>,
    /// Of which sessions the lines are that stand last.
    heading: Option<Cover>,
    /// What FEAT last said, and of which sessions.
    features: Option<(Cover, Vec<String>)>,
}

/// A finding, and of which tries it is.
pub(super) struct Found {
    pub(super) cover: Cover,
    /// The ways of agreeing on a data connection in which it was found; none where it was found before that.
    pub(super) setups: Vec<Setup>,
    pub(super) finding: Finding,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        arguments: &'a CheckArgs,
        events: &'a Events,
        lang: Lang,
        wanted: Option<Cover>,
        login: &Login,
    ) -> anyhow::Result<Self> {
        let trace = Trace::wanted_by(&arguments.connection)?;
        Ok(Self {
            arguments,
            events,
            lang,
            cells: Vec::new(),
            findings: Vec::new(),
            wanted,
            is_in: false,
            worst: None,
            extra: None,
            stranger: None,
            is_anonymous: login.user == Login::anonymous().user,
            kept_secret: false,
            trace: trace.map(|trace| trace.speaking(lang)),
            heading: None,
            features: None,
        })
    }

    /// What the host's name leads to.
    pub(super) fn resolved(
        &mut self,
        host: &str,
        found: &Result<Vec<SocketAddr>, io::Error>,
    ) -> anyhow::Result<()> {
        let addresses: Vec<String> = found.iter().flatten().map(|at| at.ip().to_string()).collect();
        let words = match found {
            Ok(_) => addresses.join(", "),
            Err(error) => {
                self.worst = Some(Exit::Network);
                format!("{host}{}{}", self.lang.of(": ", "："), of_system(error, self.lang))
            }
        };
        let object = json!({ "step": "resolve", "host": host, "ok": found.is_ok(),
            "addresses": addresses, "what": words });
        self.step(None, self.lang.of("resolve", "名前解決"), &words, &object)
    }

    /// How a first session went: connection, greeting, TLS, login, and what the server says of itself.
    pub(super) fn entered(&mut self, attempt: &Attempt) -> anyhow::Result<()> {
        let title = cover(attempt.cover, self.lang);
        if let Some(server) = attempt.server() {
            let greeting = attempt.greeting();
            let words = match &greeting {
                Some((line, waited)) => format!("{server}, {line} ({} ms)", waited.as_millis()),
                None => server.to_string(),
            };
            let object = json!({
                "step": "connect", "cover": name(attempt.cover), "ok": greeting.is_some(),
                "session": attempt.session.0, "server": server.to_string(),
                "greeting": greeting.as_ref().map(|(line, _)| line),
                "ms": greeting.as_ref().map(|(_, waited)| whole_ms(*waited)), "what": words,
            });
            let connect = self.lang.of("connect", "接続");
            self.step(Some(attempt.cover), connect, &words, &object)?;
        }
        self.secured(attempt)?;
        self.learnt(attempt)?;
        // What kept others out is in nobody's way from then on.
        if attempt.outcome.is_ok() && self.suits(attempt.cover) && !self.is_in {
            (self.is_in, self.worst) = (true, None);
        }
        if let Err(error) = &attempt.outcome {
            self.failed(attempt, error)?;
        }
        self.remember(attempt, title);
        Ok(())
    }

    /// Whether sessions that are covered like this are what was asked for. Who asked for AUTH TLS at a port where TLS
    /// begins at once has TLS there.
    fn suits(&self, cover: Cover) -> bool {
        self.wanted.is_none() || cover != Cover::Clear
    }

    /// The TLS of a session.
    fn secured(&mut self, attempt: &Attempt) -> anyhow::Result<()> {
        let Some(facts) = attempt.tls(false) else { return Ok(()) };
        let trusts_anybody = self.arguments.connection.tls.trusts_anybody();
        let trusted = match trusts_anybody {
            true => self.lang.of("certificate not looked at", "証明書は確認していない"),
            false => self.lang.of("certificate trusted", "証明書は信頼できる"),
        };
        let comma = self.lang.of(", ", "、");
        let words = format!("{} {}{comma}{trusted}", facts.version, facts.cipher);
        let object = json!({ "step": "tls", "cover": name(attempt.cover), "ok": true,
            "version": facts.version.to_string(), "cipher": facts.cipher.to_string(),
            "trusted": !trusts_anybody, "what": words });
        self.step(Some(attempt.cover), "TLS", &words, &object)
    }

    /// What a server has said of itself.
    fn learnt(&mut self, attempt: &Attempt) -> anyhow::Result<()> {
        let Ok(told) = &attempt.outcome else { return Ok(()) };
        let of = attempt.cover;
        for (verb, said) in [("SYST", &told.system), ("PWD", &told.folder)] {
            if let Some(said) = said {
                let object = json!({ "step": verb, "cover": name(of), "ok": true, "what": said });
                self.step(Some(of), verb, said, &object)?;
            }
        }
        if told.features.is_empty() {
            return Ok(());
        }
        let words = match &self.features {
            Some((before, known)) if *known == told.features && !self.events.is_on() => {
                let before = cover(*before, self.lang);
                match self.lang {
                    Lang::En => format!("the same ({before})"),
                    Lang::Ja => format!("{before} と同じ"),
                }
            }
            _ => told.features.join(", "),
        };
        self.features = Some((of, told.features.clone()));
        let object = json!({ "step": "FEAT", "cover": name(of), "ok": true,
            "features": told.features, "what": words });
        self.step(Some(of), "FEAT", &words, &object)
    }

    /// Whether the folder that was named can be entered.
    pub(super) fn folder(&mut self, attempt: &Attempt) -> anyhow::Result<()> {
        let title = self.lang.of("folder", "ディレクトリ");
        let (words, error) = match &attempt.outcome {
            Ok(told) => (told.folder.clone().unwrap_or_default(), None),
            Err(error) => (whole(error, self.lang), Some(error)),
        };
        let object = json!({ "step": "folder", "cover": name(attempt.cover),
            "ok": error.is_none(), "what": words });
        let object = with_error(object, error);
        self.remember(attempt, title);
        self.step(Some(attempt.cover), title, &words, &object)
    }

    /// A try that failed before it came to a listing.
    fn failed(&mut self, attempt: &Attempt, error: &Error) -> anyhow::Result<()> {
        let lang = self.lang;
        let step = match error {
            Error::NotProtected { .. } | Error::Tls { .. } | Error::Injected { .. } => "TLS",
            Error::Login { .. } | Error::NoPassword { .. } => lang.of("login", "ログイン"),
            _ => lang.of("session", "セッション"),
        };
        if let Error::Tls { fault: TlsFault::Certificate { why, shown }, .. } = error
            && *why != CertificateFault::NotPinned
        {
            self.stranger = shown.map(|shown| (attempt.cover, shown));
        }
        let (what, advice) = (whole(error, lang), advice(error, lang));
        let words =
            if is_told(attempt) { words::step(error, lang) } else { with_advice(error, lang) };
        if let Error::Tls { fault, .. } = error
            && attempt.tls(false).is_none()
        {
            let trusted = if matches!(fault, TlsFault::Certificate { .. }) {
                json!(false)
            } else {
                Value::Null
            };
            self.events.tell("check", || {
                json!({ "step": "tls", "cover": name(attempt.cover), "ok": false,
                    "version": null, "cipher": null, "trusted": trusted, "what": what })
            });
        }
        let ok = if self.is_fault(attempt) { json!(false) } else { Value::Null };
        let object = json!({ "step": "failed", "cover": name(attempt.cover), "ok": ok,
            "what": what, "advice": advice });
        let object = with_error(object, Some(error));
        self.step(Some(attempt.cover), step, &words, &object)
    }

    /// Whether what went wrong is wrong: that a server has no TLS is not, where nobody has asked for it.
    fn is_fault(&self, attempt: &Attempt) -> bool {
        self.wanted.is_some() || !matches!(attempt.outcome, Err(Error::NotProtected { .. }))
    }

    /// That a password is not sent in clear.
    pub(super) fn not_said(&mut self, login: &Login) -> anyhow::Result<()> {
        let user = &login.user;
        let words = match self.lang {
            Lang::En => format!("{user}'s password is not sent in clear without --clear-password"),
            Lang::Ja => {
                format!("--clear-password がないため、{user} のパスワードは平文では送らない")
            }
        };
        self.kept_secret = true;
        let object =
            json!({ "step": "login", "cover": name(Cover::Clear), "ok": null, "what": words });
        let title = self.lang.of("login", "ログイン");
        self.step(Some(Cover::Clear), title, &words, &object)
    }

    /// How a listing went.
    pub(super) fn listed(&mut self, attempt: &Attempt) -> anyhow::Result<()> {
        let Some(setup) = attempt.setup else { return Ok(()) };
        let cell = self.cell(attempt, setup);
        let error = attempt.outcome.as_ref().err();
        let object = json!({
            "step": "list", "cover": name(attempt.cover), "setup": setup_name(setup),
            "session": attempt.session.0, "ok": cell.works, "ms": whole_ms(attempt.took),
            "bytes": attempt.outcome.as_ref().ok().map(|told| told.moved),
            "resumed": cell.resumed,
            "what": cell.whole.as_ref().unwrap_or(&cell.short),
            "findings": attempt.findings().iter().map(|found| found.rule.id).collect::<Vec<_>>(),
        });
        let object = with_error(object, error);
        self.cells.push(cell);
        let title = format!("{} {}", setup_name(setup), cover(attempt.cover, self.lang));
        self.remember(attempt, &title);
        self.events.tell("check", || object);
        Ok(())
    }

    fn cell(&self, attempt: &Attempt, setup: Setup) -> Cell {
        let resumed = attempt.tls(true).map(|facts| facts.resumed);
        let (short, whole) = match &attempt.outcome {
            Ok(_) => (self.success(attempt), None),
            Err(error) => (short(error, self.lang), Some(self.whole_of(attempt, error))),
        };
        let (cover, works) = (attempt.cover, whole.is_none());
        let is_refused = attempt.outcome.as_ref().is_err_and(words::is_of_listing);
        Cell { cover, setup, works, is_refused, resumed, short, whole }
    }

    /// All words on a listing that did not come, with what helps where no finding tells that.
    fn whole_of(&self, attempt: &Attempt, error: &Error) -> String {
        if is_told(attempt) { whole(error, self.lang) } else { with_advice(error, self.lang) }
    }

    /// How a try went that went well.
    fn success(&self, attempt: &Attempt) -> String {
        let lang = self.lang;
        let moved = attempt.outcome.as_ref().map_or(0, |told| told.moved);
        match attempt.tls(true).map(|facts| facts.resumed) {
            Some(true) => lang.of("works, TLS resumed", "成功、TLS を再開").to_owned(),
            Some(false) => lang.of("works, TLS anew", "成功、TLS は新規").to_owned(),
            None => match lang {
                Lang::En => format!("works ({moved} B)"),
                Lang::Ja => format!("成功（{moved} バイト）"),
            },
        }
    }

    /// A way by which data connections were seen to resume the TLS session, for finding out whether they must.
    pub(super) fn resumes(&self, cover: Cover) -> Option<Setup> {
        let found = self
            .cells
            .iter()
            .find(|cell| cell.cover == cover && cell.works && cell.resumed.is_some())?;
        Some(found.setup)
    }

    /// What became of a data connection that began TLS anew.
    pub(super) fn begun_anew(&mut self, attempt: &Attempt) -> anyhow::Result<()> {
        let lang = self.lang;
        let (demanded, words) = match &attempt.outcome {
            Ok(_) => (
                json!(false),
                lang.of(
                    "not demanded: data connections may begin TLS anew",
                    "不要。データコネクションは新しい TLS セッションでもよい",
                )
                .to_owned(),
            ),
            Err(Error::NotResumed { last, .. }) => {
                let said = last.reply.as_ref().map(ToString::to_string).unwrap_or_default();
                let words = lang.of(
                    "demanded: data connections must resume the TLS session",
                    "必須。データコネクションは TLS セッションを再開しなければならない",
                );
                let (open, close) = lang.of((" (", ")"), ("（", "）"));
                (json!(true), format!("{words}{open}{}{close}", said.trim_end()))
            }
            Err(error) => (Value::Null, whole(error, lang)),
        };
        let object = json!({ "step": "reuse", "cover": name(attempt.cover),
            "session": attempt.session.0, "ok": !demanded.is_null(), "demanded": demanded,
            "what": words });
        let title = lang.of("reuse", "TLS の再開");
        self.draw_later(attempt, title);
        self.step(Some(attempt.cover), title, &words, &object)
    }

    /// How what was asked for beyond that went.
    pub(super) fn extra(&mut self, extra: Extra, attempt: &Attempt) -> anyhow::Result<()> {
        let lang = self.lang;
        let (step, seconds, title) = match extra {
            Extra::Upload => ("upload", None, lang.of("upload", "アップロード").to_owned()),
            Extra::Idle(time) => {
                let seconds = time.as_secs();
                let title = match lang {
                    Lang::En => format!("idle {seconds} s"),
                    Lang::Ja => format!("無通信 {seconds} 秒"),
                };
                ("idle", Some(seconds), title)
            }
        };
        let mut words = match (&attempt.outcome, extra) {
            (Err(error), _) => whole(error, lang),
            (Ok(_), Extra::Upload) => self.success(attempt),
            (Ok(_), Extra::Idle(_)) => lang
                .of("works, the session is still there", "成功、セッションは保たれた")
                .to_owned(),
        };
        words += &format!(" [{}]", cover(attempt.cover, lang));
        let error = attempt.outcome.as_ref().err();
        if let Some(error) = error {
            self.extra.get_or_insert_with(|| Exit::of_client(error));
        }
        let object = json!({ "step": step, "cover": name(attempt.cover), "session": attempt.session.0,
            "seconds": seconds, "ok": error.is_none(), "what": words });
        let object = with_error(object, error);
        self.remember(attempt, &title);
        self.step(None, &title, &words, &object)
    }

    /// What was taken for implicit TLS is none: what was found of that says nothing then.
    pub(super) fn is_no_implicit_tls(&mut self) -> anyhow::Result<()> {
        if self.wanted == Some(Cover::Implicit) {
            return Ok(());
        }
        let says =
            |found: &Found| found.finding.rule.id != SILENT_PORT && found.cover != Cover::Implicit;
        self.findings.retain(says);
        let words = self.lang.of(
            "the port is open, and neither greets nor begins TLS: it is no FTP server, or one that is stuck",
            "ポートは開いているが、最初の応答も TLS の開始もない。FTP サーバーではないか、止まっている",
        );
        let object = json!({ "step": "failed", "cover": null, "ok": false,
            "cause": "silent", "what": words, "advice": null });
        self.step(None, self.lang.of("session", "セッション"), words, &object)
    }

    /// Keeps the findings of a try, each rule once for each cover, and its ladder.
    fn remember(&mut self, attempt: &Attempt, title: &str) {
        if let Err(error) = &attempt.outcome
            && self.suits(attempt.cover)
            && self.is_fault(attempt)
        {
            let exit = Exit::of_client(error);
            self.worst = self.worst.or(Some(exit));
        }
        self.draw_later(attempt, title);
        for mut finding in attempt.findings() {
            // Rows are those of one ladder among several.
            finding.rows.clear();
            if !self.is_fault(attempt) {
                finding.severity = finding.severity.min(Severity::Warning);
            }
            if finding.severity == Severity::Info {
                continue;
            }
            let is_it = |found: &&mut Found| {
                found.finding.rule.id == finding.rule.id
                    && (found.cover == attempt.cover || attempt.setup.is_none())
            };
            match self.findings.iter_mut().find(is_it) {
                Some(found) => {
                    found.setups.extend(attempt.setup.filter(|of| !found.setups.contains(of)));
                }
                None => self.findings.push(Found {
                    cover: attempt.cover,
                    setups: attempt.setup.into_iter().collect(),
                    finding,
                }),
            }
        }
    }

    /// Keeps the ladder of a try, where ladders are wanted.
    fn draw_later(&mut self, attempt: &Attempt, title: &str) {
        if let Some(trace) = &mut self.trace {
            trace.take(attempt.session, title.to_owned(), &attempt.events);
        }
    }

    /// Columns of the output.
    fn width(&self) -> usize {
        terminal::output_columns().unwrap_or(WIDTH)
    }

    /// A line of what was done so far, beneath the name of the sessions that it is of.
    fn step(
        &mut self,
        of: Option<Cover>,
        title: &str,
        words: &str,
        object: &Value,
    ) -> anyhow::Result<()> {
        self.events.tell("check", || object.clone());
        if self.events.is_on() || self.arguments.connection.quiet {
            return Ok(());
        }
        if of != self.heading {
            self.heading = of;
            let title = of.map(|of| cover(of, self.lang).to_owned() + self.lang.of(":", "："));
            print(&format!("\n{}", title.map(|title| title + "\n").unwrap_or_default()))?;
        }
        let head = self.lang.of(11, 14);
        let room = self.width().saturating_sub(head).max(20);
        for (n, line) in wrap(words, room, Ambiguous::One).iter().enumerate() {
            let title = pad(if n == 0 { title } else { "" }, head, Ambiguous::One);
            print(&format!("{}\n", format!("{title}{line}").trim_end()))?;
        }
        Ok(())
    }
}

/// Whether a finding says what went wrong in a try; then nothing else needs to.
fn is_told(attempt: &Attempt) -> bool {
    attempt.findings().iter().any(|found| found.severity > Severity::Info)
}

/// All words on an error, with what helps.
fn with_advice(error: &Error, lang: Lang) -> String {
    let what = whole(error, lang);
    match advice(error, lang) {
        Some(advice) => format!("{what}{}", lang.of(" (", "（")) + advice + lang.of(")", "）"),
        None => what,
    }
}

impl Found {
    fn as_json(&self, lang: Lang) -> Value {
        let finding = &self.finding;
        json!({
            "step": "finding", "id": finding.rule.id, "cover": name(self.cover),
            "setups": self.setups.iter().map(|setup| setup_name(*setup)).collect::<Vec<_>>(),
            "severity": finding.severity.words(Lang::En),
            "confidence": finding.confidence.words(Lang::En),
            "side": finding.rule.side.words(Lang::En),
            "cause": finding.cause(lang), "advice": finding.advice(lang),
        })
    }
}

pub(super) fn setup_name(setup: Setup) -> &'static str {
    match setup {
        Setup::Epsv => "EPSV",
        Setup::Pasv => "PASV",
        Setup::Eprt => "EPRT",
        Setup::Port => "PORT",
    }
}

pub(super) fn cover(of: Cover, lang: Lang) -> &'static str {
    match of {
        Cover::Clear => lang.of("in clear", "平文"),
        Cover::Explicit => "AUTH TLS",
        Cover::Implicit => lang.of("implicit TLS", "暗黙的 TLS"),
    }
}

/// The name of a cover in JSON.
fn name(of: Cover) -> &'static str {
    match of {
        Cover::Clear => "clear",
        Cover::Explicit => "explicit",
        Cover::Implicit => "implicit",
    }
}

fn whole_ms(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
