//! Cost of resampling a tile onto a canvas: nanoseconds per voxel of the canvas.
//!
//! A tile of 2048 x 2048 voxels, or 128 planes of 192 x 192, on a canvas of the same size, in parts of 1024 x 1024 or
//! 64 voxels a side, from an empty part to its values. `copy` moves the tile by whole voxels, `shift` by fractions,
//! `turn` also rotates it by one degree, `30°` by thirty, `90°` by ninety. `prepare` makes the tile ready for
//! resampling. The memory of a part is allocated anew each time, as in a run.
//!
//!     cargo bench --no-default-features --bench resample

use std::hint::black_box;
use std::time::Instant;

use anabranch::chunk::{Dtype, Value, Voxels};
use anabranch::grid::Grid;
use anabranch::kernel::mosaic::affine::Affine;
use anabranch::kernel::mosaic::resample::{Blend, Composition, Interpolation, Prepared};
use anabranch::space::Region;
use ndarray::Array3;

/// The shortest of several times, in nanoseconds, to exclude other work on the machine.
fn shortest(mut work: impl FnMut()) -> f64 {
    let mut shortest = f64::INFINITY;
    for _ in 0..9 {
        let start = Instant::now();
        work();
        shortest = shortest.min(start.elapsed().as_nanos() as f64);
    }
    shortest
}

/// Uncorrelated values.
fn noise(dtype: Dtype, shape: [usize; 3]) -> Voxels {
    fn array<T: Value>(shape: [usize; 3], convert: fn(u16) -> T) -> Voxels {
        let mut state = 1u64;
        T::wrap(Array3::from_shape_simple_fn(shape, || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            convert((state >> 48) as u16)
        }))
    }
    match dtype {
        Dtype::U8 => array(shape, |v| (v >> 8) as u8),
        Dtype::U16 => array(shape, |v| v),
        Dtype::F64 => array(shape, f64::from),
        _ => array(shape, f32::from),
    }
}

/// A rotation by some degrees about the middle of a tile, and a shift.
fn turned(shape: [usize; 3], degrees: f64, shift: f64) -> Affine {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let middle = shape.map(|n| (n as f64 - 1.0) / 2.0);
    let turn = Affine { matrix: [[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]], offset: [0.0; 3] };
    let z = if shape[0] > 1 { shift } else { 0.0 };
    let there = Affine::translation([middle[0] + z, middle[1] + shift, middle[2] + shift]);
    there.after(&turn).after(&Affine::translation(middle.map(|m| -m)))
}

fn main() {
    print!("{:8} {:8} {:8} {:>8}", "dtype", "order", "blend", "prepare");
    let maps = [("copy", 0.0, 3.0), ("shift", 0.0, 3.3), ("turn", 1.0, 3.3), ("30°", 30.0, 3.3), ("90°", 90.0, 3.3)];
    println!("{}", maps.map(|(name, ..)| format!(" {name:>7}")).concat());
    let (plane, cube) = (([1, 2048, 2048], [1, 1024, 1024]), ([128, 192, 192], [64; 3]));
    let all = [Interpolation::Nearest, Interpolation::Linear, Interpolation::Cubic]
        .map(|order| (Dtype::U16, order, Blend::Max, plane));
    let cases = all.into_iter().chain([
        (Dtype::U8, Interpolation::Linear, Blend::Max, plane),
        (Dtype::F32, Interpolation::Linear, Blend::Max, plane),
        (Dtype::F64, Interpolation::Linear, Blend::Max, plane),
        (Dtype::U16, Interpolation::Linear, Blend::First, plane),
        (Dtype::U16, Interpolation::Linear, Blend::Mean, plane),
        (Dtype::U16, Interpolation::Linear, Blend::Feather, plane),
        (Dtype::U16, Interpolation::Nearest, Blend::Max, cube),
        (Dtype::U16, Interpolation::Linear, Blend::Max, cube),
        (Dtype::U16, Interpolation::Cubic, Blend::Max, cube),
    ]);
    for (dtype, order, blend, (shape, chunk)) in cases {
        let volume = shape.iter().product::<usize>() as f64;
        let values = noise(dtype, shape);
        let prepare = shortest(|| drop(black_box(Prepared::new(values.clone(), order))));
        let tile = Prepared::new(values, order);
        print!("{:8} {:8} {:8} {:8.2}", dtype.name(), format!("{order:?}"), format!("{blend:?}"), prepare / volume);
        for (_, degrees, shift) in maps {
            let to_tile = turned(shape, degrees, shift);
            let canvas = Grid::new(Region::of_shape(shape), chunk);
            let part = |region: Region| {
                shortest(|| {
                    let mut composition = Composition::new(region, blend);
                    composition.add(&tile, &to_tile, 1.0);
                    drop(black_box(composition.finish(dtype)));
                })
            };
            let time: f64 = canvas.chunks().map(|id| part(canvas.region(id))).sum();
            print!(" {:7.2}", time / volume);
        }
        println!();
    }
}
