//! Numbers as the protocol writes them: digits alone, without sign or space.

/// A decimal number that fits into `T`.
pub(crate) fn decimal<T: TryFrom<u64>>(digits: &[u8]) -> Option<T> {
    number(digits, 10)
}

/// An octal number, such as the permissions of a file.
pub(crate) fn octal(digits: &[u8]) -> Option<u32> {
    number(digits, 8)
}

/// The number of these digits; what the standard library parses may have a plus sign before it.
fn number<T: TryFrom<u64>>(digits: &[u8], base: u8) -> Option<T> {
    let (first, rest) = digits.split_first()?;
    let value = |byte: u8| Some(byte.wrapping_sub(b'0')).filter(|digit| *digit < base);
    let more = |number: u64, byte: &u8| {
        number.checked_mul(u64::from(base))?.checked_add(u64::from(value(*byte)?))
    };
    T::try_from(rest.iter().try_fold(u64::from(value(*first)?), more)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s12_digits_alone_are_a_number_if_it_fits() {
        assert_eq!((decimal(b"0"), decimal(b"0255")), (Some(0_u8), Some(255_u8)));
        assert_eq!((octal(b"0644"), octal(b"7")), (Some(0o644), Some(7)));
        for bad in [&b""[..], b"+1", b"-1", b" 1", b"1 ", b"1a", b"\xff", b"256"] {
            assert_eq!(decimal::<u8>(bad), None, "{}", bad.escape_ascii());
        }
        for bad in [&b""[..], b"+7", b"8", b"7 ", b"777777777777"] {
            assert_eq!(octal(bad), None, "{}", bad.escape_ascii());
        }
    }
}
