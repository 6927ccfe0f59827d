//! Builds the command line.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use super::allowed::{Allowed, scheme};
use super::hidden_address::{self, LIST_FORMAT, LIST_INPUT, LIST_PROTOCOL};
use super::settings::FfmpegSettings;
use crate::live::certificates::AcceptedCertificates;
use crate::live::rtsp_transport::RtspTransport;

/// The filter graph: the decoded pictures, in 4:2:0 with their own range, and `showinfo` for the first one.
const FILTER_GRAPH: &str = "[0:V:0]format=pix_fmts=yuv420p|yuvj420p,split[pictures][first];\
                     [first]trim=end_frame=1,showinfo,nullsink";

/// The option that makes pictures keep their times: its name since ffmpeg 5.1, and its older name.
pub(super) const NEW_PASSTHROUGH: &str = "-fps_mode";
pub(super) const OLD_PASSTHROUGH: &str = "-vsync";

/// A command, and the list of inputs that it reads from its standard input instead of an argument.
pub(super) struct FfmpegCommand {
    pub(super) command: Command,
    pub(super) list: Option<String>,
}

/// Builds the whole command. It doesn't run through a shell, and ffmpeg never takes the text behind `-i` for an option.
///
/// If `hide` is true, an address with secrets comes through a list, unless the settings have options that a list cannot give to its
/// inputs.
pub(super) fn build_command(
    input: &OsStr,
    live: bool,
    passthrough_option: &str,
    allowed: Option<&Allowed>,
    settings: &FfmpegSettings,
    hide: bool,
) -> FfmpegCommand {
    let mut command = Command::new(&settings.program);
    command.args(["-nostdin", "-hide_banner", "-nostats", "-loglevel", "repeat+level+info"]);
    if let Some(hwaccel) = &settings.hwaccel {
        command.args(["-hwaccel", hwaccel]);
    }
    command.args(["-threads", &settings.threads.to_string()]);
    command.args(["-max_pixels", &settings.context.limits.video_pixels.min(i64::MAX as u64).to_string()]);
    if live {
        // Not `-fflags nobuffer`: it silently drops everything up to the next key frame that was read to analyse the
        // stream. The kept frames are decoded faster than new ones come, so they cause no lasting delay.
        command.args(["-flags", "low_delay"]);
    }
    let options = input_options(input, live, settings);
    let is_free = settings.format.is_none() && settings.options.is_empty();
    let list = options
        .iter()
        .map(|(name, value)| Some((*name, value.to_str()?)))
        .collect::<Option<Vec<_>>>()
        .zip(input.to_str())
        .filter(|_| cfg!(unix) && hide && live && is_free)
        .and_then(|(options, address)| hidden_address::list(address, &options));
    if let Some(Allowed { formats, protocols }) = allowed {
        let (formats, protocols) = match list {
            Some(_) => (format!("{LIST_FORMAT},{formats}"), format!("{LIST_PROTOCOL},{protocols}")),
            None => (formats.clone(), (*protocols).to_owned()),
        };
        command.args(["-protocol_whitelist", &protocols, "-format_whitelist", &formats]);
    }
    if list.is_some() {
        // A list whose inputs may be addresses.
        command.args(["-safe", "0", "-f", LIST_FORMAT, "-i", LIST_INPUT]);
    } else {
        for (name, value) in &options {
            command.arg(format!("-{name}")).arg(value);
        }
        if let Some(format) = &settings.format {
            command.args(["-f", format]);
        }
        command.args(&settings.options).arg("-i").arg(input);
    }
    command.args(["-filter_complex_threads", "1", "-filter_complex", FILTER_GRAPH, "-map", "[pictures]"]);
    command.args([passthrough_option, "passthrough", "-enc_time_base", "1/1000000"]);
    command.args(["-c:v", "rawvideo", "-f", "nut", "-write_index", "0", "-flush_packets", "1", "pipe:1"]);
    FfmpegCommand { command, list }
}

