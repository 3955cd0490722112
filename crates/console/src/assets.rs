//! The page: every file of it, inside the binary.

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) content: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! asset {
    ($file:literal, $content_type:expr) => {
        asset!(concat!("/", $file), $file, $content_type)
    };
    ($path:expr, $file:literal, $content_type:expr) => {
        Asset { path: $path, content_type: $content_type, content: include_bytes!(concat!("../page/", $file)) }
    };
}

/// All there is.
pub(crate) const ASSETS: &[Asset] = &[
    asset!("/", "index.html", HTML),
    asset!("app.js", JAVASCRIPT),
    asset!("ask.js", JAVASCRIPT),
    asset!("charts.js", JAVASCRIPT),
    asset!("dom.js", JAVASCRIPT),
    asset!("favicon.svg", SVG),
    asset!("figures.js", JAVASCRIPT),
    asset!("letters.js", JAVASCRIPT),
    asset!("news.js", JAVASCRIPT),
    asset!("orders.js", JAVASCRIPT),
    asset!("picture.css", CSS),
    asset!("picture.js", JAVASCRIPT),
    asset!("place.js", JAVASCRIPT),
    asset!("purge.js", JAVASCRIPT),
    asset!("said.js", JAVASCRIPT),
    asset!("sheet.js", JAVASCRIPT),
    asset!("story.js", JAVASCRIPT),
    asset!("stream.js", JAVASCRIPT),
    asset!("style.css", CSS),
    asset!("switches.js", JAVASCRIPT),
    asset!("traffic.js", JAVASCRIPT),
    asset!("ways.js", JAVASCRIPT),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What a person on a slow line waits for.
    const MOST_BYTES: usize = 100_000;

    #[test]
    fn the_whole_page_is_under_a_hundred_kilobytes() {
        let bytes: usize = ASSETS.iter().map(|asset| asset.content.len()).sum();
        assert!(bytes < MOST_BYTES, "{bytes} bytes");
    }

    #[test]
    fn every_file_of_the_page_is_in_the_table() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let missing: Vec<String> = files
            .filter(|file| file != "index.html" && !ASSETS.iter().any(|asset| asset.path == format!("/{file}")))
            .collect();
        assert_eq!(missing, [""; 0]);
    }
}
