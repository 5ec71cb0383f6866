//! What the program promises, one module a promise, tested through the built program.

mod draw;
mod fixtures;
mod image;
mod kept_faults;
mod kinds;
mod scene;
mod sequential;
mod support;

mod apart;
mod arrival;
mod atlas;
mod batch;
#[cfg(feature = "mosaic")]
mod brightness;
mod changes;
mod chunking;
mod cli;
mod cluster;
mod columns_table;
mod compare;
mod comparisons;
mod confined;
mod crash;
mod cut;
mod digest;
mod export;
mod faults;
mod filters;
mod foreground;
mod formats;
mod formats_table;
mod fuse;
mod help;
mod info;
mod input;
mod label_objects;
mod labels;
#[cfg(all(feature = "medical", feature = "mosaic"))]
mod limits;
mod live;
mod messages;
mod mutations;
mod prune;
mod radii;
#[cfg(feature = "mosaic")]
mod mosaic;
mod network;
mod objects;
#[cfg(all(feature = "medical", feature = "mosaic", feature = "parquet", feature = "s3"))]
mod options_page;
mod paths;
mod picture;
mod reference;
mod report;
mod resume;
mod scarcity;
mod sholl;
mod sparse;
mod standing;
mod state;
mod strangers;
#[cfg(feature = "mosaic")]
mod tiles;
mod topology;
mod watch;
