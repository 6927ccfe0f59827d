//! Plays files and scenes as live cameras, if the options demand it.

use std::time::Duration;

use passerby_types::{FrameSource, SourceError};

use super::options::Options;
use super::settings::OpenSettings;
use crate::live_playback::LivePlayback;

/// How a file or scene is played.
#[derive(Clone, Debug, Default)]
pub(super) struct Playback {
    /// True if it is played as a live camera.
    pub(super) live: bool,
    /// Pictures per second. `None`: the source's own times apply.
    rate: Option<f64>,
    looped: bool,
    offset: Duration,
}

impl Playback {
    pub(super) fn parse(options: &mut Options) -> Result<Self, SourceError> {
        let expected = "own, or a number from 0.001 to 1000";
        let live = options.value("live", expected, |text| {
            let rate = text.parse().ok().filter(|rate| (0.001..=1000.0).contains(rate));
            (text == "own" || rate.is_some()).then_some(rate)
        })?;
        let looped = options.flag("loop")?;
        let offset = options.time("offset")?;
        Ok(Self {
            live: live.is_some() || looped == Some(true) || offset.is_some(),
            rate: live.flatten(),
            looped: looped.unwrap_or(false),
            offset: offset.unwrap_or_default(),
        })
    }

    /// Returns the source that `open` opens, played as a live camera if it should be.
    pub(super) fn play(
        &self,
        settings: &OpenSettings,
        open: impl Fn() -> Result<Box<dyn FrameSource>, SourceError> + Send + 'static,
    ) -> Result<Box<dyn FrameSource>, SourceError> {
        if !self.live {
            return open();
        }
        let clock = settings.context.clock.clone();
        let camera = if self.looped {
            LivePlayback::looped(open, self.rate, clock)?
        } else {
            LivePlayback::new(open()?, self.rate, clock)
        };
        Ok(if self.offset.is_zero() { Box::new(camera) } else { Box::new(camera.offset_time(self.offset)) })
    }
}
