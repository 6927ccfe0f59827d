//! Every bundled network on each engine: `cnn`, `tract`, and ONNX Runtime where `ORT_DYLIB_PATH` names its shared library
//! (of the wheel `onnxruntime`: `onnxruntime/capi/libonnxruntime.so.*`). One thread, one item at a time; the engines take
//! turns round by round, so that whatever else the machine does meets all alike.
//!
//!     cargo bench --bench inference -- [--rounds N] [--json FILE]

#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lexopt::prelude::*;
use ort::session::Session as OrtSession;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;
use passerby::inference::{Engine, Model};
use serde::Serialize;

type Failure = Box<dyn Error>;

/// What one engine is timed for at a time: long enough for the clock, short enough to take turns often.
const TURN: Duration = Duration::from_millis(8);

/// Name, file, item.
const NETWORKS: [(&str, &str, [usize; 3]); 6] = [
    ("CenterFace 320x192", "detect/models/centerface_fp16.onnx", [3, 192, 320]),
    ("CenterFace 480x288", "detect/models/centerface_fp16.onnx", [3, 288, 480]),
    ("CenterFace 640x384", "detect/models/centerface_fp16.onnx", [3, 384, 640]),
    ("MobileFaceNet", "reid/models/mobilefacenet_fast_fp16.onnx", [3, 112, 112]),
    ("age-v1", "demographics/models/age-v1_fp16.onnx", [3, 64, 64]),
    ("gender-v1", "demographics/models/gender-v1_fp16.onnx", [3, 32, 32]),
];

/// Medians in milliseconds; without `ort` where ONNX Runtime is not there.
#[derive(Serialize)]
struct Row {
    network: &'static str,
    backend: String,
    cnn: f64,
    tract: f64,
    ort: Option<f64>,
    weight_bytes: Option<usize>,
    session_bytes: Option<usize>,
}

#[derive(Serialize)]
struct Report {
    rounds: usize,
    load_all_ms: f64,
    networks: Vec<Row>,
    cnn_over_ort: Option<f64>,
    cnn_over_tract: f64,
}

fn main() -> Result<(), Failure> {
    let (mut rounds, mut json) = (30, None);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("rounds") => rounds = args.value()?.parse::<usize>()?.max(1),
            Long("json") => json = Some(PathBuf::from(args.value()?)),
            // Cargo's.
            Long("bench") => {}
            _ => return Err(arg.unexpected().into()),
        }
    }
    let load_all_ms = load_all()?;
    let ort = std::env::var_os("ORT_DYLIB_PATH").is_some();
    let rows: Result<Vec<Row>, Failure> = NETWORKS.iter().map(|n| row(n, rounds, ort)).collect();
    let networks = rows?;
    let over_ort: Option<Vec<f64>> = networks.iter().map(|r| r.ort.map(|ort| r.cnn / ort)).collect();
    let over_tract: Vec<f64> = networks.iter().map(|r| r.cnn / r.tract).collect();
    let report = Report {
        rounds,
        load_all_ms,
        cnn_over_ort: over_ort.as_deref().map(geometric_mean),
        cnn_over_tract: geometric_mean(&over_tract),
        networks,
    };
    print(&report);
    if let Some(file) = json {
        std::fs::write(file, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(())
}

/// How long it takes from four files in memory to four sessions, the best of five times, in milliseconds.
fn load_all() -> Result<f64, Failure> {
    let four = [NETWORKS[1], NETWORKS[3], NETWORKS[4], NETWORKS[5]];
    let files = four.iter().map(|(_, file, _)| std::fs::read(path(file))).collect::<Result<Vec<_>, _>>()?;
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        let mut sessions = Vec::new();
        for ((name, _, item), bytes) in four.iter().zip(&files) {
            sessions.push(Model::from_bytes(name, bytes)?.session(*item)?);
        }
        best = best.min(start.elapsed());
        black_box(&sessions);
    }
    Ok(millis(best))
}

