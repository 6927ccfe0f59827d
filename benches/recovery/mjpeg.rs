//! A camera that sends JPEG over HTTP.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use passerby::capture::{Mjpeg, MjpegSettings};

use crate::peer::{Content, PERIOD, Peer};
use crate::row::{Row, Rows};
use crate::watch::{Camera, repeat};

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn rows(times: usize) -> Rows {
    let peer = RefCell::new(Peer::new()?);
    let url = peer.borrow().url();
    let camera =
        Camera::new(|_| false, move || Ok(Box::new(Mjpeg::connect(&url, MjpegSettings::default())?)))?;
    let well = || peer.borrow().go(Content::Well);
    let mut rows = Vec::new();
    let mut row = |fault, timings| rows.push(Row { source: "Mjpeg", fault, timings });

    let cut = || camera.suffer(Duration::ZERO, || peer.borrow().cut(), || ());
    row("connection cut", repeat(times, cut)?);
    for (fault, lasts) in
        [("gone and refused for 2 s", 2 * SECOND), ("gone and refused for 10 s", 10 * SECOND)]
    {
        let listen = || peer.borrow_mut().listen().expect("the port is ours");
        row(fault, repeat(times, || camera.suffer(lasts, || peer.borrow_mut().refuse(), listen))?);
    }
    for (fault, content, lasts) in [
        ("sends nothing for 2 s", Content::Silent, 2 * SECOND),
        ("sends nothing for 8 s", Content::Silent, 8 * SECOND),
        ("sends garbage for 2 s", Content::Garbage, 2 * SECOND),
        ("frozen for 2 s", Content::Frozen, 2 * SECOND),
        ("frozen for 5 s", Content::Frozen, 5 * SECOND),
    ] {
        row(fault, repeat(times, || camera.suffer(lasts, || peer.borrow().go(content), well))?);
    }
    let resize = || {
        // Sends pictures for a while, and then smaller ones until one was received.
        camera.suffer(Duration::ZERO, || (), || ())?;
        let from = Instant::now() - 2 * PERIOD;
        peer.borrow().go(Content::Small);
        let timing = camera.resized(from, PERIOD);
        well();
        timing
    };
    row("size changes", repeat(times, resize)?);
    Ok(rows)
}
