//! Uncompressed arrays in a run of bytes: the basis of `.npy`, NIfTI, NRRD and MetaImage.

mod axes;
pub(crate) mod bytes;
mod strided;

use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::Array3;

use self::bytes::Bytes;
use self::strided::Strided;
use crate::chunk::{Chunk, Dtype, Value, Voxels};
use crate::error::{Error, Result};
use crate::space::Region;
use crate::store::axes::require_few;
use crate::store::layout::read_shape;
use crate::store::marker::{FileMark, Marker, mark_of};
use crate::store::units::{Calibration, SettledSpacing};
use crate::store::values::{Endian, from_bytes, refuse_unfit, require_inside};
use crate::store::{Description, Details, Mark, Marked, OpenOptions, Source, StoredType};
use crate::with_voxels;

/// The bytes of an array.
#[derive(Debug)]
pub(crate) enum Stored {
    /// Directly; the number is their length.
    Plain(Box<dyn Bytes>, u64),
    /// From a compressed stream.
    #[cfg(feature = "medical")]
    Packed(crate::store::inflate::Packed),
}

/// The array according to the header of a file.
#[derive(Debug)]
pub(crate) struct RawLayout {
    /// The format, for display.
    pub(crate) format: String,
    /// The compression of values; `none`.
    pub(crate) codec: String,
    /// The files of the image: the one with the header first.
    pub(crate) files: Vec<PathBuf>,
    /// `None` until they are known.
    pub(crate) bytes: Option<Stored>,
    /// Offset of the first value.
    pub(crate) offset: u64,
    pub(crate) stored: StoredType,
    pub(crate) endian: Endian,
    /// Lengths of the axes, and whether the first one, rather than the last, changes fastest along the bytes.
    pub(crate) lengths: Vec<u64>,
    pub(crate) fortran: bool,
    /// Names of the axes, if the format has them.
    pub(crate) names: Option<Vec<char>>,
    /// Voxel size along each axis, with its unit.
    pub(crate) sizes: Vec<(Option<f64>, Option<String>)>,
    /// The source of the sizes: `the NIfTI header`.
    pub(crate) sizes_from: &'static str,
    /// Values are multiplied by the first number, and the second is added.
    pub(crate) scale: Option<[f64; 2]>,
    pub(crate) warnings: Vec<String>,
    pub(crate) notes: Vec<String>,
}

impl RawLayout {
    /// An array with only its type known.
    pub(crate) fn new(stored: StoredType, endian: Endian) -> RawLayout {
        RawLayout {
            format: String::new(),
            codec: "none".to_owned(),
            files: Vec::new(),
            bytes: None,
            offset: 0,
            stored,
            endian,
            lengths: Vec::new(),
            fortran: false,
            names: None,
            sizes: Vec::new(),
            sizes_from: "",
            scale: None,
            warnings: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// An image stored as an array in a file. Holds no values, except for the latest decompressed ones of a compressed
/// file.
#[derive(Debug)]
pub struct RawSource {
    files: Vec<PathBuf>,
    bytes: Box<dyn Bytes>,
    array: Strided,
    /// The image axis (z, y, x) of each array axis, the one with the longest stride first.
    order: [usize; 3],
    endian: Endian,
    scale: Option<[f64; 2]>,
    /// Whether values are labels, of which all 64 bits count.
    labels: bool,
    description: Description,
    details: Details,
    warnings: Vec<String>,
}

impl RawSource {
    /// The image in an array, with the given options; `path` is the one from the user.
    ///
    /// # Errors
    /// `Data` if there are fewer bytes than values need, or the array is not an image; `Usage` if the options do not
    /// fit.
    pub(crate) fn new(path: &Path, layout: RawLayout, options: &OpenOptions) -> Result<RawSource> {
        if layout.lengths.contains(&0) {
            let message = format!("has no voxels: its shape is {}", axes::shape_text(&layout.lengths));
            return Err(Error::data(message + "; give an image with some"));
        }
        require_few(layout.lengths.len())?;
        let size = layout.stored.size();
        let (strides, total) = strides(&layout, size)?;
        let (selection, names) = axes::picked(&layout.lengths, layout.names.as_deref(), options)?;
        let dimensions = selection.kept.len();
        let missing = 3 - dimensions;
        // An axis that the image does not have is the slowest of all.
        let (mut shape, mut along) = ([1; 3], [total; 3]);
        let mut calibration = Calibration { from: layout.sizes_from, ..Calibration::default() };
        for (a, &axis) in selection.kept.iter().enumerate() {
            shape[a + missing] = usize::try_from(layout.lengths[axis]).unwrap_or(usize::MAX);
            along[a + missing] = strides[axis];
            if let Some((size, unit)) = layout.sizes.get(axis) {
                (calibration.size[a + missing], calibration.unit[a + missing]) = (*size, unit.clone());
            }
        }
        let picked = selection.fixed.iter().zip(&strides).map(|(index, stride)| index * stride).sum::<u64>();
        let mut order = [0, 1, 2];
        order.sort_by_key(|&a| std::cmp::Reverse(along[a]));
        let end = layout.offset.checked_add(total).ok_or_else(too_large)?;
        #[cfg_attr(
            not(feature = "medical"),
            allow(unused_mut, reason = "only packed arrays are read in another shape")
        )]
        let mut chunk = read_shape(shape, [1; 3], dimensions);
        let mut warnings = layout.warnings;
        let bytes: Box<dyn Bytes> = match layout.bytes {
            None => return Err(Error::internal("an array without bytes")),
            Some(Stored::Plain(_, there)) if there < end => {
                let shape = axes::shape_text(&layout.lengths);
                let message = format!("is cut off: {there} bytes cannot hold the values of shape {shape}");
                return Err(Error::data(message + "; copy it again from where it came"));
            }
            Some(Stored::Plain(bytes, there)) => {
                if there > end {
                    let (over, shape) = (there - end, axes::shape_text(&layout.lengths));
                    warnings.push(format!(
                        "has {over} bytes more than the values of shape {shape} take: its header may be wrong"
                    ));
                }
                bytes
            }
            #[cfg(feature = "medical")]
            Some(Stored::Packed(packed)) => {
                let mut plane = shape;
                plane[order[missing]] = 1;
                let plan = crate::store::plan::read_plan(shape, [1; 3], plane, dimensions, size, options.cache);
                chunk = plan.chunk;
                let data = layout.files.last().map_or(path, PathBuf::as_path);
                Box::new(crate::store::inflate::Inflated::new(packed, data, end, plan.cache))
            }
        };
        let settled = calibration.settle(dimensions, options)?;
        let SettledSpacing { spacing, unit, warning, from } = settled;
        warnings.extend(warning);
        if options.axes.is_none() && layout.names.is_none() {
            warnings.extend(axes::doubt(&layout.lengths));
        }
        let count = |name: &str| names.iter().position(|n| n == name).map(|axis| layout.lengths[axis]);
        let details = Details {
            format: layout.format,
            channels: count("c"),
            times: count("t"),
            axes: names.into_iter().zip(layout.lengths).collect(),
            codec: layout.codec,
            spacing_from: from.unwrap_or_default(),
            notes: layout.notes,
            ..Details::default()
        };
        let description = Description {
            name: path.display().to_string(),
            shape,
            dimensions,
            dtype: if layout.scale.is_some() { Dtype::F64 } else { layout.stored.dtype() },
            stored: layout.stored,
            spacing,
            unit,
            chunk,
            fill: 0.0,
            offset: [0.0; 3],
            downsample: Description::downsample_of(layout.stored.dtype()),
        };
        let array = Strided { offset: layout.offset + picked, size, strides: order.map(|a| along[a]) };
        let (files, endian, scale) = (layout.files, layout.endian, layout.scale);
        let labels = options.labels;
        Ok(RawSource { files, bytes, array, order, endian, scale, labels, description, details, warnings })
    }
}

/// Bytes from one value to the next along each axis, and bytes of all values.
fn strides(layout: &RawLayout, size: usize) -> Result<(Vec<u64>, u64)> {
    let count = layout.lengths.len();
    let mut strides = vec![0; count];
    let mut total = size as u64;
    for place in 0..count {
        let axis = if layout.fortran { place } else { count - 1 - place };
        strides[axis] = total;
        total =
            total.checked_mul(layout.lengths[axis].max(1)).filter(|&n| n < i64::MAX as u64).ok_or_else(too_large)?;
    }
    Ok((strides, total))
}

fn too_large() -> Error {
    Error::data("has a damaged header: its shape is larger than any file; copy it again from where it came")
}

impl Source for RawSource {
    fn description(&self) -> &Description {
        &self.description
    }

