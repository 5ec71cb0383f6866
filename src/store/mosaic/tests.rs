//! The values of a mosaic, for all formats of tiles and in any parts.

mod brightness;
mod changes;
mod doubts;
mod forms;
mod pixel_sizes;
mod refusals;

use std::fmt::Write;
use std::path::PathBuf;

use ndarray::Array3;

use super::*;
use crate::chunk::{Dtype, Value, Voxels};
use crate::error::Kind;
use crate::kernel::mosaic::resample::Blend;
use crate::space::Spacing;
use crate::store::fixtures::{assert_holds, fixture};
use crate::store::npy::write_npy;
use crate::store::{MosaicOptions, open};

/// A folder of tiles with their table.
struct Scan {
    folder: tempfile::TempDir,
    table: String,
}

impl Scan {
    fn new(columns: &str) -> Scan {
        Scan { folder: tempfile::tempdir().unwrap(), table: format!("{columns}\n") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn row(&mut self, row: &str) {
        writeln!(self.table, "{row}").unwrap();
    }

    /// Adds a tile in a file, and its row.
    fn tile(&mut self, name: &str, place: &str, voxels: &Voxels) {
        let dimensions = if voxels.shape()[0] == 1 { 2 } else { 3 };
        write_npy(self.path(name), voxels, dimensions).unwrap();
        self.row(&format!("{name},{place}"));
    }

    fn table(&self) -> PathBuf {
        let path = self.path("tiles.csv");
        std::fs::write(&path, &self.table).unwrap();
        path
    }

    fn open(&self, options: MosaicOptions) -> Result<MosaicSource> {
        MosaicSource::open(self.table(), &OpenOptions { mosaic: options, ..OpenOptions::default() })
    }

    fn mosaic(&self) -> MosaicSource {
        self.open(MosaicOptions::default()).unwrap()
    }
}

/// Values that differ from voxel to voxel.
fn tile<T: Value>(shape: [usize; 3], value: impl Fn(usize, usize, usize) -> T) -> Voxels {
    T::wrap(Array3::from_shape_fn(shape, |(z, y, x)| value(z, y, x)))
}

fn speckled(shape: [usize; 3], seed: usize) -> Voxels {
    tile(shape, |z, y, x| ((z * 7919 + y * 104_729 + x * 1_299_709 + seed * 15_485_863) % 65_521) as u16)
}

/// All values of a mosaic; its fill value outside the tiles.
fn whole(source: &dyn Source) -> Voxels {
    let Description { shape, dtype, fill, .. } = *source.description();
    let read = source.read(&Region::of_shape(shape)).unwrap();
    read.map_or_else(|| Voxels::filled(dtype, shape, fill), |chunk| chunk.voxels)
}

#[test]
fn tiles_lie_where_the_table_has_them() {
    let mut scan = Scan::new("path,y,x");
    scan.tile("a.npy", "-1,10", &tile([1, 2, 3], |_, y, x| (10 * y + x) as u8));
    scan.tile("b.npy", "0,12", &tile([1, 2, 3], |_, y, x| (100 + 10 * y + x) as u8));
    let mosaic = scan.mosaic();
    assert_eq!((mosaic.origin(), mosaic.description().dimensions), ([0, -1, 10], 2));
    let values = vec![0, 1, 2, 0, 0, 10, 11, 100, 101, 102, 0, 0, 110, 111, 112];
    assert_holds(&mosaic, &Voxels::U8(Array3::from_shape_vec((1, 3, 5), values).unwrap()));
    // Nothing is stored outside the tiles.
    assert!(mosaic.read(&Region::new([0, 0, 3], [1, 1, 5])).unwrap().is_none());
    let covers = |min, max| mosaic.covers(&Region::new(min, max)).unwrap();
    assert!(covers([0, 0, 0], [1, 2, 3]) && covers([0, 1, 0], [1, 2, 5]) && !covers([0, 0, 0], [1, 3, 3]));
}

#[test]
fn volumes_lie_where_the_table_has_them() {
    let mut scan = Scan::new("path,x,y,z");
    scan.tile("a.npy", "0,0,5", &tile([2, 2, 2], |z, y, x| (100 * z + 10 * y + x) as i16 - 50));
    scan.tile("b.npy", "0,0,3", &tile([3, 1, 2], |_, _, _| -7i16));
    let mosaic = scan.mosaic();
    assert_eq!((mosaic.origin(), mosaic.description().shape), ([3, 0, 0], [4, 2, 2]));
    let values = vec![-7, -7, 0, 0, -7, -7, 0, 0, -7, -7, -40, -39, 50, 51, 60, 61];
    assert_holds(&mosaic, &Voxels::I16(Array3::from_shape_vec((4, 2, 2), values).unwrap()));
}

/// A scan of slightly rotated tiles at fractional positions, and of one that is far from square to the axes.
fn turned() -> Scan {
    let mut scan = Scan::new("path,m00,m01,m02,m10,m11,m12");
    for (number, [y, x]) in [[0.0, 0.25], [1.5, 51.75], [47.0, -3.5], [49.3, 52.0]].into_iter().enumerate() {
        let place = format!("0.999,-0.03,{y},0.03,0.999,{x}");
        scan.tile(&format!("{number}.npy"), &place, &speckled([1, 60, 60], number));
    }
    scan.tile("diamond.npy", "0.7,0.7,20,-0.7,0.7,50.5", &speckled([1, 40, 50], 9));
    scan
}

#[test]
fn the_parts_that_a_mosaic_is_read_in_do_not_change_its_values() {
    let scan = turned();
    for blend in [Blend::Max, Blend::Mean, Blend::First, Blend::Feather] {
        for order in [Interpolation::Nearest, Interpolation::Linear, Interpolation::Cubic] {
            let mosaic = scan.open(MosaicOptions { blend, order, ..MosaicOptions::default() }).unwrap();
            assert_holds(&mosaic, &whole(&mosaic));
        }
    }
}

#[test]
fn every_part_holds_what_all_tiles_together_put_there() {
    let scan = turned();
    let mosaic = scan.mosaic();
    let mut all = Composition::new(mosaic.canvas, Blend::Max);
    for row in &mosaic.table().rows {
        let source = open(&row.path, &OpenOptions::default()).unwrap();
        all.add(&Prepared::new(whole(&*source), Interpolation::Linear), &row.placement.inverse().unwrap(), 1.0);
    }
    let all = all.finish(Dtype::U16);
    assert!(with_values(&all) > 10_000);
    assert_holds(&mosaic, &all);
}

fn with_values(voxels: &Voxels) -> usize {
    crate::with_voxels!(voxels, array => array.iter().filter(|v| v.to_f64() != 0.0).count())
}

#[test]
fn the_order_of_rows_counts_for_the_first_alone() {
    let scan = turned();
    let mut lines: Vec<&str> = scan.table.lines().collect();
    lines[1..].reverse();
    let reversed = scan.path("reversed.csv");
    std::fs::write(&reversed, lines.join("\n")).unwrap();
    let read = |blend| {
        let mosaic = MosaicOptions { blend, ..MosaicOptions::default() };
        let options = OpenOptions { mosaic, ..OpenOptions::default() };
        [scan.table(), reversed.clone()].map(|path| whole(&MosaicSource::open(path, &options).unwrap()))
    };
    let ([max, other_max], [first, other_first]) = (read(Blend::Max), read(Blend::First));
    assert_eq!(max, other_max);
    assert_ne!(first, other_first);
}

#[test]
fn tiles_are_turned_and_cropped_before_they_are_placed() {
    let mut scan = Scan::new("path,z,y,x");
    let values = tile([3, 5, 6], |z, y, x| (100 * z + 10 * y + x) as f32 + 1.0);
    scan.tile("a.npy", "10,20,30", &values);
    let options = MosaicOptions { flip: [true, false, true], crop: [1, 2, 0], ..MosaicOptions::default() };
    let mosaic = scan.open(options).unwrap();
    // A plane and two rows are cut off at either end; the rest stays in its place.
    assert_eq!(mosaic.origin(), [11, 22, 30]);
    assert_holds(&mosaic, &tile([1, 1, 6], |_, _, x| (100 + 20 + (5 - x)) as f32 + 1.0));
}

#[test]
fn tiles_of_all_forms_are_placed() {
    for (name, columns, place) in [
        ("be_2d.npy", "path,y,x", "5,-3"),
        ("imagej.tif", "path,z,y,x", "-2,5,3"),
        ("tiled_deflate.tif", "path,z,y,x", "0,0,0"),
        ("slices", "path,z,y,x", "1,2,3"),
        ("v2_blosc.zarr", "path,z,y,x", "1,2,3"),
        ("v3_sharded.zarr", "path,z,y,x", "-1,-2,-3"),
        ("v3_blosc_2d.zarr", "path,y,x", "7,8"),
    ] {
        let mut scan = Scan::new(columns);
        scan.row(&format!("{},{place}", fixture(name).display()));
        let (mosaic, image) = (scan.mosaic(), open(&fixture(name), &OpenOptions::default()).unwrap());
        assert_holds(&mosaic, &whole(&*image));
        let (one, other) = (mosaic.description(), image.description());
        assert_eq!((one.spacing, &one.unit, one.dimensions), (other.spacing, &other.unit, other.dimensions), "{name}");
        assert!(mosaic.mark(&Region::of_shape(one.shape)).unwrap().is_some(), "{name}");
    }
}

#[test]
fn the_channel_that_is_picked_is_read_of_every_tile() {
    let image = fixture("ome05.zarr");
    let times = |options| OpenOptions { time: Some(1), ..options };
    let expected = |channel| {
        let options = times(OpenOptions { channel: Some(channel), ..OpenOptions::default() });
        whole(&*open(&image, &options).unwrap())
    };
    for columns in ["path,z,y,x", "path,z,y,x,channel"] {
        let mut scan = Scan::new(columns);
        let channels: &[&str] = if columns.ends_with("channel") { &[",0", ",1", ",2"] } else { &[""] };
        for channel in channels {
            scan.row(&format!("{},2,0,0{channel}", image.display()));
        }
        let refused = MosaicSource::open(scan.table(), &times(OpenOptions::default())).unwrap_err();
        assert_eq!(refused.kind(), Kind::Usage);
        assert!(refused.to_string().contains("--channel"), "{refused}");
        for channel in [0, 1, 2] {
            let options = times(OpenOptions { channel: Some(channel), ..OpenOptions::default() });
            let mosaic = MosaicSource::open(scan.table(), &options).unwrap();
            assert_eq!(whole(&mosaic), expected(channel), "{columns}");
            assert_eq!(mosaic.description().unit.as_deref(), Some("micrometer"));
        }
        let none = MosaicSource::open(scan.table(), &times(OpenOptions { channel: Some(3), ..OpenOptions::default() }));
        assert_eq!(none.unwrap_err().kind(), Kind::Usage);
    }
}

#[test]
fn channels_share_a_canvas() {
    let mut scan = Scan::new("path,y,x,channel");
    write_npy(scan.path("a.npy"), &tile([1, 2, 2], |_, _, _| 1u8), 2).unwrap();
    write_npy(scan.path("b.npy"), &tile([1, 2, 2], |_, _, _| 2u8), 2).unwrap();
    scan.row("a.npy,0,0,3");
    scan.row("b.npy,1,1,5");
    let read = |channel| {
        let options = OpenOptions { channel: Some(channel), ..OpenOptions::default() };
        whole(&*open(&scan.table(), &options).unwrap())
    };
    let of = |values: [u8; 9]| Voxels::U8(Array3::from_shape_vec((1, 3, 3), values.to_vec()).unwrap());
    assert_eq!(read(3), of([1, 1, 0, 1, 1, 0, 0, 0, 0]));
    assert_eq!(read(5), of([0, 0, 0, 0, 2, 2, 0, 2, 2]));
}

#[test]
fn spacing_is_that_of_the_table_or_of_the_first_tile() {
    let mut scan = Scan::new("path,y,x,pixel_size");
    scan.tile("a.npy", "0,0,0.5", &speckled([1, 4, 4], 0));
    scan.tile("b.npy", "2,1,0.5", &speckled([1, 4, 4], 1));
    let mosaic = scan.mosaic();
    assert_eq!((mosaic.description().spacing, mosaic.description().shape), (Spacing([1.0, 0.5, 0.5]), [1, 8, 6]));
    let given = OpenOptions { spacing: Some(vec![2.0, 3.0]), ..OpenOptions::default() };
    let given = open(&scan.table(), &given).unwrap();
    assert_eq!(given.description().spacing, Spacing([1.0, 2.0, 3.0]));
}

#[test]
fn a_part_of_a_mosaic_is_read_as_an_image() {
    let mut scan = Scan::new("path,y,x");
    scan.tile("a.npy", "5,-7", &speckled([1, 30, 40], 0));
    let options = OpenOptions { region: Some(vec![3..20, 4..30]), ..OpenOptions::default() };
    let part = open(&scan.table(), &options).unwrap();
    assert_holds(&*part, &speckled([1, 30, 40], 0).part(&Region::new([0, 3, 4], [1, 20, 30])));
}

#[test]
fn a_canvas_that_is_given_has_room_around_its_tiles() {
    let mut scan = Scan::new("path,y,x");
    scan.tile("a.npy", "1,1", &tile([1, 1, 1], |_, _, _| 9u8));
    let options = MosaicOptions { canvas: Some(vec![0..3, -1..2]), ..MosaicOptions::default() };
    let mosaic = scan.open(options).unwrap();
    assert_eq!(mosaic.origin(), [0, 0, -1]);
    let values = vec![0, 0, 0, 0, 0, 9, 0, 0, 0];
    assert_holds(&mosaic, &Voxels::U8(Array3::from_shape_vec((1, 3, 3), values).unwrap()));
}

#[test]
fn each_tile_is_decoded_once_whoever_reads_it() {
    let mut scan = Scan::new("path,y,x");
    for number in 0..12usize {
        let place = format!("{},{}", 90 * (number / 4), 90 * (number % 4));
        scan.tile(&format!("{number}.npy"), &place, &speckled([1, 100, 100], number));
    }
    let mosaic = scan.mosaic();
    assert_eq!(mosaic.decoded(), 0);
    let grid = Grid::new(Region::of_shape(mosaic.description().shape), [1, 32, 32]);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let mosaic = &mosaic;
            scope.spawn(move || {
                for chunk in grid.chunks().skip(worker % 2) {
                    mosaic.read(&grid.region(chunk)).unwrap();
                }
            });
        }
    });
    assert_eq!(mosaic.decoded(), 12);
    // Without room for more than the last tile they are decoded again.
    let options = OpenOptions { cache: Some(0), ..OpenOptions::default() };
    let mosaic = MosaicSource::open(scan.table(), &options).unwrap();
    for chunk in grid.chunks() {
        mosaic.read(&grid.region(chunk)).unwrap();
    }
    assert!(mosaic.decoded() > 12);
}

