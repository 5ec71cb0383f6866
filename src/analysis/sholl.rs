//! Sholl analysis of the outputs in a folder, without the image.

use crate::analysis::Outputs;
use crate::error::{Error, Result};
use crate::kernel::network::sholl::{crossings, distance};
use crate::space::{Region, Spacing, Voxel};
use crate::store::output::folder::NODES;

/// Maximum number of shells.
const MOST_SHELLS: f64 = 1e7;

/// Where the shells of a Sholl analysis lie. Lengths are in the unit of the results; without any of them, shells are as
/// far from each other as the opposite corners of a voxel, as skan has them.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Shells {
    /// Their centre along the image's axes, in the coordinates of the tables; by default the node with the largest radius,
    /// the first of several in raster order.
    pub center: Option<Vec<f64>>,
    /// Distance between two shells; by default the diagonal of a voxel.
    pub step: Option<f64>,
    /// No shell is larger; by default the distance of the skeleton voxel that is farthest from the centre.
    pub end_radius: Option<f64>,
}

/// The result of a Sholl analysis.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sholl {
    /// The centre of the shells, along the image's axes.
    pub center: Vec<f64>,
    /// The radii of the shells: 0, the step, twice the step and so on.
    pub radii: Vec<f64>,
    /// How many edges of the skeleton's graph cross each shell (see [`crossings`]). Where the skeleton is of labels, an edge joins
    /// voxels of one label, as in the tables.
    pub crossings: Vec<u64>,
    /// What may mislead, each a sentence.
    pub warnings: Vec<String>,
}

impl Outputs {
    /// The skeleton's crossings of shells around a centre: those of `skan.csr.sholl_analysis` (0.13.1) with the same shells.
    ///
    /// Reads the skeleton; takes time linear in the stored chunks, and 32 bytes for each skeleton voxel.
    ///
    /// # Errors
    /// `Usage` if the shells do not fit the results, or without a centre where `nodes.csv` has no radii; `Data` if an output
    /// is damaged; `Io` if the skeleton cannot be read.
    pub fn sholl(&self, shells: &Shells) -> Result<Sholl> {
        let description = self.skeleton.description();
        let (spacing, dimensions) = (description.spacing, description.dimensions);
        let center = match &shells.center {
            Some(center) => center.clone(),
            None => self.thickest_node()?,
        };
        if center.len() != dimensions || !center.iter().all(|number| number.is_finite()) {
            let axes = if dimensions == 2 { "y,x" } else { "z,y,x" };
            return Err(Error::usage(format!("--center does not fit the results: give {dimensions} numbers, {axes}")));
        }
        for (option, number) in [("--step", shells.step), ("--end-radius", shells.end_radius)] {
            if number.is_some_and(|number| !(number.is_finite() && number > 0.0)) {
                return Err(Error::usage(format!("{option} needs a length above zero")));
            }
        }
        let mut point = [0.0; 3];
        point[3 - dimensions..].copy_from_slice(&center);
        let bounds = Region::of_shape(description.shape);
        let mut voxels = self.skeleton_voxels()?;
        if self.parameters()["labels"] == true {
            // A stable sort: the voxels of a label stay in raster order.
            voxels.sort_by_key(|(_, label)| *label);
        }
        // A 2-D image has no thickness.
        let axes = std::array::from_fn(|axis| i64::from(axis >= 3 - dimensions));
        let diagonal = spacing.length(axes);
        let step = shells.step.unwrap_or(diagonal);
        let farthest = || voxels.iter().map(|&(voxel, _)| distance(voxel, spacing, point)).fold(0.0, f64::max);
        let radii = radii(step, shells.end_radius.unwrap_or_else(farthest))?;
        let mut counts = vec![0; radii.len()];
        for alike in voxels.chunk_by(|(_, a), (_, b)| a == b) {
            let alike: Vec<Voxel> = alike.iter().map(|(voxel, _)| *voxel).collect();
            let of_label = crossings(&alike, bounds, spacing, point, &radii);
            counts.iter_mut().zip(of_label).for_each(|(count, more)| *count += more);
        }
        let mut warnings = Vec::new();
        if voxels.is_empty() {
            warnings.push("the skeleton has no voxels".to_owned());
        }
        if step < diagonal {
            warnings.push(format!(
                "the step between shells is {step}, less than the diagonal of a voxel, {diagonal}: an edge between two voxels \
                 that crosses several shells is counted at the innermost one only"
            ));
        }
        if !is_inside(point, bounds, spacing) {
            warnings.push("the centre lies outside of the image".to_owned());
        }
        Ok(Sholl { center, radii, crossings: counts, warnings })
    }

    /// Where the node with the largest radius is, in the unit of the spacing.
    fn thickest_node(&self) -> Result<Vec<f64>> {
        let unknown =
            || Error::usage("the results have no node with a radius to be the centre of the shells: give --center");
        let nodes = self.nodes.as_ref().ok_or_else(unknown)?;
        let column = |name: &str| {
            let damaged = || Error::data(format!("{NODES} has no column {name}; run the analysis again"));
            nodes.column(name).ok_or_else(damaged)
        };
        let mut thickest: Option<(usize, f64)> = None;
        for (row, &radius) in column("radius")?.iter().enumerate() {
            if radius > thickest.map_or(0.0, |(_, most)| most) {
                thickest = Some((row, radius));
            }
        }
        let (row, _) = thickest.ok_or_else(unknown)?;
        let axes = 0..self.skeleton.description().dimensions;
        axes.map(|axis| Ok(column(&format!("coord_{axis}"))?[row])).collect()
    }
}

/// The radii of shells from zero to an end, as skan places them: rounding does not lose the last one.
fn radii(step: f64, end: f64) -> Result<Vec<f64>> {
    let tolerance = f64::from(f32::EPSILON) * end.min(1.0);
    let count = ((end + tolerance) / step).ceil().max(1.0);
    if count > MOST_SHELLS {
        return Err(Error::usage(format!(
            "a step of {step} makes more than {MOST_SHELLS} shells: give a longer --step"
        )));
    }
    Ok((0..count as u64).map(|shell| shell as f64 * step).collect())
}

/// Whether a point lies in one of the voxels of an image, or on the surface of one.
fn is_inside(point: [f64; 3], bounds: Region, spacing: Spacing) -> bool {
    (0..3).all(|axis| {
        let [first, end] = [bounds.min[axis], bounds.max[axis]].map(|edge| (edge as f64 - 0.5) * spacing.0[axis]);
        (first..=end).contains(&point[axis])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_end_with_the_last_one_that_is_not_too_large() {
        assert_eq!(radii(2.0, 5.0).unwrap(), [0.0, 2.0, 4.0]);
        assert_eq!(radii(2.0, 4.0).unwrap(), [0.0, 2.0, 4.0]);
        assert_eq!(radii(0.1, 0.3).unwrap().len(), 4, "three times 0.1 is more than 0.3 by rounding");
        assert_eq!(radii(2.0, 0.0).unwrap(), [0.0]);
        assert_eq!(radii(1e-9, 1.0).unwrap_err().kind(), crate::error::Kind::Usage);
    }

    #[test]
    fn an_image_ends_half_a_voxel_beyond_the_centres_of_its_outermost_voxels() {
        let (bounds, spacing) = (Region::of_shape([1, 4, 4]), Spacing([1.0, 2.0, 0.5]));
        assert!(is_inside([0.0, 6.9, -0.2], bounds, spacing));
        assert!(!is_inside([0.0, 7.1, 0.0], bounds, spacing) && !is_inside([0.0, 0.0, -0.3], bounds, spacing));
    }
}
