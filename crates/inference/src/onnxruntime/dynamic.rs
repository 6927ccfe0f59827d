//! Networks on ONNX Runtime, whose shared library is loaded when the first network needs it.

use std::borrow::Cow;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fmt::Display;
use std::sync::Arc;

use ort::ep;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;
use parking_lot::Mutex;

use crate::device::Device;
use crate::panics::catch_panics;

/// A network on a device, for items of one shape.
pub(crate) struct Network {
    onnx: Arc<Cow<'static, [u8]>>,
    device: Device,
    item: [usize; 3],
    /// The shape of each output for one item.
    outputs: Vec<Vec<usize>>,
    /// The run that tested whether the device accepts the network. The first session takes it.
    first: Mutex<Option<Run>>,
}

/// One worker's state for a network.
pub(crate) struct Run {
    session: Session,
    item: [usize; 3],
    pub(crate) input: Vec<f32>,
    pub(crate) outputs: Vec<Vec<f32>>,
}

impl Network {
    /// Creates the network and runs it on an item of zeros. Returns the reason as an error if the device does not
    /// accept it.
    pub(crate) fn new(
        onnx: Arc<Cow<'static, [u8]>>,
        device: Device,
        item: [usize; 3],
        outputs: Vec<Vec<usize>>,
    ) -> Result<Self, String> {
        let network = Self { onnx, device, item, outputs, first: Mutex::default() };
        let first = network.new_run()?;
        *network.first.lock() = Some(first);
        Ok(network)
    }

    /// Returns one worker's state. It has run an item of zeros, so a lost device is an error here.
    pub(crate) fn start(&self) -> Result<Run, String> {
        let first = self.first.lock().take();
        first.map_or_else(|| self.new_run(), Ok)
    }

    fn new_run(&self) -> Result<Run, String> {
        catch_panics(|| -> Result<Run, String> {
            load()?;
            let mut run = Run {
                session: session(&self.onnx, self.device)?,
                item: self.item,
                input: vec![0.0; self.item.iter().product()],
                outputs: self.outputs.iter().map(|shape| vec![0.0; shape.iter().product()]).collect(),
            };
            run.compute_unguarded()?;
            Ok(run)
        })
    }
}

impl Run {
    /// Computes the outputs of the item in the input.
    pub(crate) fn compute(&mut self) -> Result<(), String> {
        catch_panics(|| self.compute_unguarded())
    }

    fn compute_unguarded(&mut self) -> Result<(), String> {
        let [c, h, w] = self.item;
        let input = TensorRef::from_array_view(([1, c, h, w], &*self.input)).map_err(as_text)?;
        let answers = self.session.run(ort::inputs![input]).map_err(as_text)?;
        if answers.len() != self.outputs.len() {
            return Err(format!("{} outputs, expected {}", answers.len(), self.outputs.len()));
        }
        for (index, output) in self.outputs.iter_mut().enumerate() {
            let (shape, values) = answers[index].try_extract_tensor::<f32>().map_err(as_text)?;
            if values.len() != output.len() {
                return Err(format!(
                    "output {index} has the shape {shape}, expected {} values",
                    output.len()
                ));
            }
            output.copy_from_slice(values);
        }
        Ok(())
    }
}

/// Creates a session with one thread, because workers are the parallelism.
fn session(onnx: &[u8], device: Device) -> Result<Session, String> {
    let builder = Session::builder().map_err(as_text)?;
    let builder = builder.with_intra_threads(1).map_err(as_text)?.with_inter_threads(1).map_err(as_text)?;
    let builder = builder.with_optimization_level(GraphOptimizationLevel::All).map_err(as_text)?;
    let mut builder = builder.with_execution_providers(providers(device)?).map_err(as_text)?;
    builder.commit_from_memory(onnx).map_err(as_text)
}

/// Returns the execution providers for a device, the preferred one first. ONNX Runtime computes operators that none of
/// them supports on the CPU.
fn providers(device: Device) -> Result<Vec<ep::ExecutionProviderDispatch>, String> {
    let number = |n: u32| i32::try_from(n).map_err(as_text);
    // cuDNN chooses convolutions by heuristics, because trying all of them takes seconds for every session. Products
    // are in single precision instead of the 10 bits of TF32.
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

/// Returns a provider that must be available. The library is asked first, because `ort` reports the second failure of
/// DirectML as a success.
fn provider(
    provider: impl ep::ExecutionProvider + Into<ep::ExecutionProviderDispatch>,
) -> Result<ep::ExecutionProviderDispatch, String> {
    if !provider.is_available().map_err(as_text)? {
        return Err(format!("this build of ONNX Runtime has no {}", provider.name()));
    }
    Ok(provider.into().error_on_failure())
}

/// Loads the library that `ORT_DYLIB_PATH` names, otherwise the one beside the program or in the search path of the
/// system. A process tries this once, because `ort` reports a second attempt after a failure as a success, without a
/// library.
fn load() -> Result<(), String> {
    static LOADED: Mutex<Option<Result<(), String>>> = Mutex::new(None);
    let mut loaded = LOADED.lock();
    let loaded = loaded.get_or_insert_with(|| {
        let named = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty());
        let path = named.unwrap_or_else(|| format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}").into());
        let environment = ort::init_from(path).map_err(|e| e.to_string())?;
        environment.with_name("passerby").with_telemetry(false).commit();
        Ok(())
    });
    loaded.clone()
}

/// Converts an error to text, because not all errors of `ort` are `Send`.
fn as_text(error: impl Display) -> String {
    error.to_string()
}
