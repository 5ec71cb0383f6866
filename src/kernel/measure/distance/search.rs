//! The distances of a chunk's skeleton voxels, computed as masks become known.

use super::nearest::Nearest;
use super::original::Original;
use super::ruler::Ruler;
use crate::grid::{ChunkId, Grid};
use crate::kernel::measure::radii::{Radii, Radius};
use crate::space::{Position, Region, Voxel};

/// The space in which distances are measured.
#[derive(Clone, Debug)]
pub struct Space {
    /// The grid of the chunks; its bounds are ignored.
    pub grid: Grid,
    /// The image's bounds: voxels outside are neither foreground nor background.
    pub bounds: Region,
    /// The measure of distances.
    pub ruler: Ruler,
}

impl Space {
    /// The part of a chunk inside the bounds.
    pub fn region(&self, chunk: ChunkId) -> Region {
        self.grid.whole_region(chunk).intersection(&self.bounds)
    }

    /// Whether an edit of a chunk's mask may change the radii of voxels in a box, of which `largest` is the largest.
    pub fn reaches(&self, voxels: &Region, largest: f64, chunk: ChunkId) -> bool {
        self.ruler.between(voxels, &self.grid.whole_region(chunk)).sqrt() <= largest
    }

    /// A grid of the chunks within a radius of voxels in a box, and perhaps some around them.
    pub fn near(&self, voxels: &Region, radius: f64) -> Grid {
        let reach = self.ruler.reach(radius).map(|steps| steps as usize);
        self.grid.with_bounds(voxels.dilated(reach).intersection(&Region::new(Voxel::MIN, Voxel::END)))
    }

    /// Whether the radii of voxels in a box, of which `largest` is the largest, or whether they touch the border, may
    /// change if the bounds become `bounds`.
    pub fn depends_on_bounds(&self, voxels: &Region, largest: f64, bounds: &Region) -> bool {
        let reach = self.ruler.reach(largest).map(|steps| steps + 1);
        (0..3).any(|a| {
            let [mine, others] = [self.bounds, *bounds];
            mine.min[a] != others.min[a] && voxels.min[a] - reach[a] < mine.min[a].max(others.min[a])
                || mine.max[a] != others.max[a] && voxels.max[a] + reach[a] > mine.max[a].min(others.max[a])
        })
    }
}

/// A chunk that some voxels may still have to search.
#[derive(Debug)]
struct Other {
    chunk: ChunkId,
    region: Region,
    /// The smallest squared distance between a voxel of it and one of the home chunk.
    least: f64,
    /// Its mask, if it is known.
    original: Option<Original>,
    /// Whether it is nearer to a voxel than the nearest known background voxel.
    wanted: bool,
}

/// The distances of the skeleton voxels of one chunk, its home, from the background.
///
/// A voxel is settled when no chunk that has not been searched is nearer than the nearest background found.
#[derive(Debug)]
pub struct Distances {
    space: Space,
    home: ChunkId,
    voxels: Vec<Voxel>,
    nearest: Vec<Nearest>,
    /// Indices of the voxels that are not settled.
    open: Vec<u32>,
    /// Number of chunks along each axis, on both sides of the home chunk, that were considered.
    rings: Position,
    /// The box of these chunks, inside the bounds.
    covered: Region,
    /// Those of these chunks that have not been searched, without chunks of foreground, from near to far.
    others: Vec<Other>,
}

impl Distances {
    /// The distances of a chunk's skeleton voxels, none of which is known yet. The voxels must be in raster order,
    /// inside the chunk and the bounds.
    pub fn new(space: Space, home: ChunkId, voxels: Vec<Voxel>) -> Self {
        let covered = space.region(home);
        debug_assert!(voxels.iter().all(|voxel| covered.contains(voxel.position())), "voxels lie in {home:?}");
        let (nearest, open) = (vec![Nearest::NONE; voxels.len()], (0..voxels.len() as u32).collect());
        let others = vec![Other { chunk: home, region: covered, least: 0.0, original: None, wanted: true }];
        Distances { space, home, voxels, nearest, open, rings: [0; 3], covered, others }
    }

    /// Searches the chunks that are known now, nearest first and as far as needed. Returns the chunks that voxels wait
    /// for, in raster order; none if all voxels are settled. Asks `known` for the masks of chunks that voxels want, and for
    /// no others: masks are packed, and most voxels have background in their own chunk.
    pub fn search(&mut self, known: impl Fn(ChunkId) -> Option<Original>) -> Vec<ChunkId> {
        let mut is_wider = false;
        loop {
            let mut is_known = false;
            self.others.retain_mut(|other| {
                if other.wanted {
                    other.original = known(other.chunk);
                    is_known |= other.original.is_some();
                }
                !matches!(other.original, Some(Original::Foreground))
            });
            if !is_known && !is_wider {
                break;
            }
            self.others.sort_by(|a, b| a.least.total_cmp(&b.least).then(a.chunk.cmp(&b.chunk)));
            let further = self.look();
            self.others.retain(|other| other.original.is_none());
            is_wider = further != self.rings;
            if is_wider {
                self.widen(further);
            }
        }
        let mut missing: Vec<ChunkId> =
            self.others.iter().filter(|other| other.wanted).map(|other| other.chunk).collect();
        missing.sort_unstable();
        missing
    }

