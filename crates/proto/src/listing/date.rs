//! Dates in the rows of LIST, as Unix hosts and their imitators write them.
//!
//! A row has been cut into columns; whether a date begins at one of them is answered here, and how many
//! of them it takes. Months have names in many languages (`months.rs`), or none, as in ISO dates. Dates of
//! other hosts, of numbers in their own orders, are in `numeric.rs`. No RFC describes any of this.

use crate::number::decimal;
use crate::time::{Civil, Timestamp, nanos_of};

use super::Precision;
use super::months::month;

/// A date that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) moment: Timestamp,
    pub(super) precision: Precision,
    /// How many columns it takes.
    pub(super) columns: usize,
    /// Whether a blank column for the time of day may follow, as `ls --time-style=iso` has it.
    pub(super) padded: bool,
}

/// A time of day in a date without year.
#[derive(Clone, Copy)]
struct TimeOfDay {
    hour: u8,
    minute: u8,
    second: u8,
    nanos: u32,
    precision: Precision,
}

impl Date {
    /// The date that begins with the first of these columns, if one does. At least one column must
    /// follow it: the name.
    pub(super) fn read(columns: &[&[u8]], now: Timestamp) -> Option<Self> {
        let first = *columns.first()?;
        let second = *columns.get(1)?;
        let date = match named_day(first, second) {
            Some((month, day, columns_of_it)) => {
                let rest = columns.get(columns_of_it..)?;
                let date = Self::named(month, day, rest, now);
                date.map(|date| Self { columns: columns_of_it + date.columns, ..date })
            }
            None => Self::iso(first, columns.get(1..)?, now),
        };
        date.filter(|date| date.columns < columns.len())
    }

    /// What stands behind `Nov 22`: `13:05`, or `2026`, or `13:05:01 2026` as BSD has it.
    fn named(month: u8, day: u8, rest: &[&[u8]], now: Timestamp) -> Option<Self> {
        let column = *rest.first()?;
        let date = Civil { year: 0, month, day, hour: 0, minute: 0, second: 0 };
        if let Some(year) = read_year(without_suffix(column, &["年", "년"])) {
            let moment = Timestamp::from_civil(Civil { year, ..date })?;
            return Some(Self { moment, precision: Precision::Day, columns: 1, padded: false });
        }
        let time = TimeOfDay::read(column)?;
        match rest.get(1).copied().and_then(read_year) {
            Some(year) if time.precision == Precision::Second && rest.len() > 2 => {
                time.on(Civil { year, ..date }, 2)
            }
            _ => time.on_last(date, now, 1),
        }
    }

    /// `2026-11-22`, alone or with `13:05`, `13:05:01.000000000`, `+0100`; or `11-22 13:05`.
    fn iso(day: &[u8], rest: &[&[u8]], now: Timestamp) -> Option<Self> {
        let time = rest.first().copied().and_then(TimeOfDay::read).filter(|_| rest.len() > 1);
        let (before, day) = day.split_at_checked(memchr::memrchr(b'-', day)?)?;
        let day = decimal(day.strip_prefix(b"-")?)?;
        let Some(dash) = memchr::memchr(b'-', before) else {
            let month = decimal(before)?;
            let date = Civil { year: 0, month, day, hour: 0, minute: 0, second: 0 };
            return time?.on_last(date, now, 2);
        };
        let (year, month) = before.split_at_checked(dash)?;
        let month = decimal(month.strip_prefix(b"-")?)?;
        let date = Civil { year: read_year(year)?, month, day, hour: 0, minute: 0, second: 0 };
        let Some(time) = time else {
            let moment = Timestamp::from_civil(date)?;
            return Some(Self { moment, precision: Precision::Day, columns: 1, padded: true });
        };
        let local = time.on(date, 2)?;
        match rest.get(1).copied().and_then(read_zone) {
            Some(offset) if rest.len() > 2 => {
                Some(Self { moment: local.moment.shifted(-offset), columns: 3, ..local })
            }
            _ => Some(local),
        }
    }
}

/// Month and day of `Nov 22`, `22 Nov`, `22. Nov`, `11月 22日` or `11月22日`, and how many columns they take.
fn named_day(first: &[u8], second: &[u8]) -> Option<(u8, u8, usize)> {
    if let Some(day) = read_day(second)
        && let Some(month) = month(first)
    {
        return Some((month, day, 2));
    }
    if let Some(day) = read_day(first)
        && let Some(month) = month(second)
    {
        return Some((month, day, 2));
    }
    if !first.first()?.is_ascii_digit() {
        return None;
    }
    let at = ["月", "월"].iter().find_map(|mark| memchr::memmem::find(first, mark.as_bytes()))?;
    let month = decimal::<u8>(first.get(..at)?)?;
    match first.get(at + "月".len()..)? {
        b"" => Some((month, read_day(second)?, 2)),
        day => Some((month, read_day(day)?, 1)),
    }
}

/// `22`, `22.`, `22,` or `22日`.
fn read_day(text: &[u8]) -> Option<u8> {
    if !text.first()?.is_ascii_digit() {
        return None;
    }
    decimal(without_suffix(text, &[".", ",", "日", "일"]))
}

/// The text without the first of these at its end.
fn without_suffix<'t>(text: &'t [u8], suffixes: &[&str]) -> &'t [u8] {
    suffixes.iter().find_map(|suffix| text.strip_suffix(suffix.as_bytes())).unwrap_or(text)
}

