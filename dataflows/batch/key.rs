//! What the results of an image depend on, to tell whether they must be made again.

use std::fs;
use std::path::{Path, PathBuf};

use anabranch::analysis::Analysis;
use anabranch::error::{Error, Result};
use anabranch::store::{is_address, resolved};
use serde_json::{Value, json};

use crate::analysis::{parameters, picture};
use crate::arguments::RunOptions;
use crate::export::each_once;

/// Everything that the results of an image depend on: its path, the sizes and times of all files that are read, and the options.
#[derive(Clone, Debug)]
pub(super) struct Key(Value);

impl Key {
    /// That of a run, whose analysis was opened and has read nothing yet.
    ///
    /// # Errors
    /// `Usage` if the options contradict each other; if the operating system cannot read the files' metadata.
    pub(super) fn of(options: &RunOptions, analysis: &Analysis) -> Result<Key> {
        let parameters = serde_json::to_value(parameters(options)?)
            .map_err(|error| Error::internal("parameters cannot be written as JSON").because(error))?;
        let exports: Vec<&str> = each_once(&options.export).iter().map(|format| format.name()).collect();
        let foreground =
            [&options.foreground.mask, &options.atlas, &options.atlas_names, &options.segmentation.intensity];
        let tiles = [&options.image.tiles.background, &options.image.tiles.flat_field];
        let files =
            [Some(&options.image.input)].into_iter().chain(foreground.into_iter().chain(tiles).map(Option::as_ref));
        let name = |path: &PathBuf| if is_address(path) { path.clone() } else { resolved(path) };
        Ok(Key(json!({
            "version": env!("CARGO_PKG_VERSION"),
            "parameters": parameters,
            "exports": exports,
            "picture": format!("{:?}", picture(options)),
            "files": files.flatten().map(|path| name(path).to_string_lossy().into_owned()).collect::<Vec<_>>(),
            // As text: JSON's numbers are not read alike everywhere.
            "marks": analysis.hash_of_files()?.map(|hash| format!("{hash:016x}")),
        })))
    }

    /// The one in results, if a batch has made them.
    pub(super) fn in_results(out: &Path) -> Option<Key> {
        let run: Value = serde_json::from_slice(&fs::read(out.join("run.json")).ok()?).ok()?;
        run.get("batch").filter(|key| !key.is_null()).cloned().map(Key)
    }

    /// Whether results with another key are what this one stands for. Never, if it is not known what the files were.
    pub(super) fn is_of(&self, earlier: &Key) -> bool {
        self.0["marks"].is_string() && self.0 == earlier.0
    }

    /// Whether they may be: the same, or it is not known what the files were.
    pub(super) fn may_be_of(&self, earlier: &Key) -> bool {
        let mut earlier = earlier.0.clone();
        if self.0["marks"].is_null() {
            earlier["marks"] = Value::Null;
        }
        self.0 == earlier
    }

    /// The key as it is written.
    pub(super) fn into_value(self) -> Value {
        self.0
    }
}
