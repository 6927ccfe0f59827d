//! Cameras through Video4Linux, with mapped buffers. It doesn't use libv4l, which converts frames silently.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::v4l::buffer::{Flags, Type};
use ::v4l::capability::Flags as Capability;
use ::v4l::format::{Colorspace, Description, Quantization};
use ::v4l::frameinterval::FrameIntervalEnum;
use ::v4l::framesize::{FrameSizeEnum, Stepwise};
use ::v4l::io::mmap;
use ::v4l::io::traits::{CaptureStream, Stream as _};
use ::v4l::video::Capture;
use ::v4l::video::capture::Parameters;
use ::v4l::{Format, FourCC, Fraction};
use passerby_types::{ColorSpace, FramePool, Matrix, Range};

use super::device::{
    DriverFault, NegotiatedFormat, RawFrame, WebcamBackend, WebcamDevice, WebcamFormat, WebcamInfo,
    WebcamPixels, WebcamSelector, find_named,
};

/// The buffers that the driver fills in turn: one is read, another is filled, and two more are free.
const BUFFER_COUNT: u32 = 4;
/// The sizes to try if a driver can scale to any size.
const USUAL_SIZES: [(u32, u32); 7] =
    [(320, 240), (640, 480), (800, 600), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160)];
/// Errors that `std` has no name for (`asm-generic/errno-base.h`).
const ENXIO: i32 = 6;
const ENODEV: i32 = 19;
const ENOTTY: i32 = 25;

pub(super) struct V4l;

impl WebcamBackend for V4l {
    fn list(&self) -> Result<Vec<WebcamInfo>, DriverFault> {
        let mut cameras = Vec::new();
        let mut denied = None;
        for (index, path) in nodes() {
            match Camera::open(&path) {
                Ok(mut camera) => cameras.push(WebcamInfo {
                    index,
                    name: std::mem::take(&mut camera.name),
                    id: stable_path(&path),
                    formats: camera.formats()?,
                }),
                // A node of a camera other than the one for pictures, or a camera that was just unplugged.
                Err(DriverFault::Unsupported(_) | DriverFault::Gone(_)) => {}
                Err(fault) => denied = Some(fault),
            }
        }
        denied.filter(|_| cameras.is_empty()).map_or(Ok(cameras), Err)
    }

    fn open(&self, selector: &WebcamSelector) -> Result<Box<dyn WebcamDevice>, DriverFault> {
        let path = match selector {
            WebcamSelector::Index(index) => PathBuf::from(format!("/dev/video{index}")),
            WebcamSelector::Name(path) if path.starts_with('/') => PathBuf::from(path),
            WebcamSelector::Name(name) => {
                PathBuf::from(format!("/dev/video{}", find_named(&self.list()?, name)?.index))
            }
        };
        Ok(Box::new(Camera::open(&path)?))
    }
}

/// Returns the video nodes, sorted by index. Not all of them are cameras.
fn nodes() -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir("/dev").into_iter().flatten().flatten();
    let index = |path: &Path| path.file_name()?.to_str()?.strip_prefix("video")?.parse().ok();
    let mut nodes: Vec<(u32, PathBuf)> =
        entries.map(|entry| entry.path()).filter_map(|path| Some((index(&path)?, path))).collect();
    nodes.sort();
    nodes
}

/// Returns a path of this node that stays the same when the camera is unplugged and plugged in.
fn stable_path(node: &Path) -> Option<String> {
    ["/dev/v4l/by-id", "/dev/v4l/by-path"].into_iter().find_map(|folder| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut links: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        links.sort();
        let link = links.into_iter().find(|link| link.canonicalize().is_ok_and(|to| to == node))?;
        link.into_os_string().into_string().ok()
    })
}

/// An open camera.
struct Camera {
    device: ::v4l::Device,
    name: String,
    /// Set when the camera is started.
    stream: Option<mmap::Stream<'static>>,
}

impl Camera {
    fn open(path: &Path) -> Result<Self, DriverFault> {
        let device = ::v4l::Device::with_path(path).map_err(|e| fault(&e))?;
        let about = device.query_caps().map_err(|e| fault(&e))?;
        if !about.capabilities.contains(Capability::VIDEO_CAPTURE | Capability::STREAMING) {
            let what = if about.capabilities.contains(Capability::VIDEO_CAPTURE_MPLANE) {
                "camera: it gives its planes in separate buffers only"
            } else {
                "device: it gives no pictures"
            };
            return Err(DriverFault::Unsupported(what.into()));
        }
        Ok(Self { device, name: about.card, stream: None })
    }

