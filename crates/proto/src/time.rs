//! Times as FTP writes them: `YYYYMMDDHHMMSS[.sss]` in UTC (RFC 3659 section 2.3) and the dates of
//! `ls -l`, which no RFC describes.
//!
//! There is no clock here (now is an argument) and no time zone: whoever wants LIST in local time
//! moves the timestamps first ([`Timestamp::shifted`]). The calendar is plain arithmetic, because it
//! runs once for every entry of every listing; jiff is what the tests hold it against.

use crate::number::decimal;

const DAY: i64 = 86_400;
/// 0000-01-01T00:00:00Z, the first second that four digits of a year can write.
const FIRST: i64 = -62_167_219_200;
/// 9999-12-31T23:59:59Z, the last one.
const LAST: i64 = 253_402_300_799;
/// Days from the 1st of March of the year -400 to 1970. Counted from there every date that we write is
/// positive, and leap days come last in their year.
const DAYS_BEFORE_1970: i64 = 865_565;
const DAYS_IN_400_YEARS: u64 = 146_097;
const DAYS_IN_100_YEARS: u64 = 36_524;
const DAYS_IN_4_YEARS: u64 = 1_461;

/// How far back `ls -l` shows the time of day, and not the year.
const RECENT: i64 = 183 * DAY;

const MONTHS: [[u8; 3]; 12] = [
    *b"Jan", *b"Feb", *b"Mar", *b"Apr", *b"May", *b"Jun", *b"Jul", *b"Aug", *b"Sep", *b"Oct",
    *b"Nov", *b"Dec",
];

/// A moment in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

/// A date and time of day in the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Civil {
    /// 0 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl Timestamp {
    /// The moment so many seconds after (or before) 1970, and so many nanoseconds after that; a whole
    /// second of nanoseconds or more is taken as the last nanosecond.
    #[must_use]
    pub const fn new(seconds: i64, nanos: u32) -> Self {
        let nanos = if nanos > 999_999_999 { 999_999_999 } else { nanos };
        Self { seconds, nanos }
    }

    /// The moment of a calendar date, `None` when there is no such date or time of day.
    #[must_use]
    pub fn from_civil(civil: Civil) -> Option<Self> {
        let days_in_month = days_in_month(civil.year, civil.month)?;
        let date = civil.year <= 9999 && (1..=days_in_month).contains(&civil.day);
        if !date || civil.hour > 23 || civil.minute > 59 || civil.second > 59 {
            return None;
        }
        let time = i64::from(civil.hour) * 3600 + i64::from(civil.minute) * 60;
        let days = days_since_1970(civil.year, civil.month, civil.day);
        Some(Self::new(days * DAY + time + i64::from(civil.second), 0))
    }

    /// The moment that `ls -l` means when it leaves the year out (`civil.year` is not looked at): the
    /// last one that is not more than a day after `now`. The 29th of February is looked for in the
    /// leap year it must have been. `None` when there is no such date.
    #[must_use]
    pub fn from_civil_without_year(civil: Civil, now: Self) -> Option<Self> {
        let tomorrow = now.shifted(DAY);
        let year = tomorrow.civil().year;
        // Eight years have a leap year among them, even around 1900 or 2100.
        let years = (year.saturating_sub(8)..=year).rev();
        let mut moments = years.filter_map(|year| Self::from_civil(Civil { year, ..civil }));
        moments.find(|moment| *moment <= tomorrow)
    }

    /// Seconds since 1970, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after the second.
    #[must_use]
    pub const fn nanos(self) -> u32 {
        self.nanos
    }

    /// The same without its fraction.
    #[must_use]
    pub const fn whole_seconds(self) -> Self {
        Self::new(self.seconds, 0)
    }

    /// The moment so many seconds later; also how a local time is made of UTC for LIST.
    #[must_use]
    pub const fn shifted(self, seconds: i64) -> Self {
        Self::new(self.seconds.saturating_add(seconds), self.nanos)
    }

    /// Date and time of day. What lies outside the years 0 to 9999 is given as the nearest second
    /// that does not.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "each value is below the bound of its field"
    )]
    pub fn civil(self) -> Civil {
        let seconds = self.seconds.clamp(FIRST, LAST) + DAYS_BEFORE_1970 * DAY;
        let (days, second) = ((seconds / DAY).unsigned_abs(), (seconds % DAY).unsigned_abs());
        let (year, month, day) = date_of(days);
        Civil {
            year: year as u16,
            month: month as u8,
            day: day as u8,
            hour: (second / 3600) as u8,
            minute: (second / 60 % 60) as u8,
            second: (second % 60) as u8,
        }
    }

    /// The `time-val` of RFC 3659 section 2.3: `YYYYMMDDHHMMSS`, and `.sss` when there are
    /// milliseconds. Finer fractions are cut.
    #[must_use]
    pub fn print_mdtm(self) -> String {
        let mut out = Vec::with_capacity(18);
        write_mdtm(&mut out, self);
        out.iter().map(|&byte| char::from(byte)).collect()
    }
}

