//! Batches are full by their bytes, and only whole ones are received.

use std::panic::catch_unwind;
use std::sync::{Arc, Mutex};

use ndarray::Array3;
use proptest::prelude::*;
use timely::bytes::arc::BytesMut;
use timely::container::{CapacityContainerBuilder, ContainerBuilder};
use timely::dataflow::operators::{Exchange, Inspect, ToStream};

use super::*;
use crate::chunk::Voxels;
use crate::error::Kind;
use crate::grid::ChunkId;
use crate::operators::read::Piece;
use crate::space::Region;
use crate::wire::DAMAGED;
use crate::wire::tests::{assert_garbled_bytes_are_refused, assert_is_sent_and_received, changes};

fn piece(number: u16, voxels: bool) -> Piece {
    let region = Region::new([0, 0, -2], [2, 3, 5]);
    let voxels = voxels.then(|| Voxels::U16(Array3::from_elem(region.shape(), number)));
    Piece { chunk: ChunkId::at([0, 0, number.into()]), region, voxels }
}

fn batch() -> Batch<Piece> {
    let mut batch = Batch::default();
    [piece(7, true), piece(8, false), piece(9, true)].into_iter().for_each(|piece| batch.push_into(piece));
    batch
}

fn message() -> Vec<u8> {
    let mut bytes = Vec::new();
    batch().into_bytes(&mut bytes);
    bytes
}

/// The same bytes with the checksum that belongs to them.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - CHECKSUM;
    let checksum = XxHash3_64::oneshot(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_ne_bytes());
    bytes
}

#[test]
fn a_batch_is_received_as_it_was_sent() {
    let bytes = message();
    assert_eq!((bytes.len(), bytes.len() % 8), (batch().length_in_bytes(), 0));
    for shift in 0..2 {
        let moved = [&vec![0; shift][..], &bytes].concat();
        let mut shared = BytesMut::from(moved);
        drop(shared.extract_to(shift));
        let mut received = Batch::<Piece>::from_bytes(shared.freeze());
        assert_eq!((received.record_count(), received.length_in_bytes()), (3, bytes.len()));
        assert_eq!(received.drain().collect::<Vec<_>>(), batch().records);
        assert_eq!(received.length_in_bytes(), Batch::<Piece>::default().length_in_bytes());
    }
}

#[test]
fn a_damaged_message_is_one_clear_error_and_ends_the_worker() {
    let bytes = message();
    let refused = |bytes: &[u8]| {
        let error = Batch::<Piece>::read(bytes).expect_err("damaged");
        assert_eq!(error.kind(), Kind::Peer);
        assert!(error.to_string().starts_with(DAMAGED), "{error}");
        error.to_string()
    };
    for at in 0..bytes.len() {
        let mut garbled = bytes.clone();
        garbled[at] ^= 0x10;
        refused(&garbled);
        refused(&bytes[..at]);
        refused(&sealed(bytes[..at.max(CHECKSUM)].to_vec()));
    }
    refused(&[&bytes[..], &[0; 8]].concat());
    refused(&sealed([&bytes[..], &[0; 8]].concat()));
    for (field, reason) in [(0, "another kind"), (8, "fewer records"), (16, "not as long")] {
        for number in [u64::MAX, 1 << 61, 1 << 40] {
            let mut forged = bytes.clone();
            forged[field..field + 8].copy_from_slice(&number.to_ne_bytes());
            let said = refused(&sealed(forged));
            assert!(said.contains(reason), "{said}");
        }
    }
    let panic = catch_unwind(|| Batch::<Piece>::from_bytes(BytesMut::from(vec![0; 64]).freeze())).expect_err("damaged");
    assert!(panic.downcast_ref::<String>().is_some_and(|message| message.starts_with(DAMAGED)));
}

proptest! {
    #[test]
    fn pieces_are_received_as_they_are_sent_or_refused(number: u16, stored: bool, changes in changes()) {
        assert_is_sent_and_received(&piece(number, stored));
        assert_garbled_bytes_are_refused(&piece(number, stored), &changes);
    }
}

#[test]
fn batches_are_full_by_their_bytes() {
    let mut builder = CapacityContainerBuilder::<Batch<Piece>>::default();
    let mut batches = Vec::new();
    let longest = piece(0, true).wire_bytes();
    for number in 0..100 {
        builder.push_into(piece(number, number % 3 == 0));
        while let Some(batch) = builder.extract() {
            assert!((FULL..FULL + longest).contains(&batch.bytes));
            batches.push(std::mem::take(batch));
        }
    }
    while let Some(batch) = builder.finish() {
        batches.push(std::mem::take(batch));
    }
    assert!(batches.len() > 10);
    let numbers: Vec<i64> = batches.iter().flatten().map(|piece| piece.chunk.place()[2]).collect();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
}

/// A record that must not be written.
#[derive(Clone, Debug)]
struct Unwritten(u64);

impl WireRecord for Unwritten {
    const KIND: [u8; 8] = *b"no bytes";
    const LEAST: usize = 8;

    fn wire_bytes(&self) -> usize {
        200
    }

    fn write_to(&self, _: &mut impl Write) -> io::Result<()> {
        Err(io::Error::other("records move inside a process"))
    }

    fn read_from(_: &mut WireReader<'_>) -> Result<Self> {
        Err(damaged("records move inside a process"))
    }
}

#[test]
fn inside_a_process_nothing_is_written() {
    let found = Arc::new(Mutex::new(Vec::new()));
    let gathered = Arc::clone(&found);
    let guards = timely::execute(timely::Config::process(2), move |worker| {
        let gathered = Arc::clone(&gathered);
        let index = worker.index();
        worker.dataflow::<u64, _, _>(|scope| {
            let own = (0..50).map(move |n| Unwritten(2 * n + index as u64));
            own.to_stream(scope).container::<Vec<_>>().batch().exchange(|record: &Unwritten| record.0 / 10).inspect(
                move |record: &Unwritten| gathered.lock().unwrap().push((record.0 / 10 % 2, index as u64, record.0)),
            );
        });
    });
    guards.unwrap().join().into_iter().for_each(|end| end.unwrap());
    let mut found = found.lock().unwrap().clone();
    assert!(found.iter().all(|(wanted, index, _)| wanted == index));
    found.sort_unstable_by_key(|found| found.2);
    assert_eq!(found.iter().map(|found| found.2).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
}
