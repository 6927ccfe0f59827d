//! Chooses one of a camera's formats.

use std::cmp::Reverse;

use super::device::{WebcamFormat, WebcamPixels};

/// The format that the user wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct WantedFormat {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) rate: f64,
    /// The only pixel format to accept, if there is one.
    pub(super) pixels: Option<WebcamPixels>,
    /// The most pixels of a picture.
    pub(super) max_pixels: u64,
}

/// Returns the format that gives the most of the wanted pixels per second, or `None` if no format is acceptable.
///
/// If there are several, it is the smallest, and among these the one that costs the least work. Grey is chosen only if no
/// format has colour.
///
/// JPEG loses to all other formats of its size, because it must be decoded. It wins if only JPEG reaches the size and rate:
/// USB 2 isn't fast enough for 30 uncompressed pictures of 1280x720 per second.
pub(super) fn choose(formats: &[WebcamFormat], wanted: &WantedFormat) -> Option<WebcamFormat> {
    let area = |f: &WebcamFormat| u64::from(f.width) * u64::from(f.height);
    formats
        .iter()
        .filter(|f| wanted.pixels.is_none_or(|pixels| f.pixels == pixels))
        .filter(|f| (1..=wanted.max_pixels).contains(&area(f)))
        .max_by_key(|f| {
            let grey = f.pixels == WebcamPixels::Grey;
            (!grey, share(f, wanted), Reverse(area(f)), Reverse(work(f.pixels)))
        })
        .copied()
}

/// Returns how much of the wanted pixels per second a format gives, in percent, so that a rate of 29.97 is as good as 30. If
/// the driver doesn't know the rate, it counts as sufficient.
fn share(format: &WebcamFormat, wanted: &WantedFormat) -> u32 {
    let part = |is: f64, wanted: f64| if wanted > 0.0 { (is / wanted).clamp(0.0, 1.0) } else { 1.0 };
    let rate = format.rate.map_or(1.0, |rate| part(rate, wanted.rate));
    let width = part(format.width.into(), wanted.width.into());
    let height = part(format.height.into(), wanted.height.into());
    (100.0 * rate * width * height).round() as u32
}

