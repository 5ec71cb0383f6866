//! The chunks of an image of labels, each with the voxels around it, in one pass.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use timely::ExchangeData;
use timely::dataflow::operators::{Inspect, Probe};
use timely::worker::Worker;

use super::Analysis;
use crate::chunk::Voxels;
use crate::error::Result;
use crate::kernel::mask::threshold::Threshold;
use crate::operators::failure::Failure;
use crate::operators::histogram::CountChunks;
use crate::operators::overlap::{OverlapChunks, Padded};
use crate::operators::read::ReadChunks;
use crate::operators::window::Window;
use crate::progress::{ProgressState, Stage};

/// Counts in all chunks of an image of labels, each with the voxels around it; every worker gets the counts of all.
pub(super) fn count_labels<C: ExchangeData + Clone + Default>(
    worker: &mut Worker,
    analysis: &Analysis,
    window: Window,
    failure: &Failure,
    state: &Arc<ProgressState>,
    mut count: impl FnMut(&mut C, &Padded, &Voxels) -> Result<()> + 'static,
) -> Result<Vec<C>> {
    let (grid, source) = (analysis.grid, Arc::clone(&analysis.source));
    let description = source.description().clone();
    let selection = analysis.chunks_to_binarise(&analysis.binarise(Threshold::Nonzero, 0))?;
    let depth = description.shape.map(|n| usize::from(n > 1));
    let selected = selection.of_process(&grid, worker.index(), worker.peers());
    let state = Arc::clone(state);
    state.begin(Stage::Measuring, selected);
    let total: Rc<RefCell<Vec<C>>> = Rc::default();
    let gathered = Rc::clone(&total);
    let probe = worker.dataflow::<u64, _, _>(|scope| {
        scope
            .read_chunks(source, grid, depth, selection.clone(), window.clone(), failure.clone())
            .overlap(grid, depth, selection, description.dtype, description.fill, &window)
            .count_chunks(
                C::default(),
                move |found: &mut C, padded| {
                    let filled;
                    let voxels = match &padded.voxels {
                        Some(voxels) => voxels,
                        None => {
                            filled = Voxels::filled(description.dtype, padded.region.shape(), description.fill);
                            &filled
                        }
                    };
                    count(found, padded, voxels)?;
                    state.chunk_done(Stage::Measuring);
                    Ok(())
                },
                failure.clone(),
            )
            .inspect(move |part: &C| gathered.borrow_mut().push(part.clone()))
            .probe()
            .0
    });
    worker.step_or_park_while(None, || !probe.done());
    Ok(total.take())
}
