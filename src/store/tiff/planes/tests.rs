//! Small files with known planes, and descriptions in the style of various writers.

use std::fs;
use std::path::Path;

use crate::chunk::Voxels;
use crate::error::Result;
use crate::store::tiff::TiffSource;
use crate::store::{OpenOptions, Source};

/// Writes a file of pages of 3 x 2 bytes, each with one value, and descriptions in its first directory. The planes of
/// the values in `behind` follow the last page without a directory.
fn write(path: &Path, values: &[u8], behind: &[u8], descriptions: &[&str]) {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    // Directories first, then texts, then all planes in a row.
    let rows = |page: usize| if page == 0 { 8 + descriptions.len() } else { 8 };
    let directories: usize = (0..values.len()).map(|page| 2 + 12 * rows(page) + 4).sum();
    let texts: usize = descriptions.iter().map(|text| text.len() + 1).sum();
    let (mut text, data) = (8 + directories, 8 + directories + texts);
    for page in 0..values.len() {
        let mut entries: Vec<[u32; 4]> =
            vec![[256, 4, 1, 3], [257, 4, 1, 2], [258, 4, 1, 8], [259, 4, 1, 1], [262, 4, 1, 1]];
        for description in descriptions.iter().filter(|_| page == 0) {
            let length = description.len() + 1;
            entries.push([270, 2, length as u32, text as u32]);
            text += length;
        }
        entries.extend([[273, 4, 1, (data + 6 * page) as u32], [278, 4, 1, 2], [279, 4, 1, 6]]);
        bytes.extend((entries.len() as u16).to_le_bytes());
        for [tag, kind, count, value] in entries {
            bytes.extend((tag as u16).to_le_bytes());
            bytes.extend((kind as u16).to_le_bytes());
            bytes.extend(count.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        let next = bytes.len() + 4;
        bytes.extend((if page + 1 < values.len() { next as u32 } else { 0 }).to_le_bytes());
    }
    for description in descriptions {
        bytes.extend(description.as_bytes());
        bytes.push(0);
    }
    assert_eq!(bytes.len(), data);
    bytes.extend(values.iter().chain(behind).flat_map(|value| [*value; 6]));
    fs::write(path, bytes).unwrap();
}

/// The value of each plane of a file that is read with some options.
fn planes(path: &Path, options: &OpenOptions) -> Result<Vec<f64>> {
    let source = TiffSource::open(path, options)?;
    let whole = crate::space::Region::of_shape(source.description().shape);
    let chunk = source.read(&whole)?.unwrap();
    let Voxels::U8(array) = chunk.voxels else { panic!("bytes are read as bytes") };
    Ok(array.outer_iter().map(|plane| f64::from(plane[[0, 0]])).collect())
}

fn with(text: &str) -> OpenOptions {
    let mut options = OpenOptions::default();
    for word in text.split_whitespace() {
        match word.split_once('=').unwrap() {
            ("axes", names) => options.axes = Some(names.chars().collect()),
            ("channel", index) => options.channel = index.parse().ok(),
            ("time", index) => options.time = index.parse().ok(),
            _ => panic!("{word}"),
        }
    }
    options
}

fn ome([z, c, t]: [u64; 3], order: &str, body: &str) -> String {
    format!(
        "<OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\"><Image><Pixels DimensionOrder=\"{order}\" \
         SizeX=\"3\" SizeY=\"2\" SizeZ=\"{z}\" SizeC=\"{c}\" SizeT=\"{t}\">{body}</Pixels></Image></OME>"
    )
}

/// Values of pages, a description, options, and the expected values of planes or error message.
type Case<'a> = (&'a [u8], &'a str, &'a str, std::result::Result<&'a [u8], &'a str>);

/// Asserts that files with a description, read with options, have the expected values of planes or error message.
fn hold(cases: &[Case<'_>]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    for (values, description, options, expected) in cases {
        write(&path, values, &[], &[description]);
        match (planes(&path, &with(options)), expected) {
            (Ok(found), Ok(values)) => {
                let values: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
                assert_eq!(found, values, "{description} with {options}");
            }
            (Err(error), Err(said)) => {
                let error = error.to_string();
                assert!(error.contains(said) && error.starts_with(&*path.to_string_lossy()), "{error} is not {said}");
            }
            (found, _) => panic!("{description} with {options}: {found:?}"),
        }
    }
}

const SIX: &[u8] = &[0, 1, 2, 3, 4, 5];

#[test]
fn planes_are_those_that_ome_metadata_name() {
    let data = |planes: &[(u64, u64)]| -> String {
        let each = planes.iter().enumerate();
        each.map(|(page, (z, c))| format!("<TiffData IFD=\"{page}\" FirstZ=\"{z}\" FirstC=\"{c}\"/>")).collect()
    };
    let against = data(&[(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]);
    let reversed = data(&[(2, 0), (1, 0), (0, 0)]);
    let two = "<TiffData IFD=\"0\" PlaneCount=\"3\"/><TiffData IFD=\"3\" FirstC=\"1\" PlaneCount=\"3\"/>";
    hold(&[
        (SIX, &ome([3, 2, 1], "XYZCT", "<TiffData/>"), "channel=1", Ok(&[3, 4, 5])),
        (SIX, &ome([3, 2, 1], "XYCZT", ""), "channel=1", Ok(&[1, 3, 5])),
        (SIX, &ome([3, 2, 1], "XYZCT", &against), "channel=1", Ok(&[1, 3, 5])),
        (SIX, &ome([3, 2, 1], "XYZCT", two), "channel=1", Ok(&[3, 4, 5])),
        (&SIX[..3], &ome([3, 1, 1], "XYZCT", &reversed), "", Ok(&[2, 1, 0])),
        (&SIX[..4], &ome([6, 1, 1], "XYZCT", ""), "", Err("stopped early: it holds 4 of the 6 planes")),
        (&SIX[..4], &ome([6, 1, 1], "XYZCT", ""), "axes=zyx", Ok(&[0, 1, 2, 3])),
        (SIX, &ome([3, 1, 1], "XYZCT", ""), "", Err("has 6 pages, more than the 3 of its OME metadata")),
        (SIX, &ome([6, 1, 1], "XYZCT", &reversed), "", Err("it holds 3 of the 6 planes")),
        (SIX, &ome([3, 1, 1], "XYZCT", &reversed), "", Err("has 6 pages, more than the 3")),
        (SIX, &ome([6, 1, 1], "XYZCT", "<TiffData/><TiffData IFD=\"2\"/>"), "", Err("names two pages for one plane")),
        (SIX, &ome([2, 1, 1], "XYZCT", "<TiffData IFD=\"0\" FirstZ=\"2\"/>"), "", Err("names a plane 2 along z")),
        (SIX, &ome([1, 6, 1], "XYCZT", ""), "", Err("--channel 0 to 5, or give --axes z,y,x")),
        (SIX, &ome([1, 6, 1], "XYCZT", ""), "axes=zyx", Ok(SIX)),
        (SIX, &ome([6, 1, 1], "XZYCT", ""), "", Err("has the DimensionOrder \"XZYCT\"")),
        (SIX, &ome([6, 1, 1], "XYZCT", "").replace("SizeX=\"3\"", "SizeX=\"4\""), "", Err("but of 4 x 2 by its OME")),
        (
            SIX,
            &ome([u64::MAX, u64::MAX, 1], "XYZCT", "<TiffData IFD=\"0\" PlaneCount=\"18446744073709551615\"/>"),
            "",
            Err("it holds 6 of the 18446744073709551615 planes"),
        ),
        (SIX, &ome([6, 1, 1], "XYZCT", "<BinData/>"), "", Err("has its values within its OME metadata")),
        (SIX, "<OME><Image><Pixels", "", Err("at line 1, column")),
        (SIX, "<OME><Image><Pixels", "axes=zyx", Ok(SIX)),
    ]);
}

#[test]
fn axes_that_are_given_are_those_of_the_pages() {
    let imagej = "ImageJ=1.54f\nimages=6\nchannels=2\nslices=3\n";
    let shaped = "{\"shape\": [3, 2, 2, 3], \"axes\": \"ZCYX\"}";
    hold(&[
        (SIX, imagej, "channel=1", Ok(&[1, 3, 5])),
        (SIX, &format!("{imagej}order=zct\n"), "channel=1", Ok(&[3, 4, 5])),
        (SIX, imagej, "axes=czyx channel=1", Ok(&[3, 4, 5])),
        (SIX, imagej, "axes=zyx", Ok(SIX)),
        (SIX, imagej, "axes=tzyx time=1", Ok(&[3, 4, 5])),
        (SIX, imagej, "axes=yx", Err("has 6 pages; give --axes with an axis for them")),
        (SIX, imagej, "axes=yxz", Err("give --axes with y,x at its end instead of y,x,z")),
        (SIX, imagej, "channel=2", Err("give one from 0 to 1")),
        (SIX, "", "axes=zcyx", Err("which does not say how long z,c,y,x are")),
        (SIX, "", "channel=0", Err("leave --channel out")),
        (SIX, shaped, "channel=1", Ok(&[1, 3, 5])),
        (SIX, &shaped.replace("ZCYX", "TZYX"), "time=2", Ok(&[4, 5])),
        (SIX, "ImageJ=1.54f\nimages=6\nframes=6\n", "", Err("--time 0 to 5, or give --axes z,y,x")),
        (SIX, "ImageJ=1.54f\nimages=6\nframes=6\n", "axes=zyx", Ok(SIX)),
        (&SIX[..1], "ImageJ=1.54f\n", "axes=zyx", Ok(&[0])),
    ]);
}

#[test]
fn planes_lie_behind_a_lone_page_only_where_the_writer_puts_them_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    let found = |description: &str| {
        write(&path, &[7], &[8, 9], &[description]);
        planes(&path, &OpenOptions::default()).map_err(|error| error.to_string())
    };
    assert_eq!(found("ImageJ=1.54f\nimages=3\nslices=3\n"), Ok(vec![7.0, 8.0, 9.0]));
    assert_eq!(found("{\"shape\": [3, 2, 3], \"truncated\": true}"), Ok(vec![7.0, 8.0, 9.0]));
    assert_eq!(found("a photograph"), Ok(vec![7.0]));
    assert!(found(&ome([3, 1, 1], "XYZCT", "")).unwrap_err().contains("it holds 1 of the 3 planes"));
    assert!(found("ImageJ=1.54f\nimages=4\n").unwrap_err().contains("it holds 1 of the 4 planes"));
}

#[test]
fn two_descriptions_that_contradict_each_other_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    let found = |ome: &str, imagej: &str, options: &str| {
        write(&path, SIX, &[], &[ome, imagej]);
        planes(&path, &with(options)).map_err(|error| error.to_string())
    };
    let six = ome([6, 1, 1], "XYZCT", "");
    assert_eq!(found(&six, "ImageJ=1.54f\nslices=6\n", "").unwrap().len(), 6);
    assert_eq!(found(&six, "\u{fffd}garbage", "").unwrap().len(), 6);
    let error = found(&six, "ImageJ=1.54f\nchannels=2\nslices=3\n", "").unwrap_err();
    assert!(
        error.contains("says 6 planes in its OME metadata but 2 channels x 3 planes in its ImageJ metadata"),
        "{error}"
    );
    assert_eq!(found(&six, "ImageJ=1.54f\nchannels=2\nslices=3\n", "axes=zyx").unwrap().len(), 6);
    let sized = six.replace("SizeT", "PhysicalSizeZ=\"2\" PhysicalSizeY=\"1\" PhysicalSizeX=\"1\" SizeT");
    assert!(found(&sized, "ImageJ=1.54f\nslices=6\nunit=um\nspacing=2.0\n", "").is_ok());
    let error = found(&sized, "ImageJ=1.54f\nslices=6\nunit=um\nspacing=3.0\n", "").unwrap_err();
    assert!(
        error.contains("has voxels of 2 µm along z by the OME metadata but of 3 µm by the ImageJ metadata"),
        "{error}"
    );
}

