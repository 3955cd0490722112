//! Visits every state that can be reached, in the order of the steps that it takes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::world::{Rules, Step, World};

/// All states that can be reached.
pub(crate) struct Explored {
    worlds: Vec<World>,
    /// By which step each was reached first, and from which one.
    reached: Vec<Option<(usize, Step)>>,
    /// From where each can be reached without a fault.
    before: Vec<Vec<usize>>,
    /// The most steps that a state is away from the beginning.
    pub(crate) depth: usize,
}

/// A state that must not be, and the shortest way to it.
#[derive(Debug)]
pub(crate) struct Counterexample {
    pub(crate) fault: &'static str,
    pub(crate) steps: Vec<Step>,
}

/// Visits all states; ends at the first that must not be.
pub(crate) fn explore(rules: Rules) -> Result<Explored, Counterexample> {
    let mut known = HashMap::from([(World::new(), 0)]);
    let mut explored = Explored { worlds: vec![World::new()], reached: vec![None], before: vec![Vec::new()], depth: 0 };
    let mut depths = vec![0];
    let mut index = 0;
    while let Some(&world) = explored.worlds.get(index) {
        for step in world.steps() {
            let next = world.after(step, rules);
            let found = match known.entry(next) {
                Entry::Occupied(found) => *found.get(),
                Entry::Vacant(place) => {
                    place.insert(explored.worlds.len());
                    explored.worlds.push(next);
                    explored.reached.push(Some((index, step)));
                    explored.before.push(Vec::new());
                    depths.push(depths[index] + 1);
                    if let Some(fault) = next.fault() {
                        return Err(Counterexample { fault, steps: explored.way_to(explored.worlds.len() - 1) });
                    }
                    explored.worlds.len() - 1
                }
            };
            if !step.is_fault() {
                explored.before[found].push(index);
            }
        }
        index += 1;
    }
    explored.depth = depths.into_iter().max().unwrap_or(0);
    Ok(explored)
}

impl Explored {
    pub(crate) fn states(&self) -> usize {
        self.worlds.len()
    }

    /// The shortest way to a state from which the order can no longer end, whatever happens then without a fault.
    ///
    /// None means that every order can still end, wherever faults have brought it. That it does end takes fairness besides,
    /// which is not modelled: that what can happen again and again happens some day.
    pub(crate) fn stuck(&self) -> Option<Counterexample> {
        let mut ends: Vec<bool> = self.worlds.iter().map(World::has_ended).collect();
        let mut open: Vec<usize> = (0..ends.len()).filter(|&index| ends[index]).collect();
        while let Some(index) = open.pop() {
            for &before in &self.before[index] {
                if !ends[before] {
                    ends[before] = true;
                    open.push(before);
                }
            }
        }
        let stuck = ends.iter().position(|ends| !ends)?;
        Some(Counterexample { fault: "the order can no longer end", steps: self.way_to(stuck) })
    }

    fn way_to(&self, mut index: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some((before, step)) = self.reached[index] {
            steps.push(step);
            index = before;
        }
        steps.reverse();
        steps
    }
}
