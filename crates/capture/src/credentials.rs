//! Hides the credentials in addresses.

/// The message for an `@` behind a `#`, which has cut a login in two.
pub(crate) const HASH_IN_LOGIN: &str = "an @ behind a #; in a name or a password # is written %23";

/// The longest part of a path that is shown if it comes first and looks like a word, and if it comes later.
const MAX_FIRST_PART: usize = 24;
const MAX_LATER_PART: usize = 4;
/// The most parts of a path that are shown.
const MAX_PARTS: usize = 4;
/// The most changes between letters and digits, or from small to capital letters, in a word. A key has more.
const MAX_CHANGES: usize = 2;
/// The words before a `:` that are no part of a login.
const KINDS: [&str; 4] = ["webcam", "v4l", "scene", "ffmpeg"];

/// Returns the part of an input's name that may be shown: of an address the scheme, the host, the port and a short path.
///
/// Everything else may hold a secret: the login, the query, the options behind a `#`, and long or unreadable parts of the path,
/// such as the key of a stream. They are left out or become `…`. For example, `http://me:secret@camera/video?pwd=x` becomes
/// `http://camera/video`. Of a name without `//` only a login in front of an `@` is hidden.
pub(crate) fn hide_credentials(text: &str) -> String {
    let address = text.split_once("//").filter(|(before, _)| before.is_empty() || before.ends_with(':'));
    let Some((before, rest)) = address else { return hide_login(text) };
    let scheme_at = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || "+-.:".contains(c)));
    let scheme = match scheme_at {
        Some(at) => format!("…{}", &before[at..].trim_start_matches(|c: char| !c.is_ascii_alphanumeric())),
        None => before.to_owned(),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host_at = rest[..end].rfind('@').or_else(|| rest.rfind('@')).map_or(0, |at| at + 1);
    let rest = &rest[host_at..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let is_host = |c: char| c.is_alphanumeric() || ".-_:[]%".contains(c);
    let host = if rest[..end].chars().all(is_host) { &rest[..end] } else { "…" };
    format!("{scheme}//{host}{}", short_path(&rest[end..]))
}

/// Returns the path as far as it may be shown. It begins with `/`, or is empty.
fn short_path(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if path == "/" {
        return path.to_owned();
    }
    let mut shown: Vec<&str> = Vec::new();
    for (place, part) in path.split('/').filter(|part| !part.is_empty()).enumerate() {
        let longest = if place == 0 { MAX_FIRST_PART } else { MAX_LATER_PART };
        let is_shown = part.len() <= longest && place < MAX_PARTS && is_word(part);
        if is_shown {
            shown.push(part);
        } else if shown.last() != Some(&"…") {
            shown.push("…");
        }
    }
    shown.iter().map(|part| format!("/{part}")).collect()
}

/// Returns true if the part of a path looks like words and small numbers, as in `h264Preview_01_main`, and not like a key.
fn is_word(part: &str) -> bool {
    let is_change = |pair: &[u8]| {
        let [from, to] = [pair[0], pair[1]];
        from.is_ascii_digit() != to.is_ascii_digit() || from.is_ascii_lowercase() && to.is_ascii_uppercase()
    };
    let words = part.split(['.', '-', '_']);
    part.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
        && words
            .into_iter()
            .all(|word| word.as_bytes().windows(2).filter(|pair| is_change(pair)).count() <= MAX_CHANGES)
}

/// Returns a name without `//` and without the login and the options that it may have.
fn hide_login(text: &str) -> String {
    let (kind, rest) = text.split_once(':').filter(|(kind, _)| KINDS.contains(kind)).unzip();
    let rest = rest.unwrap_or(text);
    let shown = match rest.rsplit_once('@') {
        Some((login, host)) if kind.is_some() || login.contains(':') => {
            let end = host.find(['/', '?', '#', '&']).unwrap_or(host.len());
            format!("…@{}", &host[..end])
        }
        _ if kind.is_some() => rest.split('#').next().unwrap_or_default().to_owned(),
        _ => rest.to_owned(),
    };
    kind.map(|kind| format!("{kind}:{shown}")).unwrap_or(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_as_scheme_host_port_and_a_short_path() {
        for (text, shown) in [
            ("http://a:b@c/video.mjpg", "http://c/video.mjpg"),
            ("http://a:b@c:8080/d@e", "http://c:8080/…"),
            ("rtsp://c", "rtsp://c"),
            ("rtsp://c/", "rtsp://c/"),
            ("rtsp://[::1]:554/live/1", "rtsp://[::1]:554/live/1"),
            ("rtsp://c/Streaming/Channels/101", "rtsp://c/Streaming/…/101"),
            ("rtsp://c/h264Preview_01_main", "rtsp://c/h264Preview_01_main"),
            ("rtsp://c/axis-media/media.amp?camera=1", "rtsp://c/axis-media/…"),
            ("ffmpeg:srt://c:9000?passphrase=x#format=mpegts", "ffmpeg:srt://c:9000"),
            ("//adm:secret@h/x", "//h/x"),
        ] {
            assert_eq!(hide_credentials(text), shown);
        }
    }

    #[test]
    fn nothing_that_may_be_a_secret_is_shown() {
        for text in [
            "http://c/v.cgi?user=a&Pwd=HUSH;rate=3&loginpas=HUSH",
            "http://c/v?%70wd=HUSH&psw=HUSH&access_token=HUSH",
            "rtsp://c/user=a_password=HUSH_channel=1_stream=0.sdp?real_stream",
            "rtmp://c/live/HUSH-HUSH-HUSH",
            "rtsp://c/a1HUSH2b3HUSH4c",
            "rtsp://c/live#token=HUSH",
            "rtsp://u:HU/SH@c/live",
            "rtsp://u:HUSH@c\u{1b}/live",
            "key=HUSH,http://c/x",
            "webcam:HUSH@x",
            "adm:HUSH@h/x",
            "ffmpeg:HUSH@x",
            "ffmpeg:device#secret=HUSH",
        ] {
            let shown = hide_credentials(text);
            assert!(!shown.contains("HUSH") && !shown.contains("HU/"), "{text}: {shown}");
        }
    }

    #[test]
    fn a_file_name_stays_as_it_is() {
        for name in ["clip@2x.mp4", "a//b.mp4", "door: 7.mp4"] {
            assert_eq!(hide_credentials(name), name);
        }
    }
}