    /// Returns the sizes of a format.
    fn sizes(&self, description: &Description) -> Vec<(u32, u32)> {
        match self.device.enum_framesizes(description.fourcc) {
            Ok(sizes) => sizes
                .into_iter()
                .flat_map(|size| match size.size {
                    FrameSizeEnum::Discrete(size) => vec![(size.width, size.height)],
                    FrameSizeEnum::Stepwise(steps) => usual_sizes(&steps),
                })
                .collect(),
            // The driver has only the size to which it is set.
            Err(_) => self.device.format().map(|f| (f.width, f.height)).into_iter().collect(),
        }
    }

    /// Returns the highest rate of a format and size.
    fn rate(&self, fourcc: FourCC, (width, height): (u32, u32)) -> Option<f64> {
        let intervals = self.device.enum_frameintervals(fourcc, width, height).ok()?;
        let rates = intervals.into_iter().filter_map(|interval| match interval.interval {
            FrameIntervalEnum::Discrete(interval) => rate(interval),
            FrameIntervalEnum::Stepwise(steps) => rate(steps.min),
        });
        rates.max_by(f64::total_cmp)
    }
}

impl WebcamDevice for Camera {
    fn formats(&mut self) -> Result<Vec<WebcamFormat>, DriverFault> {
        let mut formats = Vec::new();
        for description in self.device.enum_formats().map_err(|e| fault(&e))? {
            let Some(pixels) = pixels(description.fourcc) else { continue };
            for (width, height) in self.sizes(&description) {
                let rate = self.rate(description.fourcc, (width, height));
                formats.push(WebcamFormat { pixels, width, height, rate });
            }
        }
        Ok(formats)
    }

    fn start(&mut self, format: &WebcamFormat, rate: f64) -> Result<NegotiatedFormat, DriverFault> {
        let mut code = [0; 4];
        code.copy_from_slice(format.pixels.code().as_bytes());
        let asked = Format::new(format.width, format.height, FourCC::new(&code));
        let got = self.device.set_format(&asked).map_err(|e| fault(&e))?;
        let pixels = pixels(got.fourcc).ok_or_else(|| {
            DriverFault::Unsupported(format!("camera: asked for {format}, it gives {}", got.fourcc))
        })?;
        // If a driver cannot set the rate, it uses its own.
        let interval = Fraction::new(1000, (rate * 1000.0) as u32);
        let set = self.device.set_params(&Parameters::new(interval)).or_else(|_| self.device.params());
        let rate = set.ok().and_then(|set| self::rate(set.interval));

        let mut stream = mmap::Stream::with_buffers(&self.device, Type::VideoCapture, BUFFER_COUNT)
            .map_err(|e| fault(&e))?;
        // `next` returns the buffer of the call before to the driver, at first the one with number 0. The driver must get the
        // others now. If it has fewer buffers, it refuses those that it doesn't have.
        for index in 1..BUFFER_COUNT as usize {
            if CaptureStream::queue(&mut stream, index).is_err() {
                break;
            }
        }
        let started = stream.start();
        self.stream = Some(stream);
        started.map_err(|e| fault(&e))?;
        let format = WebcamFormat { pixels, width: got.width, height: got.height, rate };
        Ok(NegotiatedFormat { format, stride: got.stride as usize, color: color(&got, pixels) })
    }

    fn next(&mut self, timeout: Duration, pool: &FramePool) -> Result<Option<RawFrame>, DriverFault> {
        let stream = self.stream.as_mut().ok_or_else(|| DriverFault::Gone("it was not started".into()))?;
        let wait = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        match stream.handle().poll(POLLIN, wait) {
            Ok(0) => return Ok(None),
            Err(e) if e.kind() == ErrorKind::Interrupted => return Ok(None),
            Err(e) => return Err(fault(&e)),
            Ok(_) => {}
        }
        stream.set_timeout(timeout);
        let (bytes, about) = CaptureStream::next(stream).map_err(|e| fault(&e))?;
        let bytes = &bytes[..bytes.len().min(about.bytesused as usize)];
        let mut copy = pool.take(bytes.len());
        copy.copy_from_slice(bytes);
        let monotonic = about.flags & Flags::TIMESTAMP_MASK == Flags::TIMESTAMP_MONOTONIC;
        Ok(Some(RawFrame {
            bytes: copy,
            number: Some(about.sequence),
            time: monotonic.then(|| about.timestamp.into()),
            damaged: about.flags.contains(Flags::ERROR),
        }))
    }
}

