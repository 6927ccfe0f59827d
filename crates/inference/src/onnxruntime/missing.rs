//! The interface of `dynamic.rs` for a build without the feature `ort`. No value of these types exists.

use std::borrow::Cow;
use std::sync::Arc;

use crate::device::Device;

pub(crate) enum Network {}

pub(crate) struct Run {
    pub(crate) input: Vec<f32>,
    pub(crate) outputs: Vec<Vec<f32>>,
    never: Network,
}

impl Network {
    pub(crate) fn new(
        _onnx: Arc<Cow<'static, [u8]>>,
        _device: Device,
        _item: [usize; 3],
        _outputs: Vec<Vec<usize>>,
    ) -> Result<Self, String> {
        Err("this program is built without the feature `ort`".into())
    }

    pub(crate) fn start(&self) -> Result<Run, String> {
        match *self {}
    }
}

impl Run {
    pub(crate) fn compute(&mut self) -> Result<(), String> {
        match self.never {}
    }
}
