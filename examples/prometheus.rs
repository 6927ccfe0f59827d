//! How do I watch a pipeline with Prometheus? Serves its figures over HTTP while it runs.
//!
//! ```text
//! cargo run --release --example prometheus --features prometheus -- [ADDRESS [INPUT]]
//! ```
//!
//! The address is `127.0.0.1:9464` by default. While the example runs, open `http://127.0.0.1:9464/metrics`, or add the
//! address to `scrape_configs` of a Prometheus server. At the end the example reads its own page.

#![allow(clippy::print_stdout, reason = "an example prints its results")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use passerby::pipeline::{GovernorLimits, Pipeline, PipelineSettings, serve_prometheus};
use passerby::types::{BoxError, CameraId, SystemClock};

fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = arguments.next().unwrap_or_else(|| "127.0.0.1:9464".into()).parse()?;
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4?live=own").to_owned();
    let input = arguments.next().unwrap_or(clip);

    // One page for the whole program. Every pipeline publishes its figures there once a second.
    serve_prometheus(address)?;
    println!("http://{address}/metrics");

    let settings =
        PipelineSettings { governor: Some(GovernorLimits::default()), ..PipelineSettings::default() };
    let stages = passerby::stages(&passerby::Settings::default())?;
    let handle = Pipeline::new(stages, settings, Arc::new(SystemClock::new()))
        .camera(CameraId(1), passerby::capture::open(&input)?)
        .start()?;
    let report = handle.finish();
    println!("{} frames captured", report.figures.ledger().captured);

    let interesting =
        ["passerby_frames_total", "passerby_age_seconds", "passerby_cadence", "passerby_stage_items"];
    for line in get(address)?.lines() {
        if interesting.iter().any(|name| line.starts_with(name)) {
            println!("{line}");
        }
    }
    Ok(())
}

/// Returns the page, as a Prometheus server reads it.
fn get(address: SocketAddr) -> Result<String, std::io::Error> {
    let mut connection = TcpStream::connect(address)?;
    write!(connection, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    connection.read_to_string(&mut page)?;
    Ok(page)
}
