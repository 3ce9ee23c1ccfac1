//! What comes from the client: uploads.
//!
//! An upload is complete when its end is proven: the client's FIN in stream mode, EOF in block and
//! compressed mode; and only then does it get its name. A restart marker ends a step of the transfer, so that
//! the machine can answer it with 110 while the bytes go on.

use super::open::DataConnection;
use super::pump::{self, CHUNK, Pipe, Stop};
use super::{Done, Kept, Setting, Step};
use crate::storage::{Upload, complete_for_good};
use crate::turns::Waiter;
use std::collections::VecDeque;
use std::sync::Arc;
use wharf_proto::Text;
use wharf_proto::codec::{Coding, Event, Inbound, Marker, passes_through};
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Cannot, Ended, Fault, Outcome};
use wharf_proto::tap::{HalfEnd, Party};

/// How many bytes are received at first.
const FIRST: usize = 16 * 1024;

/// A file below this size has most often left its client before anything can happen to that.
const SMALL: u64 = 64 * 1024;

/// An upload on its way in.
struct Receiving {
    setting: Setting,
    how: Coding,
    data: DataConnection,
    /// Away only while it is made ready beside this task.
    upload: Option<Box<dyn Upload>>,
    /// Dropped with the transfer: then nobody waits for the upload to be ready.
    waiter: Waiter,
    /// Nothing where the bytes of the file are those on the wire.
    inbound: Option<Inbound>,
    buffer: Vec<u8>,
    /// What has been received and not been looked at: this part of the buffer.
    waiting: std::ops::Range<usize>,
    local: Vec<u8>,
    marks: VecDeque<(Text, Marker)>,
    /// How many places the sender has marked as suspect.
    suspect: u64,
}

/// How far a step has come.
enum Halt {
    Marked(Text, Marker),
    Ended,
}

/// An upload that can be taken in.
pub(super) struct Incoming {
    upload: Box<dyn Upload>,
    /// Nothing where the bytes of the file are those on the wire.
    codec: Option<Inbound>,
}

impl Incoming {
    /// What can be refused is refused here, before the client hears that the transfer begins.
    pub(super) fn new(upload: Box<dyn Upload>, how: Coding) -> Result<Self, Fault> {
        if passes_through(how.representation) {
            return Ok(Self { upload, codec: None });
        }
        let codec = Inbound::new(how.representation, &how.settings);
        let mut codec = codec.ok_or_else(|| Fault::System("no codec for it".into()))?;
        if let Some(marker) = upload.resumes_at() {
            codec.resume_at(marker).map_err(|_| Fault::Unsupported(Cannot::RestartOfPages))?;
        }
        Ok(Self { upload, codec: Some(codec) })
    }

    /// The name that the upload will have.
    pub(super) fn path(&self) -> &VirtualPath {
        self.upload.path()
    }
}

/// The step that receives an upload. `behind`: what came behind the file before it on the same connection.
pub(super) fn step(
    setting: Setting,
    how: Coding,
    mut data: DataConnection,
    Incoming { upload, codec }: Incoming,
    behind: Vec<u8>,
) -> Step {
    data.receives();
    let receiving = Receiving {
        setting,
        how,
        data,
        upload: Some(upload),
        waiter: Waiter::default(),
        inbound: codec,
        waiting: 0..behind.len(),
        buffer: behind,
        local: Vec::new(),
        marks: VecDeque::new(),
        suspect: 0,
    };
    receiving.advance()
}

impl Receiving {
    fn advance(mut self) -> Step {
        Box::pin(async move {
            match self.receive().await {
                Ok(Halt::Marked(theirs, ours)) => {
                    let outcome = Outcome::Marked { theirs, ours };
                    Done { outcome, next: Some(self.advance()), kept: None, port: None }
                }
                Ok(Halt::Ended) => {
                    self.doubt().await;
                    self.complete().await
                }
                Err(stop) => super::over(stop.ended(&self.setting)),
            }
        })
    }

