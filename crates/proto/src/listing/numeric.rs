//! Dates and times of day as hosts other than Unix write them: `04-27-00 09:09PM`, `18.09.06 14:21:26`,
//! `19-NOV-2001 21:41`.
//!
//! A date of three small numbers does not say which of them is the month. The reader of a family is told an
//! [`Order`], and which order that is, the whole listing decides (`vote.rs`).

use super::Precision;
use super::months::month;
use crate::number::decimal;
use crate::time::{Civil, Timestamp};

/// The order of the numbers in a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// Month, day, year, as in the United States.
    #[default]
    MonthDayYear,
    /// Day, month, year.
    DayMonthYear,
    /// Year, month, day.
    YearMonthDay,
}

/// A day; its time of day is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day(Civil);

impl Day {
    /// A day in numbers, parted by `-`, `/` or `.`. A year of four digits tells its own place.
    pub(super) fn numeric(text: &[u8], order: Order) -> Option<Self> {
        let (first, second, third) = three(text, |byte| matches!(byte, b'-' | b'/' | b'.'))?;
        let (year, month, day) = match (order, first.len(), third.len()) {
            (_, 4, _) => (first, second, third),
            (Order::YearMonthDay, _, 4) => return None,
            (Order::YearMonthDay, ..) => (first, second, third),
            (Order::MonthDayYear, ..) => (third, first, second),
            (Order::DayMonthYear, ..) => (third, second, first),
        };
        Self::new(read_year(year)?, decimal(month)?, decimal(day)?)
    }

    /// A day with the name of its month: `19-NOV-2001` or `NOV-19-2001`.
    pub(super) fn named(text: &[u8]) -> Option<Self> {
        let (first, second, third) = three(text, |byte| byte == b'-')?;
        let year = read_year(third)?;
        match month(second) {
            Some(month) => Self::new(year, month, decimal(first)?),
            None => Self::new(year, month(first)?, decimal(second)?),
        }
    }

    fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let day = Civil { year, month, day, hour: 0, minute: 0, second: 0 };
        Timestamp::from_civil(day).map(|_| Self(day))
    }

    /// The beginning of the day.
    pub(super) fn alone(self) -> Option<(Timestamp, Precision)> {
        Some((Timestamp::from_civil(self.0)?, Precision::Day))
    }

    /// A moment of the day: `13:05`, `9:05:01`, `01:05PM`, `1:05p`; the fraction of a second is left out.
    pub(super) fn at(self, time: &[u8]) -> Option<(Timestamp, Precision)> {
        let (time, half) = halved(time);
        let time = time.split(|&byte| byte == b'.').next().unwrap_or_default();
        let mut parts = time.split(|&byte| byte == b':');
        let two = |part: &[u8]| if part.len() == 2 { decimal::<u8>(part) } else { None };
        let hour = parts.next().filter(|hour| hour.len() <= 2).and_then(decimal::<u8>)?;
        let minute = two(parts.next()?)?;
        let second = parts.next().map(|second| two(second).ok_or(())).transpose().ok()?;
        let hour = match half {
            None => hour,
            Some(after_noon) if (1..=12).contains(&hour) => hour % 12 + 12 * u8::from(after_noon),
            Some(_) => return None,
        };
        let civil = Civil { hour, minute, second: second.unwrap_or(0), ..self.0 };
        let precision = if second.is_some() { Precision::Second } else { Precision::Minute };
        let whole = parts.next().is_none();
        Timestamp::from_civil(civil).filter(|_| whole).map(|moment| (moment, precision))
    }
}

/// The time without the sign of its half of the day, and whether that is the second one.
fn halved(time: &[u8]) -> (&[u8], Option<bool>) {
    let bare = match time {
        [rest @ .., b'm' | b'M'] => rest,
        rest => rest,
    };
    match bare {
        [rest @ .., b'a' | b'A'] => (rest, Some(false)),
        [rest @ .., b'p' | b'P'] => (rest, Some(true)),
        _ => (time, None),
    }
}

/// Three parts with a separator between each two.
fn three(text: &[u8], parts_them: impl Fn(u8) -> bool) -> Option<(&[u8], &[u8], &[u8])> {
    let mut parts = text.split(|&byte| parts_them(byte));
    let three = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some(three)
}

/// A year of four digits, of two (from 1970 on), or of three, where somebody counted on from 1900.
fn read_year(text: &[u8]) -> Option<u16> {
    let year: u16 = decimal(text)?;
    match text.len() {
        4 => Some(year),
        3 => Some(1900 + year),
        2 => Some(if year < 70 { 2000 + year } else { 1900 + year }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(moment: Option<(Timestamp, Precision)>) -> Option<String> {
        moment.map(|(moment, precision)| format!("{} {precision:?}", moment.print_mdtm()))
    }

    #[test]
    fn the_order_says_what_the_numbers_are_unless_the_year_has_four_digits() {
        for (text, order, expected) in [
            ("04-05-06", Order::MonthDayYear, Some("20060405000000 Day")),
            ("04/05/06", Order::DayMonthYear, Some("20060504000000 Day")),
            ("04.05.06", Order::YearMonthDay, Some("20040506000000 Day")),
            ("2004-05-06", Order::MonthDayYear, Some("20040506000000 Day")),
            ("05-06-2004", Order::MonthDayYear, Some("20040506000000 Day")),
            ("05-06-2004", Order::YearMonthDay, None),
            ("13-06-99", Order::MonthDayYear, None),
            ("1-6-104", Order::MonthDayYear, Some("20040106000000 Day")),
            ("1-6-4", Order::MonthDayYear, None),
            ("1-6", Order::MonthDayYear, None),
            ("1-6-99-1", Order::MonthDayYear, None),
        ] {
            let found = Day::numeric(text.as_bytes(), order).and_then(Day::alone);
            assert_eq!(told(found).as_deref(), expected, "{text} {order:?}");
        }
    }

    #[test]
    fn times_of_day_are_read_in_both_clocks() {
        let day = Day::named(b"2-Feb-1999").unwrap();
        for (text, expected) in [
            ("13:05", Some("19990202130500 Minute")),
            ("9:05:01", Some("19990202090501 Second")),
            ("9:05:01.25", Some("19990202090501 Second")),
            ("12:05AM", Some("19990202000500 Minute")),
            ("12:05pm", Some("19990202120500 Minute")),
            ("1:05p", Some("19990202130500 Minute")),
            ("13:05PM", None),
            ("24:00", None),
            ("1:5", None),
            ("1:05:", None),
            ("m", None),
            ("", None),
        ] {
            assert_eq!(told(day.at(text.as_bytes())).as_deref(), expected, "{text}");
        }
        assert_eq!(Day::named(b"FEB-02-1999"), Some(day));
        assert_eq!(Day::named(b"31-FEB-1999"), None);
    }
}
