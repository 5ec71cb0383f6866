//! What the results of an image depend on, to tell whether they must be made again.

use std::fs;
use std::path::Path;

use anabranch::analysis::Analysis;
use anabranch::error::{Error, Result};
use anabranch::store::{OpenOptions, is_address, recorded_path, shown_path};
use serde_json::{Value, json};

use crate::analysis::{parameters, picture};
use crate::arguments::RunOptions;
use crate::export::each_once;

/// Everything that the results of an image depend on: its path, the sizes and times of all files that are read, and the options.
/// Addresses are as messages show them: the key is written, and their secrets may change from batch to batch.
#[derive(Clone, Debug)]
pub(super) struct Key(Value);

impl Key {
    /// That of a run, whose analysis was opened and has read nothing yet.
    ///
    /// # Errors
    /// `Usage` if the options contradict each other; if the operating system cannot read the files' metadata.
    pub(super) fn of(options: &RunOptions, analysis: &Analysis) -> Result<Key> {
        let mut parameters = parameters(options)?;
        hide_secrets(&mut parameters.image);
        let parameters = serde_json::to_value(parameters)
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
            "files": files.flatten().map(|path| recorded_path(path)).collect::<Vec<_>>(),
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

/// Puts addresses as messages show them in the place of those with secrets.
fn hide_secrets(image: &mut OpenOptions) {
    let tiles = &mut image.mosaic;
    let companions = [&mut image.mask, &mut image.atlas, &mut image.atlas_names, &mut image.intensity];
    let of_tiles = [&mut tiles.background, &mut tiles.flat_field, &mut tiles.gains];
    for path in companions.into_iter().chain(of_tiles).flatten().filter(|path| is_address(path)) {
        *path = shown_path(path).into();
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn addresses_in_options_are_written_without_their_secrets() {
        let mut image = OpenOptions::default();
        let address = || Some(PathBuf::from("http://u:password@host/a.zarr?token"));
        (image.mask, image.atlas, image.intensity) = (address(), address(), address());
        (image.mosaic.background, image.mosaic.flat_field) = (address(), Some("flat?.tif".into()));
        hide_secrets(&mut image);
        let text = serde_json::to_string(&image).unwrap();
        assert!(!text.contains("password") && !text.contains("token") && text.contains("flat?.tif"), "{text}");
        assert_eq!(text.matches("http://***@host/a.zarr?***").count(), 4, "{text}");
    }
}
