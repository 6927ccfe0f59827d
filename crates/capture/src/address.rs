//! Where a camera is in the network, and who may look at it.

use std::fmt;

use passerby_types::SourceError;
use url::Url;

/// A camera's address. What it shows of itself has no credentials in it.
#[derive(Clone)]
pub(crate) struct Address {
    /// Without credentials.
    url: Url,
    login: Option<Login>,
}

/// A name and a password. Shows neither.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl Address {
    /// Reads an address of one of these schemes.
    ///
    /// # Errors
    /// [`SourceError::Malformed`] with what is wrong, without any part of the address that may hold a password.
    pub(crate) fn parse(text: &str, schemes: &[&str]) -> Result<Self, SourceError> {
        let wrong = |what: String| SourceError::Malformed { input: hide(text), what };
        // Without one nothing tells where a password would be.
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        if !scheme.is_some_and(|scheme| scheme.bytes().all(|b| b.is_ascii_alphanumeric())) {
            let what = format!("an address begins with {}://", schemes.join(":// or "));
            return Err(SourceError::Malformed { input: "…".into(), what });
        }
        if text.split_once('#').is_some_and(|(_, behind)| behind.contains('@')) {
            return Err(wrong(HASH.into()));
        }
        let mut url = Url::parse(text).map_err(|e| wrong(format!("no address: {e}")))?;
        if !schemes.contains(&url.scheme()) {
            return Err(wrong(format!("an address with {}:// is needed", schemes.join(":// or "))));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("the address names no host".into()));
        }
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = (!url.username().is_empty() || url.password().is_some())
            .then(|| Login { user: decode(url.username()), password: decode(url.password().unwrap_or("")) });
        if url.set_username("").is_err() || url.set_password(None).is_err() {
            return Err(wrong("an address that cannot have a name and a password".into()));
        }
        url.set_fragment(None);
        Ok(Self { url, login })
    }

    /// The address without credentials.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hide(self.url.as_str()))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hide(self.url.as_str()).fmt(f)
    }
}

/// What is wrong with an `@` behind a `#`: a login that was cut in two.
pub(crate) const HASH: &str = "an @ behind a #; in a name or a password # is written %23";

/// What cameras that take the login in the address call it there.
const LOGIN: [&str; 13] = [
    "user", "usr", "username", "login", "loginuse", "loginpas", "password", "passwd", "pass", "pwd", "token",
    "key", "auth",
];

/// An address as the user gave it, without what stands between `//` and the last `@` of its first part, and without the
/// values of parameters that are called like a login.
pub(crate) fn hide(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("//") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let at = rest[..end].rfind('@').or_else(|| rest.rfind('@')).map_or(0, |at| at + 1);
    let mut shown = format!("{scheme}//");
    for part in rest[at..].split_inclusive(['/', '?', '&', ';', ' ']) {
        match part.split_once('=') {
            Some((name, value)) if LOGIN.contains(&name.to_ascii_lowercase().as_str()) => {
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
    fn credentials_are_read_and_never_shown() {
        let address =
            Address::parse("rtsp://ad%40min:p%2Fw%20d@camera:8554/live?x=1#frag", &["rtsp"]).unwrap();
        let login = address.login().unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("ad@min", "p/w d"));
        assert_eq!(address.to_string(), "rtsp://camera:8554/live?x=1");
        assert!(!format!("{address:?} {login:?}").contains("min"));
        assert_eq!(Address::parse("rtsp://camera/", &["rtsp"]).unwrap().login(), None);
    }

    #[test]
    fn what_is_no_address_is_told_without_its_password() {
        for text in [
            "rtsp://user:secret@",
            "rtsp://user:sec/ret@camera:99999/",
            "ftp://user:secret@camera/",
            "rtsp://user:secret@camera:port/",
            "rtsp://user:sec#ret@camera/",
            "rtsp://user:12#ret@camera/",
            "rtsp:/user:secret@camera/",
            "rtsp:user:secret@camera",
            "rtsp://",
            "user:secret",
        ] {
            let error = Address::parse(text, &["rtsp", "rtsps"]).unwrap_err().to_string();
            assert!(!["ret@", "user:sec", "user:12"].iter().any(|part| error.contains(part)), "{error}");
        }
        assert_eq!(hide("http://a:b@c/d@e"), "http://c/d@e");
        let shown = hide("http://c/v.cgi?user=a&Pwd=b;rate=3&loginpas=c");
        assert_eq!(shown, "http://c/v.cgi?user=…&Pwd=…;rate=3&loginpas=…");
        let shown = hide("rtsp://c/user=a_password=b_channel=1_stream=0.sdp?real_stream");
        assert_eq!(shown, "rtsp://c/user=…?real_stream");
        assert_eq!(hide("clip@2x.mp4"), "clip@2x.mp4");
    }
}
