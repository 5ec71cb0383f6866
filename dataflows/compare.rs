//! `anabranch compare`: samples side by side, from their results.

use std::path::Path;
use std::time::Instant;

use anabranch::analysis::workers;
use anabranch::compare::{
    COMPARISON, CompareOptions as Options, Comparison, GroupRule, Groups, Measure, Sample, distinct_names,
};
use anabranch::error::{Error, Result};
use anabranch::store::output::{Replace, StagedFiles};
use anabranch::store::units::LengthUnit;

use crate::arguments::{CompareOptions, GroupOptions};
use crate::interrupt;
use crate::terminal::{in_seconds, print, print_warning};

/// Reads results, compares them, and writes the comparison: all of its files or none.
pub(crate) fn compare(options: &CompareOptions) -> Result<()> {
    let started = Instant::now();
    let rules = rules(&options.groups)?;
    let mut folders = options.results.clone();
    folders.extend(GroupRule::more_folders(&rules, &options.results));
    let settings = settings(&options.groups, options.unit.as_deref(), workers(options.workers)?)?;
    let (folder, names) = places(&options.out)?;
    let replace = if options.output.overwrite { Replace::Own } else { Replace::Nothing };
    let files =
        interrupt::stage(|| StagedFiles::create(folder, names.to_vec(), COMPARISON, replace), StagedFiles::remover)?;
    let samples = distinct_names(&folders, "/", str::to_owned);
    let samples = samples.into_iter().zip(&folders).map(|(name, folder)| Sample::read(name, folder));
    let comparison = compared(samples.collect::<Result<_>>()?, &rules, &settings)?;
    write(&comparison, &files, &names)?;
    interrupt::finish();
    files.commit()?;
    print(&comparison.to_text(), options.output.quiet);
    let files: Vec<String> = names.iter().map(|name| folder.join(name).display().to_string()).collect();
    print(&format!("{} ({})\n", files.join(", "), in_seconds(started.elapsed())), options.output.quiet);
    Ok(())
}

/// The groups that are asked for.
pub(crate) fn rules(options: &GroupOptions) -> Result<Vec<GroupRule>> {
    options.group.iter().map(|text| GroupRule::parse(text)).collect()
}

/// How samples are compared.
pub(crate) fn settings(options: &GroupOptions, unit: Option<&str>, threads: usize) -> Result<Options> {
    let known = |text: &str| {
        let message = "is no unit of length; give one such as um, nm or mm";
        LengthUnit::of(text).ok_or_else(|| Error::usage(format!("--unit {text}: {message}")))
    };
    let mut settings = Options::default();
    settings.unit = unit.map(known).transpose()?;
    settings.threads = threads;
    let tests: Vec<&Measure> = options.test.iter().filter_map(|name| Measure::of(name)).collect();
    settings.tests = Some(tests).filter(|tests| !tests.is_empty());
    Ok(settings)
}

/// Compares samples by groups, and prints the warnings.
pub(crate) fn compared(samples: Vec<Sample>, rules: &[GroupRule], settings: &Options) -> Result<Comparison> {
    let (groups, left_out) = match rules {
        [] => (Groups::of_each(&samples), Vec::new()),
        rules => Groups::of_rules(rules, &samples)?,
    };
    let left_out: Vec<&str> = left_out.iter().map(|&at| samples[at].name.as_str()).collect();
    let warning =
        (!left_out.is_empty()).then(|| format!("in no group, and compared with none: {}", left_out.join(", ")));
    let mut comparison = Comparison::new(samples, groups, settings)?;
    comparison.warnings.extend(warning);
    comparison.warnings.iter().for_each(|warning| print_warning(warning));
    Ok(comparison)
}

/// The folder of a comparison, and the names of its files: page, samples, pairs, record.
fn places(out: &Path) -> Result<(&Path, [String; 4])> {
    let Some(name) = out.file_name().map(|name| name.to_string_lossy().into_owned()) else {
        return Err(Error::usage("--out: give the name of a page, such as compare.html").at(out));
    };
    let stem = name.strip_suffix(".html").unwrap_or(&name).to_owned();
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((folder, files_of(&stem)))
}

/// The names of the files of a comparison.
pub(crate) fn files_of(stem: &str) -> [String; 4] {
    ["html", "csv", "pairs.csv", "json"].map(|end| format!("{stem}.{end}"))
}

/// Writes the files of a comparison.
pub(crate) fn write(comparison: &Comparison, files: &StagedFiles, names: &[String; 4]) -> Result<()> {
    let [page, samples, pairs, record] = names;
    files.write(page, comparison.to_page())?;
    files.write(samples, comparison.samples_csv())?;
    files.write(pairs, comparison.pairs_csv())?;
    files.write(record, comparison.to_json()?)
}
