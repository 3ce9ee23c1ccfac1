//! The lines themselves: an event as a JSON object, and back.
//!
//! Bytes that are no UTF-8 are written as `{"hex": "..."}`, so that nothing is lost. Every field is wanted, and no other
//! is known: a version that says more has another number.

use super::{Line, VERSION};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use wharf_proto::tap::{Event, HalfEnd, Party, SessionId, Timer, TlsFacts, What};
use wharf_proto::{Moment, Text, Verb};

type Read<T> = Result<T, String>;

/// The line of an event, its end included; none for an event that this format has no words for.
#[must_use]
pub fn line(event: &Event) -> Option<String> {
    let mut object = match &event.what {
        What::ControlOpened { client, server } => {
            json!({ "what": "control-opened", "client": client.to_string(), "server": server.to_string() })
        }
        What::Command { verb, line } => {
            json!({ "what": "command", "verb": verb.map(Verb::name), "line": text(line) })
        }
        What::Reply { code, lines } => {
            json!({ "what": "reply", "code": code, "lines": lines.iter().map(text).collect::<Vec<_>>() })
        }
        What::NoReply { code, lines } => {
            json!({ "what": "no-reply", "code": code, "lines": lines.iter().map(text).collect::<Vec<_>>() })
        }
        What::Secured { conn, facts } => {
            let TlsFacts { version, cipher, resumed, name } = facts;
            json!({
                "what": "secured", "conn": conn, "version": text(version), "cipher": text(cipher),
                "resumed": resumed, "name": name.as_ref().map(text),
            })
        }
        What::NotSecured { conn, why } => {
            json!({ "what": "not-secured", "conn": conn, "why": text(why) })
        }
        What::ControlCleared => json!({ "what": "control-cleared" }),
        What::DataPlanned { listener, address } => {
            let address = address.to_string();
            json!({ "what": "data-planned", "listener": of_party(*listener), "address": address })
        }
        What::DataOpened { conn, opener, client, server } => json!({
            "what": "data-opened", "conn": conn, "opener": of_party(*opener),
            "client": client.to_string(), "server": server.to_string(),
        }),
        What::DataRefused { why } => json!({ "what": "data-refused", "why": text(why) }),
        What::DataEnded { conn, by, bytes, how } => {
            json!({ "what": "data-ended", "conn": conn, "by": of_party(*by), "bytes": bytes, "how": of_end(*how) })
        }
        What::TimerRanOut { timer } => json!({ "what": "timer", "timer": of_timer(*timer) }),
        What::ControlClosed { by, how } => {
            json!({ "what": "control-closed", "by": of_party(*by), "how": of_end(*how) })
        }
        _ => return None,
    };
    if let Value::Object(fields) = &mut object {
        fields.insert("session".to_owned(), event.session.to_string().into());
        fields.insert("at".to_owned(), micros(event.at).into());
        fields.insert("teller".to_owned(), of_party(event.teller).into());
    }
    Some(format!("{object}\n"))
}

/// Whether a line is no JSON at all. What a version writes that is not known here is.
fn is_torn(line: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err()
}

/// What a line says; `is_first` wants the line that a file begins with, and takes none that is torn.
pub(super) fn read(line: &[u8], is_first: bool) -> Read<Line> {
    let value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(_) if !is_first && is_torn(line) => return Ok(Line::Torn),
        Err(error) => return Err(format!("no JSON: {error}")),
    };
    let Value::Object(object) = value else { return Err("no JSON object".to_owned()) };
    let mut fields = Fields(object);
    if let Some(version) = fields.0.remove("tap") {
        if version != VERSION {
            return Err(format!("tap version {version} is not known here, only {VERSION}"));
        }
        let began = fields.take("began")?.as_f64().ok_or("`began` is no number of seconds")?;
        let began =
            Duration::try_from_secs_f64(began).map_err(|error| format!("`began`: {error}"))?;
        return fields.end().map(|()| Line::Begin(began));
    }
    if is_first {
        return Err("it does not say its version".to_owned());
    }
    let what = fields.word("what")?;
    if what == "full" {
        return fields.end().map(|()| Line::Full);
    }
    let session = fields.word("session")?;
    let session =
        u64::from_str_radix(&session, 16).map_err(|_| format!("no session: {session:?}"))?;
    let at = Moment::after(Duration::from_micros(fields.number("at")?));
    let (session, teller) = (SessionId(session), fields.party("teller")?);
    let what = event(&what, &mut fields)?;
    fields.end().map(|()| Line::Event(Event { session, at, teller, what }))
}

