//! Formats that are not read: how a file is recognised as one of them, and how to convert it.

use std::path::Path;

use crate::error::Error;

/// How to convert a file of a format that is not read; `FILE` stands for its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Bio-Formats reads it.
    BioFormats,
    /// A separate sentence.
    Own(&'static str),
}

const HDF5: &str = "save one of its data sets as .npy: python -c \"import h5py, numpy; \
                    numpy.save('image.npy', h5py.File('FILE')['DATASET'])\"";
const MATLAB: &str = "save one of its arrays as .npy: python -c \"import scipy.io, numpy; \
                      numpy.save('image.npy', scipy.io.loadmat('FILE')['NAME'])\"";
const DICOM: &str = "convert the series with dcm2niix, or open its folder in Fiji, and save it as NIfTI or TIFF";
const AMIRA: &str = "save it as TIFF or NRRD in Amira or Avizo, or in Fiji";
const RAW: &str = "says nothing of its shape and type; write a text file image.mhd beside it with the lines \
                   \"NDims = 3\", \"DimSize = X Y Z\", \"ElementType = MET_USHORT\" and \"ElementDataFile = FILE\", and give \
                   that";
const UNPACK: &str = "unpack it, and give the file inside";
const PICTURE: &str = "save it as TIFF";
const PICKLE: &str = "load it in Python, and save the array with numpy.save";
const MESH: &str = "give the image that it was made from";
const VTK: &str = "save it as TIFF or NRRD in ParaView or Fiji";
const NETCDF: &str = "save one of its variables as .npy: python -c \"import xarray, numpy; \
                      numpy.save('image.npy', xarray.open_dataset('FILE')['NAME'])\"";
const MINC: &str = "convert it with mnc2nii, and give the NIfTI file";
const SHEET: &str = "save the table of tiles as .csv";
const CRACKLE: &str = "decompress it, and save it as .npy: python -c \"import crackle, numpy; \
                       numpy.save('image.npy', crackle.load('FILE'))\"";
const PRESENTED: &str = "give the image itself";
const MRC: &str = "save it as TIFF or .npy: python -c \"import mrcfile, numpy; \
                   numpy.save('image.npy', mrcfile.open('FILE').data)\"";

