//! The threshold of a run, if it follows from the image, which takes one pass over the image or more.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use timely::dataflow::operators::{Inspect, Probe};
use timely::worker::Worker;

use crate::chunk::Voxels;
use crate::error::{Error, Result};
use crate::kernel::mask::binarise::Binarise;
use crate::kernel::mask::count::Count;
use crate::kernel::mask::finder::{Finding, ThresholdFinder};
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

/// A fresh window for each pass.
pub(super) type PassWindows = [Window; ThresholdFinder::MOST_PASSES];

/// The threshold of a run, and whether it follows from all of the image, as it does if reading has not failed anywhere; the same on
/// every worker of every process.
pub(super) fn threshold(
    worker: &mut Worker,
    analysis: &Analysis,
    windows: &PassWindows,
    failure: &Failure,
    state: &Arc<ProgressState>,
) -> Result<(Threshold, bool)> {
    let rule = analysis.settled.threshold;
    let method = match rule {
        ThresholdRule::Value(value) => return Ok((value, true)),
        ThresholdRule::Above(method) | ThresholdRule::AtMost(method) => method,
    };
    let mut finder = ThresholdFinder::new(method, analysis.binarise(Threshold::Nonzero, 0).compared_dtype());
    let (mut finding, mut is_whole) = (finder.first(), true);
    for (pass, window) in (1..).zip(windows) {
        let empty = match finding {
            Finding::Found(bound) => return Ok((rule.found(bound), is_whole)),
            Finding::Count(empty) => empty,
        };
        let passes = finder.likely_passes().max(pass);
        let (counted, is_of_all) = count(worker, analysis, window, passes, failure, state, empty)?;
        finding = finder.next(&counted)?;
        is_whole &= is_of_all;
    }
    match finding {
        Finding::Found(bound) => Ok((rule.found(bound), is_whole)),
        Finding::Count(_) => Err(Error::internal("a threshold takes more passes than it takes at most")),
    }
}

/// Counts over the whole image, in one of `passes` passes; every worker gets the total, and whether it is of all of the image.
fn count(
    worker: &mut Worker,
    analysis: &Analysis,
    window: &Window,
    passes: u64,
    failure: &Failure,
    state: &Arc<ProgressState>,
    empty: Count,
) -> Result<(Count, bool)> {
    let description = analysis.source.description().clone();
    let mut kernel = analysis.binarise(Threshold::Nonzero, 0);
    let (grid, tiers) = (analysis.grid, analysis.allotted.tiers);
    let (depth, window) = (kernel.depth(), window.clone());
    let selection = analysis.chunks_to_count(&kernel)?;
    let selected = selection.of_process(&grid, worker.index(), worker.peers());
    let state = Arc::clone(state);
    state.begin(Stage::Measuring, passes * selected);
    let rest = Rest::new(analysis, &kernel, &selection, &empty)?;
    let to_count = volume(&grid.bounds()) - rest.voxels;
    // With the voxels of chunks that came with all of their surroundings.
    let total = Rc::new(RefCell::new(Ok((empty.clone(), 0))));
    let gathered = Rc::clone(&total);
    let probe = worker.dataflow::<u64, _, _>(|scope| {
        scope
            .read_chunks(analysis.source.clone(), grid, depth, selection.clone(), window.clone(), failure.clone())
            .overlap(tiers, depth, selection, description.dtype, description.fill, &window)
            .count_chunks(
                (empty, 0),
                move |(count, whole): &mut (Count, u64), padded| {
                    let (voxels, region, own) = (padded.voxels.as_ref(), &padded.region, &padded.own);
                    let result = kernel.with_compared(voxels, region, own, |values| count.add(values));
                    *whole += if padded.missing == 0 { volume(own) } else { 0 };
                    if own.max == grid.region(grid.chunk_at(own.min)).max {
                        // The last tier.
                        state.chunk_done(Stage::Measuring);
                    }
                    result
                },
                failure.clone(),
            )
            .inspect(move |(part, whole)| {
                let mut total = gathered.borrow_mut();
                let merged = total.as_mut().map_or(Ok(()), |(total, voxels)| {
                    *voxels += whole;
                    total.merge(part)
                });
                if let Err(error) = merged {
                    *total = Err(error);
                }
            })
            .probe()
            .0
    });
    worker.step_or_park_while(None, || !probe.done());
    // If reading has failed, the total is of a part, and the same on all workers: they go on together, to dataflows
    // that read nothing, and keep nothing. Checking the failure here might make one worker leave while another waits for it.
    let total = total.borrow();
    let (mut total, counted) = total.clone()?;
    rest.add_to(&mut total)?;
    Ok((total, counted == to_count))
}

/// Number of voxels of a box.
fn volume(region: &Region) -> u64 {
    region.shape().into_iter().fold(1, |volume, n| volume * n as u64)
}

/// The voxels outside of the chunks that are read, which all hold the fill value.
struct Rest {
    /// The count of one voxel.
    one: Count,
    voxels: u64,
}

impl Rest {
    fn new(analysis: &Analysis, kernel: &Binarise, selection: &Selection, empty: &Count) -> Result<Rest> {
        let voxels = match selection {
            Selection::All => 0,
            Selection::Some(chunks) => {
                let inside: u64 = chunks.iter().map(|&chunk| volume(&analysis.grid.region(chunk))).sum();
                volume(&analysis.grid.bounds()) - inside
            }
        };
        let mut one = empty.clone();
        if voxels > 0 {
            one.add(&Voxels::filled(kernel.compared_dtype(), [1; 3], kernel.fill))?;
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
