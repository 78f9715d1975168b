//! A volume without room.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};

const PIECE: usize = 1 << 20;
/// What is printed when there is no room left.
pub const FULL: &str = "full";

#[derive(clap::Args)]
pub struct Occupy {
    /// A folder of the volume
    #[arg(long)]
    path: PathBuf,
}

/// Takes all the room there is, until the process ends: the file has no name, so nothing of it stays.
pub async fn occupy(args: Occupy) -> Result<()> {
    let place = args.path.join(".occupied");
    let mut file = File::create(&place).with_context(|| format!("create {}", place.display()))?;
    fs::remove_file(&place)?;
    let zeros = vec![0; PIECE];
    for size in [PIECE, 4096] {
        let error = fill(&mut file, &zeros[..size]);
        anyhow::ensure!(error.kind() == ErrorKind::StorageFull, "{error}");
    }
    println!("{FULL}");
    super::serve().await
}

/// Until there is no room for another piece.
fn fill(file: &mut File, piece: &[u8]) -> std::io::Error {
    loop {
        if let Err(error) = file.write_all(piece) {
            return error;
        }
    }
}
