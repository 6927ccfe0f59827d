//! The interface of a network: the names and shapes of its input and outputs, as the metadata of a graph file.
//!
//! The metadata is text, for example:
//!
//! ```text
//! multiples 32 32
//! input ? 3 ? ? = image
//! output ? 2 ? ? = 1 2 rows columns = scores
//! output ? ? 4 = 1 rows 4 = boxes
//! ```
//!
//! The rows and columns of an item must be multiples of the first line's numbers. The other lines have the shape that
//! the ONNX file states (`?` for a free axis) and the name at the end. Between them, an output has the axes of its
//! tensor, in terms of the value that the graph computes.

use std::fmt::Write as _;

use passerby_cnn::{Graph, Shape};

use crate::tensor::TensorSpec;

/// The interface of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    /// The rows and columns of an item must be multiples of these.
    pub(crate) multiples: [usize; 2],
    pub(crate) input: TensorSpec,
    pub(crate) outputs: Vec<TensorSpec>,
    /// The axes of each output.
    pub(crate) axes: Vec<Vec<OutputAxis>>,
}

/// One axis of an output. Its length is the product of a constant and sides of the graph's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutputAxis {
    pub(crate) factor: usize,
    pub(crate) rows: bool,
    pub(crate) columns: bool,
}

/// A network as a graph for items of one shape, with the axes of its outputs.
pub(crate) struct LoweredNetwork {
    pub(crate) graph: Graph,
    pub(crate) axes: Vec<Vec<OutputAxis>>,
}

impl LoweredNetwork {
    /// Returns the shape of each output for one item, or the reason why the axes do not fit the graph.
    pub(crate) fn output_shapes(&self) -> Result<Vec<Vec<usize>>, String> {
        let values: Vec<Shape> = self.graph.outputs().map(|(value, _)| self.graph.shape(value)).collect();
        if values.len() != self.axes.len() || values.is_empty() {
            return Err(format!("{} outputs, but {} shapes of outputs", values.len(), self.axes.len()));
        }
        let shape = |(value, axes): (&Shape, &Vec<OutputAxis>)| {
            let dims: Vec<usize> = axes.iter().map(|axis| axis.length(*value)).collect();
            let len = dims.iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim));
            if len == Some(value.len()) && dims.first() == Some(&1) {
                Ok(dims)
            } else {
                Err(format!("an output of {value} has the shape {dims:?}"))
            }
        };
        values.iter().zip(&self.axes).map(shape).collect()
    }
}

impl OutputAxis {
    fn length(self, value: Shape) -> usize {
        let rows = if self.rows { value.height } else { 1 };
        let columns = if self.columns { value.width } else { 1 };
        self.factor.saturating_mul(rows).saturating_mul(columns)
    }

    fn to_text(self) -> String {
        let sides = [("rows", self.rows), ("columns", self.columns)];
        let mut words: Vec<String> =
            sides.iter().filter(|(_, is_part)| *is_part).map(|(name, _)| (*name).to_owned()).collect();
        if self.factor != 1 || words.is_empty() {
            words.insert(0, self.factor.to_string());
        }
        words.join("*")
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut axis = Self { factor: 1, rows: false, columns: false };
        for word in text.split('*') {
            match word {
                "rows" => axis.rows = true,
                "columns" => axis.columns = true,
                number => axis.factor = number.parse().ok()?,
            }
        }
        Some(axis)
    }
}

impl Interface {
    /// Returns the text form, or `None` if a name has a line break.
    pub(crate) fn to_text(&self) -> Option<String> {
        let [rows, columns] = self.multiples;
        let mut text = format!("multiples {rows} {columns}\n");
        let names = [&self.input].into_iter().chain(&self.outputs);
        if names.clone().any(|spec| spec.name.contains(['\n', '\r'])) {
            return None;
        }
        let _ = writeln!(text, "input {} = {}", dims_to_text(&self.input.dims), self.input.name);
        for (spec, axes) in self.outputs.iter().zip(&self.axes) {
            let axes: Vec<String> = axes.iter().map(|axis| axis.to_text()).collect();
            let _ =
                writeln!(text, "output {} = {} = {}", dims_to_text(&spec.dims), axes.join(" "), spec.name);
        }
        Some(text)
    }

