//! W3C trace context: a message carries it as an attribute, so that one trace leads through queues.
//!
//! It goes on whether or not anybody exports spans, and so do the ids in the logs.
//! <https://www.w3.org/TR/trace-context/#traceparent-header>

use std::fmt;
use std::str::FromStr;

/// The message attribute, and the HTTP header, that carries it.
pub const TRACEPARENT: &str = "traceparent";

/// Which trace, and which span within it.
///
/// ```
/// use sqs::TraceContext;
///
/// let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let received: TraceContext = sent.parse()?;
/// assert_eq!(received.to_string(), sent);
/// assert_eq!(received.child().trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// # Ok::<(), sqs::trace::InvalidTraceparent>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    /// 0: none of this trace's spans has begun yet.
    span_id: u64,
    sampled: bool,
}

/// A `traceparent` that does not follow the specification.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
pub struct InvalidTraceparent;

impl TraceContext {
    /// A new trace, sampled, that has no span yet.
    pub fn root() -> Self {
        Self { trace_id: fastrand::u128(1..), span_id: 0, sampled: true }
    }

    /// Of a span that a tracing library has begun, by its ids.
    pub fn of_span(trace_id: u128, span_id: u64, sampled: bool) -> Self {
        Self { trace_id, span_id, sampled }
    }

    /// What the caller sent, or a new trace if it sent nothing usable.
    pub fn continue_from(traceparent: Option<&str>) -> Self {
        traceparent.and_then(|text| text.parse().ok()).unwrap_or_else(Self::root)
    }

    /// What follows from this, where nobody exports its span.
    pub fn child(&self) -> Self {
        Self { span_id: fastrand::u64(1..), ..*self }
    }

    /// The trace id, as it is written in logs.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The span id, as it is written in logs.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span_id)
    }

    /// The ids of its trace and its span, as a tracing library takes them; none: it has no span yet.
    pub fn ids(&self) -> Option<(u128, u64)> {
        (self.span_id != 0).then_some((self.trace_id, self.span_id))
    }

    /// Whether whoever began it records it.
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // There is no way to write that a trace has no span yet.
        let Self { trace_id, span_id, sampled } = if self.span_id == 0 { self.child() } else { *self };
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(sampled))
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text).ok_or(InvalidTraceparent)
    }
}

/// Later versions may say more, behind what this one says.
fn read(text: &str) -> Option<TraceContext> {
    let mut parts = text.split('-');
    let version = hex(parts.next()?, 2)?;
    let trace_id = hex(parts.next()?, 32)?;
    let span_id = u64::try_from(hex(parts.next()?, 16)?).ok()?;
    let flags = hex(parts.next()?, 2)?;
    let whole = version != 0xff && (version != 0 || parts.next().is_none());
    (whole && trace_id != 0 && span_id != 0).then_some(TraceContext { trace_id, span_id, sampled: flags & 1 == 1 })
}

fn hex(digits: &str, length: usize) -> Option<u128> {
    let lower = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (digits.len() == length && lower).then(|| u128::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_child_stays_in_its_trace() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let child = TraceContext::continue_from(Some(parent)).child();
        assert_eq!(child.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(child.to_string(), parent);
        assert_eq!(child.to_string().parse(), Ok(child));
    }

    #[test]
    fn a_later_version_may_say_more_than_is_known() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings";
        let known = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(later.parse::<TraceContext>().map(|context| context.to_string()), Ok(known.to_owned()));
    }

    #[test]
    fn what_is_not_a_traceparent_starts_a_new_trace() {
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-gbf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(bad.parse::<TraceContext>(), Err(InvalidTraceparent), "{bad}");
            assert_ne!(TraceContext::continue_from(Some(bad)).trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(trace_id in 1u128.., span_id in 1u64.., sampled: bool) {
            let context = TraceContext::of_span(trace_id, span_id, sampled);
            prop_assert_eq!(context.to_string().parse(), Ok(context));
        }

        #[test]
        fn nothing_that_can_be_sent_does_harm(text: String) {
            let _ = text.parse::<TraceContext>();
        }
    }
}
