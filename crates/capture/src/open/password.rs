//! Passwords that stand in the environment or in a file, where other users of the machine cannot read them.

use std::borrow::Cow;

use passerby_types::SourceError;
use url::Url;

use super::options::Options;

/// The longest password that is read from a file.
const MAX_LEN: usize = 4096;

/// Reads the options `password-env` and `password-file`, and returns the address with the password.
pub(super) fn with_password<'a>(
    address: &'a str,
    options: &mut Options,
) -> Result<Cow<'a, str>, SourceError> {
    let name = options.value("password-env", "the name of an environment variable", non_empty)?;
    let file = options.value("password-file", "the path of a file", non_empty)?;
    let password = match (name, file) {
        (None, None) => return Ok(address.into()),
        (Some(name), None) => std::env::var(&name)
            .map_err(|_| options.malformed(format!("the environment variable {name} holds no password"))),
        (None, Some(path)) => {
            read(&path).map_err(|e| options.malformed(format!("password-file {path}: {e}")))
        }
        (Some(_), Some(_)) => Err(options.malformed("either password-env or password-file".into())),
    }?;
    let wrong = || options.malformed("an address that cannot have a password".into());
    let mut url = Url::parse(address).map_err(|_| wrong())?;
    url.set_password(Some(&password)).map_err(|()| wrong())?;
    Ok(String::from(url).into())
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns the first line of a file.
fn read(path: &str) -> std::io::Result<String> {
    let text = std::fs::read_to_string(path)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() || line.len() > MAX_LEN {
        return Err(std::io::Error::other("its first line is no password"));
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str, text: &str) -> Result<String, String> {
        let mut options = Options::parse("camera", "a camera", text);
        with_password(address, &mut options).map(Cow::into_owned).map_err(|e| e.to_string())
    }

    #[test]
    fn a_password_comes_from_a_file_or_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "p@ss/wörd #1\nsecond line\n").unwrap();
        let option = format!("password-file={}", path.display());
        let address = of("rtsp://ana@cam/live", &option).unwrap();
        assert_eq!(address, "rtsp://ana:p%40ss%2Fw%C3%B6rd%20%231@cam/live");
        assert_eq!(of("rtsp://cam/", "").unwrap(), "rtsp://cam/");
        // Cargo sets this variable for every test.
        let name = env!("CARGO_PKG_NAME");
        assert_eq!(
            of("http://ana@cam/", "password-env=CARGO_PKG_NAME"),
            Ok(format!("http://ana:{name}@cam/"))
        );
    }

    #[test]
    fn a_missing_password_is_an_error_without_it() {
        assert!(of("rtsp://cam/", "password-env=PASSERBY_NO_SUCH").unwrap_err().contains("PASSERBY_NO_SUCH"));
        assert!(of("rtsp://cam/", "password-file=/no/such/file").unwrap_err().contains("/no/such/file"));
        assert!(of("rtsp://cam/", "password-env").is_err() && of("rtsp://cam/", "password-file=").is_err());
    }
}