    /// Parses the result of [`Interface::to_text`]. Returns the reason as an error if the text is not valid.
    pub(crate) fn from_text(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "the metadata is not text")?;
        Self::parse(text).ok_or_else(|| {
            let start: String = text.chars().take(80).collect();
            format!("the metadata is not valid: {start:?}")
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (rows, columns) = lines.next()?.strip_prefix("multiples ")?.split_once(' ')?;
        let multiples = [rows.parse().ok()?, columns.parse().ok()?];
        let (dims, name) = lines.next()?.strip_prefix("input ")?.split_once(" = ")?;
        let input = TensorSpec { name: name.to_owned(), dims: dims_from_text(dims)? };
        let mut outputs = Vec::new();
        let mut axes = Vec::new();
        for line in lines {
            let (dims, rest) = line.strip_prefix("output ")?.split_once(" = ")?;
            let (sides, name) = rest.split_once(" = ")?;
            outputs.push(TensorSpec { name: name.to_owned(), dims: dims_from_text(dims)? });
            axes.push(sides.split(' ').map(OutputAxis::from_text).collect::<Option<_>>()?);
        }
        let is_valid = !multiples.contains(&0);
        is_valid.then_some(Self { multiples, input, outputs, axes })
    }
}

/// Returns the lengths, `?` for a free axis, or `-` if the file states no shape.
fn dims_to_text(dims: &[Option<usize>]) -> String {
    if dims.is_empty() {
        return "-".into();
    }
    let words: Vec<String> =
        dims.iter().map(|dim| dim.map_or_else(|| "?".into(), |n| n.to_string())).collect();
    words.join(" ")
}

fn dims_from_text(text: &str) -> Option<Vec<Option<usize>>> {
    if text == "-" {
        return Some(vec![]);
    }
    text.split(' ').map(|word| if word == "?" { Some(None) } else { word.parse().ok().map(Some) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface() -> Interface {
        let axis = |factor, rows, columns| OutputAxis { factor, rows, columns };
        let one = axis(1, false, false);
        Interface {
            multiples: [32, 1],
            input: TensorSpec { name: "the = image".into(), dims: vec![None, Some(3), None, Some(8)] },
            outputs: vec![
                TensorSpec { name: "537".into(), dims: vec![] },
                TensorSpec { name: String::new(), dims: vec![Some(1), None] },
            ],
            axes: vec![
                vec![one, axis(4, true, true)],
                vec![one, axis(1, true, false), axis(7, false, false)],
            ],
        }
    }

    #[test]
    fn an_interface_parses_as_it_is_written() {
        let text = interface().to_text().unwrap();
        assert_eq!(Interface::from_text(text.as_bytes()), Ok(interface()), "{text}");
    }

    #[test]
    fn a_name_with_a_line_break_cannot_be_written() {
        let mut broken = interface();
        broken.outputs[0].name = "a\noutput".into();
        assert_eq!(broken.to_text(), None);
    }

    #[test]
    fn every_shortened_text_is_an_interface_or_an_error() {
        let text = interface().to_text().unwrap();
        for end in 0..text.len() {
            if let Ok(read) = Interface::from_text(&text.as_bytes()[..end]) {
                assert!(read.outputs.len() <= 2);
            }
        }
        for hostile in ["", "multiples 0 1\ninput - = a", "multiples 1 1\ninput -1 = a", "multiples 1 1"] {
            assert!(Interface::from_text(hostile.as_bytes()).is_err(), "{hostile}");
        }
        assert!(Interface::from_text(&[0xFF]).is_err());
    }

    #[test]
    fn axes_must_have_the_elements_of_their_value() {
        let (mut graph, input) = Graph::new(Shape::new(2, 3, 5)).unwrap();
        graph.output(input, passerby_cnn::TensorLayout::Nchw);
        let axis = |factor, rows, columns| OutputAxis { factor, rows, columns };
        let shapes =
            |axes: Vec<OutputAxis>| LoweredNetwork { graph: graph.clone(), axes: vec![axes] }.output_shapes();
        let one = axis(1, false, false);
        assert_eq!(shapes(vec![one, axis(2, true, true)]), Ok(vec![vec![1, 30]]));
        assert!(shapes(vec![axis(2, true, true)]).is_err(), "no batch");
        assert!(shapes(vec![one, axis(3, true, true)]).is_err());
        assert!(shapes(vec![one, axis(usize::MAX, true, true)]).is_err());
        assert!(LoweredNetwork { graph: graph.clone(), axes: vec![] }.output_shapes().is_err());
    }
}
