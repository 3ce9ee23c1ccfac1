//! Captures that are made to be measured: sessions in passive mode, one after the other, with a transfer each.
//!
//! A client of its own fetches one file in each; the server is the same. The same bytes come out each time.

use std::error::Error;
use std::io::Write;

/// Bytes of a full segment.
const FULL: usize = 1448;

/// Writes a capture.
pub(crate) struct Maker<W> {
    pub(crate) out: W,
    micros: u64,
    /// Sessions so far.
    sessions: u32,
}

/// A connection: addresses' last bytes, ports, and the next number of each side.
struct Line {
    client: (u32, u16),
    server: u16,
    next: [u32; 2],
}

impl<W: Write> Maker<W> {
    /// Begins a capture of IP packets.
    pub(crate) fn new(mut out: W) -> Result<Self, Box<dyn Error>> {
        let head = [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 101].map(u32::to_le_bytes).concat();
        out.write_all(&head)?;
        Ok(Self { out, micros: 0, sessions: 0 })
    }

    /// Writes a session with a transfer of so many full segments.
    pub(crate) fn session(&mut self, segments: u32) -> Result<(), Box<dyn Error>> {
        let n = self.sessions;
        self.sessions += 1;
        let port = u16::try_from(20_000 + n % 40_000)?;
        let mut control = Line { client: (n, port), server: 21, next: [1, 1] };
        let mut data = Line { client: (n, port.wrapping_add(1)), server: 50_000, next: [1, 1] };
        self.open(&mut control)?;
        let says: [(usize, &[u8]); 9] = [
            (1, b"220 ready\r\n"),
            (0, b"USER ann\r\n"),
            (1, b"331 password\r\n"),
            (0, b"PASS secret\r\n"),
            (1, b"230 in\r\n"),
            (0, b"TYPE I\r\n"),
            (1, b"200 ok\r\n"),
            (0, b"PASV\r\n"),
            (1, b"227 ok (203,0,113,5,195,80)\r\n"),
        ];
        for (side, line) in says {
            self.put(&mut control, side, 0x18, line)?;
        }
        self.put(&mut control, 0, 0x18, b"RETR file\r\n")?;
        self.open(&mut data)?;
        self.put(&mut control, 1, 0x18, b"150 go\r\n")?;
        let full = [7; FULL];
        for segment in 0..segments {
            self.put(&mut data, 1, 0x10, &full)?;
            if segment % 2 == 1 {
                self.put(&mut data, 0, 0x10, b"")?;
            }
        }
        for line in [&mut data, &mut control] {
            if line.server == 21 {
                self.put(line, 1, 0x18, b"226 done\r\n")?;
            }
            self.put(line, 1, 0x11, b"")?;
            self.put(line, 0, 0x11, b"")?;
            self.put(line, 1, 0x10, b"")?;
        }
        Ok(())
    }

    fn open(&mut self, line: &mut Line) -> Result<(), Box<dyn Error>> {
        self.put(line, 0, 0x02, b"")?;
        self.put(line, 1, 0x12, b"")?;
        self.put(line, 0, 0x10, b"")
    }

    fn put(
        &mut self,
        line: &mut Line,
        side: usize,
        flags: u8,
        payload: &[u8],
    ) -> Result<(), Box<dyn Error>> {
        let client = 0x0a00_0000 | line.client.0;
        let server = 0xcb00_7105u32;
        let (from, to) = if side == 0 { (client, server) } else { (server, client) };
        let (source, target) =
            if side == 0 { (line.client.1, line.server) } else { (line.server, line.client.1) };
        let (seq, ack) = (line.next[side], line.next[1 - side]);
        let taken = u32::try_from(payload.len())? + u32::from(flags & 3 != 0);
        line.next[side] = seq.wrapping_add(taken);
        let length = u16::try_from(40 + payload.len())?;
        let mut frame = vec![0x45, 0];
        frame.extend(length.to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        frame.extend(from.to_be_bytes());
        frame.extend(to.to_be_bytes());
        frame.extend(source.to_be_bytes());
        frame.extend(target.to_be_bytes());
        frame.extend(seq.to_be_bytes());
        frame.extend(ack.to_be_bytes());
        frame.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        frame.extend(payload);
        self.micros += 20;
        let size = u32::try_from(frame.len())?;
        let (seconds, micros) = (self.micros / 1_000_000, self.micros % 1_000_000);
        let head = [u32::try_from(seconds)?, u32::try_from(micros)?, size, size];
        self.out.write_all(&head.map(u32::to_le_bytes).concat())?;
        self.out.write_all(&frame)?;
        Ok(())
    }
}
