//! Something that a track did at a zone or a line.

use std::sync::Arc;
use std::time::Duration;

use crate::track::TrackId;

/// A side of a line, as a viewer of the picture has it who stands at the line's beginning and looks to its end.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineSide {
    /// To the left.
    Left,
    /// To the right.
    Right,
}

/// Something that a track did at a zone or a line of its camera.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneEvent {
    /// The track.
    pub track: TrackId,
    /// When it was, in the time of [`FrameMeta::stream_time`](crate::FrameMeta::stream_time): the time of the frame, or that of the
    /// track's last box if the track has ended.
    pub at: Duration,
    /// What the track did.
    pub change: ZoneChange,
}

/// What a track did at a zone or a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneChange {
    /// The track entered a zone, or began in it.
    Entered {
        /// The zone's name.
        zone: Arc<str>,
    },
    /// The track left a zone, or ended in it.
    Left {
        /// The zone's name.
        zone: Arc<str>,
        /// The time since the track entered.
        dwell: Duration,
    },
    /// The track crossed a line.
    Crossed {
        /// The line's name.
        line: Arc<str>,
        /// The side that the track came from.
        from: LineSide,
    },
}
