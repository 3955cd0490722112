//! Whether what a page points to is there. Other people's addresses are not asked.

use std::path::{Component, Path, PathBuf};

use crate::page::{Page, checkout};

/// What GitHub serves beside the repository's files, under an address relative to theirs.
const SERVED: &str = "../../actions/";

/// What the page points to and is not there, each with its line.
pub(crate) fn broken(page: &Page) -> Vec<String> {
    let mut broken = Vec::new();
    for (number, line) in &page.prose {
        let links = targets(line).filter_map(|target| fault_of_link(page, target));
        let paths = code_spans(line).filter(|span| is_path(span) && !checkout().join(span).exists());
        let faults = links.chain(paths.map(|path| format!("there is no {path}")));
        broken.extend(faults.map(|fault| format!("{}:{number}: {fault}", page.path.display())));
    }
    broken
}

fn fault_of_link(page: &Page, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with(SERVED) {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match path {
        "" => page.path.clone(),
        path => plain(&page.path.parent().unwrap_or(Path::new("")).join(path)),
    };
    if !checkout().join(&path).exists() {
        return Some(format!("there is no {target}"));
    }
    let known = anchor.is_empty() || Page::read(&path).anchors().contains(anchor);
    (!known).then(|| format!("{} has no heading #{anchor}", path.display()))
}

/// `docs/../README.md` is `README.md`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => _ = plain.pop(),
            component => plain.push(component),
        }
    }
    plain
}

/// The targets of links and pictures: `[…](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether it is written like a path from the checkout's root: its first part is there, so all of it should be.
fn is_path(span: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    let first = span.split('/').next().unwrap_or_default();
    let made = ["", ".", "..", "data", "target"].contains(&first);
    span.contains('/') && span.chars().all(plain) && !made && checkout().join(first).exists()
}
