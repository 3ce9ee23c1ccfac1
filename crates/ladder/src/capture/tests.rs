//! Files made by hand, of both formats.

use super::*;
use proptest::prelude::*;
use std::io::Write;

fn put(order: Order) -> impl Fn(u32) -> [u8; 4] + Copy {
    move |number| match order {
        Order::Little => number.to_le_bytes(),
        Order::Big => number.to_be_bytes(),
    }
}

/// A pcap file with these frames, a second and a half apart.
fn old(order: Order, nanos: bool, frames: &[&[u8]]) -> Vec<u8> {
    let put = put(order);
    let magic = if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let half = if nanos { 500_000_000 } else { 500_000 };
    let mut file: Vec<u8> = [magic, 0x0002_0004, 0, 0, 65_535, 1].map(put).concat();
    for (n, frame) in (0u32..).zip(frames) {
        let length = u32::try_from(frame.len()).unwrap();
        file.extend([7 + n * 3 / 2, n % 2 * half, length, length].map(put).concat());
        file.extend_from_slice(frame);
    }
    file
}

/// A block of a pcapng file.
fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(12 + body.len().next_multiple_of(4)).unwrap();
    let mut block = [put(order)(kind), put(order)(length)].concat();
    block.extend(body);
    block.resize(usize::try_from(length).unwrap() - 4, 0);
    block.extend(put(order)(length));
    block
}

/// The beginning of a pcapng file with an interface of Ethernet that counts milliseconds.
fn section(order: Order) -> Vec<u8> {
    let put = put(order);
    let mut file =
        block(order, SHB, &[put(0x1a2b_3c4d), [1, 0, 0, 0], [0xff; 4], [0xff; 4]].concat());
    let short = |number: u16| match order {
        Order::Little => number.to_le_bytes(),
        Order::Big => number.to_be_bytes(),
    };
    let mut interface = [short(1), short(0)].concat();
    interface.extend(put(65_535));
    interface.extend([short(9), short(1)].concat());
    interface.extend([3, 0, 0, 0]);
    file.extend(block(order, 1, &interface));
    file
}

#[test]
fn an_interface_whose_offset_is_negative_counts_from_before_its_stamps() {
    for order in [Order::Little, Order::Big] {
        let put = put(order);
        let offset = |seconds: i64| match order {
            Order::Little => seconds.to_le_bytes(),
            Order::Big => seconds.to_be_bytes(),
        };
        let at = |seconds: i64| {
            let section =
                block(order, SHB, &[put(0x1a2b_3c4d), [1, 0, 0, 0], [0xff; 4], [0xff; 4]].concat());
            let pair = |one: u16, other: u16| match order {
                Order::Little => [one.to_le_bytes(), other.to_le_bytes()].concat(),
                Order::Big => [one.to_be_bytes(), other.to_be_bytes()].concat(),
            };
            let link =
                [pair(1, 0), put(65_535).to_vec(), pair(14, 8), offset(seconds).to_vec()].concat();
            // 100 seconds in microseconds.
            let packet = [0, 0, 100_000_000, 0, 0].map(put).concat();
            let file = [section, block(order, 1, &link), block(order, 6, &packet)].concat();
            let mut capture = Capture::open(file.as_slice()).unwrap();
            capture.next_frame().unwrap().unwrap();
            capture.origin()
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(
            [at(0), at(-40), at(1 << 33)],
            [seconds(100), seconds(60), seconds(100 + (1 << 33))]
        );
    }
}

const SHB: u32 = 0x0a0d_0d0a;

/// The same frames as those of `old`.
fn ng(order: Order, frames: &[&[u8]]) -> Vec<u8> {
    let put = put(order);
    let mut file = section(order);
    for (n, frame) in (0u32..).zip(frames) {
        let length = u32::try_from(frame.len()).unwrap();
        let mut body = [0, 0, 7000 + n * 1500, length, length].map(put).concat();
        body.extend_from_slice(frame);
        file.extend(block(order, 6, &body));
    }
    file
}

fn frames(file: &[u8]) -> (Vec<(u128, Vec<u8>)>, Option<Error>) {
    let mut out = Vec::new();
    let mut capture = match Capture::open(file) {
        Ok(capture) => capture,
        Err(error) => return (out, Some(error)),
    };
    loop {
        match capture.next_frame() {
            Ok(Some(frame)) => {
                out.push((frame.at.since(Moment::START).as_millis(), frame.bytes.to_vec()));
            }
            Ok(None) => return (out, None),
            Err(error) => return (out, Some(error)),
        }
    }
}

const THREE: [&[u8]; 3] = [b"one", b"", b"three"];

#[track_caller]
fn holds_three(file: &[u8]) {
    let (got, error) = frames(file);
    assert!(error.is_none(), "{error:?}");
    let want: Vec<(u128, Vec<u8>)> =
        [0, 1500, 3000].into_iter().zip(THREE.map(<[u8]>::to_vec)).collect();
    assert_eq!(got, want);
}

#[test]
fn both_formats_byte_orders_and_resolutions_are_read() {
    for order in [Order::Little, Order::Big] {
        for nanos in [false, true] {
            holds_three(&old(order, nanos, &THREE));
        }
        holds_three(&ng(order, &THREE));
    }
}

#[test]
fn packed_files_are_read_as_they_come() {
    let file = ng(Order::Big, &THREE);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&file).unwrap();
    holds_three(&gzip.finish().unwrap());
    holds_three(&zstd::encode_all(file.as_slice(), 1).unwrap());
}

