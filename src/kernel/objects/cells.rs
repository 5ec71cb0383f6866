//! Edges and vertices at which voxels meet that need not belong to one object.
//!
//! The Euler number of an object is that of its own voxels as closed cubes, whatever else touches them. Of voxels that are
//! connected at corners, all that have a cell (a vertex, an edge, a face or a cube) belong to one object, and it is enough that
//! one of them counts it. Where fewer voxels are neighbours, those around an edge or a vertex may fall into groups that are not
//! connected there: they are one object if they are connected somewhere else. So each part counts such a cell for itself and
//! remembers it, and where two parts that remember it become one, it is counted once less.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::kernel::mask::Mask;
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::objects::runs::{RowRuns, Run};
use crate::space::{Position, Voxel};

/// An edge or a vertex that a part has counted, and whose other voxels may belong to the same object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Its centre, in halves of voxels: twice the position of a voxel, plus or minus one along the axes across which voxels meet.
    at: Position,
    /// The voxels around it that are the part's.
    held: u8,
    /// All voxels around it that are foreground.
    all: u8,
}

impl Cell {
    /// What it adds to the Euler number of a mask that has it.
    fn sign(&self) -> i64 {
        let across = self.at.iter().filter(|at| at.rem_euclid(2) == 1).count();
        if across == 3 { 1 } else { -1 }
    }

    /// Joins the cells of parts that become one. Returns the cells that are left, each once and in order, and what is to be
    /// added to the Euler number since several parts had counted them. What the part has all voxels of is left out.
    pub(super) fn join(mut cells: Vec<Cell>) -> (Vec<Cell>, i64) {
        cells.sort_unstable();
        let mut more = 0;
        cells.dedup_by(|next, kept| {
            let same = next.at == kept.at;
            if same {
                kept.held |= next.held;
                more -= next.sign();
            }
            same
        });
        cells.retain(|cell| cell.held != cell.all);
        (cells, more)
    }
}

/// An edge or a vertex in a chunk at which several of its objects meet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Contact {
    /// The first voxel of the chunk that has it.
    first: Voxel,
    /// The number of the cell among those around this voxel.
    number: u8,
    /// The objects, that of the first voxel first, and the voxels of each.
    objects: Vec<(u32, u8)>,
}

/// An edge or a vertex of a voxel.
struct Around {
    /// Where it lies from the voxel's centre, in halves of voxels.
    towards: Position,
    /// The voxels that have it, as bits in the order of [`Mask::neighbourhood`], each with its number among them.
    voxels: Vec<(u32, u8)>,
    /// All these bits.
    all: u32,
}

/// The voxel itself in the order of [`Mask::neighbourhood`], and those before it.
const CENTRE: u32 = 13;
const BEFORE: u32 = (1 << CENTRE) - 1;
/// All voxels around a voxel, and itself.
const FULL: u32 = (1 << 27) - 1;

fn step(bit: u32) -> Position {
    let bit = i64::from(bit);
    [bit / 9 - 1, bit / 3 % 3 - 1, bit % 3 - 1]
}

/// The edges and vertices of a voxel.
static AROUND: LazyLock<Vec<Around>> = LazyLock::new(|| {
    let across = |towards: &Position| towards.iter().filter(|&&d| d != 0).count();
    let cells = (0..27).map(step).filter(|towards| across(towards) > 1);
    cells
        .map(|towards| {
            let has = |bit: &u32| (0..3).all(|axis| [0, towards[axis]].contains(&step(*bit)[axis]));
            let number = |bit: u32| {
                let is_upper = |axis: usize| towards[axis] != 0 && step(bit)[axis] == towards[axis].max(0);
                (0..3).filter(|&axis| is_upper(axis)).fold(0, |number, axis| number | 1 << axis)
            };
            let voxels: Vec<(u32, u8)> = (0..27).filter(has).map(|bit| (bit, number(bit))).collect();
            let all = voxels.iter().fold(0, |all, (bit, _)| all | 1 << bit);
            Around { towards, voxels, all }
        })
        .collect()
});

/// For each connectivity, the neighbours of each of the 27 voxels among them.
static NEIGHBOURS: LazyLock<[[u32; 27]; 3]> = LazyLock::new(|| {
    Connectivity::ALL.map(|connectivity| {
        let near = |a: Position, b: Position| {
            let apart: [i64; 3] = std::array::from_fn(|axis| (a[axis] - b[axis]).abs());
            apart.iter().all(|&d| d < 2) && apart.iter().filter(|&&d| d != 0).count() <= connectivity.axes()
        };
        let of = |bit: usize| {
            (0..27).filter(|&other| near(step(bit as u32), step(other))).fold(0, |bits, other| bits | 1 << other)
        };
        std::array::from_fn(of)
    })
});

/// Whether voxels fall into groups that are not connected among themselves.
fn falls_apart(voxels: u32, connectivity: Connectivity) -> bool {
    let neighbours = &NEIGHBOURS[connectivity.axes() - 1];
    let mut group = voxels & voxels.wrapping_neg();
    loop {
        let (mut wider, mut left) = (group, group);
        while left != 0 {
            wider |= neighbours[left.trailing_zeros() as usize];
            left &= left - 1;
        }
        wider &= voxels;
        if wider == group {
            return group != voxels;
        }
        group = wider;
    }
}

