//! FTP without IO.
