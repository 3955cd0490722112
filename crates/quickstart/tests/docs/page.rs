//! A page of the documentation: sections, what stands fenced in them, and the prose around it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where the pages, and all that they name, are.
pub(crate) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// One Markdown file.
pub(crate) struct Page {
    /// From the checkout's root.
    pub(crate) path: PathBuf,
    /// What stands before the first `##` comes first, without a title.
    pub(crate) sections: Vec<Section>,
    /// The lines outside of fences, with their numbers.
    pub(crate) prose: Vec<(usize, String)>,
}

/// What stands under one `##`.
#[derive(Default)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) blocks: Vec<Block>,
}

/// A fenced block.
#[derive(Clone, Default)]
pub(crate) struct Block {
    pub(crate) language: String,
    /// The number of its first line.
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(checkout().join(path)).unwrap();
        let mut page = Self { path: path.to_owned(), sections: vec![Section::default()], prose: Vec::new() };
        let mut fenced: Option<Block> = None;
        for (line, number) in text.lines().zip(1..) {
            let fence = line.trim_start().strip_prefix("```");
            match (&mut fenced, fence) {
                (None, Some(language)) => {
                    fenced = Some(Block { language: language.to_owned(), line: number + 1, ..Block::default() });
                }
                (Some(_), Some(_)) => page.sections.last_mut().unwrap().blocks.extend(fenced.take()),
                (Some(block), None) => block.text += &format!("{line}\n"),
                (None, None) => {
                    if let Some(title) = line.strip_prefix("## ") {
                        page.sections.push(Section { title: title.to_owned(), ..Section::default() });
                    }
                    page.prose.push((number, line.to_owned()));
                }
            }
        }
        assert!(fenced.is_none(), "{}: a fence is not closed", path.display());
        page
    }

    /// What a link into this page may name, as GitHub makes it of the headings.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        let mut seen = BTreeMap::<String, usize>::new();
        let titles = self.prose.iter().filter(|(_, line)| line.starts_with('#'));
        let anchors = titles.map(|(_, line)| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
            let before = seen.entry(anchor.clone()).or_default();
            *before += 1;
            if *before == 1 { anchor } else { format!("{anchor}-{}", *before - 1) }
        });
        anchors.collect()
    }
}

/// The pages whose commands are run: what a reader of the project as a whole follows.
pub(crate) fn guides() -> Vec<Page> {
    let mut paths: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from).into();
    paths.extend(markdown_in("docs"));
    paths.iter().map(|path| Page::read(path)).collect()
}

/// Those, and the pages of single parts.
pub(crate) fn all() -> Vec<Page> {
    let mut pages = guides();
    let mut paths = vec![PathBuf::from("CHANGELOG.md")];
    for parts in ["", "crates"] {
        for part in checkout().join(parts).read_dir().unwrap() {
            let readme = Path::new(parts).join(part.unwrap().file_name()).join("README.md");
            paths.extend(checkout().join(&readme).is_file().then_some(readme));
        }
    }
    pages.extend(paths.iter().map(|path| Page::read(path)));
    pages
}

fn markdown_in(directory: &str) -> Vec<PathBuf> {
    let names = checkout().join(directory).read_dir().unwrap().map(|entry| entry.unwrap().file_name());
    let mut paths: Vec<_> = names.map(|name| Path::new(directory).join(name)).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    paths
}
