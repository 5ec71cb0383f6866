//! Hosted sessions against what a plain function finds in the whole image.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use ndarray::Array3;
use proptest::prelude::*;

use super::*;
use crate::error::Kind;
use crate::operators::extract::ExtractRecords;
use crate::space::Region;

const SHAPE: [usize; 3] = [3, 8, 9];

/// A bright voxel, and the sum of all values around it.
type Record = ([i64; 3], u64);
type Content = BTreeMap<ChunkId, Array3<u8>>;

fn grid(chunk: [usize; 3]) -> Grid {
    Grid::new(Region::of_shape(SHAPE), chunk)
}

fn uniform(grid: &Grid, chunk: ChunkId, value: u8) -> Voxels {
    Voxels::filled(Dtype::U8, grid.region(chunk).shape(), value.into())
}

/// The nonzero voxels of a box with the sums around them, from the values of a larger one.
fn sums(values: &Array3<u8>, first: [i64; 3], own: &Region, depth: [usize; 3]) -> Vec<Record> {
    let inside = |p: [i64; 3], region: &Region| (0..3).all(|a| (region.min[a]..region.max[a]).contains(&p[a]));
    let placed = values
        .indexed_iter()
        .map(|((z, y, x), &value)| ([z as i64 + first[0], y as i64 + first[1], x as i64 + first[2]], u64::from(value)));
    let all: Vec<Record> = placed.collect();
    let bright = all.iter().filter(|(p, value)| *value > 0 && inside(*p, own));
    let sum = |p: [i64; 3]| {
        let near = Region::new(p, p.map(|at| at + 1)).dilated(depth);
        all.iter().filter(|(q, _)| inside(*q, &near)).map(|(_, value)| value).sum()
    };
    bright.map(|(p, _)| (*p, sum(*p))).collect()
}

fn host(grid: Grid, depth: [usize; 3], workers: usize) -> HostedSession<Record> {
    let builder = HostedBuilder::new(grid, Dtype::U8).depth(depth).workers(workers);
    let session = builder.start(move |chunks, _| {
        chunks.extract(move |padded| match &padded.voxels {
            Some(Voxels::U8(values)) => sums(values, padded.region.min, &padded.own, depth),
            _ => Vec::new(),
        })
    });
    session.unwrap()
}

