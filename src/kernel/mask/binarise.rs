//! Masks from an image's values: optional smoothing, then a threshold.

use std::sync::Arc;

use ndarray::Array3;

use crate::chunk::{Dtype, Value, Voxels};
use crate::kernel::mask::smooth::Gaussian;
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::mask::{Layout, Mask};
use crate::space::{Position, Region};
use crate::{with_dtype, with_voxels};

/// The mask of one chunk, with the image's values that later stages need.
#[derive(Clone, Debug)]
pub struct Binary {
    /// The mask; its halo is empty.
    pub mask: Mask,
    /// Where the threshold asks for strong voxels ([`Threshold::strong`]): the mask of those, if there are any.
    pub strong: Option<Mask>,
    /// Number of foreground voxels, at least one.
    pub count: usize,
    /// The image's values in the foreground.
    pub foreground: Foreground,
}

impl Binary {
    /// The part inside another mask of the same box; `None` if it is empty.
    ///
    /// # Panics
    /// If the other mask is of another box.
    pub fn within(mut self, inside: &Mask) -> Option<Binary> {
        self.mask.intersect(inside);
        self.count = self.mask.count();
        self.strong = self.strong.filter(|_| self.count > 0).map(|mut strong| {
            strong.intersect(inside);
            strong
        });
        (self.count > 0).then_some(self)
    }
}

/// The image's values in the foreground of a chunk, if they are kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Foreground {
    /// One integer everywhere, as in a mask.
    Constant(i64),
    /// They vary, and are read again if needed.
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
    /// The bytes of the values of `count` voxels, of a size each, in a mask of a layout.
    fn bytes(count: usize, size: usize, layout: &Layout) -> usize {
        count * size + layout.bytes() + (layout.rows() + 1) * size_of::<u32>()
    }

    /// The `count` values of an array where a mask is set; the first voxel of the mask is at `corner` in the array.
    fn new<T: Value>(array: &Array3<T>, corner: Position, mask: &Mask, count: usize) -> Self {
        let layout = *mask.layout();
        let mut values = Vec::with_capacity(count);
        let standard = array.as_standard_layout();
        let all = standard.as_slice().expect("standard layout is contiguous");
        let ((_, height, width), [corner_z, corner_y, corner_x]) = (array.dim(), corner.map(|p| p as usize));
        for (first, mut word) in mask.own_runs() {
            let [z, y, x] = layout.padded(first);
            let row = &all[((z - 1 + corner_z) * height + y - 1 + corner_y) * width + x - 1 + corner_x..];
            // Run by run.
            while word != 0 {
                let start = word.trailing_zeros();
                let length = (word >> start).trailing_ones();
                values.extend_from_slice(&row[start as usize..][..length as usize]);
                word = if length == 64 { 0 } else { word & !(((1 << length) - 1) << start) };
            }
        }
        let values = Array3::from_shape_vec((1, 1, values.len()), values).expect("as many values as the shape says");
        Kept::of_values(T::wrap(values), mask)
    }

    /// The values where a mask is set, in raster order as an array of one row.
    pub(super) fn of_values(values: Voxels, mask: &Mask) -> Self {
        let layout = mask.layout();
        let mut before = vec![0; layout.rows() + 1];
        for (first, word) in mask.own_runs() {
            before[first / layout.row() + 1] += word.count_ones();
        }
        for row in 1..before.len() {
            before[row] += before[row - 1];
        }
        Kept { mask: mask.clone(), before, values }
    }

    /// The place in [`Kept::values`] of the value at the position of a foreground voxel.
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

/// Computes masks of chunks.
#[derive(Clone, Debug)]
pub struct Binarise {
    /// Smoothing before the threshold.
    pub gaussian: Option<Gaussian>,
    /// The condition for foreground.
    pub threshold: Threshold,
    /// The bounds of the volume, at which smoothing reflects.
    pub bounds: Region,
    /// The type of the image's values.
    pub dtype: Dtype,
    /// The value of voxels that are not stored.
    pub fill: f64,
    /// Remaining bytes for foreground values that vary and are kept.
    pub keep: usize,
}

