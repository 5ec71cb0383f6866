//! SWC: `skeletons.swc`, the skeletons as trees, in micrometers.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::Network;
use super::files::write_file;
use super::lengths::in_unit;
use super::nodes::without_isolated;
use super::skeletons::Skeletons;
use super::trees::{Degree, Tree};
use crate::error::Result;

/// Writes a tree for each skeleton, in the order of their ids: a sample for each voxel of its branches, parents before
/// children. SWC holds trees only, so loops are cut: see [`Tree::of`]. A comment before each tree names the samples that a
/// cut has parted.
///
/// Positions are those of the tables: from the centre of the image's first voxel, x, y, z. Samples of junctions have type 5,
/// those of tips 6, others 0; the ends that a cut makes are no tips. Where a radius is not known, it is half the smallest
/// size of a voxel, and a comment says so. Besides the network, memory holds the largest skeleton.
pub(super) fn write(network: &Network, folder: &Path, _: usize) -> Result<Vec<String>> {
    let skeletons = Skeletons::of(network)?;
    let (micrometers, unit) = in_unit(network, "micrometer");
    let mut writer = Writer { network, micrometers, last: 0, cuts: 0 };
    write_file(folder, "skeletons.swc", |file| {
        writer.header(file)?;
        skeletons.iter().try_for_each(|skeleton| writer.tree(file, skeleton.id, &Tree::of(network, &skeleton)))
    })?;
    let cuts = (writer.cuts > 0).then(|| {
        let told = "each between two voxels that comments in the file name";
        format!("SWC holds trees only, so the loops are cut, {} in all, {told}", writer.cuts)
    });
    Ok(cuts.into_iter().chain(unit).chain(without_isolated(network)).collect())
}

struct Writer<'n> {
    network: &'n Network,
    /// Micrometers of the network's unit.
    micrometers: f64,
    /// The number of the last sample.
    last: u64,
    /// Number of cuts so far.
    cuts: u64,
}

impl Writer<'_> {
    fn header(&self, file: &mut BufWriter<File>) -> io::Result<()> {
        writeln!(file, "# Skeletons as trees, written by anabranch. Lengths are in micrometers.")?;
        writeln!(file, "# Meta: {{\"units\": \"1 micrometer\"}}")?;
        writeln!(file, "# Positions are from the centre of the first voxel of the image or of its region.")?;
        writeln!(
            file,
            "# Each tree is a skeleton. Loops are cut; the samples that a cut has parted are named before the tree."
        )?;
        writeln!(file, "# Types: 5 junction, 6 tip, 0 any other voxel.")?;
        if self.network.radii.as_ref().is_none_or(|radii| radii.iter().any(|radius| radius.is_nan())) {
            let least = self.least_radius();
            writeln!(file, "# Radii that are not known are half the smallest size of a voxel: {least}.")?;
        }
        writeln!(file, "# sample type x y z radius parent")
    }

    /// The radius of samples whose radius is not known.
    fn least_radius(&self) -> f64 {
        let axes = 3 - self.network.dimensions..3;
        self.network.spacing.0[axes].iter().fold(f64::INFINITY, |least, size| least.min(*size)) / 2.0 * self.micrometers
    }

    fn tree(&mut self, file: &mut BufWriter<File>, skeleton: u32, tree: &Tree) -> io::Result<()> {
        let sample = |place: u32| self.last + 1 + u64::from(place);
        writeln!(file, "# skeleton {skeleton}")?;
        for [a, b] in &tree.cuts {
            writeln!(file, "# a loop is cut between the samples {} and {}", sample(*a), sample(*b))?;
        }
        for (place, (&voxel, &parent)) in (0..).zip(tree.voxels.iter().zip(&tree.parents)) {
            let [z, y, x] = self.network.position(voxel).map(|length| length * self.micrometers);
            let radius = Some(self.network.radius(voxel) * self.micrometers).filter(|radius| !radius.is_nan());
            let radius = radius.unwrap_or_else(|| self.least_radius());
            let kind = match tree.degrees[place as usize] {
                Degree::Tip => 6,
                Degree::Junction => 5,
                Degree::Other => 0,
            };
            write!(file, "{} {kind} {x} {y} {z} {radius} ", sample(place))?;
            match parent {
                Some(parent) => writeln!(file, "{}", sample(parent))?,
                None => writeln!(file, "-1")?,
            }
        }
        self.last += tree.voxels.len() as u64;
        self.cuts += tree.cuts.len() as u64;
        Ok(())
    }
}
