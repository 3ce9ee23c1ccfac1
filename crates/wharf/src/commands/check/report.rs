//! What the doctor says: a line a step, a table of the ways, the findings, and settings that work; or the same as JSON, an
//! object a step.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};
use wharf_client::{Address, Error, Login, Scheme, Setup};
use wharf_ladder::findings::{Finding, Severity, with_ghosts};
use wharf_ladder::{Lang, Options, text};

use super::SETUPS;
use super::attempt::{Attempt, Cover, Extra};
use crate::args::ConnectionArgs;
use crate::args::check::CheckArgs;
use crate::events::Events;
use crate::exit::Exit;
use crate::terminal;

/// Columns of the table before its cells, and of a cell.
const HEAD: usize = 11;
const CELL: usize = 30;

/// The rules by which a server refuses what is not under TLS.
const DEMANDS_TLS: [&str; 2] = ["A2", "T4"];

/// What has been found so far.
pub(super) struct Report<'a> {
    arguments: &'a CheckArgs,
    events: &'a Events,
    lang: Lang,
    /// The listings, in the order in which they were tried.
    cells: Vec<Cell>,
    /// What was found, and how the session was covered in which it was found first.
    findings: Vec<(Cover, Finding)>,
    ladders: Vec<(String, String)>,
    /// How a session must be covered, where that was asked for.
    wanted: Option<Cover>,
    /// How the first try that failed would end a command, of those that were asked for.
    worst: Option<Exit>,
    /// How the first of what is tried beyond listings failed.
    extra: Option<Exit>,
}

