//! Pictures that are encoded into a file come back from it: their number, times, sizes and colours. Read by our own reader and, if it is
//! installed, by the ffmpeg program.
#![allow(clippy::print_stderr, reason = "skipped tests are reported")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use passerby_capture::open;
use passerby_mp4::{EncoderSettings, VideoEncoder, VideoError, VideoSegment, VideoWriter};
use passerby_types::{ColorSpace, FrameSource, Image, Matrix, PixelLayout, Range};

/// Four colours side by side, as every picture of these tests shows them.
const BARS: [[u8; 3]; 4] = [[200, 60, 50], [60, 170, 80], [50, 90, 190], [225, 220, 215]];
/// The units of time in a second.
const TIMESCALE: u128 = 90_000;

/// Returns an RGB picture of the bars.
fn rgb_bars(width: u32, height: u32) -> Image {
    let pixel = |i: u32| BARS[((i % width) * 4 / width) as usize];
    let bytes = (0..width * height).flat_map(pixel).collect();
    Image::from_vec(PixelLayout::Rgb8, width, height, ColorSpace::JPEG, bytes).expect("a picture")
}

/// Returns a picture of the bars as I420 in a colour space.
fn bars(width: u32, height: u32, color: ColorSpace) -> Image {
    let layout = PixelLayout::I420;
    let bytes = vec![0; layout.tight_len(width, height)];
    let mut image = Image::from_vec(layout, width, height, color, bytes).expect("a picture");
    for plane in 0..3 {
        let columns = image.plane(plane).row_len as u32;
        for y in 0..image.plane(plane).rows {
            for (x, sample) in (0..).zip(image.row_mut(plane, y)) {
                *sample = color.ycbcr(BARS[(x * 4 / columns) as usize])[plane];
            }
        }
    }
    image
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Writes a picture at each of these times.
fn write(path: &Path, image: &Image, times: &[Duration]) {
    let mut video = VideoWriter::create(path, EncoderSettings::default()).expect("it is created");
    times.iter().for_each(|time| video.write(image, *time).expect("a good picture"));
    video.finish().expect("it is written");
}

/// Checks that the middle of each bar has its colour.
fn assert_bars(width: usize, height: usize, rgb: &[u8], what: &str) {
    for (bar, want) in BARS.iter().enumerate() {
        let x = width * (2 * bar + 1) / 8;
        let at = 3 * (height / 2 * width + x);
        let off = rgb[at..at + 3].iter().zip(want).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(off <= Some(6), "{what}, bar {bar}: {:?} for {want:?}", &rgb[at..at + 3]);
    }
}

/// Runs a program on the file. Returns `None` if it is not installed.
fn run(program: &str, arguments: &[&str], path: &Path, rest: &[&str]) -> Option<Vec<u8>> {
    let run = Command::new(program).args(["-v", "error"]).args(arguments).arg(path).args(rest).output();
    let Ok(run) = run else {
        eprintln!("SKIPPED: no program {program}");
        return None;
    };
    let complaint = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && complaint.is_empty(), "{program}: {complaint}");
    Some(run.stdout)
}

#[test]
fn every_picture_has_its_own_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rate.mp4");
    // A rate that varies, a pause, and more than one segment.
    let times = [0, 40, 73, 140, 141, 900, 2_500, 2_540, 9_000, 9_033].map(ms);
    write(&path, &bars(64, 48, ColorSpace::default()), &times);
    let mut source = open(&path).expect("it opens");
    let got: Vec<Duration> = source.pictures().map(|p| p.expect("a picture").pts.expect("a time")).collect();
    assert_eq!(got.len(), times.len());
    for (got, want) in got.iter().zip(times) {
        assert!(got.abs_diff(want) < Duration::from_micros(6), "{got:?} for {want:?}");
    }
    let entries = ["-show_entries", "packet=pts:format=duration", "-of", "csv=p=0"];
    let Some(out) = run("ffprobe", &entries, &path, &[]) else { return };
    let text = String::from_utf8(out).expect("text");
    let (pts, duration) = text.trim().rsplit_once('\n').expect("several lines");
    let pts: Vec<u128> =
        pts.lines().map(|line| line.trim_end_matches(',').parse().expect("a time")).collect();
    assert_eq!(pts, times.map(|time| time.as_nanos() * TIMESCALE / 1_000_000_000));
    assert_eq!(duration, "9.066000", "the last picture lasts as long as the one before");
}

