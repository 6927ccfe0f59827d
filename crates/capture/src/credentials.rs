//! Hides the credentials in addresses.

/// The message for an `@` behind a `#`, which has cut a login in two.
pub(crate) const HASH_IN_LOGIN: &str = "an @ behind a #; in a name or a password # is written %23";

/// The names of URL parameters in which some cameras take the login.
const LOGIN_PARAMETERS: [&str; 13] = [
    "user", "usr", "username", "login", "loginuse", "loginpas", "password", "passwd", "pass", "pwd", "token",
    "key", "auth",
];

/// Returns an address without its credentials.
///
/// This removes everything between `//` and the last `@` of the part behind it, and the values of parameters that are
/// named like a login. For example, `http://me:secret@camera/video?pwd=x` becomes `http://camera/video?pwd=…`.
pub(crate) fn hide_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("//") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rfind('@').or_else(|| rest.rfind('@')).map_or(0, |at| at + 1);
    let mut shown = format!("{scheme}//");
    for part in rest[host..].split_inclusive(['/', '?', '&', ';', ' ']) {
        match part.split_once('=') {
            Some((name, value)) if LOGIN_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()) => {
                let end = value.trim_start_matches(|c| !matches!(c, '/' | '?' | '&' | ';' | ' '));
                shown.extend([name, "=…", end]);
            }
            _ => shown.push_str(part),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_before_the_last_at_sign_is_hidden() {
        assert_eq!(hide_credentials("http://a:b@c/d@e"), "http://c/d@e");
    }

    #[test]
    fn the_values_of_login_parameters_are_hidden() {
        let shown = hide_credentials("http://c/v.cgi?user=a&Pwd=b;rate=3&loginpas=c");
        assert_eq!(shown, "http://c/v.cgi?user=…&Pwd=…;rate=3&loginpas=…");
        let shown = hide_credentials("rtsp://c/user=a_password=b_channel=1_stream=0.sdp?real_stream");
        assert_eq!(shown, "rtsp://c/user=…?real_stream");
    }

    #[test]
    fn a_file_name_stays_as_it_is() {
        assert_eq!(hide_credentials("clip@2x.mp4"), "clip@2x.mp4");
    }
}
