//! Micro-Manager's JSON in every page: channel, slice and time point of the page, and the pixel size.
//!
//! Used if the descriptions of the first page were never written, such as when a scan stopped, and in NDTiff files.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::store::tiff::stack::{FileDescription, Run, Stack};
use crate::store::tiff::tags::FileTags;
use crate::store::units::Calibration;

const METADATA: u16 = 51123;

/// Returns whether a page's tags have Micro-Manager's metadata.
pub(crate) fn is_micromanager(tags: &FileTags) -> bool {
    tags.tag(METADATA).is_some()
}

/// The description in all pages, from their tags in order.
///
/// # Errors
/// `Data` if a page's metadata cannot be parsed, pages are of several positions, or of other axes.
pub(crate) fn of_pages(pages: impl IntoIterator<Item = Result<FileTags>>) -> Result<FileDescription> {
    let mut places: Vec<[u64; 3]> = Vec::new();
    let mut channels: Vec<String> = Vec::new();
    let mut calibration = Calibration { from: "the Micro-Manager metadata", ..Calibration::default() };
    let mut positions = BTreeSet::new();
    for (number, tags) in pages.into_iter().enumerate() {
        let text = tags?.text(METADATA).unwrap_or_default();
        let fields: Map<String, Value> = serde_json::from_str(&text).map_err(|error| {
            let message = format!(
                "page {number} has Micro-Manager metadata that cannot be read, at line {}, column {}; give --axes z,y,x",
                error.line(),
                error.column()
            );
            Error::data(message).because(error)
        })?;
        let axes = fields.get("Axes").and_then(Value::as_object);
        let mut place = [0; 3];
        let index = |names: [&str; 2]| names.iter().find_map(|name| fields.get(*name)?.as_u64());
        if let Some(axes) = axes {
            for (name, value) in axes {
                match &**name {
                    "time" => place[0] = value.as_u64().unwrap_or(0),
                    "channel" => {
                        let name = value.as_str().map_or_else(|| value.to_string(), String::from);
                        place[1] = number_of(&mut channels, name);
                    }
                    "z" => place[2] = value.as_i64().map_or(0, |z| (z + (1 << 32)).unsigned_abs()),
                    "position" | "row" | "column" => {
                        positions.insert((name.clone(), value.to_string()));
                    }
                    name => {
                        let message =
                            format!("has pages along an axis {name} by its Micro-Manager metadata; give --axes");
                        return Err(Error::data(message));
                    }
                }
            }
        } else {
            let [t, c, z] = [["FrameIndex", "Frame"], ["ChannelIndex", "Channel"], ["SliceIndex", "Slice"]].map(index);
            let (Some(t), Some(c), Some(z)) = (t, c.or(Some(0)), z) else {
                return Err(Error::data(format!(
                    "page {number} has Micro-Manager metadata that do not say which plane it is; give --axes z,y,x"
                )));
            };
            place = [t, c, z];
            if let Some(position) = fields.get("PositionIndex") {
                positions.insert(("position".to_owned(), position.to_string()));
            }
        }
        if number == 0 {
            let size =
                |names: [&str; 2]| names.iter().find_map(|name| fields.get(*name)?.as_f64()).filter(|n| *n > 0.0);
            let pixel = size(["PixelSizeUm", "PixelSize_um"]);
            let depth = size(["z-step_um", "ZStep_um"]).or_else(|| {
                let summary = fields.get("Summary")?.as_object()?;
                summary.get("z-step_um")?.as_f64().map(f64::abs).filter(|n| *n > 0.0)
            });
            calibration.size = [depth, pixel, pixel];
            calibration.unit = [(); 3].map(|()| Some("µm".to_owned()));
        }
        places.push(place);
    }
    for axis in ["position", "row", "column"] {
        let count = positions.iter().filter(|(name, _)| name == axis).count();
        if count > 1 {
            let message = format!(
                "holds {count} positions ({axis}) by its Micro-Manager metadata; save each in a file of its own"
            );
            return Err(Error::data(message));
        }
    }
    // Slices may be counted from any number, along z also from below 0.
    let values: [Vec<u64>; 3] = std::array::from_fn(|axis| {
        places.iter().map(|place| place[axis]).collect::<BTreeSet<u64>>().into_iter().collect()
    });
    let lengths = [0, 1, 2].map(|axis| values[axis].len().max(1) as u64);
    let runs = places.iter().zip(0..).map(|(place, page)| {
        let [t, c, z] = [0, 1, 2].map(|axis| values[axis].binary_search(&place[axis]).unwrap_or(0) as u64);
        Run { file: None, page, plane: (t * lengths[1] + c) * lengths[2] + z, count: Some(1) }
    });
    let axes = [('t', lengths[0]), ('c', lengths[1]), ('z', lengths[2])];
    let stack = Stack { runs: runs.collect(), ..Stack::of(&axes, "its Micro-Manager metadata") };
    let form = "TIFF, Micro-Manager";
    Ok(FileDescription { form, calibration, stack: Some(stack), channel_names: channels, ..FileDescription::default() })
}

/// The index of a name among those met.
fn number_of(names: &mut Vec<String>, name: String) -> u64 {
    let at = names.iter().position(|other| *other == name).unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    });
    at as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Result<FileTags> {
        Ok(FileTags::default().with(METADATA, 1, text.as_bytes().to_vec()))
    }

    #[test]
    fn every_page_says_which_plane_it_is() {
        let text =
            |c, z| format!("{{\"FrameIndex\": 0, \"ChannelIndex\": {c}, \"SliceIndex\": {z}, \"PixelSizeUm\": 0.25}}");
        let pages: Vec<Result<FileTags>> = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(c, z)| page(&text(c, z))).to_vec();
        let found = of_pages(pages).unwrap();
        let stack = found.stack.unwrap();
        assert_eq!(stack.axes, [('t', 1), ('c', 2), ('z', 2)]);
        assert_eq!(stack.runs.iter().map(|run| run.plane).collect::<Vec<_>>(), [0, 2, 1, 3]);
        assert_eq!(found.calibration.size, [None, Some(0.25), Some(0.25)]);
        let newer = [-1, 0, 1].map(|z| page(&format!("{{\"Axes\": {{\"z\": {z}, \"channel\": \"GFP\"}}}}")));
        let found = of_pages(newer).unwrap();
        assert_eq!((found.stack.unwrap().axes[2], found.channel_names), (('z', 3), vec!["GFP".to_owned()]));
        let positions = [0, 1].map(|p| page(&format!("{{\"Axes\": {{\"position\": {p}}}}}")));
        assert!(of_pages(positions).unwrap_err().to_string().contains("holds 2 positions"));
        assert!(of_pages([page("{\"a\": ")]).unwrap_err().to_string().contains("at line 1, column 6"));
    }
}
