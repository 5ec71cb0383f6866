//! What property tests draw: masks, chunk shapes.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::sequential::Mask;

/// A mask of at most `longest` voxels along each axis, from nearly empty to nearly full: noise, or noise in lumps of
/// 2x2x2 (which thinning works on for longer). One case in four has an axis of one voxel.
pub(crate) fn mask(longest: usize) -> impl Strategy<Value = Mask> {
    let shape = (1..=longest, 1..=longest, 1..=longest, 0usize..12).prop_map(|(z, y, x, flat)| {
        let mut shape = [z, y, x];
        if flat < 3 {
            shape[flat] = 1;
        }
        shape
    });
    (shape, select(vec![15u8, 40, 80, 130, 180, 230]), any::<bool>()).prop_flat_map(|(shape, density, lumps)| {
        let coarse = if lumps { shape.map(|n| n.div_ceil(2)) } else { shape };
        vec(any::<u8>(), coarse.iter().product::<usize>()).prop_map(move |noise| {
            let noise = Mask::new(coarse, noise.iter().map(|&n| n < density).collect());
            Mask::from_fn(shape, |p| noise.get(if lumps { p.map(|n| n / 2) } else { p }))
        })
    })
}

/// A chunk shape for a volume: each axis on its own, from one voxel to more than the whole.
pub(crate) fn chunk_shape(shape: [usize; 3]) -> impl Strategy<Value = [usize; 3]> {
    (1..=shape[0] + 1, 1..=shape[1] + 1, 1..=shape[2] + 1).prop_map(|(z, y, x)| [z, y, x])
}

/// A mask with branches, loops and seams to cross everywhere: three slanting tubes and a shell, the same every time.
pub(crate) fn tangle(shape: [usize; 3]) -> Mask {
    let centre = shape.map(|n| (n as f64 - 1.0) / 2.0);
    Mask::from_fn(shape, |p| {
        let [z, y, x]: [f64; 3] = std::array::from_fn(|a| p[a] as f64 - centre[a]);
        let tube = |a: f64, b: f64| a * a + b * b < 3.5;
        let radius = (z * z + y * y + x * x).sqrt();
        tube(z - 0.4 * x, y + 0.3 * x)
            || tube(x - 0.5 * y, z + 2.0)
            || tube(y - 0.6 * z, x - 3.0)
            || (5.0..6.3).contains(&radius) && z > -2.0
    })
}
