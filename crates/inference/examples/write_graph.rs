//! Writes the graph file of an ONNX file, with which a program loads the network without tract:
//!
//! ```sh
//! cargo run -p passerby-inference --example write_graph -- detector.onnx detector.graph 3x288x480 3x64x96
//! ```
//!
//! The last arguments are shapes of items: channels, rows, columns. Give one shape if the network has a fixed input. If
//! its sides are free, give several: the example compares the graph file with the ONNX file at each, and the graph file
//! accepts the sides that are multiples of their greatest common divisors.

#![allow(clippy::print_stdout, reason = "it prints what it wrote")]

use std::error::Error;
use std::fs;

use passerby_inference::Model;

const USAGE: &str = "usage: write_graph IN.onnx OUT.graph CHANNELSxROWSxCOLUMNS...";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [onnx, graph, shapes @ ..] = arguments.as_slice() else { return Err(USAGE.into()) };
    let items: Vec<[usize; 3]> = shapes.iter().map(|text| shape(text)).collect::<Result<_, _>>()?;
    if items.is_empty() {
        return Err(USAGE.into());
    }
    let bytes = Model::from_path(onnx)?.to_graph_bytes(&items)?;
    fs::write(graph, &bytes).map_err(|e| format!("{graph}: {e}"))?;
    println!("{graph}: {} bytes, equal to {onnx} for items of {}", bytes.len(), shapes.join(", "));
    Ok(())
}

fn shape(text: &str) -> Result<[usize; 3], String> {
    let sides: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
    let sides = sides.ok().and_then(|sides| sides.try_into().ok());
    sides.ok_or_else(|| format!("{text} is not a shape such as 3x112x112"))
}