#[test]
fn files_of_a_set_are_read_from_any_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, plane: u64| {
        format!("<TiffData IFD=\"0\" FirstZ=\"{plane}\"><UUID FileName=\"{name}\">urn:uuid:{plane}</UUID></TiffData>")
    };
    let set = ome([2, 1, 1], "XYZCT", &(file("a.tif", 0) + &file("b.tif", 1)));
    for (name, value) in [("a.tif", 4), ("b.tif", 5)] {
        write(&folder.path().join(name), &[value], &[], &[&set]);
    }
    let open = |name: &str, options: &str| {
        planes(&folder.path().join(name), &with(options)).map_err(|error| error.to_string())
    };
    assert_eq!(open("a.tif", ""), Ok(vec![4.0, 5.0]));
    assert_eq!(open("b.tif", ""), Ok(vec![4.0, 5.0]));
    assert_eq!(open("b.tif", "axes=zyx"), Ok(vec![4.0, 5.0]));
    // The metadata in a separate file.
    let elsewhere = "<OME><BinaryOnly MetadataFile=\"all.companion.ome\" UUID=\"urn:uuid:1\"/></OME>";
    write(&folder.path().join("b.tif"), &[5], &[], &[elsewhere]);
    let error = open("b.tif", "").unwrap_err();
    assert!(error.contains("has its OME metadata in all.companion.ome, which is not beside it"), "{error}");
    fs::write(folder.path().join("all.companion.ome"), &set).unwrap();
    assert_eq!(open("b.tif", ""), Ok(vec![4.0, 5.0]));
    fs::remove_file(folder.path().join("b.tif")).unwrap();
    let error = open("a.tif", "").unwrap_err();
    assert!(error.contains("is one of 2 files of an image, of which b.tif is not beside it"), "{error}");
    assert_eq!(open("a.tif", "axes=zyx"), Ok(vec![4.0]));
    write(&folder.path().join("c.tif"), &[6], &[], &[&set]);
    assert!(
        open("c.tif", "").unwrap_err().contains("is none of the files that its OME metadata name (a.tif to b.tif)")
    );
    // Several images, one of which is in this file, or two.
    let image = |name: &str| {
        ome([1, 1, 1], "XYZCT", &file(name, 0)).replace("</OME>", "").split_once("<Image>").unwrap().1.to_owned()
    };
    let here = |names: [&str; 2]| format!("<OME><Image>{}<Image>{}</OME>", image(names[0]), image(names[1]));
    write(&folder.path().join("c.tif"), &[6], &[], &[&here(["b.tif", "c.tif"])]);
    assert_eq!(open("c.tif", ""), Ok(vec![6.0]));
    write(&folder.path().join("c.tif"), &[6, 7], &[], &[&here(["c.tif", "c.tif"])]);
    assert!(open("c.tif", "").unwrap_err().contains("holds 2 images; save the one to analyse"));
}
