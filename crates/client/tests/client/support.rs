//! What these tests share: a session with a scripted server, and the events it told.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wharf_client::{Error, Login, Options, Session, Site};
use wharf_proto::tap::{Event, What};
use wharf_testkit::scripted::{Peer, Scripted};

/// Runs a test on a runtime with one thread.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test)
}

/// Options with the patience of a test.
pub(crate) fn options() -> Options {
    Options { timeout: Duration::from_secs(10), fallback: false, ..Options::default() }
}

/// Options for what must time out.
pub(crate) fn impatient() -> Options {
    Options { timeout: Duration::from_millis(500), ..options() }
}

/// Plain options.
pub(crate) fn plain() -> Options {
    Options { plain: true, ..options() }
}

pub(crate) async fn connect(server: &Scripted, options: &Options) -> Result<Session, Error> {
    Session::connect(&server.address().ip().to_string(), server.address().port(), options).await
}

/// The server at this address, for an anonymous user.
pub(crate) fn site(address: SocketAddr, options: Options) -> Site {
    Site::new(address.ip().to_string(), address.port(), Login::anonymous(), options)
}

/// A session in which an anonymous user is logged in.
pub(crate) async fn log_in(server: &Scripted, options: &Options) -> Session {
    let mut session = connect(server, options).await.unwrap();
    session.login(&Login::anonymous()).await.unwrap();
    session
}

/// The options with a tap, and what it has heard.
pub(crate) fn tapped(options: Options) -> (Options, Arc<Mutex<Vec<What>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    let tap = move |event: Event| ear.lock().unwrap().push(event.what);
    (Options { tap: Some(Arc::new(tap)), ..options }, heard)
}

/// Lets a session in as vsftpd does, of which more is known by its greeting, and takes commands that come together.
pub(crate) fn let_in_as_vsftpd(peer: &mut Peer) {
    peer.say("220 (vsFTPd 3.0.3)");
    peer.answer("USER anonymous", "331 password");
    peer.answer("PASS anonymous@", "230 in");
    peer.features(&["MLST size*;"]);
    peer.answer("TYPE I", "200 ok");
    peer.answer("NOOP", "200 ok");
}
