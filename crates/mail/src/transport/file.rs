//! Mails as files, for development.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::Delivery;
use crate::Message;

pub(crate) async fn deliver(dir: PathBuf, message: Message) -> Delivery {
    let written = tokio::task::spawn_blocking(move || write(&dir, &message)).await;
    match written {
        Ok(Ok(())) => Delivery::Accepted,
        Ok(Err(error)) => Delivery::NoRelay {
            detail: format!("the mail directory cannot be written: {error}"),
            is_surplus: false,
        },
        Err(_) => Delivery::Unknown {
            detail: "writing was interrupted".to_owned(),
        },
    }
}

/// Writes `<id>.eml` whole or not at all: a temporary file, synced, then renamed.
fn write(dir: &Path, message: &Message) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let temporary = dir.join(format!(".{}.tmp", message.id));
    let mut file = File::create(&temporary)?;
    file.write_all(&message.bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(format!("{}.eml", message.id)))?;
    File::open(dir)?.sync_all()
}
