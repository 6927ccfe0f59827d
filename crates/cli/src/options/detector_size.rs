//! The size of the detector's input. The bench `pipeline` includes this file.

use std::ops::RangeInclusive;

use passerby::pixels::Letterbox;

/// The long sides that the detector accepts, in pixels.
const LONG_SIDES: RangeInclusive<u32> = 32..=3840;
/// The sides of the detector's input are multiples of this.
const MULTIPLE: u32 = 32;

/// Reads the value of `--detector-side`.
pub(crate) fn parse_side(text: &str) -> Result<u32, String> {
    let side = text.parse().ok().filter(|side| LONG_SIDES.contains(side));
    side.ok_or_else(|| "expected a number from 32 to 3840".into())
}

/// Reads the value of `--detector-size`, which names the input for a picture of 16:9, and returns its longer side. The
/// shorter side must fit: the detector takes it from the picture's shape.
pub(crate) fn parse_size(text: &str) -> Result<u32, String> {
    let side = |side: &str| side.parse::<u32>().ok().filter(|side| LONG_SIDES.contains(side));
    let sides = text.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    let Some((width, height)) = sides else {
        return Err("expected WxH with sides of 32 to 3840, such as 480x288".into());
    };
    let long = width.max(height);
    let fitting = Letterbox::new(1920, 1080, long, MULTIPLE).input_height;
    if width.min(height) as usize != fitting {
        return Err(format!(
            "the input for a 16:9 picture is {long}x{fitting}; use --detector-side {long} for other shapes"
        ));
    }
    Ok(long)
}
