//! The options of a run where none are given.

use std::path::PathBuf;

use super::{
    BranchColour, CONNECT_TIMEOUT, ColumnSet, ForegroundOptions, ImageOptions, OutputOptions, PictureFormat,
    ResourceOptions, RunOptions, SegmentationOptions,
};

impl RunOptions {
    /// A run on an image into a folder.
    pub(crate) fn of(image: ImageOptions, out: PathBuf) -> RunOptions {
        RunOptions {
            image,
            out,
            export: Vec::new(),
            foreground: ForegroundOptions::default(),
            method: None,
            resources: ResourceOptions::default(),
            processes: None,
            hosts: None,
            process: None,
            secret: None,
            connect_timeout: CONNECT_TIMEOUT,
            member: None,
            checkpoint: None,
            changes: None,
            state: None,
            verify: false,
            provisional: false,
            columns: ColumnSet::All,
            segmentation: SegmentationOptions::default(),
            atlas: None,
            atlas_names: None,
            picture_colour: BranchColour::Kind,
            picture_size: None,
            picture_format: PictureFormat::Png,
            prune: None,
            prune_ratio: None,
            keep_border: false,
            longest_path: false,
            objects: false,
            object_labels: false,
            strict: false,
            output: OutputOptions::default(),
        }
    }
}