impl Binarise {
    /// The depth of the halo of the image on which the mask of a chunk depends.
    pub fn depth(&self) -> [usize; 3] {
        self.gaussian.as_ref().map_or([0; 3], Gaussian::depth)
    }

    /// The type of the values that a threshold looks at: smoothed ones are `f32`.
    pub fn compared_dtype(&self) -> Dtype {
        if self.gaussian.is_some() { Dtype::F32 } else { self.dtype }
    }

    /// The smoothed values of a box, from the values of the box around it; `None` if the image is not smoothed.
    pub fn smooth(&mut self, voxels: &Voxels, region: &Region, own: &Region) -> Option<Array3<f32>> {
        let gaussian = self.gaussian.as_mut()?;
        Some(with_voxels!(voxels, array => gaussian.smooth(array.view(), region, own, &self.bounds)))
    }

    /// Calls `see` with the values of a chunk that are compared with the threshold: the smoothed ones, or the image's
    /// own. The other arguments are those of [`Binarise::mask`].
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
            Some(smoothed) => {
                let smoothed = f32::wrap(smoothed);
                let seen = see(&smoothed);
                smoothed.recycle();
                seen
            }
            None => see(voxels),
        }
    }

    /// The mask of a chunk; `None` if all of it is background.
    ///
    /// `voxels` are the values of `region`, which is the chunk's box `own` with at least [`Binarise::depth`] voxels on
    /// every side inside the bounds; without them every value is the fill value. Values further away are removed by a
    /// copy.
    pub fn mask(&mut self, voxels: Option<&Voxels>, region: &Region, own: &Region) -> Option<Binary> {
        let needed = region.intersection(&own.dilated(self.depth()));
        match voxels {
            Some(voxels) if needed != *region => {
                let inside = needed.shifted(region.min.map(|m| -m));
                self.mask_of(&voxels.part(&inside), &needed, own)
            }
            Some(voxels) => self.mask_of(voxels, region, own),
            // Smoothing keeps zeros, but may round other values.
            None if self.gaussian.is_none() || self.fill == 0.0 => self.mask_of_fill(own),
            None => self.mask_of(&Voxels::filled(self.dtype, region.shape(), self.fill), region, own),
        }
    }

    fn mask_of(&mut self, voxels: &Voxels, region: &Region, own: &Region) -> Option<Binary> {
        match &self.gaussian {
            Some(_) => {
                let (mask, count) = self.smoothed_mask(self.threshold, voxels, region, own)?;
                let strong = self.threshold.strong();
                let strong = strong.and_then(|strong| Some(self.smoothed_mask(strong, voxels, region, own)?.0));
                // The image's own values are in a larger box.
                let inner = own.shifted(region.min.map(|m| -m));
                let bytes = Kept::bytes(count, self.dtype.size(), mask.layout());
                let foreground = match self.keep.checked_sub(bytes) {
                    None => Foreground::Varying,
                    Some(left) => {
                        self.keep = left;
                        let values = with_voxels!(voxels, array => Kept::new(array, inner.min, &mask, count));
                        Foreground::Kept(Arc::new(values))
                    }
                };
                Some(Binary { mask, strong, count, foreground })
            }
            None => with_voxels!(voxels, array => {
                let (mask, count) = pack(self.threshold, array, own)?;
                let strong = self.threshold.strong().and_then(|strong| Some(pack(strong, array, own)?.0));
                let foreground = foreground(array, (&mask, count), self.threshold, &mut self.keep);
                Some(Binary { mask, strong, count, foreground })
            }),
        }
    }

    /// The mask of smoothed values that pass a threshold and its number of voxels; `None` without any.
    fn smoothed_mask(
        &mut self,
        threshold: Threshold,
        voxels: &Voxels,
        region: &Region,
        own: &Region,
    ) -> Option<(Mask, usize)> {
        let gaussian = self.gaussian.as_mut()?;
        let mut packing = Packing::new(own);
        let mut take = |place: [usize; 2], words: &[u64]| packing.take(place, words);
        with_voxels!(voxels, array => {
            gaussian.foreground(array.view(), region, own, &self.bounds, threshold, &mut take);
        });
        packing.finish()
    }

    fn mask_of_fill(&mut self, own: &Region) -> Option<Binary> {
        let smoothed = self.gaussian.is_some();
        let value = Voxels::filled(self.dtype, [1; 3], self.fill);
        let is_inside = |threshold: Threshold| {
            with_voxels!(&value, array => {
                let value = array[[0, 0, 0]];
                if smoothed { threshold.is_foreground(value.to_f32()) } else { threshold.is_foreground(value) }
            })
        };
        if !is_inside(self.threshold) {
            return None;
        }
        let is_strong = self.threshold.strong().is_some_and(is_inside);
        with_dtype!(self.dtype, T => {
            let value = Voxels::filled(self.dtype, own.shape(), self.fill);
            let array = <T as Value>::unwrap(&value)?;
            let mut mask = Mask::new(Layout::new(*own));
            fill(&mut mask);
            let foreground = foreground(array, (&mask, own.volume()), self.threshold, &mut self.keep);
            let strong = is_strong.then(|| mask.clone());
            Some(Binary { mask, strong, count: own.volume(), foreground })
        })
    }
}

