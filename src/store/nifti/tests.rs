use std::fs;

use ndarray::Array3;

use super::*;
use crate::chunk::Voxels;
use crate::space::{Region, Spacing};
use crate::store::Source;
use crate::store::inflate::tests::gzip;

/// An artificial header of either version.
struct Written {
    second: bool,
    big: bool,
    bytes: Vec<u8>,
}

impl Written {
    fn new(second: bool, big: bool, single: bool) -> Written {
        let mut written = Written { second, big, bytes: vec![0; if second { 544 } else { 352 }] };
        written.int(0, 4, if second { 540 } else { 348 });
        let magic: &[u8] = match (second, single) {
            (false, true) => b"n+1\0",
            (false, false) => b"ni1\0",
            (true, true) => b"n+2\0\r\n\x1a\n",
            (true, false) => b"ni2\0\r\n\x1a\n",
        };
        let place = if second { 4 } else { 344 };
        written.bytes[place..place + magic.len()].copy_from_slice(magic);
        written.dim(&[4, 3, 2]).sizes(&[0.25, 0.5, 2.0]).datatype(4, 16).units(2);
        if single {
            written.offset(if second { 544.0 } else { 352.0 });
        }
        written
    }

    fn put(&mut self, place: usize, mut bytes: Vec<u8>) {
        if self.big {
            bytes.reverse();
        }
        self.bytes[place..place + bytes.len()].copy_from_slice(&bytes);
    }

    fn int(&mut self, place: usize, size: usize, value: i64) {
        self.put(place, value.to_le_bytes()[..size].to_vec());
    }

    fn real(&mut self, place: usize, value: f64) {
        let bytes = if self.second { value.to_le_bytes().to_vec() } else { (value as f32).to_le_bytes().to_vec() };
        self.put(place, bytes);
    }

    fn dim(&mut self, lengths: &[i64]) -> &mut Self {
        let (place, size) = if self.second { (16, 8) } else { (40, 2) };
        self.int(place, size, lengths.len() as i64);
        for (i, &length) in lengths.iter().enumerate() {
            self.int(place + size * (i + 1), size, length);
        }
        self
    }

    fn sizes(&mut self, sizes: &[f64]) -> &mut Self {
        let (place, size) = if self.second { (104, 8) } else { (76, 4) };
        for (i, &length) in sizes.iter().enumerate() {
            self.real(place + size * (i + 1), length);
        }
        self
    }

    fn datatype(&mut self, code: i64, bits: i64) -> &mut Self {
        let place = if self.second { 12 } else { 70 };
        self.int(place, 2, code);
        self.int(place + 2, 2, bits);
        self
    }

    fn units(&mut self, code: i64) -> &mut Self {
        if self.second {
            self.int(500, 4, code)
        } else {
            self.int(123, 1, code)
        }
        self
    }

    fn offset(&mut self, offset: f64) -> &mut Self {
        if self.second {
            self.int(168, 8, offset as i64)
        } else {
            self.real(108, offset)
        }
        self
    }

    fn scale(&mut self, slope: f64, inter: f64) -> &mut Self {
        let places = if self.second { [176, 184] } else { [112, 116] };
        self.real(places[0], slope);
        self.real(places[1], inter);
        self
    }

    fn matrix(&mut self, rows: [[f64; 4]; 3]) -> &mut Self {
        let (code, size, begin, step) = if self.second { (348, 4, 400, 8) } else { (254, 2, 280, 4) };
        self.int(code, size, 1);
        for (i, value) in rows.into_iter().flatten().enumerate() {
            self.real(begin + step * i, value);
        }
        self
    }
}

/// Values that differ from voxel to voxel.
fn values() -> Array3<i16> {
    Array3::from_shape_fn((2, 3, 4), |(z, y, x)| i16::try_from(100 * z + 10 * y + x).unwrap() - 50)
}

fn bytes(big: bool) -> Vec<u8> {
    values().iter().flat_map(|v| if big { v.to_be_bytes() } else { v.to_le_bytes() }).collect()
}

