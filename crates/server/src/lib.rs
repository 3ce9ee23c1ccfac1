//! The FTP server: drives the server machine of wharf-proto over tokio.
