//! Names of cameras and nodes in topics.

use std::fmt::Write;

/// Returns the name as one level of a topic: `%`, `/`, `+`, `#`, `$` and control characters become `%` and two hexadecimal digits for
/// each byte. Different names stay different.
pub(super) fn topic_level(name: &str) -> String {
    let mut level = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_control() || "%/+#$".contains(c) {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes).bytes().for_each(|byte| hex(&mut level, '%', byte));
        } else {
            level.push(c);
        }
    }
    level
}

/// Returns the name in letters, digits and hyphens. Other bytes become `_` and two hexadecimal digits. Different names stay different.
#[cfg(feature = "mqtt")]
pub(super) fn plain_id(name: &str) -> String {
    let mut id = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => id.push(byte as char),
            _ => hex(&mut id, '_', byte),
        }
    }
    id
}

fn hex(text: &mut String, mark: char, byte: u8) {
    // Writing into a string never fails.
    let _ = write!(text, "{mark}{byte:02X}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_level_of_a_topic() {
        assert_eq!(topic_level("Front door"), "Front door");
        assert_eq!(topic_level("a/b+#%$\n"), "a%2Fb%2B%23%25%24%0A");
    }

    #[test]
    #[cfg(feature = "mqtt")]
    fn an_id_has_letters_digits_and_hyphens() {
        assert_eq!(plain_id("Tür_1-a"), "T_C3_BCr_5F1-a");
    }
}
