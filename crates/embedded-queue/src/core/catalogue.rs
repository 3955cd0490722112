//! Which queues there are, and what is known of each.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use super::attributes::{Attributes, is_readable};
use super::name::QueueName;
use super::queue::Queue;
use super::{Answer, Change, Code, Core, Error, Millis, Page, QueueId, SECOND, Tags, tags};

/// How long a deleted queue's name is taken, and how long there is between two purges.
const SIXTY_SECONDS: Millis = 60 * SECOND;

/// The names that cannot be used again yet.
#[derive(Debug, Default)]
pub(super) struct RecentlyDeleted {
    since: HashMap<QueueName, Millis>,
    /// Oldest first.
    order: VecDeque<(Millis, QueueName)>,
}

impl RecentlyDeleted {
    fn add(&mut self, now: Millis, name: QueueName) {
        self.since.insert(name.clone(), now);
        self.order.push_back((now, name));
    }

    fn has(&mut self, now: Millis, name: &QueueName) -> bool {
        while let Some((_, old)) = self.order.pop_front_if(|(at, _)| *at + SIXTY_SECONDS <= now) {
            self.since.remove(&old);
        }
        self.since.contains_key(name)
    }
}

impl Core {
    pub(super) fn create_queue(
        &mut self,
        now: Millis,
        name: QueueName,
        changes: Vec<Change>,
        tags: Tags,
    ) -> Result<Answer, Error> {
        if let Ok(queue) = self.queue(&name) {
            return match queue.attributes.differing(&changes) {
                None => Ok(Answer::Queue(name)),
                Some(attribute) => Err(Error::new(
                    Code::QueueAlreadyExists,
                    format!(
                        "A queue already exists with the same name and a different value for attribute {attribute}"
                    ),
                )),
            };
        }
        if self.deleted.has(now, &name) {
            return Err(Error::new(
                Code::QueueDeletedRecently,
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
            ));
        }
        let tags = tags::merged(&Tags::new(), tags, &name)?;
        let attributes = self.changed(&name, Attributes::default(), changes)?;
        let id = QueueId(self.random.u64(..));
        let mut queue = Queue::new(id, name.clone(), now);
        queue.tags = tags;
        self.queues.insert(id, queue);
        self.names.insert(name.clone(), id);
        self.set_attributes(id, attributes);
        Ok(Answer::Queue(name))
    }

    pub(super) fn delete_queue(&mut self, now: Millis, name: &QueueName) -> Result<Answer, Error> {
        let id = self.find(name)?;
        self.set_attributes(id, Attributes::default());
        self.names.remove(name);
        self.queues.remove(&id);
        self.reschedule(id);
        self.woken.insert(id);
        if self.rules.sixty_seconds {
            self.deleted.add(now, name.clone());
        }
        Ok(Answer::Done)
    }

    pub(super) fn list_queues(&mut self, region: &Arc<str>, prefix: &str, page: Page) -> Result<Answer, Error> {
        let from = QueueName { region: region.clone(), name: prefix.into() };
        let after = page.after.as_deref().map(|name| QueueName { region: region.clone(), name: name.into() });
        let start = match after {
            Some(after) if after >= from => Bound::Excluded(after),
            _ => Bound::Included(from),
        };
        let names = self.names.range((start, Bound::Unbounded)).map(|(name, _)| name);
        let names = names.take_while(|name| name.region == *region && name.name.starts_with(prefix));
        let (queues, next) = cut(names, &page);
        Ok(Answer::Queues(queues, next))
    }

    pub(super) fn list_sources(&mut self, name: &QueueName, page: Page) -> Result<Answer, Error> {
        self.find(name)?;
        let none = BTreeSet::new();
        let sources = self.sources.get(name).unwrap_or(&none);
        let start = match &page.after {
            Some(after) => Bound::Excluded(QueueName { region: name.region.clone(), name: after.as_str().into() }),
            None => Bound::Unbounded,
        };
        let (queues, next) = cut(sources.range((start, Bound::Unbounded)), &page);
        Ok(Answer::Sources(queues, next))
    }