fn event(what: &str, fields: &mut Fields) -> Read<What> {
    Ok(match what {
        "control-opened" => What::ControlOpened {
            client: fields.address("client")?,
            server: fields.address("server")?,
        },
        "command" => What::Command { verb: fields.verb()?, line: fields.text("line")? },
        "reply" => What::Reply { code: fields.code()?, lines: fields.lines()? },
        "no-reply" => What::NoReply { code: fields.code_or_none()?, lines: fields.lines()? },
        "secured" => What::Secured {
            conn: fields.conn_or_none()?,
            facts: TlsFacts {
                version: fields.text("version")?,
                cipher: fields.text("cipher")?,
                resumed: fields
                    .take("resumed")?
                    .as_bool()
                    .ok_or("`resumed` is neither true nor false")?,
                name: fields.text_or_none("name")?,
            },
        },
        "not-secured" => {
            What::NotSecured { conn: fields.conn_or_none()?, why: fields.text("why")? }
        }
        "control-cleared" => What::ControlCleared,
        "data-planned" => What::DataPlanned {
            listener: fields.party("listener")?,
            address: fields.address("address")?,
        },
        "data-opened" => What::DataOpened {
            conn: fields.conn()?,
            opener: fields.party("opener")?,
            client: fields.address("client")?,
            server: fields.address("server")?,
        },
        "data-refused" => What::DataRefused { why: fields.text("why")? },
        "data-ended" => What::DataEnded {
            conn: fields.conn()?,
            by: fields.party("by")?,
            bytes: fields.number("bytes")?,
            how: fields.end_of_half()?,
        },
        "timer" => What::TimerRanOut { timer: fields.timer()? },
        "control-closed" => {
            What::ControlClosed { by: fields.party("by")?, how: fields.end_of_half()? }
        }
        other => return Err(format!("the event {other:?} is not known")),
    })
}

/// The fields of a line that were not asked for yet.
struct Fields(Map<String, Value>);

impl Fields {
    fn take(&mut self, name: &str) -> Read<Value> {
        self.0.remove(name).ok_or_else(|| format!("`{name}` is missing"))
    }

    /// Whatever is left is not known.
    fn end(&self) -> Read<()> {
        self.0.keys().next().map_or(Ok(()), |name| Err(format!("`{name}` is not known")))
    }

    fn word(&mut self, name: &str) -> Read<String> {
        match self.take(name)? {
            Value::String(word) => Ok(word),
            _ => Err(format!("`{name}` is no string")),
        }
    }

    fn number(&mut self, name: &str) -> Read<u64> {
        self.take(name)?.as_u64().ok_or_else(|| format!("`{name}` is no whole number"))
    }

    fn conn(&mut self) -> Read<u32> {
        let number = self.number("conn")?;
        u32::try_from(number).map_err(|_| "`conn` is too large".to_owned())
    }

    fn conn_or_none(&mut self) -> Read<Option<u32>> {
        if self.0.get("conn").is_some_and(Value::is_null) {
            return self.take("conn").map(|_| None);
        }
        self.conn().map(Some)
    }

    fn code(&mut self) -> Read<u16> {
        let code = self.number("code")?;
        u16::try_from(code).map_err(|_| format!("no code: {code}"))
    }

    fn code_or_none(&mut self) -> Read<Option<u16>> {
        if self.0.get("code").is_some_and(Value::is_null) {
            return self.take("code").map(|_| None);
        }
        self.code().map(Some)
    }

