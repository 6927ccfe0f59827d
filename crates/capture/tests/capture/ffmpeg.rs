//! The ffmpeg source: with the real program, if it is installed, and with faulty ones.
#![cfg(feature = "ffmpeg")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests may fail, and skipped tests are reported"
)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::ArrivalClock;
use crate::common::Want::{self, None as Nothing};
use crate::common::{Outcome, compare, data, drain};
use crate::ffmpeg_program::{FFMPEG_RESULTS, is_installed};
use passerby_capture::{DecodeLimits, Decoder, Ffmpeg, FfmpegSettings, SourceContext, Video, VideoSettings};
use passerby_testkit::shared;
use passerby_types::{DropReason, FrameSource, Matrix, Range, SourceError};

/// Checks that both readers give the same bytes, times and colour spaces. Returns the number of pictures.
fn same(path: &Path, most: usize) -> usize {
    let mut ours = Video::open(path).unwrap();
    let mut theirs = Ffmpeg::open(path, FfmpegSettings::default()).unwrap();
    let mut count = 0;
    while count < most {
        let a = ours.next_picture().unwrap();
        let b = theirs.next_picture().unwrap();
        let (Some(a), Some(b)) = (&a, &b) else {
            assert!(a.is_none() && b.is_none(), "{}: one ends after {count}", path.display());
            break;
        };
        assert_eq!((b.image.width(), b.image.height()), (a.image.width(), a.image.height()));
        assert_eq!(b.image.color(), a.image.color(), "{}", path.display());
        for plane in 0..3 {
            let a = a.image.plane(plane);
            let b = b.image.plane(plane);
            assert!((0..a.rows).all(|y| a.row(y) == b.row(y)), "{}: frame {count}", path.display());
        }
        let a = a.pts.unwrap();
        let b = b.pts.unwrap();
        assert!(a.abs_diff(b) <= Duration::from_micros(1), "{}: {a:?}, {b:?}", path.display());
        count += 1;
    }
    count
}

#[test]
fn both_readers_give_the_same_h264() {
    let name = "both_readers_give_the_same_h264";
    if !is_installed(name) {
        return;
    }
    for name in ["tiny.mp4", "tiny_fragmented.mp4", "tiny_bt709_full.mp4"] {
        assert_eq!(same(&data(name), 100), 10, "{name}");
    }
    let full = Ffmpeg::open(data("tiny_bt709_full.mp4"), FfmpegSettings::default()).unwrap();
    assert_eq!(full.info().frame_rate, Some(10.0));
    let mut full = full;
    let color = full.next_picture().unwrap().unwrap().image.color();
    assert_eq!((color.matrix, color.range), (Matrix::Bt709, Range::Full));
    if let Some(folder) = shared(name) {
        assert_eq!(same(&folder.join("data/clips/walk2.mp4"), 40), 35);
    }
}

/// The files of `shared/data/bad` for which the program gives an error of its own.
const OWN_RESULTS: &[(&str, Want)] = &[
    ("truncated_moov_end.mp4", Nothing("moov atom not found")),
    ("random_bytes.mp4", Nothing("Invalid data found")),
    ("stsz_count_bomb.mp4", Nothing("Invalid data found")),
    ("avcc_zeroed.mp4", Nothing("avcc_zeroed.mp4")),
];

