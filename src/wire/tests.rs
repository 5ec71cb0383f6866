//! Records are received as they were sent; other bytes are refused.

use std::fmt::Debug;
use std::sync::Arc;

use ndarray::Array3;
use proptest::prelude::*;

use super::*;
use crate::chunk::{Dtype, Value, Voxels};
use crate::grid::ChunkId;
use crate::kernel::measure::Known;
use crate::kernel::measure::pixel_values::PixelValues;
use crate::kernel::measure::radii::{Radii, Radius};
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::thin::message::{Link, Message, Slab};
use crate::with_dtype;

fn written<R: WireRecord>(record: &R) -> Vec<u8> {
    let mut bytes = Vec::new();
    record.write_to(&mut bytes).expect("a vector takes all that is written");
    bytes
}

fn read<R: WireRecord>(bytes: &[u8]) -> Result<R> {
    let mut reader = WireReader::new(bytes);
    R::read_from(&mut reader).and_then(|record| reader.finish().map(|()| record))
}

/// Fails if a record is not received as it was sent, at an even or an odd address, or if its length is not
/// [`WireRecord::wire_bytes`].
pub(crate) fn assert_is_sent_and_received<R: WireRecord + PartialEq + Debug>(record: &R) {
    let bytes = written(record);
    assert_eq!((bytes.len(), bytes.len() % WORD), (record.wire_bytes(), 0), "{record:?}");
    assert!(bytes.len() >= R::LEAST && R::LEAST > 0, "{record:?}");
    for shift in 0..2 {
        let moved = [&vec![0; shift][..], &bytes].concat();
        assert_eq!(read::<R>(&moved[shift..]).as_ref().ok(), Some(record));
    }
}

/// Fails if truncated or overlong bytes are accepted as a record, or if changed bytes are accepted as a record that is
/// written as other bytes. Counts are among the numbers that change, to any values.
pub(crate) fn assert_garbled_bytes_are_refused<R: WireRecord>(record: &R, changes: &[(prop::sample::Index, u64)]) {
    let bytes = written(record);
    for end in (0..bytes.len()).step_by(if bytes.len() < 500 { 1 } else { 37 }) {
        assert!(read::<R>(&bytes[..end]).is_err(), "cut off at {end}");
    }
    assert!(read::<R>(&[&bytes[..], &[0; WORD]].concat()).is_err());
    for (place, change) in changes {
        // Changes a whole word, and a byte.
        let mut garbled = bytes.clone();
        let at = place.index(bytes.len() / WORD) * WORD;
        garbled[at..at + WORD].copy_from_slice(&change.to_ne_bytes());
        let mut flipped = bytes.clone();
        flipped[place.index(bytes.len())] ^= 1 << (change % 8);
        for garbled in [garbled, flipped] {
            match read::<R>(&garbled) {
                Ok(record) => assert_eq!(written(&record), garbled),
                Err(error) => {
                    assert_eq!(error.kind(), Kind::Peer);
                    assert!(error.to_string().starts_with(DAMAGED), "{error}");
                }
            }
        }
    }
}

/// Places in a record, and new numbers for them: small, maximal or arbitrary.
pub(crate) fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u64)>> {
    let number = prop_oneof![
        0..20u64,
        any::<u64>(),
        (0..64u32, 0..3u64).prop_map(|(bit, less)| (1u64 << bit).wrapping_sub(less)),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), number), 0..40)
}

fn values() -> impl Strategy<Value = Voxels> {
    let dtype = prop::sample::select(&[
        Dtype::Bool,
        Dtype::U8,
        Dtype::U16,
        Dtype::U32,
        Dtype::I16,
        Dtype::I32,
        Dtype::F32,
        Dtype::F64,
    ]);
    let shape = prop::array::uniform3(0usize..6);
    (dtype, shape, any::<[u8; 32]>()).prop_map(|(dtype, shape, bytes)| {
        fn filled<V: Value>(shape: [usize; 3], bytes: &[u8]) -> Voxels {
            let mut values = V::from_bytes(bytes).into_iter().cycle();
            // NaN is not equal to itself.
            let some = std::iter::from_fn(|| values.find(|value| value.partial_cmp(value).is_some()));
            let mut some = some.chain(std::iter::repeat(V::default()));
            V::wrap(Array3::from_shape_fn(shape, |_| some.next().unwrap_or_default()))
        }
        // Ensures that at least one number is among them.
        let bytes = [&bytes[..], &[0; 8]].concat();
        with_dtype!(dtype, T => filled::<T>(shape, &bytes))
    })
}

fn link() -> impl Strategy<Value = Link> {
    let chunk = || prop::array::uniform3(-9i64..9).prop_map(ChunkId::at);
    (chunk(), chunk()).prop_map(|(from, to)| Link { from, to })
}

