//! The session ladder: events of an FTP session as numbered rows.
