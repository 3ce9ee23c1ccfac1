//! Digests of files: asking a server for one, and making the same here.
//!
//! HASH (draft-bryan-ftpext-hash) where FEAT has it, else one of the older verbs, XSHA256, XSHA512, XSHA1, XMD5 and
//! XCRC, the best first. Servers word their answers to the older ones as they like; what has the right number of
//! hexadecimal digits is the digest.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use data_encoding::HEXLOWER_PERMISSIVE;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use wharf_proto::command::{Algorithm, Digested, Range};
use wharf_proto::reply::Class;
use wharf_proto::{Command, Reply, Text};

use crate::files::local;
use crate::{Error, Features, Session};

/// How many bytes a second the slowest server reads of which a digest is awaited.
const SLOWEST: u64 = 8 << 20;
/// The size that is reckoned with where it is not known.
const UNKNOWN: u64 = 8 << 30;

/// How much of a file is read at a time.
const CHUNK: usize = 256 * 1024;

/// The digest of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Of which kind.
    pub algorithm: Algorithm,
    /// Its bytes.
    pub value: Vec<u8>,
}

impl Digest {
    /// The digest of these bytes.
    ///
    /// ```
    /// use wharf_client::Digest;
    /// use wharf_proto::command::Algorithm;
    /// assert_eq!(Digest::of(Algorithm::Crc32, b"123456789").to_string(), "cbf43926");
    /// ```
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest of these bytes of a file here, or of as many of them as it has.
    ///
    /// # Errors
    /// `Local`.
    pub fn of_file(algorithm: Algorithm, path: &Path, range: Range) -> Result<Self, Error> {
        let mut file = File::open(path).map_err(local("open", path))?;
        if range.start > 0 {
            file.seek(SeekFrom::Start(range.start)).map_err(local("read", path))?;
        }
        let mut hasher = Hasher::new(algorithm);
        let mut rest = file.take(range.end.unwrap_or(u64::MAX).saturating_sub(range.start));
        let mut chunk = vec![0; CHUNK];
        loop {
            match rest.read(&mut chunk) {
                Ok(0) => return Ok(hasher.finish()),
                Ok(count) => hasher.update(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(local("read", path)(error)),
            }
        }
    }

    /// The same on a thread where it keeps nobody waiting.
    pub(crate) async fn of_file_beside(
        algorithm: Algorithm,
        path: &Path,
        range: Range,
    ) -> Result<Self, Error> {
        let path = path.to_owned();
        let reading = move || Self::of_file(algorithm, &path, range);
        let read = tokio::task::spawn_blocking(reading).await;
        read.unwrap_or_else(|panic| Err(Error::Source(io::Error::other(panic))))
    }

    /// Whether it is the digest of these bytes.
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        Self::of(self.algorithm, bytes) == *self
    }
}

impl fmt::Display for Digest {
    /// In hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

enum Hasher {
    Crc32(crc32fast::Hasher),
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Crc32(crc32fast::Hasher::new()),
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(hasher) => hasher.update(bytes),
            Self::Md5(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Digest {
        let (algorithm, value) = match self {
            Self::Crc32(hasher) => (Algorithm::Crc32, hasher.finalize().to_be_bytes().to_vec()),
            Self::Md5(hasher) => (Algorithm::Md5, hasher.finalize().to_vec()),
            Self::Sha1(hasher) => (Algorithm::Sha1, hasher.finalize().to_vec()),
            Self::Sha256(hasher) => (Algorithm::Sha256, hasher.finalize().to_vec()),
            Self::Sha512(hasher) => (Algorithm::Sha512, hasher.finalize().to_vec()),
        };
        Digest { algorithm, value }
    }
}

/// How many bytes a digest has.
fn length(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::Crc32 => 4,
        Algorithm::Md5 => 16,
        Algorithm::Sha1 => 20,
        Algorithm::Sha256 => 32,
        Algorithm::Sha512 => 64,
    }
}

/// The algorithms with the verbs of their own, the best first.
const ORDER: [(Algorithm, &str); 5] = [
    (Algorithm::Sha256, "XSHA256"),
    (Algorithm::Sha512, "XSHA512"),
    (Algorithm::Sha1, "XSHA1"),
    (Algorithm::Md5, "XMD5"),
    (Algorithm::Crc32, "XCRC"),
];

/// How a server is asked for digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asking {
    algorithm: Algorithm,
    /// By HASH, or by a verb of the algorithm's own.
    by_hash: bool,
    /// Whether HASH must be told the algorithm first.
    choose: bool,
}

