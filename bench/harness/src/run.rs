//! `bench/run`: some rounds of everything, and the report.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::figures::Figures;
use crate::measure::{Peers, Sizes, idle, place, start, work_off};
use crate::report::Report;
use crate::scene::Setup;
use crate::{Place, report::facts::name};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only these measurements; unset: all.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// The floor's binary.
    #[arg(long)]
    floor: PathBuf,
    /// The peers in Node, installed; unset: they are left out.
    #[arg(long)]
    node: Option<PathBuf>,
    /// NAME=BYTES of an image that has been built.
    #[arg(long = "image", value_parser = image)]
    images: Vec<(String, u64)>,
    /// Seconds of placing.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Orders to be worked off.
    #[arg(long, default_value_t = 10_000)]
    orders: usize,
    /// Messages for the consumers that are peers.
    #[arg(long, default_value_t = 20_000)]
    messages: usize,
    /// Orders placed one by one.
    #[arg(long, default_value_t = 20)]
    lone: usize,
    /// Seconds of doing nothing.
    #[arg(long, default_value_t = 60.0)]
    idle: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Start,
    Place,
    WorkOff,
    Idle,
}

fn image(argument: &str) -> Result<(String, u64), String> {
    let (name, bytes) = argument.split_once('=').ok_or("must be NAME=BYTES")?;
    Ok((name.to_owned(), bytes.parse().map_err(|_| "must be NAME=BYTES")?))
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let Arguments { place, rounds, only, floor, node, images, seconds, orders, messages, lone, idle } = arguments;
    let (out, command) = (place.out.clone(), place.told.clone());
    let setup = place.setup()?;
    let sizes = Sizes {
        warm_up: Duration::from_secs_f64(seconds / 4.0),
        placing: Duration::from_secs_f64(seconds),
        orders,
        messages,
        lone,
        idle: Duration::from_secs_f64(idle),
    };
    let example = setup.builds[0].sources.join("crates/contracts/examples/order.created.v1.json");
    let peers = Peers::new(floor, node.clone(), &example)?;
    let mut figures = Figures::default();
    setup.cleanly(measure(&setup, &sizes, &peers, rounds, &only, &mut figures)).await?;
    let report = Report { command, setup: &setup, sizes: &sizes, rounds, node: node.as_deref(), images: &images };
    report.write(&figures, &out).await?;
    eprintln!("written: {}", out.join("RESULTS.md").display());
    Ok(())
}

async fn measure(
    setup: &Setup,
    sizes: &Sizes,
    peers: &Peers,
    rounds: usize,
    only: &[Part],
    figures: &mut Figures,
) -> Result<()> {
    let wanted = |part| only.is_empty() || only.contains(&part);
    let rows = setup.rows();
    for round in 1..=rounds {
        for row in rows.iter().copied() {
            if wanted(Part::Start) {
                start(setup, row, figures).await?;
            }
            if wanted(Part::Place) {
                eprintln!("round {round}/{rounds}: placing, {}", name(setup, row));
                place(setup, row, sizes, figures).await?;
            }
            if wanted(Part::WorkOff) {
                eprintln!("round {round}/{rounds}: working off, {}", name(setup, row));
                work_off(setup, row, sizes, figures).await?;
            }
        }
        eprintln!("round {round}/{rounds}: the floor and the peers");
        if wanted(Part::Place) {
            peers.place(setup, sizes, figures).await?;
        }
        if wanted(Part::WorkOff) {
            peers.work_off(setup, sizes, figures).await?;
        }
    }
    if wanted(Part::Idle) {
        eprintln!("idle for {} s", sizes.idle.as_secs_f64());
        idle(setup, &rows, sizes, figures).await?;
    }
    Ok(())
}
