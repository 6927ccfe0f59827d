//! The zones and lines of one camera.

/// A polygon with a name.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[derive(Clone, Debug, PartialEq)]
pub struct AreaPlan {
    /// The name, which no other zone of the camera has.
    pub name: String,
    /// The corners in order, at least three, as parts of the picture: `[x, y]`, each 0 to 1. The last one is joined to the first.
    pub polygon: Vec<[f32; 2]>,
}

/// A line with a name and a direction.
///
/// Left and right are those of a viewer of the picture who stands at `from` and looks to `to`.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[derive(Clone, Debug, PartialEq)]
pub struct LinePlan {
    /// The name, which no other line of the camera has.
    pub name: String,
    /// The beginning, as parts of the picture: `[x, y]`, each 0 to 1.
    pub from: [f32; 2],
    /// The end.
    pub to: [f32; 2],
}

/// The zones and lines of one camera, and the regions that count. Has none by default, and then counts nothing.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[derive(Clone, Debug, PartialEq)]
pub struct ZonePlan {
    /// The zones, which may overlap.
    pub zones: Vec<AreaPlan>,
    /// The lines.
    pub lines: Vec<LinePlan>,
    /// Polygons in which nothing counts, for example a screen or a poster.
    pub ignore: Vec<Vec<[f32; 2]>>,
    /// The polygon outside of which nothing counts, or `None` for the whole picture.
    pub interest: Option<Vec<[f32; 2]>>,
    /// How far beyond an edge or a line a person must be to be on its other side, as part of the box's size (the mean of width and
    /// height), 0 to 2. 0.25 by default: detectors and trackers move the centre of a face that rests by less.
    pub margin: f32,
}

impl Default for ZonePlan {
    fn default() -> Self {
        Self { zones: Vec::new(), lines: Vec::new(), ignore: Vec::new(), interest: None, margin: 0.25 }
    }
}

/// Why a plan cannot be used. The caller must change the plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ZoneError {
    /// A polygon has fewer than three corners.
    #[error("{place} has {corners} corners; a polygon needs at least 3")]
    FewCorners {
        /// The polygon.
        place: String,
        /// The number of its corners.
        corners: usize,
    },
    /// A coordinate is not a number from 0 to 1.
    #[error("{place} has the coordinate {value}; places are parts of the picture, from 0 to 1")]
    Outside {
        /// The polygon or line.
        place: String,
        /// The coordinate.
        value: f32,
    },
    /// A polygon has no area, two of its edges cross each other, or a line has no length.
    #[error("{place} {fault}")]
    Shape {
        /// The polygon or line.
        place: String,
        /// The fault.
        fault: &'static str,
    },
    /// Two zones or two lines have the same name, or one has none.
    #[error("{place} has a name that is empty or taken")]
    Name {
        /// The zone or line.
        place: String,
    },
    /// The margin is not a number from 0 to 2.
    #[error("the margin is {0}; it must be from 0 to 2")]
    Margin(f32),
}
