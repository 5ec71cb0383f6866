//! From an image's values to its mask: optional smoothing, then a threshold.

use std::sync::Arc;

use ndarray::Array3;

use super::mask::{Layout, Mask};
use super::smooth::Gaussian;
use super::threshold::Threshold;
use crate::chunk::{Dtype, Value, Voxels};
use crate::space::{Position, Region};
use crate::{with_dtype, with_voxels};

/// The mask of one chunk, with what later stages need to know of the image there.
#[derive(Clone, Debug)]
pub struct Binary {
    /// The mask; its halo is empty.
    pub mask: Mask,
    /// Number of foreground voxels, at least one.
    pub count: usize,
    /// The image's values in the foreground.
    pub foreground: Foreground,
}

/// The image's values in the foreground of a chunk, as far as they are worth keeping.
#[derive(Clone, Debug, PartialEq)]
pub enum Foreground {
    /// One whole number everywhere, as in a mask.
    Constant(i64),
    /// They vary, and are read again where they are needed.
    Varying,
    /// They vary, and are held.
    Kept(Arc<Kept>),
}

/// The values of a chunk's foreground.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    mask: Mask,
    /// Number of foreground voxels before each row of the padded box.
    before: Vec<u32>,
    /// The values in raster order, as an array of one row.
    values: Voxels,
}

impl Kept {
    /// The values of an array where a mask is set, whose first voxel lies at a corner inside the array.
    fn new<T: Value>(array: &Array3<T>, corner: Position, mask: &Mask) -> Self {
        let layout = *mask.layout();
        let mut before = vec![0; layout.rows() + 1];
        let mut values = Vec::new();
        for bit in mask.own_bits() {
            let p = layout.padded(bit);
            before[bit / layout.row() + 1] += 1;
            values.push(array[std::array::from_fn(|a| p[a] - 1 + corner[a] as usize)]);
        }
        for row in 1..before.len() {
            before[row] += before[row - 1];
        }
        let values = T::wrap(Array3::from_shape_fn((1, 1, values.len()), |(_, _, at)| values[at]));
        Kept { mask: mask.clone(), before, values }
    }

    /// The value at the position of a foreground voxel, by its place in the array of [`Kept::values`].
    pub fn place(&self, position: Position) -> [usize; 3] {
        let bit = self.mask.layout().bit_at(position);
        let row = bit / self.mask.layout().row();
        let first = row * self.mask.layout().row();
        let mut place = self.before[row] as usize;
        for from in (first..bit).step_by(64) {
            place += self.mask.read(from, (bit - from).min(64)).count_ones() as usize;
        }
        [0, 0, place]
    }

    /// The values, as an array of one row.
    pub fn values(&self) -> &Voxels {
        &self.values
    }
}

/// Makes masks of chunks.
#[derive(Clone, Debug)]
pub struct Binarise {
    /// Smoothing before the threshold.
    pub gaussian: Option<Gaussian>,
    /// What makes a voxel foreground.
    pub threshold: Threshold,
    /// The bounds of the volume, at which smoothing reflects.
    pub bounds: Region,
    /// Type of the image's values.
    pub dtype: Dtype,
    /// The value of voxels that are not stored.
    pub fill: f64,
    /// Bytes that may still be held of foreground values that vary.
    pub keep: usize,
}

impl Binarise {
    /// How far around a chunk its mask depends on the image.
    pub fn depth(&self) -> [usize; 3] {
        self.gaussian.as_ref().map_or([0; 3], Gaussian::depth)
    }

    /// The smoothed values of a box, from the values of the box around it, or `None` where the image is not smoothed.
    pub fn smooth(&mut self, voxels: &Voxels, region: &Region, own: &Region) -> Option<Array3<f32>> {
        let gaussian = self.gaussian.as_mut()?;
        Some(with_voxels!(voxels, array => gaussian.smooth(array.view(), region, own, &self.bounds)))
    }

    /// Calls `see` with the values of a chunk that a threshold looks at: the smoothed ones, or the image's own. What is given
    /// is as for [`Binarise::mask`].
    pub fn with_compared<R>(
        &mut self,
        voxels: Option<&Voxels>,
        region: &Region,
        own: &Region,
        see: impl FnOnce(&Voxels) -> R,
    ) -> R {
        let filled;
        let voxels = match voxels {
            Some(voxels) => voxels,
            None => {
                filled = Voxels::filled(self.dtype, region.shape(), self.fill);
                &filled
            }
        };
        match self.smooth(voxels, region, own) {
            Some(smoothed) => see(&f32::wrap(smoothed)),
            None => see(voxels),
        }
    }

    /// The mask of a chunk, or `None` where all of it is background.
    ///
    /// `voxels` are the values of `region`, which is the chunk's box `own` and [`Binarise::depth`] voxels on every side
    /// inside the bounds; without them the fill value stands everywhere.
    pub fn mask(&mut self, voxels: Option<&Voxels>, region: &Region, own: &Region) -> Option<Binary> {
        match voxels {
            Some(voxels) => self.mask_of(voxels, region, own),
            // Zeros stay zeros under smoothing; other values may be rounded by it.
            None if self.gaussian.is_none() || self.fill == 0.0 => self.mask_of_fill(own),
            None => self.mask_of(&Voxels::filled(self.dtype, region.shape(), self.fill), region, own),
        }
    }

