//! Cameras through Video4Linux: mapped buffers, no libv4l, so that nothing is converted behind our back.

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

use super::device::{Backend, Device, Fault, Pixels, Raw, Selector, Stream, WebcamFormat, WebcamInfo, named};

/// Buffers that the driver fills in turn: one is read while it fills another, and two stand between.
const BUFFERS: u32 = 4;
/// Sizes that are tried where a driver scales to any.
const SIZES: [(u32, u32); 7] =
    [(320, 240), (640, 480), (800, 600), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160)];
/// Every format that is read.
const PIXELS: [Pixels; 9] = [
    Pixels::Nv12,
    Pixels::I420,
    Pixels::Yv12,
    Pixels::Yuyv,
    Pixels::Uyvy,
    Pixels::Rgb,
    Pixels::Bgr,
    Pixels::Mjpeg,
    Pixels::Grey,
];
/// Errors that `std` has no name for (`asm-generic/errno-base.h`).
const ENXIO: i32 = 6;
const ENODEV: i32 = 19;
const ENOTTY: i32 = 25;

pub(crate) struct V4l;

impl Backend for V4l {
    fn list(&self) -> Result<Vec<WebcamInfo>, Fault> {
        let (mut cameras, mut denied) = (Vec::new(), None);
        for (index, path) in nodes() {
            match Camera::open(&path) {
                Ok(mut camera) => cameras.push(WebcamInfo {
                    index,
                    name: std::mem::take(&mut camera.name),
                    id: lasting(&path),
                    formats: camera.formats()?,
                }),
                // Nodes of a camera beside the one for pictures, and those that were plugged out just now.
                Err(Fault::Unsupported(_) | Fault::Gone(_)) => {}
                Err(fault) => denied = Some(fault),
            }
        }
        denied.filter(|_| cameras.is_empty()).map_or(Ok(cameras), Err)
    }

    fn open(&self, selector: &Selector) -> Result<Box<dyn Device>, Fault> {
        let path = match selector {
            Selector::Index(index) => PathBuf::from(format!("/dev/video{index}")),
            Selector::Name(path) if path.starts_with('/') => PathBuf::from(path),
            Selector::Name(name) => PathBuf::from(format!("/dev/video{}", named(&self.list()?, name)?.index)),
        };
        Ok(Box::new(Camera::open(&path)?))
    }
}

/// The nodes of cameras, and of what else is of their kind, by index.
fn nodes() -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir("/dev").into_iter().flatten().flatten();
    let index = |path: &Path| path.file_name()?.to_str()?.strip_prefix("video")?.parse().ok();
    let mut nodes: Vec<(u32, PathBuf)> =
        entries.map(|entry| entry.path()).filter_map(|path| Some((index(&path)?, path))).collect();
    nodes.sort();
    nodes
}

/// A path of this node that is the same after it was plugged out and in.
fn lasting(node: &Path) -> Option<String> {
    ["/dev/v4l/by-id", "/dev/v4l/by-path"].into_iter().find_map(|folder| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut links: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        links.sort();
        let link = links.into_iter().find(|link| link.canonicalize().is_ok_and(|to| to == node))?;
        link.into_os_string().into_string().ok()
    })
}

/// A camera that is open.
struct Camera {
    device: ::v4l::Device,
    name: String,
    /// Once it was started.
    stream: Option<mmap::Stream<'static>>,
}

impl Camera {
    fn open(path: &Path) -> Result<Self, Fault> {
        let device = ::v4l::Device::with_path(path).map_err(|e| fault(&e))?;
        let about = device.query_caps().map_err(|e| fault(&e))?;
        if !about.capabilities.contains(Capability::VIDEO_CAPTURE | Capability::STREAMING) {
            let what = if about.capabilities.contains(Capability::VIDEO_CAPTURE_MPLANE) {
                "camera: it gives its planes in separate buffers only"
            } else {
                "device: it gives no pictures"
            };
            return Err(Fault::Unsupported(what.into()));
        }
        Ok(Self { device, name: about.card, stream: None })
    }

    /// The sizes of one of its formats.
    fn sizes(&self, description: &Description) -> Vec<(u32, u32)> {
        match self.device.enum_framesizes(description.fourcc) {
            Ok(sizes) => sizes
                .into_iter()
                .flat_map(|size| match size.size {
                    FrameSizeEnum::Discrete(size) => vec![(size.width, size.height)],
                    FrameSizeEnum::Stepwise(steps) => within(&steps),
                })
                .collect(),
            // The driver has one size, and that is the one it is set to.
            Err(_) => self.device.format().map(|f| (f.width, f.height)).into_iter().collect(),
        }
    }

