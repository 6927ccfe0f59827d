//! Redirections of cameras.

use url::Url;

use super::address::Address;

/// The most redirections in a row.
pub(crate) const MAX_REDIRECTS: usize = 5;

/// Returns the address to which a camera at `from` redirects by `location`.
///
/// Its host must be the same, unless `any_host` is true: a redirection could otherwise lead to any machine of the inner network.
/// The login goes on to the same scheme, host and port only. A login in the camera's own address is dropped, because it is
/// not the user's.
///
/// The error describes the fault, without any part of a path that may hold a secret.
pub(crate) fn redirect(
    from: &Address,
    location: Option<&str>,
    schemes: &[&str],
    any_host: bool,
) -> Result<Address, String> {
    let wrong = || "a redirection without a valid address".to_owned();
    let to = from.url().join(location.ok_or_else(wrong)?).map_err(|_| wrong())?;
    let to = Address::parse(to.as_str(), schemes).map_err(|_| wrong())?;
    if to.url().host() != from.url().host() && !any_host {
        let host = to.url().host_str().unwrap_or_default();
        return Err(format!(
            "the camera redirects to another host, {host}: give that address, or allow it with #redirect=any"
        ));
    }
    let same = origin(to.url()) == origin(from.url());
    Ok(to.with_login(from.login().filter(|_| same).cloned()))
}

fn origin(url: &Url) -> (&str, Option<&str>, Option<u16>) {
    let rtsp = match url.scheme() {
        "rtsp" => Some(554),
        "rtsps" => Some(322),
        _ => None,
    };
    (url.scheme(), url.host_str(), url.port_or_known_default().or(rtsp))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go(location: &str, any_host: bool) -> Result<(String, bool), String> {
        let from = Address::parse("rtsp://me:secret@cam/live/1", &["rtsp"]).unwrap();
        let to = redirect(&from, Some(location), &["rtsp"], any_host)?;
        Ok((to.url().to_string(), to.login().is_some()))
    }

    #[test]
    fn the_login_stays_with_its_host_and_port() {
        assert_eq!(go("/real", false), Ok(("rtsp://cam/real".into(), true)));
        assert_eq!(go("rtsp://cam:554/real", false), Ok(("rtsp://cam:554/real".into(), true)));
        assert_eq!(go("rtsp://cam:8554/x", false), Ok(("rtsp://cam:8554/x".into(), false)));
        assert_eq!(go("rtsp://you:other@cam/x", false), Ok(("rtsp://cam/x".into(), true)));
    }

    #[test]
    fn another_host_must_be_allowed() {
        assert!(go("rtsp://10.0.0.9/admin", false).unwrap_err().contains("another host, 10.0.0.9"));
        assert_eq!(go("rtsp://10.0.0.9/admin", true), Ok(("rtsp://10.0.0.9/admin".into(), false)));
        assert!(go("http://cam/", true).is_err() && go("rtsp://", true).is_err());
    }
}
