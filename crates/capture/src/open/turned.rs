//! Turns the pictures of any source.

use passerby_types::{CancelHandle, CodedDemand, FramePool, FrameSource, Picture, SourceError, SourceInfo};

use super::options::Options;
use crate::rotation::Rotation;

/// Reads the option `rotate`. Without it, pictures stay as they are.
pub(super) fn parse_rotation(options: &mut Options) -> Result<Rotation, SourceError> {
    let expected = "90, 180 or 270 degrees, clockwise";
    let read = |text: &str| match text {
        "0" => Some(Rotation::default()),
        _ => Rotation::by_degrees(text.parse().ok()?),
    };
    Ok(options.value("rotate", expected, read)?.unwrap_or_default())
}

/// Returns a source with the pictures of this one, turned.
pub(super) fn turn(
    source: Box<dyn FrameSource>,
    rotation: Rotation,
    pool: &FramePool,
) -> Box<dyn FrameSource> {
    if rotation == Rotation::default() {
        return source;
    }
    Box::new(Turned { source, rotation, pool: pool.clone(), number: 0 })
}

/// A source whose pictures are turned.
struct Turned {
    source: Box<dyn FrameSource>,
    rotation: Rotation,
    pool: FramePool,
    number: u64,
}

impl FrameSource for Turned {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        let Some(picture) = self.source.next_picture()? else { return Ok(None) };
        let frame = self.number;
        self.number += 1;
        let image = self.rotation.apply(picture.image, &self.pool).map_err(|e| SourceError::Damaged {
            input: self.info().name.clone(),
            frame,
            what: e.to_string(),
        })?;
        let coded = self.rotation.apply_to_coded(picture.coded);
        Ok(Some(Picture { image, coded, ..picture }))
    }

    fn info(&self) -> &SourceInfo {
        self.source.info()
    }

    fn cancel_handle(&self) -> Option<CancelHandle> {
        self.source.cancel_handle()
    }

    fn offer_coded(&mut self, demand: &CodedDemand) {
        self.source.offer_coded(demand);
    }
}
