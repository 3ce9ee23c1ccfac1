//! Hashes of other systems, damaged and dear ones, and what work is done.

use super::*;

/// `Hello world!`, hashed by the crypt(3) of another system.
const KNOWN: [&str; 7] = [
    "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    "$6$rounds=1400$anothersalt$ULRZSTTl.nhPk/5cyVXgTSHYz9SbEfDYuBlwvzLSgT..VLrNdQsX3UtCmR1037.ORRrlFiqusKu2s4FCMKHeq.",
    "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$42RgPIrXdXSEEs77lDi/4IqKVqFBAVaHJkzw5uD1r57",
    "$y$j75$F5Jx5fExrKuPp53xLKQ..1$f2itnMrRpK.7/qouLjCA8FmdTxLajBjBbFKcf7iQD2B",
    "$2b$05$CCCCCCCCCCCCCCCCCCCCC.z6PrHbuSsMSSwIGFy1JGevQZf6CqJ1y",
    "$2y$05$CCCCCCCCCCCCCCCCCCCCC.z6PrHbuSsMSSwIGFy1JGevQZf6CqJ1y",
];

/// `password`, from the tests of the reference implementation.
const ARGON2: &str =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

#[test]
fn hashes_of_other_systems_are_of_their_password_and_of_no_other() {
    for text in KNOWN {
        let hash = Hash::parse(text).unwrap();
        assert!(hash.is_of(b"Hello world!"), "{text}");
        for wrong in [&b"Hello world"[..], b"hello world!", b""] {
            assert!(!hash.is_of(wrong), "{text}");
        }
    }
    let hash = Hash::parse(ARGON2).unwrap();
    assert!(hash.is_of(b"password") && !hash.is_of(b"Password"));
}

#[test]
fn s22_damaged_and_empty_hashes_are_none() {
    for text in KNOWN.into_iter().chain([ARGON2]) {
        // Wherever a hash is cut, nothing is left that could be of any password, least of all of none.
        for end in 0..text.len() {
            if let Ok(hash) = Hash::parse(&text[..end]) {
                let whole = text.starts_with("$argon2id$") && end > text.len() - 22;
                assert!(whole && !hash.is_of(b"password"), "{}", &text[..end]);
            }
        }
        assert!(Hash::parse(&format!("{text}$")).is_err(), "{text}");
        assert!(Hash::parse(&format!("{text}\n")).is_err(), "{text}");
    }
    for (text, why) in [
        ("", HashError::Empty),
        ("*", HashError::Unknown),
        ("!", HashError::Unknown),
        ("x", HashError::Unknown),
        ("secret", HashError::Unknown),
        ("$y$j9T$F5Jx5fExrKuPp53xLKQ..1$", HashError::Damaged),
        ("$5$saltstring$", HashError::Damaged),
        ("$5$rounds=10$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", HashError::Damaged),
        ("$2b$05$", HashError::Damaged),
        ("$2x$05$CCCCCCCCCCCCCCCCCCCCC.z6PrHbuSsMSSwIGFy1JGevQZf6CqJ1y", HashError::Unknown),
        ("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ", HashError::Damaged),
        (
            "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            HashError::Unknown,
        ),
        ("$apr1$x$y", HashError::Md5),
        ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", HashError::Md5),
        ("rqXexS6ZhobKA", HashError::Des),
    ] {
        assert_eq!(Hash::parse(text).err(), Some(why), "{text}");
    }
}

#[test]
fn s29_hashes_that_cost_too_much_are_refused_before_any_work() {
    for text in [
        "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=4000000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$5$rounds=999999999$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
        "$2b$31$CCCCCCCCCCCCCCCCCCCCC.z6PrHbuSsMSSwIGFy1JGevQZf6CqJ1y",
        "$y$jFT$F5Jx5fExrKuPp53xLKQ..1$42RgPIrXdXSEEs77lDi/4IqKVqFBAVaHJkzw5uD1r57",
        "$y$jzz$F5Jx5fExrKuPp53xLKQ..1$42RgPIrXdXSEEs77lDi/4IqKVqFBAVaHJkzw5uD1r57",
        "$y$j9T....$F5Jx5fExrKuPp53xLKQ..1$42RgPIrXdXSEEs77lDi/4IqKVqFBAVaHJkzw5uD1r57",
    ] {
        let (parsed, work) = work::of(|| Hash::parse(text));
        assert_eq!((parsed.err(), work), (Some(HashError::TooDear), 0), "{text}");
    }
}

#[test]
fn s29_long_passwords_are_refused_before_any_work() {
    let hash = Hash::make(b"secret").unwrap();
    let ((matches, made), work) =
        work::of(|| (hash.is_of(&[b'x'; 4096]), Hash::make(&[b'x'; 4096])));
    assert!(!matches && work == 0);
    assert_eq!(made.err(), Some(HashError::TooLong));
}

#[test]
fn new_hash_is_salted_and_parses_again() {
    let (one, two) = (Hash::make(b"secret").unwrap(), Hash::make(b"secret").unwrap());
    assert_ne!(one, two);
    assert!(Hash::parse(one.as_str()).unwrap().is_of(b"secret"));
    assert_eq!(Hash::make(b"").err(), Some(HashError::Empty));
    assert!(!format!("{one:?}").contains("argon2id$"));
}

#[test]
fn old_hashes_are_renewed_and_new_ones_and_cut_passwords_are_not() {
    let new = Hash::make(b"Hello world!").unwrap();
    assert_eq!(new.renewed(b"Hello world!"), None);
    for text in KNOWN {
        let renewed = Hash::parse(text).unwrap().renewed(b"Hello world!").unwrap();
        assert!(renewed.as_str().starts_with("$argon2id$") && renewed.is_of(b"Hello world!"));
    }
    // bcrypt has not seen what stands behind the 72nd byte.
    assert_eq!(Hash::parse(KNOWN[5]).unwrap().renewed(&[b'x'; 73]), None);
}
