//! Opens the image at a path: an array, level 0 of an image of several, or the only image of a collection.

use std::path::Path;

use serde_json::Value;

use super::ZarrSource;
use super::blocks::Blocks;
use super::collection::{Collection, no_image};
use super::folder::Folder;
use super::form::ZarrForm;
use super::metadata::{self, ZarrNode};
use super::names::{Chosen, choose};
use super::ome::{self, Level, Multiscale};
use crate::error::{Error, Kind, Result};
use crate::grid::Grid;
use crate::space::Region;
use crate::store::cache::BlockCache;
use crate::store::details::shown_names;
use crate::store::plan::read_plan;
use crate::store::units::{Calibration, SettledSpacing};
use crate::store::{Description, Details, OpenOptions, shown_path};

/// Largest length of an axis of an image: beyond this, sums of lengths overflow.
const LONGEST: u64 = 1 << 48;
/// Largest depth of nested collections with one image each.
const DEPTH: usize = 4;

/// The metadata around an array.
struct Context {
    image: Multiscale,
    /// Index of the array among the image's levels.
    level: usize,
    /// Path of the image in a collection, if it is the only one.
    only: Option<String>,
}

impl Context {
    fn level(&self) -> &Level {
        &self.image.levels[self.level]
    }
}

impl ZarrSource {
    /// Opens the image in a folder, in a zip file, or at an address if these are supported: a Zarr array, level 0 of an
    /// OME-Zarr group, or the only image of a collection.
    ///
    /// # Errors
    /// `Missing` if there is no such folder or array; `Data` if its type, axes, codecs or metadata are not supported;
    /// `Io` if a server does not deliver it; `Usage` if the options do not fit it, or there are several images.
    pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        let path = path.as_ref();
        let folder = Folder::new(path, options)?;
        let node = metadata::read_node(&folder)?.ok_or_else(|| not_zarr(&folder).at(path))?;
        if let Some(metadata) = &node.array {
            let around = ome::around(&folder, node.version)?;
            let context = around.map(|(image, level)| Context { image, level, only: None });
            let array = ZarrForm::of(&node, metadata);
            return array.and_then(|form| open_array(path, folder, &node, form, context, options)).map_err(at(path));
        }
        let (folder, node, only) = image_in(folder, node, path)?;
        let image = ome::image(&node.attributes).map_err(|error| error.at(folder.path("")))?;
        let image = image.ok_or_else(|| no_image(&folder, &node).at(folder.path("")))?;
        let context = Context { image, level: 0, only };
        let inside = folder.join(&context.level().path);
        let (array, metadata) = array_of(&folder, &node, &inside, &context.level().path)?;
        let place = inside.path("");
        let form = ZarrForm::of(&array, &metadata);
        form.and_then(|form| open_array(path, inside, &array, form, Some(context), options)).map_err(at(&place))
    }
}

/// The group of an image: the given one, or the only one of a collection, with its path in it.
fn image_in(folder: Folder, node: ZarrNode, path: &Path) -> Result<(Folder, ZarrNode, Option<String>)> {
    let (mut folder, mut node, mut only) = (folder, node, None);
    for _ in 0..DEPTH {
        if ome::ome(&node.attributes, "multiscales").is_some() {
            break;
        }
        let Some(collection) = Collection::of(&folder, &node)? else { break };
        let Some(inside) = collection.only() else { return Err(collection.refusal(&folder).at(path)) };
        let deeper = folder.join(inside);
        let missing = || Error::new(Kind::Missing, "is not there, though its group names it; copy it again");
        node = metadata::read_node(&deeper)?.ok_or_else(|| missing().at(deeper.path("")))?;
        only = Some(only.map_or_else(|| inside.to_owned(), |before| format!("{before}/{inside}")));
        folder = deeper;
    }
    Ok((folder, node, only))
}

/// The array at a path in a group: by its own metadata, otherwise by the group's consolidated ones.
fn array_of(group: &Folder, node: &ZarrNode, inside: &Folder, path: &str) -> Result<(ZarrNode, Value)> {
    let array = |node: ZarrNode| node.array.clone().map(|array| (node, array));
    if let Some(found) = metadata::read_node(inside)?.and_then(array) {
        return Ok(found);
    }
    let held = match node.version {
        2 => metadata::read_consolidated(group, &mut None)?.and_then(|all| metadata::version2_in(&all, path)),
        _ => node.consolidated.as_ref().and_then(|all| all.get(path)).map(metadata::version3).transpose()?,
    };
    held.and_then(array).ok_or_else(|| {
        let message = "has no metadata of an array (zarr.json or .zarray), though the OME metadata name it; copy it \
                       again with the files whose names begin with a point";
        Error::new(Kind::Missing, message).at(inside.path(""))
    })
}