#[test]
fn the_shared_bad_files_give_the_results_of_their_readme() {
    let name = "the_shared_bad_files_give_the_results_of_their_readme";
    let Some(folder) = shared(name).filter(|_| is_installed(name)) else { return };
    let mut wrong = Vec::new();
    for &(name, want) in FFMPEG_RESULTS.iter().chain(OWN_RESULTS) {
        let path = folder.join("data/bad").join(name);
        let got = match Ffmpeg::open(&path, FfmpegSettings::default()) {
            Ok(mut source) => drain(&mut source),
            Err(e) => Outcome { fatal: Some(e), ..Default::default() },
        };
        wrong.extend(compare(name, want, &got));
        if name.starts_with("reschange") {
            assert!(got.sizes.iter().all(|&size| size == (480, 270)), "scaled to the first size");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ffmpeg_reads_the_files_that_video_refuses() {
    let name = "ffmpeg_reads_the_files_that_video_refuses";
    let Some(folder) = shared(name).filter(|_| is_installed(name)) else { return };
    let bad = folder.join("data/bad");
    for (name, frames) in [("hevc.mp4", 41), ("vp8.webm", 41), ("h264_444.mp4", 41), ("tiny2x2.mp4", 41)] {
        let refused = Video::open(bad.join(name)).is_err();
        assert_eq!(refused, name != "tiny2x2.mp4", "{name}");
        let mut video = Video::auto(bad.join(name), VideoSettings::default()).unwrap();
        assert_eq!(drain(&mut *video).frames.len(), frames, "{name}");
        let rusty = VideoSettings { decoder: Decoder::Rusty, ..VideoSettings::default() };
        assert_eq!(
            Video::auto(bad.join(name), rusty).is_err(),
            refused,
            "{name}: a chosen decoder has no fallback"
        );
    }
}

#[test]
fn a_video_over_the_limit_is_refused() {
    if !is_installed("a_video_over_the_limit_is_refused") {
        return;
    }
    let limits = DecodeLimits { video_pixels: 64 * 42 - 1, ..DecodeLimits::default() };
    let settings = FfmpegSettings {
        context: SourceContext { limits, ..SourceContext::default() },
        ..FfmpegSettings::default()
    };
    let error = Ffmpeg::open(data("tiny.mp4"), settings).unwrap_err();
    assert!(matches!(error, SourceError::TooLarge { .. } | SourceError::Malformed { .. }), "{error}");
}

/// Serves a file by HTTP. Returns its address, with a password in it.
fn serve(bytes: Vec<u8>, status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(thread::Builder::new().name("camera".into()).spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", bytes.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bytes));
        }
    }));
    format!("http://viewer:geheim@127.0.0.1:{port}/live")
}

#[test]
fn a_camera_drops_pictures_and_its_end_is_a_broken_connection() {
    if !is_installed("a_camera_drops_pictures_and_its_end_is_a_broken_connection") {
        return;
    }
    let address = serve(std::fs::read(data("tiny_fragmented.mp4")).unwrap(), "200 OK");
    let clock = ArrivalClock::new("capture-ffmpeg");
    let context = SourceContext { clock: Arc::new(clock.clone()), ..SourceContext::default() };
    let settings = FfmpegSettings {
        max_age: Duration::from_secs(60),
        connect_timeout: Duration::from_secs(60),
        context,
        ..FfmpegSettings::default()
    };
    let mut camera = Ffmpeg::connect(&address, settings).unwrap();
    assert!(camera.info().live && !camera.info().name.contains("geheim"), "{:?}", camera.info());
    clock.wait_for_arrivals(10);
    clock.clock.advance(Duration::from_millis(70));
    let mut pictures = 0;
    let mut lost = 0;
    let end = loop {
        match camera.next_picture() {
            Ok(Some(picture)) => {
                assert_eq!(picture.age, Duration::from_millis(70));
                pictures += 1;
            }
            Err(e) if e.lost().0 > 0 => {
                assert_eq!(e.lost().1, DropReason::Stale);
                lost += e.lost().0;
            }
            end => break end,
        }
    };
    // At most four pictures wait.
    assert_eq!((pictures, lost), (4, 6), "{end:?}");
    assert!(matches!(end, Err(SourceError::Disconnected { .. })), "{end:?}");
    assert!(matches!(camera.next_picture(), Ok(None)));
}

#[test]
fn the_error_of_a_camera_does_not_show_its_password() {
    if !is_installed("the_error_of_a_camera_does_not_show_its_password") {
        return;
    }
    let address = serve(Vec::new(), "401 Unauthorized");
    let error = Ffmpeg::connect(&address, FfmpegSettings::default()).unwrap_err();
    assert!(matches!(error, SourceError::Denied { .. }), "{error}");
    assert!(!error.to_string().contains("geheim"), "{error}");
    let address = address.replace("http:", "gopherus:");
    let error = Ffmpeg::connect(&address, FfmpegSettings::default()).unwrap_err();
    assert!(
        matches!(error, SourceError::Unsupported { .. }) && !error.to_string().contains("geheim"),
        "{error}"
    );
}