/// The records of the whole image.
fn scratch(grid: &Grid, content: &Content, depth: [usize; 3]) -> BTreeMap<Record, isize> {
    let mut image = Array3::zeros(SHAPE);
    for (&chunk, values) in content {
        let min = grid.region(chunk).min.map(|m| m as usize);
        for ((z, y, x), &value) in values.indexed_iter() {
            image[[z + min[0], y + min[1], x + min[2]]] = value;
        }
    }
    sums(&image, [0; 3], &grid.bounds(), depth).into_iter().map(|record| (record, 1)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn records_follow_every_history_of_edits_as_if_found_in_the_final_image(
        chunk in (1usize..4, 2usize..9, 2usize..10),
        depth in (0usize..2, 0usize..3, 0usize..4),
        workers in 1usize..4,
        epochs in prop::collection::vec(
            prop::collection::vec((any::<prop::sample::Index>(), prop::option::weighted(0.7, any::<u64>())), 0..6), 1..5
        ),
    ) {
        let (grid, depth) = (grid(chunk.into()), depth.into());
        let chunks: Vec<ChunkId> = grid.chunks().collect();
        let session = host(grid, depth, workers);
        let (mut content, mut records) = (Content::new(), BTreeMap::<Record, isize>::new());
        for edits in epochs {
            for (index, seed) in edits {
                let chunk = chunks[index.index(chunks.len())];
                let values = seed.map(|seed| {
                    let mut state = seed | 1;
                    Array3::from_shape_simple_fn(grid.region(chunk).shape(), || {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        if (state >> 33) % 3 == 0 { (state >> 40) as u8 % 4 } else { 0 }
                    })
                });
                match (values, content.contains_key(&chunk)) {
                    (Some(values), present) => {
                        let voxels = Voxels::U8(values.clone());
                        if present { session.replace(chunk, voxels) } else { session.insert(chunk, voxels) }.unwrap();
                        content.insert(chunk, values);
                    }
                    (None, true) => {
                        session.retract(chunk).unwrap();
                        content.remove(&chunk);
                    }
                    (None, false) => assert_eq!(session.retract(chunk).unwrap_err().kind(), Kind::Usage),
                }
            }
            let differences = session.advance().unwrap();
            prop_assert!(differences.is_sorted_by(|a, b| a.0 < b.0), "in order, and each record once");
            for (record, diff) in differences {
                prop_assert_ne!(diff, 0);
                *records.entry(record).or_default() += diff;
            }
            records.retain(|_, count| *count != 0);
            prop_assert_eq!(&records, &scratch(&grid, &content, depth));
        }
        session.close().unwrap();
    }
}

#[test]
fn a_refused_chunk_leaves_a_hosted_session_as_it_was() {
    let grid = grid([3, 4, 9]);
    let session = host(grid, [0, 1, 0], 2);
    let first = ChunkId::at([0, 0, 0]);
    let kinds = [
        session.insert(first, Voxels::filled(Dtype::U8, [1, 2, 3], 1.0)),
        session.insert(first, Voxels::filled(Dtype::U16, [3, 4, 9], 1.0)),
        session.insert(ChunkId::at([0, 2, 0]), Voxels::filled(Dtype::U8, [3, 4, 9], 1.0)),
        session.replace(first, uniform(&grid, first, 1)),
        session.retract(first),
    ]
    .map(|refused| refused.unwrap_err().kind());
    assert_eq!(kinds, [Kind::Data, Kind::Data, Kind::Usage, Kind::Usage, Kind::Usage]);
    assert_eq!(session.advance().unwrap(), []);
    session.insert(first, uniform(&grid, first, 1)).unwrap();
    assert_eq!(session.insert(first, uniform(&grid, first, 1)).unwrap_err().kind(), Kind::Usage);
    assert_eq!(session.advance().unwrap().len(), 3 * 4 * 9);

    let start = |builder: HostedBuilder| {
        let started = builder.start(|chunks, _| chunks.extract(|padded| [padded.chunk]));
        started.unwrap_err().to_string()
    };
    let builder = HostedBuilder::new(grid, Dtype::U8);
    assert!(start(builder.clone().fill(0.5)).contains("0.5 is no value of the type"));
    assert!(start(builder.clone().workers(0)).contains("needs a worker"));
    assert!(start(HostedBuilder::new(grid, Dtype::F32).fill(f64::NAN)).contains("no value"));
}

#[test]
fn after_a_panic_in_the_dataflow_every_call_says_that_it_cannot_go_on() {
    let grid = grid([3, 4, 3]);
    for depth in [[0; 3], [1; 3]] {
        let builder = HostedBuilder::new(grid, Dtype::U8).depth(depth).workers(3);
        let session = builder.start(|chunks, _| {
            chunks.extract(|padded| {
                assert_ne!(padded.chunk, ChunkId::at([0, 1, 1]), "this test needs a panic");
                [padded.chunk]
            })
        });
        let session = session.unwrap();
        let (fine, fatal) = (ChunkId::at([0, 0, 2]), ChunkId::at([0, 1, 1]));
        session.insert(fatal, uniform(&grid, fatal, 1)).unwrap();
        let errors = [
            session.advance().unwrap_err(),
            session.advance().unwrap_err(),
            session.insert(fine, uniform(&grid, fine, 1)).unwrap_err(),
            session.retract(fatal).unwrap_err(),
            session.close().unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), Kind::Internal);
            assert!(error.to_string().contains("start another session"), "{error}");
        }
    }
}

/// A session whose dataflow gives the largest value around each chunk, and refuses values above 90; above 95 at no chunk.
fn choosy(grid: Grid, depth: [usize; 3]) -> HostedSession<(ChunkId, u8)> {
    let builder = HostedBuilder::new(grid, Dtype::U8).depth(depth).workers(2);
    let session = builder.start(|chunks, failure| {
        chunks.extract(move |padded| {
            let Some(Voxels::U8(values)) = &padded.voxels else { return None };
            let largest = values.iter().copied().max().unwrap_or(0);
            if largest > 90 {
                let error = Error::data("is too bright: expose it for a shorter time");
                failure.report(if largest > 95 { error } else { error.in_chunk(padded.chunk) });
                return None;
            }
            Some((padded.chunk, largest))
        })
    });
    session.unwrap()
}