#[test]
fn a_packed_file_that_is_cut_gives_its_whole_frames_first() {
    let file = old(Order::Little, true, &[&[7; 3000], &[8; 3000]]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(&file).unwrap();
    let packed = gzip.finish().unwrap();
    let (got, error) = frames(&packed[..packed.len() - 2000]);
    assert_eq!(got.len(), 1);
    assert!(matches!(error, Some(Error::Truncated { frames: 1 })), "{error:?}");
}

#[test]
fn a_file_that_breaks_off_gives_its_whole_frames_first() {
    for whole in
        [old(Order::Little, false, &[b"one", b"two"]), ng(Order::Little, &[b"one", b"two"])]
    {
        let (got, error) = frames(&whole[..whole.len() - 1]);
        assert_eq!(got.len(), 1);
        assert_eq!(error.unwrap().to_string(), "the file breaks off after frame 1");
    }
}

#[test]
fn other_files_are_refused_with_a_reason() {
    let why = |file: &[u8]| frames(file).1.map(|error| error.to_string()).unwrap();
    assert_eq!(why(b"%PDF-1.4"), "neither pcap nor pcapng");
    let mut damaged = old(Order::Big, false, &[b"one"]);
    damaged[32] = 0xff;
    assert!(why(&damaged).starts_with("damaged after frame 0"));
    let mut damaged = ng(Order::Big, &[b"one"]);
    let at = damaged.len() - 32;
    damaged[at] = 0xff;
    assert!(why(&damaged).contains("after frame 0"), "{}", why(&damaged));
}

#[test]
fn frames_of_a_link_type_that_is_not_read_are_counted() {
    let mut file = old(Order::Big, false, &[b"one", b"two"]);
    file[23] = 147;
    let mut capture = Capture::open(file.as_slice()).unwrap();
    assert_eq!(capture.each_segment(|_| ()).unwrap(), 2);
    assert_eq!(capture.unread(), Some((147, 2)));
}

#[test]
fn blocks_of_no_concern_are_passed_over_and_secrets_are_kept() {
    let order = Order::Little;
    let mut file = section(order);
    file.extend(block(order, 5, &[0; 40]));
    let line = format!("CLIENT_RANDOM {} 5e\n", "07".repeat(32)).into_bytes();
    let length = u32::try_from(line.len()).unwrap();
    let mut secrets = [put(order)(0x544c_534b), put(order)(length)].concat();
    secrets.extend(line);
    file.extend(block(order, 10, &secrets));
    file.extend(block(order, 3, &[&put(order)(3)[..], b"one"].concat()));
    let mut capture = Capture::open(file.as_slice()).unwrap();
    assert_eq!(
        capture.next_frame().unwrap().map(|frame| frame.bytes.to_vec()),
        Some(b"one".to_vec())
    );
    assert_eq!(format!("{:?}", capture.keys()), "Keys(1 sessions)");
}

#[test]
fn a_second_section_has_its_own_byte_order_and_interfaces() {
    let mut file = ng(Order::Little, &[b"one"]);
    file.extend(ng(Order::Big, &[b"two"]));
    let (got, error) = frames(&file);
    assert!(error.is_none());
    assert_eq!(got[1].1, b"two");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..400),
        magic in proptest::option::of(0..4u32),
    ) {
        if let Some(which) = magic {
            let head = match which {
                0 | 1 => old(Order::Little, which == 1, &[]),
                2 => section(Order::Big),
                _ => section(Order::Little),
            };
            bytes.splice(0..0, head);
        }
        frames(&bytes);
    }

    #[test]
    fn a_damaged_file_makes_it_neither_panic_nor_read_on_for_ever(
        noise in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut file = ng(Order::Little, &THREE);
        for (at, byte) in noise {
            *at.get_mut(&mut file) = byte;
        }
        frames(&file);
    }
}
