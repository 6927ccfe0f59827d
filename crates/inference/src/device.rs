//! The devices that a network can run on.

use std::fmt;
use std::str::FromStr;

/// A device on which ONNX Runtime runs networks. [`Engine::Prefer`](crate::Engine::Prefer) and
/// [`Engine::Require`](crate::Engine::Require) take one. If there are several devices of a kind, the number selects
/// one, counted from 0.
///
/// It parses from and displays as `cpu`, `cuda:0`, `tensorrt:0`, `coreml`, `directml:0` or `openvino`. Without a
/// number, the first device is meant. If ONNX Runtime does not support an operator on the device, it computes that
/// operator on the CPU without a report.
///
/// ```
/// use passerby_inference::Device;
///
/// assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
/// assert_eq!(Device::TensorRt(1).to_string(), "tensorrt:1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Device {
    /// The CPU, on which this crate's own engines run, too. Use it to compare with them.
    Cpu,
    /// An NVIDIA GPU with CUDA and cuDNN.
    Cuda(u32),
    /// An NVIDIA GPU with TensorRT, or with CUDA for operators that TensorRT lacks. Creating a session takes many
    /// seconds.
    TensorRt(u32),
    /// A device of an Apple machine that Core ML chooses: its neural engine, GPU or CPU.
    CoreMl,
    /// A GPU with DirectX 12 on Windows.
    DirectMl(u32),
    /// A device of an Intel machine that OpenVINO chooses (`AUTO`).
    OpenVino,
}

/// The name of the device is unknown. The message lists the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown device {0:?}: expected cpu, cuda, tensorrt, coreml, directml or openvino, \
     with a number for one of several, for example cuda:1"
)]
pub struct UnknownDevice(String);

impl FromStr for Device {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        let unknown = || UnknownDevice(text.to_owned());
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        match (name, number) {
            ("cpu", None) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(number.unwrap_or(0))),
            ("tensorrt", _) => Ok(Self::TensorRt(number.unwrap_or(0))),
            ("coreml", None) => Ok(Self::CoreMl),
            ("directml", _) => Ok(Self::DirectMl(number.unwrap_or(0))),
            ("openvino", None) => Ok(Self::OpenVino),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::TensorRt(number) => write!(f, "tensorrt:{number}"),
            Self::CoreMl => f.write_str("coreml"),
            Self::DirectMl(number) => write!(f, "directml:{number}"),
            Self::OpenVino => f.write_str("openvino"),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Device {
    /// Writes the device as it displays, for example `"cuda:0"`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Device {
    /// Reads what [`FromStr`] accepts.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_parse_as_they_display() {
        use Device::{CoreMl, Cpu, Cuda, DirectMl, OpenVino, TensorRt};
        for device in [Cpu, Cuda(0), Cuda(3), TensorRt(1), CoreMl, DirectMl(2), OpenVino] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        for text in ["", "gpu", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "coreml:1", "cuda:0:1"] {
            assert!(text.parse::<Device>().unwrap_err().to_string().contains("expected cpu, cuda"), "{text}");
        }
    }
}
