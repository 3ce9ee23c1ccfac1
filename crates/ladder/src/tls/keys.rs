//! The secrets of a key log (draft-ietf-tls-keylogfile), by the random bytes that each client began with.
//!
//! It reads the lines and looks a session up; what is done with its secrets is `open.rs`'s business. Lines that it does
//! not know are passed over, since such files hold more than is needed here. What is kept is bounded: of too many
//! sessions the oldest go.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Sessions that are kept at most.
const MAX_SESSIONS: usize = 1 << 17;
/// The longest secret: the output of SHA-384, as the master secret of TLS 1.2 is too.
const MAX_SECRET: usize = 48;

/// Secrets of TLS sessions. Copies share what one of them learns.
///
/// ```
/// use wharf_ladder::tls::Keys;
/// let keys = Keys::default();
/// let line = format!("CLIENT_RANDOM {} {}\n", "07".repeat(32), "5e".repeat(48));
/// assert_eq!(keys.learn(line.as_bytes()), 1);
/// assert_eq!(keys.learn(b"# not a line of a key log\n"), 0);
/// ```
#[derive(Clone, Default)]
pub struct Keys(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    sessions: HashMap<[u8; 32], Secrets>,
    /// Which came first.
    order: VecDeque<[u8; 32]>,
}

/// What is known of one session.
#[derive(Clone, Default)]
pub(super) struct Secrets {
    /// Of TLS 1.2.
    pub(super) master: Option<Vec<u8>>,
    /// Of TLS 1.3, by sender: the client's first. For the handshake, and for what follows.
    pub(super) handshake: [Option<Vec<u8>>; 2],
    pub(super) traffic: [Option<Vec<u8>>; 2],
}

impl Keys {
    /// Learns the secrets of these lines, and says of how many it has any use.
    pub fn learn(&self, lines: &[u8]) -> usize {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        lines.split(|byte| *byte == b'\n').filter_map(|line| known.learn(line.trim_ascii())).count()
    }

    /// Whether no session is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).sessions.is_empty()
    }

    /// What is known of the sessions that began with these bytes, as lines of a key log.
    #[must_use]
    pub fn log(&self, randoms: &[[u8; 32]]) -> Vec<u8> {
        let mut randoms = randoms.to_vec();
        randoms.sort_unstable();
        randoms.dedup();
        randoms.iter().filter_map(|random| Some(self.of(random)?.lines(random))).flatten().collect()
    }

    /// What is known of the session that began with these bytes.
    pub(super) fn of(&self, random: &[u8; 32]) -> Option<Secrets> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).sessions.get(random).cloned()
    }
}

impl Secrets {
    /// As lines of a key log.
    fn lines(&self, random: &[u8; 32]) -> Vec<u8> {
        let [client, server] = &self.handshake;
        let [from_client, from_server] = &self.traffic;
        let all = [
            ("CLIENT_RANDOM", &self.master),
            ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", client),
            ("SERVER_HANDSHAKE_TRAFFIC_SECRET", server),
            ("CLIENT_TRAFFIC_SECRET_0", from_client),
            ("SERVER_TRAFFIC_SECRET_0", from_server),
        ];
        let known = all.into_iter().filter_map(|(label, secret)| Some((label, secret.as_ref()?)));
        let line = |(label, secret): (&str, &Vec<u8>)| {
            format!("{label} {} {}\n", hex(random), hex(secret)).into_bytes()
        };
        known.flat_map(line).collect()
    }
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Known {
    fn learn(&mut self, line: &[u8]) -> Option<()> {
        let mut words = line.split(|byte| *byte == b' ');
        let (label, random, secret) = (words.next()?, words.next()?, words.next()?);
        let random: [u8; 32] = unhex(random)?.try_into().ok()?;
        let secret = unhex(secret).filter(|secret| secret.len() <= MAX_SECRET)?;
        let place = |of: &mut Secrets, secret| {
            *match label {
                b"CLIENT_RANDOM" => &mut of.master,
                b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => &mut of.handshake[0],
                b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => &mut of.handshake[1],
                b"CLIENT_TRAFFIC_SECRET_0" => &mut of.traffic[0],
                b"SERVER_TRAFFIC_SECRET_0" => &mut of.traffic[1],
                _ => return None,
            } = Some(secret);
            Some(())
        };
        if let Some(of) = self.sessions.get_mut(&random) {
            return place(of, secret);
        }
        let mut of = Secrets::default();
        place(&mut of, secret)?;
        if self.order.len() >= MAX_SESSIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.sessions.remove(&oldest);
        }
        self.order.push_back(random);
        self.sessions.insert(random, of);
        Some(())
    }
}

impl fmt::Debug for Keys {
    /// How many there are, and none of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        write!(f, "Keys({} sessions)", known.sessions.len())
    }
}

/// The bytes that hexadecimal digits stand for.
fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit =
        |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pairs = digits.chunks(2).map(|pair| match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect::<Option<Vec<u8>>>().filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_other_labels_and_broken_ones_are_passed_over() {
        let random = "0a".repeat(32);
        let text = format!(
            "# keys\r\nEXPORTER_SECRET {random} aa\nCLIENT_RANDOM {random} xx\nCLIENT_RANDOM {random} aab\n\
             CLIENT_RANDOM 0a aa\nSERVER_TRAFFIC_SECRET_0 {random} Bb\r\nCLIENT_TRAFFIC_SECRET_0 {random} cc"
        );
        let keys = Keys::default();
        assert_eq!(keys.learn(text.as_bytes()), 2);
        let of = keys.of(&[10; 32]).unwrap();
        assert_eq!((of.traffic, of.master), ([Some(vec![0xcc]), Some(vec![0xbb])], None));
        assert!(keys.of(&[11; 32]).is_none());
        let log =
            format!("CLIENT_TRAFFIC_SECRET_0 {random} cc\nSERVER_TRAFFIC_SECRET_0 {random} bb\n");
        assert_eq!(keys.log(&[[10; 32], [11; 32], [10; 32]]), log.as_bytes());
        assert_eq!(format!("{keys:?}"), "Keys(1 sessions)");
    }

    #[test]
    fn of_too_many_sessions_the_oldest_go() {
        let mut known = Known::default();
        let line = |no: usize| format!("CLIENT_RANDOM {no:064x} aa");
        for no in 0..=MAX_SESSIONS {
            known.learn(line(no).as_bytes()).unwrap();
        }
        assert_eq!(known.sessions.len(), MAX_SESSIONS);
        assert!(!known.sessions.contains_key(&[0; 32]));
    }
}
