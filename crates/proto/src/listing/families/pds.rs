//! Members of a partitioned data set of z/OS:
//! ` PARSEAR   01.02 2002/03/12 2002/03/12 13:45   110   110     0 USERID`, load modules:
//! `EAGKCPT   000058   000009          00 FO             RN RU            31    ANY`, and members without
//! statistics, of which there is the name alone. That is no vote, for names alone stand in many listings.

use super::{Around, Row};
use crate::listing::columns::Columns;
use crate::listing::numeric::{Day, Order};
use crate::listing::{Entry, Kind};
use crate::number::decimal;

pub(super) fn read(row: &[u8], _: Around) -> Row {
    let columns = Columns::of(row);
    let Some(name) = columns.get(0) else { return Row::Foreign };
    if name == b"Name" && matches!(columns.get(1), Some(b"VV.MM" | b"Size")) {
        return Row::Ornament;
    }
    if !is_member(name) {
        return Row::Foreign;
    }
    if columns.count() == 1 {
        return super::entry(name, Kind::File, None, None).map_or(Row::Foreign, Row::Guess);
    }
    with_statistics(name, &columns).or_else(|| load_module(name, &columns)).into()
}

fn with_statistics(name: &[u8], columns: &Columns<'_>) -> Option<Entry> {
    let (version, modification) = columns.get(1)?.split_at_checked(2)?;
    decimal::<u8>(version)?;
    decimal::<u8>(modification.strip_prefix(b".")?)?;
    let created = Day::numeric(columns.get(2)?, Order::YearMonthDay)?.alone()?;
    let changed = Day::numeric(columns.get(3)?, Order::YearMonthDay)?.at(columns.get(4)?)?;
    let mut entry = super::entry(name, Kind::File, None, Some(changed))?;
    entry.created = Some(created.0);
    entry.owner = columns.get(8).map(<[u8]>::to_vec);
    Some(entry)
}

/// Size and place are hexadecimal, six digits each; behind them an alias may say for whom it stands.
fn load_module(name: &[u8], columns: &Columns<'_>) -> Option<Entry> {
    let hexadecimal = |nth| -> Option<u64> {
        let digits = columns.get(nth).filter(|digits| digits.len() == 6)?;
        u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
    };
    let size = hexadecimal(1)?;
    hexadecimal(2)?;
    super::entry(name, Kind::File, Some(size), None)
}

/// Whether this is the name of a member: eight letters at most.
fn is_member(name: &[u8]) -> bool {
    let letter = |byte: &u8| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'$' | b'#' | b'@')
    };
    name.len() <= 8 && name.iter().all(letter) && !name.first().is_some_and(u8::is_ascii_digit)
}