/// Returns the rank of a pixel format by the work to read it.
fn work(pixels: WebcamPixels) -> u8 {
    match pixels {
        // It needs no conversion and has the fewest bytes. Sampling two planes takes fewer accesses than three.
        WebcamPixels::Nv12 => 0,
        WebcamPixels::I420 | WebcamPixels::Yv12 => 1,
        WebcamPixels::Yuyv => 2,
        WebcamPixels::Uyvy => 3,
        WebcamPixels::Rgb => 4,
        WebcamPixels::Bgr => 5,
        WebcamPixels::Mjpeg => 6,
        WebcamPixels::Grey => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: WantedFormat =
        WantedFormat { width: 1280, height: 720, rate: 30.0, pixels: None, max_pixels: 64 << 20 };

    fn format(pixels: WebcamPixels, width: u32, height: u32, rate: f64) -> WebcamFormat {
        WebcamFormat { pixels, width, height, rate: (rate > 0.0).then_some(rate) }
    }

    /// Returns the typical formats of a webcam on USB 2.
    fn usb2() -> Vec<WebcamFormat> {
        [(640, 480, 30.0), (1280, 720, 10.0), (1920, 1080, 5.0)]
            .into_iter()
            .map(|(w, h, rate)| format(WebcamPixels::Yuyv, w, h, rate))
            .chain(
                [(640, 480), (1280, 720), (1920, 1080)].map(|(w, h)| format(WebcamPixels::Mjpeg, w, h, 30.0)),
            )
            .collect()
    }

    #[test]
    fn the_best_format_is_chosen() {
        use WebcamPixels::{Bgr, Grey, I420, Mjpeg, Nv12, Rgb, Uyvy, Yuyv, Yv12};
        let all = [Grey, Mjpeg, Bgr, Rgb, Uyvy, Yuyv, Yv12, Nv12].map(|p| format(p, 1280, 720, 30.0));
        let wanted = |width, height, rate| WantedFormat { width, height, rate, ..HD };
        let cases: [(&str, Vec<WebcamFormat>, WantedFormat, Option<WebcamFormat>); 16] = [
            ("JPEG alone reaches size and rate", usb2(), HD, Some(format(Mjpeg, 1280, 720, 30.0))),
            ("no decoding if both do", usb2(), wanted(640, 480, 30.0), Some(format(Yuyv, 640, 480, 30.0))),
            (
                "a low rate needs no JPEG",
                usb2(),
                wanted(1280, 720, 10.0),
                Some(format(Yuyv, 1280, 720, 10.0)),
            ),
            (
                "the smallest that is enough",
                usb2(),
                wanted(800, 600, 30.0),
                Some(format(Mjpeg, 1280, 720, 30.0)),
            ),
            ("more than there is", usb2(), wanted(4096, 2160, 60.0), Some(format(Mjpeg, 1920, 1080, 30.0))),
            ("the least work of all", all.to_vec(), HD, Some(format(Nv12, 1280, 720, 30.0))),
            ("then the next", all[..7].to_vec(), HD, Some(format(Yv12, 1280, 720, 30.0))),
            ("and the next", all[..6].to_vec(), HD, Some(format(Yuyv, 1280, 720, 30.0))),
            ("JPEG before grey", all[..2].to_vec(), HD, Some(format(Mjpeg, 1280, 720, 30.0))),
            ("grey if there is nothing else", all[..1].to_vec(), HD, Some(format(Grey, 1280, 720, 30.0))),
            (
                "a lens for infrared beside one for colours",
                vec![format(Grey, 1280, 720, 30.0), format(Yuyv, 320, 240, 15.0)],
                HD,
                Some(format(Yuyv, 320, 240, 15.0)),
            ),
            (
                "television's rate is good enough",
                vec![format(Nv12, 1280, 720, 29.97), format(Mjpeg, 1280, 720, 60.0)],
                HD,
                Some(format(Nv12, 1280, 720, 29.97)),
            ),
            (
                "a small loss of rate before a large one of size",
                vec![format(I420, 320, 240, 30.0), format(I420, 1280, 720, 25.0)],
                HD,
                Some(format(I420, 1280, 720, 25.0)),
            ),
            (
                "an unknown rate",
                vec![format(Yuyv, 1280, 720, 0.0), format(Mjpeg, 1280, 720, 30.0)],
                HD,
                Some(format(Yuyv, 1280, 720, 0.0)),
            ),
            (
                "nothing over the limit",
                usb2(),
                WantedFormat { max_pixels: 640 * 480, ..HD },
                Some(format(Yuyv, 640, 480, 30.0)),
            ),
            (
                "only the format that the user insists on",
                usb2(),
                WantedFormat { pixels: Some(Nv12), ..HD },
                None,
            ),
        ];
        for (case, formats, wanted, want) in cases {
            assert_eq!(choose(&formats, &wanted), want, "{case}");
            let backwards: Vec<_> = formats.into_iter().rev().collect();
            assert_eq!(choose(&backwards, &wanted), want, "{case}, in another order");
        }
    }

    #[test]
    fn invalid_wishes_still_choose_a_format() {
        let odd = [
            format(WebcamPixels::Yuyv, 0, 480, 30.0),
            WebcamFormat { rate: Some(f64::NAN), ..format(WebcamPixels::Yuyv, 640, 480, 0.0) },
            format(WebcamPixels::Mjpeg, u32::MAX, u32::MAX, f64::INFINITY),
        ];
        for (width, height, rate) in [(0, 0, 0.0), (u32::MAX, 1, f64::NAN), (1, 1, -1.0)] {
            let got = choose(&odd, &WantedFormat { width, height, rate, ..HD });
            assert_eq!(got.map(|f| (f.width, f.height)), Some((640, 480)));
        }
        assert_eq!(choose(&[], &HD), None);
    }
}
