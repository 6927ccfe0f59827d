//! One picture of one camera, with its number and its times.

mod annex_b;
mod coded;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::clock::Timestamp;
use crate::image::Image;
pub use annex_b::{nal_units, start_code};
pub use coded::{Codec, CodedDemand, CodedOffer, CodedPicture, CodedRequest};

/// The number of a camera in one run. The caller chooses it; the camera's name is in
/// [`SourceInfo`](crate::SourceInfo).
///
/// ```
/// use passerby_types::CameraId;
///
/// let camera = CameraId::from(2);
/// assert_eq!(camera.to_string(), "camera 2");
/// assert_eq!(u32::from(camera), 2);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CameraId(pub u32);

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "camera {}", self.0)
    }
}

impl From<u32> for CameraId {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl From<CameraId> for u32 {
    fn from(camera: CameraId) -> Self {
        camera.0
    }
}

/// An upright picture that a [`FrameSource`](crate::FrameSource) returned, and its place in the stream.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The pixels.
    pub image: Image,
    /// The presentation time since the start of the stream, if the stream has one. It rises from picture to picture.
    pub pts: Option<Duration>,
    /// The time between the arrival of the picture's last byte at this machine and the moment the source returned the
    /// picture. Zero if the picture waited for nothing, as with files.
    pub age: Duration,
    /// The data that the picture was decoded from, if the source offers it and a viewer wants it: see
    /// [`FrameSource::offer_coded`](crate::FrameSource::offer_coded).
    pub coded: Option<Arc<CodedPicture>>,
}

impl Picture {
    /// Creates a picture of age zero, without coded data.
    #[must_use]
    pub fn new(image: Image, pts: Option<Duration>) -> Self {
        Self { image, pts, age: Duration::ZERO, coded: None }
    }
}

/// The number and the times of a frame.
///
/// ```
/// use std::time::Duration;
///
/// use passerby_types::FrameMeta;
///
/// let meta = FrameMeta::new(0, 7).with_pts(Duration::from_millis(280));
/// assert_eq!((meta.camera.0, meta.seq), (0, 7));
/// assert_eq!(meta.pts, Some(Duration::from_millis(280)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameMeta {
    /// The camera.
    pub camera: CameraId,
    /// The frame's number at its camera, in display order. The first frame has 0, and every frame that the source
    /// returned or lost adds 1. A gap means that frames were dropped on the way.
    pub seq: u64,
    /// The moment when the frame arrived. If the source knows it, this is before decoding.
    pub captured: Timestamp,
    /// The presentation time since the start of the stream, if the stream has one.
    pub pts: Option<Duration>,
    /// The time of day when the frame arrived.
    pub wall: SystemTime,
    /// How closely a detector should look: a factor on the size of its input, if the detector chooses that size itself. It
    /// is 1 for the frames of a video, and [`FrameMeta::PHOTO_DETAIL`] for photographs.
    pub detail: f32,
    /// The number of the scene that the camera shows, from 0. It rises with each frame that shows another scene than the
    /// frame before: after a cut, on another channel, or if the camera was turned. A number that was missed with a dropped
    /// frame shows in the next one.
    pub scene: u64,
}

impl FrameMeta {
    /// The [`FrameMeta::detail`] of a photograph, which may show a crowd and has only one chance.
    pub const PHOTO_DETAIL: f32 = 3.0;

    /// Creates the metadata of frame `seq` of a camera, for callers without a clock or a stream.
    ///
    /// `captured` is zero, `pts` is `None`, `wall` is 1970-01-01 00:00 UTC, `detail` is 1 and `scene` is 0. Set them with
    /// [`FrameMeta::with_captured`], [`FrameMeta::with_pts`], [`FrameMeta::with_wall`], [`FrameMeta::with_detail`] and
    /// [`FrameMeta::with_scene`].
    #[must_use]
    pub fn new(camera: impl Into<CameraId>, seq: u64) -> Self {
        let captured = Timestamp::default();
        let wall = SystemTime::UNIX_EPOCH;
        Self { camera: camera.into(), seq, captured, pts: None, wall, detail: 1.0, scene: 0 }
    }

    /// Returns the time since a fixed moment by which a camera's frames follow each other: `pts`, or `captured` for a stream without
    /// times. For a file that is analysed faster than it was recorded, it is the time in the recording.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use passerby_types::{FrameMeta, Timestamp};
    ///
    /// let meta = FrameMeta::new(0, 7).with_captured(Timestamp(Duration::from_secs(5)));
    /// assert_eq!(meta.stream_time(), Duration::from_secs(5));
    /// assert_eq!(meta.with_pts(Duration::from_secs(2)).stream_time(), Duration::from_secs(2));
    /// ```
    #[must_use]
    pub fn stream_time(&self) -> Duration {
        self.pts.unwrap_or(self.captured.0)
    }

    /// Returns the metadata with this moment of arrival.
    #[must_use]
    pub const fn with_captured(mut self, captured: Timestamp) -> Self {
        self.captured = captured;
        self
    }

    /// Returns the metadata with this presentation time.
    #[must_use]
    pub const fn with_pts(mut self, pts: Duration) -> Self {
        self.pts = Some(pts);
        self
    }

    /// Returns the metadata with this detail.
    #[must_use]
    pub const fn with_detail(mut self, detail: f32) -> Self {
        self.detail = detail;
        self
    }

    /// Returns the metadata with this number of the scene.
    #[must_use]
    pub const fn with_scene(mut self, scene: u64) -> Self {
        self.scene = scene;
        self
    }

    /// Returns the metadata with this time of day.
    #[must_use]
    pub const fn with_wall(mut self, wall: SystemTime) -> Self {
        self.wall = wall;
        self
    }
}

/// One picture of one camera. A clone shares the picture.
///
/// ```
/// use passerby_types::{ColorSpace, Frame, FrameMeta, Image, PixelLayout};
///
/// let image = Image::from_vec(PixelLayout::Gray8, 4, 2, ColorSpace::JPEG, vec![0; 8])?;
/// let frame = Frame::new(FrameMeta::new(0, 0), image);
/// assert_eq!(frame.image.width(), 4);
/// # Ok::<(), passerby_types::ImageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Frame {
    /// The frame's number and times.
    pub meta: FrameMeta,
    /// The picture, upright, in the layout that its source returned.
    pub image: Arc<Image>,
}

impl Frame {
    /// Creates a frame of an [`Image`] or of an image that is shared already.
    #[must_use]
    pub fn new(meta: FrameMeta, image: impl Into<Arc<Image>>) -> Self {
        Self { meta, image: image.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_metadata_has_no_times() {
        let meta = FrameMeta::new(CameraId(3), 9);
        let at_zero = FrameMeta {
            camera: CameraId(3),
            seq: 9,
            captured: Timestamp::default(),
            pts: None,
            wall: SystemTime::UNIX_EPOCH,
            detail: 1.0,
            scene: 0,
        };
        assert_eq!(meta, at_zero);
    }

    #[test]
    fn setters_change_one_time_each() {
        let meta = FrameMeta::new(0, 0)
            .with_captured(Timestamp(Duration::from_secs(1)))
            .with_pts(Duration::from_secs(2))
            .with_wall(SystemTime::UNIX_EPOCH + Duration::from_secs(3));
        assert_eq!(meta.captured.0, Duration::from_secs(1));
        assert_eq!(meta.pts, Some(Duration::from_secs(2)));
        assert_eq!(meta.wall, SystemTime::UNIX_EPOCH + Duration::from_secs(3));
    }
}
