//! Tables in every format, and errors of malformed ones.

use super::*;
use crate::error::Kind;

fn table(text: &str) -> Result<TileTable> {
    TileTable::parse(text, Path::new("scan/tiles.csv"))
}

fn refusal(text: &str) -> String {
    let error = table(text).unwrap_err();
    assert_eq!(error.kind(), Kind::Data, "{error}");
    error.to_string()
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let text = " note , x, path ,y\r\n first, 3.5 ,\"a, b.tif\", -2\r\n\r\n,1e3,/other/c.tif,4\r\n";
    let table = table(text).unwrap();
    assert_eq!((table.dimensions, &table.pixel_size, table.channels().len()), (2, &PixelSize::default(), 0));
    let expected = [(2, "scan/a, b.tif", [0.0, -2.0, 3.5]), (4, "/other/c.tif", [0.0, 4.0, 1000.0])];
    for (row, (line, path, offset)) in table.rows.iter().zip(expected) {
        let placement = Affine::translation(offset);
        assert_eq!(*row, TileRow { line, path: path.into(), placement, channel: None });
    }
    assert_eq!(table.rows.len(), 2);
}

#[test]
fn matrices_are_read_row_by_row_with_the_offset_last() {
    let flat = table("path,m00,m01,m02,m10,m11,m12\na.tif,1,2,3,4,5,6\n").unwrap();
    let map = Affine { matrix: [[1.0, 0.0, 0.0], [0.0, 1.0, 2.0], [0.0, 4.0, 5.0]], offset: [0.0, 3.0, 6.0] };
    assert_eq!((flat.dimensions, flat.rows[0].placement), (2, map));
    let header = "path,m00,m01,m02,m03,m10,m11,m12,m13,m20,m21,m22,m23,pixel_size";
    let deep = table(&format!("{header}\na.tif,1,2,3,4,5,6,7,8,9,10,12,13,0.5\n")).unwrap();
    let matrix = [[1.0, 2.0, 3.0], [5.0, 6.0, 7.0], [9.0, 10.0, 12.0]];
    assert_eq!(deep.rows[0].placement, Affine { matrix, offset: [8.0, 16.0, 26.0] });
    assert_eq!((deep.dimensions, deep.pixel_size.size), (3, [Some(0.5); 3]));
}

