//! A custom dataflow inside a program: bright spots, followed while the tiles of an image are recorded again.
//!
//!     cargo run --release --example live_spots

use std::collections::BTreeSet;

use anabranch::chunk::{Dtype, Voxels};
use anabranch::error::Result;
use anabranch::grid::{ChunkId, Grid};
use anabranch::operators::extract::ExtractRecords;
use anabranch::operators::overlap::Padded;
use anabranch::session::{HostedBuilder, HostedSession};
use anabranch::space::{Region, Voxel};
use ndarray::Array3;

const SHAPE: [usize; 3] = [1, 240, 320];
const TILE: [usize; 3] = [1, 60, 80];

/// A tile from the camera: blurred spots every 20 voxels, which drift along x with time.
fn tile(grid: &Grid, id: ChunkId, drift: i64) -> Voxels {
    let region = grid.region(id);
    Voxels::U16(Array3::from_shape_fn(region.shape(), |(_, y, x)| {
        let from_spot = |p: i64| (p.rem_euclid(20) - 10).pow(2);
        let far = from_spot(region.min[1] + y as i64) + from_spot(region.min[2] + x as i64 - drift);
        (1000 / (1 + far)) as u16
    }))
}

/// The voxels of a chunk that are brighter than all their neighbours, some of which lie in the overlap.
fn maxima(padded: &Padded) -> Vec<Voxel> {
    let Some(Voxels::U16(values)) = &padded.voxels else { return Vec::new() };
    let value = |y: i64, x: i64| {
        let at = [0, (y - padded.region.min[1]) as usize, (x - padded.region.min[2]) as usize];
        // Beyond the image nothing is bright.
        values.get(at).copied().unwrap_or(0)
    };
    let brighter = |y: i64, x: i64| {
        let around = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (y + dy, x + dx)));
        around.filter(|&at| at != (y, x)).all(|(ny, nx)| value(ny, nx) < value(y, x))
    };
    let [rows, columns] = [1, 2].map(|axis| padded.own.min[axis]..padded.own.max[axis]);
    let own = rows.flat_map(|y| columns.clone().map(move |x| (y, x)));
    own.filter(|&(y, x)| brighter(y, x)).map(|(y, x)| Voxel::new([0, y, x])).collect()
}

/// Closes an epoch, and updates the spots.
fn follow(session: &HostedSession<Voxel>, spots: &mut BTreeSet<Voxel>, what: &str) -> Result<()> {
    let changes = session.advance()?;
    for (spot, diff) in &changes {
        if *diff > 0 {
            spots.insert(*spot)
        } else {
            spots.remove(spot)
        };
    }
    let come = changes.iter().filter(|(_, diff)| *diff > 0).count();
    println!("{what}: {come} spots have come, {} have gone, {} are there", changes.len() - come, spots.len());
    Ok(())
}

fn main() -> Result<()> {
    let grid = Grid::new(Region::of_shape(SHAPE), TILE);
    let builder = HostedBuilder::new(grid, Dtype::U16).depth([0, 1, 1]).workers(2);
    let session = builder.start(|chunks, _| chunks.extract(maxima))?;
    let mut spots = BTreeSet::new();
    for id in grid.chunks() {
        session.insert(id, tile(&grid, id, 0))?;
    }
    follow(&session, &mut spots, "the image is there")?;
    for drift in [1, 2] {
        let id = ChunkId::new([0, 1, 2]).expect("a place near zero");
        session.replace(id, tile(&grid, id, drift))?;
        follow(&session, &mut spots, "a tile was taken again")?;
    }
    session.retract(ChunkId::new([0, 3, 3]).expect("a place near zero"))?;
    follow(&session, &mut spots, "a tile was withdrawn")?;
    session.close()
}