fn read(path: &Path, options: &OpenOptions) -> Result<(RawSource, Voxels)> {
    let source = open(path, options)?;
    let region = Region::of_shape(source.description().shape);
    let voxels = source.read(&region)?.unwrap().voxels;
    Ok((source, voxels))
}

fn plain(path: &Path) -> Result<(RawSource, Voxels)> {
    read(path, &OpenOptions::default())
}

#[test]
fn both_versions_and_byte_orders_compressed_or_not_hold_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    for (second, big, zipped) in (0..8).map(|i| (i & 1 > 0, i & 2 > 0, i & 4 > 0)) {
        let path = folder.path().join(if zipped { "a.nii.gz" } else { "a.nii" });
        let file = [Written::new(second, big, true).bytes, bytes(big)].concat();
        fs::write(&path, if zipped { gzip(&file, true) } else { file }).unwrap();
        let (source, voxels) = plain(&path).unwrap();
        assert_eq!(voxels, Voxels::I16(values()), "{second} {big} {zipped}");
        assert_eq!(source.description().spacing, Spacing([2.0, 0.5, 0.25]));
        assert_eq!(source.description().unit.as_deref(), Some("millimeter"));
        assert_eq!(source.warnings(), Vec::<String>::new());
    }
}

#[test]
fn of_a_pair_either_file_may_be_given_and_both_are_marked() {
    let folder = tempfile::tempdir().unwrap();
    for (header, data) in [("a.hdr", "a.img"), ("b.hdr.gz", "b.img.gz"), ("c.hdr", "c.img.gz")] {
        let zip = |name: &str, bytes: Vec<u8>| if name.ends_with("gz") { gzip(&bytes, false) } else { bytes };
        let [header, data] =
            [(header, Written::new(false, false, false).bytes), (data, bytes(false))].map(|(name, bytes)| {
                fs::write(folder.path().join(name), zip(name, bytes)).unwrap();
                folder.path().join(name)
            });
        for path in [&header, &data] {
            assert_eq!(plain(path).unwrap().1, Voxels::I16(values()));
        }
        let source = open(&header, &OpenOptions::default()).unwrap();
        let before = source.mark(&Region::of_shape([1; 3])).unwrap();
        fs::write(&data, "changed").unwrap();
        assert_ne!(source.mark(&Region::of_shape([1; 3])).unwrap(), before);
        fs::remove_file(&data).unwrap();
        assert_eq!(plain(&header).unwrap_err().kind(), Kind::Missing);
    }
}

#[test]
fn values_are_scaled_unless_the_slope_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii");
    for (slope, inter, scaled) in
        [(0.5, -3.0, true), (1.0, 0.0, false), (0.0, 5.0, false), (f64::NAN, 0.0, false), (1.0, 2.0, true)]
    {
        let mut written = Written::new(false, true, true);
        written.scale(slope, inter);
        fs::write(&path, [written.bytes, bytes(true)].concat()).unwrap();
        let expected =
            if scaled { Voxels::F64(values().mapv(|v| f64::from(v) * slope + inter)) } else { Voxels::I16(values()) };
        assert_eq!(plain(&path).unwrap().1, expected, "{slope} {inter}");
    }
}

#[test]
fn axes_of_length_one_are_dropped_and_time_points_are_picked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii");
    let write = |lengths: &[i64]| {
        let mut written = Written::new(true, false, true);
        written.dim(lengths);
        fs::write(&path, [written.bytes, bytes(false)].concat()).unwrap();
    };
    write(&[4, 3, 2, 1, 1, 1, 1]);
    assert_eq!(plain(&path).unwrap().1, Voxels::I16(values()));
    write(&[4, 6]);
    assert_eq!(open(&path, &OpenOptions::default()).unwrap().description().shape, [1, 6, 4]);
    write(&[4, 3, 1, 2]);
    assert!(plain(&path).unwrap_err().to_string().contains("pick one with --time 0 to 1"));
    let time = OpenOptions { time: Some(1), ..OpenOptions::default() };
    let (source, voxels) = read(&path, &time).unwrap();
    assert_eq!((source.description().dimensions, source.details().times), (2, Some(2)));
    assert_eq!(voxels, Voxels::I16(values()).part(&Region::new([1, 0, 0], [2, 3, 4])));
    let renamed = OpenOptions { axes: Some(vec!['z', 'c', 'y', 'x']), ..OpenOptions::default() };
    assert_eq!(read(&path, &renamed).unwrap().1, Voxels::I16(values()));
    write(&[4, 3, 1, 1, 2]);
    assert!(plain(&path).unwrap_err().to_string().contains("--channel 0 to 1"));
}

