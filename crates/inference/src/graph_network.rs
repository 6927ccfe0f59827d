//! A network from a graph file, which has the operators of an ONNX file as `passerby-cnn` runs them.

use std::borrow::Cow;
use std::sync::Arc;

use parking_lot::Mutex;
use passerby_cnn::{GraphFile, Shape};

use crate::interface::{Interface, LoweredNetwork};

/// A network whose graph is read from a file. The weights are in the ONNX file.
pub(crate) struct GraphNetwork {
    bytes: Cow<'static, [u8]>,
    onnx: Arc<Cow<'static, [u8]>>,
    pub(crate) interface: Interface,
    /// The graph that was read with the file, for the first plan. Later plans read the file again, because these
    /// weights are larger than the file and each plan has its own copy.
    first: Mutex<Option<GraphFile>>,
}

impl GraphNetwork {
    /// Reads and checks a graph file. Returns the reason as an error if it is not valid.
    pub(crate) fn read(bytes: Cow<'static, [u8]>, onnx: Arc<Cow<'static, [u8]>>) -> Result<Self, String> {
        let file = GraphFile::from_bytes(&bytes, &onnx).map_err(|e| e.to_string())?;
        let interface = Interface::from_text(&file.metadata)?;
        let lowered = LoweredNetwork { graph: file.graph, axes: interface.axes.clone() };
        lowered.output_shapes()?;
        let first = GraphFile { graph: lowered.graph, metadata: file.metadata };
        Ok(Self { bytes, onnx, interface, first: Mutex::new(Some(first)) })
    }

    /// Returns the graph for items of the shape `item`. Returns the reason as an error if the shape does not fit.
    pub(crate) fn for_item(&self, item: [usize; 3]) -> Result<LoweredNetwork, String> {
        let [channels, height, width] = item;
        let [rows, columns] = self.interface.multiples;
        if !height.is_multiple_of(rows) || !width.is_multiple_of(columns) {
            return Err(format!(
                "its graph file is for rows that are a multiple of {rows} and columns that are a multiple of {columns}"
            ));
        }
        let first = self.first.lock().take();
        let file = first.map_or_else(|| GraphFile::from_bytes(&self.bytes, &self.onnx), Ok);
        let graph = file.map_err(|e| e.to_string())?.graph;
        let graph = graph.with_input(Shape::new(channels, height, width)).map_err(|e| e.to_string())?;
        Ok(LoweredNetwork { graph, axes: self.interface.axes.clone() })
    }
}

/// Returns the bytes of a graph file for a network that was lowered for each of `items`. Returns the reason as an error
/// if the graphs differ by more than the shape of their input.
pub(crate) fn write(
    interface: &Interface,
    networks: Vec<([usize; 3], LoweredNetwork)>,
    onnx: &[u8],
) -> Result<Vec<u8>, String> {
    let metadata = |axes: Vec<_>| {
        let text = Interface { axes, ..interface.clone() }.to_text();
        text.map(String::into_bytes).ok_or("the name of an input or output has a line break")
    };
    let mut networks = networks.into_iter();
    let Some((_, first)) = networks.next() else { return Err("no shape is given".into()) };
    let file = GraphFile { graph: first.graph, metadata: metadata(first.axes)? };
    for ([channels, height, width], network) in networks {
        let graph = file.graph.clone().with_input(Shape::new(channels, height, width));
        let moved = GraphFile { graph: graph.map_err(|e| e.to_string())?, metadata: file.metadata.clone() };
        let expected = GraphFile { graph: network.graph, metadata: metadata(network.axes)? };
        if moved.to_bytes(onnx) != expected.to_bytes(onnx) {
            return Err(format!(
                "the operators for items of {channels}x{height}x{width} have other settings than for the first shape"
            ));
        }
    }
    Ok(file.to_bytes(onnx))
}

/// Returns the numbers that all rows and all columns are multiples of.
pub(crate) fn multiples(items: &[[usize; 3]]) -> [usize; 2] {
    let common = |side: usize| items.iter().map(|item| item[side]).fold(0, greatest_common_divisor);
    [common(1), common(2)]
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use passerby_cnn::{Graph, Pads, TensorLayout};

    use super::*;
    use crate::interface::OutputAxis;
    use crate::tensor::TensorSpec;

    /// Returns a network that pads its input at the bottom.
    fn padded([channels, height, width]: [usize; 3], bottom: usize) -> LoweredNetwork {
        let (mut graph, input) = Graph::new(Shape::new(channels, height, width)).unwrap();
        let output = graph.pad(input, Pads { bottom, ..Pads::NONE }, 0, 0.0).unwrap();
        graph.output(output, TensorLayout::Nchw);
        let axis = |factor, rows, columns| OutputAxis { factor, rows, columns };
        let one = axis(1, false, false);
        let axes = vec![one, axis(channels, false, false), axis(1, true, false), axis(1, false, true)];
        LoweredNetwork { graph, axes: vec![axes] }
    }

    #[test]
    fn settings_that_depend_on_the_shape_are_refused() {
        let items = [[3, 8, 6], [3, 12, 6]];
        let name = |name: &str| TensorSpec { name: name.into(), dims: vec![] };
        let outputs = vec![name("out")];
        let interface = Interface { multiples: multiples(&items), input: name("in"), outputs, axes: vec![] };
        let write = |bottoms: [usize; 2]| {
            let networks = items.into_iter().zip(bottoms).map(|(item, bottom)| (item, padded(item, bottom)));
            super::write(&interface, networks.collect(), &[])
        };
        let bytes = write([1, 1]).unwrap();
        let network = GraphNetwork::read(bytes.into(), Arc::new(Cow::Borrowed(&[]))).unwrap();
        assert_eq!(network.for_item([3, 16, 12]).unwrap().output_shapes(), Ok(vec![vec![1, 3, 17, 12]]));
        // As with TensorFlow's `SAME`, which pads an even side in another way than an odd one.
        let error = write([1, 2]).unwrap_err();
        assert!(error.contains("3x12x6 have other settings"), "{error}");
    }

    #[test]
    fn sides_are_multiples_of_their_greatest_common_divisor() {
        assert_eq!(multiples(&[[3, 64, 96], [3, 192, 320]]), [64, 32]);
        assert_eq!(multiples(&[[3, 112, 112]]), [112, 112]);
        assert_eq!(multiples(&[[3, 9, 11], [3, 8, 11]]), [1, 11]);
    }
}
