//! The formats and protocols that the program may use.
//!
//! ffmpeg has formats that read other files (playlists, `concat`), load libraries or write files (`lavfi`), and protocols that
//! do the same. An input from outside must not be able to name them.

use std::ffi::OsStr;

use super::settings::FfmpegSettings;
use crate::file::containers::CONTAINERS;

/// Beside the containers, the formats of files that hold pictures.
const PICTURE_FORMATS: &str = "gif,apng,mjpeg,mpjpeg";
/// Beside these, the formats of streams. A playlist from a network can name addresses of a network alone.
const STREAM_FORMATS: &str = "rtsp,rtp,hls,live_flv,jpeg_pipe,aac";
/// The devices.
const DEVICES: &str = "v4l2,video4linux2,dshow,vfwcap,avfoundation,gdigrab,x11grab,xcbgrab,kmsgrab,fbdev,decklink,iec61883,libdc1394,\
                       android_camera";
/// The paths of the cameras of Video4Linux, which ffmpeg knows by their names.
pub(super) const V4L2_PREFIX: &str = "/dev/video";
/// The protocols of networks, with those that they use themselves.
const PROTOCOLS: &str = "rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,httpproxy,crypto,srt,rist,sctp,rtmp,rtmpe,rtmps,rtmpt,rtmpte,rtmpts,\
                         ffrtmphttp,ffrtmpcrypt,mms,mmsh,mmst";
/// Protocols of the list that only others use.
const INNER_PROTOCOLS: [&str; 4] = ["crypto", "httpproxy", "ffrtmphttp", "ffrtmpcrypt"];

/// The lists for one input.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) formats: String,
    pub(super) protocols: &'static str,
}

impl Allowed {
    /// Returns the lists for an input of ffmpeg, or `None` if the settings allow everything.
    ///
    /// The error describes an input that is not allowed.
    pub(super) fn new(input: &OsStr, settings: &FfmpegSettings) -> Result<Option<Self>, String> {
        if settings.unrestricted {
            return Ok(None);
        }
        let refuse = |what: String| Err(format!("{what}; if you trust it, add #unrestricted=on"));
        let format = settings.format.as_deref();
        let is_in = |list: &str, name: &str| list.split(',').any(|known| known == name);
        if let Some(device) = format.filter(|format| is_in(DEVICES, format)) {
            return Ok(Some(Self { formats: device.to_owned(), protocols: "file" }));
        }
        let input = input.to_string_lossy();
        if format.is_none() && input.starts_with(V4L2_PREFIX) {
            return Ok(Some(Self { formats: "video4linux2,v4l2".into(), protocols: "file" }));
        }
        let (formats, protocols) = match scheme(&input) {
            Some("file") => (format!("{CONTAINERS},{PICTURE_FORMATS}"), "file"),
            Some(scheme) => {
                let scheme = scheme.to_ascii_lowercase();
                if !is_in(PROTOCOLS, &scheme) || INNER_PROTOCOLS.contains(&scheme.as_str()) {
                    return refuse(format!(
                        "protocol {scheme}:, which may read other files or do more than that"
                    ));
                }
                (format!("{CONTAINERS},{PICTURE_FORMATS},{STREAM_FORMATS}"), PROTOCOLS)
            }
            None => return refuse("input without a protocol".into()),
        };
        match format {
            Some(format) if !is_in(&formats, format) => {
                refuse(format!("format {format}, which may read other files or do more than that"))
            }
            _ => Ok(Some(Self { formats, protocols })),
        }
    }
}

/// Returns the scheme of an address. `None` for a path. A single letter is a drive of Windows.
pub(super) fn scheme(input: &str) -> Option<&str> {
    let (scheme, _) = input.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    is_scheme.then_some(scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(input: &str, format: Option<&str>) -> Result<Option<Allowed>, String> {
        let settings = FfmpegSettings { format: format.map(str::to_owned), ..FfmpegSettings::default() };
        Allowed::new(OsStr::new(input), &settings)
    }

    #[test]
    fn everything_that_reads_other_files_needs_the_switch() {
        for (input, format) in [
            ("concat:a.ts|b.ts", None),
            ("subfile,,start,0,end,9,,:/etc/passwd", None),
            ("data:text/plain,x", None),
            ("pipe:0", None),
            ("crypto:file", None),
            ("async:file:x", None),
            ("CONCATF:list", None),
            ("movie.lua", None),
            ("testsrc2", Some("lavfi")),
            ("file:list.txt", Some("concat")),
            ("file:list.m3u8", Some("hls")),
            ("file:x", Some("image2")),
            ("http://cam/x", Some("concat")),
        ] {
            let refused = allowed(input, format).unwrap_err();
            assert!(refused.contains("#unrestricted=on"), "{input}: {refused}");
            let unrestricted = FfmpegSettings { unrestricted: true, ..FfmpegSettings::default() };
            assert_eq!(Allowed::new(OsStr::new(input), &unrestricted), Ok(None));
        }
    }

    #[test]
    fn files_streams_and_devices_have_their_lists() {
        let file = allowed("file:/x/clip.mkv", Some("matroska")).unwrap().unwrap();
        assert!(file.protocols == "file" && !file.formats.contains("hls"), "{file:?}");
        let stream = allowed("RTSP://cam/1", None).unwrap().unwrap();
        assert!(!stream.protocols.contains("file") && stream.formats.contains("rtsp"), "{stream:?}");
        let device = allowed("/dev/video0", Some("v4l2")).unwrap().unwrap();
        assert_eq!(device.formats, "v4l2");
        assert!(allowed("video=Camera", Some("dshow")).is_ok());
    }

    #[test]
    fn a_path_has_no_scheme() {
        assert_eq!(["C:\\x", "/a:b", "a b:c", "x"].map(scheme), [None; 4]);
        assert_eq!(scheme("srt://x"), Some("srt"));
    }
}
