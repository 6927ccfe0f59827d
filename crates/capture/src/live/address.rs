//! The address of a network camera, with its login.

use std::fmt;

use passerby_types::SourceError;
use url::Url;

use crate::credentials::{HASH_IN_LOGIN, hide_credentials};

/// A camera's address. Its `Display` and `Debug` don't show credentials.
#[derive(Clone)]
pub(crate) struct Address {
    /// The URL without the login.
    url: Url,
    login: Option<Login>,
}

/// A name and a password. Its `Debug` shows neither.
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
    /// Reads an address, which must have one of `schemes`.
    ///
    /// # Errors
    /// [`SourceError::Malformed`] with a description of the fault. It doesn't hold any part of the address that may be a
    /// password.
    pub(crate) fn parse(text: &str, schemes: &[&str]) -> Result<Self, SourceError> {
        let wrong = |what: String| SourceError::malformed(hide_credentials(text), what);
        // Without a scheme, the place of a password isn't known.
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        if !scheme.is_some_and(|scheme| scheme.bytes().all(|b| b.is_ascii_alphanumeric())) {
            let what = format!("an address begins with {}://", schemes.join(":// or "));
            return Err(SourceError::malformed("…", what));
        }
        if text.split_once('#').is_some_and(|(_, behind)| behind.contains('@')) {
            return Err(wrong(HASH_IN_LOGIN.into()));
        }
        let mut url = Url::parse(text).map_err(|e| wrong(format!("not an address: {e}")))?;
        if !schemes.contains(&url.scheme()) {
            return Err(wrong(format!("an address with {}:// is needed", schemes.join(":// or "))));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("the address has no host".into()));
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

    /// Returns the address with this login instead of its own.
    pub(crate) fn with_login(self, login: Option<Login>) -> Self {
        Self { login, ..self }
    }

    /// Returns the URL without the login.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the path as far as it may be shown. For example `/live/1`.
    pub(crate) fn path(&self) -> String {
        let shown = self.to_string();
        let host = shown.split_once("//").map_or(0, |(scheme, _)| scheme.len() + 2);
        shown[host..].find(['/', '?']).map_or_else(|| "/".into(), |path| shown[host + path..].to_owned())
    }

    pub(crate) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hide_credentials(self.url.as_str()))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hide_credentials(self.url.as_str()).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_is_read_but_never_shown() {
        let address =
            Address::parse("rtsp://ad%40min:p%2Fw%20d@camera:8554/live?x=1#frag", &["rtsp"]).unwrap();
        let login = address.login().unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("ad@min", "p/w d"));
        assert_eq!(address.to_string(), "rtsp://camera:8554/live");
        assert!(!format!("{address:?} {login:?}").contains("min"));
        assert_eq!(Address::parse("rtsp://camera/", &["rtsp"]).unwrap().login(), None);
    }

    #[test]
    fn the_path_is_shown_without_a_password() {
        let path = |text| Address::parse(text, &["rtsp"]).unwrap().path();
        assert_eq!(path("rtsp://me:secret@camera:8554/live/1?channel=2&pwd=secret"), "/live/1");
        assert_eq!(path("rtsp://camera"), "/");
    }

    #[test]
    fn the_error_of_a_wrong_address_does_not_show_its_password() {
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
    }
}