    fn address(&mut self, name: &str) -> Read<SocketAddr> {
        self.word(name)?.parse().map_err(|_| format!("`{name}` is no address with a port"))
    }

    fn text(&mut self, name: &str) -> Read<Text> {
        let value = self.take(name)?;
        of_text(&value).ok_or_else(|| format!("`{name}` is no text"))
    }

    fn text_or_none(&mut self, name: &str) -> Read<Option<Text>> {
        match self.take(name)? {
            Value::Null => Ok(None),
            value => of_text(&value).map(Some).ok_or_else(|| format!("`{name}` is no text")),
        }
    }

    fn lines(&mut self) -> Read<Vec<Text>> {
        let value = self.take("lines")?;
        let lines = value.as_array().and_then(|lines| lines.iter().map(of_text).collect());
        lines.ok_or_else(|| "`lines` is no list of texts".to_owned())
    }

    fn verb(&mut self) -> Read<Option<Verb>> {
        match self.take("verb")? {
            Value::Null => Ok(None),
            Value::String(name) => match Verb::named(name.as_bytes()) {
                Some(verb) => Ok(Some(verb)),
                None => Err(format!("the verb {name:?} is not known")),
            },
            _ => Err("`verb` is no string".to_owned()),
        }
    }

    fn party(&mut self, name: &str) -> Read<Party> {
        let word = self.word(name)?;
        let party =
            [Party::Client, Party::Server].into_iter().find(|party| of_party(*party) == word);
        party.ok_or_else(|| format!("`{name}` is neither client nor server"))
    }

    fn end_of_half(&mut self) -> Read<HalfEnd> {
        let word = self.word("how")?;
        let ends = [HalfEnd::Fin, HalfEnd::Eof, HalfEnd::Reset, HalfEnd::Cut];
        let end = ends.into_iter().find(|end| of_end(*end) == word);
        end.ok_or_else(|| format!("no way to end: {word:?}"))
    }

    fn timer(&mut self) -> Read<Timer> {
        let word = self.word("timer")?;
        let timers = [Timer::Login, Timer::Idle, Timer::DataOpen, Timer::DataIdle, Timer::Reply];
        let timer = timers.into_iter().find(|timer| of_timer(*timer) == word);
        timer.ok_or_else(|| format!("the timer {word:?} is not known"))
    }
}

fn of_party(party: Party) -> &'static str {
    match party {
        Party::Client => "client",
        Party::Server => "server",
    }
}

fn of_end(end: HalfEnd) -> &'static str {
    match end {
        HalfEnd::Fin => "fin",
        HalfEnd::Eof => "eof",
        HalfEnd::Reset => "reset",
        HalfEnd::Cut => "cut",
    }
}

fn of_timer(timer: Timer) -> &'static str {
    match timer {
        Timer::Login => "login",
        Timer::Idle => "idle",
        Timer::DataOpen => "data-open",
        Timer::DataIdle => "data-idle",
        Timer::Reply => "reply",
    }
}

/// Microseconds since the clock began.
fn micros(at: Moment) -> u64 {
    u64::try_from(at.since(Moment::START).as_micros()).unwrap_or(u64::MAX)
}

fn text(text: &Text) -> Value {
    match std::str::from_utf8(text.as_bytes()) {
        Ok(text) => text.into(),
        Err(_) => {
            let hex: String = text.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "hex": hex })
        }
    }
}

fn of_text(value: &Value) -> Option<Text> {
    match value {
        Value::String(text) => Some(Text::from(text.as_str())),
        Value::Object(object) if object.len() == 1 => {
            let hex = object.get("hex")?.as_str()?.as_bytes();
            let pairs = hex.chunks(2).map(|pair| {
                let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
                u8::from_str_radix(pair, 16).ok()
            });
            pairs.collect::<Option<Vec<u8>>>().map(Text::from)
        }
        _ => None,
    }
}
