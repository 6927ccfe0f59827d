//! Networks that are part of the program.

use std::fmt;

use parking_lot::Mutex;

use crate::error::ModelError;
use crate::model::Model;

/// A network that is part of the program, for a `static`. The first call of [`Bundled::model`] reads it.
///
/// ```
/// use passerby_inference::Bundled;
///
/// const ONNX: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conv.onnx"));
/// static NETWORK: Bundled = Bundled::new("conv", ONNX);
///
/// assert_eq!(NETWORK.model()?.name(), "conv (bundled)");
/// # Ok::<(), passerby_inference::ModelError>(())
/// ```
pub struct Bundled {
    name: &'static str,
    onnx: &'static [u8],
    graph: Option<&'static [u8]>,
    ranges: Option<&'static str>,
    model: Mutex<Option<Model>>,
}

impl Bundled {
    /// Creates a network from the bytes of an ONNX file, without a copy. Errors name it `name (bundled)`. Without
    /// [`Bundled::with_graph`], it needs the feature `tract`.
    #[must_use]
    pub const fn new(name: &'static str, onnx: &'static [u8]) -> Self {
        Self { name, onnx, graph: None, ranges: None, model: Mutex::new(None) }
    }

    /// Adds the graph file of the network: see [`Model::from_graph_bytes`]. The network then needs no feature `tract`, and
    /// loads faster.
    #[must_use]
    pub const fn with_graph(mut self, graph: &'static [u8]) -> Self {
        self.graph = Some(graph);
        self
    }

    /// Adds the ranges of [`Calibration::to_text`](crate::Calibration::to_text): see [`Model::with_ranges`].
    #[must_use]
    pub const fn with_ranges(mut self, ranges: &'static str) -> Self {
        self.ranges = Some(ranges);
        self
    }

    /// Returns the network. All calls return the same shared one. Workers that start together wait for the first of
    /// them to read it.
    ///
    /// # Errors
    /// Returns the errors of [`Model::from_bytes`], [`Model::from_graph_bytes`] and [`Model::with_ranges`]. For a file that is part of the program,
    /// they are a fault of its build. The next call tries again.
    pub fn model(&self) -> Result<Model, ModelError> {
        let mut model = self.model.lock();
        if let Some(model) = &*model {
            return Ok(model.clone());
        }
        let name = format!("{} (bundled)", self.name);
        let mut read = match self.graph {
            Some(graph) => Model::from_graph_bytes(&name, graph, self.onnx)?,
            None => Model::from_bytes(&name, self.onnx)?,
        };
        if let Some(ranges) = self.ranges {
            read = read.with_ranges(ranges)?;
        }
        Ok(model.insert(read).clone())
    }
}

/// Prints the name only.
impl fmt::Debug for Bundled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bundled({})", self.name)
    }
}
