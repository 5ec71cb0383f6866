//! Running the program, writing its inputs and reading its outputs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use zarrs::array::Array;
use zarrs::filesystem::FilesystemStore;

use crate::sequential::Mask;

/// What a call of the program came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    fn of(output: Output) -> Self {
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs the program to its end.
pub(crate) fn anabranch<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_anabranch")).args(arguments).output();
    Outcome::of(output.expect("the program starts"))
}

/// Runs the program with no file allowed to grow over `kib` KiB: writes fail as they do on a full disk.
///
/// `ulimit -f` with the signal ignored, so that `write` returns an error (EFBIG) in place of ending the process; what
/// the shell ignores stays ignored in the program.
pub(crate) fn anabranch_with_little_disk(kib: u32, arguments: &[&str]) -> Outcome {
    let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\"");
    let program = env!("CARGO_BIN_EXE_anabranch");
    // In bash a unit is 1 KiB; in POSIX shells it is 512 bytes.
    let output = Command::new("bash").args(["-c", &script, program]).args(arguments).output();
    Outcome::of(output.expect("bash starts"))
}

/// Runs the program and expects it to succeed.
pub(crate) fn succeed<S: AsRef<std::ffi::OsStr> + std::fmt::Debug>(arguments: &[S]) -> Outcome {
    let outcome = anabranch(arguments);
    assert_eq!(outcome.code, 0, "{arguments:?} failed: {}", outcome.stderr);
    outcome
}

/// An image in memory: its values as `f64`, exact in its type.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) shape: [usize; 3],
    pub(crate) dimensions: usize,
    pub(crate) values: Vec<f64>,
    /// As NumPy names it.
    pub(crate) dtype: String,
}

impl Image {
    /// A mask as a three-dimensional image of bool.
    pub(crate) fn of_mask(mask: &Mask) -> Self {
        let values = mask.voxels.iter().map(|&v| f64::from(u8::from(v))).collect();
        Image { shape: mask.shape, dimensions: 3, values, dtype: "bool".into() }
    }

    fn code_and_bytes(&self) -> (&'static str, Vec<u8>) {
        fn bytes<const N: usize>(values: &[f64], convert: impl Fn(f64) -> [u8; N]) -> Vec<u8> {
            values.iter().flat_map(|&v| convert(v)).collect()
        }
        let values = &self.values;
        match self.dtype.as_str() {
            "bool" => ("|b1", bytes(values, |v| [u8::from(v != 0.0)])),
            "uint8" => ("|u1", bytes(values, |v| [v as u8])),
            "uint16" => ("<u2", bytes(values, |v| (v as u16).to_le_bytes())),
            "uint32" => ("<u4", bytes(values, |v| (v as u32).to_le_bytes())),
            "int16" => ("<i2", bytes(values, |v| (v as i16).to_le_bytes())),
            "int32" => ("<i4", bytes(values, |v| (v as i32).to_le_bytes())),
            "float32" => ("<f4", bytes(values, |v| (v as f32).to_le_bytes())),
            "float64" => ("<f8", bytes(values, f64::to_le_bytes)),
            other => panic!("no such type: {other}"),
        }
    }

    /// Writes the image as a .npy file.
    pub(crate) fn write_npy(&self, path: &Path) {
        let axes: Vec<usize> = self.shape[3 - self.dimensions..].to_vec();
        let (code, bytes) = self.code_and_bytes();
        write_npy(path, code, &axes, &bytes);
    }
}

/// Writes a .npy file (version 1.0, C order) of a type code and shape.
pub(crate) fn write_npy(path: &Path, code: &str, axes: &[usize], bytes: &[u8]) {
    let shape: String = axes.iter().map(|n| format!("{n},")).collect();
    let mut header = format!("{{'descr': '{code}', 'fortran_order': False, 'shape': ({shape}), }}");
    let unpadded = 10 + header.len() + 1;
    header.extend(std::iter::repeat_n(' ', unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend(u16::try_from(header.len()).expect("a short header").to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    std::fs::write(path, file).expect("a writable folder");
}

/// A branch table: its columns, and a number for each in every row.
#[derive(Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<f64>>,
}

/// Reads `branches.csv` of an output folder.
pub(crate) fn read_table(out: &Path) -> Table {
    let text = std::fs::read_to_string(out.join("branches.csv")).expect("branches.csv");
    let mut lines = text.lines();
    let columns = lines.next().expect("a header").split(',').map(String::from).collect();
    let number = |n: &str| n.parse().unwrap_or_else(|_| panic!("{n:?} is not a number"));
    Table { columns, rows: lines.map(|row| row.split(',').map(number).collect()).collect() }
}

/// Reads `skeleton.zarr` of an output folder: the shape as stored, and the mask (one plane for an image).
pub(crate) fn read_skeleton(out: &Path) -> (Vec<usize>, Mask) {
    let store = FilesystemStore::new(out.join("skeleton.zarr")).expect("a store");
    let array = Array::open(Arc::new(store), "/").expect("an array");
    let values: Vec<u8> = array.retrieve_array_subset(&array.subset_all()).expect("readable chunks");
    let axes: Vec<usize> = array.shape().iter().map(|&n| usize::try_from(n).expect("an extent")).collect();
    let mut shape = [1; 3];
    shape[3 - axes.len()..].copy_from_slice(&axes);
    let mask = Mask::new(shape, values.iter().map(|&v| v != 0).collect());
    (axes, mask)
}

/// Every file under a folder, by path relative to it.
pub(crate) fn files_under(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).expect("a readable folder") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("under the folder").to_path_buf();
                files.insert(name, std::fs::read(&path).expect("a readable file"));
            }
        }
    }
    files
}

/// The outputs that no chunking and no number of workers may change: branches.csv, summary.json and every file of
/// skeleton.zarr.
pub(crate) fn invariant_bytes(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = files_under(out);
    for name in ["branches.csv", "summary.json", "skeleton.zarr/zarr.json"] {
        assert!(files.contains_key(Path::new(name)), "{name} is missing in {}", out.display());
    }
    files.retain(|name, _| {
        name.starts_with("skeleton.zarr") || name == Path::new("branches.csv") || name == Path::new("summary.json")
    });
    files
}
