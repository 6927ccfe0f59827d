//! A file that is played as a live camera, over and over.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use passerby::capture::{LivePlayback, Video};
use passerby::types::SystemClock;

use crate::row::{Row, Rows, data};
use crate::watch::{Camera, repeat};

/// Longer than the clip, which lasts one second.
const LASTS: Duration = Duration::from_secs(3);

pub(crate) fn rows(times: usize) -> Rows {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("clip.mp4");
    let aside = folder.path().join("aside.mp4");
    fs::copy(data("tiny.mp4"), &path)?;
    let played = path.clone();
    let camera = Camera::new(
        |_| false,
        move || {
            let path = played.clone();
            let open = move || Ok(Box::new(Video::open(&path)?) as _);
            Ok(Box::new(LivePlayback::looped(open, None, Arc::new(SystemClock::new()))?))
        },
    )?;
    let mut rows = Vec::new();
    let mut row =
        |fault, timings| rows.push(Row { source: "Video under LivePlayback, looped", fault, timings });
    let away = || fs::rename(&path, &aside).expect("the folder is ours");
    let again = || fs::rename(&aside, &path).expect("the folder is ours");
    row("file gone for 3 s", repeat(times, || camera.suffer(LASTS, away, again))?);
    let spoil = || {
        away();
        fs::write(&path, [0x55; 5000]).expect("the folder is ours");
    };
    row("file is garbage for 3 s", repeat(times, || camera.suffer(LASTS, spoil, again))?);
    Ok(rows)
}
