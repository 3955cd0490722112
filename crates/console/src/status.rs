//! Whether a place is there and goes on, in a word and in a sentence.

use serde::Serialize;

use crate::metrics::{Count, Instance, Presence};
use crate::recent::Recent;

/// In a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It is there and goes on.
    Up,
    /// It is there and waits.
    Paused,
    /// Its figures are old.
    Stale,
    /// It does not answer.
    Away,
    /// Nobody has asked it yet.
    Unknown,
}

/// And in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) status: Status,
    pub(crate) words: String,
}

impl Said {
    fn new(status: Status, words: impl Into<String>) -> Self {
        Self { status, words: words.into() }
    }

    pub(crate) fn up(words: &str) -> Self {
        Self::new(Status::Up, words)
    }

    pub(crate) fn unknown(words: &str) -> Self {
        Self::new(Status::Unknown, words)
    }
}

pub(crate) fn of_instance(instance: &Instance) -> Said {
    match instance.presence {
        Presence::Unknown => Said::unknown("not asked yet"),
        Presence::Away => Said::new(Status::Away, "does not answer"),
        Presence::Stale => Said::new(Status::Stale, "has missed an answer"),
        Presence::Up => of_readiness(instance),
    }
}

fn of_readiness(Instance { readiness, .. }: &Instance) -> Said {
    match readiness.status.as_str() {
        "ready" => Said::up("ready"),
        "stopping" => Said::new(Status::Paused, "is stopping"),
        _ if readiness.database == "down" => Said::new(Status::Paused, "its database is away"),
        _ if readiness.queue == "down" => Said::new(Status::Paused, "waits for SQS"),
        _ => Said::new(Status::Paused, "not ready"),
    }
}

/// All of a service's instances; `outage`: one of its consumers waits one out.
pub(crate) fn of_service<'a>(instances: impl Iterator<Item = &'a Instance> + Clone, outage: bool) -> Said {
    let all = instances.clone().count();
    let said: Vec<Said> = instances.map(of_instance).collect();
    let some = |status: Status| said.iter().find(|said| said.status == status);
    let up = said.iter().filter(|said| said.status == Status::Up).count();
    let of_all = |words: &str| if all == 1 { words.to_owned() } else { format!("{up} of {all} instances answer") };
    if outage {
        Said::new(Status::Paused, "waits out an outage, receives nothing new")
    } else if up > 0 {
        Said::new(Status::Up, of_all("answers"))
    } else {
        let worst = [Status::Paused, Status::Stale, Status::Away].into_iter().find_map(some);
        worst.cloned().unwrap_or_else(|| Said::unknown("not asked yet"))
    }
}

/// SQS, as the services that answer find it, and as the console itself did when it last looked.
pub(crate) fn of_sqs<'a>(instances: impl Iterator<Item = &'a Instance>, problem: Option<&str>) -> Said {
    let queue = |instance: &'a Instance| instance.is_up().then_some(instance.readiness.queue.as_str());
    let found: Vec<&str> = instances.filter_map(queue).collect();
    match problem {
        _ if found.contains(&"down") => Said::new(Status::Away, "SQS does not answer the services"),
        Some(problem) => Said::new(Status::Away, format!("SQS does not answer the console: {problem}")),
        None if found.is_empty() => Said::unknown("no service answers that could tell"),
        None => Said::up("SQS answers"),
    }
}

/// The provider, as its last answers were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Provider {
    #[default]
    NotAsked,
    Answers,
    Away,
}

impl Provider {
    /// What the last moments say of it; where it was not asked, it is as it was.
    pub(crate) fn after(self, recent: &Recent) -> Self {
        if recent.moved(Count::ProviderAnswered) > 0.0 {
            Self::Answers
        } else if recent.moved(Count::ProviderAway) > 0.0 {
            Self::Away
        } else {
            self
        }
    }

    pub(crate) fn said(self) -> Said {
        match self {
            Self::NotAsked => Said::unknown("has not been asked since the console started"),
            Self::Answers => Said::up("answered when it was last asked"),
            Self::Away => Said::new(Status::Away, "did not answer when it was last asked"),
        }
    }
}
