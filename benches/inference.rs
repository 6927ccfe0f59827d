//! Measures every bundled network on each engine: `cnn` in float, `cnn` in int8 if the network has ranges, `cnn` with
//! AVX2 if the processor has AVX-512, `tract`, and ONNX Runtime if `ORT_DYLIB_PATH` names its shared library (of the
//! wheel `onnxruntime`: `onnxruntime/capi/libonnxruntime.so.*`). Each runs on one thread, one item at a time. The
//! engines take turns round by round, so that other load on the machine affects all alike.
//!
//!     cargo bench -p passerby-benches --bench inference -- [--rounds N] [--json FILE]
//!     cargo bench -p passerby-benches --bench inference -- --steps avx512|avx2|neon|portable [--rounds N]
//!
//! With `--steps` it prints the median time of each step of each network with these instructions instead, in f32 and in
//! int8.

#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lexopt::prelude::*;
use ort::session::Session as OrtSession;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;
use passerby::inference::{Backend, Engine, Model, Precision, Session};
use serde::Serialize;

type Failure = Box<dyn Error>;

/// The time for which one engine runs in a turn: long enough for the clock, short enough for frequent turns.
const TURN: Duration = Duration::from_millis(8);

/// A network, its item and, if it may compute in int8, its ranges.
struct Network {
    name: &'static str,
    file: &'static str,
    ranges: Option<&'static str>,
    item: [usize; 3],
}

const fn yunet(name: &'static str, item: [usize; 3]) -> Network {
    Network { name, file: "detect/models/yunet.onnx", ranges: None, item }
}

const fn centerface(name: &'static str, item: [usize; 3]) -> Network {
    let ranges = Some("detect/models/centerface.ranges");
    Network { name, file: "detect/models/centerface_fp16.onnx", ranges, item }
}

const NETWORKS: [Network; 10] = [
    yunet("YuNet 320x192", [3, 192, 320]),
    yunet("YuNet 480x288", [3, 288, 480]),
    yunet("YuNet 640x384", [3, 384, 640]),
    centerface("CenterFace 320x192", [3, 192, 320]),
    centerface("CenterFace 480x288", [3, 288, 480]),
    centerface("CenterFace 640x384", [3, 384, 640]),
    Network {
        name: "MobileFaceNet",
        file: "reid/models/mobilefacenet_fast_fp16.onnx",
        ranges: Some("reid/models/mobilefacenet.ranges"),
        item: [3, 112, 112],
    },
    Network {
        name: "faceres",
        file: "faceres-weights/models/faceres_fp16.onnx",
        ranges: None,
        item: [3, 224, 224],
    },
    Network { name: "age-v1", file: "demographics/models/age-v1_fp16.onnx", ranges: None, item: [3, 64, 64] },
    Network {
        name: "gender-v1",
        file: "demographics/models/gender-v1_fp16.onnx",
        ranges: None,
        item: [3, 32, 32],
    },
];

/// Indices into [`NETWORKS`] of the five default networks.
const DEFAULT: [usize; 5] = [1, 6, 7, 8, 9];

/// Medians in milliseconds. `int8` is absent if the network has no ranges, `avx2` if the processor has no AVX-512 to
/// compare with, and `ort` if ONNX Runtime is missing.
#[derive(Serialize)]
struct Row {
    network: &'static str,
    backend: String,
    cnn: f64,
    int8: Option<f64>,
    avx2: Option<f64>,
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
    avx2_over_avx512: Option<f64>,
}

