//! Warnings about suspicious tile positions: such a mosaic is composed as the table says, and the user is warned.

use std::collections::BTreeMap;

use super::MosaicSource;
use super::pixel_size::Along;
use super::tile::Tile;
use crate::space::Region;
use crate::store::{name_of, shown_path};

/// Tiles that all lie within this fraction of a tile of each other are probably placed in another unit.
const HEAP: f64 = 0.1;
/// Number of tiles that a message names.
const NAMED: usize = 3;
/// Number of pairs of tiles that are examined.
const LOOKED_AT: usize = 5_000_000;

/// Warnings about the positions of a mosaic's tiles, each a sentence without a full stop.
pub(super) fn doubts(mosaic: &MosaicSource) -> Vec<String> {
    let tiles = &mosaic.tiles;
    if tiles.len() < 2 {
        return Vec::new();
    }
    let mut said = Vec::new();
    let together = in_one_place(tiles);
    if let Some(&[first, second]) = together.first() {
        let names = named(&[&tiles[first], &tiles[second]]);
        let more = other_pairs(together.len() - 1);
        said.push(format!("{names} lie in one place{more}: check their positions"));
    }
    if let Some(heap) = heap(mosaic, together.len()) {
        said.push(heap);
    } else {
        let neighbours = Neighbours::of(mosaic);
        said.extend(neighbours.apart(mosaic));
        said.extend(neighbours.overlapping(mosaic));
    }
    let path = mosaic.table.path.display();
    said.into_iter().map(|text| format!("{path}: {text}")).collect()
}

/// The tiles with the same position as an earlier one, each with that one.
fn in_one_place(tiles: &[Tile]) -> Vec<[usize; 2]> {
    let mut places = BTreeMap::new();
    let mut found = Vec::new();
    for (number, tile) in tiles.iter().enumerate() {
        let place = tile.row.placement;
        // To the pixel. Positions are below 2^53.
        let key = (place.offset.map(|x| x.round() as i64), place.matrix.map(|row| row.map(f64::to_bits)));
        match places.get(&key) {
            Some(&first) => found.push([first, number]),
            None => _ = places.insert(key, number),
        }
    }
    found
}

/// The warning about tiles that all lie on one heap.
fn heap(mosaic: &MosaicSource, repeated: usize) -> Option<String> {
    let tiles = &mosaic.tiles;
    if repeated + 1 == tiles.len() {
        return None;
    }
    let axes = 3 - mosaic.table.dimensions..3;
    let mut spread = Vec::new();
    for axis in axes {
        let places = || tiles.iter().map(|tile| tile.row.placement.offset[axis]);
        let apart = places().fold(f64::NEG_INFINITY, f64::max) - places().fold(f64::INFINITY, f64::min);
        let length = tiles.first()?.shape[axis];
        if apart > HEAP * length as f64 {
            return None;
        }
        spread.push((apart.ceil(), length));
    }
    let text = |part: fn(&(f64, usize)) -> String| spread.iter().map(part).collect::<Vec<_>>().join(" x ");
    let (apart, shape) = (text(|(apart, _)| apart.to_string()), text(|(_, length)| length.to_string()));
    Some(format!(
        "all tiles lie within {apart} pixels of each other, though they have {shape} pixels: {}",
        unit_advice(mosaic)
    ))
}

/// Pairs of tiles, and tiles without neighbours.
struct Neighbours {
    /// Tiles that touch no other tile.
    apart: Vec<usize>,
    /// Pairs in which one tile covers more than half of the other.
    overlapping: Vec<[usize; 2]>,
}

impl Neighbours {
    fn of(mosaic: &MosaicSource) -> Neighbours {
        let (mut apart, mut overlapping, mut left) = (Vec::new(), Vec::new(), LOOKED_AT);
        let bounds = Region::of_shape(mosaic.description.shape);
        for (number, tile) in mosaic.tiles.iter().enumerate() {
            let around = tile.outline.dilated([1; 3]);
            let place = around.shifted(mosaic.canvas.min.map(|n| -n)).intersection(&bounds);
            let near = mosaic.index.near(&place);
            let Some(rest) = left.checked_sub(near.len()) else { break };
            left = rest;
            let mut alone = true;
            for other in near.into_iter().filter(|&other| other != number) {
                let outline = &mosaic.tiles[other].outline;
                alone &= around.intersection(outline).is_empty();
                if other > number && mostly_covered(&tile.outline, outline) && !one_place(tile, &mosaic.tiles[other]) {
                    overlapping.push([number, other]);
                }
            }
            if alone {
                apart.push(number);
            }
        }
        Neighbours { apart, overlapping }
    }

    fn apart(&self, mosaic: &MosaicSource) -> Option<String> {
        let tiles: Vec<&Tile> = self.apart.iter().map(|&number| &mosaic.tiles[number]).collect();
        if tiles.len() == mosaic.tiles.len() {
            return Some(format!("no tile touches another: {}", unit_advice(mosaic)));
        }
        let verb = if tiles.len() == 1 { "touches" } else { "touch" };
        let more = match tiles.len().saturating_sub(NAMED) {
            0 => String::new(),
            1 => ", and 1 other tile,".to_owned(),
            count => format!(", and {count} other tiles,"),
        };
        (!tiles.is_empty()).then(|| {
            let names = named(&tiles[..tiles.len().min(NAMED)]);
            format!("{names}{more} {verb} no other tile: check their positions")
        })
    }

    fn overlapping(&self, mosaic: &MosaicSource) -> Option<String> {
        let &[first, second] = self.overlapping.first()?;
        let names = named(&[&mosaic.tiles[first], &mosaic.tiles[second]]);
        let more = other_pairs(self.overlapping.len() - 1);
        Some(format!("{names} overlap by more than half{more}: {}", unit_advice(mosaic)))
    }
}

/// Returns whether one of two boxes covers more than half of the smaller one.
fn mostly_covered(one: &Region, other: &Region) -> bool {
    let volume = |region: &Region| region.shape().iter().map(|&n| n as f64).product::<f64>();
    let common = one.intersection(other);
    !common.is_empty() && volume(&common) > 0.5 * volume(one).min(volume(other))
}

fn one_place(one: &Tile, other: &Tile) -> bool {
    let (one, other) = (one.row.placement, other.row.placement);
    one.matrix == other.matrix && one.offset.map(f64::round) == other.offset.map(f64::round)
}

/// Advice about positions that are probably in another unit.
fn unit_advice(mosaic: &MosaicSource) -> &'static str {
    let table = &mosaic.table;
    if table.pixel_size.size.iter().any(Option::is_some) || table.along != [Along::Pixels; 3] {
        "check the size of a pixel and the unit of positions (columns x_px and y_px are in pixels)"
    } else {
        "check the positions, which count as pixels (columns x_um and y_um, or a column unit, name another unit)"
    }
}

/// The names of tiles with their lines.
fn named(tiles: &[&Tile]) -> String {
    let name = |tile: &&Tile| {
        let path = &tile.row.path;
        let name = name_of(path).unwrap_or_else(|| shown_path(path));
        format!("{name} (line {})", tile.row.line)
    };
    match tiles.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            format!("{} and {}", rest.iter().map(name).collect::<Vec<_>>().join(", "), name(last))
        }
        _ => tiles.iter().map(name).collect(),
    }
}

/// Appends the number of other pairs to a message.
fn other_pairs(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => ", and so does another pair".to_owned(),
        _ => format!(", and so do {count} other pairs"),
    }
}
