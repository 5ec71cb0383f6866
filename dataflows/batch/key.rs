//! What the results of an image depend on, to tell whether they must be made again.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anabranch::error::{Error, Result};
use anabranch::store::{is_address, resolved};
use serde_json::{Value, json};

use crate::analysis::{parameters, picture};
use crate::arguments::RunOptions;
use crate::export::each_once;

/// Everything that the results of an image depend on: its path, the sizes and times of its files, and the options.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key(Value);

impl Key {
    /// That of a run.
    ///
    /// # Errors
    /// `Usage` if the options contradict each other.
    pub(super) fn of(options: &RunOptions) -> Result<Key> {
        let parameters = serde_json::to_value(parameters(options)?)
            .map_err(|error| Error::internal("parameters cannot be written as JSON").because(error))?;
        let exports: Vec<&str> = each_once(&options.export).iter().map(|format| format.name()).collect();
        let foreground =
            [&options.foreground.mask, &options.atlas, &options.atlas_names, &options.segmentation.intensity];
        let tiles = [&options.image.tiles.background, &options.image.tiles.flat_field];
        let files =
            [Some(&options.image.input)].into_iter().chain(foreground.into_iter().chain(tiles).map(Option::as_ref));
        Ok(Key(json!({
            "version": env!("CARGO_PKG_VERSION"),
            "parameters": parameters,
            "exports": exports,
            "picture": format!("{:?}", picture(options)),
            "files": files.flatten().map(|path| mark(path)).collect::<Vec<_>>(),
        })))
    }

    /// The one in results, if a batch has made them.
    pub(super) fn in_results(out: &Path) -> Option<Key> {
        let run: Value = serde_json::from_slice(&fs::read(out.join("run.json")).ok()?).ok()?;
        run.get("batch").filter(|key| !key.is_null()).cloned().map(Key)
    }

    /// The key as it is written.
    pub(super) fn into_value(self) -> Value {
        self.0
    }
}

/// Path, bytes and youngest time of the files of an image. What cannot be read is nothing here, and refused by the run.
fn mark(path: &Path) -> Value {
    if is_address(path) {
        return json!([path.to_string_lossy()]);
    }
    let (mut bytes, mut youngest, mut open) = (0, 0, vec![path.to_owned()]);
    while let Some(next) = open.pop() {
        let Ok(metadata) = fs::metadata(&next) else { continue };
        if metadata.is_dir() {
            open.extend(fs::read_dir(&next).into_iter().flatten().flatten().map(|entry| entry.path()));
            continue;
        }
        bytes += metadata.len();
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        youngest = youngest.max(modified.map_or(0, |time| time.as_nanos()));
    }
    json!([resolved(path).to_string_lossy(), bytes, youngest.to_string()])
}
