//! Which volumes are thinned by planes.

use crate::grid::Grid;
use crate::kernel::mask::Layout;
use crate::kernel::thin::planes::PlaneLayout;

/// Whether a volume is better thinned by planes than by chunks, where the method can be: if its planes suit `peers` workers
/// ([`PlaneLayout::suits`]), and `chunks` of its chunks may have masks.
pub(crate) fn suits(grid: &Grid, chunks: usize, peers: usize) -> bool {
    let masks = chunks.saturating_mul(Layout::bytes_of(grid.chunk_shape()));
    PlaneLayout::new(grid.bounds().shape()).suits(peers, grid.processes(), masks)
}
