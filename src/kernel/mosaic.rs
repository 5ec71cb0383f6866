//! Mosaics of tiles: their positions, resampling and brightness.

pub mod affine;
pub mod correction;
pub mod gains;
pub mod resample;
