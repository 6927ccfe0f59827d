//! Does my network run, on which engine, and how fast? Loads an ONNX file and runs it.
//!
//! ```text
//! cargo run --release -p passerby-inference --example own_network -- [NETWORK.onnx [CHANNELSxHEIGHTxWIDTH]]
//! ```

#![allow(clippy::print_stdout, reason = "an example prints its results")]

use std::error::Error;
use std::time::{Duration, Instant};

use passerby_inference::{Backend, Model};

/// The number of measured runs.
const RUNS: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let bundled = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/yunet.onnx");
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| bundled.into());

    // The model holds the weights and is cheap to clone. Each worker thread makes a session of its own.
    let model = Model::from_path(&path)?;
    println!("{path}");
    println!("input {}: dimensions {:?} (None: any)", model.input().name, model.input().dims);
    let item = match arguments.next() {
        Some(text) => shape(&text)?,
        // A network with a fixed size names it. Any other takes the size that you choose.
        None => [1, 2, 3].map(|axis| model.input().dims.get(axis).copied().flatten().unwrap_or(96)),
    };
    let mut session = model.session(item)?;
    match session.backend() {
        Backend::Tract(reason) => println!("runs on tract: {reason}"),
        backend => println!("runs on {backend}"),
    }
    if let Some(memory) = session.memory() {
        println!(
            "{} kB of weights, {} kB a session",
            memory.weight_bytes / 1000,
            memory.session_bytes / 1000
        );
    }

    // The input is one item, channel by channel. `passerby-pixels` fills it from a picture.
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = Instant::now();
        // A run may overwrite its input, so it is written before each run.
        for (n, value) in session.input().iter_mut().enumerate() {
            *value = (n % 251) as f32 / 251.0;
        }
        session.run()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    println!("{RUNS} runs, median {:.1?}", times[RUNS / 2]);

    let outputs = session.run()?;
    for (index, spec) in model.outputs().iter().enumerate() {
        let values = outputs.data(index);
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        println!("output {}: shape {:?}, mean {mean:.4}", spec.name, outputs.shape(index));
    }

    // The slowest steps, if passerby-cnn runs the network.
    let mut steps = session.profile().unwrap_or_default();
    steps.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
    let total: Duration = steps.iter().map(|(_, time)| *time).sum();
    for (step, time) in steps.iter().take(5) {
        println!("{:3.0} %  {step}", 100.0 * time.as_secs_f64() / total.as_secs_f64());
    }
    Ok(())
}

/// Reads `3x64x96`.
fn shape(text: &str) -> Result<[usize; 3], Box<dyn Error>> {
    let sides = text.split('x').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    sides.try_into().map_err(|_| format!("{text}: expected CHANNELSxHEIGHTxWIDTH, such as 3x64x96").into())
}
