//! Cameras of macOS (AVFoundation) and Windows (Media Foundation), through nokhwa.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, CameraInfo, FrameFormat, RequestedFormat, RequestedFormatType,
    Resolution,
};
use nokhwa::{Camera, NokhwaError};
use passerby_types::{ColorSpace, FramePool};

use super::device::{
    DriverFault, NegotiatedFormat, RawFrame, WebcamBackend, WebcamDevice, WebcamFormat, WebcamInfo,
    WebcamPixels, WebcamSelector, find_named,
};

/// The pixel formats that are read.
const PIXEL_FORMATS: [(FrameFormat, WebcamPixels); 6] = [
    (FrameFormat::NV12, WebcamPixels::Nv12),
    (FrameFormat::YUYV, WebcamPixels::Yuyv),
    (FrameFormat::RAWRGB, WebcamPixels::Rgb),
    (FrameFormat::RAWBGR, WebcamPixels::Bgr),
    (FrameFormat::MJPEG, WebcamPixels::Mjpeg),
    (FrameFormat::GRAY, WebcamPixels::Grey),
];

pub(crate) struct Native;

impl WebcamBackend for Native {
    fn list(&self) -> Result<Vec<WebcamInfo>, DriverFault> {
        request_permission()?;
        let mut cameras = Vec::new();
        for about in nokhwa::query(ApiBackend::Auto).map_err(|e| fault(&e))? {
            let Ok(index) = about.index().as_index() else { continue };
            // A camera that another program uses is listed, too.
            let formats = open(index).and_then(|mut camera| camera.formats()).unwrap_or_default();
            cameras.push(info(index, &about, formats));
        }
        cameras.sort_by_key(|camera| camera.index);
        Ok(cameras)
    }

    fn open(&self, selector: &WebcamSelector) -> Result<Box<dyn WebcamDevice>, DriverFault> {
        request_permission()?;
        let index = match selector {
            WebcamSelector::Index(index) => *index,
            WebcamSelector::Name(name) => {
                let cameras = nokhwa::query(ApiBackend::Auto).map_err(|e| fault(&e))?;
                let cameras =
                    cameras.iter().filter_map(|c| Some(info(c.index().as_index().ok()?, c, vec![])));
                find_named(&cameras.collect::<Vec<_>>(), name)?.index
            }
        };
        Ok(Box::new(open(index)?))
    }
}

/// Asks the user for permission if the system requires that, and waits for the answer.
fn request_permission() -> Result<(), DriverFault> {
    if nokhwa::nokhwa_check() {
        return Ok(());
    }
    let (answer, granted) = sync_channel(1);
    nokhwa::nokhwa_initialize(move |granted| {
        // The first answer counts.
        let _ = answer.try_send(granted);
    });
    match granted.recv() {
        Ok(true) => Ok(()),
        _ => Err(DriverFault::Denied("the system does not let this program use cameras".into())),
    }
}

fn info(index: u32, about: &CameraInfo, formats: Vec<WebcamFormat>) -> WebcamInfo {
    let id = Some(about.misc()).filter(|id| !id.is_empty());
    WebcamInfo { index, name: about.human_name(), id, formats }
}

fn open(index: u32) -> Result<OpenCamera, DriverFault> {
    let any: Vec<FrameFormat> = PIXEL_FORMATS.iter().map(|(format, _)| *format).collect();
    let request = RequestedFormat::with_formats(RequestedFormatType::None, &any);
    let mut camera = Camera::new(CameraIndex::Index(index), request).map_err(|e| fault(&e))?;
    let formats = camera.compatible_camera_formats().map_err(|e| fault(&e))?;
    Ok(OpenCamera { camera, formats })
}

/// An open camera. nokhwa closes it when it is dropped.
struct OpenCamera {
    camera: Camera,
    /// The formats of the camera, one for each rate.
    formats: Vec<CameraFormat>,
}

impl WebcamDevice for OpenCamera {
    fn formats(&mut self) -> Result<Vec<WebcamFormat>, DriverFault> {
        let mut formats: Vec<WebcamFormat> = Vec::new();
        for one in &self.formats {
            let Some(pixels) = pixels(one.format()) else { continue };
            let width = one.width();
            let height = one.height();
            let rate = f64::from(one.frame_rate());
            let known = formats.iter_mut().find(|f| (f.pixels, f.width, f.height) == (pixels, width, height));
            match known {
                Some(known) => known.rate = known.rate.map(|known| known.max(rate)),
                None => formats.push(WebcamFormat { pixels, width, height, rate: Some(rate) }),
            }
        }
        Ok(formats)
    }

    fn start(&mut self, format: &WebcamFormat, rate: f64) -> Result<NegotiatedFormat, DriverFault> {
        let same = |f: &&CameraFormat| {
            pixels(f.format()) == Some(format.pixels)
                && f.resolution() == Resolution::new(format.width, format.height)
        };
        // The lowest sufficient rate, or the highest one.
        let enough = |f: &CameraFormat| f64::from(f.frame_rate()) * 1.01 >= rate;
        let order =
            |f: &&CameraFormat| if enough(f) { (0, f.frame_rate()) } else { (1, u32::MAX - f.frame_rate()) };
        let asked = self.formats.iter().filter(same).min_by_key(order).copied();
        let asked =
            asked.ok_or_else(|| DriverFault::Unsupported(format!("camera: it does not give {format}")))?;
        let only = [asked.format()];
        let request = RequestedFormat::with_formats(RequestedFormatType::Exact(asked), &only);
        self.camera.set_camera_requset(request).map_err(|e| fault(&e))?;
        self.camera.open_stream().map_err(|e| fault(&e))?;
        let got = self.camera.camera_format();
        let pixels = pixels(got.format()).ok_or_else(|| {
            DriverFault::Unsupported(format!("camera: asked for {format}, it gives {}", got.format()))
        })?;
        let format = WebcamFormat {
            pixels,
            width: got.width(),
            height: got.height(),
            rate: Some(f64::from(got.frame_rate())),
        };
        // Neither the stride nor the colour space is known here.
        Ok(NegotiatedFormat { format, stride: 0, color: ColorSpace::default() })
    }

    fn next(&mut self, _: Duration, pool: &FramePool) -> Result<Option<RawFrame>, DriverFault> {
        // nokhwa doesn't take a timeout.
        let bytes = self.camera.frame_raw().map_err(|e| fault(&e))?;
        let mut copy = pool.take(bytes.len());
        copy.copy_from_slice(&bytes);
        Ok(Some(RawFrame { bytes: copy, number: None, time: None, damaged: false }))
    }
}

fn pixels(format: FrameFormat) -> Option<WebcamPixels> {
    PIXEL_FORMATS.iter().find(|(known, _)| *known == format).map(|(_, pixels)| *pixels)
}

/// Converts an error of nokhwa. It has no classes of errors, so every error counts as temporary.
fn fault(e: &NokhwaError) -> DriverFault {
    DriverFault::Gone(e.to_string())
}