/// The event "data to read" (`poll.h`).
const POLLIN: i16 = 1;

impl Drop for Camera {
    fn drop(&mut self) {
        let Some(mut stream) = self.stream.take() else { return };
        match stream.stop() {
            Err(e) if e.raw_os_error() != Some(ENODEV) => {
                // Dropping the stream would stop it again and panic. A second panic would end the process. Instead, its
                // buffers stay mapped and the device stays open.
                std::mem::forget(stream);
            }
            _ => {}
        }
    }
}

/// Converts an error of a device.
fn fault(e: &io::Error) -> DriverFault {
    match (e.kind(), e.raw_os_error()) {
        (ErrorKind::PermissionDenied, _) => {
            DriverFault::Denied(format!("{e}; on most systems the group `video` has the right"))
        }
        (ErrorKind::NotFound, _) => DriverFault::Gone("no such device".into()),
        (ErrorKind::ResourceBusy, _) => DriverFault::Gone("another program uses it".into()),
        (ErrorKind::StorageFull, _) => DriverFault::Gone("the USB bus is too slow for its data".into()),
        (_, Some(ENODEV | ENXIO)) => DriverFault::Gone("it is not plugged in any more".into()),
        (ErrorKind::InvalidInput, _) | (_, Some(ENOTTY)) => DriverFault::Unsupported(format!("device ({e})")),
        (ErrorKind::IsADirectory, _) => DriverFault::Unsupported("folder: a device is needed".into()),
        _ => DriverFault::Gone(e.to_string()),
    }
}

fn pixels(fourcc: FourCC) -> Option<WebcamPixels> {
    if fourcc.repr == *b"JPEG" {
        return Some(WebcamPixels::Mjpeg);
    }
    WebcamPixels::ALL.into_iter().find(|pixels| pixels.code().as_bytes() == fourcc.repr)
}

/// Converts seconds per frame to frames per second.
fn rate(interval: Fraction) -> Option<f64> {
    let known = interval.numerator > 0 && interval.denominator > 0;
    known.then(|| f64::from(interval.denominator) / f64::from(interval.numerator))
}

/// Returns the usual sizes that a driver can scale to, and its largest size.
fn usual_sizes(steps: &Stepwise) -> Vec<(u32, u32)> {
    let fits = |value: u32, min: u32, max: u32, step: u32| {
        (min..=max).contains(&value) && (value - min).is_multiple_of(step.max(1))
    };
    let usual = USUAL_SIZES.into_iter().filter(|(width, height)| {
        fits(*width, steps.min_width, steps.max_width, steps.step_width)
            && fits(*height, steps.min_height, steps.max_height, steps.step_height)
    });
    usual.chain([(steps.max_width, steps.max_height)]).collect()
}

/// Returns the colour space that the driver reports.
///
/// If the driver leaves it open, the defaults of V4L2 apply (`V4L2_MAP_YCBCR_ENC_DEFAULT` and
/// `V4L2_MAP_QUANTIZATION_DEFAULT` in `linux/videodev2.h`). Grey is then full range, as other programs read it. The binding
/// doesn't report a matrix that differs from the colour space's own.
fn color(format: &Format, pixels: WebcamPixels) -> ColorSpace {
    let matrix = match format.colorspace {
        Colorspace::Rec709 | Colorspace::DCIP3 => Matrix::Bt709,
        _ => Matrix::Bt601,
    };
    let full = match format.quantization {
        Quantization::FullRange => true,
        Quantization::LimitedRange => false,
        Quantization::Default => {
            matches!(format.colorspace, Colorspace::JPEG) || pixels == WebcamPixels::Grey
        }
    };
    ColorSpace { matrix, range: if full { Range::Full } else { Range::Limited } }
}

#[cfg(test)]
mod tests {
    use passerby_types::{ErrorClass, SourceError};

    use super::*;
    use crate::webcam::{Webcam, WebcamSettings};

    fn open(selector: &str) -> SourceError {
        match Webcam::open(selector, WebcamSettings::default()) {
            Ok(webcam) => panic!("{selector} is {webcam:?}"),
            Err(e) => e,
        }
    }

    #[test]
    fn opening_something_other_than_a_camera_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("video0");
        fs::write(&file, b"no camera").unwrap();
        let file = file.display().to_string();

