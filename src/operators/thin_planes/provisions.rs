//! What a sweep over the planes of a volume may make use of.

use std::sync::Arc;

use crate::checkpoint::{Checkpoint, KeptSweep};
use crate::operators::attic::Attic;
use crate::operators::read::Selection;
use crate::operators::window::Window;

/// How the chunks of a volume come in while it is read.
#[derive(Clone, Debug)]
pub struct Inflow {
    /// The chunks that come. Each has one record, also without foreground.
    pub chunks: Selection,
    /// Limits how far reading runs ahead of thinning.
    pub window: Window,
    /// Layers of chunks, beyond a chunk's own, that must be read before its mask is known.
    pub reach: usize,
}

/// What a sweep may make use of.
#[derive(Clone, Debug, Default)]
pub struct Provisions {
    /// How chunks come in, if masks need not wait until all have come.
    pub inflow: Option<Inflow>,
    /// What is kept of the sweep of the first time, now and then, so that a later run can go on from there. It must be of the
    /// same volume, method and number of workers, and the same chunks must come.
    pub checkpoint: Option<Checkpoint>,
    /// The same of the sweep over the first masks of a volume that may change later.
    pub first: Option<KeptSweep>,
    /// Room for planes that sleep, of which all but a few wait there.
    pub attic: Option<Arc<Attic>>,
    /// Bytes of planes that a worker may hold, if there is a limit; others are put into the attic until their turn, which takes
    /// longer. Planes that are on their way between workers are not counted.
    pub planes: Option<usize>,
}
