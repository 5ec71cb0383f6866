//! Sessions against sessions that see the final content only.

use std::collections::BTreeMap;

use ndarray::Array3;
use proptest::prelude::*;

use super::*;

const SHAPE: [usize; 3] = [9, 14, 13];
const CHUNK: [usize; 3] = [5, 6, 7];

/// An edit: which chunk, and its new content, or none.
type Edit = (usize, Option<(u64, u64)>);

/// Random values with a share of foreground, in percent; 0 to 3, so that pixel statistics vary.
fn content(shape: [usize; 3], seed: u64, density: u64) -> Voxels {
    let mut state = seed | 1;
    Voxels::U8(Array3::from_shape_simple_fn(shape, || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if (state >> 33) % 100 < density { 1 + (state >> 40) as u8 % 3 } else { 0 }
    }))
}

fn session(workers: usize) -> Session {
    let spacing = Spacing([2.0, 1.0, 0.5]);
    SessionBuilder::new(SHAPE, CHUNK, Dtype::U8).workers(workers).spacing(spacing).build().unwrap()
}

fn summary(session: &Session) -> String {
    format!("{:?}", session.summary(()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn edits_end_where_a_session_with_the_final_content_ends_and_differences_add_up(
        epochs in prop::collection::vec(
            prop::collection::vec((0usize..12, prop::option::weighted(0.8, (any::<u64>(), 10u64..90))), 0..6),
            1..5,
        ),
        workers in 1usize..4,
    ) {
        let live = session(workers);
        let chunks: Vec<ChunkId> = live.grid().chunks().collect();
        let mut now: BTreeMap<ChunkId, Voxels> = BTreeMap::new();
        let mut rows: BTreeMap<String, isize> = BTreeMap::new();
        for epoch in &epochs {
            let epoch: &Vec<Edit> = epoch;
            for (at, edit) in epoch {
                let id = chunks[*at % chunks.len()];
                let voxels = edit.map(|(seed, density)| content(live.grid().region(id).shape(), seed, density));
                match (voxels, now.contains_key(&id)) {
                    (Some(voxels), false) => {
                        live.insert(id, voxels.clone()).unwrap();
                        now.insert(id, voxels);
                    }
                    (Some(voxels), true) => {
                        live.replace(id, voxels.clone()).unwrap();
                        now.insert(id, voxels);
                    }
                    (None, true) => {
                        live.retract(id).unwrap();
                        now.remove(&id);
                    }
                    (None, false) => prop_assert!(live.retract(id).is_err()),
                }
            }
            for (row, diff) in live.advance().unwrap().changes {
                *rows.entry(format!("{row:?}")).or_default() += diff;
            }
            let scratch = session(1);
            for (id, voxels) in &now {
                scratch.insert(*id, voxels.clone()).unwrap();
            }
            scratch.advance().unwrap();
            prop_assert_eq!(live.rows().unwrap(), scratch.rows().unwrap());
            prop_assert_eq!(summary(&live), summary(&scratch));
            rows.retain(|_, diff| *diff != 0);
            let mut table: BTreeMap<String, isize> = BTreeMap::new();
            for row in scratch.rows().unwrap() {
                *table.entry(format!("{:?}", row.measures)).or_default() += 1;
            }
            prop_assert_eq!(&rows, &table);
            scratch.close().unwrap();
        }
        live.close().unwrap();
    }
}

#[test]
fn a_refused_chunk_leaves_the_session_as_it_was() {
    let session = session(2);
    let id = ChunkId::new([0, 0, 0]);
    assert_eq!(session.insert(id, content([1, 2, 3], 1, 50)).unwrap_err().kind(), Kind::Data);
    assert_eq!(session.insert(ChunkId::new([9, 0, 0]), content(CHUNK, 1, 50)).unwrap_err().kind(), Kind::Usage);
    assert_eq!(session.replace(id, content(CHUNK, 1, 50)).unwrap_err().kind(), Kind::Usage);
    session.insert(id, content(CHUNK, 1, 50)).unwrap();
    assert_eq!(session.insert(id, content(CHUNK, 1, 50)).unwrap_err().kind(), Kind::Usage);
    let first = session.advance().unwrap();
    assert!(!first.changes.is_empty());
    assert_eq!(session.advance().unwrap(), Epoch { number: 1, rounds: 1, ..Epoch::default() });
}

#[test]
fn an_open_canvas_takes_chunks_at_negative_places_and_joins_them() {
    let session = SessionBuilder::new([1; 3], [8; 3], Dtype::U8).open_ended().workers(2).build().unwrap();
    let rod = || Voxels::U8(Array3::from_shape_fn((8, 8, 8), |(z, y, _)| u8::from(z == 4 && y == 4)));
    for x in [-1, 1, 0] {
        session.insert(ChunkId::new([0, -3, x]), rod()).unwrap();
        session.advance().unwrap();
    }
    let rows = session.rows().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].measures.image_coord_src, [4, -20, -8]);
    assert_eq!(rows[0].measures.branch_distance, 23.0);
}

#[test]
fn bytes_fed_from_several_threads_are_those_fed_from_one() {
    let (one, many) = (session(1), session(3));
    let parts: Vec<(ChunkId, Voxels)> =
        one.grid().chunks().map(|id| (id, content(one.grid().region(id).shape(), 7, 60))).collect();
    for (id, voxels) in &parts {
        one.insert(*id, voxels.clone()).unwrap();
    }
    std::thread::scope(|scope| {
        for part in parts.chunks(3) {
            let many = &many;
            scope.spawn(move || part.iter().for_each(|(id, voxels)| many.insert(*id, voxels.clone()).unwrap()));
        }
    });
    assert_eq!(one.advance().unwrap().changes, many.advance().unwrap().changes);
    assert_eq!(one.rows().unwrap(), many.rows().unwrap());
}