impl Asking {
    /// The best way that the server has, if it has one.
    pub(crate) fn best(features: &Features) -> Option<Self> {
        let hash = ORDER.iter().find_map(|(algorithm, _)| Self::by_hash(features, *algorithm));
        hash.or_else(|| ORDER.iter().find_map(|row| Self::by_verb(features, *row)))
    }

    /// How two servers are asked for digests of the best kind that both have, if they have one.
    pub(crate) fn common(one: &Features, other: &Features) -> Option<(Self, Self)> {
        let way = |features, row: (Algorithm, &str)| {
            Self::by_hash(features, row.0).or_else(|| Self::by_verb(features, row))
        };
        ORDER.iter().find_map(|row| way(one, *row).zip(way(other, *row)))
    }

    /// Of which kind the digests are.
    pub(crate) fn algorithm(self) -> Algorithm {
        self.algorithm
    }

    /// By HASH, where it has this algorithm.
    fn by_hash(features: &Features, algorithm: Algorithm) -> Option<Self> {
        let offered = features.iter().find_map(|line| {
            line.split_at_checked(5)
                .filter(|(word, _)| word.eq_ignore_ascii_case("HASH "))
                .map(|(_, list)| list)
        });
        let is_named =
            |word: &&str| word.trim().trim_end_matches('*').eq_ignore_ascii_case(algorithm.name());
        let word = offered?.split(';').find(is_named)?;
        Some(Self { algorithm, by_hash: true, choose: !word.trim().ends_with('*') })
    }

    /// By the algorithm's own verb.
    fn by_verb(features: &Features, (algorithm, verb): (Algorithm, &str)) -> Option<Self> {
        features.has(verb).then_some(Self { algorithm, by_hash: false, choose: false })
    }

    /// Whether RANG before it makes it a question for a part of a file.
    pub(crate) fn takes_ranges(self) -> bool {
        self.by_hash
    }

    /// What must be said once before, if something must.
    pub(crate) fn choosing(self) -> Option<Command> {
        self.choose.then(|| Command::Opts(format!("HASH {}", self.algorithm.name()).into()))
    }

    /// The question for the whole of a file.
    pub(crate) fn question(self, path: &Text) -> Command {
        if self.by_hash {
            return Command::Hash(path.clone());
        }
        Command::Digest(self.algorithm, Digested { path: path.clone(), range: Range::default() })
    }

    /// The digest of these bytes, of the kind that the server makes.
    pub(crate) fn of(self, bytes: &[u8]) -> Digest {
        Digest::of(self.algorithm, bytes)
    }

    /// What the answer says; nothing for a refusal, or where no digest is in it.
    pub(crate) fn answer(self, reply: &Reply) -> Option<Digest> {
        if reply.code.class() != Class::Completion {
            return None;
        }
        let text = reply.text();
        let algorithm = self.algorithm;
        // The name of the file stands behind it, and may look like a digest as well.
        let words = text.split(|byte| byte.is_ascii_whitespace());
        words
            .filter_map(|word| HEXLOWER_PERMISSIVE.decode(word).ok())
            .find(|value| value.len() == length(algorithm))
            .map(|value| Digest { algorithm, value })
    }
}

impl Session {
    /// The server's digest of a file; `None` where it makes none, or not of this file. It has to read all of the file, so
    /// the answer may take longer than [`Options::timeout`](crate::Options::timeout): by as long as a server would that
    /// reads 8 GiB at 8 MiB a second.
    ///
    /// ```
    /// # let server = wharf_testkit::faulty::Faulty::new(&[("pub/image.iso", b"bytes")], &[]);
    /// # let (host, port) = ("127.0.0.1", server.address().port());
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// # let (login, options) = (wharf_client::Login::anonymous(), wharf_client::Options::default());
    /// # let site = wharf_client::Site::new(host, port, login, options);
    /// # let mut session = site.enter().await?;
    /// if let Some(digest) = session.digest(&"pub/image.iso".into()).await? {
    ///     println!("{} {digest}", digest.algorithm.name());
    /// }
    /// # Ok::<(), wharf_client::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// Those of the control connection.
    pub async fn digest(&mut self, path: &Text) -> Result<Option<Digest>, Error> {
        self.digest_of(path, None).await
    }

    /// The same of a file whose size may be known, which tells how long it may take.
    pub(crate) async fn digest_of(
        &mut self,
        path: &Text,
        size: Option<u64>,
    ) -> Result<Option<Digest>, Error> {
        let Some(asking) = self.asking().await? else { return Ok(None) };
        self.ask_digest(asking, path, size).await
    }

