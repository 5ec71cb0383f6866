//! Small artificial scans in the formats of stages.

mod grids;

use std::fmt::Write;

use tiff::encoder::{TiffEncoder, colortype};
use tiff::tags::Tag;

use super::*;
use crate::error::Kind;
use crate::store::mosaic::TileTable;
use crate::store::npy::write_npy;
use crate::store::{OpenOptions, open};

/// Writes a TIFF file of some pages of 4 x 4 pixels with a description.
fn write_tiff(path: &Path, pages: usize, description: &str) {
    let mut encoder = TiffEncoder::new(std::fs::File::create(path).unwrap()).unwrap();
    for page in 0..pages {
        let mut image = encoder.new_image::<colortype::Gray16>(4, 4).unwrap();
        if page == 0 {
            // The encoder only accepts seven-bit text in TIFF tags, but OME's is UTF-8.
            image.encoder().write_tag(Tag::ImageDescription, description.as_bytes()).unwrap();
        }
        let values: Vec<u16> = (0..16).map(|n| 100 * page as u16 + n).collect();
        image.write_data(&values).unwrap();
    }
}

/// The metadata of a tile with planes at these positions along (z, y, x).
fn ome(pixels: &str, planes: &[[f64; 3]]) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\">\
         <Image ID=\"Image:0\"><Pixels DimensionOrder=\"XYZCT\" SizeX=\"4\" SizeY=\"4\" SizeC=\"1\" SizeT=\"1\" \
         SizeZ=\"{}\" {pixels}>",
        planes.len()
    );
    for (number, [z, y, x]) in planes.iter().enumerate() {
        write!(
            text,
            "<Plane TheZ=\"{number}\" TheC=\"0\" TheT=\"0\" PositionX=\"{x}\" PositionY=\"{y}\" PositionZ=\"{z}\" \
             PositionXUnit=\"mm\" PositionYUnit=\"µm\"/>"
        )
        .unwrap();
    }
    text + "</Pixels></Image></OME>"
}

const SIZES: &str = "PhysicalSizeX=\"0.5\" PhysicalSizeY=\"0.5\" PhysicalSizeZ=\"2\"";

fn refused(path: &Path, kind: Kind, said: &str) {
    let error = table_of_stage(path).unwrap_err();
    assert!(error.kind() == kind && error.to_string().contains(said), "{said:?} is not in {error:?}");
}

#[test]
fn planes_of_ome_tiff_files_are_placed_in_pixels() {
    let folder = tempfile::tempdir().unwrap();
    for (name, y, x) in [("tile_10.ome.tif", 10.0, 0.0015), ("tile_2.ome.tif", -2.0, -0.001)] {
        write_tiff(&folder.path().join(name), 1, &ome(SIZES, &[[7.0, y, x]]));
    }
    let scan = table_of_stage(folder.path()).unwrap();
    assert_eq!((scan.dimensions, &scan.pixel_size), (2, &None));
    let table = folder.path().join("tiles.csv");
    scan.write(&table).unwrap();
    assert_eq!(std::fs::read_to_string(&table).unwrap(), "path,y,x\ntile_2.ome.tif,-4,-2\ntile_10.ome.tif,20,3\n");
    let mosaic = open(&table, &OpenOptions::default()).unwrap();
    assert_eq!((mosaic.description().shape, mosaic.description().spacing.0), ([1, 28, 9], [1.0, 0.5, 0.5]));
    assert_eq!(mosaic.description().unit.as_deref(), Some("micrometer"));
    // An axis of the stage that runs against that of the image.
    let reversed = scan.reversed([false, true, false]).to_csv(folder.path()).unwrap();
    assert_eq!(reversed, "path,y,x\ntile_2.ome.tif,4,-2\ntile_10.ome.tif,-20,3\n");
}

#[test]
fn stacks_are_placed_by_their_lowest_plane_along_the_way_that_their_planes_go() {
    for (step, z) in [(2.0, 5.0), (-2.0, -5.0)] {
        let folder = tempfile::tempdir().unwrap();
        let planes: Vec<[f64; 3]> = (0..3).map(|n| [10.0 + step * f64::from(n), 1.0, 0.0]).collect();
        let sizes = SIZES.replace("Y=\"0.5\"", "Y=\"500\" PhysicalSizeYUnit=\"nm\"");
        write_tiff(&folder.path().join("a.tif"), 3, &ome(&sizes, &planes));
        let scan = table_of_stage(folder.path()).unwrap();
        assert_eq!((scan.dimensions, scan.tiles[0].position), (3, [z, 2.0, 0.0]));
        let up: Vec<[f64; 3]> = (0..3).map(|n| [f64::from(n) * -step, 1.0, 0.0]).collect();
        write_tiff(&folder.path().join("b.tif"), 3, &ome(SIZES, &up));
        refused(folder.path(), Kind::Data, "b.tif: has planes in the other direction along z, unlike a.tif");
    }
}

