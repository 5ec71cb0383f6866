//! The objects of a chunk, as far as the chunk sees them: sums over its own voxels, and links to those of other chunks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::kernel::mask::Mask;
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::objects::euler;
use crate::kernel::objects::runs::{Run, connect, runs_in};
use crate::kernel::objects::tally::Tally;
use crate::space::{Region, Voxel};

/// Where an object goes on in another chunk. The voxels of two chunks that lie next to each other have components of their
/// own; a link is the first voxel of such a component in each of the chunks, the chunk that comes first in raster order
/// first. Both chunks find the same links.
pub type Link = [Voxel; 2];

/// An object that is not complete: its voxels so far, and the links that lead to others, in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Part {
    /// The sums over its voxels.
    pub tally: Tally,
    /// Where it goes on; nowhere if it is complete.
    pub links: Vec<Link>,
}

/// The objects of a chunk's own voxels, in the order of their first voxels. The halo of the mask holds the voxels of the
/// chunks around it. Takes nearly linear time in the number of runs, and linear time in that of the voxels on the sides.
pub fn parts(mask: &Mask, connectivity: Connectivity) -> Vec<Part> {
    let own = mask.layout().own;
    let runs = runs_in(mask, &own);
    let mut sets = connect(&runs, connectivity);
    let mut parts: BTreeMap<u32, Part> = BTreeMap::new();
    for (i, run) in runs.iter().enumerate() {
        let mut tally = Tally::of(run);
        if connectivity == Connectivity::Corners {
            let bit = mask.layout().bit_at([run.z, run.y, run.x[0]]);
            tally.euler =
                Some((bit..bit + tally.voxels as usize).map(|bit| euler::share(mask.neighbourhood(bit))).sum());
        }
        let root = sets.find(i as u32);
        if let Some(part) = parts.get_mut(&root) {
            part.tally.merge(&tally);
        } else {
            parts.insert(root, Part { tally, links: Vec::new() });
        }
    }
    for step in connectivity.steps() {
        for [first, second] in [step, step.map(|d| -d)].map(|step| sides(&own, step)) {
            let is_first = own.encloses(&first);
            for (link, mine) in links(mask, [&first, &second], is_first, connectivity) {
                for voxel in mine {
                    let part = parts.get_mut(&sets.find(run_of(&runs, voxel) as u32));
                    part.expect("a run of an own voxel has a part").links.push(link);
                }
            }
        }
    }
    let mut parts: Vec<Part> = parts.into_values().collect();
    for part in &mut parts {
        part.links.sort_unstable();
        part.links.dedup();
    }
    parts.sort_unstable_by_key(|part| part.tally.first);
    parts
}

/// The voxels of a box that touch the box's neighbour at a step, and those of the neighbour that touch the box; those of the
/// box that comes first in raster order first.
fn sides(own: &Region, step: [i64; 3]) -> [Region; 2] {
    let (mut here, mut there) = (*own, *own);
    for axis in 0..3 {
        let [min, max] = [own.min[axis], own.max[axis]];
        let (inside, outside) = match step[axis] {
            1 => (max - 1..max, max..max + 1),
            -1 => (min..min + 1, min - 1..min),
            _ => continue,
        };
        (here.min[axis], here.max[axis]) = (inside.start, inside.end);
        (there.min[axis], there.max[axis]) = (outside.start, outside.end);
    }
    if step > [0; 3] { [here, there] } else { [there, here] }
}

/// The links between two sides, each with the first voxels of the chunk's own runs that it leads to.
fn links(
    mask: &Mask,
    sides: [&Region; 2],
    is_first: bool,
    connectivity: Connectivity,
) -> impl Iterator<Item = (Link, BTreeSet<Voxel>)> {
    let mut runs: Vec<(Run, bool)> = runs_in(mask, sides[0]).into_iter().map(|run| (run, true)).collect();
    runs.extend(runs_in(mask, sides[1]).into_iter().map(|run| (run, false)));
    runs.sort_unstable();
    let mut sets = connect(&runs.iter().map(|(run, _)| *run).collect::<Vec<_>>(), connectivity);
    let mut found: BTreeMap<u32, ([Option<Voxel>; 2], BTreeSet<Voxel>)> = BTreeMap::new();
    for (i, (run, of_first)) in runs.iter().enumerate() {
        let (link, mine) = found.entry(sets.find(i as u32)).or_default();
        link[usize::from(!of_first)].get_or_insert(run.first());
        if *of_first == is_first {
            mine.insert(run.first());
        }
    }
    found.into_values().filter_map(|([first, second], mine)| Some(([first?, second?], mine)))
}

/// The run that holds a voxel.
fn run_of(runs: &[Run], voxel: Voxel) -> usize {
    runs.partition_point(|run| run.first() <= voxel) - 1
}
