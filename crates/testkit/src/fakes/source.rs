//! Sources that follow a script.

use std::collections::VecDeque;
use std::time::Duration;

use passerby_types::{
    CancelHandle, DropReason, FrameSource, Image, Picture, PixelLayout, SourceError, SourceInfo,
};

use crate::fixtures::color_of;

/// The action of a [`ScriptedSource`] at one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceStep {
    /// Returns a grey picture of this width and height.
    Picture(u32, u32),
    /// Returns a grey picture of this width, height and age.
    AgedPicture(u32, u32, Duration),
    /// Loses one frame, as [`SourceError::Damaged`].
    Damaged,
    /// Loses this number of frames, as [`SourceError::Lost`].
    Lost(u64, DropReason),
    /// Fails with [`SourceError::Disconnected`], and goes on.
    Disconnected,
    /// Fails with [`SourceError::Truncated`], and ends.
    Truncated,
    /// Panics.
    Panic,
}

/// A source that follows a script. The pictures are 40 ms apart.
///
/// ```
/// use passerby_testkit::{ScriptedSource, SourceStep};
/// use passerby_types::FrameSource;
///
/// let mut source = ScriptedSource::new([SourceStep::Picture(64, 48), SourceStep::Damaged]);
/// assert!(source.next_picture().is_ok());
/// assert!(source.next_picture().is_err());
/// assert!(source.next_picture().is_ok_and(|picture| picture.is_none()));
/// ```
#[derive(Debug)]
pub struct ScriptedSource {
    steps: VecDeque<SourceStep>,
    info: SourceInfo,
    calls: u64,
}

impl ScriptedSource {
    /// Creates a source like a file, with the name "script".
    #[must_use]
    pub fn new(steps: impl IntoIterator<Item = SourceStep>) -> Self {
        let info = SourceInfo { name: "script".into(), ..SourceInfo::default() };
        Self { steps: steps.into_iter().collect(), info, calls: 0 }
    }

    fn picture(&self, width: u32, height: u32, age: Duration, frame: u64) -> Result<Picture, SourceError> {
        let layout = PixelLayout::Gray8;
        let bytes = vec![128; layout.tight_len(width, height)];
        let image = Image::from_vec(layout, width, height, color_of(layout), bytes)
            .map_err(|e| SourceError::malformed(self.info.name.clone(), e.to_string()))?;
        Ok(Picture { age, ..Picture::new(image, Some(Duration::from_millis(40 * frame))) })
    }
}

impl FrameSource for ScriptedSource {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        let Some(step) = self.steps.pop_front() else {
            return Ok(None);
        };
        let frame = self.calls;
        self.calls += 1;
        let input = self.info.name.clone();
        let what = "the script asked for it".to_owned();
        match step {
            SourceStep::Picture(width, height) => {
                self.picture(width, height, Duration::ZERO, frame).map(Some)
            }
            SourceStep::AgedPicture(width, height, age) => self.picture(width, height, age, frame).map(Some),
            SourceStep::Damaged => Err(SourceError::Damaged { input, frame, what }),
            SourceStep::Lost(frames, reason) => Err(SourceError::Lost { input, frames, reason, what }),
            SourceStep::Disconnected => Err(SourceError::disconnected(input, what)),
            SourceStep::Truncated => {
                self.steps.clear();
                Err(SourceError::Truncated { input, frames: frame, expected: None })
            }
            SourceStep::Panic => panic!("the script asked for a panic"),
        }
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

/// A part of another source: skips some pictures and ends after some more.
pub struct Excerpt<S> {
    source: S,
    skip: usize,
    take: usize,
}

impl<S: FrameSource> Excerpt<S> {
    /// Creates a source of the `take` pictures after the first `skip` pictures.
    pub fn new(source: S, skip: usize, take: usize) -> Self {
        Self { source, skip, take }
    }
}

impl<S: FrameSource> FrameSource for Excerpt<S> {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        while self.skip > 0 {
            self.skip -= 1;
            self.source.next_picture()?;
        }
        if self.take == 0 {
            return Ok(None);
        }
        self.take -= 1;
        self.source.next_picture()
    }

    fn info(&self) -> &SourceInfo {
        self.source.info()
    }

    fn cancel_handle(&self) -> Option<CancelHandle> {
        self.source.cancel_handle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite;

    #[test]
    fn a_script_keeps_the_contract_of_sources() {
        let picture = SourceStep::Picture(4, 2);
        let steps = [picture.clone(), SourceStep::Damaged, SourceStep::Lost(3, DropReason::Stale), picture];
        assert_eq!(suite::source(ScriptedSource::new(steps)), (2, 2));
    }

    #[test]
    fn an_excerpt_has_the_pictures_in_the_middle() {
        let script = ScriptedSource::new((1..6).map(|width| SourceStep::Picture(width, 1)));
        let mut excerpt = Excerpt::new(script, 1, 2);
        let widths: Vec<_> = excerpt.pictures().map(|picture| picture.unwrap().image.width()).collect();
        assert_eq!(widths, [2, 3]);
    }
}
