//! Passwords and tokens, which come from the environment or from files.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// A password or a token. No `Debug` output shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The place of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretPlace<'a> {
    /// In the environment variable of this name.
    Env(&'a str),
    /// In the first line of this file.
    File(&'a Path),
}

/// Why a secret cannot be read. It never has the secret in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The environment variable is not set, or is not text.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// The file cannot be read.
    #[error("{path}: {cause}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// The variable or the first line of the file is empty.
    #[error("{0} is empty")]
    Empty(String),
}

impl<'a> SecretPlace<'a> {
    /// Returns the place that is set, the variable if both are, or `None` if neither is.
    #[must_use]
    pub fn of(env: Option<&'a str>, file: Option<&'a Path>) -> Option<Self> {
        env.map(Self::Env).or(file.map(Self::File))
    }

    /// Reads the secret at the place that is set, or returns `None` if neither is.
    ///
    /// # Errors
    /// As for [`SecretPlace::read`].
    pub(crate) fn read_optional(
        env: Option<&'a str>,
        file: Option<&'a Path>,
    ) -> Result<Option<Secret>, SecretError> {
        Self::of(env, file).map(Self::read).transpose()
    }

    /// Reads the secret.
    ///
    /// # Errors
    /// The variable is not set, the file cannot be read, or it is empty.
    pub fn read(self) -> Result<Secret, SecretError> {
        let (text, place) = match self {
            Self::Env(name) => {
                let text = std::env::var(name).map_err(|_| SecretError::NotSet(name.to_owned()))?;
                (text, format!("the environment variable {name}"))
            }
            Self::File(path) => {
                let text = fs::read_to_string(path)
                    .map_err(|cause| SecretError::File { path: path.to_owned(), cause })?;
                (text.lines().next().unwrap_or_default().to_owned(), path.display().to_string())
            }
        };
        if text.is_empty() { Err(SecretError::Empty(place)) } else { Ok(Secret(text)) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "hunter2\nmore\n").unwrap();
        let secret = SecretPlace::File(&path).read().unwrap();
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret:?}"), "Secret");
    }

    #[test]
    fn a_secret_that_is_missing_or_empty_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert!(matches!(SecretPlace::File(&path).read(), Err(SecretError::File { .. })));
        fs::write(&path, "\n").unwrap();
        assert!(matches!(SecretPlace::File(&path).read(), Err(SecretError::Empty(_))));
        let unset = SecretPlace::Env("PASSERBY_TEST_NO_SUCH_VARIABLE").read();
        assert!(matches!(unset, Err(SecretError::NotSet(_))));
    }
}
