//! Epochs that fail on the way: nothing of them shows, and later ones make up for them, also after a restart.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::state_tests::{Changing, compare, open};
use super::tests::{CHUNK, MASKS, SHAPE, content, whole};
use super::*;
use crate::chunk::Voxels;
use crate::grid::ChunkId;
use crate::space::Region;

/// What goes wrong in an epoch.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The image cannot be read any more after so many times: before the masks are made, or when values are looked up.
    Read(usize),
    /// The record of a chunk cannot be written.
    Record(usize),
}

fn faults() -> impl Strategy<Value = Fault> {
    prop_oneof![(0usize..40).prop_map(Fault::Read), (0usize..12).prop_map(Fault::Record)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_epoch_that_fails_anywhere_does_not_show_and_later_ones_make_up_for_it(
        epochs in prop::collection::vec((
            prop::collection::vec((0usize..12, any::<u64>(), 0u64..90), 0..4),
            prop::option::weighted(0.6, (faults(), prop::option::of(0usize..12))),
            prop::option::weighted(0.4, 1usize..4),
        ), 2..6),
        masks in 0..MASKS.len(),
        workers in 1usize..3,
    ) {
        let masks = MASKS[masks];
        let folder = tempfile::tempdir().unwrap();
        let grid = Grid::new(Region::of_shape(SHAPE), CHUNK);
        let chunks: Vec<ChunkId> = grid.chunks().collect();
        let first = chunks.iter().map(|&id| (id, content(grid.region(id).shape(), 3, 50)));
        let mut now: BTreeMap<ChunkId, Voxels> = first.collect();
        let source = Changing::new(whole(SHAPE, &now));
        let mut session = open(&source, folder.path(), masks, workers);
        let mut rows: BTreeMap<String, isize> = BTreeMap::new();
        for (edits, fault, restart) in epochs {
            for (at, seed, density) in edits {
                let id = chunks[at % chunks.len()];
                now.insert(id, content(grid.region(id).shape(), seed, density));
            }
            source.change(whole(SHAPE, &now));
            session.look(true).unwrap();
            let published = session.rows().unwrap();
            let blocked = match fault {
                Some((Fault::Read(reads), _)) => {
                    source.fail_after(reads);
                    None
                }
                Some((Fault::Record(at), _)) => {
                    let [z, y, x] = chunks[at % chunks.len()].place();
                    let blocked = folder.path().join("thinned").join(z.to_string()).join(format!("{y}.{x}.staged"));
                    std::fs::create_dir_all(blocked.join("in the way")).unwrap();
                    Some(blocked)
                }
                None => None,
            };
            let outcome = session.advance();
            source.fail_after(usize::MAX);
            if let Some(blocked) = blocked {
                std::fs::remove_dir_all(blocked).unwrap();
            }
            let epoch = match outcome {
                Ok(epoch) => epoch,
                Err(_) => {
                    prop_assert_eq!(&session.rows().unwrap(), &published);
                    if let Some((_, Some(at))) = fault {
                        // Values that change meanwhile, where the foreground stays.
                        let id = chunks[at % chunks.len()];
                        let Voxels::U8(values) = &mut now.get_mut(&id).unwrap() else { unreachable!() };
                        values.mapv_inplace(|value| if value == 0 { 0 } else { value % 3 + 1 });
                        source.change(whole(SHAPE, &now));
                        session.look(true).unwrap();
                    }
                    // Otherwise there is no need to look again: what the epoch did not do stays to be done.
                    session.advance().unwrap()
                }
            };
            for (row, diff) in epoch.changes {
                *rows.entry(format!("{row:?}")).or_default() += diff;
            }
            rows.retain(|_, count| *count != 0);
            prop_assert_eq!(rows.values().sum::<isize>(), session.rows().unwrap().len() as isize);
            prop_assert!(rows.values().all(|&count| count > 0));
            compare(&session, &whole(SHAPE, &now), masks);
            if let Some(workers) = restart {
                session.close().unwrap();
                session = open(&source, folder.path(), masks, workers);
                prop_assert_eq!(session.warnings().unwrap(), Vec::<String>::new());
                compare(&session, &whole(SHAPE, &now), masks);
            }
        }
        session.close().unwrap();
    }
}