fn main() -> Result<(), Failure> {
    let mut rounds = 30;
    let mut json = None;
    let mut steps = None;
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("rounds") => rounds = args.value()?.parse::<usize>()?.max(1),
            Long("json") => json = Some(PathBuf::from(args.value()?)),
            Long("steps") => steps = Some(args.value()?.parse::<String>()?),
            // An argument that Cargo passes.
            Long("bench") => {}
            _ => return Err(arg.unexpected().into()),
        }
    }
    if let Some(isa) = steps {
        return NETWORKS.iter().try_for_each(|network| print_steps(network, &isa, rounds));
    }
    let load_all_ms = load_all()?;
    let ort = std::env::var_os("ORT_DYLIB_PATH").is_some();
    let rows: Result<Vec<Row>, Failure> = NETWORKS.iter().map(|n| row(n, rounds, ort)).collect();
    let networks = rows?;
    let over_ort: Option<Vec<f64>> = networks.iter().map(|r| r.ort.map(|ort| r.cnn / ort)).collect();
    let over_tract: Vec<f64> = networks.iter().map(|r| r.cnn / r.tract).collect();
    let over_avx512: Option<Vec<f64>> = networks.iter().map(|r| r.avx2.map(|avx2| avx2 / r.cnn)).collect();
    let report = Report {
        rounds,
        load_all_ms,
        cnn_over_ort: over_ort.as_deref().map(geometric_mean),
        cnn_over_tract: geometric_mean(&over_tract),
        avx2_over_avx512: over_avx512.as_deref().map(geometric_mean),
        networks,
    };
    print(&report);
    if let Some(file) = json {
        std::fs::write(file, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(())
}

/// Returns the time from the files of the default networks in memory to a session of each, the best of five, in milliseconds.
fn load_all() -> Result<f64, Failure> {
    let networks = DEFAULT.map(|at| &NETWORKS[at]);
    let files =
        networks.iter().map(|network| std::fs::read(path(network.file))).collect::<Result<Vec<_>, _>>()?;
    // Static bytes, as the bundled networks have.
    let files: Vec<&'static [u8]> = files.into_iter().map(|bytes| &*bytes.leak()).collect();
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        let mut sessions = Vec::new();
        for (network, bytes) in networks.iter().zip(files.iter().copied()) {
            sessions.push(Model::from_bytes(network.name, bytes)?.session(network.item)?);
        }
        best = best.min(start.elapsed());
        black_box(&sessions);
    }
    Ok(millis(best))
}

/// Measures one network on every engine.
fn row(network: &Network, rounds: usize, ort: bool) -> Result<Row, Failure> {
    let bytes = std::fs::read(path(network.file))?;
    let model = Model::from_bytes(network.name, bytes.clone())?;
    let item = network.item;
    let input: Vec<f32> = (0..item.iter().product()).map(|i: usize| (i * 7919 % 251) as f32).collect();

    let mut cnn = model.session(item)?;
    let mut tract = model.with_engine(Engine::Tract).session(item)?;
    let backend = cnn.backend().to_string();
    let memory = cnn.memory();
    let mut int8 = None;
    if let Some(ranges) = network.ranges {
        let ranges = std::fs::read_to_string(path(ranges))?;
        int8 = Some(model.with_ranges(&ranges)?.with_precision(Precision::Int8)?.session(item)?);
    }
    let avx512 = matches!(cnn.backend(), Backend::Cnn { isa: "avx512", .. });
    let avx2 = model.with_isa("avx2").filter(|_| avx512);
    let mut avx2 = avx2.map(|model| model.session(item)).transpose()?;

    let mut contenders = vec![on_session(&mut cnn, &input), on_session(&mut tract, &input)];
    let int8 = int8.as_mut().map(|session| place(&mut contenders, on_session(session, &input)));
    let avx2 = avx2.as_mut().map(|session| place(&mut contenders, on_session(session, &input)));
    let ort = if ort { Some(place(&mut contenders, on_onnx_runtime(&bytes, item, &input)?)) } else { None };
    let medians = medians(&mut contenders, rounds)?;
    Ok(Row {
        network: network.name,
        backend,
        cnn: medians[0],
        int8: int8.map(|at| medians[at]),
        avx2: avx2.map(|at| medians[at]),
        tract: medians[1],
        ort: ort.map(|at| medians[at]),
        weight_bytes: memory.map(|m| m.weight_bytes),
        session_bytes: memory.map(|m| m.session_bytes),
    })
}

/// One run on one engine.
type Contender<'a> = Box<dyn FnMut() -> Result<(), Failure> + 'a>;

/// Adds a contender and returns its index.
fn place<'a>(contenders: &mut Vec<Contender<'a>>, contender: Contender<'a>) -> usize {
    contenders.push(contender);
    contenders.len() - 1
}