impl TimeOfDay {
    /// `13:05`, `9:05`, `13:05:01`, `13:05:01.123456789`.
    fn read(text: &[u8]) -> Option<Self> {
        let mut parts = text.splitn(3, |&byte| byte == b':');
        let hour = parts.next().filter(|hour| hour.len() <= 2).and_then(decimal)?;
        let pair = |part: &[u8]| if part.len() == 2 { decimal(part) } else { None };
        let minute = pair(parts.next()?)?;
        let Some(second) = parts.next() else {
            return Some(Self { hour, minute, second: 0, nanos: 0, precision: Precision::Minute });
        };
        let (second, fraction) = second.split_at_checked(2)?;
        let nanos = match fraction.strip_prefix(b".") {
            Some(fraction) => nanos_of(fraction)?,
            None if fraction.is_empty() => 0,
            None => return None,
        };
        let second = pair(second)?;
        Some(Self { hour, minute, second, nanos, precision: Precision::Second })
    }

    fn within(self, date: Civil) -> Civil {
        Civil { hour: self.hour, minute: self.minute, second: self.second, ..date }
    }

    fn on(self, date: Civil, columns: usize) -> Option<Date> {
        let moment = Timestamp::from_civil(self.within(date))?;
        let moment = Timestamp::new(moment.seconds(), self.nanos);
        Some(Date { moment, precision: self.precision, columns, padded: false })
    }

    /// The same in the year that is not said.
    fn on_last(self, date: Civil, now: Timestamp, columns: usize) -> Option<Date> {
        let moment = Timestamp::from_civil_without_year(self.within(date), now)?;
        Some(Date { moment, precision: self.precision, columns, padded: false })
    }
}

fn read_year(text: &[u8]) -> Option<u16> {
    if text.len() == 4 { decimal(text) } else { None }
}

/// Seconds east of Greenwich, of `+0100`.
fn read_zone(text: &[u8]) -> Option<i64> {
    let (sign, digits) = text.split_first()?;
    let (hours, minutes) = digits.split_at_checked(2).filter(|(_, minutes)| minutes.len() == 2)?;
    let seconds = i64::from(decimal::<u8>(hours)?) * 3600 + i64::from(decimal::<u8>(minutes)?) * 60;
    match sign {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The date at the beginning of a text, and what of the text is left.
    fn read(text: &str) -> Option<(String, Precision, String)> {
        let now = crate::time::parse_mdtm(b"20261122140000").unwrap();
        let columns: Vec<&[u8]> = text.split_ascii_whitespace().map(str::as_bytes).collect();
        let date = Date::read(&columns, now)?;
        let left = columns[date.columns..].join(&b' ');
        Some((date.moment.print_mdtm(), date.precision, String::from_utf8(left).unwrap()))
    }

    #[test]
    fn dates_of_many_hosts_are_read() {
        use Precision::{Day, Minute, Second};
        for (text, moment, precision) in [
            ("Nov 22 13:05 x", "20261122130500", Minute),
            ("nov  2  9:05 x", "20261102090500", Minute),
            ("22 NOV 13:05 x", "20261122130500", Minute),
            ("Nov 23 13:05 x", "20261123130500", Minute),
            ("Nov 24 13:05 x", "20251124130500", Minute),
            ("Feb 29 13:05 x", "20240229130500", Minute),
            ("Nov 22  2024 x", "20241122000000", Day),
            ("22 Nov 2024 x", "20241122000000", Day),
            ("Nov 22 13:05:01 x", "20261122130501", Second),
            ("Nov 22 13:05:01 2024 x", "20241122130501", Second),
            ("Nov 22 13:05:01 2024", "20261122130501", Second),
            ("2024-11-22 13:05 x", "20241122130500", Minute),
            ("2024-11-22 13:05:01 x", "20241122130501", Second),
            ("2024-11-22 13:05:01.250000000 +0130 x", "20241122113501.250", Second),
            ("2024-11-22 13:05 -0800 x", "20241122210500", Minute),
            ("2024-11-22 x", "20241122000000", Day),
            ("2024-11-22 13:05", "20241122000000", Day),
            ("11-22 13:05 x", "20261122130500", Minute),
            ("22. Okt 2024 x", "20241022000000", Day),
            ("févr. 29 13:05 x", "20240229130500", Minute),
            ("11月 22 13:05 x", "20261122130500", Minute),
            ("11月22日 13:05 x", "20261122130500", Minute),
            ("11月 22日 2024年 x", "20241122000000", Day),
            ("11월 22일 13:05 x", "20261122130500", Minute),
        ] {
            let found = read(text).map(|(moment, precision, _)| (moment, precision));
            assert_eq!(found, Some((moment.to_string(), precision)), "{text}");
        }
    }

    #[test]
    fn name_that_looks_like_a_part_of_a_date_is_left() {
        let left = |text| read(text).map(|(_, _, left)| left);
        assert_eq!(left("Nov 22 2024 13:05").as_deref(), Some("13:05"));
        assert_eq!(left("Nov 22 13:05 2024").as_deref(), Some("2024"));
        assert_eq!(left("2024-11-22 13:05 +0100").as_deref(), Some("+0100"));
        assert_eq!(left("2024-11-22 13:05").as_deref(), Some("13:05"));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "Nov",
            "Nov 22",
            "Nov 22 13:05",
            "Nov 31 13:05 x",
            "Nov 22 24:00 x",
            "Nov 22 13:5 x",
            "Nov 22 13:60 x",
            "Nov 22 20245 x",
            "Nov x 13:05 x",
            "2024-13-01 x",
            "2024-11 13:05 x",
            "24-11-22 13:05 x",
            "13-22 13:05 x",
            "11-22 x",
            "Nov 22 13:05:01.x y",
            "1 2 3 4",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