#[test]
fn sizes_that_contradict_each_other_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii");
    let warned = |rows: [[f64; 4]; 3]| {
        let mut written = Written::new(false, false, true);
        written.matrix(rows).sizes(&[-0.25, 0.5, 2.0]).units(3 + 8);
        fs::write(&path, [written.bytes, bytes(false)].concat()).unwrap();
        let source = open(&path, &OpenOptions::default()).unwrap();
        assert_eq!(source.description().spacing, Spacing([2.0, 0.5, 0.25]));
        assert_eq!(source.description().unit.as_deref(), Some("micrometer"));
        source.warnings().join("; ")
    };
    // Flipped and permuted axes: read as stored.
    assert_eq!(warned([[0.0, -0.5, 0.0, 7.0], [0.25, 0.0, 0.0, 8.0], [0.0, 0.0, -2.0, 9.0]]), "");
    let twice = warned([[0.5, 0.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]]);
    assert!(twice.contains("2.0000, 0.5000, 0.5000 in its sform but of 2.0000, 0.5000, 0.2500 in pixdim"), "{twice}");
    let sheared = warned([[0.25, 0.0, 0.0, 0.0], [0.0, 0.5, 1.2, 0.0], [0.0, 0.0, 1.6, 0.0]]);
    assert!(sheared.contains("not perpendicular"), "{sheared}");
}

#[test]
fn what_is_no_image_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii");
    let refused = |change: &dyn Fn(&mut Written)| {
        let mut written = Written::new(false, false, true);
        change(&mut written);
        fs::write(&path, [written.bytes, bytes(false)].concat()).unwrap();
        let error = plain(&path).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        error.to_string()
    };
    for (code, bits, text) in
        [(128, 24, "colours"), (32, 64, "complex64"), (1536, 128, "float128"), (9, 0, "number 9"), (4, 8, "no 8 bits")]
    {
        let said = refused(&|w| {
            w.datatype(code, bits);
        });
        assert!(said.contains(text), "{said}");
    }
    assert!(
        refused(&|w| {
            w.dim(&[4, 3, 3]);
        })
        .contains("cut off")
    );
    assert!(
        refused(&|w| {
            w.dim(&[4, -3, 3]);
        })
        .contains("negative")
    );
    assert!(
        refused(&|w| {
            w.dim(&[4, 0, 3]);
        })
        .contains("no voxels")
    );
    assert!(
        refused(&|w| {
            w.dim(&[4, 3, 1, 1, 1, 2]);
        })
        .contains("up to 5 axes")
    );
    assert!(refused(&|w| w.int(40, 2, 99)).contains("99 axes"));
    assert!(
        refused(&|w| {
            w.offset(10.0);
        })
        .contains("begin at byte 10")
    );
    assert!(
        refused(&|w| {
            w.offset(f64::NAN);
        })
        .contains("begin at byte NaN")
    );
    assert!(
        refused(&|w| {
            w.scale(1.0, f64::INFINITY);
        })
        .contains("scl_inter")
    );
    assert!(refused(&|w| w.int(68, 2, 2003)).contains("colours"));
    assert!(refused(&|w| w.bytes[344..348].fill(0)).contains("Analyze 7.5"));
    let copied = [&Written::new(true, false, true).bytes[..], &bytes(false)].concat();
    fs::write(&path, [&copied[..8], &copied[9..], b"."].concat()).unwrap();
    assert!(plain(&path).unwrap_err().to_string().contains("not a NIfTI image"));
    assert!(refused(&|w| w.bytes.truncate(20)).contains("not a NIfTI image"));
}