#[test]
fn a_table_elsewhere_has_whole_paths() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("scan, first")).unwrap();
    let tile = folder.path().join("scan, first/a.tif");
    write_tiff(&tile, 1, &ome(SIZES, &[[0.0; 3]]));
    let scan = table_of_stage(&folder.path().join("scan, first")).unwrap();
    assert_eq!(scan.to_csv(folder.path()).unwrap(), "path,y,x\n\"scan, first/a.tif\",0,0\n");
    std::fs::create_dir_all(folder.path().join("out")).unwrap();
    let table = folder.path().join("out/tiles.csv");
    scan.write(&table).unwrap();
    assert_eq!(TileTable::read(&table).unwrap().rows[0].path, tile);
}

#[test]
fn the_metadata_of_several_files_are_read_for_the_one_that_they_are_in() {
    let folder = tempfile::tempdir().unwrap();
    let image = |name: &str, x: &str| {
        format!(
            "<Image><Pixels DimensionOrder=\"XYZCT\" SizeX=\"4\" SizeY=\"4\" SizeC=\"1\" SizeT=\"1\" SizeZ=\"1\" {SIZES}>\
             <TiffData IFD=\"0\"><UUID FileName=\"{name}\">urn:uuid:0</UUID></TiffData>\
             <Plane TheZ=\"0\" TheC=\"0\" TheT=\"0\" PositionX=\"{x}\" PositionY=\"0\"/></Pixels></Image>"
        )
    };
    let both = format!("<OME>{}{}</OME>", image("a.tif", "1"), image("b.tif", "2"));
    for name in ["a.tif", "b.tif"] {
        write_tiff(&folder.path().join(name), 1, &both);
    }
    let scan = table_of_stage(folder.path()).unwrap();
    assert_eq!(scan.tiles.iter().map(|tile| tile.position[2]).collect::<Vec<_>>(), [2.0, 4.0]);
    write_tiff(&folder.path().join("c.tif"), 1, &both);
    refused(folder.path(), Kind::Data, "c.tif: has the metadata of 2 images; save each tile");
    let elsewhere = "<OME><BinaryOnly MetadataFile=\"a.tif\" UUID=\"urn:uuid:1\"/></OME>";
    write_tiff(&folder.path().join("c.tif"), 1, elsewhere);
    refused(folder.path(), Kind::Data, "c.tif: has its metadata in a.tif; save each tile");
}

