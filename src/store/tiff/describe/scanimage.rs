//! ScanImage's settings in the tag for software: channels, slices and frames.

use crate::error::{Error, Result};
use crate::store::tiff::describe::Given;
use crate::store::tiff::stack::{FileDescription, Stack};
use crate::store::tiff::tags::FileTags;

/// The order of pages according to the settings: channels fastest, then frames of a slice, slices, volumes.
///
/// # Errors
/// `Data` if the settings of a file of several pages are in the format of an old release, or do not name the channels.
pub(crate) fn described(tags: &FileTags, file: &Given<'_>) -> Result<Option<FileDescription>> {
    let Some(settings) = tags.software().filter(|text| text.starts_with("SI.")) else {
        let old = |text: &String| text.starts_with("state.") || text.contains("scanimage.SI");
        if file.pages > 1 && tags.descriptions().any(|text| old(&text)) {
            return Err(Error::data(
                "is written by an old ScanImage, whose channels, slices and frames are not read; give --axes, such as \
                 z,y,x or z,c,y,x",
            ));
        }
        return Ok(None);
    };
    let value = |key: &str| {
        let line = settings
            .lines()
            .find_map(|line| line.trim().strip_prefix("SI.")?.strip_prefix(key)?.trim().strip_prefix('='));
        line.map(str::trim)
    };
    let number =
        |key: &str| value(key).and_then(|text| text.parse::<f64>().ok()).filter(|n| n.is_finite() && *n >= 1.0);
    let whole = |key: &str| number(key).map_or(1, |n| n as u64);
    let Some(channels) = value("hChannels.channelSave") else {
        return Err(Error::data("has settings of ScanImage without the channels saved; give --axes, such as z,y,x"));
    };
    let channels = channels.trim_matches(['[', ']']).split([';', ' ', ',']).filter(|c| !c.trim().is_empty()).count();
    let frames = whole("hStackManager.framesPerSlice");
    let slices = number("hStackManager.actualNumSlices").map_or_else(|| whole("hStackManager.numSlices"), |n| n as u64);
    let volumes = whole("hStackManager.actualNumVolumes").max(whole("hStackManager.numVolumes"));
    let channels = ('c', channels.max(1) as u64);
    let axes = match (slices, volumes) {
        // A movie of one plane, stopped by hand.
        (1, 1) if value("hStackManager.framesPerSlice").is_none_or(|text| text.eq_ignore_ascii_case("inf")) => {
            vec![('t', (file.pages as u64 / channels.1).max(1)), channels]
        }
        (1, volumes) => vec![('t', volumes.max(frames)), channels],
        (slices, 1) if frames == 1 => vec![('z', slices), channels],
        (slices, 1) => vec![('z', slices), ('t', frames), channels],
        (slices, volumes) if frames == 1 => vec![('t', volumes), ('z', slices), channels],
        _ => {
            return Err(Error::data(
                "has several frames a slice and several volumes by its ScanImage settings; average the frames first",
            ));
        }
    };
    let stack = Stack::of(&axes, "its ScanImage settings");
    Ok(Some(FileDescription { form: "TIFF, ScanImage", stack: Some(stack), ..FileDescription::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_run_fastest_then_frames_and_slices() {
        let said = |settings: &str, pages| {
            let tags = FileTags::default().with(305, 1, settings.as_bytes().to_vec());
            let given = Given { pages, ..Given::default() };
            described(&tags, &given).unwrap().unwrap().stack.unwrap().axes
        };
        let both = "SI.VERSION_MAJOR = '5'\nSI.hChannels.channelSave = [1;2]\n";
        let stack = format!("{both}SI.hStackManager.framesPerSlice = 1\nSI.hStackManager.numSlices = 12\n");
        assert_eq!(said(&stack, 24), [('z', 12), ('c', 2)]);
        assert_eq!(said(&format!("{stack}SI.hStackManager.numVolumes = 3\n"), 72), [('t', 3), ('z', 12), ('c', 2)]);
        let movie = format!("{both}SI.hStackManager.framesPerSlice = Inf\nSI.hStackManager.numSlices = 1\n");
        assert_eq!(said(&movie, 24), [('t', 12), ('c', 2)]);
    }
}
