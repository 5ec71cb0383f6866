//! Mosaics of tiles: where each lies, how it is resampled, and how bright it is.

pub mod affine;
pub mod correction;
pub mod gains;
pub mod resample;