/// Returns the command lines of all processes that hold the text.
#[cfg(target_os = "linux")]
fn command_lines_with(text: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn the_list_of_processes_does_not_show_the_password_of_a_camera() {
    if !is_installed("the_list_of_processes_does_not_show_the_password_of_a_camera") {
        return;
    }
    let clip = std::fs::read(data("tiny_fragmented.mp4")).unwrap();
    let address = serve(clip, "200 OK").replace("geheim", "nur'fuer%20mich");
    let patient = FfmpegSettings { connect_timeout: Duration::from_secs(60), ..FfmpegSettings::default() };
    let camera = Ffmpeg::connect(&address, patient.clone()).unwrap();
    assert_eq!(command_lines_with("fuer%20mich"), Vec::<String>::new());
    drop(camera);
    // A format of one's own cannot be hidden with the address: this shows that the look above sees processes.
    let settings = FfmpegSettings { format: Some("mov".into()), ..patient };
    let camera = Ffmpeg::connect(&address, settings).unwrap();
    assert!(!command_lines_with("fuer%20mich").is_empty());
    drop(camera);
}

#[test]
fn a_camera_that_sends_a_list_of_files_is_refused() {
    if !is_installed("a_camera_that_sends_a_list_of_files_is_refused") {
        return;
    }
    let clip = data("tiny.mp4").display().to_string();
    for file in [clip.clone(), format!("file:{clip}"), "pipe:0".to_owned()] {
        let list = format!("ffconcat version 1.0\nfile '{file}'\n");
        let error =
            Ffmpeg::connect(&serve(list.into_bytes(), "200 OK"), FfmpegSettings::default()).unwrap_err();
        assert!(!matches!(error, SourceError::Io { .. }), "{error}");
    }
}

#[test]
fn without_the_program_the_error_has_the_command_that_installs_it() {
    let settings = FfmpegSettings { program: "no-such-ffmpeg".into(), ..FfmpegSettings::default() };
    let error = Ffmpeg::open(data("tiny.mp4"), settings).unwrap_err();
    assert!(matches!(error, SourceError::Unsupported { .. }), "{error:?}");
    assert!(error.to_string().contains("no-such-ffmpeg") && error.to_string().contains("apt install ffmpeg"));
}

#[cfg(unix)]
mod fake {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that runs a script.
    struct Program {
        _folder: tempfile::TempDir,
        path: PathBuf,
    }

    impl Program {
        fn new(script: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("ffmpeg");
            let script = format!("#!/bin/sh\necho $$ > {}.pid\n{script}\n", path.display());
            std::fs::write(&path, script).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            Self { _folder: folder, path }
        }

        /// Returns settings with long timeouts, since the machine may be busy.
        fn settings(&self) -> FfmpegSettings {
            FfmpegSettings {
                program: self.path.clone(),
                connect_timeout: Duration::from_secs(60),
                stall_timeout: Duration::from_secs(60),
                ..FfmpegSettings::default()
            }
        }

        fn open(&self) -> Result<Ffmpeg, SourceError> {
            self.open_with(&self.settings())
        }

        fn open_with(&self, settings: &FfmpegSettings) -> Result<Ffmpeg, SourceError> {
            // A file that was just written cannot be run while another thread starts a program.
            for _ in 0..50 {
                match Ffmpeg::open(data("tiny.mp4"), settings.clone()) {
                    Err(SourceError::Io { cause, .. })
                        if cause.kind() == std::io::ErrorKind::ExecutableFileBusy =>
                    {
                        thread::sleep(Duration::from_millis(10));
                    }
                    other => return other,
                }
            }
            panic!("{} stays busy", self.path.display());
        }

        /// Returns true if its process has ended and was reaped.
        fn is_gone(&self) -> bool {
            let pid = std::fs::read_to_string(format!("{}.pid", self.path.display())).unwrap();
            !Path::new("/proc").join(pid.trim()).exists()
        }
    }

    /// Returns a script that writes three pictures of 2x2.
    fn small() -> String {
        let color = "echo '[showinfo] [info] color_range:tv color_space:unknown' >&2";
        format!("{color}; cat {}", data("small.nut").display())
    }

    #[test]
    fn the_last_message_is_the_error() {
        let cases: [(&str, &str); 5] = [
            ("echo '[error] file:x: Invalid data found' >&2; exit 1", "Invalid data found"),
            ("head -c 100000 /dev/zero; exit 0", "gave no pictures"),
            ("exit 3", "exit status: 3"),
            // The status of a signal, as shells count it.
            ("kill -9 $$", "exit status: 137"),
            (
                "yes '[error] flood of words' | head -c 3000000 >&2; echo '[fatal] the last word' >&2; exit 1",
                "the last word",
            ),
        ];
        for (script, says) in cases {
            let program = Program::new(script);
            let error = program.open().unwrap_err();
            assert!(matches!(error, SourceError::Malformed { .. }), "{script}: {error:?}");
            let text = error.to_string();
            assert!(
                text.contains(says) && text.contains("tiny.mp4") && text.len() < 1000,
                "{script}: {text}"
            );
            assert!(program.is_gone(), "{script}");
        }
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        // It hangs before the first picture, and after the third one; itself, and with another process that holds its pipes.
        for hang in ["exec sleep 30", "sleep 30"] {
            let start = Instant::now();
            let program = Program::new(hang);
            let connect_timeout = Duration::from_millis(400);
            let settings = FfmpegSettings { connect_timeout, ..program.settings() };
            let error = program.open_with(&settings).unwrap_err();
            assert!(matches!(error, SourceError::Disconnected { .. }), "{error:?}");
            assert!(error.to_string().contains("no picture within 400.0ms"), "{error}");
            assert!(program.is_gone());

            let program = Program::new(&format!("{}; {hang}", small()));
            let stall_timeout = Duration::from_secs(1);
            let settings = FfmpegSettings { stall_timeout, ..program.settings() };
            let mut source = program.open_with(&settings).unwrap();
            (0..3).for_each(|_| assert!(source.next_picture().unwrap().is_some()));
            let error = source.next_picture().unwrap_err();
            assert!(matches!(error, SourceError::Stalled { .. }), "{error:?}");
            assert!(matches!(source.next_picture(), Ok(None)));
            drop(source);
            assert!(program.is_gone());
            assert!(start.elapsed() < Duration::from_secs(25), "{hang}: {:?}", start.elapsed());
        }
    }

    #[test]
    fn cancelling_kills_the_program() {
        for hang in ["exec sleep 30", "sleep 30"] {
            let program = Program::new(&format!("{}; {hang}", small()));
            let mut source = program.open().unwrap();
            (0..3).for_each(|_| assert!(source.next_picture().unwrap().is_some()));
            let cancel = source.cancel_handle().unwrap();
            let canceller = thread::Builder::new().name("canceller".into()).spawn(move || {
                thread::sleep(Duration::from_millis(50));
                cancel.cancel();
            });
            let start = Instant::now();
            assert!(matches!(source.next_picture(), Ok(None)));
            assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
            canceller.unwrap().join().unwrap();
            drop(source);
            assert!(program.is_gone());
        }
    }

    #[test]
    fn pictures_before_a_failure_come_out() {
        let program = Program::new(&format!("{}; echo '[error] disk on fire' >&2; exit 1", small()));
        let got = drain(&mut program.open().unwrap());
        assert_eq!(got.frames.len(), 3);
        let text = got.fatal.unwrap().to_string();
        assert!(text.contains("after 3 frames") && text.contains("disk on fire"), "{text}");
    }

    #[test]
    fn a_cut_off_stream_is_a_failure() {
        let program = Program::new(&format!("({}) | head -c 262", small()));
        let got = drain(&mut program.open().unwrap());
        assert_eq!(got.frames.len(), 2);
        assert!(matches!(got.fatal, Some(SourceError::Io { .. })), "{:?}", got.fatal);
        assert!(program.is_gone());
    }

    #[test]
    fn a_program_that_cannot_hide_an_address_gets_it_as_an_argument() {
        let refuse = "case \"$*\" in *pipe:0*) grep -q option && echo \"[error] unknown keyword 'option'\" >&2; exit 1;; esac";
        let program = Program::new(&format!("{refuse}\n{}\nsleep 60", small()));
        let mut camera = Ffmpeg::connect("rtsp://me:geheim@127.0.0.1:9/x", program.settings()).unwrap();
        assert!(camera.next_picture().unwrap().is_some());
    }

    #[test]
    fn an_older_program_gets_its_own_option() {
        let refuse = "case \"$*\" in *fps_mode*) echo \"Unrecognized option 'fps_mode'.\" >&2; exit 1;; esac";
        let program = Program::new(&format!("{refuse}\n{}", small()));
        assert_eq!(drain(&mut program.open().unwrap()).frames.len(), 3);
    }
}

#[test]
fn a_local_list_of_other_files_is_refused() {
    if !is_installed("a_local_list_of_other_files_is_refused") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = data("tiny.mp4").display().to_string();
    let lists = [
        ("list.ffconcat", format!("ffconcat version 1.0\nfile '{clip}'\n")),
        ("list.m3u8", format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n")),
    ];
    for (name, text) in lists {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let error = Ffmpeg::open(&path, FfmpegSettings::default()).unwrap_err();
        assert!(matches!(error, SourceError::Unsupported { .. }), "{name}: {error}");
        assert!(error.to_string().contains("#unrestricted=on"), "{name}: {error}");
    }
    for (input, format) in [("testsrc2", Some("lavfi")), ("concat:a|b", None), ("pipe:0", None)] {
        let settings = FfmpegSettings { format: format.map(str::to_owned), ..FfmpegSettings::default() };
        let error = Ffmpeg::connect(input, settings).unwrap_err();
        assert!(error.to_string().contains("#unrestricted=on"), "{input}: {error}");
    }
    let settings =
        FfmpegSettings { format: Some("lavfi".into()), unrestricted: true, ..FfmpegSettings::default() };
    assert!(Ffmpeg::connect("testsrc2=size=64x48", settings).is_ok(), "the switch allows everything");
}

/// In the test below, the name of the file for the program's process number. The test's own process plays the owner then.
#[cfg(target_os = "linux")]
const OWNER: &str = "PASSERBY_TEST_OWNER";

#[cfg(target_os = "linux")]
#[test]
fn the_program_ends_when_its_owner_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    if let Some(file) = std::env::var_os(OWNER) {
        let program = folder.path().join("ffmpeg");
        let script = format!("#!/bin/sh\necho $$ > {}\nexec sleep 1000\n", Path::new(&file).display());
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let settings = FfmpegSettings {
            program,
            connect_timeout: Duration::from_secs(600),
            ..FfmpegSettings::default()
        };
        drop(Ffmpeg::connect("rtsp://127.0.0.1:9/x", settings));
        return;
    }
    let file = folder.path().join("number");
    let mut owner = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ffmpeg::the_program_ends_when_its_owner_is_killed"])
        .env(OWNER, &file)
        .spawn()
        .unwrap();
    let wait = |done: &dyn Fn() -> bool| {
        let start = Instant::now();
        while !done() && start.elapsed() < Duration::from_secs(60) {
            thread::sleep(Duration::from_millis(10));
        }
        done()
    };
    let number = || std::fs::read_to_string(&file).unwrap_or_default().trim().to_owned();
    assert!(wait(&|| !number().is_empty()), "the program runs");
    let process = PathBuf::from(format!("/proc/{}", number()));
    assert!(process.exists());
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(wait(&|| !process.exists()), "the program has ended");
}