#[test]
fn positions_in_a_unit_are_divided_by_the_pixel_size() {
    let table = table("path,z,y,x,pixel_size,channel\na,2,3,4,0.5,1\nb,0,0,0,0.5,0\na,0,0,0,0.5,0\n").unwrap();
    assert_eq!(table.rows[0].placement, Affine::translation([4.0, 6.0, 8.0]));
    assert_eq!((table.dimensions, table.pixel_size.size), (3, [Some(0.5); 3]));
    assert_eq!(table.channels().into_iter().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_file_with_tabs_is_read_by_them() {
    let table = TileTable::parse("path\ty\tx\na, b.tif\t1\t2\n", Path::new("tiles.TSV")).unwrap();
    assert_eq!(table.rows[0].path, Path::new("a, b.tif"));
}

#[test]
fn bad_tables_are_refused_with_the_line_and_the_tile() {
    for (text, said) in [
        ("", "has no column path"),
        ("where;y;x\na;1;2\n", "with commas between them, such as path,y,x (found: where y x)"),
        ("path,y,x\n", "has no tiles; give it a line for each tile"),
        ("path,y\na,1\n", "has no column x; give path,y,x or"),
        ("path,z,x\na,1,1\n", "has no column y;"),
        ("path,m00,m01,m02,m10,m11\na,1,0,0,0,1\n", "has no column m12;"),
        ("path,m00,m01,m02,m10,m11,m12,m20,m21,m22\na,1,0,0,0,1,0,0,0,1\n", "has no column m03;"),
        ("path,y,x,y\na,1,2,3\n", "has the column y twice"),
        ("path,y,x,m00\na,1,2,3\n", "of a translation (z, y, x) and of a matrix"),
        ("path,y,x\na,1,2\nb,one,2\n", "line 3: b: has \"one\" in column y; give a number"),
        ("path,y,x\na,1,\"2,5\"\n", "line 2: a: has \"2,5\" in column x; write numbers with a decimal point"),
        ("path,y,x\na,1,2,5\n", "line 2: a: has 4 values in 3 columns; put quotes"),
        ("path,y,x\na,nan,2\n", "line 2: a: has \"nan\" in column y; give a finite number"),
        ("path,y,x\na,1,-inf\n", "has \"-inf\" in column x; give a finite number"),
        ("path,y,x\na,1\n", "line 2: a: has nothing in column x; fill it in"),
        ("path,y,x\n,1,2\n", "line 2: has nothing in column path"),
        ("path,y,x,pixel_size\na,1,2,0.5\nb,1,2,0.25\n", "line 3: b: has a pixel_size of 0.25, but those before"),
        ("path,y,x,pixel_size\na,1,2,0\n", "has a pixel_size of 0; give a positive number"),
        ("path,y,x,channel\na,1,2,-1\n", "has \"-1\" in column channel; give a whole number from 0"),
        ("path,m00,m01,m02,m10,m11,m12\na,1,2,3,2,4,6\n", "line 2: a: has a singular matrix"),
        ("path,y,x,pixel_size\na,1e300,2,1e-300\n", "out of reach"),
        ("path,y,x\na,1,2\nb,1,2\n./a,1,2\n", "line 4: scan/./a: is on line 2 already"),
    ] {
        let refused = refusal(text);
        assert!(refused.contains(said), "{text:?}: {refused}");
    }
}

#[test]
fn a_path_that_no_file_can_have_is_refused_in_a_short_sentence() {
    let long = "a".repeat(5000);
    for text in [
        format!("path,y,x\n{long},1,2\n"),
        format!("dim = 2\n{long}; ; (1, 2)\n"),
        format!("file: {long}; corr: 1; position: (1, 2); grid: (0, 0);\n"),
    ] {
        let said = refusal(&text);
        assert!(said.contains("has a path of 5000 bytes; paths have at most 4096") && said.len() < 2000, "{said}");
    }
}

#[test]
fn a_table_that_is_not_there_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiles.csv");
    assert_eq!(TileTable::read(&path).unwrap_err().kind(), Kind::Missing);
    std::fs::write(&path, "path,y,x\na,1\n").unwrap();
    let error = TileTable::read(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: line 2: a: ", path.display())), "{error}");
    std::fs::write(&path, "path,y,x\na,1,2\n").unwrap();
    let read = TileTable::read(&path).unwrap();
    assert!(read.changed.is_some() && read.rows[0].path == folder.path().join("a"));
}

proptest::proptest! {
    #[test]
    fn places_are_the_same_in_every_form(places in proptest::collection::vec((-4000i32..4000, -4000i32..4000), 1..6)) {
        // Two digits behind the comma: three might be thousands.
        let quarters = |n: i32| f64::from(n) / 4.0;
        let comma = |n: i32| quarters(n).to_string().replace('.', ",");
        let rows = |header: &str, row: &dyn Fn(usize, i32, i32) -> String| {
            let rows = places.iter().enumerate().map(|(number, (y, x))| row(number, *y, *x));
            rows.fold(header.to_owned(), |text, row| text + &row + "\n")
        };
        let plain = rows("path,y,x\n", &|n, y, x| format!("{n}.tif,{},{}", quarters(y), quarters(x)));
        let expected = table(&plain).unwrap();
        for text in [
            rows("dim = 2\n", &|n, y, x| format!("{n}.tif; ; ({:?}, {:?})", quarters(x), quarters(y))),
            rows("", &|n, y, x| format!("file: {n}.tif; corr: 1; position: ({}, {}); grid: (0, 0);", quarters(x), quarters(y))),
            rows("X;Y;File\n", &|n, y, x| format!("{};{};{n}.tif;", comma(x), comma(y))),
            rows("sep=\t\nFile Name\tx_px\ty_px\n", &|n, y, x| format!("{n}.tif\t{}\t{}", quarters(x), quarters(y))),
            rows("path,y,x,pixel_size_y,pixel_size_x\n", &|n, y, x| format!("{n}.tif,{},{x},0.5,4", f64::from(y) / 8.0)),
        ] {
            let found = table(&text).unwrap();
            for (one, other) in found.rows.iter().zip(&expected.rows) {
                proptest::prop_assert_eq!((&one.path, one.placement), (&other.path, other.placement), "{}", text);
            }
            proptest::prop_assert_eq!((found.rows.len(), found.along), (expected.rows.len(), expected.along));
        }
    }
}
