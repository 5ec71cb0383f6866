//! Pixel sizes from a table, from its tiles and from the options, and contradictions between them.

use tiff::encoder::{TiffEncoder, colortype};
use tiff::tags::Tag;

use super::*;
use crate::space::Spacing;

/// A scan of two tiles with pixel sizes in OME metadata.
fn scan(columns: &str, rows: [&str; 2], sizes: [&str; 2]) -> Scan {
    let mut scan = Scan::new(columns);
    for ((name, row), size) in ["a.tif", "b.tif"].into_iter().zip(rows).zip(sizes) {
        let mut encoder = TiffEncoder::new(std::fs::File::create(scan.path(name)).unwrap()).unwrap();
        let mut image = encoder.new_image::<colortype::Gray16>(8, 6).unwrap();
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\">\
             <Image ID=\"Image:0\"><Pixels ID=\"Pixels:0\" DimensionOrder=\"XYZCT\" Type=\"uint16\" SizeX=\"8\" SizeY=\"6\" \
             SizeC=\"1\" SizeT=\"1\" SizeZ=\"1\" {size}><TiffData/></Pixels></Image></OME>"
        );
        if !size.is_empty() {
            image.encoder().write_tag(Tag::ImageDescription, text.as_bytes()).unwrap();
        }
        image.write_data(&(0..48).collect::<Vec<u16>>()).unwrap();
        scan.row(&format!("{name},{row}"));
    }
    scan
}

/// Pixel sizes along y and x.
fn size(y: &str, x: &str, unit: &str) -> String {
    format!("PhysicalSizeX=\"{x}\" PhysicalSizeXUnit=\"{unit}\" PhysicalSizeY=\"{y}\" PhysicalSizeYUnit=\"{unit}\"")
}

/// The shape of the canvas, the spacing and its unit.
fn found(scan: &Scan, options: &OpenOptions) -> ([usize; 3], Spacing, Option<String>) {
    let source = open(&scan.table(), options).unwrap_or_else(|error| panic!("{error}"));
    let Description { shape, spacing, ref unit, .. } = *source.description();
    (shape, spacing, unit.clone())
}

fn micrometers(y: f64, x: f64) -> (Spacing, Option<String>) {
    (Spacing([1.0, y, x]), Some("micrometer".to_owned()))
}

#[test]
fn positions_in_a_unit_are_divided_by_the_size_along_their_axis() {
    let plain = OpenOptions::default();
    // Two micrometres down and two to the right.
    let of_tiles = size("0.5", "0.25", "µm");
    for (columns, rows, sizes) in [
        ("path,y,x,pixel_size_y,pixel_size_x,unit", ["0,0,0.5,0.25,µm", "2,2,0.5,0.25,µm"], ["", ""]),
        ("path,y,x,pixel_size_y_nm,pixel_size_x_um,unit", ["0,0,500,0.25,um", "2,2,500,0.25,um"], ["", ""]),
        ("path,y,x,unit", ["0,0,micron", "2,2,micron"], [of_tiles.as_str(); 2]),
        ("path,Y (nm),X (mm)", ["0,0", "2000,0.002"], [of_tiles.as_str(); 2]),
        ("path,y_px,x_px", ["0,0", "4,8"], [of_tiles.as_str(); 2]),
        ("path,y,x", ["0,0", "4,8"], [of_tiles.as_str(); 2]),
        ("path,y,x", ["0,0", "4,8"], ["", of_tiles.as_str()]),
        ("path,y,x,pixel_size_y,unit", ["0,0,0.5,um", "2,2,0.5,um"], [of_tiles.as_str(); 2]),
        ("path,y,x,pixel_size_y,pixel_size_x", ["0,0,0.5001,0.25", "2,2,0.5001,0.25"], [of_tiles.as_str(); 2]),
    ] {
        let scan = scan(columns, rows, sizes);
        let (shape, spacing, unit) = found(&scan, &plain);
        assert!(shape[1..] == [10, 16] || columns.contains("pixel_size_x") && shape[1] == 11, "{columns}: {shape:?}");
        let (expected, name) = micrometers(0.5, 0.25);
        assert!(
            (0..3).all(|a| pixel_size::same(spacing.0[a], expected.0[a])) && unit == name,
            "{columns}: {spacing:?} {unit:?}"
        );
    }
}

#[test]
fn tables_without_units_take_that_of_their_tiles_where_sizes_agree() {
    let scan = scan("path,y,x,pixel_size", ["0,0,0.5", "2,2,0.5"], [&size("500", "500", "nm"); 2]);
    assert_eq!(found(&scan, &OpenOptions::default()), ([1, 10, 12], micrometers(0.5, 0.5).0, micrometers(0.5, 0.5).1));
    let nanometers = OpenOptions { unit: Some("nm".to_owned()), ..OpenOptions::default() };
    assert_eq!(found(&scan, &nanometers).1, Spacing([1.0, 500.0, 500.0]));
}