/// Appends what [`Timestamp::print_mdtm`] gives.
pub fn write_mdtm(out: &mut Vec<u8>, time: Timestamp) {
    let civil = time.civil();
    out.extend_from_slice(&four_digits(civil.year));
    for part in [civil.month, civil.day, civil.hour, civil.minute, civil.second] {
        out.extend_from_slice(&two_digits(part));
    }
    let millis = time.nanos / 1_000_000;
    if millis > 0 {
        out.push(b'.');
        out.extend([millis / 100, millis / 10 % 10, millis % 10].map(digit));
    }
}

/// Reads the `time-val` of RFC 3659 section 2.3: fourteen digits, then perhaps a point and any number
/// of digits, of which nine are used. The date must exist. Second 60, a leap second, is taken as 59.
///
/// `None` for anything else, spaces around it included.
#[must_use]
pub fn parse_mdtm(text: &[u8]) -> Option<Timestamp> {
    let (whole, rest) = text.split_at_checked(14)?;
    let nanos = match rest.split_first() {
        None => 0,
        Some((b'.', fraction)) => nanos_of(fraction)?,
        Some(_) => return None,
    };
    let (year, rest) = whole.split_at_checked(4)?;
    let mut pairs = rest.chunks_exact(2).map(decimal);
    let mut pair = || pairs.next().flatten();
    let civil = Civil {
        year: decimal(year)?,
        month: pair()?,
        day: pair()?,
        hour: pair()?,
        minute: pair()?,
        second: pair().map(|second| if second == 60 { 59 } else { second })?,
    };
    Some(Timestamp { nanos, ..Timestamp::from_civil(civil)? })
}

/// Appends the date column of `ls -l`, always twelve bytes: `Nov 22 13:05` when the time is within the
/// last 183 days and not more than a day ahead of `now`, else `Nov 22  2026`.
pub fn write_ls_date(out: &mut Vec<u8>, time: Timestamp, now: Timestamp) {
    let civil = time.civil();
    let age = now.seconds.saturating_sub(time.seconds);
    let month = MONTHS.get(usize::from(civil.month) - 1).unwrap_or(&MONTHS[0]);
    let mut column = *b"Mmm dd  yyyy";
    column[..3].copy_from_slice(month);
    column[4..6].copy_from_slice(&two_digits(civil.day));
    if column[4] == b'0' {
        column[4] = b' ';
    }
    if (-DAY..=RECENT).contains(&age) {
        column[7..9].copy_from_slice(&two_digits(civil.hour));
        column[9] = b':';
        column[10..].copy_from_slice(&two_digits(civil.minute));
    } else {
        column[8..].copy_from_slice(&four_digits(civil.year));
    }
    out.extend_from_slice(&column);
}

/// The number of a month by its English name of three letters, in any case.
#[must_use]
pub fn month_by_name(name: &[u8]) -> Option<u8> {
    let found = MONTHS.iter().zip(1..).find(|(month, _)| name.eq_ignore_ascii_case(&month[..]));
    found.map(|(_, number)| number)
}

/// Nanoseconds of the digits behind the point of a second; at least one digit.
pub(crate) fn nanos_of(fraction: &[u8]) -> Option<u32> {
    if fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let places = fraction.iter().map(|&byte| u32::from(byte - b'0')).chain(std::iter::repeat(0));
    Some(places.take(9).fold(0, |value, digit| value * 10 + digit))
}

