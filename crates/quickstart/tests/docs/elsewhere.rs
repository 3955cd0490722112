//! Commands of the pages that are not run by this test, and where they are.

use crate::page::{Block, checkout};

/// How a command begins, the script or the test of `.ci/run` that runs it or what it does, and what in that file does.
const RUN_BY: &[(&str, &str, &str)] = &[
    ("cargo test --workspace", ".ci/run", "cargo test --workspace"),
    ("cargo test -p order-service", ".ci/run", "cargo test --workspace"),
    ("cargo test -p quickstart --test docs", ".ci/run", "cargo test --workspace"),
    ("TEST_AWS_ENDPOINT_URL=", ".ci/run", "TEST_AWS_ENDPOINT_URL="),
    ("cargo fmt --all", ".ci/run", "cargo fmt --all"),
    ("cargo clippy --workspace", ".ci/run", "cargo clippy --workspace"),
    ("just check", ".ci/run", "cargo clippy --workspace"),
    ("cargo test -p testbed --test compose", ".ci/run", "cargo test --workspace --test compose"),
    ("order-service/tests/openapi/run", ".ci/run", "order-service/tests/openapi/run"),
    ("deploy/tests/run", ".ci/run", "deploy/tests/run"),
    ("cargo run -- demo", "crates/quickstart/tests/system.rs", "demo::run(&system"),
    ("docker-compose up", "crates/testbed/tests/compose/project.rs", "\"up\""),
    ("docker-compose logs", "crates/testbed/tests/compose/main.rs", "the_logs_tell_the_orders_story"),
    (
        "docker-compose -f docker-compose.yml -f docker-compose.observability.yml",
        "crates/testbed/tests/compose/main.rs",
        "project.observe()",
    ),
    ("docker-compose -f docker-compose.yml -f docker-compose.dev.yml", ".ci/run", "deploy/development/tests/reload"),
    ("payment-service dlq", "payment-service/tests/service/dlq.rs", "redrive"),
    ("order-service outbox", "order-service/tests/service/outbox.rs", "retry"),
    ("deploy/aws/", "deploy/aws/tests/test_deployed.py", "deploy"),
];

/// How a command begins, and why nothing runs it.
const NOT_RUN: &[(&str, &str)] = &[
    ("bash .ci/run", "it runs this test"),
    ("cargo test -p fault-suite", "the better part of an hour; its short form is part of cargo test --workspace"),
    ("bacon", "a tool of its own, that starts again what other steps run"),
    ("docker build", "as .ci/run builds both images by docker-compose"),
    ("kind ", "needs a cluster"),
    ("kubectl ", "needs a cluster; the manifests are built and validated by deploy/tests/run"),
    ("git tag", "makes a release"),
    ("cosign ", "needs a release"),
    ("gh attestation", "needs a release"),
    ("cargo audit", "needs a release"),
];

/// Whether `block` is to be left out here: each of its commands is known to be run elsewhere, or not at all.
pub(crate) fn knows(block: &Block) -> bool {
    let known = commands(block).filter(|command| {
        let begins = |with: &str| command.starts_with(with);
        RUN_BY.iter().any(|(with, ..)| begins(with))
            || NOT_RUN.iter().any(|(with, _)| begins(with))
            || is_a_test(command)
    });
    match known.count() {
        0 => false,
        some => {
            assert_eq!(
                some,
                commands(block).count(),
                "some of these commands are run elsewhere, and some not: {}",
                block.text
            );
            true
        }
    }
}

/// `cargo test -p CRATE --test service NAME`: part of `cargo test --workspace`, as long as there is a test of that name.
fn is_a_test(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    let ["cargo", "test", "-p", package, "--test", suite, name] = words[..] else { return false };
    let tests = checkout().join(package).join("tests").join(suite).read_dir();
    let mut files = tests.unwrap_or_else(|_| panic!("{package} has no tests/{suite}: {command}"));
    let test = format!("async fn {name}()");
    let found = files.any(|file| std::fs::read_to_string(file.unwrap().path()).is_ok_and(|text| text.contains(&test)));
    assert!(found, "there is no test {name} in {package}");
    true
}

/// What the table says of a file and is not so.
pub(crate) fn faults() -> Vec<String> {
    let wrong = RUN_BY.iter().filter(|(_, file, line)| {
        !std::fs::read_to_string(checkout().join(file)).is_ok_and(|text| text.contains(line))
    });
    wrong.map(|(with, file, line)| format!("{file} does not run {with}: it has no {line}")).collect()
}

/// The block's commands, each on one line and without its comment.
fn commands(block: &Block) -> impl Iterator<Item = String> {
    let joined = block.text.replace("\\\n", " ");
    let lines: Vec<String> = joined.lines().map(|line| line.trim().to_owned()).collect();
    lines.into_iter().filter(|line| !line.is_empty() && !line.starts_with('#'))
}
