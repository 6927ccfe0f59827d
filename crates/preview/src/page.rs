//! The files of the live page, which are part of the binary.

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub struct PageFile {
    /// The path below `/assets/`, for example `live/view.js`. `index.html` is the page itself.
    pub path: &'static str,
    /// The value of the header `Content-Type`.
    pub media_type: &'static str,
    /// The contents.
    pub contents: &'static [u8],
}

/// The script of uPlot, which defines the global `uPlot`.
pub const UPLOT_SCRIPT: &str = include_str!("../page/vendor/uplot/uPlot.iife.min.js");

/// The style sheet of uPlot.
pub const UPLOT_STYLE: &str = include_str!("../page/vendor/uplot/uPlot.min.css");

macro_rules! page_files {
    ($($path:literal),+ $(,)?) => {
        &[$(PageFile {
            path: $path,
            media_type: media_type($path),
            contents: include_bytes!(concat!("../page/", $path)),
        }),+]
    };
}

/// All files but licences and descriptions.
const FILES: &[PageFile] = page_files![
    "api.js",
    "bars.js",
    "base.css",
    "charts.js",
    "dialog.js",
    "dom.js",
    "events.js",
    "figures.js",
    "format.js",
    "index.html",
    "live.css",
    "main.js",
    "mark.svg",
    "report.js",
    "settings.js",
    "state.js",
    "stream.js",
    "theme-switch.js",
    "theme.js",
    "views.css",
    "live/add-camera.js",
    "live/jpeg.js",
    "live/layers.js",
    "live/mse.js",
    "live/overlay.js",
    "live/screen.js",
    "live/tile.js",
    "live/timeline.js",
    "live/view.js",
    "persons/detail.js",
    "persons/list.js",
    "persons/parts.js",
    "persons/review.js",
    "persons/search.js",
    "persons/view.js",
    "vendor/inter/inter-latin-wght-normal.woff2",
    "vendor/lucide/icons.svg",
    "vendor/uplot/uPlot.iife.min.js",
    "vendor/uplot/uPlot.min.css",
];

/// Returns a file of the page by its path, or `None` if there is none of that path.
#[must_use]
pub fn page_file(path: &str) -> Option<&'static PageFile> {
    FILES.iter().find(|file| file.path == path)
}

/// Returns the media type for the extension of a path.
const fn media_type(path: &str) -> &'static str {
    let bytes = path.as_bytes();
    // The last letter tells the kinds of files apart that the page has.
    match bytes[bytes.len() - 1] {
        b'l' => "text/html; charset=utf-8",
        b's' if bytes[bytes.len() - 2] == b'j' => "text/javascript; charset=utf-8",
        b's' => "text/css; charset=utf-8",
        b'g' => "image/svg+xml",
        b'2' => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    fn paths_below(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => paths_below(&entry.path(), &format!("{prefix}{name}/"), found),
                false if matches!(name.as_str(), "LICENSE" | "README.md") => {}
                false => drop(found.insert(format!("{prefix}{name}"))),
            }
        }
    }

    fn text(file: &PageFile) -> &'static str {
        std::str::from_utf8(file.contents).unwrap()
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_binary() {
        let mut folder = BTreeSet::new();
        paths_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("page"), "", &mut folder);
        let embedded: BTreeSet<String> = FILES.iter().map(|file| file.path.to_owned()).collect();
        assert_eq!(embedded, folder);
        assert!(FILES.iter().all(|file| file.media_type != "application/octet-stream"));
    }

    #[test]
    fn every_vendored_part_has_its_licence() {
        let vendor = Path::new(env!("CARGO_MANIFEST_DIR")).join("page/vendor");
        for part in fs::read_dir(vendor).unwrap() {
            let part = part.unwrap().path();
            assert!(part.join("LICENSE").is_file() && part.join("README.md").is_file(), "{}", part.display());
        }
    }

    #[test]
    fn the_page_loads_only_files_that_there_are() {
        let page = text(page_file("index.html").unwrap());
        let named = page.split(['"', '\'']).filter_map(|part| part.strip_prefix("assets/"));
        assert!(named.clone().count() > 5);
        for path in named {
            assert!(page_file(path).is_some(), "{path}");
        }
    }

    #[test]
    fn modules_import_only_files_that_there_are() {
        for file in FILES.iter().filter(|file| file.path.ends_with(".js") && !file.path.contains("vendor/")) {
            for line in text(file).lines().filter(|line| line.starts_with("import ")) {
                let target = line.split('"').nth(1).unwrap();
                let mut parts: Vec<&str> = file.path.split('/').collect();
                parts.pop();
                for part in target.split('/') {
                    match part {
                        "." => {}
                        ".." => drop(parts.pop()),
                        part => parts.push(part),
                    }
                }
                assert!(page_file(&parts.join("/")).is_some(), "{}: {target}", file.path);
            }
        }
    }

    #[test]
    fn every_icon_that_a_module_names_is_in_the_set() {
        let icons = text(page_file("vendor/lucide/icons.svg").unwrap());
        let mut checked = 0;
        for file in FILES.iter().filter(|file| file.path.ends_with(".js") && !file.path.contains("vendor/")) {
            let source = text(file);
            for name in source.split("icon(\"").skip(1).chain(source.split("icon: \"").skip(1)) {
                let name = name.split('"').next().unwrap();
                assert!(icons.contains(&format!("<symbol id=\"{name}\"")), "{}: {name}", file.path);
                checked += 1;
            }
        }
        assert!(checked > 20, "{checked}");
    }

    #[test]
    fn the_page_has_no_inline_script_or_style_and_names_no_address() {
        let page = text(page_file("index.html").unwrap());
        assert!(!page.contains("<style") && !page.contains("style=\"") && !page.contains(" onclick"));
        assert!(
            page.split("<script").skip(1).all(|script| script.split('>').next().unwrap().contains("src="))
        );
        for file in FILES.iter().filter(|file| !file.path.contains("vendor/") && file.path.ends_with(".js")) {
            let source = text(file);
            for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!source.contains(sink), "{}: {sink} reads text as markup", file.path);
            }
            let addresses = ["http://www.w3.org/2000/svg", "rtsp://10.0.0.20"];
            let known = addresses.iter().map(|address| source.matches(address).count()).sum::<usize>();
            assert_eq!(source.matches("://").count(), known, "{}", file.path);
        }
    }
}
