//! Tags of queues.

use super::name::QueueName;
use super::{Answer, Core, Error, Tags};

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>
const MOST: usize = 50;

impl Core {
    pub(super) fn tag_queue(&mut self, name: &QueueName, tags: Tags) -> Result<Answer, Error> {
        let queue = self.queue(name)?;
        queue.tags = merged(&queue.tags, tags, &queue.name)?;
        Ok(Answer::Done)
    }

    pub(super) fn untag_queue(&mut self, name: &QueueName, keys: &[String]) -> Result<Answer, Error> {
        let queue = self.queue(name)?;
        for key in keys {
            queue.tags.remove(key);
        }
        Ok(Answer::Done)
    }
}

/// `before` with `tags`, unless a tag cannot be or they would be too many.
pub(super) fn merged(before: &Tags, tags: Tags, queue: &QueueName) -> Result<Tags, Error> {
    for (key, value) in &tags {
        if !(1..=128).contains(&key.chars().count()) || key.to_ascii_lowercase().starts_with("aws:") {
            let reason = "A key has 1 to 128 characters and does not begin with aws:.";
            return Err(Error::parameter("Tag.Key", key, reason));
        }
        if value.chars().count() > 256 {
            return Err(Error::parameter("Tag.Value", value, "A value has at most 256 characters."));
        }
    }
    let mut after = before.clone();
    after.extend(tags);
    if after.len() > MOST {
        return Err(Error::invalid(format!("Too many tags added for queue {}.", queue.name)));
    }
    Ok(after)
}