    /// The highest rate.
    fn rate(&self, fourcc: FourCC, (width, height): (u32, u32)) -> Option<f64> {
        let intervals = self.device.enum_frameintervals(fourcc, width, height).ok()?;
        let rates = intervals.into_iter().filter_map(|interval| match interval.interval {
            FrameIntervalEnum::Discrete(interval) => rate(interval),
            FrameIntervalEnum::Stepwise(steps) => rate(steps.min),
        });
        rates.max_by(f64::total_cmp)
    }
}

impl Device for Camera {
    fn formats(&mut self) -> Result<Vec<WebcamFormat>, Fault> {
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

    fn start(&mut self, format: &WebcamFormat, rate: f64) -> Result<Stream, Fault> {
        let mut code = [0; 4];
        code.copy_from_slice(format.pixels.code().as_bytes());
        let asked = Format::new(format.width, format.height, FourCC::new(&code));
        let got = self.device.set_format(&asked).map_err(|e| fault(&e))?;
        let pixels = pixels(got.fourcc).ok_or_else(|| {
            Fault::Unsupported(format!("camera: asked for {format} it gives {}", got.fourcc))
        })?;
        // A driver that cannot set a rate has its own; one that takes no part in this says so.
        let interval = Fraction::new(1000, (rate * 1000.0) as u32);
        let set = self.device.set_params(&Parameters::new(interval)).or_else(|_| self.device.params());
        let rate = set.ok().and_then(|set| self::rate(set.interval));

        let mut stream =
            mmap::Stream::with_buffers(&self.device, Type::VideoCapture, BUFFERS).map_err(|e| fault(&e))?;
        // `next` hands the driver the buffer that it gave out before, at first the one with number 0. The others are its
        // own from the start; where it has fewer, it refuses those that it does not have.
        for index in 1..BUFFERS as usize {
            if CaptureStream::queue(&mut stream, index).is_err() {
                break;
            }
        }
        let started = stream.start();
        self.stream = Some(stream);
        started.map_err(|e| fault(&e))?;
        let format = WebcamFormat { pixels, width: got.width, height: got.height, rate };
        Ok(Stream { format, stride: got.stride as usize, color: color(&got, pixels) })
    }

    fn next(&mut self, patience: Duration, pool: &FramePool) -> Result<Option<Raw>, Fault> {
        let stream = self.stream.as_mut().ok_or_else(|| Fault::Gone("it was not started".into()))?;
        let wait = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        match stream.handle().poll(POLLIN, wait) {
            Ok(0) => return Ok(None),
            Err(e) if e.kind() == ErrorKind::Interrupted => return Ok(None),
            Err(e) => return Err(fault(&e)),
            Ok(_) => {}
        }
        stream.set_timeout(patience);
        let (bytes, about) = CaptureStream::next(stream).map_err(|e| fault(&e))?;
        let bytes = &bytes[..bytes.len().min(about.bytesused as usize)];
        let mut copy = pool.take(bytes.len());
        copy.copy_from_slice(bytes);
        let monotonic = about.flags & Flags::TIMESTAMP_MASK == Flags::TIMESTAMP_MONOTONIC;
        Ok(Some(Raw {
            bytes: copy,
            number: Some(about.sequence),
            time: monotonic.then(|| about.timestamp.into()),
            damaged: about.flags.contains(Flags::ERROR),
        }))
    }
}

/// `poll.h`.
const POLLIN: i16 = 1;

impl Drop for Camera {
    fn drop(&mut self) {
        let Some(mut stream) = self.stream.take() else { return };
        match stream.stop() {
            Err(e) if e.raw_os_error() != Some(ENODEV) => {
                // Dropping it would stop it once more and panic, twice perhaps, which would end the process. Its buffers
                // stay mapped and the device open instead.
                std::mem::forget(stream);
            }
            _ => {}
        }
    }
}

/// What an error of a device means.
fn fault(e: &io::Error) -> Fault {
    match (e.kind(), e.raw_os_error()) {
        (ErrorKind::PermissionDenied, _) => {
            Fault::Denied(format!("{e}; on most systems the group `video` may"))
        }
        (ErrorKind::NotFound, _) => Fault::Gone("no such device".into()),
        (ErrorKind::ResourceBusy, _) => Fault::Gone("another program uses it".into()),
        (ErrorKind::StorageFull, _) => Fault::Gone("the USB bus has no room for what it would send".into()),
        (_, Some(ENODEV | ENXIO)) => Fault::Gone("it is not plugged in any more".into()),
        (ErrorKind::InvalidInput, _) | (_, Some(ENOTTY)) => Fault::Unsupported(format!("device ({e})")),
        (ErrorKind::IsADirectory, _) => Fault::Unsupported("folder: a device is needed".into()),
        _ => Fault::Gone(e.to_string()),
    }
}

fn pixels(fourcc: FourCC) -> Option<Pixels> {
    if fourcc.repr == *b"JPEG" {
        return Some(Pixels::Mjpeg);
    }
    PIXELS.into_iter().find(|pixels| pixels.code().as_bytes() == fourcc.repr)
}

/// Frames a second from seconds a frame.
fn rate(interval: Fraction) -> Option<f64> {
    let known = interval.numerator > 0 && interval.denominator > 0;
    known.then(|| f64::from(interval.denominator) / f64::from(interval.numerator))
}

/// The usual sizes that a driver can scale to, and its largest.
fn within(steps: &Stepwise) -> Vec<(u32, u32)> {
    let fits = |value: u32, min: u32, max: u32, step: u32| {
        (min..=max).contains(&value) && (value - min).is_multiple_of(step.max(1))
    };
    let usual = SIZES.into_iter().filter(|(width, height)| {
        fits(*width, steps.min_width, steps.max_width, steps.step_width)
            && fits(*height, steps.min_height, steps.max_height, steps.step_height)
    });
    usual.chain([(steps.max_width, steps.max_height)]).collect()
}

/// What the driver says of its colours. Where it leaves that open, the defaults of V4L2 apply (`V4L2_MAP_YCBCR_ENC_DEFAULT`
/// and `V4L2_MAP_QUANTIZATION_DEFAULT` in `linux/videodev2.h`), and grey is full range, as everybody reads it. The binding
/// does not show a matrix other than the colour space's own.
fn color(format: &Format, pixels: Pixels) -> ColorSpace {
    let matrix = match format.colorspace {
        Colorspace::Rec709 | Colorspace::DCIP3 => Matrix::Bt709,
        _ => Matrix::Bt601,
    };
    let full = match format.quantization {
        Quantization::FullRange => true,
        Quantization::LimitedRange => false,
        Quantization::Default => matches!(format.colorspace, Colorspace::JPEG) || pixels == Pixels::Grey,
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
    fn what_is_no_camera_is_told_so() {
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
    fn colours_are_what_the_driver_says_or_else_the_defaults_of_v4l2() {
        let of = |colorspace, quantization, pixels| {
            color(&Format { colorspace, quantization, ..Format::new(2, 2, FourCC::new(b"YUYV")) }, pixels)
        };
        let space = |matrix, range| ColorSpace { matrix, range };
        use Quantization::{Default, FullRange, LimitedRange};
        for (colorspace, quantization, pixels, want) in [
            (Colorspace::SRGB, Default, Pixels::Yuyv, space(Matrix::Bt601, Range::Limited)),
            (Colorspace::SRGB, FullRange, Pixels::Yuyv, space(Matrix::Bt601, Range::Full)),
            (Colorspace::JPEG, Default, Pixels::Nv12, space(Matrix::Bt601, Range::Full)),
            (Colorspace::JPEG, LimitedRange, Pixels::Nv12, space(Matrix::Bt601, Range::Limited)),
            (Colorspace::Rec709, Default, Pixels::Uyvy, space(Matrix::Bt709, Range::Limited)),
            (Colorspace::SMPTE170M, Default, Pixels::I420, space(Matrix::Bt601, Range::Limited)),
            (Colorspace::RAW, Default, Pixels::Grey, space(Matrix::Bt601, Range::Full)),
        ] {
            assert_eq!(of(colorspace, quantization, pixels), want, "{colorspace} {quantization}");
        }
    }

    #[test]
    fn formats_sizes_and_rates_are_read_as_v4l2_writes_them() {
        for code in PIXELS {
            let mut letters = [0; 4];
            letters.copy_from_slice(code.code().as_bytes());
            assert_eq!(pixels(FourCC::new(&letters)), Some(code));
        }
        assert_eq!(pixels(FourCC::new(b"JPEG")), Some(Pixels::Mjpeg));
        assert_eq!(pixels(FourCC::new(b"H264")), None);
        assert_eq!(rate(Fraction::new(1001, 30_000)).map(|r| (r * 100.0).round()), Some(2997.0));
        assert_eq!((rate(Fraction::new(0, 30)), rate(Fraction::new(1, 0))), (None, None));
        let steps = |max_width, max_height, step| Stepwise {
            min_width: 160,
            max_width,
            step_width: step,
            min_height: 120,
            max_height,
            step_height: step,
        };
        assert_eq!(within(&steps(1000, 700, 2)), [(320, 240), (640, 480), (800, 600), (1000, 700)]);
        assert_eq!(within(&steps(160, 120, 0)), [(160, 120)]);
    }

    #[test]
    fn errors_of_the_system_say_what_to_do() {
        let class = |code: i32| fault(&io::Error::from_raw_os_error(code)).of("camera").class();
        // EIO, ENXIO, EBUSY, ENODEV, ENOSPC, EPROTO: it may come back.
        for code in [5, 6, 16, 19, 28, 71] {
            assert_eq!(class(code), ErrorClass::Reset, "{code}");
        }
        // EPERM, EACCES, EISDIR, EINVAL, ENOTTY: it will not.
        for code in [1, 13, 21, 22, 25] {
            assert_eq!(class(code), ErrorClass::Fatal, "{code}");
        }
    }
}
