//! The times at which lines were written, in the forms that logs have them.
//!
//! A form that leaves something out (the year, the day, the zone) is not guessed at: a time without a zone is taken for
//! UTC, and one without a year or a day counts from the first line, over the turn of the year or of the day.

use super::cut::{number, split};
use std::time::Duration;
use wharf_proto::Moment;
use wharf_proto::time::{Civil, Timestamp};

const DAY: Duration = Duration::from_secs(86_400);
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// When a line was written, as far as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// Since 1970, in UTC.
    Whole(Duration),
    /// Since the beginning of a year that is not said.
    OfYear(Duration),
    /// Since midnight of a day that is not said.
    OfDay(Duration),
}

/// Turns times into moments since the first line.
#[derive(Debug, Default)]
pub(super) struct Clock {
    first: Option<Stamp>,
    /// The time of the line before, of a form that leaves something out, and what its turns have come to.
    before: Duration,
    turned: Duration,
    now: Option<Moment>,
}

impl Clock {
    /// When the first line was written, since 1970, where it says so.
    pub(super) fn origin(&self) -> Option<Duration> {
        if let Some(Stamp::Whole(first)) = self.first { Some(first) } else { None }
    }

    /// The moment of a line; that of the line before where it says nothing.
    pub(super) fn at(&mut self, stamp: Option<Stamp>) -> Option<Moment> {
        let Some(stamp) = stamp else { return self.now };
        let since = match (*self.first.get_or_insert(stamp), stamp) {
            (Stamp::Whole(first), Stamp::Whole(at)) => at.saturating_sub(first),
            (Stamp::OfYear(first), Stamp::OfYear(at)) => self.turn(first, at, DAY * 365),
            (Stamp::OfDay(first), Stamp::OfDay(at)) => self.turn(first, at, DAY),
            // Lines of another form stand where they stand.
            _ => return self.now,
        };
        self.now = Some(Moment::after(since));
        self.now
    }

    fn turn(&mut self, first: Duration, at: Duration, round: Duration) -> Duration {
        if at + round / 2 < self.before {
            self.turned = self.turned.saturating_add(round);
        }
        self.before = at;
        (self.turned + at).saturating_sub(first)
    }
}

/// The time that a line begins with, and what stands behind it and the blanks there.
pub(super) fn leading(line: &[u8]) -> Option<(Stamp, &[u8])> {
    let forms = [iso, ctime, syslog, common, clock];
    let (stamp, rest) = forms.into_iter().find_map(|form| form(line))?;
    Some((stamp, rest.trim_ascii_start()))
}

/// The same where a line may begin without one.
pub(super) fn strip(line: &[u8]) -> (Option<Stamp>, &[u8]) {
    leading(line).map_or((None, line), |(stamp, rest)| (Some(stamp), rest))
}

/// `2026-11-23 05:01:21,103`, `2026-11-23T05:01:21.103Z`, `2026-11-23T05:01:21+09:00`.
fn iso(line: &[u8]) -> Option<(Stamp, &[u8])> {
    let (year, rest) = digits(line, 4)?;
    let (month, rest) = digits(rest.strip_prefix(b"-")?, 2)?;
    let (day, rest) = digits(rest.strip_prefix(b"-")?, 2)?;
    let rest = rest.strip_prefix(b"T").or_else(|| rest.strip_prefix(b" "))?;
    let (time, rest) = time_of_day(rest)?;
    let (east, rest) = zone(rest).unwrap_or((0, rest));
    Some((whole(year, month, day, time, east)?, rest))
}

/// `Mon Nov 23 05:01:02 2026`.
fn ctime(line: &[u8]) -> Option<(Stamp, &[u8])> {
    let weekday = line.get(..3)?.iter().all(u8::is_ascii_alphabetic);
    let rest = line.get(3..).filter(|_| weekday)?.strip_prefix(b" ")?;
    let (month, rest) = month(rest)?;
    let (day, rest) = number(rest.strip_prefix(b" ")?.trim_ascii_start())?;
    let (time, rest) = time_of_day(rest.strip_prefix(b" ")?)?;
    let (year, rest) = digits(rest.strip_prefix(b" ")?, 4)?;
    Some((whole(year, month, day, time, 0)?, rest))
}