#[test]
fn tiles_that_do_not_say_where_they_lie_are_named() {
    let plain = ome(SIZES, &[[0.0; 3]]);
    for (description, said) in [
        (String::from("a scan"), "has no OME metadata of an image; save each tile"),
        (plain.replace("</OME>", ""), "has OME metadata that cannot be read"),
        (plain.replace("<Plane", "<Other"), "has no PositionX of a plane"),
        (plain.replace("PositionY=", "PositionV="), "has no PositionY of a plane"),
        (plain.replace("PositionX=\"0\"", "PositionX=\"far\""), "has \"far\" as PositionX in its metadata"),
        (plain.replace("PositionXUnit=\"mm\"", "PositionXUnit=\"ell\""), "has the unit \"ell\" in its metadata"),
        (plain.replace("PhysicalSizeX=\"0.5\"", ""), "has no PhysicalSizeX above 0 in its metadata"),
        (ome(SIZES, &[[0.0; 3], [2.0, 0.0, 0.0]]), "has 3 dimensions, unlike a.tif"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_tiff(&folder.path().join("a.tif"), 1, &plain);
        write_tiff(&folder.path().join("b.tif"), 1, &description);
        refused(folder.path(), Kind::Data, &format!("b.tif: {said}"));
    }
    let folder = tempfile::tempdir().unwrap();
    refused(folder.path(), Kind::Data, "holds no OME-TIFF files");
    refused(&folder.path().join("none"), Kind::Missing, "is not there");
}

/// An export from a computer with decimal commas.
const EXPORT: &str = "Metadata:\r\nDimensions: XY(3)\r\nCalibration (µm/px): 0,64\r\n\r\nPoint Name\tX Pos [µm]\tY Pos \
                      [µm]\tZ Pos [µm]\r\n#1_0000\t-12396,6\t11719,3\t1686,65\t\r\n#1_0001\t-13583,0\t11726\t1686,63\r\n\
                      #1_0010\t12,5\t-0,25\t0\r\nNotes: 1,5 by hand\r\n";

fn exported(text: &[u8], tiles: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.txt");
    std::fs::write(&path, text).unwrap();
    for tile in tiles {
        let voxels = crate::chunk::Voxels::filled(crate::chunk::Dtype::U8, [1, 4, 4], 1.0);
        write_npy(folder.path().join(tile), &voxels, 2).unwrap();
    }
    (folder, path)
}

#[test]
fn nikons_export_is_read_with_decimal_commas_in_any_encoding() {
    let utf16 = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
        ['\u{feff}'].into_iter().chain(EXPORT.chars()).flat_map(|c| unit(c as u16)).collect()
    };
    let latin: Vec<u8> = EXPORT.chars().map(|c| c as u8).collect();
    let tiles = ["Well1_Seq0001_1_0001.npy", "Well1_Seq0001_1_0000.npy", "Well1_Seq0001_1_0010.npy"];
    for text in [EXPORT.as_bytes().to_vec(), utf16(u16::to_le_bytes), utf16(u16::to_be_bytes), latin] {
        let (folder, path) = exported(&text, &tiles);
        let scan = table_of_stage(&path).unwrap();
        let expected = "path,y,x,pixel_size,unit\nWell1_Seq0001_1_0000.npy,11719.3,-12396.6,0.64,micrometer\n\
                        Well1_Seq0001_1_0001.npy,11726,-13583,0.64,micrometer\n\
                        Well1_Seq0001_1_0010.npy,-0.25,12.5,0.64,micrometer\n";
        assert_eq!(scan.to_csv(folder.path()).unwrap(), expected);
        scan.write(&folder.path().join("tiles.csv")).unwrap();
        let mosaic = open(&folder.path().join("tiles.csv"), &OpenOptions::default()).unwrap();
        assert_eq!(mosaic.description().spacing.0, [1.0, 0.64, 0.64]);
        assert_eq!(mosaic.description().unit.as_deref(), Some("micrometer"));
    }
}

#[test]
fn exports_that_do_not_say_where_each_tile_lies_are_refused() {
    let tiles = ["a_1_0000.npy", "a_1_0001.npy", "a_1_0010.npy"];
    let same = EXPORT.replace("#1_0001", "#1_0000");
    for (text, tiles, said) in [
        ("notes", &tiles[..], "out.txt: names no points with their positions"),
        (&same, &tiles, "out.txt: names the point 1_0000 twice"),
        (&EXPORT.replace("Calibration", "Scale"), &tiles, "out.txt: has no line Calibration (µm/px)"),
        (&EXPORT.replace("0,64", "none"), &tiles, "out.txt: has a calibration that is no number above 0"),
        (EXPORT, &tiles[..2], "out.txt: names the point 1_0010, and no image beside it"),
        (
            EXPORT,
            &["a_1_0000.npy", "a_1_0001.npy", "b_1_0001.npy", "a_1_0010.npy"],
            "names the point 1_0001, and both a_1_0001.npy and b_1_0001.npy",
        ),
    ] {
        let (_folder, path) = exported(text.as_bytes(), tiles);
        refused(&path, Kind::Data, said);
    }
}

#[test]
fn a_point_has_the_tile_whose_number_it_is() {
    let export = EXPORT.replace("#1_0000", "#1").replace("#1_0001", "#2").replace("#1_0010", "#10");
    let (folder, path) = exported(export.as_bytes(), &["t_0001.npy", "t_0002.npy", "t_0010.npy", "t_0102.npy"]);
    let scan = table_of_stage(&path).unwrap();
    let names = ["t_0001.npy", "t_0002.npy", "t_0010.npy"].map(|name| folder.path().join(name));
    assert!(scan.tiles.iter().map(|tile| &tile.path).eq(&names), "{scan:?}");
}