        let missing = open("v4l:/dev/no-such-camera");
        assert!(matches!(missing, SourceError::Disconnected { .. }), "it may be plugged in: {missing}");
        assert_eq!(missing.to_string(), "webcam:/dev/no-such-camera: no such device");
        assert_eq!(open("webcam:4095").class(), ErrorClass::Reset);
        let error = open("webcam:A Camera That Nobody Made");
        assert!(matches!(error, SourceError::Disconnected { .. } | SourceError::Denied { .. }), "{error}");
        for other in ["/dev/null", "/dev", file.as_str(), "/proc/self/mem\0"] {
            let error = open(other);
            let told = matches!(error, SourceError::Unsupported { .. }) || other.ends_with('\0');
            assert!(told && error.input().ends_with(other), "{other}: {error}");
        }
        assert_eq!(fs::read(&file).unwrap(), b"no camera");
    }

    #[test]
    fn cameras_of_this_machine_are_listed_by_index() {
        let cameras = match Webcam::list() {
            Ok(cameras) => cameras,
            Err(SourceError::Denied { what, .. }) => return println!("SKIPPED: {what}"),
            Err(e) => panic!("{e}"),
        };
        assert!(cameras.is_sorted_by(|a, b| a.index < b.index));
        if nodes().is_empty() {
            assert_eq!(cameras, []);
        }
    }

    #[test]
    fn unreported_colours_are_the_defaults_of_v4l2() {
        let of = |colorspace, quantization, pixels| {
            color(&Format { colorspace, quantization, ..Format::new(2, 2, FourCC::new(b"YUYV")) }, pixels)
        };
        let space = |matrix, range| ColorSpace { matrix, range };
        use Quantization::{Default, FullRange, LimitedRange};
        for (colorspace, quantization, pixels, want) in [
            (Colorspace::SRGB, Default, WebcamPixels::Yuyv, space(Matrix::Bt601, Range::Limited)),
            (Colorspace::SRGB, FullRange, WebcamPixels::Yuyv, space(Matrix::Bt601, Range::Full)),
            (Colorspace::JPEG, Default, WebcamPixels::Nv12, space(Matrix::Bt601, Range::Full)),
            (Colorspace::JPEG, LimitedRange, WebcamPixels::Nv12, space(Matrix::Bt601, Range::Limited)),
            (Colorspace::Rec709, Default, WebcamPixels::Uyvy, space(Matrix::Bt709, Range::Limited)),
            (Colorspace::SMPTE170M, Default, WebcamPixels::I420, space(Matrix::Bt601, Range::Limited)),
            (Colorspace::RAW, Default, WebcamPixels::Grey, space(Matrix::Bt601, Range::Full)),
        ] {
            assert_eq!(of(colorspace, quantization, pixels), want, "{colorspace} {quantization}");
        }
    }

    #[test]
    fn the_codes_of_pixel_formats_are_read() {
        for code in WebcamPixels::ALL {
            let mut letters = [0; 4];
            letters.copy_from_slice(code.code().as_bytes());
            assert_eq!(pixels(FourCC::new(&letters)), Some(code));
        }
        assert_eq!(pixels(FourCC::new(b"JPEG")), Some(WebcamPixels::Mjpeg));
        assert_eq!(pixels(FourCC::new(b"H264")), None);
    }

    #[test]
    fn intervals_become_rates() {
        assert_eq!(rate(Fraction::new(1001, 30_000)).map(|r| (r * 100.0).round()), Some(2997.0));
        assert_eq!((rate(Fraction::new(0, 30)), rate(Fraction::new(1, 0))), (None, None));
    }

    #[test]
    fn a_scaling_driver_has_the_usual_sizes() {
        let steps = |max_width, max_height, step| Stepwise {
            min_width: 160,
            max_width,
            step_width: step,
            min_height: 120,
            max_height,
            step_height: step,
        };
        assert_eq!(usual_sizes(&steps(1000, 700, 2)), [(320, 240), (640, 480), (800, 600), (1000, 700)]);
        assert_eq!(usual_sizes(&steps(160, 120, 0)), [(160, 120)]);
    }

    #[test]
    fn errors_of_the_system_have_their_class() {
        let class = |code: i32| fault(&io::Error::from_raw_os_error(code)).into_error("camera").class();
        // EIO, ENXIO, EBUSY, ENODEV, ENOSPC, EPROTO: the camera may come back.
        for code in [5, 6, 16, 19, 28, 71] {
            assert_eq!(class(code), ErrorClass::Reset, "{code}");
        }
        // EPERM, EACCES, EISDIR, EINVAL, ENOTTY: another try does not help.
        for code in [1, 13, 21, 22, 25] {
            assert_eq!(class(code), ErrorClass::Fatal, "{code}");
        }
    }
}
