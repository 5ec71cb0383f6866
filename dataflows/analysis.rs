//! The dataflow of a run: from stored chunks to skeleton and branches.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use timely::dataflow::operators::Probe;
use timely::dataflow::operators::vec::Map;
use timely::worker::Worker;

use anabranch::error::{Error, Result};
use anabranch::grid::{ChunkId, Grid};
use anabranch::kernel::binarise::Binarise;
use anabranch::kernel::method::Method;
use anabranch::kernel::threshold::Threshold;
use anabranch::operators::binarise::BinariseChunks;
use anabranch::operators::failure::Failure;
use anabranch::operators::overlap::OverlapChunks;
use anabranch::operators::read::ReadChunks;
use anabranch::operators::sample::SampleChunks;
use anabranch::operators::thin::{ThinChunks, ThinningCounts};
use anabranch::operators::window::Window;

use crate::arguments;
use crate::plan::Plan;

/// Rank of every chunk in raster order.
pub fn ranks(grid: &Grid) -> HashMap<ChunkId, u64> {
    grid.chunks().zip(0..).collect()
}

/// What one worker found.
#[derive(Debug)]
pub struct Report {
    /// The threshold that was used.
    pub threshold: Threshold,
    /// Foreground voxels of the worker's chunks.
    pub foreground: u64,
    pub thinning: ThinningCounts,
    pub skeleton: u64,
}

/// Runs the dataflow on one worker.
pub fn analyse(
    worker: &mut Worker,
    plan: &Plan,
    threshold: Threshold,
    window: Window,
    failure: &Failure,
) -> Result<Report> {
    let description = plan.source.description().clone();
    let kernel = Binarise {
        gaussian: plan.gaussian.clone(),
        threshold,
        bounds: plan.grid.bounds(),
        dtype: description.dtype,
        fill: description.fill,
    };
    let (grid, depth) = (plan.grid, kernel.depth());
    let method = match plan.method {
        arguments::Method::Zhang => Method::Zhang,
        arguments::Method::Lee if description.shape[0] == 1 => Method::LeePlanar,
        arguments::Method::Lee => Method::Lee,
    };
    let ranks = ranks(&grid);
    let report =
        Rc::new(RefCell::new(Report { threshold, foreground: 0, thinning: ThinningCounts::default(), skeleton: 0 }));
    let (counted, thinned, sampled) = (Rc::clone(&report), Rc::clone(&report), Rc::clone(&report));
    let probe = worker.dataflow::<u64, _, _>(|scope| {
        let binaries = scope
            .read_chunks(plan.source.clone(), grid, window.clone(), failure.clone())
            .overlap(grid, depth, description.dtype, description.fill)
            .binarise(kernel, move |padded, binary| {
                counted.borrow_mut().foreground += binary.map_or(0, |binary| binary.count as u64);
                window.complete(ranks[&padded.chunk]);
            });
        let foreground = binaries.clone().map(|(id, binary)| (id, binary.foreground));
        let masks = binaries.map(|(id, binary)| (id, binary.mask));
        let skeletons = masks.thin(grid, method, move |counts| thinned.borrow_mut().thinning = *counts).sample(
            foreground,
            plan.source.clone(),
            failure.clone(),
        );
        skeletons.map(move |(_, skeleton)| sampled.borrow_mut().skeleton += skeleton.voxels.len() as u64).probe().0
    });
    worker.step_or_park_while(None, || !probe.done());
    drop(probe);
    Rc::try_unwrap(report).map(RefCell::into_inner).map_err(|_| Error::internal("a finished dataflow still reports"))
}
