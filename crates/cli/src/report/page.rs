//! The report as one page, which loads nothing.

use passerby::types::BoxError;
use passerby_preview::{UPLOT_SCRIPT, UPLOT_STYLE};

use passerby::report::ReportRecord;

const PAGE: &str = include_str!("../../assets/report/page.html");
const PARTS: [(&str, &str); 4] = [
    ("/*uplot.css*/", UPLOT_STYLE),
    ("/*page.css*/", include_str!("../../assets/report/page.css")),
    ("/*uplot.js*/", UPLOT_SCRIPT),
    ("/*page.js*/", include_str!("../../assets/report/page.js")),
];
/// The place of the figures in the page, after all parts but the last two.
const FIGURES: &str = "/*figures*/";

/// Returns the page. Names from the database are in it as JSON only, which the page's script shows as text.
///
/// # Errors
/// None is expected: the figures go into memory.
pub(super) fn text(record: &ReportRecord) -> Result<String, BoxError> {
    let figures = in_script(&serde_json::to_string(record)?);
    let mut page = String::with_capacity(PAGE.len() + figures.len() + (1 << 16));
    let mut rest = PAGE;
    let [uplot_css, page_css, uplot_js, page_js] = PARTS;
    for (place, part) in [uplot_css, page_css, (FIGURES, figures.as_str()), uplot_js, page_js] {
        let (before, after) = rest.split_once(place).ok_or_else(|| format!("the page has no {place}"))?;
        page.push_str(before);
        page.push_str(part);
        rest = after;
    }
    page.push_str(rest);
    Ok(page)
}

/// Returns JSON that can stand in a script element: no character of it ends the element, begins a comment or ends a line.
fn in_script(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                safe.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_the_script_element() {
        let name = "</script><!--&\u{2028}é";
        let safe = in_script(&serde_json::to_string(name).unwrap());
        assert!(!safe.contains(['<', '>', '&', '\u{2028}']));
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), name);
    }

    #[test]
    fn no_part_of_the_page_contains_the_place_of_another() {
        for (_, part) in PARTS {
            assert!(PARTS.iter().all(|(place, _)| !part.contains(place)) && !part.contains(FIGURES));
        }
    }

    #[test]
    fn the_page_names_no_address() {
        let parts = PARTS.map(|(_, part)| part).concat() + PAGE;
        // The library's comment names its origin.
        let origin = "https://github.com/leeoniya/uPlot";
        assert_eq!(parts.matches("://").count(), parts.matches(origin).count());
    }
}
