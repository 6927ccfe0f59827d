//! Files that only their owner may read.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Creates a file that only its owner may read and write (mode 0600), for embeddings and other data of persons. Empties the
/// file and takes the rights of others away if it exists. A pipe, a terminal and another device keep their rights.
///
/// On systems other than Unix the file has the rights of its folder.
///
/// # Errors
/// The error of the system if the file cannot be created, or belongs to another user.
///
/// ```
/// use std::io::Write;
///
/// let folder = tempfile::tempdir()?;
/// let mut file = passerby_store::create_owner_only(folder.path().join("faces.jsonl"))?;
/// file.write_all(b"{}\n")?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn create_owner_only(path: impl AsRef<Path>) -> io::Result<File> {
    let file = owner_only(OpenOptions::new().write(true).create(true).truncate(true)).open(path)?;
    restrict(&file)?;
    Ok(file)
}

/// Makes `options` create files that only their owner may read and write. Files that exist keep their rights.
pub(crate) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600)
    }
    #[cfg(not(unix))]
    options
}

/// Takes the rights of others at an open file away.
#[cfg(unix)]
pub(crate) fn restrict(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let meta = file.metadata()?;
    if meta.is_file() && meta.permissions().mode() & 0o077 != 0 {
        file.set_permissions(PermissionsExt::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn restrict(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().expect("a file").permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        create_owner_only(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_file_that_exists_becomes_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        create_owner_only(&path).unwrap();
        assert_eq!((mode(&path), path.metadata().unwrap().len()), (0o600, 0));
    }
}
