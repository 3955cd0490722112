//! README and docs are true: every path, link and heading that they name is there, and every command on them does what they
//! show.
//!
//! - A block fenced as `sh` is run, unless [`elsewhere`] knows what else runs it. The blocks of one `##` are one scene; what
//!   stands above the page's first `##` is set in the shell of each.
//! - A block `text` after it is what it prints; a block `log` is what the programs that were started log, among other lines.
//!   `…` stands for anything.
//! - A block that is one `cargo run …` of something that goes on is a program in a terminal of its own.
//! - A block that only looks (a `curl -s` that posts nothing, a `metric`, a `list`) is run again until it shows what
//!   it should, as a reader would.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod binaries;
mod elsewhere;
mod links;
mod page;
mod recipes;
mod scene;
mod server;
mod shown;

use std::time::Duration;

use futures::{StreamExt, stream};
use page::{Block, Page};
use scene::Scene;
use server::ServerLine;
use tokio::time::{Instant, sleep};

/// Scenes at once: most of their time they wait.
const SCENES: usize = 4;
/// Generous: a slow machine makes the test slow, not red.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(300);

#[test]
fn every_path_link_and_heading_that_a_page_names_is_there() {
    let broken: Vec<String> = page::all().iter().flat_map(links::broken).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn what_is_said_to_be_run_elsewhere_is() {
    let faults = elsewhere::faults();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_recipe_is_true_and_every_one_that_a_page_names_is_there() {
    let mut faults = recipes::faults();
    faults.extend(page::all().iter().flat_map(recipes::unknown_on));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_does_what_its_page_shows() {
    for program in ["bash", "curl", "jq"] {
        assert!(scene::is_installed(program), "the commands of the documentation need {program}");
    }
    let pages = page::guides();
    let scenes = pages
        .iter()
        .flat_map(|page| page.sections[1..].iter().map(move |section| (page, section.blocks.clone(), &section.title)));
    let scenes = scenes.filter(|(_, blocks, _)| blocks.iter().any(is_run));
    let followed = scenes.map(|(page, blocks, title)| async move {
        let begin: String =
            page.sections[0].blocks.iter().filter(|block| is_run(block)).map(|block| block.text.as_str()).collect();
        let outcome = follow(&begin, &blocks).await;
        outcome.err().map(|fault| format!("{}, {title}, {fault}", page.path.display()))
    });
    let faults: Vec<String> =
        stream::iter(followed).buffer_unordered(SCENES).filter_map(std::future::ready).collect().await;
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

fn is_run(block: &Block) -> bool {
    block.language == "sh" && !elsewhere::knows(block)
}

/// Runs the blocks one after another, up to the first that does not show what it should.
async fn follow(begin: &str, blocks: &[Block]) -> Result<(), String> {
    let mut scene = Scene::new(begin).await;
    let mut outcome = Ok(());
    for (index, block) in blocks.iter().enumerate() {
        let shown = blocks.get(index + 1).filter(|next| next.language == "text").map(|next| next.text.as_str());
        if let Err(fault) = step(&mut scene, block, shown).await {
            outcome = Err(format!("line {}: {}\n{fault}\nThe log:\n{}", block.line, block.text, scene.log()));
            break;
        }
    }
    scene.end().await;
    outcome
}

async fn step(scene: &mut Scene, block: &Block, shown: Option<&str>) -> Result<(), String> {
    if block.language == "log" {
        return is_logged(scene, &block.text).await;
    }
    if !is_run(block) {
        return Ok(());
    }
    if let Some(server) = ServerLine::parse(&block.text) {
        scene.start(&server).await;
        return Ok(());
    }
    let begun = Instant::now();
    loop {
        let said = scene.run(&block.text).await;
        if said.as_ref().is_ok_and(|said| shown.is_none_or(|shown| shown::is_all(shown, said))) {
            return Ok(());
        }
        if !only_looks(&block.text) || begun.elapsed() > PATIENCE {
            return Err(format!("shows {said:#?}\nand should show {shown:#?}"));
        }
        sleep(LOOK).await;
    }
}

/// Whether the block changes nothing, so that a reader would look again.
fn only_looks(block: &str) -> bool {
    let asks = block.starts_with("curl -s ") && !block.contains(" -d ") && !block.contains(" -X ");
    asks || block.starts_with("metric ") || block.trim_end().ends_with(" list")
}

async fn is_logged(scene: &Scene, shown: &str) -> Result<(), String> {
    let begun = Instant::now();
    while let Some(line) = shown::missing_in_log(shown, &scene.log()) {
        if begun.elapsed() > PATIENCE {
            return Err(format!("is not logged: {line}"));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

#[test]
fn the_guides_are_found() {
    let names: Vec<String> = page::guides().iter().map(|page: &Page| page.path.display().to_string()).collect();
    assert!(names.iter().any(|name| name == "docs/operations.md"), "{names:?}");
}
