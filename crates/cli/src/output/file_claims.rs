//! The rule that no output is an input or another output. Every command that writes files must claim each before it opens any.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use passerby::capture::Input;
use passerby::types::BoxError;

/// The most symbolic links that a path may go through.
const MAX_LINKS: usize = 40;

/// The files that a command reads and writes, each with its use.
///
/// Two names are one file if they have the same device and inode, so that hard links, symbolic links and other spellings are
/// found out. A name without a file is compared by its real path.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileClaims {
    uses: BTreeMap<FileKey, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum FileKey {
    #[cfg(unix)]
    Inode(u64, u64),
    Path(PathBuf),
}

impl FileClaims {
    /// Creates the claims of a command that reads these files. They must be single files, so patterns and folders must have
    /// been expanded. Standard output and standard error count too if they go into files.
    pub(crate) fn of_inputs<'a>(inputs: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut claims = Self::default();
        for (stream, name) in [("/dev/stdout", "standard output"), ("/dev/stderr", "standard error")] {
            if Path::new(stream).metadata().is_ok_and(|meta| meta.is_file()) {
                claims.add(Path::new(stream), name);
            }
        }
        for input in inputs {
            claims.add(input, &format!("the input {}", input.display()));
        }
        claims
    }

    /// Claims a file for the output `option`, for example `--faces`.
    ///
    /// # Errors
    /// The file is an input or an output already.
    pub(crate) fn claim(&mut self, option: &str, path: &Path) -> Result<(), BoxError> {
        let Some(key) = key(path) else { return Ok(()) };
        if let Some(other) = self.uses.get(&key) {
            return Err(format!("{option} {}: is the file of {other} too", path.display()).into());
        }
        self.uses.insert(key, option.to_owned());
        Ok(())
    }

    /// Claims an SQLite database with its companions.
    ///
    /// # Errors
    /// As for [`FileClaims::claim`].
    pub(crate) fn claim_database(&mut self, option: &str, path: &Path) -> Result<(), BoxError> {
        self.claim(option, path)?;
        for companion in ["-wal", "-shm", "-journal", "-gallery"] {
            let mut name = path.as_os_str().to_owned();
            name.push(companion);
            self.claim(option, Path::new(&name))?;
        }
        Ok(())
    }

    /// Returns the use of a file if it is claimed.
    pub(crate) fn use_of(&self, path: &Path) -> Option<&str> {
        key(path).and_then(|key| self.uses.get(&key)).map(String::as_str)
    }

    fn add(&mut self, path: &Path, name: &str) {
        if let Some(key) = key(path) {
            self.uses.entry(key).or_insert_with(|| name.to_owned());
        }
    }
}

/// Returns the files that the user named as inputs, with those of folders and patterns.
pub(crate) fn input_files(words: &[OsString]) -> Vec<PathBuf> {
    let inputs = words.iter().filter_map(|word| Input::expand(word).ok()).flatten();
    inputs.filter_map(|input| input.as_path().map(Path::to_path_buf)).collect()
}

/// Returns what makes the file one file, or `None` for a terminal and other devices, which several outputs may share.
fn key(path: &Path) -> Option<FileKey> {
    match path.metadata() {
        Ok(meta) if is_device(&meta) => None,
        #[cfg(unix)]
        Ok(meta) => {
            use std::os::unix::fs::MetadataExt;
            Some(FileKey::Inode(meta.dev(), meta.ino()))
        }
        #[cfg(not(unix))]
        Ok(_) => Some(FileKey::Path(path.canonicalize().unwrap_or_else(|_| path.to_path_buf()))),
        Err(_) => Some(FileKey::Path(future_path(path))),
    }
}

fn is_device(meta: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        meta.file_type().is_char_device() || meta.file_type().is_block_device()
    }
    #[cfg(not(unix))]
    {
        let _ = meta;
        false
    }
}

/// Returns the real path of a file that does not exist yet.
fn future_path(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        // A link to a file that does not exist makes that file.
        let Ok(target) = path.read_link() else { break };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    let name = path.components().next_back();
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match (parent.canonicalize(), name) {
        (Ok(parent), Some(Component::Normal(name))) => parent.join(name),
        _ => path,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Returns a folder with the input `a.mp4`.
    fn folder() -> (tempfile::TempDir, PathBuf, FileClaims) {
        let folder = tempfile::tempdir().expect("a folder");
        let input = folder.path().join("a.mp4");
        fs::write(&input, "video").expect("a file");
        let claims = FileClaims::of_inputs([input.as_path()]);
        (folder, input, claims)
    }

    #[test]
    fn every_name_of_an_input_is_refused() {
        let (folder, input, mut claims) = folder();
        let path = |name: &str| folder.path().join(name);
        fs::hard_link(&input, path("hard")).unwrap();
        symlink(&input, path("soft")).unwrap();
        symlink(folder.path(), path("sub")).unwrap();
        for name in ["a.mp4", "./a.mp4", "hard", "soft", "sub/a.mp4", "sub/../a.mp4"] {
            let name = if name == "sub/../a.mp4" { folder.path().join("./sub/./a.mp4") } else { path(name) };
            let error = claims.claim("--faces", &name).unwrap_err().to_string();
            assert!(error.starts_with("--faces ") && error.contains("the input"), "{error}");
        }
        assert!(claims.use_of(&path("hard")).is_some() && claims.use_of(&path("b.mp4")).is_none());
    }

    #[test]
    fn two_outputs_cannot_share_a_file_that_does_not_exist_yet() {
        let (folder, _, mut claims) = folder();
        let path = |name: &str| folder.path().join(name);
        symlink(path("new"), path("link")).unwrap();
        claims.claim("--mot", &path("new")).unwrap();
        for name in ["new", "./new", "link"] {
            let error = claims.claim("--csv", &path(name)).unwrap_err().to_string();
            assert!(error.ends_with("is the file of --mot too"), "{error}");
        }
        claims.claim("--csv", &path("other")).unwrap();
    }

    #[test]
    fn the_companions_of_a_database_are_its_own() {
        let (folder, _, mut claims) = folder();
        claims.claim_database("--db", &folder.path().join("x.db")).unwrap();
        assert!(claims.claim("--faces", &folder.path().join("x.db-wal")).is_err());
    }

    #[test]
    fn outputs_may_share_a_device() {
        let mut claims = FileClaims::default();
        claims.claim("--faces", Path::new("/dev/null")).unwrap();
        claims.claim("--csv", Path::new("/dev/null")).unwrap();
    }
}
