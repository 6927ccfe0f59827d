//! Viewers change nothing for the pipeline.

use std::io::{Read, Write};
use std::time::Duration;

use passerby_preview::PreviewSettings;

use crate::client::{connect, get, open, read_until};
use crate::site::{Paced, Site, settings};

const FRAMES: usize = 200;

#[test]
fn viewers_who_stop_reading_cost_no_frame() {
    let site = Site::new();
    let camera = site.cameras.put(Paced::new(FRAMES, Duration::from_millis(5)), "door");
    // They never read a byte.
    let paths = ["/api/events", "/api/cameras/0/stream.mjpg", "/api/events?kinds=observation"];
    let stalled: Vec<_> = paths.iter().cycle().take(12).map(|path| open(site.address, path)).collect();
    site.cameras.wait(camera);
    let report = site.stop();
    let ledger = &report.reports[0].ledger;
    assert_eq!((ledger.captured, ledger.analysed, ledger.dropped_total()), (FRAMES as u64, FRAMES as u64, 0));
    drop(stalled);
}

#[test]
fn a_place_is_free_again_when_its_viewer_has_gone() {
    let site = Site::with(PreviewSettings { max_viewers: 2, ..settings() }, None, None);
    let mut first = open(site.address, "/api/events");
    read_until(&mut first, ": passerby");
    let mut second = open(site.address, "/api/events");
    read_until(&mut second, ": passerby");
    assert_eq!(get(site.address, "/api/events").status, 503);
    drop(first);
    let mut tries = 0;
    loop {
        let mut again = open(site.address, "/api/events");
        let head = read_until(&mut again, "\r\n\r\n");
        if head.starts_with("HTTP/1.1 200") {
            break;
        }
        tries += 1;
        assert!(tries < 100, "the place stays taken");
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = site.stop();
}

#[test]
fn a_client_that_takes_nothing_is_closed() {
    const REQUESTS: usize = 1000;
    let settings = PreviewSettings { write_timeout: Duration::from_millis(200), ..settings() };
    let site = Site::with(settings, None, None);
    let path = "/assets/vendor/uplot/uPlot.iife.min.js";
    let size = get(site.address, path).body.len();
    let mut stream = connect(site.address);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", site.address);
    stream.write_all(request.repeat(REQUESTS).as_bytes()).unwrap();
    // Longer than the timeout after the buffers of the system are full.
    std::thread::sleep(Duration::from_secs(2));
    let mut rest = Vec::new();
    // The end, or a reset.
    let _ = stream.read_to_end(&mut rest);
    assert!(!rest.is_empty() && rest.len() < REQUESTS * size / 2, "{} bytes", rest.len());
    let _ = site.stop();
}

#[test]
fn a_stop_joins_all_threads_and_ends_all_viewers() {
    let site = Site::new();
    site.cameras.put(Paced::new(FRAMES, Duration::from_millis(5)), "door");
    let streams: Vec<_> =
        ["/api/events", "/api/cameras/0/stream.mjpg"].map(|path| open(site.address, path)).into();
    let address = site.address;
    let _ = get(address, "/api/cameras");
    let _ = site.stop();
    drop(streams);
    assert!(std::net::TcpStream::connect(address).is_err(), "the address is free");
}
