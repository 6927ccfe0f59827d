//! Text from outside as it may be shown.

use std::borrow::Cow;

/// Returns the text on one line, without characters that control a terminal or turn the direction of writing.
///
/// Names of files, answers of cameras and messages of other programs may hold anything. Everything that shows such a text, or
/// writes it into a log, must pass it through this function. Each replaced character becomes an escape, for example `\n` or
/// `\u{1b}`. The replaced characters are all control characters (Unicode's category Cc), the separators of lines and
/// paragraphs, the marks and overrides of direction, and invisible characters that can hide a part of a name.
///
/// ```
/// use passerby_types::visible;
///
/// assert_eq!(visible("door.mp4"), "door.mp4");
/// assert_eq!(visible("a\x1b[2Jb\nc"), r"a\u{1b}[2Jb\nc");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_is_left() {
        let all: String = (0..=0x10_ffff).filter_map(char::from_u32).filter(|c| c.is_control()).collect();
        let shown = visible(&all);
        assert_eq!(all.chars().count(), 65);
        assert!(shown.bytes().all(|b| (b' '..=b'~').contains(&b)), "{shown}");
    }

    #[test]
    fn the_direction_of_writing_cannot_be_turned() {
        assert_eq!(visible("door\u{202e}4pm.exe"), r"door\u{202e}4pm.exe");
        assert_eq!(visible("a\u{2066}b\u{2028}c"), r"a\u{2066}b\u{2028}c");
    }

    #[test]
    fn words_of_all_scripts_stay() {
        for name in ["Tür.mp4", "дверь", "扉 1", "دَر", "👨\u{200d}👩", r"C:\door.mp4"] {
            assert!(matches!(visible(name), Cow::Borrowed(same) if same == name));
        }
    }
}
