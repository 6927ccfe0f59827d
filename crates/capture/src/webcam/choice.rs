//! Which of its formats a camera is asked for.

use std::cmp::Reverse;

use super::device::{Pixels, WebcamFormat};

/// What the user would like to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rate: f64,
    /// Nothing else than these.
    pub(crate) pixels: Option<Pixels>,
    /// Nothing larger than this.
    pub(crate) most: u64,
}

/// The format that gives the most of the wanted pixels a second; of several the smallest; of these the one that is read
/// with the least work. Grey only where there is nothing in colour. `None`: there is nothing that may be had.
///
/// JPEG loses to all others of its size, since it has to be decoded, and wins where it alone reaches size and rate: a
/// camera on USB 2 has no room for 30 uncompressed pictures of 1280x720 a second.
pub(crate) fn choose(formats: &[WebcamFormat], wanted: &Wanted) -> Option<WebcamFormat> {
    let area = |f: &WebcamFormat| u64::from(f.width) * u64::from(f.height);
    formats
        .iter()
        .filter(|f| wanted.pixels.is_none_or(|pixels| f.pixels == pixels))
        .filter(|f| (1..=wanted.most).contains(&area(f)))
        .max_by_key(|f| {
            let grey = f.pixels == Pixels::Grey;
            (!grey, share(f, wanted), Reverse(area(f)), Reverse(work(f.pixels)))
        })
        .copied()
}

/// How much of the wanted pixels a second a format gives, in percent: 29.97 a second is as good as 30. A rate that the
/// driver does not know is taken for enough.
fn share(format: &WebcamFormat, wanted: &Wanted) -> u32 {
    let part = |is: f64, wanted: f64| if wanted > 0.0 { (is / wanted).clamp(0.0, 1.0) } else { 1.0 };
    let rate = format.rate.map_or(1.0, |rate| part(rate, wanted.rate));
    let width = part(format.width.into(), wanted.width.into());
    let height = part(format.height.into(), wanted.height.into());
    (100.0 * rate * width * height).round() as u32
}

/// What it costs to read them, as an order.
fn work(pixels: Pixels) -> u8 {
    match pixels {
        // As it comes, and the fewest bytes; two planes are sampled with fewer accesses than three.
        Pixels::Nv12 => 0,
        Pixels::I420 | Pixels::Yv12 => 1,
        Pixels::Yuyv => 2,
        Pixels::Uyvy => 3,
        Pixels::Rgb => 4,
        Pixels::Bgr => 5,
        Pixels::Mjpeg => 6,
        Pixels::Grey => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: Wanted = Wanted { width: 1280, height: 720, rate: 30.0, pixels: None, most: 64 << 20 };

    fn format(pixels: Pixels, width: u32, height: u32, rate: f64) -> WebcamFormat {
        WebcamFormat { pixels, width, height, rate: (rate > 0.0).then_some(rate) }
    }

    /// What a webcam on USB 2 typically offers.
    fn usb2() -> Vec<WebcamFormat> {
        [(640, 480, 30.0), (1280, 720, 10.0), (1920, 1080, 5.0)]
            .into_iter()
            .map(|(w, h, rate)| format(Pixels::Yuyv, w, h, rate))
            .chain([(640, 480), (1280, 720), (1920, 1080)].map(|(w, h)| format(Pixels::Mjpeg, w, h, 30.0)))
            .collect()
    }

    #[test]
    fn the_choice_table() {
        use Pixels::{Bgr, Grey, I420, Mjpeg, Nv12, Rgb, Uyvy, Yuyv, Yv12};
        let all = [Grey, Mjpeg, Bgr, Rgb, Uyvy, Yuyv, Yv12, Nv12].map(|p| format(p, 1280, 720, 30.0));
        let wanted = |width, height, rate| Wanted { width, height, rate, ..HD };
        let cases: [(&str, Vec<WebcamFormat>, Wanted, Option<WebcamFormat>); 16] = [
            ("JPEG alone reaches size and rate", usb2(), HD, Some(format(Mjpeg, 1280, 720, 30.0))),
            ("no decoding where both do", usb2(), wanted(640, 480, 30.0), Some(format(Yuyv, 640, 480, 30.0))),
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
            ("grey where there is nothing else", all[..1].to_vec(), HD, Some(format(Grey, 1280, 720, 30.0))),
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
                "a rate that nobody knows",
                vec![format(Yuyv, 1280, 720, 0.0), format(Mjpeg, 1280, 720, 30.0)],
                HD,
                Some(format(Yuyv, 1280, 720, 0.0)),
            ),
            (
                "nothing over the limit",
                usb2(),
                Wanted { most: 640 * 480, ..HD },
                Some(format(Yuyv, 640, 480, 30.0)),
            ),
            ("what the user insists on", usb2(), Wanted { pixels: Some(Nv12), ..HD }, None),
        ];
        for (what, formats, wanted, want) in cases {
            assert_eq!(choose(&formats, &wanted), want, "{what}");
            let backwards: Vec<_> = formats.into_iter().rev().collect();
            assert_eq!(choose(&backwards, &wanted), want, "{what}, in another order");
        }
    }

    #[test]
    fn senseless_wishes_and_offers_choose_something() {
        let odd = [
            format(Pixels::Yuyv, 0, 480, 30.0),
            WebcamFormat { rate: Some(f64::NAN), ..format(Pixels::Yuyv, 640, 480, 0.0) },
            format(Pixels::Mjpeg, u32::MAX, u32::MAX, f64::INFINITY),
        ];
        for (width, height, rate) in [(0, 0, 0.0), (u32::MAX, 1, f64::NAN), (1, 1, -1.0)] {
            let got = choose(&odd, &Wanted { width, height, rate, ..HD });
            assert_eq!(got.map(|f| (f.width, f.height)), Some((640, 480)));
        }
        assert_eq!(choose(&[], &HD), None);
    }
}
