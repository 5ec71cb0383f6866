//! One image of a batch, in a process of its own.

use std::io::Read;
use std::time::Instant;

use anabranch::analysis::{Destination, Running, open_folder};
use anabranch::error::Result;
use anabranch::store::output::OutputFolder;

use super::key::Key;
use crate::analysis::{self, circumstances, picture, put_in_place};
use crate::arguments::RunOptions;
use crate::export::each_once;
use crate::freed;
use crate::interrupt;
use crate::processes::Seat;

/// Analyses an image, and says nothing but warnings and errors.
pub(super) fn analyse(options: &RunOptions, at_once: usize) -> Result<()> {
    end_with_starter();
    let started = Instant::now();
    let mut options = options.clone();
    (options.resources.at_once, options.output.quiet) = (at_once, true);
    let analysis = analysis::open(&options, &Seat::of(&options)?)?;
    // What the results depend on is read before them: an image that changes meanwhile is analysed again.
    let key = Key::of(&options, &analysis)?;
    // Results of the same are made again where they are not whole any more, or where files on a server have no marks.
    let own = |_: &_| Key::in_results(&options.out).is_some_and(|earlier| key.may_be_of(&earlier));
    let folder = interrupt::stage(|| open_folder(&options.out, options.output.overwrite, own), OutputFolder::remover)?;
    let results = analysis.run_into(Some(&folder), Running::default())?;
    freed::give_back();
    let mut circumstances = circumstances(&options);
    circumstances.batch = Some(key.into_value());
    let to = Destination {
        started,
        strict: options.strict,
        circumstances,
        picture: picture(&options),
        exports: each_once(&options.export),
        ..Destination::new(folder)
    };
    let staged = analysis.stage(&results, to)?;
    put_in_place(&analysis, staged, &mut Vec::new()).map(|_| ())
}

/// Ends this process, as an interruption does, when the one that has started it is gone: it holds the other end of standard
/// input.
fn end_with_starter() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        interrupt::request();
    });
}