struct Cell {
    cover: Cover,
    setup: Setup,
    works: bool,
    /// Whether its data connection has resumed the TLS session; `None` where there is no TLS.
    resumed: Option<bool>,
    words: String,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        arguments: &'a CheckArgs,
        events: &'a Events,
        lang: Lang,
        wanted: Option<Cover>,
    ) -> Self {
        let (cells, findings, ladders) = (Vec::new(), Vec::new(), Vec::new());
        Self { arguments, events, lang, cells, findings, ladders, wanted, worst: None, extra: None }
    }

    /// What the host's name leads to.
    pub(super) fn resolved(
        &self,
        host: &str,
        found: &Result<Vec<SocketAddr>, io::Error>,
    ) -> anyhow::Result<()> {
        let words = match found {
            Ok(found) => found.iter().map(|at| at.ip().to_string()).collect::<Vec<_>>().join(", "),
            Err(error) => error.to_string(),
        };
        let object = json!({ "step": "resolve", "host": host, "ok": found.is_ok(), "what": words });
        self.step(self.lang.of("resolve", "名前解決"), &words, &object)
    }

    /// How a first session went: connection, greeting, TLS, login, and what the server says of itself.
    pub(super) fn entered(&mut self, attempt: &Attempt) -> anyhow::Result<()> {
        let lang = self.lang;
        let name = cover(attempt.cover, lang);
        if let Some(server) = attempt.server() {
            let greeting = attempt.greeting();
            let words = match &greeting {
                Some((line, waited)) => format!("{server}, {line} ({} ms)", waited.as_millis()),
                None => format!("{server}"),
            };
            let object = json!({
                "step": "connect", "cover": key(attempt.cover), "ok": greeting.is_some(),
                "server": server.to_string(), "what": words,
            });
            self.step(name, &words, &object)?;
        }
        if let Some(facts) = attempt.tls(false) {
            let trusted = match self.arguments.connection.tls.trusts_anybody() {
                true => lang.of("certificate not looked at", "証明書は未確認"),
                false => lang.of("certificate trusted", "証明書は信頼できる"),
            };
            let words = format!("{} {}, {trusted}", facts.version, facts.cipher);
            let object =
                json!({ "step": "tls", "cover": key(attempt.cover), "ok": true, "what": words });
            self.step("TLS", &words, &object)?;
        }
        match &attempt.outcome {
            Ok(told) => {
                let of = [("SYST", told.system.clone()), ("PWD", told.folder.clone())];
                for (verb, words) in of {
                    if let Some(words) = words {
                        let object = json!({ "step": verb, "cover": key(attempt.cover), "ok": true, "what": words });
                        self.step(verb, &words, &object)?;
                    }
                }
                if !told.features.is_empty() {
                    let words = told.features.join(", ");
                    let object = json!({ "step": "FEAT", "cover": key(attempt.cover), "ok": true, "what": words });
                    self.step("FEAT", &words, &object)?;
                }
            }
            Err(error) => self.failed(attempt, error)?,
        }
        self.remember(attempt, name);
        Ok(())
    }

    /// Whether the folder that was named can be entered.
    pub(super) fn folder(&mut self, attempt: &Attempt) -> anyhow::Result<()> {
        let title = self.lang.of("folder", "フォルダー");
        let words = match &attempt.outcome {
            Ok(told) => told.folder.clone().unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        let ok = attempt.outcome.is_ok();
        let object =
            json!({ "step": "folder", "cover": key(attempt.cover), "ok": ok, "what": words });
        self.remember(attempt, title);
        self.step(title, &words, &object)
    }

    /// A try that failed before it came to a listing.
    fn failed(&self, attempt: &Attempt, error: &Error) -> anyhow::Result<()> {
        let lang = self.lang;
        let step = match error {
            Error::NotProtected { .. } | Error::Tls { .. } | Error::Injected { .. } => "TLS",
            Error::Login { .. } => lang.of("login", "ログイン"),
            _ => lang.of("session", "セッション"),
        };
        let mut words = error.to_string();
        if let Some(advice) = attempt.advice() {
            words += &format!(" ({advice})");
        }
        let ok = if self.is_fault(attempt) { json!(false) } else { Value::Null };
        let object =
            json!({ "step": "failed", "cover": key(attempt.cover), "ok": ok, "what": words });
        self.step(step, &words, &object)
    }

    /// Whether what went wrong is wrong: that a server has no TLS is not, where nobody has asked for it.
    fn is_fault(&self, attempt: &Attempt) -> bool {
        self.wanted.is_some() || !matches!(attempt.outcome, Err(Error::NotProtected { .. }))
    }

    /// That a password is not sent in clear.
    pub(super) fn not_said(&self, login: &Login) -> anyhow::Result<()> {
        let words = match self.lang {
            Lang::En => {
                format!("{}'s password is not sent in clear without --clear-password", login.user)
            }
            Lang::Ja => format!(
                "--clear-password がないため、{} のパスワードは平文では送らない",
                login.user
            ),
        };
        let object = json!({ "step": "login", "cover": "clear", "ok": null, "what": words });
        self.step(self.lang.of("in clear", "平文"), &words, &object)
    }

    /// How a listing went.
    pub(super) fn listed(&mut self, attempt: &Attempt) -> anyhow::Result<()> {
        let Some(setup) = attempt.setup else { return Ok(()) };
        let words = self.result(attempt);
        let works = attempt.outcome.is_ok();
        let object = json!({
            "step": "list", "cover": key(attempt.cover), "setup": name(setup), "ok": works,
            "ms": u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX), "what": words,
            "findings": attempt.findings().iter().map(|found| found.rule.id).collect::<Vec<_>>(),
        });
        let resumed = attempt.tls(true).map(|facts| facts.resumed);
        self.cells.push(Cell { cover: attempt.cover, setup, works, resumed, words });
        let title = format!("{} {}", name(setup), cover(attempt.cover, self.lang));
        self.remember(attempt, &title);
        self.events.tell("check", || object);
        Ok(())
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
                    "不要：データ接続は新しい TLS セッションでもよい",
                )
                .to_owned(),
            ),
            Err(Error::NotResumed { last, .. }) => {
                let said = last.reply.as_ref().map(ToString::to_string).unwrap_or_default();
                let words = lang.of(
                    "demanded: data connections must resume the TLS session",
                    "必須：データ接続は TLS セッションを再開しなければならない",
                );
                (json!(true), format!("{words} ({})", said.trim_end()))
            }
            Err(error) => (Value::Null, error.to_string()),
        };
        let object = json!({ "step": "reuse", "cover": key(attempt.cover), "ok": !demanded.is_null(),
            "demanded": demanded, "what": words });
        let title = lang.of("reuse", "TLS 再開");
        self.draw_later(attempt, &attempt.findings(), title);
        self.step(title, &words, &object)
    }

    /// How what was asked for beyond that went.
    pub(super) fn extra(&mut self, extra: Extra, attempt: &Attempt) -> anyhow::Result<()> {
        let lang = self.lang;
        let title = match extra {
            Extra::Upload => lang.of("upload", "アップロード").to_owned(),
            Extra::Idle(time) => match lang {
                Lang::En => format!("idle {} s", time.as_secs()),
                Lang::Ja => format!("無通信 {} 秒", time.as_secs()),
            },
        };
        let words = self.result(attempt);
        let ok = attempt.outcome.is_ok();
        if let Err(error) = &attempt.outcome {
            self.extra.get_or_insert_with(|| Exit::of_client(error));
        }
        let object = json!({ "step": title, "cover": key(attempt.cover), "ok": ok, "what": words });
        self.remember(attempt, &title);
        self.step(&title, &words, &object)
    }

    /// The best way that works, of those that were asked for: under TLS before in clear, passive before active.
    pub(super) fn best(&self) -> Option<(Cover, Setup)> {
        let wanted = |cell: &&Cell| self.wanted.is_none_or(|wanted| wanted == cell.cover);
        let best = self.cells.iter().filter(wanted).find(|cell| cell.works)?;
        Some((best.cover, best.setup))
    }

    /// The table, the findings and the settings that work; gives the exit code.
    pub(super) fn end(&mut self, address: &Address) -> anyhow::Result<Exit> {
        let best = self.best();
        self.excuse(best.map(|(cover, _)| cover));
        let settings = best.map(|best| settings(address, &self.arguments.connection, best));
        if self.events.is_on() {
            for (cover, finding) in &self.findings {
                self.events.tell("check", || self.finding(*cover, finding));
            }
            self.events.and_at_the_end("ok", best.is_some() && self.extra.is_none());
            self.events.and_at_the_end("settings", settings);
        } else {
            if !self.arguments.connection.quiet {
                print(&self.table())?;
            }
            print(&self.verdicts())?;
            let lang = self.lang;
            print(&match (&settings, self.cells.is_empty()) {
                (Some(settings), _) => {
                    format!("\n{} {settings}\n", lang.of("Works:", "使える設定："))
                }
                (None, true) => String::new(),
                (None, false) if self.cells.iter().any(|cell| cell.works) => {
                    format!(
                        "\n{}\n",
                        lang.of(
                            "Nothing works under TLS, which was asked for.",
                            "求められた TLS では何も通じない。"
                        )
                    )
                }
                (None, false) => {
                    format!(
                        "\n{}\n",
                        lang.of("No way of moving data works.", "データを転送できる方法がない。")
                    )
                }
            })?;
        }
        self.draw()?;
        Ok(match best {
            Some(_) => self.extra.unwrap_or(Exit::Done),
            None => self.worst.unwrap_or(Exit::Failed),
        })
    }

    /// That a server wants TLS is its good right, where it has it: what it refuses in clear fails nothing then.
    fn excuse(&mut self, best: Option<Cover>) {
        let has_tls = best.is_some_and(|best| best != Cover::Clear);
        for (cover, finding) in &mut self.findings {
            if has_tls && *cover == Cover::Clear && DEMANDS_TLS.contains(&finding.rule.id) {
                finding.severity = finding.severity.min(Severity::Warning);
            }
        }
    }

    /// The findings, beneath the name of the sessions that they are of where several kinds were tried.
    fn verdicts(&self) -> String {
        let options = Options { lang: self.lang, ..drawing(terminal::output_columns()) };
        let mut out = String::new();
        for of in [Cover::Explicit, Cover::Implicit, Cover::Clear] {
            let its = self.findings.iter().filter(|(cover, _)| *cover == of);
            let its: Vec<Finding> = its.map(|(_, finding)| finding.clone()).collect();
            if !its.is_empty() {
                let head = cover(of, self.lang);
                out += &format!("\n{head}{}\n", self.lang.of(":", "："));
                out += &text::verdicts(&its, &options);
            }
        }
        out
    }

    /// The ways down, the covers across.
    fn table(&self) -> String {
        let mut covers: Vec<Cover> = Vec::new();
        for cell in &self.cells {
            if !covers.contains(&cell.cover) {
                covers.push(cell.cover);
            }
        }
        if covers.is_empty() {
            return String::new();
        }
        let mut out = format!("\n{:HEAD$}", "");
        for of in &covers {
            let title = cover(*of, self.lang);
            out += &wharf_ladder::width::pad(title, CELL, wharf_ladder::Ambiguous::One);
        }
        let tried = |setup: &Setup| self.cells.iter().any(|cell| cell.setup == *setup);
        for setup in SETUPS.into_iter().filter(tried) {
            let cell = |of: &Cover| {
                let is_it = |cell: &&Cell| cell.cover == *of && cell.setup == setup;
                self.cells.iter().find(is_it).map_or("-", |cell| cell.words.as_str())
            };
            out = format!("{}\n  {:<width$}", out.trim_end(), name(setup), width = HEAD - 2);
            for of in &covers {
                let words = wharf_ladder::width::ellipsize(
                    cell(of),
                    CELL - 2,
                    "…",
                    wharf_ladder::Ambiguous::One,
                );
                out += &wharf_ladder::width::pad(&words, CELL, wharf_ladder::Ambiguous::One);
            }
        }
        out.trim_end().to_owned() + "\n"
    }

    /// How a try went, in a few words.
    fn result(&self, attempt: &Attempt) -> String {
        let lang = self.lang;
        match (&attempt.outcome, attempt.tls(true)) {
            (Ok(_), Some(facts)) if facts.resumed => {
                lang.of("works, TLS resumed", "成功、TLS 再開").to_owned()
            }
            (Ok(_), Some(_)) => lang.of("works, TLS anew", "成功、TLS 新規").to_owned(),
            (Ok(told), None) => format!("{} ({} B)", lang.of("works", "成功"), told.moved),
            (Err(_), _) => attempt.why().unwrap_or_default(),
        }
    }

    fn finding(&self, cover: Cover, finding: &Finding) -> Value {
        json!({
            "step": "finding", "id": finding.rule.id, "cover": key(cover),
            "severity": finding.severity.words(Lang::En),
            "confidence": finding.confidence.words(Lang::En),
            "side": finding.rule.side.words(Lang::En),
            "cause": finding.cause(self.lang), "advice": finding.advice(self.lang),
        })
    }

    /// Keeps the findings of a try, each rule once, and its ladder.
    fn remember(&mut self, attempt: &Attempt, title: &str) {
        let findings = attempt.findings();
        if let Err(error) = &attempt.outcome
            && self.wanted.is_none_or(|wanted| wanted == attempt.cover)
            && self.is_fault(attempt)
        {
            let exit = Exit::of_client(error);
            self.worst = self.worst.or(Some(exit));
        }
        self.draw_later(attempt, &findings, title);
        for mut finding in findings {
            let known = self.findings.iter().any(|(_, known)| known.rule.id == finding.rule.id);
            // Rows are those of one ladder among several.
            finding.rows.clear();
            if !self.is_fault(attempt) {
                finding.severity = finding.severity.min(Severity::Warning);
            }
            if !known && finding.severity > Severity::Info {
                self.findings.push((attempt.cover, finding));
            }
        }
    }

    /// Keeps the ladder of a try, where ladders are wanted.
    fn draw_later(&mut self, attempt: &Attempt, findings: &[Finding], title: &str) {
        if self.arguments.connection.trace.is_some() {
            let rows = with_ghosts(&attempt.ladder.numbered(), findings);
            let options = Options { lang: self.lang, ..drawing(terminal::columns()) };
            let drawn = text::render(&rows, attempt.ladder.ends(), &options)
                + &text::verdicts(findings, &options);
            self.ladders.push((title.to_owned(), drawn));
        }
    }

    fn draw(&self) -> anyhow::Result<()> {
        let Some(to) = &self.arguments.connection.trace else { return Ok(()) };
        let text: String =
            self.ladders.iter().map(|(title, drawn)| format!("{title}\n{drawn}\n")).collect();
        if to == Path::new("-") {
            terminal::say(text.trim_end());
            return Ok(());
        }
        std::fs::write(to, text).with_context(|| format!("cannot write {}", to.display()))
    }

    /// A line of what was done so far.
    fn step(&self, title: &str, words: &str, object: &Value) -> anyhow::Result<()> {
        self.events.tell("check", || object.clone());
        if self.events.is_on() || self.arguments.connection.quiet {
            return Ok(());
        }
        let title = wharf_ladder::width::pad(title, HEAD, wharf_ladder::Ambiguous::One);
        print(&format!("{title}{words}\n"))
    }
}