    async fn receive(&mut self) -> Result<Halt, Stop> {
        loop {
            if let Some((theirs, ours)) = self.marks.pop_front() {
                return Ok(Halt::Marked(theirs, ours));
            }
            if self.waiting.is_empty() {
                self.pour().await?;
                // Room for a small file, and for what a large one has when it has filled that.
                let room = if self.data.moved() < FIRST as u64 { FIRST } else { CHUNK };
                if self.buffer.len() != room {
                    self.buffer = vec![0; room];
                }
                let n = pump::receive(&self.setting, &mut self.data, &mut self.buffer).await?;
                self.waiting = 0..n;
            }
            self.begin().await?;
            if self.waiting.is_empty() {
                return self.finish(HalfEnd::Fin);
            }
            if self.take()? {
                return self.finish(HalfEnd::Eof);
            }
            if !self.waiting.is_empty() {
                // What is inflated or left over may be much: others have their turn between its parts.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Has the kernel move the bytes to the file, where they need not be looked at: to the end of a file that
    /// has proven to be large. For a small one the pipe would cost more than the copy.
    async fn pour(&mut self) -> Result<(), Stop> {
        let (Some(upload), None, None) = (&mut self.upload, &self.inbound, &self.data.tls) else {
            return Ok(());
        };
        if self.data.moved() < CHUNK as u64 || upload.descriptor().is_none() {
            return Ok(());
        }
        // Without a pipe to be had it goes on as it began.
        let Ok(pipe) = Pipe::new() else { return Ok(()) };
        loop {
            // Where there is no room, the copy finds out whether more comes at all.
            let room = upload.room(pipe.room());
            let Some(file) = upload.descriptor().filter(|_| room > 0) else { return Ok(()) };
            let n = pipe.receive(&self.setting, &self.data, file, room).await?;
            upload.wrote(n);
            if n == 0 {
                return Ok(());
            }
            self.setting.up.pay(n).await;
        }
    }

    /// Makes the upload ready for its first byte; beside this task, where that means to copy a file.
    async fn begin(&mut self) -> Result<(), Stop> {
        let Some(mut upload) = self.upload.take_if(|upload| upload.is_slow_to_begin()) else {
            return Ok(());
        };
        let awaited = self.waiter.awaited();
        let begin = move || upload.begin(&|| awaited.go_on()).map(|()| upload);
        self.upload = Some(self.setting.turns().take(begin).await??);
        Ok(())
    }

    fn write(upload: &mut Option<Box<dyn Upload>>, bytes: &[u8]) -> Result<(), Stop> {
        let upload = upload.as_mut().ok_or_else(not_ready)?;
        Ok(upload.write(bytes)?)
    }

    /// Takes some of what is waiting; whether the file has ended.
    fn take(&mut self) -> Result<bool, Stop> {
        let wire = &self.buffer[self.waiting.clone()];
        let Some(inbound) = &mut self.inbound else {
            Self::write(&mut self.upload, wire)?;
            self.data.count(wire.len());
            self.waiting = 0..0;
            return Ok(false);
        };
        self.local.clear();
        let progress = inbound.push(wire, &mut self.local);
        // What came before an error is good, and is kept for the client to go on with.
        Self::write(&mut self.upload, &self.local)?;
        self.data.count_in_file(self.local.len());
        let progress = progress?;
        self.data.count(progress.consumed);
        self.waiting.start += progress.consumed;
        for event in progress.events {
            match event {
                Event::Marker { text, here } => self.marks.extend(here.map(|here| (text, here))),
                Event::Suspect { .. } => self.suspect += 1,
            }
        }
        Ok(progress.ended)
    }

    /// The file has ended, or the connection: is that its end?
    fn finish(&mut self, how: HalfEnd) -> Result<Halt, Stop> {
        if let Some(inbound) = &mut self.inbound {
            self.local.clear();
            inbound.finish(&mut self.local)?;
            Self::write(&mut self.upload, &self.local)?;
            self.data.count_in_file(self.local.len());
        }
        self.data.carried(how);
        Ok(Halt::Ended)
    }

    /// A client that is killed in the midst of an upload ends it by a FIN, as if the file were whole, and its
    /// control connection a moment later. That moment is waited for: the session looks at the control
    /// connection first, and gives this step up when it has ended.
    async fn doubt(&self) {
        // The end of a file within the connection, and of a TLS session, cannot come by accident.
        if self.how.is_framed() || self.data.tls.is_some() {
            return;
        }
        match self.data.moved() {
            0..SMALL => tokio::task::yield_now().await,
            _ => tokio::time::sleep(self.setting.doubt_time).await,
        }
    }

    async fn complete(mut self) -> Done {
        let completed = match self.upload.take() {
            Some(upload) if self.setting.sync_uploads => self.complete_for_good(upload).await,
            Some(upload) => upload.complete(),
            None => Err(not_ready()),
        };
        if let Err(fault) = completed {
            return super::over(Ended::Failed(fault));
        }
        self.data.end();
        let losses = self.inbound.map(|codec| codec.losses()).unwrap_or_default();
        let remarks = pump::remarks(losses, self.suspect);
        let done = super::over(Ended::Complete { bytes: self.data.moved(), remarks });
        if self.how.is_framed() {
            let behind = self.buffer[self.waiting].to_vec();
            return Done { kept: Some(Box::new(Kept { data: self.data, behind })), ..done };
        }
        // The file is whole and has its name; that our own end may not arrive changes nothing about it.
        let _ = pump::close(&self.setting, &mut self.data).await;
        self.data.half_ended(Party::Server, 0, HalfEnd::Fin);
        done
    }

    /// Beside this task: the disk may take its time.
    async fn complete_for_good(&self, upload: Box<dyn Upload>) -> Result<(), Fault> {
        let (storage, awaited) = (Arc::clone(&self.setting.storage), self.waiter.awaited());
        let complete = move || complete_for_good(&*storage, upload, &|| awaited.go_on());
        self.setting.turns().take(complete).await?
    }
}

fn not_ready() -> Fault {
    Fault::System("the upload is not ready".into())
}
