//! Runs scenarios as tests.
//!
//! Most of a short scenario is waiting, for leases of the dead to end above all. So that the short suite takes no longer
//! than its longest scenarios, the first test to run starts them all, a few at a time; each test then awaits its own.
//! Full scenarios run one by one, so that what they measure is their own.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use fault_suite::{Extent, Outcome, binaries, print_table};
use futures::future::LocalBoxFuture;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

pub(crate) type Scenario = (&'static str, fn(Extent) -> LocalBoxFuture<'static, Outcome>);

/// Names the scenarios, and makes two tests of each.
macro_rules! scenarios {
    ($($name:ident => $run:path,)*) => {
        const SCENARIOS: &[$crate::runner::Scenario] =
            &[$((stringify!($name), |extent| Box::pin($run(extent))),)*];

        mod briefly {
            $(#[test]
            fn $name() {
                crate::runner::briefly(super::SCENARIOS, stringify!($name));
            })*
        }

        mod at_length {
            $(#[test]
            #[ignore = "takes minutes"]
            fn $name() {
                crate::runner::at_length(super::SCENARIOS, stringify!($name));
            })*
        }
    };
}
pub(crate) use scenarios;

/// Short scenarios under way at once.
const AT_ONCE: usize = 6;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static OUTCOMES: Mutex<Vec<(&'static str, Outcome)>> = Mutex::new(Vec::new());

pub(crate) fn briefly(scenarios: &'static [Scenario], name: &str) {
    static STARTED: LazyLock<Mutex<HashMap<&'static str, JoinHandle<()>>>> = LazyLock::new(Mutex::default);
    let handle = {
        let mut started = STARTED.lock().unwrap();
        if started.is_empty() {
            // Not in the scenarios, so that they get their slots in their order: the longest first.
            RUNTIME.block_on(binaries());
            let slots = Arc::new(Semaphore::new(AT_ONCE));
            let wanted = scenarios.iter().filter(|(other, _)| *other == name || everything_is_wanted());
            started.extend(wanted.map(|scenario| (scenario.0, start(scenario, Extent::Brief, slots.clone()))));
        }
        let (_, run) = started.remove_entry(name).unzip();
        run
    };
    let scenario = scenarios.iter().find(|(other, _)| *other == name).unwrap();
    let handle = handle.unwrap_or_else(|| start(scenario, Extent::Brief, Arc::new(Semaphore::new(1))));
    wait(handle, scenarios.len());
}

pub(crate) fn at_length(scenarios: &'static [Scenario], name: &str) {
    static SLOT: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(1)));
    let scenario = scenarios.iter().find(|(other, _)| *other == name).unwrap();
    wait(start(scenario, Extent::Full, SLOT.clone()), scenarios.len());
}

/// Whether the command line picks no tests by name.
fn everything_is_wanted() -> bool {
    let harmless = ["--nocapture", "--no-capture", "--quiet", "-q", "--show-output"];
    std::env::args().skip(1).all(|argument| harmless.contains(&argument.as_str()))
}

fn start((name, run): &'static Scenario, extent: Extent, slots: Arc<Semaphore>) -> JoinHandle<()> {
    thread::spawn(move || {
        let ended = catch_unwind(AssertUnwindSafe(|| {
            RUNTIME.block_on(async {
                binaries().await;
                let _slot = slots.acquire().await.unwrap();
                let begun = Instant::now();
                let outcome = run(extent).await;
                println!("{name}: {:.0} s in all", begun.elapsed().as_secs_f64());
                outcome
            })
        }));
        let outcome = ended.as_ref().map_or(Outcome::Failed, Outcome::clone);
        println!("{}: {outcome}", name.replace('_', " "));
        OUTCOMES.lock().unwrap().push((*name, outcome));
        if let Err(panic) = ended {
            resume_unwind(panic);
        }
    })
}

fn wait(scenario: JoinHandle<()>, scenarios: usize) {
    let ended = scenario.join();
    let mut outcomes = OUTCOMES.lock().unwrap();
    if outcomes.len() == scenarios {
        print_table(&*outcomes);
        outcomes.clear();
    }
    drop(outcomes);
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
}
