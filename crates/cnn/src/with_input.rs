//! A network at another input shape.

use crate::error::GraphError;
use crate::graph::{Graph, Node, Op};
use crate::op::{Conv, Shape};

impl Graph {
    /// Returns the same network for an input of another shape. Windows, pads and weights stay the same, and a resize
    /// keeps its factor. Values keep their numbers.
    ///
    /// ```
    /// use passerby_cnn::{CoordinateMode, Graph, Interpolation, Shape};
    ///
    /// let (mut graph, input) = Graph::new(Shape::new(3, 8, 8))?;
    /// let double = graph.resize(input, (16, 16), Interpolation::Nearest, CoordinateMode::Asymmetric)?;
    /// let graph = graph.with_input(Shape::new(3, 5, 7))?;
    /// assert_eq!(graph.shape(double), Shape::new(3, 10, 14));
    /// # Ok::<(), passerby_cnn::GraphError>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of the methods that add operators if an operator does not accept the new shapes, and
    /// [`GraphError::Setting`] if a resize would not give whole rows and columns.
    pub fn with_input(self, input: Shape) -> Result<Self, GraphError> {
        if input == self.input_shape() {
            return Ok(self);
        }
        let (mut graph, _) = Self::new(input)?;
        let shapes: Vec<Shape> = self.nodes.iter().map(|node| node.shape).collect();
        for node in self.nodes.into_iter().skip(1) {
            let x = node.inputs[0];
            let before = shapes[x.0];
            match node.op {
                Op::Input => unreachable!("only the first node is an input"),
                Op::ConvTranspose(ref conv) => {
                    let extra = node.extra(conv, before);
                    let Op::ConvTranspose(conv) = node.op else { continue };
                    graph.conv_transpose(x, conv, extra)?
                }
                Op::Conv(conv) => graph.conv(x, conv)?,
                Op::Unary(unary) => graph.unary(x, unary)?,
                Op::Binary(binary) => graph.binary(binary, x, node.inputs[1])?,
                Op::Pool(pooling, window) => graph.pool(x, pooling, window)?,
                Op::Mean => graph.mean(x)?,
                Op::Sum => graph.sum(x)?,
                Op::Softmax => graph.softmax(x)?,
                Op::Concat => graph.concat(&node.inputs)?,
                Op::SliceChannels(first) => graph.slice_channels(x, first..first + node.shape.channels)?,
                Op::Stack => graph.stack(&node.inputs)?,
                Op::Resize(interpolation, coordinates) => {
                    let now = graph.shape(x);
                    let height = scaled(now.height, node.shape.height, before.height)?;
                    let width = scaled(now.width, node.shape.width, before.width)?;
                    graph.resize(x, (height, width), interpolation, coordinates)?
                }
                Op::Pad { pads, channels, value } => graph.pad(x, pads, channels, value)?,
                Op::Rows => graph.rows(x, node.shape.channels)?,
            };
        }
        graph.outputs = self.outputs;
        Ok(graph)
    }
}

impl Node {
    /// Returns the rows and columns that a transposed convolution adds below and to the right.
    pub(crate) fn extra(&self, conv: &Conv, input: Shape) -> (usize, usize) {
        let reach = conv.window.reach();
        let stride = conv.window.stride;
        let pads = conv.window.pads;
        (
            self.shape.height + pads.top + pads.bottom - (input.height - 1) * stride.0 - reach.0,
            self.shape.width + pads.left + pads.right - (input.width - 1) * stride.1 - reach.1,
        )
    }
}

/// Returns `side * to / from`, which must be whole.
fn scaled(side: usize, to: usize, from: usize) -> Result<usize, GraphError> {
    let product = side.checked_mul(to).filter(|product| product.is_multiple_of(from));
    product.map(|product| product / from).ok_or_else(|| GraphError::Setting {
        op: "resize",
        reason: format!("cannot resize {side} pixels by {to}/{from}"),
    })
}
