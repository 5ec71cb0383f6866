//! Bad tables, tiles and options: each is named, with advice.

use tiff::encoder::{TiffEncoder, colortype};

use super::*;
use crate::store::MissingTiles;

fn refused(scan: &Scan, options: MosaicOptions) -> (Kind, String) {
    let error = scan.open(options).unwrap_err();
    let (kind, text) = (error.kind(), error.to_string());
    assert!(text.starts_with(&scan.path("tiles.csv").display().to_string()), "{text}");
    (kind, text)
}

fn assert_refused(scan: &Scan, options: MosaicOptions, kind: Kind, parts: &[&str]) {
    let (found, text) = refused(scan, options);
    assert_eq!(found, kind, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

fn good() -> Scan {
    let mut scan = Scan::new("path,y,x");
    scan.tile("a.npy", "0,0", &speckled([1, 20, 20], 0));
    scan.tile("b.npy", "0,15", &speckled([1, 20, 20], 1));
    scan
}

#[test]
fn tiles_that_are_not_there_are_named() {
    let mut scan = good();
    scan.row("sub/c.npy,0,30");
    assert_refused(&scan, MosaicOptions::default(), Kind::Missing, &["line 4: ", "sub/c.npy: is not there"]);
    let mut none = Scan::new("path,y,x");
    none.row("c.npy,0,30");
    let options = MosaicOptions { missing: MissingTiles::Await, ..MosaicOptions::default() };
    assert_refused(&none, options, Kind::Missing, &["has no tile that is there", "c.npy"]);
}

#[test]
fn tiles_that_cannot_be_read_are_named() {
    let mut scan = good();
    let file = std::fs::File::create(scan.path("c.tif")).unwrap();
    let values: Vec<u16> = (0..400).collect();
    TiffEncoder::new(file).unwrap().write_image::<colortype::Gray16>(20, 20, &values).unwrap();
    scan.row("c.tif,0,30");
    let image = scan.mosaic();
    assert_eq!(
        image.read(&Region::new([0, 0, 48], [1, 1, 50])).unwrap().unwrap().voxels,
        tile([1, 1, 2], |_, _, x| 18 + x as u16)
    );
    let bytes = std::fs::read(scan.path("c.tif")).unwrap();
    for length in [0, bytes.len() / 2, bytes.len() - 40] {
        std::fs::write(scan.path("c.tif"), &bytes[..length]).unwrap();
        let error = match scan.open(MosaicOptions::default()) {
            Ok(mosaic) => mosaic.read(&Region::of_shape([1, 20, 50])).unwrap_err(),
            Err(error) => error,
        };
        let text = error.to_string();
        assert!(
            error.kind() == Kind::Data && text.contains("tiles.csv: line 4: ") && text.contains("c.tif: "),
            "{text}"
        );
    }
    std::fs::write(scan.path("c.tif"), "notes").unwrap();
    assert_refused(&scan, MosaicOptions::default(), Kind::Data, &["line 4: ", "c.tif: "]);
    scan.table = scan.table.replace("c.tif", "tiles.csv");
    assert_refused(&scan, MosaicOptions::default(), Kind::Data, &["line 4: ", "tiles.csv: is a table itself"]);
}

#[test]
fn a_tile_that_becomes_another_while_it_is_used_is_named() {
    let scan = good();
    let mosaic = scan.mosaic();
    write_npy(scan.path("b.npy"), &speckled([1, 20, 21], 1), 2).unwrap();
    let error = mosaic.read(&Region::of_shape([1, 20, 35])).unwrap_err();
    assert!(error.kind() == Kind::Data && error.to_string().contains("line 3: "), "{error}");
    assert!(error.to_string().contains("b.npy: has changed its shape or type"), "{error}");
    std::fs::remove_file(scan.path("b.npy")).unwrap();
    assert_eq!(mosaic.read(&Region::of_shape([1, 20, 35])).unwrap_err().kind(), Kind::Missing);
    // The other tile is unchanged.
    assert!(mosaic.read(&Region::of_shape([1, 20, 15])).unwrap().is_some());
}

#[test]
fn tiles_unlike_the_first_are_named() {
    let mut scan = good();
    scan.tile("c.npy", "0,30", &tile([1, 20, 20], |_, y, _| y as u8));
    let said = ["line 4: ", "c.npy: has values of type uint8, but the tile on line 2 of uint16"];
    assert_refused(&scan, MosaicOptions::default(), Kind::Data, &said);
    let mut scan = good();
    scan.tile("c.npy", "0,30", &speckled([2, 20, 20], 0));
    let said = ["line 4: ", "c.npy: is a 3-D image, but the table places it in 2-D; give columns path,z,y,x"];
    assert_refused(&scan, MosaicOptions::default(), Kind::Data, &said);
    let mut scan = Scan::new("path,z,y,x");
    scan.tile("c.npy", "0,0,30", &speckled([1, 20, 20], 0));
    let said = ["line 2: ", "c.npy: is a 2-D image, but the table places it in 3-D; give columns path,y,x"];
    assert_refused(&scan, MosaicOptions::default(), Kind::Data, &said);
}

#[test]
fn a_tile_of_several_channels_needs_a_choice() {
    let mut scan = Scan::new("path,z,y,x");
    scan.row(&format!("{},0,0,0", fixture("imagej_hyperstack.tif").display()));
    let said = ["line 2: ", "imagej_hyperstack.tif: holds several images; pick one with --channel 0 to 2"];
    assert_refused(&scan, MosaicOptions::default(), Kind::Usage, &said);
}

#[test]
fn tiles_outside_a_given_canvas_are_named() {
    let scan = good();
    let canvas =
        |ranges: &[std::ops::Range<i64>]| MosaicOptions { canvas: Some(ranges.to_vec()), ..MosaicOptions::default() };
    assert!(scan.open(canvas(&[0..20, 0..35])).is_ok());
    let said = ["line 3: ", "b.npy: reaches over 0:20,15:35, and the canvas given over 0:20,0:34"];
    assert_refused(&scan, canvas(&[0..20, 0..34]), Kind::Data, &said);
    assert_refused(&scan, canvas(&[0..20, 100..200]), Kind::Data, &["line 2: "]);
    let said = ["places its tiles in 2 dimensions; give --canvas as 2 ranges"];
    assert_refused(&scan, canvas(&[0..1, 0..20, 0..35]), Kind::Usage, &said);
    assert_refused(&scan, canvas(&[0..20, 35..35]), Kind::Usage, &["cannot have a canvas over 35:35"]);
    assert_refused(&scan, canvas(&[0..20, 0..i64::MAX]), Kind::Usage, &["cannot have a canvas over 0:"]);
}

#[test]
fn a_tile_far_from_the_others_is_named() {
    let mut scan = good();
    scan.tile("far.npy", "1e6,-1e6", &speckled([1, 20, 20], 2));
    scan.tile("c.npy", "15,0", &speckled([1, 20, 20], 3));
    let said = ["line 4: ", "far.npy: lies so far from the others", "over 0:1000020,-1000000:35", "--canvas"];
    assert_refused(&scan, MosaicOptions::default(), Kind::Data, &said);
    // A canvas of that size may be wanted nevertheless.
    let canvas = Some(vec![0..1_000_020, -1_000_000..35]);
    let mosaic = scan.open(MosaicOptions { canvas, ..MosaicOptions::default() }).unwrap();
    let far = Region::new([0, 1_000_000, 0], [1, 1_000_020, 20]);
    assert_eq!(mosaic.read(&far).unwrap().unwrap().voxels, speckled([1, 20, 20], 2));
    scan.table = scan.table.replace("1e6,-1e6", "1e300,0");
    let said = ["line 4: ", "far.npy: lies too far away to be counted"];
    assert_refused(&scan, MosaicOptions::default(), Kind::Data, &said);
}

#[test]
fn a_canvas_too_long_to_be_worked_on_is_refused() {
    let mut scan = Scan::new("path,y,x");
    scan.tile("a.npy", "0,0", &speckled([1, 2, 2], 0));
    let canvas = Some(vec![0..3_000_000, 0..10]);
    let mosaic = MosaicOptions { canvas, ..MosaicOptions::default() };
    let error = open(&scan.table(), &OpenOptions { mosaic, ..OpenOptions::default() }).err().unwrap();
    assert!(error.kind() == Kind::Data && error.to_string().contains("is too long along y"), "{error}");
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let scan = good();
    let crop = |crop| MosaicOptions { crop, ..MosaicOptions::default() };
    assert!(scan.open(crop([0, 9, 9])).is_ok());
    let said = ["line 2: ", "a.npy: has 20 pixels along x, and nothing is left of them; give a smaller --crop"];
    assert_refused(&scan, crop([0, 9, 10]), Kind::Usage, &said);
    assert_refused(&scan, crop([1, 0, 0]), Kind::Usage, &["give --crop along y and x alone"]);
    let flip = MosaicOptions { flip: [true, false, false], ..MosaicOptions::default() };
    assert_refused(&scan, flip, Kind::Usage, &["give --flip along y and x alone"]);
    let spacing = OpenOptions { spacing: Some(vec![1.0; 3]), ..OpenOptions::default() };
    assert_eq!(open(&scan.table(), &spacing).err().unwrap().kind(), Kind::Usage);
    let channel = OpenOptions { channel: Some(1), ..OpenOptions::default() };
    let error = open(&scan.table(), &channel).err().unwrap();
    assert!(error.to_string().contains("line 2: ") && error.to_string().contains("leave --channel out"), "{error}");
}
