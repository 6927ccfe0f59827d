//! The interface of the other files for a build without the feature `tract`. No value of these types exists.

use std::borrow::Cow;
use std::sync::Arc;

use crate::backend::TractReason;
use crate::error::ModelError;
use crate::interface::LoweredNetwork;
use crate::tensor::TensorSpec;

pub(crate) enum OnnxNetwork {}

pub(crate) enum TypedNetwork {}

pub(crate) enum TractPlan {}

pub(crate) struct TractSession {
    pub(crate) input: Vec<f32>,
    pub(crate) outputs: Vec<Vec<f32>>,
    never: TractPlan,
}

impl OnnxNetwork {
    pub(crate) fn read(
        name: &str,
        _onnx: Arc<Cow<'static, [u8]>>,
    ) -> Result<(Self, TensorSpec, Vec<TensorSpec>), ModelError> {
        Err(ModelError::NoTract { model: name.to_owned() })
    }

    pub(crate) fn typed(&self, _name: &str, _item: [usize; 3]) -> Result<TypedNetwork, String> {
        match *self {}
    }
}

impl TypedNetwork {
    pub(crate) fn output_shapes(&self) -> Vec<Vec<usize>> {
        match *self {}
    }

    pub(crate) fn lower(&self) -> Result<LoweredNetwork, TractReason> {
        match *self {}
    }

    pub(crate) fn into_plan(self) -> Result<TractPlan, String> {
        match self {}
    }
}

impl TractPlan {
    pub(crate) fn start(&self, _item: [usize; 3], _outputs: &[Vec<usize>]) -> Result<TractSession, String> {
        match *self {}
    }
}

impl TractSession {
    pub(crate) fn run(&mut self) -> Result<(), String> {
        match self.never {}
    }
}