/// Calls `found` with the number of each edge and vertex of a voxel at which voxels fall apart, and these voxels, if no other of
/// those in `own` that have it comes before the voxel. The sets are bits in the order of [`Mask::neighbourhood`].
fn for_each_apart(around: u32, own: u32, connectivity: Connectivity, mut found: impl FnMut(usize, u32)) {
    if around == FULL {
        return;
    }
    for (number, cell) in AROUND.iter().enumerate() {
        let voxels = around & cell.all;
        if voxels.count_ones() > 1 && own & cell.all & BEFORE == 0 && falls_apart(voxels, connectivity) {
            found(number, voxels);
        }
    }
}

/// Where objects of a chunk meet that are not connected there, in a mask without a halo.
pub(super) fn contacts(mask: &Mask, rows: &RowRuns, object_of: &[u32], connectivity: Connectivity) -> Vec<Contact> {
    let mut found = Vec::new();
    if connectivity == Connectivity::Corners {
        return found;
    }
    let places = rows.runs.iter().flat_map(|run: &Run| (run.x[0]..run.x[1]).map(|x| [run.z, run.y, x]));
    for place in places {
        let around = mask.neighbourhood(mask.layout().bit_at(place));
        for_each_apart(around, around, connectivity, |number, voxels| {
            let object = |place: Position| object_of[rows.at(Voxel::new(place))];
            let objects = by_object(place, number, voxels, object);
            if objects.len() > 1 {
                found.push(Contact { first: Voxel::new(place), number: number as u8, objects });
            }
        });
    }
    found
}

/// The objects of voxels around an edge or a vertex, that of the first voxel first, and the voxels of each.
fn by_object(place: Position, number: usize, voxels: u32, object: impl Fn(Position) -> u32) -> Vec<(u32, u8)> {
    let mut objects: Vec<(u32, u8)> = Vec::new();
    for &(bit, own) in AROUND[number].voxels.iter().filter(|(bit, _)| voxels >> bit & 1 == 1) {
        let of = object(std::array::from_fn(|axis| place[axis] + step(bit)[axis]));
        match objects.iter_mut().find(|(object, _)| *object == of) {
            Some((_, held)) => *held |= 1 << own,
            None => objects.push((of, 1 << own)),
        }
    }
    objects
}

impl Contact {
    fn cell(&self, held: u8, all: u8) -> Cell {
        let (place, towards) = (self.first.position(), AROUND[usize::from(self.number)].towards);
        Cell { at: std::array::from_fn(|axis| 2 * place[axis] + towards[axis]), held, all }
    }

    /// Calls `add` with each object but the first, which has counted the cell, and what it counts.
    pub(super) fn for_each_other(&self, mut add: impl FnMut(u32, i64)) {
        let sign = self.cell(0, 0).sign();
        self.objects[1..].iter().for_each(|&(object, _)| add(object, sign));
    }

    /// The cell for each object.
    pub(super) fn cells(&self) -> impl Iterator<Item = (u32, Cell)> + '_ {
        let all = self.objects.iter().fold(0, |all, (_, held)| all | held);
        self.objects.iter().map(move |&(object, held)| (object, self.cell(held, all)))
    }

    /// Whether voxels of other chunks have the cell too, and whether all voxels that have it are connected there. `together` has
    /// the voxels of this chunk and of others.
    pub(super) fn among(&self, together: &Mask, alone: &Mask, connectivity: Connectivity) -> Meeting {
        let bit = together.layout().bit_at(self.first.position());
        let all = AROUND[usize::from(self.number)].all;
        let voxels = together.neighbourhood(bit) & all;
        match voxels & !alone.neighbourhood(bit) {
            0 => Meeting::Alone,
            _ if falls_apart(voxels, connectivity) => Meeting::Apart,
            _ => Meeting::Connected,
        }
    }
}

/// How the objects of a chunk meet where voxels of other chunks are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meeting {
    /// There are no others.
    Alone,
    /// They are connected there, with the others.
    Connected,
    /// They are not connected there, or some of them are not.
    Apart,
}

/// The cells of a voxel on a side of a chunk that voxels of other chunks have too, at which voxels fall apart: those of which the
/// voxel is the first of the chunk. Calls `found` with each object of the chunk that has it, the cell, and what the object has
/// not counted yet.
pub(super) fn on_side(
    place: Position,
    together: &Mask,
    alone: &Mask,
    connectivity: Connectivity,
    object: impl Fn(Position) -> u32,
    mut found: impl FnMut(u32, Cell, i64),
) {
    let bit = together.layout().bit_at(place);
    let own = alone.neighbourhood(bit);
    for_each_apart(together.neighbourhood(bit), own, connectivity, |number, voxels| {
        if voxels & !own == 0 {
            return;
        }
        let numbered = AROUND[number].voxels.iter().filter(|(bit, _)| voxels >> bit & 1 == 1);
        let all = numbered.fold(0, |all, (_, number)| all | 1 << number);
        let towards = AROUND[number].towards;
        let at = std::array::from_fn(|axis| 2 * place[axis] + towards[axis]);
        for (i, (object, held)) in by_object(place, number, voxels & own, &object).into_iter().enumerate() {
            let cell = Cell { at, held, all };
            // If a voxel of another chunk comes first, that has counted for all.
            let missing = if i == 0 && voxels & BEFORE != 0 { cell.sign() } else { 0 };
            found(object, cell, missing);
        }
    });
}
