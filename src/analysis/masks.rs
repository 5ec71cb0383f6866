//! The first part of every dataflow: from stored chunks to masks.

use std::sync::Arc;

use timely::dataflow::operators::vec::Map;
use timely::dataflow::{Scope, StreamVec};

use super::Analysis;
use crate::grid::ChunkId;
use crate::kernel::mask::binarise::{Binarise, Foreground};
use crate::operators::binarise::{Binaries, BinariseChunks, Watch};
use crate::operators::failure::Failure;
use crate::operators::filter::{FilterBinaries, FilterPlan, FilteredAmounts};
use crate::operators::overlap::OverlapChunks;
use crate::operators::read::{ReadChunks, Selection};
use crate::operators::window::Window;
use crate::space::Region;
use crate::store::{Source, inside};

/// The masks of the selected chunks and of those that were read before, after filters, what is known of their foreground, and
/// how much filters change, if there are any. `watch` sees each selected chunk, or its tiers, before its values are released,
/// and its mask before filters.
pub(super) fn masks<'scope>(
    scope: Scope<'scope, u64>,
    analysis: &Analysis,
    kernel: Binarise,
    (selection, before): (Selection, Option<Binaries<'scope, u64>>),
    (window, failure): (&Window, &Failure),
    watch: impl Watch,
) -> (Binaries<'scope, u64>, Option<FilteredAmounts<'scope, u64>>) {
    let (grid, depth, description) = (analysis.grid, kernel.depth(), analysis.source.description());
    let (image, tiers) = (Arc::clone(&analysis.source), analysis.allotted.tiers);
    let confine = move |binary, own: &Region| Ok(inside(&*image, own)?.confine(binary));
    let binaries = scope
        .read_chunks(analysis.source.clone(), grid, depth, selection.clone(), window.clone(), failure.clone())
        .overlap(tiers, depth, selection, description.dtype, description.fill, window)
        .binarise_within((tiers != grid).then_some(tiers), kernel, confine, failure.clone(), watch);
    let binaries = match before {
        Some(before) => binaries.and(before),
        None => binaries,
    };
    binaries.filter(&FilterPlan { grid, planar: analysis.dimensions() == 2, filters: analysis.settled.filters.clone() })
}

/// The image whose values are measured in the foreground, and what is known of these: nothing yet, if it is another image.
pub(super) fn measured_values<'scope>(
    analysis: &Analysis,
    foregrounds: StreamVec<'scope, u64, (ChunkId, Foreground)>,
) -> (Arc<dyn Source>, StreamVec<'scope, u64, (ChunkId, Foreground)>) {
    match analysis.source.intensity() {
        Some(values) => (values, foregrounds.map(|(id, _)| (id, Foreground::Varying))),
        None => (Arc::clone(&analysis.source), foregrounds),
    }
}
