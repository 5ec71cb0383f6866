//! The objects of a chunk, with links to those of other chunks.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::kernel::mask::{Layout, Mask};
use crate::kernel::objects::cells::{Cell, Meeting, on_side};
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::objects::euler;
use crate::kernel::objects::local::Local;
use crate::kernel::objects::runs::{Run, connect};
use crate::kernel::objects::sides::{Side, Step, Turned, side_of};
use crate::kernel::objects::sums::{Object, Sums};
use crate::space::{Position, Region, Voxel};

/// Where an object goes on in another chunk. The voxels of two chunks that lie next to each other have components of their
/// own; a link is the first voxel of such a component in each of the chunks, the chunk that comes first in raster order
/// first. Both chunks find the same links.
pub type Link = [Voxel; 2];

/// An object that is not complete: its voxels so far, and the links that lead to others, in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Part<S> {
    /// What is known of it.
    pub object: Object<S>,
    /// Where it goes on; nowhere if it is complete.
    pub links: Vec<Link>,
    /// Edges and vertices that it has counted for its Euler number, and that other parts of the object may have counted too.
    pub cells: Vec<Cell>,
}

/// A link, and the place of the object of a chunk that it leads to among the objects of that chunk.
pub type OwnLink = (u32, Link);

/// The objects of a chunk, in the order of their first voxels, with links to those of its neighbours. `neighbours` holds the
/// sides of other chunks that touch it, each with the step from this chunk to the other one. Takes time O(n log n) in the
/// number of runs on the sides; with Euler numbers also linear time in the bits of the chunk's mask.
pub fn parts<S: Sums>(local: &Local<S>, neighbours: &[(Step, &Side)], connectivity: Connectivity) -> Vec<Part<S>> {
    let (own, touching) = (own_sides(local), touching(local, neighbours));
    let mut parts = linked(local, links_between(&own, &touching, connectivity));
    if S::EULER && !touching.is_empty() {
        add_seams(&mut parts, local, &own, &touching, connectivity);
    }
    parts
}

/// The same with links that [`links`] has found, without Euler numbers. Takes linear time in objects and links.
///
/// # Panics
/// If a link is of an object that the chunk does not have.
pub fn linked<S: Sums>(local: &Local<S>, links: Vec<OwnLink>) -> Vec<Part<S>> {
    let part = |object: &Object<S>| Part { object: object.clone(), links: Vec::new(), cells: Vec::new() };
    let mut parts: Vec<Part<S>> = local.objects.iter().map(part).collect();
    links.into_iter().for_each(|(object, link)| parts[object as usize].links.push(link));
    parts
}

/// The links from a chunk's objects to those of its neighbours, in order. Takes time O(n log n) in the number of runs on the
/// sides.
pub fn links<S>(local: &Local<S>, neighbours: &[(Step, &Side)], connectivity: Connectivity) -> Vec<OwnLink> {
    links_between(&own_sides(local), &touching(local, neighbours), connectivity)
}

