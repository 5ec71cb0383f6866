//! Files of the results, sent piece by piece.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use http_body_util::channel::{Channel, Sender};
use hyper::body::Bytes;
use tokio::task::spawn_blocking;

/// Bytes of a piece.
const PIECE: usize = 1 << 18;

/// Opens a file and sends it, as fast as its reader takes it: its length and its content. A file that is replaced meanwhile is
/// sent as it was. Holds two pieces.
///
/// # Errors
/// If the file cannot be opened.
pub(super) async fn file(path: PathBuf) -> io::Result<(u64, Channel<Bytes>)> {
    let opened = spawn_blocking(move || {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok::<_, io::Error>((file, length))
    });
    let (file, length) = opened.await??;
    let (to, content) = Channel::new(1);
    tokio::spawn(pour(file, length, to));
    Ok((length, content))
}

/// Sends `left` bytes. Where the file has fewer, or the reader has gone, it ends early, and so does the connection.
async fn pour(mut file: File, mut left: u64, mut to: Sender<Bytes>) {
    while left > 0 {
        let read = spawn_blocking(move || {
            let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
            let filled = file.read(&mut piece)?;
            piece.truncate(filled);
            Ok::<_, io::Error>((file, piece))
        });
        let Ok(Ok((next, piece))) = read.await else { return };
        file = next;
        left -= piece.len() as u64;
        if piece.is_empty() || to.send_data(piece.into()).await.is_err() {
            return;
        }
    }
}