/// A format: its name with its article, bytes at an offset by which its files are recognised, extensions (lower case),
/// and how to convert them.
struct Form(&'static str, &'static [(usize, &'static [u8])], &'static [&'static str], Way);

use Way::{BioFormats, Own};

/// The formats that are recognised and not read. Those with distinct bytes come before those that share them.
static FORMS: [Form; 49] = [
    Form("a Zeiss CZI file", &[(0, b"ZISRAWFILE")], &["czi"], BioFormats),
    Form("a Leica LIF file", &[], &["lif", "lof", "xlef", "xlif", "lei"], BioFormats),
    Form("a Nikon ND2 file", &[(0, b"\xda\xce\xbe\x0a")], &["nd2"], BioFormats),
    Form("an Olympus OIR file", &[(0, b"OLYMPUSRAWFORMAT")], &["oir", "poir"], BioFormats),
    Form("an Olympus file", &[], &["oib", "oif", "vsi", "ets"], BioFormats),
    Form("a DeltaVision file", &[], &["dv", "r3d"], BioFormats),
    Form("a Zeiss ZVI file", &[], &["zvi"], BioFormats),
    Form("an ICS file", &[(0, b"ics_version"), (1, b"ics_version"), (2, b"ics_version")], &["ics", "ids"], BioFormats),
    Form("a SlideBook file", &[], &["sld", "sldy", "sldyz"], BioFormats),
    Form(
        "a file of a microscope",
        &[],
        &["mvd2", "xdce", "xlog", "spe", "lim", "apl", "obsep", "1sc", "mrxs"],
        BioFormats,
    ),
    Form("an MRC file", &[(208, b"MAP ")], &["mrc", "mrcs", "map", "rec", "st", "ali"], Own(MRC)),
    Form("a MATLAB file", &[(0, b"MATLAB 5.0 MAT-file"), (0, b"MATLAB 4")], &[], Own(MATLAB)),
    Form("a DICOM file", &[(128, b"DICM")], &["dcm", "dicom", "ima"], Own(DICOM)),
    Form("an Amira file", &[(0, b"# AmiraMesh"), (0, b"# Avizo")], &["am", "amiramesh"], Own(AMIRA)),
    Form(
        "a mesh",
        &[(0, b"# HyperSurface"), (0, b"ply\n"), (0, b"solid "), (0, b"glTF")],
        &["surf", "stl", "ply", "obj"],
        Own(MESH),
    ),
    Form("a VTK file", &[(0, b"# vtk DataFile"), (0, b"<VTKFile")], &["vti", "vtk", "pvti", "vtp", "vtu"], Own(VTK)),
    Form("a netCDF file", &[(0, b"CDF\x01"), (0, b"CDF\x02"), (0, b"CDF\x05")], &["nc", "cdf"], Own(NETCDF)),
    Form("a MINC file", &[], &["mnc"], Own(MINC)),
    Form("a FreeSurfer file", &[], &["mgh", "mgz"], Own("convert it with mri_convert, and give the NIfTI file")),
    Form("a Crackle file", &[(0, b"crkl")], &["ckl"], Own(CRACKLE)),
    Form("a JPEG 2000 file", &[(0, b"\0\0\0\x0cjP  "), (0, b"\xff\x4f\xff\x51")], &["jp2", "j2k", "jpx"], Own(PICTURE)),
    Form("a PNG picture", &[(0, b"\x89PNG\r\n")], &["png"], Own(PICTURE)),
    Form("a JPEG picture", &[(0, b"\xff\xd8\xff")], &["jpg", "jpeg"], Own(PICTURE)),
    Form("a GIF picture", &[(0, b"GIF8")], &["gif"], Own(PICTURE)),
    Form("a BMP picture", &[], &["bmp"], Own(PICTURE)),
    Form("a WebP picture", &[(8, b"WEBP")], &["webp"], Own(PICTURE)),
    Form(
        "a picture",
        &[(0, b"P5\n"), (0, b"P6\n"), (0, b"v/1\x01"), (0, b"SIMPLE  =")],
        &["pgm", "ppm", "exr", "fits", "fit"],
        Own(PICTURE),
    ),
    Form(
        "a video",
        &[(8, b"AVI "), (4, b"ftyp"), (0, b"\x1aE\xdf\xa3")],
        &["avi", "mp4", "mov", "mkv", "webm"],
        Own("save it as a TIFF stack in Fiji"),
    ),
    Form("a PDF document", &[(0, b"%PDF")], &["pdf"], Own(PRESENTED)),
    Form("a spreadsheet", &[], &["xlsx", "xls", "ods"], Own(SHEET)),
    Form("a document", &[(0, b"{\\rtf")], &["docx", "doc", "pptx", "odt"], Own(PRESENTED)),
    Form("a tar archive", &[(257, b"ustar")], &["tar", "tgz"], Own(UNPACK)),
    Form("a bzip2 file", &[(0, b"BZh")], &["bz2"], Own(UNPACK)),
    Form("an xz file", &[(0, b"\xfd7zXZ\0")], &["xz"], Own(UNPACK)),
    Form("a zstd file", &[(0, b"\x28\xb5\x2f\xfd")], &["zst", "zstd"], Own(UNPACK)),
    Form("a 7z archive", &[(0, b"7z\xbc\xaf\x27\x1c")], &["7z"], Own(UNPACK)),
    Form("a RAR archive", &[(0, b"Rar!\x1a\x07")], &["rar"], Own(UNPACK)),
    Form("a gzip file of another form", &[(0, b"\x1f\x8b")], &["gz"], Own(UNPACK)),
    Form("a zip archive", &[(0, b"PK\x03\x04"), (0, b"PK\x05\x06")], &["zip"], Own(UNPACK)),
    Form(
        "a Python pickle",
        &[(0, b"\x80\x02"), (0, b"\x80\x03"), (0, b"\x80\x04"), (0, b"\x80\x05")],
        &["pkl", "pickle"],
        Own(PICKLE),
    ),
    Form("a Parquet table", &[(0, b"PAR1")], &["parquet"], Own(SHEET)),
    Form("an SQLite database", &[(0, b"SQLite format 3\0")], &["sqlite", "db"], Own(PRESENTED)),
    Form(
        "a compound file of a microscope or of an office program",
        &[(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")],
        &[],
        BioFormats,
    ),
    Form(
        "a neuroglancer or web page address file",
        &[(0, b"<!DOCTYPE html"), (0, b"<html")],
        &["html", "url"],
        Own(PRESENTED),
    ),
    Form("an XML file", &[(0, b"<?xml"), (0, b"\xef\xbb\xbf<?xml")], &["xml"], Own("give the image that it describes")),
    Form("a JSON file", &[], &["json"], Own("give the folder or the image that it describes")),
    Form("a MATLAB file", &[], &["mat"], Own(MATLAB)),
    Form("a raw file", &[], &["raw", "vol", "bin", "dat", "data", "img"], Own(RAW)),
    Form("a Python script", &[], &["py", "ipynb"], Own(PRESENTED)),
];

/// The refusal of a file in a format that is recognised and not read, by its first bytes, otherwise by its extension.
pub(crate) fn refusal(path: &Path, start: &[u8]) -> Option<Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if let Some(error) = hdf5(start, &name) {
        return Some(error);
    }
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let of_kind = |Form(_, magics, ..): &&Form| {
        magics.iter().any(|&(at, magic)| start.get(at..).is_some_and(|rest| rest.starts_with(magic)))
    };
    let named = |Form(_, _, extensions, _): &&Form| extensions.contains(&&*extension);
    // Blocks of a LIF file have marks of one byte, too short to stand alone in the table.
    let is_lif = start.starts_with(b"\x70\0\0\0") && start.get(8) == Some(&b'*');
    let lif = is_lif.then(|| FORMS.iter().find(|form| form.2.contains(&"lif"))).flatten();
    // If both match, the extension is more exact: a spreadsheet is a zip archive.
    let shared =
        |form: &&Form| form.0.starts_with("a zip") || form.0.starts_with("a gzip") || form.0.starts_with("a compound");
    let by_bytes = lif.or_else(|| FORMS.iter().find(of_kind));
    let by_name = FORMS.iter().find(named);
    let form = match (by_bytes, by_name) {
        (Some(form), Some(named)) if shared(&form) && !shared(&named) => Some(named),
        (form, named) => form.or(named),
    };
    form.map(|Form(what, _, _, way)| refused(what, *way, &name))
}

/// The refusal of a file that is compressed by gzip, in a format that is not read compressed.
#[cfg(feature = "medical")]
pub(crate) fn packed_refusal(path: &Path, inside: &[u8]) -> Error {
    let inner = Path::new(path.file_stem().unwrap_or_default());
    if inner.extension().is_some_and(|e| e.eq_ignore_ascii_case("ckl")) || inside.starts_with(b"crkl") {
        return refused("a Crackle file", Own(CRACKLE), &path.file_name().unwrap_or_default().to_string_lossy());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let advice = if inside.get(257..262) == Some(b"ustar") { "tar -xzf" } else { "gunzip -k" };
    Error::data(format!(
        "is compressed by gzip as a whole, and no NIfTI image; unpack it with `{advice} {name}` and give what comes out"
    ))
}

#[cfg(feature = "tiff")]
/// Returns whether a file is of a microscope that stores its images beside a TIFF file of previews.
pub(crate) fn is_preview(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("vsi"))
}

fn refused(what: &str, way: Way, name: &str) -> Error {
    let advice = match way {
        BioFormats => format!(
            "convert it to OME-Zarr with `bioformats2raw {name} {name}.zarr`, or save it as TIFF in Fiji with Bio-Formats"
        ),
        Own(RAW) => return Error::data(RAW.replace("FILE", name)),
        Own(sentence) => sentence.replace("FILE", name),
    };
    Error::data(format!("is {what}, which is not read; {advice}"))
}

/// Refuses HDF5 files. They have their signature at the start, or after a user block of 512 bytes, 1024, and so on.
/// Imaris files are HDF5 files with a group `DataSetInfo`.
fn hdf5(start: &[u8], name: &str) -> Option<Error> {
    let marked = |at: usize| start.get(at..).is_some_and(|rest| rest.starts_with(b"\x89HDF\r\n\x1a\n"));
    let lower = name.to_lowercase();
    let named =
        ["h5", "hdf5", "hdf", "he5", "nwb", "ims", "loom", "h5ad"].iter().find(|e| lower.ends_with(&format!(".{e}")));
    if ![0, 512, 1024, 2048].into_iter().any(marked) && named.is_none() {
        return None;
    }
    let is_imaris = named == Some(&"ims") || start.windows(11).any(|bytes| bytes == b"DataSetInfo");
    Some(if is_imaris {
        refused("an Imaris file (HDF5)", BioFormats, name)
    } else if lower.ends_with(".mnc") {
        refused("a MINC file (HDF5)", Own(MINC), name)
    } else {
        refused("an HDF5 file", Own(HDF5), name)
    })
}

/// The refusal of a folder in a format that is recognised and not read, by the files in it.
pub(crate) fn folder_refusal(path: &Path) -> Option<Error> {
    if path.join("attributes.json").is_file() {
        let advice = "convert it to OME-Zarr with `n5-to-ome-zarr`, or save it as TIFF in Fiji with the N5 plugin";
        return Some(Error::data(format!("is an N5 container or data set, which is not read; {advice}")));
    }
    if path.join("info").is_file() {
        let advice = "save it as .npy with cloud-volume: python -c \"import cloudvolume, numpy; \
                      numpy.save('image.npy', cloudvolume.CloudVolume('file://FOLDER')[:].T)\"";
        return Some(Error::data(format!("is a neuroglancer precomputed volume, which is not read; {advice}")));
    }
    let mut names: Vec<_> = std::fs::read_dir(path).ok()?.filter_map(|entry| entry.ok()).collect();
    names.sort_by_key(std::fs::DirEntry::file_name);
    let is_file = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    let first = names.iter().find(|entry| is_file(entry) && !entry.file_name().to_string_lossy().starts_with('.'));
    if let Some(first) = first {
        let (name, start) = (
            first.file_name().to_string_lossy().into_owned(),
            super::file::start_of(&first.path()).unwrap_or_default(),
        );
        if start.get(128..132) == Some(b"DICM") {
            return Some(Error::data(format!("is a folder of DICOM files, which are not read; {DICOM}")));
        }
        let message = format!("is a folder without slices or Zarr metadata; give a file in it, for example {name}");
        return Some(Error::data(message));
    }
    let folders: Vec<_> = names.iter().filter(|entry| entry.path().is_dir()).collect();
    let first = folders.first()?.file_name().to_string_lossy().into_owned();
    let many = if folders.len() == 1 { "1 folder".to_owned() } else { format!("{} folders", folders.len()) };
    Some(Error::data(format!("holds no image but {many}; give one of them, for example {first}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, start: &[u8]) -> String {
        refusal(Path::new(name), start).map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_form_is_known_by_its_bytes_whatever_its_name() {
        for (start, name) in [
            (&b"ZISRAWFILE\0\0"[..], "Zeiss CZI"),
            (b"\x70\0\0\0\x2c\0\0\0*", "Leica LIF"),
            (b"\xda\xce\xbe\x0a", "Nikon ND2"),
            (b"\x89HDF\r\n\x1a\n", "HDF5"),
            (b"# AmiraMesh BINARY", "Amira"),
            (b"PK\x03\x04", "zip archive"),
            (b"\x80\x04\x95", "pickle"),
        ] {
            assert!(said("image", start).contains(name), "{}", said("image", start));
        }
        let mut dicom = vec![0; 140];
        dicom[128..132].copy_from_slice(b"DICM");
        assert!(said("IM0001", &dicom).contains("dcm2niix"));
        let mut matlab = vec![b' '; 600];
        matlab[512..520].copy_from_slice(b"\x89HDF\r\n\x1a\n");
        assert!(said("a.mat", &matlab).contains("h5py.File('a.mat')"));
        assert_eq!(said("image", b"hello"), "");
    }

    #[test]
    fn where_bytes_say_nothing_the_extension_counts_and_where_they_are_shared_too() {
        assert!(said("a.LIF", b"\x70\0\0\0").contains("bioformats2raw a.LIF a.LIF.zarr"));
        assert!(said("a.xlsx", b"PK\x03\x04").contains("spreadsheet"));
        assert!(said("a.ims", b"\x89HDF\r\n\x1a\n").contains("Imaris"));
        assert!(said("x", b"\x89HDF\r\n\x1a\n....DataSetInfo").contains("Imaris"));
        assert!(said("a.raw", b"\0\0").contains("ElementDataFile = a.raw"));
        assert!(said("a.npy.ckl.gz", b"\x1f\x8b\x08").contains("gzip"));
    }

    #[test]
    fn folders_of_other_forms_are_named() {
        let root = tempfile::tempdir().unwrap();
        let said = || folder_refusal(root.path()).map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(said(), "");
        std::fs::create_dir(root.path().join("slices")).unwrap();
        assert!(said().contains("1 folder; give one of them, for example slices"));
        let mut dicom = vec![0; 140];
        dicom[128..132].copy_from_slice(b"DICM");
        std::fs::write(root.path().join("IM1"), dicom).unwrap();
        assert!(said().contains("folder of DICOM files"));
        std::fs::write(root.path().join("info"), "{}").unwrap();
        assert!(said().contains("precomputed"));
        std::fs::write(root.path().join("attributes.json"), "{}").unwrap();
        assert!(said().contains("N5"));
    }
}
