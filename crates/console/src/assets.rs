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

macro_rules! asset {
    ($file:literal, $content_type:expr) => {
        asset!(concat!("/", $file), $file, $content_type)
    };
    ($path:expr, $file:literal, $content_type:expr) => {
        Asset { path: $path, content_type: $content_type, content: include_bytes!(concat!("../page/", $file)) }
    };
}

/// All there is.
pub(crate) const ASSETS: &[Asset] =
    &[asset!("/", "index.html", HTML), asset!("app.js", JAVASCRIPT), asset!("style.css", CSS)];

#[cfg(test)]
mod tests {
    use super::*;

    /// What a person on a slow line waits for.
    const MOST_BYTES: usize = 100 * 1024;

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