    /// The radii, once all voxels are settled; infinite if the image has no background.
    pub fn radii(&self) -> Radii {
        debug_assert!(self.open.is_empty(), "all voxels of {:?} are settled", self.home);
        let Space { ruler, bounds, .. } = &self.space;
        let radius = |(voxel, nearest): (&Voxel, &Nearest)| {
            let radius = nearest.square.sqrt();
            Radius::new(radius, ruler.touches(voxel.position(), radius, bounds))
        };
        self.voxels.iter().zip(&self.nearest).map(radius).collect()
    }

    /// Searches the known chunks for all open voxels. Returns the number of chunks along each axis that they need to
    /// consider.
    fn look(&mut self) -> Position {
        let Space { ruler, bounds, .. } = &self.space;
        let (_, near) = ruler.around();
        self.others.iter_mut().for_each(|other| other.wanted = false);
        let (mut further, mut last) = (self.rings, (Voxel::FIRST, Nearest::NONE));
        let (others, rings, covered, voxels) = (&mut self.others, self.rings, self.covered, &self.voxels);
        let (nearest, shape) = (&mut self.nearest, self.space.grid.whole_region(self.home).shape().map(|n| n as i64));
        self.open.retain(|&place| {
            let (voxel, nearest) = (voxels[place as usize], &mut nearest[place as usize]);
            let from = voxel.position();
            // The background nearest to the previous voxel is near this one if the two are neighbours, and no
            // background is much nearer.
            let mut least = 0.0;
            if last.1.square < f64::INFINITY {
                let square = ruler.square(voxel.step_to(last.1.at));
                if square < nearest.square {
                    *nearest = Nearest { square, at: last.1.at };
                }
                if last.1.square > near {
                    let radius = last.1.square.sqrt() - ruler.square(voxel.step_to(last.0)).sqrt();
                    least = radius.max(0.0) * radius;
                }
            }
            let mut waits = false;
            for other in others.iter_mut() {
                if other.least >= nearest.square {
                    break;
                }
                if ruler.least_in(from, &other.region) >= nearest.square {
                    continue;
                }
                match &other.original {
                    Some(original) => original.search(ruler, from, &other.region, least, nearest),
                    None => {
                        other.wanted = true;
                        waits = true;
                    }
                }
            }
            last = (voxel, *nearest);
            if nearest.square > ruler.least_outside(from, &covered, bounds) {
                if nearest.square < f64::INFINITY {
                    let reach = ruler.reach(nearest.square.sqrt());
                    further = std::array::from_fn(|a| further[a].max(reach[a] / shape[a] + 1));
                } else if !waits {
                    further = std::array::from_fn(|a| further[a].max(2 * rings[a]).max(1));
                }
                waits = true;
            }
            waits
        });
        further
    }

    /// Adds the chunks up to `rings` chunks away along each axis.
    fn widen(&mut self, rings: Position) {
        let (home, whole) = (self.space.region(self.home), self.space.grid.whole_region(self.home));
        let more = |a: usize| rings[a].saturating_mul(whole.max[a] - whole.min[a]);
        let wide = Region::new(
            std::array::from_fn(|a| whole.min[a].saturating_sub(more(a))),
            std::array::from_fn(|a| whole.max[a].saturating_add(more(a))),
        );
        let covered = wide.intersection(&self.space.bounds);
        let grid = self.space.grid.with_bounds(covered);
        for chunk in grid.chunks() {
            let region = grid.region(chunk);
            if !self.covered.encloses(&region) {
                let least = self.space.ruler.between(&home, &region);
                self.others.push(Other { chunk, region, least, original: None, wanted: false });
            }
        }
        (self.rings, self.covered) = (rings, covered);
    }
}

/// The box around voxels, of which there must be at least one.
pub fn around(voxels: impl Iterator<Item = Voxel>) -> Region {
    voxels.map(Voxel::position).fold(Region::new([i64::MAX; 3], [i64::MIN; 3]), |region, p| Region {
        min: std::array::from_fn(|a| region.min[a].min(p[a])),
        max: std::array::from_fn(|a| region.max[a].max(p[a] + 1)),
    })
}