    fn mask_of(&mut self, voxels: &Voxels, region: &Region, own: &Region) -> Option<Binary> {
        match self.smooth(voxels, region, own) {
            Some(smoothed) => {
                let (mask, count) = pack(self.threshold, &smoothed, own)?;
                // The image's own values are looked at, and these lie in a larger box.
                let inner = own.shifted(region.min.map(|m| -m));
                let bytes = count * self.dtype.size() + mask.layout().bytes();
                let foreground = match self.keep.checked_sub(bytes) {
                    None => Foreground::Varying,
                    Some(left) => {
                        self.keep = left;
                        let values = with_voxels!(voxels, array => Kept::new(array, inner.min, &mask));
                        Foreground::Kept(Arc::new(values))
                    }
                };
                Some(Binary { mask, count, foreground })
            }
            None => with_voxels!(voxels, array => {
                let (mask, count) = pack(self.threshold, array, own)?;
                let foreground = foreground(array, &mask, self.threshold, &mut self.keep);
                Some(Binary { mask, count, foreground })
            }),
        }
    }

    fn mask_of_fill(&mut self, own: &Region) -> Option<Binary> {
        let smoothed = self.gaussian.is_some();
        let value = Voxels::filled(self.dtype, [1; 3], self.fill);
        let inside = with_voxels!(&value, array => {
            let value = array[[0, 0, 0]];
            if smoothed { self.threshold.is_foreground(value.to_f32()) } else { self.threshold.is_foreground(value) }
        });
        if !inside {
            return None;
        }
        with_dtype!(self.dtype, T => {
            let value = Voxels::filled(self.dtype, own.shape(), self.fill);
            let array = <T as Value>::unwrap(&value)?;
            let mut mask = Mask::new(Layout::new(*own));
            fill(&mut mask);
            let foreground = foreground(array, &mask, self.threshold, &mut self.keep);
            Some(Binary { mask, count: own.volume(), foreground })
        })
    }
}

/// The packed mask of an array and the number of its voxels, or `None` where there are none.
fn pack<T: Value>(threshold: Threshold, array: &Array3<T>, own: &Region) -> Option<(Mask, usize)> {
    let layout = Layout::new(*own);
    let [nz, ny, nx] = layout.shape;
    let standard = array.as_standard_layout();
    let values = standard.as_slice()?;
    let mut words = vec![0; nx.div_ceil(64)];
    let mut mask: Option<Mask> = None;
    let mut count = 0;
    for (row, values) in values.chunks_exact(nx.max(1)).enumerate().take(nz * ny) {
        threshold.pack_row(values, &mut words);
        if words.iter().all(|&word| word == 0) {
            continue;
        }
        let mask = mask.get_or_insert_with(|| Mask::new(layout));
        let first = layout.bit([row / ny + 1, row % ny + 1, 1]);
        for (x, &word) in (0..nx).step_by(64).zip(&words) {
            mask.write(first + x, (nx - x).min(64), word);
            count += word.count_ones() as usize;
        }
    }
    mask.map(|mask| (mask, count))
}

/// Sets all own voxels.
fn fill(mask: &mut Mask) {
    let layout = *mask.layout();
    let [nz, ny, nx] = layout.shape;
    for z in 1..=nz {
        for y in 1..=ny {
            for x in (0..nx).step_by(64) {
                mask.write(layout.bit([z, y, 1 + x]), (nx - x).min(64), u64::MAX);
            }
        }
    }
}

/// What is to be known of the foreground's values.
fn foreground<T: Value>(array: &Array3<T>, mask: &Mask, threshold: Threshold, keep: &mut usize) -> Foreground {
    if T::DTYPE == Dtype::Bool {
        return Foreground::Constant(1);
    }
    let layout = mask.layout();
    let value = |bit: usize| {
        let [z, y, x] = layout.padded(bit);
        array[[z - 1, y - 1, x - 1]]
    };
    let mut bits = mask.own_bits();
    let first = bits.next().map(value);
    let same = first.is_some_and(|first| {
        T::DTYPE.is_integer()
            && match (threshold, array.as_slice()) {
                // The foreground is all that is not zero: a plain pass, without looking for it.
                (Threshold::Nonzero, Some(values)) => {
                    let other = |v: &T| (*v != first) & (*v != T::default());
                    values.chunks(4096).all(|values| values.iter().filter(|v| other(v)).count() == 0)
                }
                // Stops at the second value.
                _ => bits.all(|bit| value(bit) == first),
            }
    });
    match first {
        Some(first) if same => Foreground::Constant(first.to_f64() as i64),
        _ => {
            let bytes = mask.count() * T::DTYPE.size() + layout.bytes();
            let Some(left) = keep.checked_sub(bytes) else { return Foreground::Varying };
            *keep = left;
            Foreground::Kept(Arc::new(Kept::new(array, [0; 3], mask)))
        }
    }
}
