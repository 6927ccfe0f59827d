//! Addresses that other users of the machine must not see in the list of processes.

use crate::credentials::hide_credentials;

/// The file name by which ffmpeg reads the list from its standard input.
pub(super) const LIST_INPUT: &str = "pipe:0";
/// The format and the protocol that ffmpeg needs for the list, beside those of the address.
pub(super) const LIST_FORMAT: &str = "concat";
pub(super) const LIST_PROTOCOL: &str = "pipe";

/// Returns a list of one file for ffmpeg's reader `concat` (FFmpeg's manual of formats, 3.5.1), which opens the address with these
/// options. ffmpeg reads the list from a pipe, so the list of processes does not show the address.
///
/// Returns `None` if the address has no part that must be hidden, or if a list cannot hold it.
pub(super) fn list(address: &str, options: &[(&str, &str)]) -> Option<String> {
    let texts = || options.iter().map(|&(_, value)| value).chain([address]);
    if hide_credentials(address) == address || texts().any(|text| text.contains(char::is_control)) {
        return None;
    }
    let mut list = format!("ffconcat version 1.0\nfile {}\n", quoted(address));
    for (name, value) in options {
        list += &format!("option {name} {}\n", quoted(value));
    }
    Some(list)
}

/// Returns the text as one word of a list (FFmpeg's manual of utilities, 2.1).
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_the_address_and_its_options_as_words() {
        let made = list("rtsp://me:it's@cam/1?a=b c", &[("rtsp_transport", "tcp")]);
        let wanted =
            "ffconcat version 1.0\nfile 'rtsp://me:it'\\''s@cam/1?a=b c'\noption rtsp_transport 'tcp'\n";
        assert_eq!(made.as_deref(), Some(wanted));
    }

    #[test]
    fn an_address_without_secrets_needs_no_list() {
        assert_eq!(list("rtsp://cam/live", &[]), None);
    }

    #[test]
    fn no_line_can_be_added_to_a_list() {
        assert_eq!(list("rtsp://me:pw@cam/1\nfile /etc/passwd", &[]), None);
        assert_eq!(list("https://me:pw@cam/1", &[("ca_file", "a\rb")]), None);
    }
}
