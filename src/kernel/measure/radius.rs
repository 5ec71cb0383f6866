//! The radius at a voxel.

use bytemuck::NoUninit;
use serde::{Deserialize, Serialize};

use super::bits::Bits;
use crate::kernel::varint;

/// The radius at a voxel, and whether the object there may continue outside the image.
#[derive(Clone, Copy, NoUninit, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(transparent)]
pub struct Radius(
    /// Radii are above zero, so the sign holds whether the voxel touches the border.
    pub(super) Bits,
);

impl Radius {
    /// A radius above zero; infinite for a mask without background.
    pub fn new(radius: f64, touches_border: bool) -> Self {
        debug_assert!(radius > 0.0, "a radius is above zero, not {radius}");
        Radius(Bits::from(if touches_border { -radius } else { radius }))
    }

    /// The radius; infinite for a mask without background.
    #[inline]
    pub fn get(self) -> f64 {
        self.0.get().abs()
    }

    /// The radius; `None` for a mask without background.
    pub fn finite(self) -> Option<f64> {
        Some(self.get()).filter(|radius| radius.is_finite())
    }

    /// Whether the voxel lies in the outermost layer of the image, or nearer to its bounds than to the background.
    #[inline]
    pub fn touches_border(self) -> bool {
        self.0.get().is_sign_negative()
    }

    /// Its bits, for [`Radius::from_bits`].
    pub fn bits(self) -> u64 {
        bytemuck::cast(self)
    }

    /// The radius with these bits; `None` if there is none.
    pub fn from_bits(bits: u64) -> Option<Radius> {
        let radius = f64::from_bits(bits);
        (radius.abs() > 0.0).then(|| Radius(radius.into()))
    }

    /// At unit spacing a radius is the square root of an integer, which takes one or two bytes.
    pub(super) fn write(self, bytes: &mut Vec<u8>) {
        let radius = self.get();
        let square = (radius * radius).round();
        let touches = u64::from(self.touches_border());
        if square < (1u64 << 50) as f64 && square.sqrt() == radius {
            varint::push(bytes, (square as u64) << 2 | touches << 1);
        } else {
            varint::push(bytes, touches << 1 | 1);
            Bits::from(radius).write(bytes);
        }
    }

    pub(super) fn read(bytes: &[u8], at: &mut usize) -> Option<Self> {
        let head = varint::read(bytes, at)?;
        let radius = if head & 1 == 0 { ((head >> 2) as f64).sqrt() } else { Bits::read(bytes, at)?.get() };
        (radius > 0.0).then(|| Radius::new(radius, head & 2 != 0))
    }
}

impl std::fmt::Debug for Radius {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.get(), if self.touches_border() { " at the border" } else { "" })
    }
}