    /// Asks for the digest of so many bytes.
    pub(crate) async fn ask_digest(
        &mut self,
        asking: Asking,
        path: &Text,
        size: Option<u64>,
    ) -> Result<Option<Digest>, Error> {
        let question = asking.question(path);
        self.can_say(&question).await?;
        let longer = Duration::from_secs(size.unwrap_or(UNKNOWN) / SLOWEST);
        let reply = self.control.command_taking(&question, longer).await?;
        Ok(asking.answer(&reply))
    }

    /// How this server is asked for digests, once it knows by which algorithm.
    pub(crate) async fn asking(&mut self) -> Result<Option<Asking>, Error> {
        if self.plain {
            return Ok(None);
        }
        let Some(asking) = Asking::best(self.features().await?) else { return Ok(None) };
        Ok(self.will_digest(asking).await?.then_some(asking))
    }

    /// Tells the server the algorithm, where it must be told; whether it takes it.
    pub(crate) async fn will_digest(&mut self, asking: Asking) -> Result<bool, Error> {
        let Some(command) = asking.choosing() else { return Ok(true) };
        if self.control.in_force().has(&command) {
            return Ok(true);
        }
        Ok(self.quote(&command).await?.code.class() == Class::Completion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_proto::Verb;
    use wharf_proto::reply::Code;

    fn features(lines: &[&str]) -> Features {
        Features::of(lines)
    }

    #[test]
    fn the_best_way_to_ask_is_hash_by_sha_256_whether_it_is_in_use_or_must_be_chosen() {
        let hash = Asking::best(&features(&["HASH SHA-1*;SHA-256;MD5"])).unwrap();
        assert_eq!(hash.choosing(), Some(Command::Opts("HASH SHA-256".into())));
        assert_eq!(hash.question(&"a b".into()), Command::Hash("a b".into()));
        assert_eq!(Asking::best(&features(&["hash sha-256*"])).unwrap().choosing(), None);
        let old = Asking::best(&features(&["XCRC", "XMD5 filename;start;end"])).unwrap();
        assert_eq!((old.algorithm, old.question(&"x".into()).verb()), (Algorithm::Md5, Verb::Xmd5));
        assert_eq!(Asking::best(&features(&["SIZE", "HASHES"])), None);
    }

    #[test]
    fn two_servers_are_asked_for_the_best_digest_that_both_have_each_in_its_way() {
        let common = |one: &[&str], other: &[&str]| {
            Asking::common(&features(one), &features(other)).map(|(one, other)| {
                (
                    one.algorithm,
                    one.question(&"x".into()).verb(),
                    other.question(&"x".into()).verb(),
                )
            })
        };
        let sha_1 = Some((Algorithm::Sha1, Verb::Hash, Verb::Xsha1));
        assert_eq!(common(&["HASH SHA-256*;SHA-1"], &["XCRC", "XSHA1"]), sha_1);
        assert_eq!(common(&["HASH SHA-256*"], &["XCRC"]), None);
    }

    #[test]
    fn the_digest_is_found_in_answers_of_all_kinds() {
        let asking = |line| Asking::best(&features(&[line])).unwrap();
        let reply = |code, text: &str| Reply::line(Code::new(code).unwrap(), text);
        let crc =
            |code, text| asking("XCRC").answer(&reply(code, text)).map(|digest| digest.to_string());
        for text in
            ["CBF43926", "XCRC successful, cbf43926", " cbf43926 deadbeef", "0-9 CBF43926 x"]
        {
            assert_eq!(crc(250, text).as_deref(), Some("cbf43926"), "{text}");
        }
        assert_eq!(crc(213, "CRC32 0-9 cbf43926 x y").as_deref(), Some("cbf43926"));
        assert_eq!(crc(250, "done"), None);
        assert_eq!(crc(550, "cbf43926"), None);
        let of = Digest::of(Algorithm::Sha256, b"abc");
        let hash = format!("SHA-256 0-3 {of} abc.txt");
        assert_eq!(asking("HASH SHA-256*").answer(&reply(213, &hash)), Some(of.clone()));
        assert!(of.is_of(b"abc") && !of.is_of(b"abd"));
    }

    #[test]
    fn a_file_has_the_digest_of_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, b"123456789and more").unwrap();
        for algorithm in Algorithm::ALL {
            let part =
                |start, end| Digest::of_file(algorithm, &path, Range { start, end }).unwrap();
            let head = part(0, Some(9));
            assert_eq!(head, Digest::of(algorithm, b"123456789"));
            assert_eq!(head.value.len(), length(algorithm));
            assert_eq!(part(7, Some(12)), Digest::of(algorithm, b"89and"));
            assert_eq!(part(9, None), Digest::of(algorithm, b"and more"));
            assert_eq!(part(90, Some(99)), Digest::of(algorithm, b""));
        }
    }
}
