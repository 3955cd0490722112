//! What SQS may do and rarely does: messages that come twice, late or out of order, and answers that get lost.

use std::fmt;
use std::str::FromStr;

use super::{Millis, SECOND};

/// How unkind the queue is: a share of messages (or calls) for each kind of unkindness, 0 to 1.
///
/// Written as `seed=1,duplicates=0.1,reordered=0.1,late=0.1,lost-answers=0.05`; what is left out is 0, the seed 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unkindness {
    /// The same seed and the same calls, the same unkindness.
    pub seed: u64,
    /// Messages that are stored twice: each copy is handed out by itself, the second up to 2 s after the first.
    pub duplicates: f64,
    /// Messages that wait behind those that come within the next second.
    pub reordered: f64,
    /// Messages that become visible up to 5 s late.
    pub late: f64,
    /// Calls that are carried out and never answered: the connection ends instead.
    pub lost_answers: f64,
}

const SECOND_COPY: Millis = 2 * SECOND;
const BEHIND: Millis = SECOND;
const LATE: Millis = 5 * SECOND;

/// What an [`Unkindness`] cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotUnkindness(String);

impl fmt::Display for NotUnkindness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(what) = self;
        write!(
            f,
            "{what}; must be like seed=1,duplicates=0.1,reordered=0.1,late=0.1,lost-answers=0.05 with shares from 0 to 1"
        )
    }
}

impl std::error::Error for NotUnkindness {}

impl FromStr for Unkindness {
    type Err = NotUnkindness;

    fn from_str(text: &str) -> Result<Self, NotUnkindness> {
        let mut unkindness = Self { seed: 1, duplicates: 0.0, reordered: 0.0, late: 0.0, lost_answers: 0.0 };
        for setting in text.split(',').map(str::trim).filter(|setting| !setting.is_empty()) {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            let share = || {
                let share = value.parse().ok().filter(|share| (0.0..=1.0).contains(share));
                share.ok_or_else(|| NotUnkindness(format!("{name} is not a share")))
            };
            match name {
                "seed" => {
                    unkindness.seed = value.parse().map_err(|_| NotUnkindness("seed is not a whole number".into()))?;
                }
                "duplicates" => unkindness.duplicates = share()?,
                "reordered" => unkindness.reordered = share()?,
                "late" => unkindness.late = share()?,
                "lost-answers" => unkindness.lost_answers = share()?,
                _ => return Err(NotUnkindness("there is a setting that is not known".into())),
            }
        }
        Ok(unkindness)
    }
}

/// The dice of an [`Unkindness`].
#[derive(Debug)]
pub(crate) struct Dice {
    unkindness: Unkindness,
    random: fastrand::Rng,
}

impl Dice {
    pub(crate) fn new(unkindness: Unkindness) -> Self {
        Self { unkindness, random: fastrand::Rng::with_seed(unkindness.seed) }
    }

    /// For a message that is sent: how late its copies are, one or two.
    pub(crate) fn copies(&mut self) -> (Millis, Option<Millis>) {
        let first = self.roll(self.unkindness.late, LATE).unwrap_or(0);
        let second = self.roll(self.unkindness.duplicates, SECOND_COPY).map(|later| first + later);
        (first, second)
    }

    /// For a message that becomes visible: how far it goes back in the line.
    pub(crate) fn back(&mut self) -> Millis {
        self.roll(self.unkindness.reordered, BEHIND).unwrap_or(0)
    }

    pub(crate) fn loses_answer(&mut self) -> bool {
        self.random.f64() < self.unkindness.lost_answers
    }

    fn roll(&mut self, share: f64, most: Millis) -> Option<Millis> {
        (self.random.f64() < share).then(|| self.random.u64(1..=most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        let unkindness: Unkindness = "seed=7, duplicates=0.5,lost-answers=1".parse().unwrap();
        let expected = Unkindness { seed: 7, duplicates: 0.5, reordered: 0.0, late: 0.0, lost_answers: 1.0 };
        assert_eq!(unkindness, expected);
    }

    #[test]
    fn anything_else_is_refused_and_not_shown() {
        for text in ["secret", "seed=x", "duplicates=2", "late=-1", "reordered", "late=NaN", "later=0.1"] {
            let fault = text.parse::<Unkindness>().unwrap_err().to_string();
            assert!(fault.contains("must be like") && !fault.contains("secret"), "{fault}");
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_unkindness() {
        let rolls = || {
            let mut dice = Dice::new("seed=3,duplicates=0.3,late=0.3,reordered=0.3".parse().unwrap());
            (0..100).map(|_| (dice.copies(), dice.back())).collect::<Vec<_>>()
        };
        assert_eq!(rolls(), rolls());
        assert!(rolls().iter().any(|((_, second), _)| second.is_some()));
    }
}