fn slabs() -> impl Strategy<Value = Slab> {
    let shape = (1usize..4, 1usize..4, 1usize..140);
    (link(), prop::array::uniform3(-99i64..99), shape, any::<u64>()).prop_map(|(link, min, (z, y, x), bits)| {
        let max = [min[0] + z as i64, min[1] + y as i64, min[2] + x as i64];
        // Spare bits of the last word are not part of the box.
        let (words, over) = ((z * y * x).div_ceil(64), (z * y * x).wrapping_neg() % 64);
        let word = |n: usize| bits.rotate_left(n as u32) & (u64::MAX >> if n + 1 == words { over } else { 0 });
        Slab { link, region: Region::new(min, max), bits: (0..words).map(word).collect() }
    })
}

pub(crate) fn messages() -> impl Strategy<Value = Message> {
    let bits = || prop::collection::vec(any::<u32>(), 0..9);
    prop_oneof![
        (slabs(), any::<bool>()).prop_map(|(slab, asks)| Message::Changed(slab, asks)),
        (slabs(), prop::collection::vec((any::<u32>(), bits()), 0..5))
            .prop_map(|(slab, log)| Message::Known(slab, log)),
        link().prop_map(Message::Live),
        (link(), bits()).prop_map(|(link, bits)| Message::Activate(link, bits)),
        (link(), bits()).prop_map(|(link, bits)| Message::Flips(link, bits)),
    ]
}

fn skeletons() -> impl Strategy<Value = (ChunkId, Arc<Skeleton<Known>>)> {
    let voxels = prop::collection::vec(prop::array::uniform3(-99i64..99).prop_map(Voxel::new), 0..9);
    (prop::array::uniform3(-9i64..9), voxels, any::<i64>(), 0..6).prop_map(|(chunk, voxels, value, form)| {
        let count = voxels.len() as i64;
        let values = match form % 3 {
            0 => PixelValues::Constant(value),
            1 => PixelValues::Integers((0..count).map(|n| value.wrapping_mul(n)).collect()),
            _ => PixelValues::Floats((0..count).map(|n| value.wrapping_mul(n) as u64).collect()),
        };
        let radii = match form {
            3.. if count > 0 => (0..count).map(|n| Radius::new(0.5 + n as f64, n % 2 == 0)).collect(),
            _ => Radii::Unknown,
        };
        (ChunkId::at(chunk), Arc::new(Skeleton { voxels: voxels.into(), values: Arc::new((values, radii)) }))
    })
}

proptest! {
    #[test]
    fn records_are_received_as_they_are_sent(
        values in values(), slab in slabs(), message in messages(), skeleton in skeletons(),
    ) {
        assert_is_sent_and_received(&values);
        assert_is_sent_and_received(&slab);
        assert_is_sent_and_received(&message);
        assert_is_sent_and_received(&skeleton);
    }

    #[test]
    fn garbled_records_are_refused_or_are_others(
        values in values(), slab in slabs(), message in messages(), skeleton in skeletons(), changes in changes(),
    ) {
        assert_garbled_bytes_are_refused(&values, &changes);
        assert_garbled_bytes_are_refused(&slab, &changes);
        assert_garbled_bytes_are_refused(&message, &changes);
        assert_garbled_bytes_are_refused(&skeleton, &changes);
    }

    #[test]
    fn any_bytes_are_refused_or_are_those_of_a_record(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        fn refused_or_the_same<R: WireRecord>(bytes: &[u8]) -> bool {
            read::<R>(bytes).map_or(true, |record| written(&record) == bytes)
        }
        prop_assert!(refused_or_the_same::<Voxels>(&bytes));
        prop_assert!(refused_or_the_same::<Slab>(&bytes));
        prop_assert!(refused_or_the_same::<Message>(&bytes));
        prop_assert!(refused_or_the_same::<(ChunkId, Arc<Skeleton<Known>>)>(&bytes));
    }
}

#[test]
fn a_slab_of_a_program_that_was_built_otherwise_is_refused_with_the_reason() {
    let link = Link { from: ChunkId::at([0; 3]), to: ChunkId::at([0, 0, 1]) };
    let slab = Slab { link, region: Region::of_shape([2, 2, 1]), bits: vec![0b1111] };
    let mut bytes = written(&Message::Changed(slab.clone(), true));
    let plain = !cfg!(feature = "abomonation");
    assert_eq!(bytes[1], u8::from(!plain));
    bytes[1] ^= 1;
    let error = read::<Message>(&bytes).expect_err("another form");
    assert!(!plain || error.to_string().contains("the feature abomonation"), "{error}");
}