fn open_array(
    name: &Path,
    folder: Folder,
    node: &ZarrNode,
    form: ZarrForm,
    context: Option<Context>,
    options: &OpenOptions,
) -> Result<ZarrSource> {
    let words = context.as_ref().and_then(|context| context.level().words.as_deref());
    let chosen = choose(&form.shape, words, form.names.as_deref(), options)?;
    let kept = &chosen.selection.kept;
    if let Some(&axis) = kept.iter().find(|&&axis| form.shape[axis] > LONGEST) {
        let message = format!("is too long along {}: at most {LONGEST} voxels; pick a part", chosen.labels[axis]);
        return Err(Error::data(message));
    }
    let dimensions = kept.len();
    let trouble = context.as_ref().and_then(|context| context.level().trouble.clone());
    if let Some(trouble) = trouble.filter(|_| options.spacing.is_none()) {
        return Err(trouble);
    }
    let found = match words {
        // The option `--axes` overrides the names of axes, and with them their descriptions.
        Some(words) if words.len() == form.shape.len() => ome::calibration(words, kept),
        Some(_) => Calibration::default(),
        None => own_calibration(node, &form, kept),
    };
    let calibration = found.settle(dimensions, options)?;
    let offset =
        words.filter(|words| words.len() == form.shape.len()).map_or([0.0; 3], |words| ome::offset(words, kept));
    let told = context.as_ref().and_then(|context| context.image.downsample);
    let details = details(node, &form, &chosen, &calibration, context.as_ref());
    let unusual = unusual_order(&chosen);
    let blocks = Blocks::open(folder, form, chosen.selection)?;
    let form = blocks.form();
    let (shape, block, stored) = (blocks.image_shape(), blocks.shape(), form.stored);
    let plan = read_plan(shape, block, block, dimensions, stored.size(), options.cache);
    let description = Description {
        name: shown_path(name),
        shape,
        dimensions,
        dtype: stored.dtype(),
        stored,
        spacing: calibration.spacing,
        unit: calibration.unit.clone(),
        chunk: plan.chunk,
        fill: form.fill.number(),
        offset,
        downsample: told.unwrap_or_else(|| Description::downsample_of(stored.dtype())),
    };
    let grid = Grid::new(Region::of_shape(shape), block);
    let mut warnings: Vec<String> = calibration.warning.into_iter().collect();
    warnings.extend(unusual);
    warnings.extend(packed_values(&node.attributes));
    if blocks.is_empty() {
        warnings.push("has no stored chunk: all of it is its fill value".to_owned());
    }
    let warnings = warnings.into_iter().map(|warning| format!("{}: {warning}", description.name)).collect();
    let (cache, labels) = (BlockCache::new(plan.cache), options.labels);
    Ok(ZarrSource { blocks, grid, description, details, warnings, cache, labels })
}

/// A warning about values that mean others by the attributes of xarray and the CF conventions (section 8.1, packed data).
fn packed_values(attributes: &Value) -> Option<String> {
    let number = |key: &str, plain: f64| attributes.get(key).and_then(Value::as_f64).filter(|number| *number != plain);
    let (factor, base) = (number("scale_factor", 1.0), number("add_offset", 0.0));
    (factor.is_some() || base.is_some()).then(|| {
        let (factor, base) = (factor.unwrap_or(1.0), base.unwrap_or(0.0));
        format!(
            "its attributes say that values are to be taken times {factor} and plus {base} (scale_factor, add_offset): here they \
             are as stored, so give thresholds of stored values"
        )
    })
}

/// A warning about an array whose axes in space have another order than z, y, x by their names: results are along the
/// array's own axes.
fn unusual_order(chosen: &Chosen) -> Option<String> {
    let kept = &chosen.selection.kept;
    let places: Vec<usize> = kept.iter().filter_map(|&axis| "zyx".find(chosen.letters[axis]?)).collect();
    let names = kept.iter().map(|&axis| chosen.labels[axis].as_str()).collect::<Vec<_>>().join(", ");
    let advice = "columns and options are along them in this order; --axes with their names turns them to z, y, x";
    (!places.is_sorted()).then(|| format!("has its axes in the order {names}: {advice}"))
}

