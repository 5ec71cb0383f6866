//! Cost of records between processes: nanoseconds to encode and decode one, into and from existing memory, and bytes.
//!
//! Compares the format in which records are sent (`bytemuck`, and with a message's header and checksum `batch`) with
//! timely's default (`bincode`), with `postcard`, and, if the feature is enabled, with `abomonation`.
//!
//!     cargo bench --bench wire_format --features abomonation

use std::hint::black_box;
use std::time::Instant;

use anabranch::chunk::Voxels;
use anabranch::grid::ChunkId;
use anabranch::kernel::thin::message::{Link, Slab};
use anabranch::operators::batch::Batch;
use anabranch::operators::read::Piece;
use anabranch::space::Region;
#[cfg(feature = "abomonation")]
use anabranch::wire::Abomonated;
use anabranch::wire::{WireReader, WireRecord};
use ndarray::Array3;
use serde::{Deserialize, Serialize};
use timely::bytes::arc::{Bytes, BytesMut};
use timely::container::PushInto;
use timely::dataflow::channels::ContainerBytes;

/// The shortest time of a call in several rounds, in nanoseconds.
fn shortest(mut call: impl FnMut()) -> f64 {
    const CALLS: u32 = 300;
    let mut rounds = Vec::new();
    for _ in 0..15 {
        let start = Instant::now();
        (0..CALLS).for_each(|_| call());
        rounds.push(start.elapsed().as_nanos() as f64 / f64::from(CALLS));
    }
    rounds.into_iter().fold(f64::INFINITY, f64::min)
}

/// Measures an encoder and a decoder, after checking that they are inverse to each other.
fn compare<R: PartialEq>(
    name: &str,
    record: &R,
    mut encode: impl FnMut(&R, &mut Vec<u8>),
    decode: impl Fn(&Bytes) -> Option<R>,
) {
    let mut buffer = Vec::new();
    encode(record, &mut buffer);
    let bytes = BytesMut::from(buffer.clone()).freeze();
    assert!(decode(&bytes).as_ref() == Some(record), "{name} gives another record");
    let encoding = shortest(|| {
        buffer.clear();
        encode(black_box(record), &mut buffer);
        black_box(&buffer);
    });
    let decoding = shortest(|| {
        black_box(decode(black_box(&bytes)));
    });
    println!("  {name:<12} {encoding:>9.0} ns {decoding:>9.0} ns {:>8} bytes", bytes.len());
}

fn compare_all<R>(name: &str, record: &R)
where
    R: WireRecord + PartialEq + Clone + Serialize + for<'a> Deserialize<'a>,
{
    println!("{name}: encode, decode, length");
    compare(
        "bytemuck",
        record,
        |record, out| drop(record.write_to(out)),
        |bytes| R::read_from(&mut WireReader::new(bytes)).ok(),
    );
    let mut batch = Batch::default();
    batch.push_into(record.clone());
    compare(
        "batch",
        record,
        |_, out| batch.into_bytes(out),
        |bytes| {
            use timely::container::DrainContainer;
            Batch::<R>::from_bytes(bytes.clone()).drain().next()
        },
    );
    let list = vec![record.clone()];
    compare("bincode", record, |_, out| list.into_bytes(out), |bytes| Vec::<R>::from_bytes(bytes.clone()).pop());
    compare(
        "postcard",
        record,
        |record, out| drop(postcard::to_io(record, out)),
        |bytes| postcard::from_bytes(bytes).ok(),
    );
}

fn main() {
    let link = Link {
        from: ChunkId::new([0, 0, 0]).expect("a place near zero"),
        to: ChunkId::new([0, 0, 1]).expect("a place near zero"),
    };
    let bits = (1..=4096u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    let slab = Slab { link, region: Region::of_shape([64; 3]), bits };
    compare_all("bit-packed mask of 64³ voxels", &slab);
    #[cfg(feature = "abomonation")]
    compare(
        "abomonation",
        &Abomonated(slab),
        |record, out| drop(record.write_to(out)),
        |bytes| Abomonated::read_from(&mut WireReader::new(bytes)).ok(),
    );
    let region = Region::of_shape([4, 64, 64]);
    let values = Array3::from_shape_fn(region.shape(), |(z, y, x)| (z * 4096 + y * 64 + x) as u16);
    let piece =
        Piece { chunk: ChunkId::new([1, 0, 0]).expect("a place near zero"), region, voxels: Some(Voxels::U16(values)) };
    compare_all("halo of 4 x 64 x 64 voxels, u16", &piece);
}
