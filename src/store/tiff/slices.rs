//! A folder of 2-D slices, in the order of the numbers in their names.

mod names;
#[cfg(feature = "mosaic")]
mod natural;
mod number;
mod order;

use std::path::{Path, PathBuf};

#[cfg(feature = "mosaic")]
pub(crate) use self::natural::natural;
use self::order::{SliceOrder, order};
use super::TiffSource;
use super::describe::{Given, described};
use super::one_page::Page;
use super::pages::pages;
use super::picture::{Picture, plane};
use super::stack::FileDescription;
use crate::error::{Error, Kind, Result};
use crate::store::{Details, OpenOptions, file};

/// The format of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Tiff,
    Picture(Picture),
}

impl Form {
    fn of(path: &Path) -> Option<Form> {
        let extension = path.extension()?.to_string_lossy().to_ascii_lowercase();
        match &*extension {
            "tif" | "tiff" => Some(Form::Tiff),
            other => Picture::of_extension(other).map(Form::Picture),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Form::Tiff => "TIFF",
            Form::Picture(picture) => picture.name(),
        }
    }
}

impl TiffSource {
    /// Opens a folder: each `.tif` or `.tiff` file in it is a plane along z, in the order of the numbers in the names;
    /// if it has none, each PNG, BMP or JPEG file is. Other files, hidden ones and folders are ignored. If the names
    /// have numbers of channels or time points, the options pick among them.
    ///
    /// The spacing is in the first slice's metadata.
    ///
    /// # Errors
    /// Those of a file; `Data` if the folder has no slices, or one has several pages, another size or type than the
    /// first, or a name that does not fit (it is named); `Usage` if the options do not fit the names.
    pub fn open_slices(folder: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        let folder = folder.as_ref();
        // An error about one slice names it already.
        let here = |error: Error| if error.is_placed() { error } else { error.at(folder) };
        let (paths, form) = listed(folder).and_then(of_one_form).map_err(here)?;
        let names: Vec<String> = paths.iter().map(|path| name(path)).collect();
        let SliceOrder { files, channels, times, mut warnings } =
            order(&names, options).map_err(|error| error.at(folder))?;
        let mut planes: Vec<Page> = Vec::with_capacity(files.len());
        let mut first: Option<FileDescription> = None;
        let (mut notes, mut told) = (Vec::new(), 0);
        for path in files.into_iter().map(|file| &paths[file]) {
            let Form::Tiff = form else {
                let Form::Picture(picture) = form else { continue };
                planes.push(plane::page(path, picture)?);
                continue;
            };
            let mut read = pages(path)?;
            if read.pages.len() > 1 {
                let count = read.pages.len();
                return Err(stack_among_slices(count, paths.len()).at(path));
            }
            if first.is_none() {
                let given = Given { path, pages: 1, slice: true };
                first = Some(described(&read.tags, &given).map_err(|error| error.at(path))?);
                notes = read.notes;
            }
            // Slices of one scan have the same warnings.
            if let Some(warning) = read.warnings.first() {
                told += 1;
                if told == 1 {
                    warnings.push(format!("{}: {warning}", name(path)));
                }
            }
            planes.append(&mut read.pages);
        }
        warnings.extend(lossy(form));
        let built = TiffSource::new(folder, planes, 3, &first.unwrap_or_default(), options);
        let built = built.map_err(here)?;
        warnings.extend(built.warnings);
        let [channels, times] = [channels, times].map(|count| count.map(|count| count as u64));
        let format = format!("folder of {} slices", form.name());
        let details = Details { format, channels, times, notes, series: None, ..built.details };
        Ok(TiffSource { details, warnings, ..built })
    }

    /// Opens a PNG, BMP or JPEG file of grey values, as a 2-D image.
    ///
    /// # Errors
    /// `Data` if it is damaged or has colours; `Usage` if the options do not fit.
    pub(crate) fn open_picture(path: &Path, picture: Picture, options: &OpenOptions) -> Result<Self> {
        crate::store::open::by_form::refuse_selection(options).map_err(|error| error.at(path))?;
        let page = plane::page(path, picture)?;
        let built = TiffSource::new(path, vec![page], 2, &FileDescription::default(), options)
            .map_err(|error| error.at(path))?;
        let warnings = lossy(Form::Picture(picture)).into_iter().collect();
        let details = Details { format: picture.name().to_owned(), ..built.details };
        Ok(TiffSource { warnings, details, ..built })
    }
}

