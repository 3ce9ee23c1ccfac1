//! The clock by which a server lists: how far it is ahead of UTC.
//!
//! LIST tells times in a zone that it does not name, in practice the server's own; MDTM tells them in UTC (RFC 3659
//! section 2.3). A file whose time is told both ways tells the zone, if it is told to the minute: what is older than half
//! a year has only a day, which is as good as the zone is known. MLSD needs none of this: its times are UTC.

use tokio::sync::OnceCell;
use wharf_proto::listing::{Entry, Kind, Precision};
use wharf_proto::time::Timestamp;

use super::work::Folder;
use crate::spool::Spool;
use crate::{Error, Session};

/// How many files are asked for before the listing's times are taken for UTC.
const FILES: usize = 3;
/// What all zones are whole multiples of, and how far the farthest are from UTC.
const QUARTER: i64 = 15 * 60;
const FARTHEST: i64 = 14 * 3600;

/// What is known of a server's clock.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead: OnceCell<i64>,
}

impl Clock {
    /// By how many seconds the times of this listing of `folder` are ahead of UTC, where anything has told. The first
    /// listing that shows it settles it for all that come later.
    ///
    /// # Errors
    /// Those of the control connection.
    pub(crate) async fn ahead(
        &self,
        session: &mut Session,
        folder: &Folder,
        listing: &mut Spool,
    ) -> Result<Option<i64>, Error> {
        if let Some(ahead) = self.ahead.get() {
            return Ok(Some(*ahead));
        }
        for entry in listing.some(FILES, is_told_to_the_minute)? {
            let Some(listed) = entry.modified else { continue };
            let file = folder.file(&entry.name).remote;
            if let Some(exact) = session.mdtm(&file).await?
                && let Some(ahead) = zone(listed, exact)
            {
                // Another session may have been quicker, with the same result.
                return Ok(Some(*self.ahead.get_or_init(|| async { ahead }).await));
            }
        }
        Ok(None)
    }
}

fn is_told_to_the_minute(entry: &Entry) -> bool {
    entry.kind == Kind::File && entry.precision == Precision::Minute && entry.modified.is_some()
}

/// The zone of a time that is told to the minute, and exactly in UTC; nothing where they are not of one file.
fn zone(listed: Timestamp, exact: Timestamp) -> Option<i64> {
    let ahead = listed.seconds() - exact.seconds().div_euclid(60) * 60;
    (ahead % QUARTER == 0 && ahead.abs() <= FARTHEST).then_some(ahead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_whole_quarters_of_an_hour_and_no_farther_than_zones_are() {
        let exact = Timestamp::new(1_790_000_042, 0);
        let at = |seconds: i64| zone(Timestamp::new(1_790_000_040 + seconds, 0), exact);
        assert_eq!(at(0), Some(0));
        assert_eq!(at(9 * 3600), Some(9 * 3600));
        assert_eq!(at(-3 * 3600 - 1800), Some(-12_600));
        assert_eq!(at(60), None);
        assert_eq!(at(15 * 3600), None);
    }
}