/// One network on every engine.
fn row(
    &(network, file, item): &(&'static str, &str, [usize; 3]),
    rounds: usize,
    ort: bool,
) -> Result<Row, Failure> {
    let bytes = std::fs::read(path(file))?;
    let model = Model::from_bytes(network, &bytes)?;
    let input: Vec<f32> = (0..item.iter().product()).map(|i: usize| (i * 7919 % 251) as f32).collect();
    let mut fast = model.session(item)?;
    let mut slow = model.with_engine(Engine::Tract).session(item)?;
    let (backend, memory) = (fast.backend().to_string(), fast.memory());
    let mut other = if ort { Some(onnx_runtime(&bytes)?) } else { None };

    let mut cnn = || -> Result<(), Failure> {
        fast.input().copy_from_slice(&input);
        black_box(fast.run_one()?);
        Ok(())
    };
    let mut tract = || -> Result<(), Failure> {
        slow.input().copy_from_slice(&input);
        black_box(slow.run_one()?);
        Ok(())
    };
    let shape = [1, item[0], item[1], item[2]];
    let mut onnx = || -> Result<(), Failure> {
        if let Some(session) = &mut other {
            let input = TensorRef::from_array_view((shape, input.as_slice()))?;
            black_box(session.run(ort::inputs![input])?);
        }
        Ok(())
    };
    let mut contenders: Vec<&mut dyn FnMut() -> Result<(), Failure>> = vec![&mut cnn, &mut tract];
    if ort {
        contenders.push(&mut onnx);
    }
    let medians = medians(&mut contenders, rounds)?;
    Ok(Row {
        network,
        backend,
        cnn: medians[0],
        tract: medians[1],
        ort: medians.get(2).copied(),
        weight_bytes: memory.map(|m| m.shared),
        session_bytes: memory.map(|m| m.own),
    })
}

/// ONNX Runtime as fast as it is on one thread.
fn onnx_runtime(bytes: &[u8]) -> Result<OrtSession, Failure> {
    let builder = OrtSession::builder()?
        .with_intra_threads(1)
        .map_err(|e| e.to_string())?
        .with_inter_threads(1)
        .map_err(|e| e.to_string())?;
    let mut builder =
        builder.with_optimization_level(GraphOptimizationLevel::All).map_err(|e| e.to_string())?;
    Ok(builder.commit_from_memory(bytes)?)
}

/// The median time of each, in milliseconds. Each round starts with another of them.
fn medians(
    contenders: &mut [&mut dyn FnMut() -> Result<(), Failure>],
    rounds: usize,
) -> Result<Vec<f64>, Failure> {
    let mut repeats = Vec::new();
    for run in contenders.iter_mut() {
        run()?;
        let start = Instant::now();
        run()?;
        repeats.push((TURN.as_secs_f64() / start.elapsed().as_secs_f64()).ceil().clamp(1.0, 1000.0) as u32);
    }
    let mut times = vec![Vec::with_capacity(rounds); contenders.len()];
    for round in 0..rounds {
        for turn in 0..contenders.len() {
            let at = (round + turn) % contenders.len();
            let start = Instant::now();
            for _ in 0..repeats[at] {
                contenders[at]()?;
            }
            times[at].push(millis(start.elapsed() / repeats[at]));
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    Ok(times.iter_mut().map(median).collect())
}

fn print(report: &Report) {
    println!(
        "{:<20} {:>9} {:>9} {:>9} {:>9} {:>10} {:>12} {:>12}  backend",
        "median ms", "cnn", "tract", "ort", "cnn/ort", "cnn/tract", "weights KiB", "session KiB"
    );
    for row in &report.networks {
        let maybe = |v: Option<f64>, digits: usize| v.map_or("-".into(), |v| format!("{v:.digits$}"));
        let kib = |bytes: Option<usize>| bytes.map_or("-".into(), |b| (b / 1024).to_string());
        println!(
            "{:<20} {:>9.3} {:>9.3} {:>9} {:>9} {:>10.2} {:>12} {:>12}  {}",
            row.network,
            row.cnn,
            row.tract,
            maybe(row.ort, 3),
            maybe(row.ort.map(|ort| row.cnn / ort), 2),
            row.cnn / row.tract,
            kib(row.weight_bytes),
            kib(row.session_bytes),
            row.backend
        );
    }
    if let Some(mean) = report.cnn_over_ort {
        println!("geometric mean of cnn/ort {mean:.3}");
    }
    println!("geometric mean of cnn/tract {:.3}", report.cnn_over_tract);
    println!("loading all four, with a session each: {:.0} ms", report.load_all_ms);
}

fn geometric_mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|r| r.ln()).sum::<f64>() / ratios.len() as f64).exp()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crates").join(file)
}