#[test]
fn an_epoch_with_errors_gives_its_differences_when_all_of_them_are_mended() {
    let grid = grid([3, 8, 3]);
    let [a, b, c] = [0, 1, 2].map(|x| ChunkId::at([0, 0, x]));
    for depth in [[0; 3], [0, 0, 1]] {
        let session = choosy(grid, depth);
        session.insert(c, uniform(&grid, c, 5)).unwrap();
        let first = session.advance().unwrap();
        let alone = [((c, 5), 1)];
        // With overlap a neighbour sees the chunk, too.
        let seen = [((b, 5), 1), ((c, 5), 1)];
        assert_eq!(first, if depth[2] == 0 { &alone[..] } else { &seen[..] });

        session.insert(a, uniform(&grid, a, 91)).unwrap();
        session.replace(c, uniform(&grid, c, 92)).unwrap();
        let chunks = [session.advance(), session.advance()].map(|failed| failed.unwrap_err().chunk());
        assert_eq!(chunks, [Some(a); 2]);
        session.replace(a, uniform(&grid, a, 7)).unwrap();
        // One is mended; the other stands, or what it did to its neighbour.
        assert_eq!(session.advance().unwrap_err().chunk(), Some(if depth[2] == 0 { c } else { b }));
        session.replace(c, uniform(&grid, c, 6)).unwrap();
        let differences = session.advance().unwrap();
        let alone = [((a, 7), 1), ((c, 5), -1), ((c, 6), 1)];
        let seen = [((a, 7), 1), ((b, 5), -1), ((b, 7), 1), ((c, 5), -1), ((c, 6), 1)];
        assert_eq!(differences, if depth[2] == 0 { &alone[..] } else { &seen[..] });

        // A chunk that is retracted needs no mending.
        session.replace(a, uniform(&grid, a, 94)).unwrap();
        assert!(session.advance().is_err());
        session.retract(a).unwrap();
        assert!(session.advance().is_ok());
        session.close().unwrap();
    }
}

#[test]
fn an_error_at_no_chunk_ends_what_a_session_can_do() {
    let grid = grid([3, 8, 3]);
    let chunk = ChunkId::at([0, 0, 1]);
    let session = choosy(grid, [0; 3]);
    session.insert(chunk, uniform(&grid, chunk, 99)).unwrap();
    for _ in 0..2 {
        assert!(session.advance().unwrap_err().to_string().contains("too bright"));
    }
    assert!(session.retract(chunk).unwrap_err().to_string().contains("too bright"));
}

#[test]
fn who_inserts_waits_while_a_dataflow_without_overlap_is_busy() {
    let grid = grid([3, 8, 3]);
    let (open, gate) = channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let builder = HostedBuilder::new(grid, Dtype::U8).memory(1);
    let session = builder.start(move |chunks, _| {
        let gate = Arc::clone(&gate);
        chunks.extract(move |padded| {
            // Opens when the other end is dropped.
            let _ = gate.lock().unwrap().recv();
            [padded.chunk]
        })
    });
    let session = session.unwrap();
    let (told, inserted) = channel();
    std::thread::scope(|scope| {
        let session = &session;
        scope.spawn(move || {
            for chunk in grid.chunks() {
                session.insert(chunk, uniform(&grid, chunk, 1)).unwrap();
                told.send(chunk).unwrap();
            }
        });
        // One chunk is in the dataflow and one on its way; the third waits for as long as the first is not done.
        let chunks = [inserted.recv().unwrap(), inserted.recv().unwrap()].map(|chunk| chunk.place()[2]);
        assert_eq!(chunks, [0, 1]);
        assert!(inserted.recv_timeout(Duration::from_millis(50)).is_err());
        drop(open);
        assert_eq!(inserted.recv().unwrap().place()[2], 2);
    });
    assert_eq!(session.advance().unwrap().len(), 3);
    session.close().unwrap();
}