/// A command line that does what worked.
fn settings(address: &Address, connection: &ConnectionArgs, (of, setup): (Cover, Setup)) -> String {
    let scheme = match of {
        Cover::Clear => Scheme::Ftp,
        Cover::Explicit => Scheme::Ftpes,
        Cover::Implicit => Scheme::Ftps,
    };
    let trust = if of == Cover::Clear { String::new() } else { connection.tls.words_of_trust() };
    let way = if matches!(setup, Setup::Eprt | Setup::Port) { " --active" } else { "" };
    let plain = if setup == Setup::Pasv { " --plain" } else { "" };
    let url = Address { scheme, ..address.clone() };
    let family = match (connection.ipv4, connection.ipv6) {
        (true, _) => " -4",
        (_, true) => " -6",
        (false, false) => "",
    };
    let proxy = connection.proxy.as_ref().map(|proxy| format!(" --proxy {proxy}"));
    let proxy = proxy.unwrap_or_default();
    // Behind the sign of a comment, so that all of it can be pasted into a shell.
    format!("wharf ls{way}{plain}{family}{proxy}{trust} {url}  # {}", name(setup))
}

fn drawing(columns: Option<usize>) -> Options {
    let plain = Options::default();
    Options { width: columns.unwrap_or(plain.width), ..plain }
}

fn name(setup: Setup) -> &'static str {
    match setup {
        Setup::Epsv => "EPSV",
        Setup::Pasv => "PASV",
        Setup::Eprt => "EPRT",
        Setup::Port => "PORT",
    }
}

fn cover(of: Cover, lang: Lang) -> &'static str {
    match of {
        Cover::Clear => lang.of("in clear", "平文"),
        Cover::Explicit => lang.of("AUTH TLS", "AUTH TLS"),
        Cover::Implicit => lang.of("TLS", "TLS"),
    }
}

/// The name of a cover in JSON.
fn key(of: Cover) -> &'static str {
    match of {
        Cover::Clear => "clear",
        Cover::Explicit => "explicit",
        Cover::Implicit => "implicit",
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
