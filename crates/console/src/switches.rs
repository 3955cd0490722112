//! Switches that a system in one process has: they take a part of it away and give it back.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::Mutex;

type IsOn = Box<dyn Fn() -> bool + Send + Sync>;
type Set = Box<dyn Fn(bool) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// Something that can be switched off and on.
pub struct Switch {
    /// What it is called in addresses.
    pub id: &'static str,
    /// And on the page.
    pub label: &'static str,
    /// What it means that it is on.
    pub says: &'static str,
    /// And that it is off.
    pub off_says: &'static str,
    is_on: IsOn,
    set: Mutex<Set>,
}

impl Switch {
    /// A switch that `is_on` tells of and `set` sets. It is set by one at a time.
    pub fn new(
        [id, label, says, off_says]: [&'static str; 4],
        is_on: impl Fn() -> bool + Send + Sync + 'static,
        set: impl Fn(bool) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync + 'static,
    ) -> Self {
        Self { id, label, says, off_says, is_on: Box::new(is_on), set: Mutex::new(Box::new(set)) }
    }

    pub(crate) fn is_on(&self) -> bool {
        (self.is_on)()
    }

    pub(crate) async fn set(&self, on: bool) -> anyhow::Result<()> {
        let set = self.set.lock().await;
        if self.is_on() == on { Ok(()) } else { set(on).await }
    }
}

/// All of them; cheap to clone.
#[derive(Clone, Default)]
pub struct Switches(Arc<Vec<Switch>>);

impl FromIterator<Switch> for Switches {
    fn from_iter<I: IntoIterator<Item = Switch>>(switches: I) -> Self {
        Self(Arc::new(switches.into_iter().collect()))
    }
}

impl Switches {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Switch> {
        self.0.iter()
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Switch> {
        self.all().find(|switch| switch.id == id)
    }
}
