//! The contract of what counts tracks at the zones and lines of a camera.

use crate::frame::FrameMeta;
use crate::geometry::BBox;
use crate::observation::{ObservedFace, ZoneEvent};
use crate::track::TrackId;

/// Counts the tracks of one camera at its zones and lines, and says which part of the picture counts at all. One instance for
/// each camera that has zones.
///
/// ```
/// use passerby_types::{BBox, FrameMeta, ObservedFace, TrackId, ZoneCounter, ZoneEvent};
///
/// /// Leaves out the upper half of the picture, and counts nothing.
/// struct LowerHalf;
///
/// impl ZoneCounter for LowerHalf {
///     fn watches(&mut self, bbox: &BBox, size: (u32, u32)) -> bool {
///         bbox.center().y >= size.1 as f32 / 2.0
///     }
///     fn update(&mut self, _: &FrameMeta, _: (u32, u32), _: &[ObservedFace], _: &[TrackId], _: &mut Vec<ZoneEvent>) {}
/// }
///
/// assert!(LowerHalf.watches(&BBox::from_xywh(10.0, 300.0, 40.0, 50.0), (640, 480)));
/// assert!(!LowerHalf.watches(&BBox::from_xywh(10.0, 20.0, 40.0, 50.0), (640, 480)));
/// ```
pub trait ZoneCounter: Send {
    /// Returns true if a face with this box counts. The caller does not track a face that does not. The box is in pixels of the
    /// upright picture, whose width and height are `size`.
    fn watches(&mut self, bbox: &BBox, size: (u32, u32)) -> bool;

    /// Takes the tracks of one frame, and appends what they did to `events`.
    ///
    /// The caller passes the frames of the camera in their order, and the tracks of a frame by rising number. `ended` are the
    /// tracks that ended since the frame before. A track may be named twice there, or be unknown: the second time changes nothing.
    fn update(
        &mut self,
        meta: &FrameMeta,
        size: (u32, u32),
        faces: &[ObservedFace],
        ended: &[TrackId],
        events: &mut Vec<ZoneEvent>,
    );
}