/// `Nov 23 05:01:03`, and the number in angle brackets that may stand before it.
fn syslog(line: &[u8]) -> Option<(Stamp, &[u8])> {
    let line = match line.strip_prefix(b"<") {
        Some(rest) => number(rest)?.1.strip_prefix(b">")?,
        None => line,
    };
    // What has been told where to send its lines writes the whole time.
    if line.first().is_some_and(u8::is_ascii_digit) {
        return iso(line);
    }
    let (month, rest) = month(line)?;
    let (day, rest) = number(rest.strip_prefix(b" ")?.trim_ascii_start())?;
    let (time, rest) = time_of_day(rest.strip_prefix(b" ")?)?;
    // A year that is none too long; the 29th of February is then the 1st of March.
    let Stamp::Whole(since) = whole(1970, month, day.min(28), time, 0)? else { return None };
    let more = DAY * u32::try_from(day.saturating_sub(28)).ok().filter(|more| *more < 4)?;
    Some((Stamp::OfYear(since + more), rest))
}

/// `[23/Nov/2026:05:01:21 +0000]`.
fn common(line: &[u8]) -> Option<(Stamp, &[u8])> {
    let (day, rest) = digits(line.strip_prefix(b"[")?, 2)?;
    let (month, rest) = month(rest.strip_prefix(b"/")?)?;
    let (year, rest) = digits(rest.strip_prefix(b"/")?, 4)?;
    let (time, rest) = time_of_day(rest.strip_prefix(b":")?)?;
    let (inside, rest) = split(rest, b"]")?;
    let (east, _) = zone(inside.trim_ascii_start()).unwrap_or((0, inside));
    Some((whole(year, month, day, time, east)?, rest))
}

/// `05:01:02.764731`.
fn clock(line: &[u8]) -> Option<(Stamp, &[u8])> {
    let (time, rest) = time_of_day(line)?;
    matches!(rest.first(), None | Some(b' ' | b'\t')).then_some((Stamp::OfDay(time), rest))
}

/// A date of any order, of which only the time of day is taken: `1/15/2024 2:07:09 PM`.
pub(super) fn of_day(text: &[u8]) -> Option<Stamp> {
    let at = text.iter().position(|byte| *byte == b':')?;
    let digit = |at: &usize| text.get(*at).is_some_and(u8::is_ascii_digit);
    let begin = (at.saturating_sub(2)..at).find(digit)?;
    let (hour, rest) = number(text.get(begin..)?)?;
    let (time, rest) = time_of_day(&[format!("{hour:02}").as_bytes(), rest].concat())
        .map(|(time, rest)| (time, rest.trim_ascii_start().to_ascii_uppercase()))?;
    let noon = DAY / 2;
    Some(Stamp::OfDay(match (rest.get(..2), time >= noon) {
        (Some(b"PM"), false) => time + noon,
        (Some(b"AM"), true) => time.saturating_sub(noon),
        _ => time,
    }))
}

fn whole(year: u64, month: u64, day: u64, time: Duration, east: i64) -> Option<Stamp> {
    let (year, month, day) = (year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?);
    let civil = Civil { year, month, day, hour: 0, minute: 0, second: 0 };
    let days = Timestamp::from_civil(civil)?.seconds();
    let days = u64::try_from(days.checked_sub(east)?).ok()?;
    Some(Stamp::Whole(Duration::from_secs(days) + time))
}

fn month(text: &[u8]) -> Option<(u64, &[u8])> {
    let name = text.get(..3)?;
    let at = MONTHS.iter().position(|month| name.eq_ignore_ascii_case(*month))?;
    Some((at as u64 + 1, text.get(3..)?))
}

