//! `anabranch export`: results in formats of other programs.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anabranch::analysis::{Epochs, workers};
use anabranch::error::{Error, Kind, Result};
use anabranch::export::{Format, Network};
use anabranch::store::output::{Overwrite, StagedFolder};

use crate::apart;
use crate::arguments::ExportOptions;
use crate::interrupt;
use crate::status;
use crate::terminal::{in_seconds, print, print_warning};

/// Reads results, and writes them in the formats that are asked for: all of them or none.
pub(crate) fn export(options: &ExportOptions) -> Result<()> {
    let started = Instant::now();
    let threads = workers(options.workers)?;
    let results = results_of(&options.results)?;
    let out = options.out.clone().unwrap_or_else(|| results.join("export"));
    apart::of_export(&results, options.out.as_deref())?;
    let formats = each_once(&options.formats);
    let overwrite = if options.output.overwrite { Overwrite::Exports } else { Overwrite::Nothing };
    let folder = interrupt::stage(|| StagedFolder::create(&out, overwrite), StagedFolder::remover)?;
    let network = Network::open(&results)?;
    let notes = network.export(&formats, &folder.path(), threads)?;
    interrupt::finish();
    folder.commit()?;
    status::results(&out, None);
    notes.iter().for_each(|note| print_warning(note));
    let files: Vec<&str> = formats.iter().flat_map(|format| format.files()).copied().collect();
    let told = format!("{}: {} ({})\n", out.display(), files.join(", "), in_seconds(started.elapsed()));
    print(&told, options.output.quiet);
    Ok(())
}

/// The folder of results that a path means: itself, or, of a state, which knows where the results are that were made from
/// it, the folder of these.
pub(crate) fn results_of(path: &Path) -> Result<PathBuf> {
    if path.join("run.json").is_file() {
        return Ok(path.to_owned());
    }
    Epochs::outputs_of(path).ok_or_else(|| {
        let message = "holds no results; give the folder that a run wrote to, or that of its state";
        Error::new(Kind::Missing, message).at(path)
    })
}

/// The formats in the order in which they are asked for, each once.
pub(crate) fn each_once(formats: &[Format]) -> Vec<Format> {
    let mut once = Vec::new();
    for format in formats {
        if !once.contains(format) {
            once.push(*format);
        }
    }
    once
}
