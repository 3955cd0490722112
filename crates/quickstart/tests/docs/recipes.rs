//! Whether the `justfile` is true. `just` itself is not needed: a recipe's lines are looked at.

use std::collections::BTreeMap;

use crate::page::{Page, checkout};

/// Programs that a recipe may begin with; anything else is a file of the checkout.
const PROGRAMS: [&str; 4] = ["bacon", "bash", "cargo", "docker-compose"];

/// The recipes that `just` lists, each with its commands.
fn recipes() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(checkout().join("justfile")).unwrap();
    let mut recipes = BTreeMap::new();
    let (mut name, mut comment) = (String::new(), false);
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("    ") {
            let commands: &mut Vec<String> = recipes.get_mut(&name).unwrap();
            commands.push(command.to_owned());
        } else if let Some((head, _)) = line.split_once(':').filter(|_| !line.starts_with('#')) {
            name = head.split_whitespace().next().unwrap().to_owned();
            assert!(comment || name.starts_with('_'), "the list says nothing of {name}: a comment above it is missing");
            recipes.insert(name.clone(), Vec::new());
        }
        comment = line.starts_with("# ");
    }
    // Not listed: it makes the list.
    recipes.retain(|name, _| !name.starts_with('_'));
    recipes
}

/// What is wrong with the recipes: what they run, or say to run, is not there.
pub(crate) fn faults() -> Vec<String> {
    let mut faults = Vec::new();
    for (name, commands) in recipes() {
        let missing = commands.iter().flat_map(|command| missing_in(command));
        faults.extend(missing.map(|missing| format!("just {name}: there is no {missing}")));
    }
    faults
}

/// What a command names and is not in the checkout: its script, files, crates and bacon's jobs.
fn missing_in(command: &str) -> Vec<String> {
    let words: Vec<&str> = command.split_whitespace().filter(|word| !word.contains(['{', '}'])).collect();
    let is_there = |path: &str| checkout().join(path).exists();
    let mut missing: Vec<String> = Vec::new();
    if !PROGRAMS.contains(&words[0]) && !is_there(words[0]) {
        missing.push(words[0].to_owned());
    }
    for pair in words.windows(2) {
        let found = match pair {
            ["-f" | "bash", file] => is_there(file),
            ["-p", package] => is_there(package) || is_there(&format!("crates/{package}")),
            ["bacon", job] => {
                let jobs = std::fs::read_to_string(checkout().join("bacon.toml")).unwrap();
                jobs.contains(&format!("[jobs.{job}]"))
            }
            _ => true,
        };
        if !found {
            missing.push(pair.join(" "));
        }
    }
    missing
}

/// The recipes that a page tells its reader to run, and that are not there.
pub(crate) fn unknown_on(page: &Page) -> Vec<String> {
    let recipes = recipes();
    let blocks = page.sections.iter().flat_map(|section| &section.blocks).filter(|block| block.language == "sh");
    let in_blocks = blocks.flat_map(|block| block.text.lines());
    let in_prose = page.prose.iter().flat_map(|(_, line)| line.split('`').skip(1).step_by(2));
    let named = in_blocks.chain(in_prose).filter_map(|command| command.strip_prefix("just "));
    let named = named.filter_map(|rest| rest.split_whitespace().next());
    named
        .filter(|name| !recipes.contains_key(*name))
        .map(|name| format!("{}: there is no recipe {name}", page.path.display()))
        .collect()
}
