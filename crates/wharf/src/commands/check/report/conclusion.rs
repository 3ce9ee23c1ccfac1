//! How a check ends: which findings fail nothing after all, the best way that works, the settings for it or what stands in
//! the way of any, and the exit code.

use serde_json::json;
use wharf_client::Setup;
use wharf_ladder::findings::{self, Rule, Severity};

use super::{Found, Report, SILENT_PORT, name, print, setup_name};
use crate::commands::check::attempt::Cover;
use crate::commands::check::command::Way;
use crate::commands::check::table::{self, Cell};
use crate::exit::Exit;

/// The rules by which a server refuses what is not under TLS.
const DEMANDS_TLS: [&str; 2] = ["A2", "T4"];
/// The rule by which EPSV does not work and PASV does, which no session alone shows here.
const ONLY_PASV: &Rule = findings::rule("D17");
/// The rule that blames TLS for a data connection that nobody answers, and those that do not.
const BLAMES_TLS: &str = "D22";
const UNANSWERED: [&str; 2] = ["D2", "D12"];

impl Report<'_> {
    /// The best way that works, of those that were asked for: under TLS before in clear, passive before active.
    pub(in crate::commands::check) fn best(&self) -> Option<(Cover, Setup)> {
        let best = self.cells.iter().find(|cell| cell.works && self.suits(cell.cover))?;
        Some((best.cover, best.setup))
    }

    /// That a server wants TLS is its good right, where it has it: what it refuses in clear fails nothing then. Neither
    /// does TLS that is in the way of nobody who has not asked for it, or a way of opening data connections beside which
    /// another one works.
    fn excuse(&mut self, best: Option<Cover>) {
        let has_tls = best.is_some_and(|best| best != Cover::Clear);
        for found in &mut self.findings {
            let id = found.finding.rule.id;
            let of_clear = has_tls && found.cover == Cover::Clear && DEMANDS_TLS.contains(&id);
            let of_tls = best == Some(Cover::Clear) && found.cover != Cover::Clear;
            let is_silent = best == Some(Cover::Implicit) && id == SILENT_PORT;
            let other = |cell: &Cell| {
                cell.works && cell.cover == found.cover && !found.setups.contains(&cell.setup)
            };
            let has_other = !found.setups.is_empty() && self.cells.iter().any(other);
            if of_clear || of_tls || is_silent || has_other {
                found.finding.severity = found.finding.severity.min(Severity::Warning);
            }
        }
    }

    /// What gets no answer in clear either does not fail for TLS.
    fn acquit_tls(&mut self) {
        let is_clear = |found: &&Found| {
            found.cover == Cover::Clear && UNANSWERED.contains(&found.finding.rule.id)
        };
        let clear: Vec<Setup> =
            self.findings.iter().filter(is_clear).flat_map(|found| found.setups.clone()).collect();
        self.findings.retain(|found| {
            let fails_alike = found.setups.iter().any(|setup| clear.contains(setup));
            found.finding.rule.id != BLAMES_TLS || !fails_alike
        });
    }

    /// That PASV works where EPSV does not, as the sessions beside each other show.
    fn compare_passive(&mut self) {
        let is = |cell: &&Cell, cover, setup| cell.cover == cover && cell.setup == setup;
        for of in [Cover::Explicit, Cover::Implicit, Cover::Clear] {
            let cell = |setup| self.cells.iter().find(|cell| is(cell, of, setup));
            let (epsv, pasv) = (cell(Setup::Epsv), cell(Setup::Pasv));
            let fails = epsv.is_some_and(|cell| !cell.works && !cell.is_refused);
            if fails && pasv.is_some_and(|cell| cell.works) {
                let finding = findings::of_several(ONLY_PASV);
                self.findings.push(Found { cover: of, setups: vec![Setup::Epsv], finding });
            }
        }
    }

    /// The table, the findings and the settings that work; gives the exit code.
    pub(in crate::commands::check) fn end(&mut self, way: &Way<'_>) -> anyhow::Result<Exit> {
        let best = self.best();
        self.compare_passive();
        self.acquit_tls();
        self.excuse(best.map(|(cover, _)| cover));
        let exit = match best {
            Some(_) => self.extra.unwrap_or(Exit::Done),
            None if self.kept_secret => self.worst.unwrap_or(Exit::Login),
            None => self.worst.unwrap_or(Exit::Failed),
        };
        let settings = best.map(|(cover, setup)| way.works(cover, setup));
        let next = way.next(self, best.map(|(cover, _)| cover));
        if self.events.is_on() {
            for found in &self.findings {
                self.events.tell("check", || found.as_json(self.lang));
            }
            let at_the_end = [
                ("ok", json!(exit == Exit::Done)),
                ("cover", json!(best.map(|(cover, _)| name(cover)))),
                ("setup", json!(best.map(|(_, setup)| setup_name(setup)))),
                ("settings", json!(settings)),
                ("next", json!(next)),
            ];
            for (field, value) in at_the_end {
                self.events.and_at_the_end(field, value);
            }
        } else {
            let width = self.width();
            if !self.arguments.connection.quiet {
                print(&table::draw(&self.cells, width, self.lang))?;
            }
            print(&table::verdicts(&self.findings, width, self.lang))?;
            print(&self.conclusion(settings.as_deref(), next.as_deref()))?;
        }
        if let Some(trace) = &self.trace {
            trace.draw()?;
        }
        Ok(exit)
    }

    /// What works, or that nothing does, and what to try then.
    fn conclusion(&self, settings: Option<&str>, next: Option<&str>) -> String {
        let lang = self.lang;
        let mut out = match settings {
            Some(settings) => format!("\n{}{settings}\n", lang.of("Works: ", "使える設定：\n  ")),
            None => format!("\n{}\n", self.nothing()),
        };
        if let Some(next) = next {
            out += &format!("{}{next}\n", lang.of("Next:  ", "次に試す：\n  "));
        }
        out
    }

    /// What stands in place of settings that work.
    fn nothing(&self) -> &'static str {
        let lang = self.lang;
        match self.worst {
            _ if self.cells.iter().any(|cell| cell.works) => lang.of(
                "Nothing works under TLS, which was asked for.",
                "求められた TLS では何も通じない。",
            ),
            _ if !self.cells.is_empty() && self.cells.iter().all(|cell| cell.is_refused) => lang.of(
                "The server refuses to list this folder, whichever way: name another one, as in ftp://host/folder/.",
                "サーバーはどの方法でもこのディレクトリの一覧を拒否する。ftp://host/folder/ のように別のものを指定する。",
            ),
            _ if !self.cells.is_empty() => {
                lang.of("No way of moving data works.", "データを転送できる方法がない。")
            }
            Some(Exit::Login) if self.stranger.is_some() => lang.of(
                "Nothing works while the server's certificate is not trusted.",
                "サーバー証明書を信頼しない限り何も通じない。",
            ),
            Some(Exit::Login) if self.is_anonymous => lang.of(
                "Anonymous users are not let in: name a user, as in ftp://user@host/.",
                "匿名ユーザーはログインできない。ftp://user@host/ のようにユーザーを指定する。",
            ),
            Some(Exit::Login) => {
                lang.of("The user is not let in.", "このユーザーではログインできない。")
            }
            Some(Exit::NotFound) => lang.of(
                "The folder is not there, or this user may not enter it.",
                "ディレクトリがないか、このユーザーでは入れない。",
            ),
            Some(Exit::Refused) => {
                lang.of("The server does not let us do that.", "サーバーに断られた。")
            }
            None if self.kept_secret && self.stranger.is_some() => lang.of(
                "The server's certificate is not trusted, and the password does not go in clear.",
                "サーバーの証明書を信頼できず、パスワードは平文では送らない。",
            ),
            None if self.kept_secret => lang.of(
                "There is no TLS, and the password does not go in clear.",
                "TLS がなく、パスワードは平文では送らない。",
            ),
            _ => lang.of("No FTP session came about.", "FTP のセッションが成立しない。"),
        }
    }
}
