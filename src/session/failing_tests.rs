//! Epochs that fail on the way: nothing of them shows, and later ones make up for them, also after a restart.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::state_tests::{Changing, compare, open};
use super::tests::{EditedImage, MASKS};

/// What goes wrong in an epoch.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Reads of the image fail after this many: before the masks are made, or when values are looked up.
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
        let mut image = EditedImage::new();
        let source = Changing::new(image.whole());
        let mut session = open(&source, folder.path(), masks, workers);
        let mut rows: BTreeMap<String, isize> = BTreeMap::new();
        for (edits, fault, restart) in epochs {
            image.edit(edits);
            source.change(image.whole());
            session.look(true).unwrap();
            let published = session.rows().unwrap();
            let blocked = match fault {
                Some((Fault::Read(reads), _)) => {
                    source.fail_after(reads);
                    None
                }
                Some((Fault::Record(at), _)) => {
                    let [z, y, x] = image.chunk(at).place();
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
                        image.values(at).mapv_inplace(|value| if value == 0 { 0 } else { value % 3 + 1 });
                        source.change(image.whole());
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
            compare(&session, &image.whole(), masks);
            if let Some(workers) = restart {
                session.close().unwrap();
                session = open(&source, folder.path(), masks, workers);
                prop_assert_eq!(session.warnings().unwrap(), Vec::<String>::new());
                compare(&session, &image.whole(), masks);
            }
        }
        session.close().unwrap();
    }
}
