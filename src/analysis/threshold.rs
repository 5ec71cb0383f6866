//! The threshold of a run, if it follows from the image: one pass over the image, two for float values.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use timely::dataflow::operators::{Inspect, Probe};
use timely::worker::Worker;

use crate::chunk::{Dtype, Voxels};
use crate::error::{Error, Result};
use crate::kernel::mask::histogram::{Count, Extent, Histogram};
use crate::kernel::mask::threshold::Threshold;
use crate::operators::failure::Failure;
use crate::operators::histogram::CountChunks;
use crate::operators::overlap::OverlapChunks;
use crate::operators::read::{ReadChunks, Selection};
use crate::operators::window::Window;
use crate::parameters::ThresholdRule;
use crate::progress::{ProgressState, Stage};
use crate::space::Region;

use super::Analysis;

/// The threshold of a run; the same on every worker. `windows` has a fresh window for each pass.
pub(super) fn threshold(
    worker: &mut Worker,
    analysis: &Analysis,
    windows: &[Window; 2],
    failure: &Failure,
    state: &Arc<ProgressState>,
) -> Result<Threshold> {
    let rule = analysis.settled.threshold;
    match rule {
        ThresholdRule::Value(value) => Ok(value),
        ThresholdRule::Above(_) | ThresholdRule::AtMost(_) => {
            let dtype =
                if analysis.settled.gaussian.is_some() { Dtype::F32 } else { analysis.source.description().dtype };
            let passes = if dtype.is_integer() { 1 } else { 2 };
            let empty = if dtype.is_integer() {
                Histogram::of_integers()
            } else {
                let extent =
                    pass(worker, analysis, &windows[0], passes, failure, state, Count::Extent(Extent::default()))?;
                let Count::Extent(extent) = extent else {
                    return Err(Error::internal("the first pass counts an extent"));
                };
                Histogram::of_floats(dtype, extent)?
            };
            match pass(worker, analysis, &windows[1], passes, failure, state, Count::Histogram(empty))? {
                Count::Histogram(histogram) => Ok(rule.found(histogram.threshold()?)),
                Count::Extent(_) => Err(Error::internal("the last pass counts values")),
            }
        }
    }
}

/// Counts over the whole image, in one of `passes` passes; every worker gets the total.
fn pass(
    worker: &mut Worker,
    analysis: &Analysis,
    window: &Window,
    passes: u64,
    failure: &Failure,
    state: &Arc<ProgressState>,
    empty: Count,
) -> Result<Count> {
    let description = analysis.source.description().clone();
    let mut kernel = analysis.binarise(Threshold::Nonzero, 0);
    let (grid, depth, window) = (analysis.grid, kernel.depth(), window.clone());
    let selection = analysis.chunks_to_count(&kernel)?;
    let selected = selection.of_process(&grid, worker.index(), worker.peers());
    let state = Arc::clone(state);
    state.begin(Stage::Measuring, passes * selected);
    let rest = Rest::new(analysis, &selection, &empty)?;
    let total = Rc::new(RefCell::new(Ok(empty.clone())));
    let gathered = Rc::clone(&total);
    let probe = worker.dataflow::<u64, _, _>(|scope| {
        scope
            .read_chunks(analysis.source.clone(), grid, depth, selection.clone(), window.clone(), failure.clone())
            .overlap(grid, depth, selection, description.dtype, description.fill, &window)
            .count_chunks(
                empty,
                move |count, padded| {
                    let (voxels, region, own) = (padded.voxels.as_ref(), &padded.region, &padded.own);
                    let result = kernel.with_compared(voxels, region, own, |values| count.add(values));
                    state.chunk_done(Stage::Measuring);
                    result
                },
                failure.clone(),
            )
            .inspect(move |part| {
                let mut total = gathered.borrow_mut();
                let merged = total.as_mut().map_or(Ok(()), |total| total.merge(part));
                if let Err(error) = merged {
                    *total = Err(error);
                }
            })
            .probe()
            .0
    });
    worker.step_or_park_while(None, || !probe.done());
    // If reading has failed, the total is of a part, and the same on all workers: they go on together, to dataflows
    // that read nothing. Checking the failure here might make one worker leave while another waits for it.
    let total = total.borrow();
    let mut total = total.clone()?;
    rest.add_to(&mut total)?;
    Ok(total)
}

/// The voxels outside of the chunks that are read, which all hold the fill value.
struct Rest {
    /// The count of one voxel.
    one: Count,
    voxels: u64,
}

impl Rest {
    fn new(analysis: &Analysis, selection: &Selection, empty: &Count) -> Result<Rest> {
        let volume = |region: &Region| region.shape().into_iter().fold(1, |volume, n| volume * n as u64);
        let voxels = match selection {
            Selection::All => 0,
            Selection::Some(chunks) => {
                let inside: u64 = chunks.iter().map(|&chunk| volume(&analysis.grid.region(chunk))).sum();
                volume(&analysis.grid.bounds()) - inside
            }
        };
        let mut one = empty.clone();
        if voxels > 0 {
            let description = analysis.source.description();
            let dtype = if analysis.settled.gaussian.is_some() { Dtype::F32 } else { description.dtype };
            one.add(&Voxels::filled(dtype, [1; 3], description.fill))?;
        }
        Ok(Rest { one, voxels })
    }

    fn add_to(self, total: &mut Count) -> Result<()> {
        // By powers of two.
        let (mut part, mut left) = (self.one, self.voxels);
        while left > 0 {
            if left % 2 == 1 {
                total.merge(&part)?;
            }
            left /= 2;
            part.merge(&part.clone())?;
        }
        Ok(())
    }
}