    pub(super) fn get_queue_attributes(&mut self, name: &QueueName, wanted: &[String]) -> Result<Answer, Error> {
        let queue = self.queue(name)?;
        if let Some(unknown) = wanted.iter().find(|name| !is_readable(name)) {
            return Err(Error::unknown_attribute(unknown));
        }
        let counts = queue.counts();
        let mut list = queue.attributes.list();
        list.extend([
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
            ("CreatedTimestamp", (queue.created / SECOND).to_string()),
            ("LastModifiedTimestamp", (queue.modified / SECOND).to_string()),
            ("QueueArn", queue.arn.to_string()),
        ]);
        if !wanted.iter().any(|name| name == "All") {
            list.retain(|(name, _)| wanted.iter().any(|wanted| wanted == name));
        }
        list.sort_unstable();
        Ok(Answer::Attributes(list))
    }

    pub(super) fn set_queue_attributes(
        &mut self,
        now: Millis,
        name: &QueueName,
        changes: Vec<Change>,
    ) -> Result<Answer, Error> {
        let id = self.find(name)?;
        let before = self.queue(name)?.attributes.clone();
        let attributes = self.changed(name, before, changes)?;
        self.queue(name)?.modified = now;
        self.set_attributes(id, attributes);
        // A shorter retention is felt at once.
        self.advance(now);
        Ok(Answer::Done)
    }

    /// `attributes` after `changes`, unless they name a dead-letter queue that is not there or will not have them.
    fn changed(&self, name: &QueueName, mut attributes: Attributes, changes: Vec<Change>) -> Result<Attributes, Error> {
        for change in changes {
            if let Change::Redrive(Some(policy)) = &change {
                let refused = |reason: &str| Error::parameter("RedrivePolicy", policy.to_json(), reason);
                if policy.target.region != name.region {
                    return Err(refused("Dead letter target must be in the same region as its source."));
                }
                let target = self.find(&policy.target).ok().and_then(|id| self.queues.get(&id));
                let target = target.ok_or_else(|| refused("Dead letter target does not exist."))?;
                if target.attributes.redrive_allow.as_ref().is_some_and(|allow| !allow.allows(name)) {
                    return Err(refused(
                        "The redrive allow policy of the dead letter target does not allow this queue.",
                    ));
                }
            }
            attributes.apply(change);
        }
        Ok(attributes)
    }

    fn set_attributes(&mut self, id: QueueId, attributes: Attributes) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let target = |attributes: &Attributes| attributes.redrive.as_ref().map(|policy| policy.target.clone());
        let (before, after) = (target(&queue.attributes), target(&attributes));
        queue.attributes = attributes;
        let name = queue.name.clone();
        if before != after {
            if let Some(before) = before
                && let Some(sources) = self.sources.get_mut(&before)
            {
                sources.remove(&name);
                if sources.is_empty() {
                    self.sources.remove(&before);
                }
            }
            if let Some(after) = after {
                self.sources.entry(after).or_default().insert(name);
            }
        }
        self.reschedule(id);
    }

    pub(super) fn purge_queue(&mut self, now: Millis, name: &QueueName) -> Result<Answer, Error> {
        let sixty_seconds = self.rules.sixty_seconds;
        let queue = self.queue(name)?;
        if sixty_seconds && queue.purged.is_some_and(|at| at + SIXTY_SECONDS > now) {
            let message = format!("Only one PurgeQueue operation on {} is allowed every 60 seconds.", name.name);
            return Err(Error::new(Code::PurgeQueueInProgress, message));
        }
        queue.purge(now);
        let id = queue.id;
        self.reschedule(id);
        Ok(Answer::Done)
    }
}

/// A page of names, and after which one the next page begins.
fn cut<'a>(mut names: impl Iterator<Item = &'a QueueName>, page: &Page) -> (Vec<QueueName>, Option<String>) {
    let queues: Vec<QueueName> = names.by_ref().take(page.most).cloned().collect();
    let next = queues.last().map(|last| last.name.to_string()).filter(|_| page.more && names.next().is_some());
    (queues, next)
}
