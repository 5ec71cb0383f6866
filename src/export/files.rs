//! Files that are written piece by piece.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::error::Result;
use crate::store::file::write_failed;

/// Writes a file through a buffer.
///
/// # Errors
/// `Output` or `Io` if it cannot be written.
pub(super) fn write_file(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    let path = folder.join(name);
    let written = File::create(&path).and_then(|file| {
        let mut file = BufWriter::with_capacity(1 << 16, file);
        write(&mut file)?;
        file.flush()
    });
    written.map_err(|error| write_failed(&error).at(&path))
}