/// A warning about the values of a format.
fn lossy(form: Form) -> Option<String> {
    let warning =
        "JPEG does not keep values as they were measured; use the images that it was made of where there are any";
    (form == Form::Picture(Picture::Jpeg)).then(|| warning.to_owned())
}

fn stack_among_slices(pages: usize, files: usize) -> Error {
    let advice = if files == 1 { "give this file in place of its folder" } else { "give one stack as a file" };
    Error::data(format!("has {pages} pages, but a folder of slices has one in each file; {advice}"))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Returns whether a folder contains slices.
pub(crate) fn has_slices(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| is_slice(&entry.path()).is_some() && !entry.path().is_dir())
}

/// The format of a slice by its name; `None` for hidden files.
fn is_slice(path: &Path) -> Option<Form> {
    Form::of(path).filter(|_| !name(path).starts_with('.'))
}

/// The slices in a folder.
///
/// # Errors
/// `Missing` if one is a dangling link, `Data` if one is not a file; it is named.
fn listed(folder: &Path) -> Result<Vec<(PathBuf, Form)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| file::read_failed(&error))? {
        let path = entry.map_err(|error| file::read_failed(&error))?.path();
        let Some(form) = is_slice(&path) else { continue };
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => found.push((path, form)),
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(Error::data("is no file that can be read as a slice; move it away").at(path)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let message = "is a link to a file that is not there; get the file, or remove the link";
                return Err(Error::new(Kind::Missing, message).at(path));
            }
            Err(error) => return Err(file::read_failed(&error).at(path)),
        }
    }
    if found.is_empty() {
        return Err(Error::data(
            "holds no TIFF slices, nor PNG or BMP ones; give a folder of .tif, .tiff, .png or .bmp files",
        ));
    }
    // Folders are listed in arbitrary order.
    found.sort();
    Ok(found)
}

/// The files of the slices' format: TIFF files if there are any, otherwise those of the most frequent one.
///
/// # Errors
/// `Data` if slices have several formats.
fn of_one_form(found: Vec<(PathBuf, Form)>) -> Result<(Vec<PathBuf>, Form)> {
    let count = |form: Form| found.iter().filter(|(_, f)| *f == form).count();
    let forms = [Form::Tiff, Form::Picture(Picture::Png), Form::Picture(Picture::Bmp), Form::Picture(Picture::Jpeg)];
    let mut present: Vec<(Form, usize)> =
        forms.into_iter().map(|form| (form, count(form))).filter(|(_, n)| *n > 0).collect();
    // One picture beside slices is a preview.
    present.sort_by_key(|&(form, n)| (n == 1, form));
    let Some(&(form, most)) = present.first() else { return Err(Error::internal("slices of no form")) };
    // A JPEG file with the name of a slice is its preview too.
    let stems = |form: Form| found.iter().filter(move |(_, f)| *f == form).map(|(path, _)| path.file_stem());
    let previews = |other: Form| {
        other == Form::Picture(Picture::Jpeg) && stems(other).all(|stem| stems(form).any(|slice| slice == stem))
    };
    let others = present[1..].iter().find(|&&(other, n)| most == 1 || (n > 1 && !previews(other)));
    if let Some((other, _)) = others {
        let message = format!("holds {} and {} files; keep those of one form in the folder", form.name(), other.name());
        return Err(Error::data(message));
    }
    Ok((found.into_iter().filter(|(_, f)| *f == form).map(|(path, _)| path).collect(), form))
}

#[cfg(feature = "mosaic")]
/// The TIFF files in a folder, in natural order of their names.
pub(crate) fn slice_paths(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        listed(folder)?.into_iter().filter(|(_, form)| *form == Form::Tiff).map(|(path, _)| path).collect();
    if paths.is_empty() {
        return Err(Error::data("holds no TIFF files; give a folder of .tif or .tiff files"));
    }
    paths.sort_by(|a, b| natural(&name(a), &name(b)));
    Ok(paths)
}