/// Returns the options of the reader of this input, by their names without `-`.
fn input_options(input: &OsStr, live: bool, settings: &FfmpegSettings) -> Vec<(&'static str, OsString)> {
    let mut options = Vec::new();
    if live && has_scheme(input, &["rtsp", "rtsps"]) {
        let (name, value) = match settings.transport {
            RtspTransport::Auto => ("rtsp_flags", "prefer_tcp"),
            RtspTransport::Tcp => ("rtsp_transport", "tcp"),
            RtspTransport::Udp => ("rtsp_transport", "udp"),
        };
        options.push((name, value.into()));
    }
    if has_scheme(input, &["https", "tls", "rtmps", "rtmpts"]) {
        let verify = if settings.certificates == AcceptedCertificates::Any { "0" } else { "1" };
        options.push(("tls_verify", verify.into()));
        if let AcceptedCertificates::Named(path) = &settings.certificates {
            options.push(("ca_file", path.into()));
        }
    }
    options
}

/// Returns the input for a file, which ffmpeg cannot mistake for an address or an option.
pub(super) fn file_input(path: &OsStr) -> OsString {
    let mut input = OsString::from("file:");
    input.push(path);
    input
}

pub(super) fn has_scheme(input: &OsStr, schemes: &[&str]) -> bool {
    let input = input.to_string_lossy();
    scheme(&input).is_some_and(|scheme| schemes.contains(&scheme.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn args(input: &OsStr, live: bool, settings: &FfmpegSettings) -> String {
        let allowed = Allowed::new(input, settings).unwrap();
        let built = build_command(input, live, NEW_PASSTHROUGH, allowed.as_ref(), settings, true);
        built.command.get_args().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_file_name_is_never_an_address_or_option() {
        let settings = FfmpegSettings::default();
        for name in ["-y", "http://x/y", "concat:a|b", "pipe:0"] {
            let args = args(&file_input(Path::new(name).as_os_str()), false, &settings);
            assert!(args.contains(&format!(" -i file:{name} -filter")), "{args}");
            assert!(args.starts_with("-nostdin ") && !args.contains("low_delay"), "{args}");
        }
    }

    #[test]
    fn certificates_are_checked_unless_the_user_says_otherwise() {
        let with = |certificates| {
            let settings = FfmpegSettings { certificates, ..FfmpegSettings::default() };
            args(OsStr::new("https://cam/x"), true, &settings)
        };
        assert!(with(AcceptedCertificates::System).contains("-tls_verify 1 -i https"));
        assert!(
            with(AcceptedCertificates::Named("cam.pem".into()))
                .contains("-tls_verify 1 -ca_file cam.pem -i https")
        );
        assert!(with(AcceptedCertificates::Any).contains("-tls_verify 0 -i https"));
        assert!(!args(OsStr::new("http://cam/x"), true, &FfmpegSettings::default()).contains("tls_verify"));
    }

    #[test]
    #[cfg(unix)]
    fn an_address_with_a_secret_is_no_argument() {
        let input = OsStr::new("https://me:HUSH@cam/x");
        let settings = FfmpegSettings::default();
        let args = args(input, true, &settings);
        assert!(!args.contains("HUSH") && args.contains("-f concat -i pipe:0 -filter"), "{args}");
        assert!(args.contains("-protocol_whitelist pipe,") && args.contains("-format_whitelist concat,"));
        let allowed = Allowed::new(input, &settings).unwrap();
        let list = build_command(input, true, NEW_PASSTHROUGH, allowed.as_ref(), &settings, true).list;
        assert!(list.unwrap().ends_with("file 'https://me:HUSH@cam/x'\noption tls_verify '1'\n"));
    }

    #[test]
    fn settings_become_options_before_the_input() {
        let settings = FfmpegSettings {
            hwaccel: Some("auto".into()),
            threads: 3,
            format: Some("mpegts".into()),
            transport: RtspTransport::Udp,
            options: vec!["-probesize".into(), "5000".into()],
            ..FfmpegSettings::default()
        };
        let args = args(OsStr::new("rtsps://cam/x"), true, &settings);
        let before = args.split(" -i rtsps://cam/x ").next().unwrap();
        let parts = [
            "-hwaccel auto",
            "-threads 3",
            "-rtsp_transport udp",
            "-protocol_whitelist rtsp,",
            "-f mpegts -probesize 5000",
            "low_delay",
        ];
        for part in parts {
            assert!(before.contains(part), "{part}: {args}");
        }
    }
}
