//! The search for background in a mask with foreground and background.

use std::sync::{Arc, OnceLock};

use super::near;
use super::nearest::Nearest;
use super::rows::{CLOSE, Column, Conjunctions, NOWHERE, Rows};
use super::ruler::Ruler;
use crate::kernel::mask::Mask;
use crate::space::{Position, Region};

/// Maximum number of blocks of a level in reach; with more, the search begins with larger blocks.
const MANY_BLOCKS: i64 = 20;

/// Number of levels of blocks.
const LEVELS: usize = 4;

/// The binary logarithm of the edge of the blocks of a level: 4, 8, 16 and 32 rows.
fn edge_bits(level: usize) -> u32 {
    level as u32 + 1
}

/// A mask with foreground and background. Its blocks are computed when a search needs them.
#[derive(Debug)]
pub struct Mixed {
    mask: Arc<Mask>,
    blocks: [OnceLock<Conjunctions>; LEVELS],
}

impl Mixed {
    pub(super) fn new(mask: Arc<Mask>) -> Self {
        Mixed { mask, blocks: Default::default() }
    }

    /// The mask.
    pub fn mask(&self) -> &Arc<Mask> {
        &self.mask
    }

    /// The rows of a level: the mask's own rows at level 0, above it those of blocks, and of blocks of blocks.
    fn rows(&self, level: usize) -> Rows<'_> {
        if level == 0 {
            return Rows::of_mask(&self.mask);
        }
        let [nz, ny, _] = self.mask.layout().shape;
        let below = match level {
            1 => 0,
            _ => edge_bits(level - 1),
        };
        let (shape, edge) = ([nz, ny].map(|n| n.div_ceil(1 << below)), 1 << (edge_bits(level) - below));
        let blocks = self.blocks[level - 1].get_or_init(|| Conjunctions::new(self.rows(level - 1), shape, edge));
        Rows::of_conjunctions(blocks)
    }

    /// Searches a box for a background voxel that is nearer to a voxel than the nearest one so far. `least` is a
    /// squared distance below which no background is expected; it affects the speed of the search, but not the result.
    pub(super) fn search(&self, ruler: &Ruler, from: Position, within: &Region, least: f64, nearest: &mut Nearest) {
        let corner = self.mask.layout().own.min;
        let place: Position = std::array::from_fn(|a| from[a] - corner[a]);
        let within: [[i64; 2]; 3] = std::array::from_fn(|a| [within.min[a] - corner[a], within.max[a] - 1 - corner[a]]);
        let rows = self.rows(0);
        let (_, near) = ruler.around();
        if least < near {
            near::search(&rows, ruler, from, place, within, nearest);
            if nearest.square <= near {
                return;
            }
        }
        let column = rows.column(place[2], within[2]);
        let mut search = Search { mixed: self, ruler, from, place, column, reach: [0; 3] };
        search.set_reach(nearest);
        if nearest.square == f64::INFINITY {
            // Most rows through foreground reach background.
            let [z, y] = [0, 1].map(|a| place[a].clamp(within[a][0], within[a][1]));
            search.look_at_rows::<true>([z, z], [y, y], nearest);
            search.set_reach(nearest);
        }
        let [planes, lines] = [0, 1].map(|a| {
            let [first, last] = within[a];
            [first.max(place[a] - search.reach[a]), last.min(place[a] + search.reach[a])]
        });
        let few = |level: usize| {
            let [z, y] = [planes, lines].map(|[first, last]| ((last - first) >> edge_bits(level)) + 1);
            z * y <= MANY_BLOCKS
        };
        let level = (1..LEVELS).find(|&level| few(level)).unwrap_or(LEVELS);
        match search.reach[2] <= CLOSE {
            true => search.look_at_blocks::<false>(level, planes, lines, nearest),
            false => search.look_at_blocks::<true>(level, planes, lines, nearest),
        }
    }
}

/// A search for the background nearest to a voxel. Places are relative to the mask's first voxel.
struct Search<'s> {
    mixed: &'s Mixed,
    ruler: &'s Ruler,
    from: Position,
    place: Position,
    column: Column,
    /// Sufficient number of steps along each axis.
    reach: Position,
}

impl Search<'_> {
    fn set_reach(&mut self, nearest: &Nearest) {
        self.reach = self.ruler.reach(nearest.square.sqrt());
    }

    /// Steps from the voxel to the nearest zero of a row, upwards or downwards. May miss zeros that are too far away to
    /// matter.
    #[inline(always)]
    fn zero<const FAR: bool>(&self, rows: &Rows<'_>, row: usize) -> Option<i64> {
        let [up, down] = match FAR {
            true => rows.zeros(row, &self.column, self.reach[2] as u32),
            false => rows.close_zeros(row, &self.column),
        };
        let steps = if up < down { i64::from(up) } else { -i64::from(down) };
        (up.min(down) < NOWHERE).then_some(steps)
    }

    /// Searches the rows in a range of planes and a range of rows of each.
    fn look_at_rows<const FAR: bool>(&self, [first, last]: [i64; 2], [from, to]: [i64; 2], nearest: &mut Nearest) {
        let Search { ruler, place: [z, y, _], .. } = self;
        let rows = self.mixed.rows(0);
        for plane in first..=last {
            let away = ruler.along(0, plane - z);
            for line in from..=to {
                let away = away + ruler.along(1, line - y);
                if away >= nearest.square {
                    continue;
                }
                if let Some(x) = self.zero::<FAR>(&rows, rows.row(plane as usize, line as usize)) {
                    nearest.meet(away + ruler.along(2, x), self.from, [plane - z, line - y, x]);
                }
            }
        }
    }

    /// Searches the rows in a range of planes and a range of rows of each, except for blocks without background that is
    /// nearer.
    fn look_at_blocks<const FAR: bool>(&self, level: usize, planes: [i64; 2], lines: [i64; 2], nearest: &mut Nearest) {
        let bits = edge_bits(level);
        let rows = self.mixed.rows(level);
        let part = |[first, last]: [i64; 2], block: i64| {
            [first.max(block << bits), last.min((block << bits) + (1 << bits) - 1)]
        };
        for plane in planes[0] >> bits..=planes[1] >> bits {
            let planes = part(planes, plane);
            let away = self.ruler.along(0, steps_to(self.place[0], planes));
            if away >= nearest.square {
                continue;
            }
            for line in lines[0] >> bits..=lines[1] >> bits {
                let lines = part(lines, line);
                let away = away + self.ruler.along(1, steps_to(self.place[1], lines));
                if away >= nearest.square {
                    continue;
                }
                let zero = self.zero::<FAR>(&rows, rows.row(plane as usize, line as usize));
                if zero.is_some_and(|x| away + self.ruler.along(2, x) < nearest.square) {
                    match level {
                        1 => self.look_at_rows::<FAR>(planes, lines, nearest),
                        _ => self.look_at_blocks::<FAR>(level - 1, planes, lines, nearest),
                    }
                }
            }
        }
    }
}

/// Steps from a place to the nearest one of a range.
#[inline(always)]
fn steps_to(place: i64, [first, last]: [i64; 2]) -> i64 {
    (first - place).max(0) + (last - place).min(0)
}