#[test]
fn what_is_given_comes_first() {
    let both = size("0.5", "0.25", "µm");
    let given = OpenOptions { spacing: Some(vec![2.0]), ..OpenOptions::default() };
    let lengths = scan("path,y,x,unit", ["0,0,um", "4,8,um"], [&both; 2]);
    assert_eq!(found(&lengths, &given), ([1, 8, 12], micrometers(2.0, 2.0).0, micrometers(2.0, 2.0).1));
    let silent = scan("path,y_um,x_um", ["0,0", "4,8"], ["", ""]);
    assert_eq!(found(&silent, &given), ([1, 8, 12], micrometers(2.0, 2.0).0, micrometers(2.0, 2.0).1));
    let wrong = scan("path,y,x,pixel_size", ["0,0,4", "4,8,4"], [&both, &size("9", "9", "mm")]);
    assert_eq!(found(&wrong, &given).0, [1, 7, 10]);
    let warned = |size: f64| {
        let given = OpenOptions { spacing: Some(vec![size]), ..OpenOptions::default() };
        let warnings = open(&wrong.table(), &given).unwrap().warnings();
        warnings.iter().any(|warning| warning.contains("divided by its own pixel_size, 4 x 4, and not by --spacing"))
    };
    assert_eq!([2.0, 4.0].map(warned), [true, false]);
}

#[test]
fn contradictions_are_refused_with_both_sides() {
    let [coarse, fine] = [size("0.5", "0.5", "µm"), size("0.25", "0.25", "µm")];
    for (columns, rows, sizes, said) in [
        (
            "path,y,x",
            ["0,0", "2,2"],
            [coarse.as_str(), fine.as_str()],
            "line 3: PATHb.tif: has pixels of 0.25 x 0.25 micrometer, but the tile on line 2 of 0.5 x 0.5 micrometer",
        ),
        (
            "path,y,x,pixel_size,unit",
            ["0,0,0.64,um", "2,2,0.64,um"],
            [coarse.as_str(); 2],
            "tiles.csv: gives pixels of 0.64 x 0.64 micrometer, but the metadata of the tile on line 2 say 0.5 x 0.5 micrometer",
        ),
        ("path,y,x,pixel_size", ["0,0,0.64", "2,2,0.64"], [coarse.as_str(); 2], "gives pixels of 0.64 x 0.64, but"),
        (
            "path,y,x,pixel_size_x,pixel_size",
            ["0,0,0.5,0.4", "2,2,0.5,0.4"],
            [""; 2],
            "has a pixel_size_x of 0.5 and a pixel_size of 0.4",
        ),
        (
            "path,y,x,unit",
            ["0,0,um", "2,2,um"],
            [""; 2],
            "has positions in µm, and neither it nor its tiles say how large",
        ),
        (
            "path,y,x,unit",
            ["0,0,um", "2,2,nm"],
            [coarse.as_str(); 2],
            "line 3: b.tif: has another unit than the rows before",
        ),
        (
            "path,y,x,unit",
            ["0,0,ell", "2,2,ell"],
            [coarse.as_str(); 2],
            "line 2: a.tif: has \"ell\" in column unit, which is no unit",
        ),
        ("path,y,x,pixel_size,pixel_unit", ["0,0,1,px", "2,2,1,px"], [""; 2], "has a size of a pixel in pixels"),
    ] {
        let scan = scan(columns, rows, sizes);
        let error = open(&scan.table(), &OpenOptions::default()).err().unwrap();
        let folder = format!("{}/", scan.folder.path().display());
        let text = error.to_string().replace("µm", "micrometer");
        let said = said.replace("PATH", &folder).replace("µm", "micrometer");
        assert!(error.kind() == Kind::Data && text.contains(&said), "{columns}: {text}");
    }
}

#[test]
fn tiles_that_say_nothing_and_columns_that_look_like_sizes_are_told_of() {
    let coarse = size("0.5", "0.5", "µm");
    let scan = scan("path,y,x,voxel_size", ["0,0,0.5", "4,0,0.5"], [&coarse, ""]);
    let warnings = scan.mosaic().warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("the column voxel_size is left alone; call it pixel_size"), "{warnings:?}");
    assert!(
        warnings[1].contains("1 of its tiles do not say how large their pixels are") && warnings[1].contains("b.tif")
    );
}