#[test]
fn every_colour_space_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    for (matrix, name) in [(Matrix::Bt601, "smpte170m"), (Matrix::Bt709, "bt709")] {
        for (range, range_name) in [(Range::Limited, "tv"), (Range::Full, "pc")] {
            let color = ColorSpace { matrix, range };
            let path = folder.path().join(format!("{name}-{range_name}.mp4"));
            write(&path, &bars(160, 96, color), &[ms(0), ms(40), ms(80)]);
            let picture = open(&path).expect("it opens").next_picture().expect("a picture").expect("one");
            assert_eq!(picture.image.color(), color);
            assert_bars(160, 96, &picture.image.to_rgb(), "our reader");
            let entries = [
                "-show_entries",
                "stream=color_range,color_space,color_transfer,color_primaries",
                "-of",
                "csv=p=0",
            ];
            let Some(out) = run("ffprobe", &entries, &path, &[]) else { continue };
            assert_eq!(String::from_utf8_lossy(&out).trim(), format!("{range_name},{name},{name},{name}"));
            let raw =
                ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-sws_flags", "accurate_rnd", "-"];
            let Some(rgb) = run("ffmpeg", &["-nostdin", "-i"], &path, &raw) else { continue };
            assert_bars(160, 96, &rgb, "ffmpeg");
        }
    }
}

#[test]
fn an_rgb_picture_becomes_bt709() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rgb.mp4");
    write(&path, &rgb_bars(160, 96), &[ms(0)]);
    let picture = open(&path).expect("it opens").next_picture().expect("a picture").expect("one");
    assert_eq!(picture.image.color(), ColorSpace { matrix: Matrix::Bt709, range: Range::Limited });
    assert_bars(160, 96, &picture.image.to_rgb(), "our reader");
}

#[test]
fn a_picture_in_another_colour_space_is_converted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mixed.mp4");
    let mut video = VideoWriter::create(&path, EncoderSettings::default()).expect("it is created");
    video.write(&bars(160, 96, ColorSpace::default()), ms(0)).expect("a good picture");
    video.write(&bars(160, 96, ColorSpace::JPEG), ms(40)).expect("a good picture");
    video.write(&rgb_bars(160, 96), ms(80)).expect("a good picture");
    video.finish().expect("it is written");
    for picture in open(&path).expect("it opens").pictures() {
        let image = picture.expect("a picture").image;
        assert_eq!(image.color(), ColorSpace::default());
        assert_bars(160, 96, &image.to_rgb(), "each picture");
    }
}

#[test]
fn odd_sides_are_one_pixel_longer() {
    let folder = tempfile::tempdir().expect("a folder");
    for (width, height) in [(1, 1), (17, 16), (64, 35), (161, 97), (1280, 719)] {
        let path = folder.path().join(format!("{width}x{height}.mp4"));
        write(&path, &bars(width, height, ColorSpace::default()), &[ms(0), ms(40)]);
        let even = (width.next_multiple_of(2), height.next_multiple_of(2));
        let pictures: Vec<_> =
            open(&path).expect("it opens").pictures().collect::<Result<_, _>>().expect("good");
        assert!(pictures.iter().all(|p| (p.image.width(), p.image.height()) == even), "{width}x{height}");
        assert_eq!(pictures.len(), 2);
        let entries =
            ["-count_frames", "-show_entries", "stream=width,height,nb_read_frames", "-of", "csv=p=0"];
        let Some(out) = run("ffprobe", &entries, &path, &[]) else { continue };
        assert_eq!(String::from_utf8_lossy(&out).trim(), format!("{},{},2", even.0, even.1));
    }
}

