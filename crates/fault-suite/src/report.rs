//! What the scenarios came to, in a table.

use std::fmt;

/// Which version of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Seconds.
    Brief,
    /// Minutes.
    Full,
}

impl Extent {
    /// One of the two.
    pub fn pick<T>(self, brief: T, full: T) -> T {
        match self {
            Self::Brief => brief,
            Self::Full => full,
        }
    }
}

/// How a scenario ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Nothing was lost and nothing charged twice.
    Held(Row),
    /// It cannot be run here.
    Skipped(String),
    /// It panicked; what it had to say is above.
    Failed,
}

/// A scenario's figures.
#[derive(Clone, Debug)]
pub struct Row {
    /// How often the fault was made.
    pub repetitions: usize,
    /// Orders accepted.
    pub orders: usize,
    /// Charges that moved money.
    pub executions: usize,
    /// Requests to the provider beyond one per order.
    pub duplicates: usize,
    /// Dead letters sent back.
    pub redriven: usize,
    /// Orders without an end. More than none fails the scenario.
    pub losses: usize,
    /// From the last fault until everything was finished.
    pub seconds_to_recover: f64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(row) => {
                let Row { repetitions, orders, executions, duplicates, redriven, losses, seconds_to_recover } = row;
                let counts = format!("{repetitions:>7} {orders:>7} {executions:>11} {duplicates:>11} {redriven:>9}");
                write!(f, "{counts} {losses:>7} {seconds_to_recover:>8.1}")
            }
            Self::Skipped(reason) => write!(f, "skipped: {reason}"),
            Self::Failed => f.write_str("FAILED"),
        }
    }
}

/// Prints one line per scenario.
pub fn print_table<'a>(outcomes: impl IntoIterator<Item = &'a (&'static str, Outcome)>) {
    let columns = ["repeats", "orders", "executions", "duplicates", "redriven", "losses", "recovery"];
    let [repeats, orders, executions, duplicates, redriven, losses, recovery] = columns;
    println!(
        "\n{:<62} {repeats:>7} {orders:>7} {executions:>11} {duplicates:>11} {redriven:>9} {losses:>7} {recovery:>8}",
        "scenario"
    );
    for (name, outcome) in outcomes {
        println!("{:<62} {outcome}", name.replace('_', " "));
    }
    println!("duplicates: requests to the provider beyond one per order; recovery: seconds from the last fault\n");
}
