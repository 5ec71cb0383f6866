use proptest::prelude::*;

use super::*;
use crate::chunk::Voxels;
use crate::grid::Grid;

proptest! {
    #[test]
    fn whole_pixels_of_a_box_hold_the_voxels_that_share_a_pixel_with_it(
        first in -3000i64..3000,
        length in 1i64..9000,
        (from, to) in (0.0..1.0f64, 0.0..1.0f64),
    ) {
        let [from, to] = [from, to].map(|share| first + (share * length as f64) as i64);
        let projections = Projections::new(Region::new([0, -7, first], [1, 5, first + length]), 2);
        let region = Region::new([0, -6, from.min(to)], [1, 2, from.max(to) + 1]);
        let whole = projections.whole_pixels(&region);
        let pixel = |x: i64| projections.pixel([0, 0, x], 2);
        let pixels = pixel(region.min[2])..=pixel(region.max[2] - 1);
        for x in first..first + length {
            prop_assert_eq!((whole.min[2]..whole.max[2]).contains(&x), pixels.contains(&pixel(x)), "{}", x);
        }
    }
}

fn image(shape: [usize; 3], seed: u64) -> Chunk {
    let mut state = seed;
    let values = Array3::from_shape_simple_fn(shape, || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 48) as i16
    });
    Chunk { region: Region::of_shape(shape), voxels: Voxels::I16(values) }
}

fn part(image: &Chunk, region: Region) -> Chunk {
    Chunk { region, voxels: image.voxels.part(&region) }
}

/// The definition, voxel by voxel.
fn plainly(image: &Chunk, dimensions: usize) -> Projections {
    let mut projections = Projections::new(image.region, dimensions);
    let Voxels::I16(values) = &image.voxels else { unreachable!("an image of i16") };
    for ((z, y, x), &v) in values.indexed_iter() {
        let along = [0, 1, 2].map(|axis| projections.pixels_along(axis)[[z, y, x][axis]]);
        for (panel, axes) in projections.panels.iter_mut().zip(PANEL_AXES) {
            let [row, column] = axes.map(|axis| along[axis]);
            let pixel = &mut panel.values[row * panel.shape[1] + column];
            *pixel = pixel.max(f32::from(v));
        }
    }
    projections
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn chunks_in_any_order_give_the_projections_of_the_whole(
        shape in prop::array::uniform3(1usize..40),
        chunk in prop::array::uniform3(1usize..40),
        seed in any::<u64>(),
        dimensions in 2usize..4,
    ) {
        let image = image(shape, seed);
        let mut projections = Projections::new(image.region, dimensions);
        let grid = Grid::new(image.region, chunk);
        let mut ids: Vec<_> = grid.chunks().collect();
        ids.sort_by_key(|id| id.place().map(|p| (p.wrapping_mul(7919) ^ seed as i64) % 5));
        for (i, id) in ids.into_iter().enumerate() {
            let part = part(&image, grid.region(id));
            if i % 2 == 0 {
                projections.add_chunk(&part);
            } else {
                projections.merge(&Projections::of_chunk(image.region, dimensions, &part));
            }
        }
        prop_assert_eq!(&projections, &plainly(&image, dimensions));
        let mut of_parts = Projections::new(image.region, dimensions);
        projections.parts().for_each(|part| of_parts.merge(&part));
        prop_assert_eq!(of_parts, projections);
    }
}

#[test]
fn parts_stay_of_use_while_bounds_grow_and_the_scale_does_not() {
    let image = image([4, 30, 1030], 3);
    let small = Region::of_shape([4, 20, 1000]);
    let grown = Region::of_shape([4, 30, 1024]);
    let old = Projections::of_chunk(small, 3, &part(&image, small));
    assert!(old.fits(&small) && old.fits(&grown));
    let mut whole = Projections::new(grown, 3);
    whole.merge(&old);
    for rest in [Region::new([0, 20, 0], [4, 30, 1024]), Region::new([0, 0, 1000], [4, 20, 1024])] {
        whole.merge(&Projections::of_chunk(grown, 3, &part(&image, rest)));
    }
    assert_eq!(whole, plainly(&part(&image, grown), 3));
    // Half the resolution, and a different first voxel.
    assert!(!old.fits(&Region::of_shape([4, 30, 1025])));
    assert!(!old.fits(&Region::new([0, -1, 0], [4, 20, 1000])));
    assert!(!Projections::of_chunk(small, 3, &part(&image, small)).fits(&image.region));
}

#[test]
fn a_large_image_is_scaled_down_and_keeps_its_single_bright_voxels() {
    let mut image = image([1, 3, 2500], 1);
    let Voxels::I16(values) = &mut image.voxels else { unreachable!("an image of i16") };
    values.fill(0);
    values[[0, 2, 2499]] = 9;
    let mut projections = Projections::new(image.region, 2);
    projections.add_chunk(&part(&image, Region::new([0, 0, 1250], [1, 3, 2500])));
    projections.add_constant(&Region::new([0, 0, 0], [1, 3, 1250]), 5.0);
    assert_eq!((projections.scale, projections.panels()[0].shape), (3, [1, 834]));
    let row = &projections.panels()[0].values;
    assert_eq!((row[0], row[416], row[417], row[833]), (5.0, 5.0, 0.0, 9.0));
}
