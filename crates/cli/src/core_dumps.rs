//! Memory images of a crashed program.

/// Asks the system for no memory image if the program crashes: it would hold the passwords of cameras, and faces.
pub(crate) fn switch_off() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // The limit may always be lowered. A system without it makes no such images.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::process::{Resource, getrlimit};

    #[test]
    fn no_memory_image_is_made() {
        super::switch_off();
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }
}