    fn details(&self) -> Details {
        self.details.clone()
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.iter().map(|warning| format!("{}: {warning}", self.description.name)).collect()
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        require_inside(region, self.description.shape)?;
        let wanted: [Range<usize>; 3] = self.order.map(|axis| region.min[axis] as usize..region.max[axis] as usize);
        let shape = wanted.each_ref().map(|range| range.len());
        let bytes = self.array.read(&*self.bytes, wanted)?;
        let voxels = from_bytes(self.description.stored, shape, bytes, self.endian);
        let voxels = ordered(voxels, self.order);
        if !self.labels {
            refuse_unfit(&voxels, self.description.stored, region).map_err(|error| error.at(&self.files[0]))?;
        }
        let voxels = match self.scale {
            Some(scale) => {
                let voxels = scaled(&voxels, scale);
                refuse_unfit(&voxels, StoredType::F64, region).map_err(|error| error.at(&self.files[0]))?;
                voxels
            }
            None => voxels,
        };
        Ok(Some(Chunk { region: *region, voxels }))
    }

    fn mark(&self, _: &Region) -> Result<Option<Mark>> {
        mark_of(self.files.iter().map(PathBuf::as_path)).map(Some)
    }

    fn marks(&self, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
        let mut marker = Marker::default();
        FileMark::of_all(&self.files)?.iter().for_each(|file| marker.add(file));
        Ok(vec![Some(marker.finish()); regions.len()])
    }
}

/// The array with its axes in the order (z, y, x); `order` has the image axis of each.
fn ordered(voxels: Voxels, order: [usize; 3]) -> Voxels {
    fn turn<T: Value>(array: &Array3<T>, places: [usize; 3]) -> Voxels {
        T::wrap(array.view().permuted_axes(places).as_standard_layout().into_owned())
    }
    if order == [0, 1, 2] {
        return voxels;
    }
    let mut places = [0; 3];
    for (place, axis) in order.into_iter().enumerate() {
        places[axis] = place;
    }
    with_voxels!(&voxels, array => turn(array, places))
}

/// The values times the first number, plus the second.
fn scaled(voxels: &Voxels, [slope, inter]: [f64; 2]) -> Voxels {
    fn each<T: Value>(array: &Array3<T>, slope: f64, inter: f64) -> Voxels {
        Voxels::F64(array.mapv(|value| value.to_f64() * slope + inter))
    }
    with_voxels!(voxels, array => each(array, slope, inter))
}

#[cfg(test)]
mod tests;
