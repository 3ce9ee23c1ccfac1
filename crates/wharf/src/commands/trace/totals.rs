//! What the sessions of a source came to together, and what of the source is not in them: the last line of JSON, and of text
//! where numbers are asked for.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wharf_ladder::render::json::SCHEMA;
use wharf_ladder::{Channel, Conn, Lang};

use super::Group;

/// The totals of the sessions that are asked for.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) sessions: u64,
    pub(super) source: Losses,
    /// Sessions that were given away before they were over, because too many were open.
    cut: u64,
    transfers: u64,
    failed: u64,
    to_client: u64,
    to_server: u64,
    /// Bytes that were sent and not captured.
    missing: u64,
    /// Segments that were sent again.
    again: u64,
    /// In how many sessions each rule found something.
    findings: BTreeMap<&'static str, u64>,
    tls: Tls,
}

/// What was seen of TLS.
#[derive(Debug, Default)]
struct Tls {
    /// Sessions whose control connection it covered.
    sessions: u64,
    /// Those of them that could not be opened.
    sealed: u64,
    /// Connections by version.
    versions: BTreeMap<String, u64>,
    /// Data connections that resumed a session, and that did not.
    resumed: u64,
    own: u64,
}

/// What a source held, and what of it could not be read.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Frames, events, or lines.
    pub(super) pieces: u64,
    /// Frames of a kind that is not read.
    pub(super) unread: u64,
    /// Frames that the kernel has dropped.
    pub(super) dropped: u64,
    /// Who wrote it had no more room.
    pub(super) is_full: bool,
    /// Why it breaks off, where it does.
    pub(super) broken: Option<String>,
}

impl Totals {
    /// Counts sessions in that belong together.
    pub(super) fn count(&mut self, group: &Group<'_>) {
        for session in group.sessions {
            let summary = session.packets.summary();
            self.cut += u64::from(session.is_cut);
            self.transfers += u64::from(summary.transfers);
            self.failed += u64::from(summary.failed);
            self.to_client = self.to_client.saturating_add(summary.to_client);
            self.to_server = self.to_server.saturating_add(summary.to_server);
            self.missing = self.missing.saturating_add(session.packets.missing());
            self.tls.sealed += u64::from(session.packets.is_sealed());
            for conn in session.packets.conns() {
                self.again += u64::from(conn.client.again) + u64::from(conn.server.again);
                self.tls.count(conn);
            }
        }
        for id in group.scenes().iter().flat_map(|scene| &scene.findings).map(|found| found.rule.id)
        {
            *self.findings.entry(id).or_default() += 1;
        }
    }

    /// The last line of JSON.
    pub(super) fn json(&self) -> Value {
        let Self { source, tls, .. } = self;
        json!({
            "schema": SCHEMA, "kind": "total", "sessions": self.sessions, "cut": self.cut,
            "transfers": self.transfers, "failed": self.failed,
            "to_client": self.to_client, "to_server": self.to_server,
            "missing": self.missing, "again": self.again, "findings": self.findings,
            "tls": {
                "sessions": tls.sessions, "sealed": tls.sealed, "versions": tls.versions,
                "data_resumed": tls.resumed, "data_own": tls.own,
            },
            "source": {
                "pieces": source.pieces, "unread": source.unread, "dropped": source.dropped,
                "full": source.is_full, "broken": source.broken,
            },
        })
    }

    /// The same in words. What is wrong with the source is told elsewhere.
    pub(super) fn lines(&self, lang: Lang) -> Vec<String> {
        let Self { sessions, transfers, failed, to_client, to_server, .. } = self;
        let s = |count: &u64| if *count == 1 { "" } else { "s" };
        let mut lines = vec![match lang {
            Lang::En => format!(
                "Total: {sessions} session{}, {transfers} transfer{}, {failed} failed, {to_client} B to clients, {to_server} B to servers",
                s(sessions),
                s(transfers)
            ),
            Lang::Ja => format!(
                "合計：セッション {sessions} 件、転送 {transfers} 件、失敗 {failed} 件、クライアントへ {to_client} バイト、サーバーへ {to_server} バイト"
            ),
        }];
        if self.again > 0 || self.missing > 0 {
            let (again, missing) = (self.again, self.missing);
            lines.push(match lang {
                Lang::En => {
                    format!("On the wire: {again} segments sent again, {missing} B not captured")
                }
                Lang::Ja => {
                    format!("通信路：再送 {again} 個、キャプチャーされていない {missing} バイト")
                }
            });
        }
        if self.tls.sessions > 0 {
            lines.push(self.tls.line(lang));
        }
        if !self.findings.is_empty() {
            let each: Vec<String> =
                self.findings.iter().map(|(id, count)| format!("{id} {count}")).collect();
            lines.push(format!("{}{}", lang.of("Findings: ", "所見："), each.join(", ")));
        }
        lines
    }
}

impl Tls {
    fn count(&mut self, conn: &Conn) {
        if !conn.is_secured() {
            return;
        }
        self.sessions += u64::from(conn.channel == Channel::Control);
        let seen = || conn.tls.as_ref().and_then(|tls| tls.version());
        if let Some(version) = conn.told.as_ref().map(|facts| facts.version.clone()).or_else(seen) {
            *self.versions.entry(version.to_string()).or_default() += 1;
        }
        if conn.channel != Channel::Control {
            self.resumed += u64::from(conn.is_resumed() == Some(true));
            self.own += u64::from(conn.is_resumed() == Some(false));
        }
    }

    fn line(&self, lang: Lang) -> String {
        let Self { sessions, sealed, versions, resumed, own } = self;
        let versions: Vec<String> =
            versions.iter().map(|(version, count)| format!("{version} × {count}")).collect();
        let versions = versions.join(", ");
        match lang {
            Lang::En => format!(
                "TLS: {sessions} sessions, {sealed} not opened; connections: {versions}; data connections that resumed a session: {resumed}, that did not: {own}"
            ),
            Lang::Ja => format!(
                "TLS：セッション {sessions} 件、うち鍵なし {sealed} 件。コネクション：{versions}。データコネクションでセッション再開 {resumed} 件、新規 {own} 件"
            ),
        }
    }
}