fn links_between(
    own: &BTreeMap<Step, (Vec<Run>, Vec<u32>)>,
    touching: &[(Step, Vec<Run>)],
    connectivity: Connectivity,
) -> Vec<OwnLink> {
    let leads_on = |step: &Step| step.iter().filter(|&&d| d != 0).count() <= connectivity.axes();
    let mut found = Vec::new();
    for (step, theirs) in touching.iter().filter(|(step, _)| leads_on(step)) {
        if let Some((mine, objects)) = own.get(step) {
            found.append(&mut links_of_side(*step, mine, objects, theirs, connectivity));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The runs of each of a chunk's sides, and their objects.
fn own_sides<S>(local: &Local<S>) -> BTreeMap<Step, (Vec<Run>, Vec<u32>)> {
    local.sides.runs(&local.own).map(|(step, runs, objects)| (step, (runs, objects))).collect()
}

/// The runs of the sides of neighbours. Sides without foreground have none.
fn touching<S>(local: &Local<S>, neighbours: &[(Step, &Side)]) -> Vec<(Step, Vec<Run>)> {
    let runs = |side: &Side, step| side.runs(&side_of(&local.own, step).shifted(step), step).unwrap_or_default();
    neighbours.iter().map(|&(step, side)| (step, runs(side, step))).collect()
}

/// The links between two sides. Some may be there twice.
fn links_of_side(
    step: Step,
    mine: &[Run],
    objects: &[u32],
    theirs: &[Run],
    connectivity: Connectivity,
) -> Vec<OwnLink> {
    let (turned, is_first) = (Turned::new(step), step > [0; 3]);
    // The axes of the step come first: in raster order all runs of one side come before those of the other.
    let runs = if is_first { [mine, theirs].concat() } else { [theirs, mine].concat() };
    let own = if is_first { 0..mine.len() } else { theirs.len()..runs.len() };
    let mut sets = connect(&runs, connectivity);
    // The first voxels here and there of each component.
    let mut firsts: Vec<[Option<Voxel>; 2]> = vec![[None; 2]; runs.len()];
    for (i, run) in runs.iter().enumerate() {
        let first = &mut firsts[sets.find(i as u32) as usize][usize::from(!own.contains(&i))];
        let voxel = turned.first(run);
        *first = Some(first.map_or(voxel, |known| known.min(voxel)));
    }
    let mut found = Vec::new();
    for (i, object) in own.zip(objects) {
        if let [Some(here), Some(there)] = firsts[sets.find(i as u32) as usize] {
            found.push((*object, if is_first { [here, there] } else { [there, here] }));
        }
    }
    found
}

/// Corrects the Euler numbers of parts by the cells on the chunk's sides that voxels of other chunks have too: those count
/// with the first voxel that has them. Cells on the sides belong to no voxel inside the chunk, so the voxels on the sides
/// are all that must be known.
fn add_seams<S: Sums>(
    parts: &mut [Part<S>],
    local: &Local<S>,
    own: &BTreeMap<Step, (Vec<Run>, Vec<u32>)>,
    touching: &[(Step, Vec<Run>)],
    connectivity: Connectivity,
) {
    let mut alone = Mask::new(Layout::new(local.own));
    let set = |mask: &mut Mask, step: Step, runs: &[Run]| {
        let turned = Turned::new(step);
        for position in runs.iter().flat_map(|run| turned.positions(run)) {
            mask.set(mask.layout().bit_at(position));
        }
    };
    let faces = || own.iter().filter(|(step, _)| step.iter().filter(|&&d| d != 0).count() == 1);
    faces().for_each(|(&step, (runs, _))| set(&mut alone, step, runs));
    let mut together = alone.clone();
    touching.iter().for_each(|(step, runs)| set(&mut together, *step, runs));
    let mut done: Vec<Region> = Vec::new();
    let mut objects_at: HashMap<Position, u32> = HashMap::new();
    for (&step, (runs, objects)) in faces() {
        let turned = Turned::new(step);
        for (run, &object) in runs.iter().zip(objects) {
            for position in turned.positions(run).filter(|&position| !done.iter().any(|side| side.contains(position))) {
                let bit = alone.layout().bit_at(position);
                let more = euler::share(together.neighbourhood(bit)) - euler::share(alone.neighbourhood(bit));
                parts[object as usize].object.sums.add_euler(more);
                if connectivity != Connectivity::Corners {
                    objects_at.insert(position, object);
                }
            }
        }
        done.push(side_of(&local.own, step));
    }
    if connectivity != Connectivity::Corners {
        add_cells(parts, local, &objects_at, [&together, &alone], connectivity);
    }
}

/// Adds the cells at which voxels meet that are not connected there, and counts each once for each object that has it.
/// `together` has the voxels of other chunks too, and `alone` those of this one, as far as they lie on sides.
fn add_cells<S: Sums>(
    parts: &mut [Part<S>],
    local: &Local<S>,
    objects_at: &HashMap<Position, u32>,
    [together, alone]: [&Mask; 2],
    connectivity: Connectivity,
) {
    for contact in local.contacts.iter() {
        match contact.among(together, alone, connectivity) {
            Meeting::Alone => {
                let is_open = |(object, _): &(u32, Cell)| !parts[*object as usize].links.is_empty();
                let open: Vec<(u32, Cell)> = contact.cells().filter(is_open).collect();
                if open.len() > 1 {
                    open.into_iter().for_each(|(object, cell)| parts[object as usize].cells.push(cell));
                }
            }
            // Whoever has the first voxel counts for all.
            Meeting::Connected => {
                contact.for_each_other(|object, share| parts[object as usize].object.sums.add_euler(-share));
            }
            Meeting::Apart => {}
        }
    }
    let mut places: Vec<Position> = objects_at.keys().copied().collect();
    places.sort_unstable();
    for place in places {
        on_side(
            place,
            together,
            alone,
            connectivity,
            |place| objects_at[&place],
            |object, cell, missing| {
                let part = &mut parts[object as usize];
                part.object.sums.add_euler(missing);
                if !part.links.is_empty() {
                    part.cells.push(cell);
                }
            },
        );
    }
    parts.iter_mut().for_each(|part| part.cells.sort_unstable());
}
