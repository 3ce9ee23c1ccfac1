//! Hours of the day: `08:00-18:00`, or over midnight, `22:00-06:00`.

use jiff::civil::Time;
use std::fmt;
use std::str::FromStr;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// A part of every day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The first minute of it.
    from: u16,
    /// The first minute behind it.
    to: u16,
}

impl Hours {
    /// Whether this time is in it.
    pub fn contains(self, time: Time) -> bool {
        let minute =
            u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs());
        match self.from < self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        }
    }
}

impl FromStr for Hours {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "hours are wanted as 08:00-18:00";
        let (from, to) = text.split_once('-').ok_or(wanted)?;
        let (from, to) = (minute(from).ok_or(wanted)?, minute(to).ok_or(wanted)?);
        if from == to || from == DAY { Err(wanted) } else { Ok(Self { from, to }) }
    }
}

/// `08:00`, up to `24:00`.
fn minute(text: &str) -> Option<u16> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let &[a, b, b':', c, d] = text.as_bytes() else { return None };
    let (hour, minute) = (digit(a)? * 10 + digit(b)?, digit(c)? * 10 + digit(d)?);
    (minute < 60 && hour * 60 + minute <= DAY).then_some(hour * 60 + minute)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;

    #[test]
    fn hours_begin_on_the_minute_end_before_it_and_go_over_midnight() {
        let day: Hours = "08:00-18:00".parse().unwrap();
        let night: Hours = "22:30-06:00".parse().unwrap();
        for (hour, minute, by_day, by_night) in [
            (7, 59, false, false),
            (8, 0, true, false),
            (17, 59, true, false),
            (18, 0, false, false),
            (22, 30, false, true),
            (0, 0, false, true),
            (5, 59, false, true),
            (6, 0, false, false),
        ] {
            let time = time(hour, minute, 30, 0);
            assert_eq!((day.contains(time), night.contains(time)), (by_day, by_night), "{time}");
        }
        assert_eq!(night.to_string(), "22:30-06:00");
        assert!("00:00-24:00".parse::<Hours>().unwrap().contains(time(23, 59, 59, 0)));
    }

    #[test]
    fn s23_malformed_hours_are_none() {
        for text in [
            "",
            "-",
            "8-18",
            "08:00",
            "08:00-",
            "-18:00",
            "08:00-08:00",
            "25:00-26:00",
            "08:60-09:00",
            "24:00-08:00",
            "24:01-08:00",
            "08:00-18:00-20:00",
            "+8:00-18:00",
            "08:00 - 18:00",
            "0800-1800",
        ] {
            assert!(text.parse::<Hours>().is_err(), "{text}");
        }
    }
}
