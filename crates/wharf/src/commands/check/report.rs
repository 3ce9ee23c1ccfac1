//! What the doctor says: a line a step, a table of the ways, the findings, and settings that work; or the same as JSON, an
//! object a step.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};
use wharf_client::{Address, Error, Login, Setup};
use wharf_ladder::findings::{Finding, Severity, with_ghosts};
use wharf_ladder::{Lang, Options, text};

use super::SETUPS;
use super::attempt::{Attempt, Cover, Extra};
use crate::args::check::CheckArgs;
use crate::exit::Exit;
use crate::terminal;

/// Columns of the table before its cells, and of a cell.
const HEAD: usize = 11;
const CELL: usize = 30;

/// What has been found so far.
pub(super) struct Report<'a> {
    arguments: &'a CheckArgs,
    lang: Lang,
    /// The listings, in the order in which they were tried.
    cells: Vec<Cell>,
    findings: Vec<Finding>,
    ladders: Vec<(String, String)>,
    /// How the first try that failed would end a command.
    worst: Option<Exit>,
}

struct Cell {
    cover: Cover,
    setup: Setup,
    works: bool,
    words: String,
}

impl<'a> Report<'a> {
    pub(super) fn new(arguments: &'a CheckArgs, lang: Lang) -> Self {
        let (cells, findings, ladders) = (Vec::new(), Vec::new(), Vec::new());
        Self { arguments, lang, cells, findings, ladders, worst: None }
    }

    /// What the host's name leads to.
    pub(super) fn resolved(
        &self,
        address: &Address,
        found: &Result<Vec<SocketAddr>, io::Error>,
    ) -> anyhow::Result<()> {
        let words = match found {
            Ok(found) => found.iter().map(|at| at.ip().to_string()).collect::<Vec<_>>().join(", "),
            Err(error) => error.to_string(),
        };
        let host = &address.host;
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
            let trusted = match self.arguments.tls.trusts_anybody() {
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
        let object =
            json!({ "step": "failed", "cover": key(attempt.cover), "ok": false, "what": words });
        self.step(step, &words, &object)
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
        self.cells.push(Cell { cover: attempt.cover, setup, works, words });
        let title = format!("{} {}", name(setup), cover(attempt.cover, self.lang));
        self.remember(attempt, &title);
        if self.arguments.json { print(&format!("{object}\n")) } else { Ok(()) }
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
        let object = json!({ "step": title, "cover": key(attempt.cover), "ok": ok, "what": words });
        self.remember(attempt, &title);
        self.step(&title, &words, &object)
    }

    /// The best way that works: under TLS before in clear, passive before active.
    pub(super) fn best(&self) -> Option<(Cover, Setup)> {
        let best = self.cells.iter().find(|cell| cell.works)?;
        Some((best.cover, best.setup))
    }

    /// The table, the findings and the settings that work; gives the exit code.
    pub(super) fn end(&self, address: &Address) -> anyhow::Result<Exit> {
        let best = self.best();
        let settings = best.map(|best| settings(address, best));
        if self.arguments.json {
            for finding in &self.findings {
                print(&format!("{}\n", self.finding(finding)))?;
            }
            print(&format!(
                "{}\n",
                json!({ "step": "end", "ok": best.is_some(), "settings": settings })
            ))?;
        } else {
            print(&self.table())?;
            let options = Options { lang: self.lang, ..drawing(terminal::output_columns()) };
            let said = text::verdicts(&self.findings, &options);
            if !said.is_empty() {
                print(&format!("\n{said}"))?;
            }
            let lang = self.lang;
            print(&match (&settings, self.cells.is_empty()) {
                (Some(settings), _) => {
                    format!("\n{} {settings}\n", lang.of("Works:", "使える設定："))
                }
                (None, true) => String::new(),
                (None, false) => {
                    format!(
                        "\n{}\n",
                        lang.of("No way of moving data works.", "データを転送できる方法がない。")
                    )
                }
            })?;
        }
        self.draw()?;
        Ok(if best.is_some() { Exit::Done } else { self.worst.unwrap_or(Exit::Failed) })
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
        for setup in SETUPS {
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

    fn finding(&self, finding: &Finding) -> Value {
        json!({
            "step": "finding", "id": finding.rule.id,
            "severity": finding.severity.words(Lang::En),
            "confidence": finding.confidence.words(Lang::En),
            "side": finding.rule.side.words(Lang::En),
            "cause": finding.cause(self.lang), "advice": finding.advice(self.lang),
        })
    }

    /// Keeps the findings of a try, each rule once, and its ladder.
    fn remember(&mut self, attempt: &Attempt, title: &str) {
        let findings = attempt.findings();
        if let Err(error) = &attempt.outcome {
            let exit = Exit::of_client(error);
            self.worst = self.worst.or(Some(exit));
        }
        if self.arguments.trace.is_some() {
            let rows = with_ghosts(&attempt.ladder.numbered(), &findings);
            let options = Options { lang: self.lang, ..drawing(terminal::columns()) };
            let drawn = text::render(&rows, attempt.ladder.ends(), &options)
                + &text::verdicts(&findings, &options);
            self.ladders.push((title.to_owned(), drawn));
        }
        for mut finding in findings {
            let known = self.findings.iter().any(|known| known.rule.id == finding.rule.id);
            // Rows are those of one ladder among several.
            finding.rows.clear();
            if !known && finding.severity > Severity::Info {
                self.findings.push(finding);
            }
        }
    }

    fn draw(&self) -> anyhow::Result<()> {
        let Some(to) = &self.arguments.trace else { return Ok(()) };
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
        if self.arguments.json {
            return print(&format!("{object}\n"));
        }
        let title = wharf_ladder::width::pad(title, HEAD, wharf_ladder::Ambiguous::One);
        print(&format!("{title}{words}\n"))
    }
}

/// A command line that does what worked.
fn settings(address: &Address, (of, setup): (Cover, Setup)) -> String {
    let scheme = match of {
        Cover::Clear => "ftp",
        Cover::Explicit => "ftpes",
        Cover::Implicit => "ftps",
    };
    let way = if matches!(setup, Setup::Eprt | Setup::Port) { " --active" } else { "" };
    let plain = if setup == Setup::Pasv { " --plain" } else { "" };
    let (host, port) = (&address.host, address.port);
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    format!("wharf ls{way}{plain} {scheme}://{host}:{port}/ ({})", name(setup))
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