fn on_session<'a>(session: &'a mut Session, input: &'a [f32]) -> Contender<'a> {
    Box::new(|| {
        session.input().copy_from_slice(input);
        black_box(session.run()?);
        Ok(())
    })
}

fn on_onnx_runtime<'a>(bytes: &[u8], item: [usize; 3], input: &'a [f32]) -> Result<Contender<'a>, Failure> {
    let mut session = onnx_runtime(bytes)?;
    let shape = [1, item[0], item[1], item[2]];
    Ok(Box::new(move || {
        let input = TensorRef::from_array_view((shape, input))?;
        black_box(session.run(ort::inputs![input])?);
        Ok(())
    }))
}

/// Returns an ONNX Runtime session with its fastest settings for one thread.
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

/// Returns the median time of each contender, in milliseconds. Each round starts with another contender.
fn medians(contenders: &mut [Contender<'_>], rounds: usize) -> Result<Vec<f64>, Failure> {
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
    Ok(times.iter_mut().map(|times| median(times)).collect())
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Prints the time of each step of a network.
fn print_steps(network: &Network, isa: &str, rounds: usize) -> Result<(), Failure> {
    let model = Model::from_path(path(network.file))?;
    let model = model.with_isa(isa).ok_or_else(|| format!("this processor has no {isa}"))?;
    print_steps_of(network, "f32", &mut model.session(network.item)?, rounds);
    if let Some(ranges) = network.ranges {
        let model = model.with_ranges(&std::fs::read_to_string(path(ranges))?)?;
        let mut session = model.with_precision(Precision::Int8)?.session(network.item)?;
        print_steps_of(network, "int8", &mut session, rounds);
    }
    Ok(())
}

fn print_steps_of(network: &Network, precision: &str, session: &mut Session, rounds: usize) {
    let mut times: Vec<(String, Vec<f64>)> = Vec::new();
    for _ in 0..rounds {
        for (at, (step, time)) in session.profile().unwrap_or_default().into_iter().enumerate() {
            if times.len() <= at {
                times.push((step, Vec::with_capacity(rounds)));
            }
            times[at].1.push(millis(time));
        }
    }
    println!("{} in {precision}, {}", network.name, session.backend());
    for (step, times) in &mut times {
        println!("{:>9.3} ms  {step}", median(times));
    }
}

fn print(report: &Report) {
    println!(
        "{:<20}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>10}{:>11}{:>10}{:>13}{:>13}  backend",
        "median ms",
        "cnn",
        "int8",
        "avx2",
        "tract",
        "ort",
        "cnn/ort",
        "int8/ort",
        "cnn/tract",
        "avx2/cnn",
        "weights KiB",
        "session KiB"
    );
    for row in &report.networks {
        let maybe = |v: Option<f64>, digits: usize| v.map_or("-".into(), |v| format!("{v:.digits$}"));
        let kib = |bytes: Option<usize>| bytes.map_or("-".into(), |b| (b / 1024).to_string());
        println!(
            "{:<20}{:>9.3}{:>9}{:>9}{:>9.3}{:>9}{:>9}{:>10}{:>11.2}{:>10}{:>13}{:>13}  {}",
            row.network,
            row.cnn,
            maybe(row.int8, 3),
            maybe(row.avx2, 3),
            row.tract,
            maybe(row.ort, 3),
            maybe(row.ort.map(|ort| row.cnn / ort), 2),
            maybe(row.ort.zip(row.int8).map(|(ort, int8)| int8 / ort), 2),
            row.cnn / row.tract,
            maybe(row.avx2.map(|avx2| avx2 / row.cnn), 2),
            kib(row.weight_bytes),
            kib(row.session_bytes),
            row.backend
        );
    }
    if let Some(mean) = report.cnn_over_ort {
        println!("geometric mean of cnn/ort {mean:.3}");
    }
    println!("geometric mean of cnn/tract {:.3}", report.cnn_over_tract);
    if let Some(mean) = report.avx2_over_avx512 {
        println!("geometric mean of AVX2 over AVX-512 {mean:.3}");
    }
    println!("loading the default networks, with a session each: {:.0} ms", report.load_all_ms);
}

fn geometric_mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|r| r.ln()).sum::<f64>() / ratios.len() as f64).exp()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates").join(file)
}