#[test]
fn tiles_that_a_row_of_chunks_meets_are_held() {
    let shape = [1, 10_000, 200_000];
    let outlines: Vec<Region> = (0..100).map(|x| Region::new([0, 0, 1900 * x], [1, 2048, 1900 * x + 2048])).collect();
    let index = TileIndex::new(shape, &outlines);
    let chunk = [1, 1024, 1024];
    let mut description = Description {
        name: String::new(),
        shape,
        dimensions: 2,
        dtype: Dtype::U16,
        stored: Dtype::U16.into(),
        spacing: Spacing::default(),
        unit: None,
        chunk,
        fill: 0.0,
        offset: [0.0; 3],
        downsample: Description::downsample_of(Dtype::U16),
    };
    let tile = 2048 * 2048 * 2;
    assert_eq!(cache_size(&description, &index, &[tile; 100]), ROW_CACHE);
    assert_eq!(cache_size(&description, &index, &[tile / 2; 100]), 100 * tile / 2);
    assert_eq!(cache_size(&description, &index, &[100 * tile; 100]), 8 * 100 * tile);
    description.shape = [1, 10_000, 2048];
    assert_eq!(cache_size(&description, &TileIndex::new(description.shape, &outlines[..1]), &[tile]), LEAST_CACHE);
}
