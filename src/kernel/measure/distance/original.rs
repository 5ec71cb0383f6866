//! What is known of a chunk's mask before thinning.

use std::sync::Arc;

use super::ruler::{Ruler, step_to_box};
use crate::kernel::mask::Mask;
use crate::space::{Position, Region, Voxel};

/// The mask of a chunk before thinning. Halos are not looked at.
#[derive(Clone, Debug, Default)]
pub enum Original {
    /// All voxels are background.
    #[default]
    Background,
    /// All voxels are foreground.
    Foreground,
    /// Some are and some are not.
    Mixed(Arc<Mask>),
}

impl Original {
    /// A chunk with a mask, or without foreground. Takes time for the words up to the first that tells.
    pub fn new(mask: Option<Arc<Mask>>) -> Self {
        let Some(mask) = mask else { return Original::Background };
        match (holds(&mask, false), holds(&mask, true)) {
            (_, false) => Original::Background,
            (false, true) => Original::Foreground,
            (true, true) => Original::Mixed(mask),
        }
    }

    /// Looks for a background voxel of a box that is nearer to a voxel than the nearest one so far.
    pub(super) fn search(&self, ruler: &Ruler, from: Position, within: &Region, nearest: &mut Nearest) {
        match self {
            Original::Foreground => {}
            Original::Background => {
                let step = step_to_box(from, within);
                nearest.meet(ruler.square(step), from, step);
            }
            Original::Mixed(mask) => search(mask, ruler, from, within, nearest),
        }
    }
}

/// Masks are equal where their own voxels are.
impl PartialEq for Original {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Original::Background, Original::Background) | (Original::Foreground, Original::Foreground) => true,
            (Original::Mixed(one), Original::Mixed(other)) => {
                let [own, others] = [one, other].map(|mask| mask.layout().own);
                Arc::ptr_eq(one, other) || own == others && one.cut(&own) == other.cut(&own)
            }
            _ => false,
        }
    }
}

/// Whether a mask's own voxels hold some that are set, or some that are not.
fn holds(mask: &Mask, set: bool) -> bool {
    let [nz, ny, nx] = mask.layout().shape;
    let rows = (1..=nz).flat_map(|z| (1..=ny).map(move |y| [z, y, 1])).map(|first| mask.layout().bit(first));
    let mut words = rows.flat_map(|first| (0..nx).step_by(64).map(move |x| (first + x, (nx - x).min(64))));
    words.any(|(bit, count)| (mask.read(bit, count) ^ if set { 0 } else { u64::MAX }) << (64 - count) != 0)
}

/// The nearest background voxel so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Nearest {
    /// Its squared distance, infinite where none is known.
    pub(super) square: f64,
    pub(super) at: Voxel,
}

impl Nearest {
    pub(super) const NONE: Nearest = Nearest { square: f64::INFINITY, at: Voxel::FIRST };

    /// Takes a background voxel a step away, if it is nearer.
    #[inline]
    fn meet(&mut self, square: f64, from: Position, step: Position) {
        if square < self.square {
            *self = Nearest { square, at: Voxel::new(std::array::from_fn(|a| from[a] + step[a])) };
        }
    }
}

/// Looks at the rows of a mask around a voxel, which may lie outside of it, from the nearest plane outwards.
fn search(mask: &Mask, ruler: &Ruler, from: Position, within: &Region, nearest: &mut Nearest) {
    let first = step_to_box(from, within);
    let last = |a: usize| [within.min[a] - from[a], within.max[a] - 1 - from[a]];
    let ([z_min, z_max], [y_min, y_max]) = (last(0), last(1));
    let row = |z: i64, y: i64, nearest: &mut Nearest| {
        let square = ruler.along(0, z) + ruler.along(1, y);
        let further = square < nearest.square;
        if further {
            search_row(mask, ruler, from, [z, y], square, within, nearest);
        }
        further
    };
    let plane = |z: i64, nearest: &mut Nearest| {
        let further = ruler.along(0, z) < nearest.square;
        if further {
            (y_min..=first[1]).rev().take_while(|&y| row(z, y, nearest)).count();
            (first[1] + 1..=y_max).take_while(|&y| row(z, y, nearest)).count();
        }
        further
    };
    (z_min..=first[0]).rev().take_while(|&z| plane(z, nearest)).count();
    (first[0] + 1..=z_max).take_while(|&z| plane(z, nearest)).count();
}

/// Looks at the row a step away along (z, y), of which the squared distance is given, on both sides of a voxel.
#[inline]
fn search_row(
    mask: &Mask,
    ruler: &Ruler,
    from: Position,
    [z, y]: [i64; 2],
    square: f64,
    within: &Region,
    nearest: &mut Nearest,
) {
    let layout = mask.layout();
    // Bits of the row: from `start` to `end`, which is excluded; `begin` is the bit where the search begins.
    let start = layout.bit_at([from[0] + z, from[1] + y, within.min[2]]) as i64;
    let end = start + (within.max[2] - within.min[2]);
    let here = start + from[2] - within.min[2];
    let mut at = here.max(start);
    while at < end && square + ruler.along(2, at - here) < nearest.square {
        let count = (end - at).min(64);
        let zeros = !mask.read(at as usize, count as usize) & (u64::MAX >> (64 - count));
        if zeros != 0 {
            let x = at + i64::from(zeros.trailing_zeros()) - here;
            nearest.meet(square + ruler.along(2, x), from, [z, y, x]);
            break;
        }
        at += count;
    }
    let mut at = here.min(end - 1);
    while at >= start && square + ruler.along(2, here - at) < nearest.square {
        let count = (at + 1 - start).min(64);
        let zeros = !mask.read((at + 1 - count) as usize, count as usize) << (64 - count);
        if zeros != 0 {
            let x = at - i64::from(zeros.leading_zeros()) - here;
            nearest.meet(square + ruler.along(2, x), from, [z, y, x]);
            break;
        }
        at -= count;
    }
}
