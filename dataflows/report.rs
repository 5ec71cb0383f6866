//! `anabranch report`: results as a page to look at.

use std::time::Instant;

use anabranch::error::Result;
use anabranch::report::Report;
use anabranch::store::output::{REPORT, put_page};

use crate::apart;
use crate::arguments::ReportOptions;
use crate::export::results_of;
use crate::interrupt;
use crate::terminal::print;

/// Reads results, and writes the page.
pub(crate) fn report(options: &ReportOptions) -> Result<()> {
    let started = Instant::now();
    let results = results_of(&options.results)?;
    let out = options.out.clone().unwrap_or_else(|| results.join(REPORT));
    apart::of_report(&results, &out)?;
    let page = Report::open(&results)?.render()?;
    interrupt::finish();
    put_page(&out, &page, options.output.overwrite)?;
    let (size, seconds) = (anabranch::text::size(page.len()), started.elapsed().as_secs_f64());
    print(&format!("{}: open it in a browser ({size}, {seconds:.1} s)\n", out.display()), options.output.quiet);
    Ok(())
}