/// `05:01:21`, with what it says of the second's parts.
fn time_of_day(text: &[u8]) -> Option<(Duration, &[u8])> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(b":")?, 2)?;
    let (second, rest) = digits(rest.strip_prefix(b":")?, 2)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let time = Duration::from_secs(hour * 3600 + minute * 60 + second);
    let Some(parts) = rest.strip_prefix(b".").or_else(|| rest.strip_prefix(b",")) else {
        return Some((time, rest));
    };
    let length = parts.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (parts, rest) = parts.split_at(length);
    let mut nanos: [u8; 9] = *b"000000000";
    for (to, from) in nanos.iter_mut().zip(parts) {
        *to = *from;
    }
    Some((time + Duration::from_nanos(number(&nanos)?.0), rest))
}

/// Seconds east of Greenwich: `Z`, `+0900`, `-03:30`.
fn zone(text: &[u8]) -> Option<(i64, &[u8])> {
    if let Some(rest) = text.strip_prefix(b"Z") {
        return Some((0, rest));
    }
    let (sign, rest) = match text.split_first()? {
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = digits(rest, 2)?;
    let (minutes, rest) = digits(rest.strip_prefix(b":").unwrap_or(rest), 2)?;
    let seconds = i64::try_from(hours * 3600 + minutes * 60).ok()?;
    Some((sign * seconds, rest))
}

/// A number of so many digits.
fn digits(text: &[u8], count: usize) -> Option<(u64, &[u8])> {
    let digits = text.get(..count).filter(|part| part.iter().all(u8::is_ascii_digit))?;
    Some((number(digits)?.0, text.get(count..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(line: &str) -> f64 {
        match leading(line.as_bytes()).unwrap().0 {
            Stamp::Whole(at) | Stamp::OfYear(at) | Stamp::OfDay(at) => at.as_secs_f64(),
        }
    }

    #[test]
    fn every_form_of_the_same_second_is_that_second() {
        for line in [
            "2026-11-23 05:01:02 x",
            "2026-11-23T05:01:02Z x",
            "2026-11-23T14:01:02+09:00 x",
            "Mon Nov 23 05:01:02 2026 x",
            "[23/Nov/2026:05:01:02 +0000] x",
            "[23/Nov/2026:02:01:02 -0300] x",
            "<95>2026-11-23T05:01:02Z x",
        ] {
            assert_eq!(seconds(line), 1_795_410_062.0, "{line}");
            assert_eq!(leading(line.as_bytes()).unwrap().1, b"x");
        }
        assert_eq!(seconds("2026-11-23 05:01:21,103 x"), 1_795_410_081.103);
        assert_eq!(seconds("05:01:02.764731 x"), 18_062.764_731);
        let march = seconds("Mar  1 00:00:00 x");
        assert_eq!(march, f64::from((31 + 28) * 86_400));
        assert_eq!(seconds("<94>Feb 29 00:00:00 x"), march);
        assert!(leading(b"Feb 40 00:00:00 x").is_none());
        assert!(leading(b"2026-13-01 00:00:00").is_none() && leading(b"25:00:00 x").is_none());
    }

    #[test]
    fn a_year_or_a_day_that_is_not_said_turns_when_the_time_goes_back() {
        let mut clock = Clock::default();
        let mut at = |line: &str| {
            clock.at(leading(line.as_bytes()).map(|found| found.0)).unwrap().since(Moment::START)
        };
        assert_eq!(at("Dec 31 23:59:59 x"), Duration::ZERO);
        assert_eq!(at("Jan  1 00:00:01 x"), Duration::from_secs(2));
        let mut clock = Clock::default();
        let mut at = |text: &str| {
            clock.at(of_day(text.as_bytes())).map(|at| at.since(Moment::START).as_secs()).unwrap()
        };
        assert_eq!(at("1/15/2024 11:59:50 PM"), 0);
        assert_eq!(at("16.1.2024 0:00:10"), 20);
        assert_eq!(at("16.1.2024 12:00:10 AM"), 20);
    }
}