/// A mask that is built row by row, with its number of voxels; `None` before the first voxel.
struct Packing {
    layout: Layout,
    mask: Option<Mask>,
    count: usize,
}

impl Packing {
    fn new(own: &Region) -> Self {
        Packing { layout: Layout::new(*own), mask: None, count: 0 }
    }

    /// Adds the packed foreground of an own row.
    fn take(&mut self, [z, y]: [usize; 2], words: &[u64]) {
        if words.iter().all(|&word| word == 0) {
            return;
        }
        let mask = self.mask.get_or_insert_with(|| Mask::new(self.layout));
        let (first, width) = (self.layout.bit([z + 1, y + 1, 1]), self.layout.shape[2]);
        for (x, &word) in (0..width).step_by(64).zip(words) {
            mask.write(first + x, (width - x).min(64), word);
            self.count += word.count_ones() as usize;
        }
    }

    fn finish(self) -> Option<(Mask, usize)> {
        self.mask.map(|mask| (mask, self.count))
    }
}

/// The packed mask of an array and its number of voxels; `None` without any.
fn pack<T: Value>(threshold: Threshold, array: &Array3<T>, own: &Region) -> Option<(Mask, usize)> {
    let mut packing = Packing::new(own);
    let [_, height, width] = own.shape();
    let standard = array.as_standard_layout();
    let words = threshold.pack_rows(standard.as_slice()?, width);
    for (row, words) in words.chunks_exact(width.div_ceil(64).max(1)).enumerate() {
        packing.take([row / height, row % height], words);
    }
    packing.finish()
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

/// The values of the foreground, if they are constant or kept.
fn foreground<T: Value>(
    array: &Array3<T>,
    (mask, count): (&Mask, usize),
    threshold: Threshold,
    keep: &mut usize,
) -> Foreground {
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
                (Threshold::Nonzero, Some(values)) => is_zero_or(first, values),
                // Stops at the first different value.
                _ => bits.all(|bit| value(bit) == first),
            }
    });
    match first {
        Some(first) if same => Foreground::Constant(first.to_f64() as i64),
        _ => {
            let bytes = Kept::bytes(count, T::DTYPE.size(), layout);
            let Some(left) = keep.checked_sub(bytes) else { return Foreground::Varying };
            *keep = left;
            Foreground::Kept(Arc::new(Kept::new(array, [0; 3], mask, count)))
        }
    }
}

/// Whether all values are zero or `other`. Stops soon after the first that is neither.
fn is_zero_or<T: Value>(other: T, values: &[T]) -> bool {
    values.chunks(4096).all(|values| are_zero_or(other, values))
}

#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn are_zero_or<T: Value>(other: T, values: &[T]) -> bool {
    values.iter().fold(true, |are, value| are & ((*value == other) | (*value == T::default())))
}