#[test]
fn a_picture_of_another_size_is_left_out() {
    let mut video = VideoEncoder::new(EncoderSettings::default());
    let small = bars(32, 32, ColorSpace::default());
    video.push(&small, ms(0)).expect("a good picture");
    let refused = video.push(&bars(64, 32, ColorSpace::default()), ms(40)).expect_err("another size");
    assert!(matches!(refused, VideoError::Size { picture: (64, 32), video: (32, 32) }), "{refused}");
    assert_eq!(refused.to_string(), "a picture of 64x32 pixels in a video of 32x32");
    video.push(&small, ms(80)).expect("a good picture");
    assert_eq!(video.finish().map(|segment| segment.frames), Some(2));
}

#[test]
fn a_picture_that_no_track_can_describe_is_refused() {
    let layout = PixelLayout::Gray8;
    let (width, height) = (Image::MAX_SIDE, 2);
    let bytes = vec![0; layout.tight_len(width, height)];
    let wide = Image::from_vec(layout, width, height, ColorSpace::JPEG, bytes).expect("a picture");
    let mut video = VideoEncoder::new(EncoderSettings::default());
    assert!(matches!(video.push(&wide, ms(0)), Err(VideoError::TooLarge(32_768, 2))));
    video.push(&bars(32, 32, ColorSpace::default()), ms(0)).expect("it decides the size");
}

#[test]
fn times_that_do_not_rise_follow_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("still.mp4");
    write(&path, &bars(32, 32, ColorSpace::default()), &[ms(80), ms(80), ms(0), ms(120)]);
    let mut source = open(&path).expect("it opens");
    let times: Vec<_> = source.pictures().map(|p| p.expect("a picture").pts).collect();
    assert_eq!(times.len(), 4);
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
}

#[test]
fn a_video_that_is_cut_off_plays_up_to_its_last_segment() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cut.mp4");
    let mut video = VideoEncoder::new(EncoderSettings::default());
    let image = bars(64, 48, ColorSpace::default());
    let segments: Vec<VideoSegment> =
        (0..250).filter_map(|n| video.push(&image, ms(40 * n)).expect("a good picture")).collect();
    assert_eq!(segments.iter().map(|segment| segment.frames).collect::<Vec<_>>(), [50; 4]);
    // The next write was cut, and then the program ended.
    let mut file: Vec<u8> = segments.iter().flat_map(|segment| segment.data.clone()).collect();
    let next = video.finish().expect("frames wait").data;
    file.extend(&next[..next.len() - 10]);
    std::fs::write(&path, file).expect("it is written");
    let whole = open(&path).expect("it opens").pictures().take_while(Result::is_ok).count();
    assert!(whole >= 200, "{whole}");
    let entries =
        ["-v", "quiet", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"];
    let Ok(run) = Command::new("ffprobe").args(entries).arg(&path).output() else { return };
    let count = String::from_utf8_lossy(&run.stdout);
    assert!(count.trim().parse::<u32>().is_ok_and(|count| count >= 200), "{count}");
}

#[test]
fn without_a_picture_there_is_no_segment() {
    assert_eq!(VideoEncoder::new(EncoderSettings::default()).finish(), None);
    assert!(
        VideoWriter::new(Vec::new(), EncoderSettings::default()).finish().expect("nothing fails").is_empty()
    );
}

#[test]
fn a_full_disk_is_its_own_error() {
    /// A disk without room.
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut video = VideoWriter::new(Full, EncoderSettings::default());
    video.write(&bars(32, 32, ColorSpace::default()), ms(0)).expect("it waits for its segment");
    let refused = video.finish().map(|_| ()).expect_err("no room");
    assert!(matches!(refused, VideoError::Io(e) if e.kind() == std::io::ErrorKind::StorageFull));
}
