//! Networks on ONNX Runtime, whose shared library is found and loaded when the first one is asked for.

use std::borrow::Cow;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fmt::Display;
use std::sync::Arc;

use ort::ep;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;
use parking_lot::Mutex;
use tract_onnx::prelude::TractResult;

use crate::Device;
use crate::guard::guarded;

/// A network on a device, for items of one shape.
pub(crate) struct Network {
    onnx: Arc<Cow<'static, [u8]>>,
    device: Device,
    item: [usize; 3],
    /// The shape of each output for one item.
    outputs: Vec<Vec<usize>>,
    /// Made to see whether the device takes the network, for the first who asks.
    first: Mutex<Option<Run>>,
}

/// One worker's state of it.
pub(crate) struct Run {
    session: Session,
    item: [usize; 3],
    pub(crate) input: Vec<f32>,
    pub(crate) outputs: Vec<Vec<f32>>,
}

impl Network {
    /// The network, once the device has taken it and computed an item of zeros; else what is in its way.
    pub(crate) fn new(
        onnx: Arc<Cow<'static, [u8]>>,
        device: Device,
        item: [usize; 3],
        outputs: Vec<Vec<usize>>,
    ) -> Result<Self, String> {
        let network = Self { onnx, device, item, outputs, first: Mutex::default() };
        let first = network.made()?;
        *network.first.lock() = Some(first);
        Ok(network)
    }

    /// One worker's state. It has computed an item of zeros, so that a device that is lost shows here.
    pub(crate) fn run(&self) -> Result<Run, String> {
        let first = self.first.lock().take();
        first.map_or_else(|| self.made(), Ok)
    }

    fn made(&self) -> Result<Run, String> {
        guarded(|| {
            load()?;
            let mut run = Run {
                session: session(&self.onnx, self.device)?,
                item: self.item,
                input: vec![0.0; self.item.iter().product()],
                outputs: self.outputs.iter().map(|shape| vec![0.0; shape.iter().product()]).collect(),
            };
            run.computed()?;
            Ok(run)
        })
    }
}

impl Run {
    /// Computes the item in the input.
    pub(crate) fn compute(&mut self) -> Result<(), String> {
        guarded(|| self.computed())
    }

    fn computed(&mut self) -> TractResult<()> {
        let [c, h, w] = self.item;
        let input = TensorRef::from_array_view(([1, c, h, w], &*self.input)).map_err(said)?;
        let answers = self.session.run(ort::inputs![input]).map_err(said)?;
        if answers.len() != self.outputs.len() {
            return Err(said(format!("{} outputs, not {}", answers.len(), self.outputs.len())).into());
        }
        for (index, output) in self.outputs.iter_mut().enumerate() {
            let (shape, numbers) = answers[index].try_extract_tensor::<f32>().map_err(said)?;
            if numbers.len() != output.len() {
                return Err(said(format!("output {index} is {shape}, not {} numbers", output.len())).into());
            }
            output.copy_from_slice(numbers);
        }
        Ok(())
    }
}

/// A session of one thread: workers are the parallelism.
fn session(onnx: &[u8], device: Device) -> TractResult<Session> {
    let builder = Session::builder().map_err(said)?;
    let builder = builder.with_intra_threads(1).map_err(said)?.with_inter_threads(1).map_err(said)?;
    let builder = builder.with_optimization_level(GraphOptimizationLevel::All).map_err(said)?;
    let mut builder = builder.with_execution_providers(providers(device)?).map_err(said)?;
    Ok(builder.commit_from_memory(onnx).map_err(said)?)
}

/// What ONNX Runtime asks for a device's operators, in this order. What none of them takes it computes on the processor.
fn providers(device: Device) -> TractResult<Vec<ep::ExecutionProviderDispatch>> {
    let number = |n: u32| i32::try_from(n).map_err(said);
    // Convolutions by cuDNN's rules of thumb: trying them all takes seconds, for every session anew. Products in single
    // precision, not rounded to the 10 bits of TF32.
    let search = ep::cuda::ConvAlgorithmSearch::Heuristic;
    let cuda = ep::CUDA::default().with_conv_algorithm_search(search).with_tf32(false);
    Ok(match device {
        Device::Cpu => vec![],
        Device::Cuda(n) => vec![provider(cuda.with_device_id(number(n)?))?],
        Device::TensorRt(n) => {
            let tensorrt = ep::TensorRT::default().with_device_id(number(n)?);
            vec![provider(tensorrt)?, provider(cuda.with_device_id(number(n)?))?]
        }
        Device::CoreMl => vec![provider(ep::CoreML::default())?],
        Device::DirectMl(n) => vec![provider(ep::DirectML::default().with_device_id(number(n)?))?],
        Device::OpenVino => vec![provider(ep::OpenVINO::default().with_device_type("AUTO"))?],
    })
}

/// A provider that the library has, which then has to be had. Others are not even asked: `ort` takes the second failure of
/// DirectML for a success.
fn provider(
    provider: impl ep::ExecutionProvider + Into<ep::ExecutionProviderDispatch>,
) -> TractResult<ep::ExecutionProviderDispatch> {
    if !provider.is_available().map_err(said)? {
        return Err(said(format!("this build of ONNX Runtime has no {}", provider.name())).into());
    }
    Ok(provider.into().error_on_failure())
}

/// Loads the library that `ORT_DYLIB_PATH` names, else the one that lies beside the program or that the system finds. Once
/// a process, whatever comes of it: `ort` takes a second attempt after a failure for a success, without a library.
fn load() -> TractResult<()> {
    static LOADED: Mutex<Option<Result<(), String>>> = Mutex::new(None);
    let mut loaded = LOADED.lock();
    let loaded = loaded.get_or_insert_with(|| {
        let named = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty());
        let path = named.unwrap_or_else(|| format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}").into());
        let environment = ort::init_from(path).map_err(|e| e.to_string())?;
        environment.with_name("passerby").with_telemetry(false).commit();
        Ok(())
    });
    Ok(loaded.clone().map_err(said)?)
}

/// Its errors are not all `Send`: their text is.
fn said(error: impl Display) -> std::io::Error {
    std::io::Error::other(error.to_string())
}