/// Year, month and day that is so many days after the 1st of March of the year -400.
fn date_of(days: u64) -> (u64, u64, u64) {
    let (mut year, days) = (days / DAYS_IN_400_YEARS * 400, days % DAYS_IN_400_YEARS);
    // The last century of four, and the last year of four, is a day longer.
    let centuries = (days / DAYS_IN_100_YEARS).min(3);
    let days = days - centuries * DAYS_IN_100_YEARS;
    let (fours, days) = (days / DAYS_IN_4_YEARS, days % DAYS_IN_4_YEARS);
    let years = (days / 365).min(3);
    let days = days - years * 365;
    year += centuries * 100 + fours * 4 + years;
    // From March on, five months in a row have 153 days.
    let month = (days * 5 + 2) / 153;
    let day = days - (month * 153 + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (year - 400, month, day)
}

/// Days from 1970 to a date that exists.
fn days_since_1970(year: u16, month: u8, day: u8) -> i64 {
    let (year, month) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
    let (year, month) = (i64::from(year), i64::from(month));
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (month * 153 + 2) / 5 + i64::from(day) - 1 - DAYS_BEFORE_1970
}

const fn days_in_month(year: u16, month: u8) -> Option<u8> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if leap => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// The digit of a value below ten.
const fn digit(value: u32) -> u8 {
    b'0' + (value % 10) as u8
}

const fn two_digits(value: u8) -> [u8; 2] {
    [b'0' + value / 10 % 10, b'0' + value % 10]
}

const fn four_digits(value: u16) -> [u8; 4] {
    let value = value as u32;
    [digit(value / 1000), digit(value / 100), digit(value / 10), digit(value)]
}

#[cfg(test)]
mod tests {
    use jiff::civil::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> Timestamp {
        parse_mdtm(text.as_bytes()).unwrap()
    }

    fn ls_date(text: &str, now: &str) -> String {
        let mut out = Vec::new();
        write_ls_date(&mut out, time(text), time(now));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn time_val_is_read_and_printed() {
        assert_eq!(parse_mdtm(b"19700101000000"), Some(Timestamp::new(0, 0)));
        assert_eq!(
            parse_mdtm(b"19980615100045.014"),
            Some(Timestamp::new(897_904_845, 14_000_000))
        );
        assert_eq!(Timestamp::new(897_904_845, 14_999_999).print_mdtm(), "19980615100045.014");
        assert_eq!(Timestamp::new(897_904_845, 999_999).print_mdtm(), "19980615100045");
    }

    #[test]
    fn fraction_of_any_length_is_read() {
        assert_eq!(time("20200101000000.5").nanos(), 500_000_000);
        assert_eq!(time("20200101000000.1234567894444444444444").nanos(), 123_456_789);
    }

    #[test]
    fn leap_second_is_taken_as_the_second_before() {
        assert_eq!(time("20161231235960"), time("20161231235959"));
    }

    #[test]
    fn time_val_that_is_no_date_or_has_other_bytes_is_refused() {
        for text in [
            "",
            "2020010100000",
            "202001010000000",
            "20200101000000.",
            "20200101000000.1x",
            "20200101000000 ",
            " 20200101000000",
            "20201301000000",
            "20200001000000",
            "20210229000000",
            "20200100000000",
            "20200431000000",
            "20200101240000",
            "20200101006000",
            "20200101000061",
            "+2020010100000",
            "20200101000000,5",
            "file.txt",
        ] {
            assert_eq!(parse_mdtm(text.as_bytes()), None, "{text}");
        }
        assert!(parse_mdtm(b"20000229000000").is_some());
        assert_eq!(parse_mdtm(b"19000229000000"), None);
    }

    #[test]
    fn ls_date_has_the_time_of_day_within_183_days_and_the_year_beyond() {
        assert_eq!(ls_date("20261122130501", "20261122140000"), "Nov 22 13:05");
        assert_eq!(ls_date("20261102030501", "20261122140000"), "Nov  2 03:05");
        assert_eq!(ls_date("20260523140000", "20261122140000"), "May 23 14:00");
        assert_eq!(ls_date("20260523135959", "20261122140000"), "May 23  2026");
        assert_eq!(ls_date("20261123140000", "20261122140000"), "Nov 23 14:00");
        assert_eq!(ls_date("20261123140001", "20261122140000"), "Nov 23  2026");
    }

    #[test]
    fn times_out_of_range_are_written_as_the_nearest_that_can_be() {
        assert_eq!(Timestamp::new(i64::MAX, 0).print_mdtm(), "99991231235959");
        assert_eq!(Timestamp::new(i64::MIN, 0).print_mdtm(), "00000101000000");
        let mut out = Vec::new();
        write_ls_date(&mut out, Timestamp::new(i64::MIN, 0), Timestamp::new(i64::MAX, 0));
        assert_eq!(out, b"Jan  1  0000");
        assert_eq!(Timestamp::new(0, u32::MAX).nanos(), 999_999_999);
    }

    #[test]
    fn date_without_year_is_the_last_one_until_tomorrow() {
        let without_year = |month, day, hour, now| {
            let civil = Civil { year: 0, month, day, hour, minute: 0, second: 0 };
            Timestamp::from_civil_without_year(civil, time(now)).map(Timestamp::print_mdtm)
        };
        let now = "20261231120000";
        assert_eq!(without_year(12, 31, 11, now).unwrap(), "20261231110000");
        assert_eq!(without_year(1, 1, 11, now).unwrap(), "20270101110000");
        assert_eq!(without_year(1, 1, 13, now).unwrap(), "20260101130000");
        assert_eq!(without_year(2, 29, 0, now).unwrap(), "20240229000000");
        assert_eq!(without_year(2, 29, 0, "19030101000000").unwrap(), "18960229000000");
        assert_eq!(without_year(2, 30, 0, now), None);
    }

    #[test]
    fn months_are_known_by_name_in_any_case() {
        assert_eq!(month_by_name(b"Jan"), Some(1));
        assert_eq!(month_by_name(b"dEC"), Some(12));
        assert_eq!(month_by_name(b"Januar"), None);
    }

    proptest! {
        #[test]
        fn calendar_agrees_with_jiff(seconds in FIRST..=LAST) {
            let ours = Timestamp::new(seconds, 0).civil();
            let zoned = jiff::Timestamp::from_second(seconds).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
            let theirs: DateTime = zoned.datetime();
            let date = (i32::from(ours.year), i32::from(ours.month), i32::from(ours.day));
            let of_day = (i32::from(ours.hour), i32::from(ours.minute), i32::from(ours.second));
            prop_assert_eq!(date, (theirs.year().into(), theirs.month().into(), theirs.day().into()));
            prop_assert_eq!(
                of_day,
                (theirs.hour().into(), theirs.minute().into(), theirs.second().into())
            );
            prop_assert_eq!(Timestamp::from_civil(ours), Some(Timestamp::new(seconds, 0)));
        }

        #[test]
        fn time_val_comes_back_as_printed(seconds in FIRST..=LAST, millis in 0u32..1000) {
            let time = Timestamp::new(seconds, millis * 1_000_000);
            prop_assert_eq!(parse_mdtm(time.print_mdtm().as_bytes()), Some(time));
        }

        #[test]
        fn no_moment_makes_a_writer_panic(seconds: i64, nanos: u32, now: i64) {
            let time = Timestamp::new(seconds, nanos);
            let mut out = Vec::new();
            write_ls_date(&mut out, time, Timestamp::new(now, 0));
            prop_assert_eq!(out.len(), 12);
            prop_assert!(time.print_mdtm().len() >= 14);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in proptest::collection::vec(any::<u8>(), 0..30)) {
            let _ = parse_mdtm(&text);
        }
    }

    #[test]
    fn every_day_of_the_range_agrees_with_the_next() {
        let mut before = Timestamp::new(FIRST, 0).civil();
        for day in 1..=(LAST - FIRST) / DAY {
            let after = Timestamp::new(FIRST + day * DAY, 0).civil();
            assert!(before < after, "{before:?} {after:?}");
            before = after;
        }
        assert_eq!((before.year, before.month, before.day), (9999, 12, 31));
    }
}
