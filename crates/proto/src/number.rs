//! Numbers as the protocol writes them: digits alone, without sign or space.

use std::str::FromStr;

/// A decimal number that fits into `T`.
pub(crate) fn decimal<T: FromStr>(digits: &[u8]) -> Option<T> {
    let text = of_digits(digits, b'9')?;
    text.parse().ok()
}

/// An octal number, such as the permissions of a file.
pub(crate) fn octal(digits: &[u8]) -> Option<u32> {
    let text = of_digits(digits, b'7')?;
    u32::from_str_radix(text, 8).ok()
}

/// The text, if it is of digits up to this one and of nothing else. What parses numbers would take a plus sign.
fn of_digits(digits: &[u8], last: u8) -> Option<&str> {
    let plain = !digits.is_empty() && digits.iter().all(|digit| (b'0'..=last).contains(digit));
    str::from_utf8(digits).ok().filter(|_| plain)
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