/// The voxel size in attributes of the array itself, as in this program's own outputs. `spacing` of other programs may
/// be in any order: their arrays have no names of axes.
fn own_calibration(node: &ZarrNode, form: &ZarrForm, kept: &[usize]) -> Calibration {
    let mut calibration = Calibration { from: "its attributes", ..Calibration::default() };
    let numbers = |list: &Value| -> Option<Vec<f64>> { list.as_array()?.iter().map(Value::as_f64).collect() };
    let spacing = node.attributes.get("spacing").and_then(numbers);
    let Some(spacing) = spacing.filter(|_| node.version == 3 && form.names.is_some()) else { return calibration };
    let mut axes = kept.to_vec();
    axes.sort_unstable();
    if spacing.len() != axes.len() {
        return calibration;
    }
    let unit = node.attributes.get("unit").and_then(Value::as_str);
    for (axis, &at) in (3 - kept.len().min(3)..3).zip(kept) {
        calibration.size[axis] = axes.iter().position(|&it| it == at).map(|place| spacing[place]);
        calibration.unit[axis] = unit.map(str::to_owned);
    }
    calibration
}

fn details(
    node: &ZarrNode,
    form: &ZarrForm,
    chosen: &Chosen,
    calibration: &SettledSpacing,
    context: Option<&Context>,
) -> Details {
    let length = |letter: char| {
        let axis = chosen.letters.iter().position(|&it| it == Some(letter))?;
        Some(form.shape[axis])
    };
    let format = match context {
        Some(context) => match &context.image.version {
            Some(version) => format!("OME-Zarr {version}"),
            None => "OME-Zarr".to_owned(),
        },
        None => format!("Zarr v{} array", node.version),
    };
    let codec = match &form.sharding {
        Some(sharding) => format!("{}, in shards", sharding.chain.name()),
        None => form.chain.name(),
    };
    let mut notes = Vec::new();
    if form.sharding.is_some() {
        let shard = form.chunk.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ");
        notes.push(format!("chunks are in shards of {shard} voxels"));
    }
    if let Some(context) = context {
        if let Some(only) = &context.only {
            notes.push(format!("the only image of the collection is read, {only}"));
        }
        let (levels, multiscales) = (context.image.levels.len(), context.image.multiscales);
        if levels > 1 {
            notes.push(format!("level {} of {levels} is read, {}", context.level, context.level().path));
        }
        if multiscales > 1 {
            notes.push(format!("the first of {multiscales} multiscales is read"));
        }
    }
    Details {
        format,
        axes: chosen.labels.iter().cloned().zip(form.shape.iter().copied()).collect(),
        chunk: form.sharding.as_ref().map_or_else(|| form.chunk.clone(), |sharding| sharding.inner.clone()),
        codec,
        spacing_from: calibration.from.clone().unwrap_or_default(),
        channels: length('c'),
        channel_names: context.map(|context| shown_names(&context.image.channels)).unwrap_or_default(),
        times: length('t'),
        series: context.and_then(|context| context.only.as_ref()).map(|_| 1),
        notes,
    }
}

/// Adds a path to an error, unless it has one already.
fn at(place: &Path) -> impl Fn(Error) -> Error + '_ {
    move |error| if error.is_placed() { error } else { error.at(place) }
}

/// The refusal of a folder without metadata.
fn not_zarr(folder: &Folder) -> Error {
    if folder.is_served() {
        let message = "holds no Zarr array, or nothing at all; check the address (images in other forms have to be \
                       copied to a disk)";
        return Error::new(Kind::Missing, message);
    }
    if folder.local().is_some_and(|path| !path.exists()) {
        return Error::new(Kind::Missing, "is no Zarr array; check the path");
    }
    let children = folder.children().unwrap_or_default();
    if children.contains("attributes.json") {
        return Error::data("holds N5, which is not read; convert it to OME-Zarr, with Fiji for example");
    }
    let message = "has no Zarr metadata (zarr.json, .zarray or .zgroup); copy it again with the files whose names begin \
                   with a point, or check the path";
    Error::data(message)
}
