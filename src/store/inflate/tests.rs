use std::fs::File;

use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};
use proptest::prelude::*;

use super::*;
use crate::error::Kind;

/// A file with bytes, as input of a decoder.
fn packed(bytes: &[u8], wrap: Wrap) -> (tempfile::NamedTempFile, Packed) {
    let file = tempfile::NamedTempFile::new().unwrap();
    // Some bytes before them, like a header.
    std::fs::write(file.path(), [b"0123456789", bytes].concat()).unwrap();
    let opened = Arc::new(File::open(file.path()).unwrap());
    let packed = Packed { file: opened, start: 10, end: 10 + bytes.len() as u64, wrap };
    (file, packed)
}

/// A member of gzip, with a name and more in its header if `named`.
pub(crate) fn gzip(data: &[u8], named: bool) -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, if named { 4 | 8 | 16 | 2 } else { 0 }, 0, 0, 0, 0, 0, 3];
    if named {
        bytes.extend(b"\x03\0abcimage.nii\0by hand\0\x12\x34");
    }
    bytes.extend(compress_to_vec(data, 6));
    bytes.extend(crc32fast::hash(data).to_le_bytes());
    bytes.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    bytes
}

/// Bytes of runs and of noise, as images have.
fn image(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let run = usize::try_from(state >> 58).unwrap() + 1;
        let value = u8::try_from(state >> 40 & 0xff).unwrap();
        bytes.extend((0..run).map(|i| if state & 1 << 20 == 0 { value } else { value.wrapping_mul(i as u8) }));
    }
    bytes.truncate(length);
    bytes
}

fn opened(packed: &Packed, total: usize, window: u64, cache: usize) -> Inflated {
    Inflated::with_window(packed.clone(), Path::new("image.gz"), total as u64, cache, window)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_part_of_a_stream_is_what_went_in(
        length in 1usize..60_000, seed in any::<u64>(), kind in 0..4, window in 100u64..5_000, held in 1usize..6,
        reads in prop::collection::vec((any::<prop::sample::Index>(), 1usize..9_000), 1..24),
    ) {
        let data = image(length, seed);
        let (bytes, wrap) = match kind {
            0 => (gzip(&data, true), Wrap::Gzip),
            // Members as bgzip writes them, the last one empty.
            1 => (data.chunks(7_001).chain([&[][..]]).flat_map(|part| gzip(part, false)).collect(), Wrap::Gzip),
            2 => (compress_to_vec_zlib(&data, 9), Wrap::Zlib),
            _ => (compress_to_vec(&data, 1), Wrap::Bare { crc: crc32fast::hash(&data) }),
        };
        let (_file, packed) = packed(&bytes, wrap);
        let inflated = opened(&packed, length, window, held * window as usize);
        for (at, wanted) in reads {
            let at = at.index(length);
            let mut buffer = vec![0; wanted.min(length - at)];
            inflated.read_at(at as u64, &mut buffer).unwrap();
            prop_assert_eq!(&buffer, &data[at..at + buffer.len()]);
        }
        prop_assert!(inflated.lock().windows.len() <= held.max(2));
    }

    #[test]
    fn damage_is_noticed_and_never_more_than_an_error(
        seed in any::<u64>(), zlib in any::<bool>(), at in any::<prop::sample::Index>(), flip in 1u8..=255,
    ) {
        let data = image(5_000, seed);
        let (mut bytes, wrap) =
            if zlib { (compress_to_vec_zlib(&data, 6), Wrap::Zlib) } else { (gzip(&data, false), Wrap::Gzip) };
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let (_file, packed) = packed(&bytes, wrap);
        let mut buffer = vec![0; data.len()];
        match opened(&packed, data.len(), 700, 2_000).read_at(0, &mut buffer) {
            // Time, name and system in the header of gzip are ignored, and so is the level in that of zlib.
            Ok(()) => prop_assert!(buffer == data && (1..10).contains(&at)),
            Err(error) => prop_assert_eq!(error.kind(), Kind::Data),
        }
    }
}

#[test]
fn threads_at_many_places_read_what_went_in() {
    let data = image(400_000, 5);
    let (_file, packed) = packed(&gzip(&data, false), Wrap::Gzip);
    let inflated = opened(&packed, data.len(), 1_000, 20_000);
    std::thread::scope(|scope| {
        for thread in 0..6usize {
            let (inflated, data) = (&inflated, &data);
            scope.spawn(move || {
                for turn in 0..200 {
                    let at = (thread * 67_003 + turn * 1_771 * (1 + thread % 3)) % 390_000;
                    let mut buffer = vec![0; 3_500];
                    inflated.read_at(at as u64, &mut buffer).unwrap();
                    assert_eq!(buffer, data[at..at + 3_500]);
                }
            });
        }
    });
    let state = inflated.lock();
    assert!(state.running.is_empty() && state.parked.len() <= PARKED);
    assert!(!state.copies.is_empty() && state.copies.keys().all(|next| next.is_multiple_of(APART)));
}

#[test]
fn what_is_cut_off_too_short_or_followed_by_something_else_is_refused() {
    let data = image(30_000, 3);
    let whole = gzip(&data, false);
    let said = |bytes: &[u8], total: usize| {
        let (_file, packed) = packed(bytes, Wrap::Gzip);
        let mut buffer = vec![0; total];
        let read = opened(&packed, total, 4_000, 8_000).read_at(0, &mut buffer);
        read.map(|()| assert_eq!(buffer, data[..total])).map_err(|error| error.to_string())
    };
    assert_eq!(said(&whole, data.len()), Ok(()));
    assert_eq!(said(&[&whole[..], &[0; 100]].concat(), data.len()), Ok(()));
    // More bytes may be decompressed than are wanted.
    assert_eq!(said(&whole, 20_000), Ok(()));
    for end in [5, 12, 100, whole.len() / 2, whole.len() - 9, whole.len() - 8, whole.len() - 1] {
        let said = said(&whole[..end], data.len()).unwrap_err();
        assert!(said.starts_with("image.gz: is cut off"), "{end}: {said}");
    }
    assert!(said(&whole, data.len() + 1).unwrap_err().contains("30000 of 30001 bytes come out"));
    assert!(said(&[&whole[..], b"more"].concat(), data.len()).unwrap_err().contains("other bytes behind"));
    let mut other = whole.clone();
    other[whole.len() - 8] ^= 1;
    assert!(said(&other, data.len()).unwrap_err().contains("checksum differs"));
}

#[test]
fn the_head_of_a_stream_may_be_all_of_it() {
    let (_file, packed) = packed(&gzip(b"hello", false), Wrap::Gzip);
    assert_eq!(head(&packed, 3).unwrap(), b"hel");
    assert_eq!(head(&packed, 300).unwrap(), b"hello");
}
