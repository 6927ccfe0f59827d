//! The networks.

use clap::{Args, ValueEnum};
use passerby::inference::{Device, Engine, Precision};
use passerby::{AttributeNetworks, Settings};
use passerby_config::{AttributeChoice, PrecisionChoice, StagesConfig};

use super::detector_size::{parse_side, parse_size};
use super::number::number;

/// The networks.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Networks")]
pub(crate) struct NetworkArgs {
    /// The size of the smallest face that must be found, in pixels of the picture [default: 24]
    ///
    /// The detector scales each picture so that it finds faces of this size. Smaller ones take longer: half the size, four
    /// times the time.
    #[arg(long, value_name = "N", value_parser = number(1.0_f32..=4096.0), allow_negative_numbers = true)]
    min_face: Option<f32>,

    /// Scales the longer side of each picture to N pixels for the detector, whatever its size
    ///
    /// The other side follows the picture's shape. A larger side finds smaller faces and takes longer.
    #[arg(long, value_name = "N", value_parser = parse_side, allow_negative_numbers = true)]
    detector_side: Option<u32>,

    /// The same for pictures of 16:9, such as 320x192, 480x288 or 640x384; both sides must fit
    #[arg(long, value_name = "WxH", value_parser = parse_size, overrides_with = "detector_side")]
    detector_size: Option<u32>,

    /// The lowest detector score of a face that starts a track, 0 to 1 [default: 0.6, in photographs 0.55]
    #[arg(long, value_name = "T", value_parser = number(0.0_f32..=1.0), allow_negative_numbers = true)]
    threshold: Option<f32>,

    /// The number format of the embedder; int8 is faster
    #[arg(long, value_name = "P", value_enum, default_value_t = NumberFormat::Float)]
    precision: NumberFormat,

    /// The networks for age and gender; light ones make larger errors in a third of the time
    #[arg(long, value_name = "A", value_enum, default_value_t = Attributes::Full)]
    attributes: Attributes,

    /// Runs the networks on a device of ONNX Runtime (built with --features ort)
    ///
    /// NAME is cuda, cuda:1, tensorrt, coreml, directml, openvino, or its own cpu. Without the device the networks run on
    /// the CPU, with a warning.
    #[arg(long, value_name = "NAME")]
    device: Option<Device>,
}

/// The number format of a network.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum NumberFormat {
    Float,
    Int8,
}

/// The networks for age and gender.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Attributes {
    Full,
    Light,
}

impl NetworkArgs {
    /// Creates the options that say the same as a configuration.
    pub(crate) fn of(config: &StagesConfig, device: Option<Device>) -> Self {
        Self {
            min_face: config.min_face,
            detector_side: config.detector_side,
            detector_size: None,
            threshold: config.threshold,
            precision: match config.precision {
                PrecisionChoice::Float => NumberFormat::Float,
                PrecisionChoice::Int8 => NumberFormat::Int8,
            },
            attributes: match config.attributes {
                AttributeChoice::Full => Attributes::Full,
                AttributeChoice::Light => Attributes::Light,
            },
            device,
        }
    }

    /// Returns the value of `--threshold`.
    pub(crate) fn threshold(&self) -> Option<f32> {
        self.threshold
    }

    /// Returns true if the size of the detector's input is fixed.
    pub(crate) fn has_fixed_input(&self) -> bool {
        self.detector_side.or(self.detector_size).is_some()
    }

    /// Returns true if the user set the smallest face.
    pub(crate) fn is_min_face_given(&self) -> bool {
        self.min_face.is_some()
    }

    /// Returns the settings of the default stages with these options.
    pub(crate) fn settings(&self) -> Settings {
        let precision = match self.precision {
            NumberFormat::Float => Precision::Float,
            NumberFormat::Int8 => Precision::Int8,
        };
        let mut settings = Settings { embedder: precision, ..Settings::default() };
        settings.attributes = match self.attributes {
            Attributes::Full => AttributeNetworks::Full,
            Attributes::Light => AttributeNetworks::Light,
        };
        settings.detector.long_side = self.detector_side.or(self.detector_size);
        settings.detector.min_face = self.min_face.unwrap_or(settings.detector.min_face);
        if let Some(threshold) = self.threshold {
            settings.detector.threshold = settings.detector.threshold.min(threshold);
            settings.tracker.strong_score = threshold;
        }
        settings.engine = self.device.map_or(Engine::Auto, Engine::Prefer);
        settings
    }
}
