//! The FTP client: drives the client machine of wharf-proto over tokio.
