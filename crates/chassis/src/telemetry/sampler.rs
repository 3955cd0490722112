//! Which traces are exported: `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
//!
//! A call about messages of many traces has links in place of a parent. To the samplers that go by the parent, a link
//! counts as one: the call is exported if any of the messages' traces is, else it would be missing from most of those that
//! are.

use opentelemetry::Context;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId};
use opentelemetry_sdk::trace::{Sampler, SamplingResult, ShouldSample};

use crate::Configuration;

const NAMES: &str = "must be always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or \
                     parentbased_traceidratio";

/// One of OpenTelemetry's own samplers, and what it makes of links.
#[derive(Clone, Debug)]
pub(super) struct LinkedSampler {
    sampler: Sampler,
    parent_based: bool,
}

impl LinkedSampler {
    pub(super) fn read(configuration: &mut Configuration) -> Self {
        let ratio = configuration.read("OTEL_TRACES_SAMPLER_ARG", 1.0, |value| {
            let ratio = value.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
            ratio.ok_or("must be a share from 0 to 1")
        });
        let default = Self::based_on_parent(Sampler::AlwaysOn);
        configuration.read("OTEL_TRACES_SAMPLER", default, |name| {
            let (name, parent_based) = match name.strip_prefix("parentbased_") {
                Some(root) => (root, true),
                None => (name, false),
            };
            let root = match name {
                "always_on" => Sampler::AlwaysOn,
                "always_off" => Sampler::AlwaysOff,
                "traceidratio" => Sampler::TraceIdRatioBased(ratio),
                _ => return Err(NAMES),
            };
            Ok(if parent_based { Self::based_on_parent(root) } else { Self { sampler: root, parent_based } })
        })
    }

    fn based_on_parent(root: Sampler) -> Self {
        Self { sampler: Sampler::ParentBased(Box::new(root)), parent_based: true }
    }
}

impl ShouldSample for LinkedSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let decide = |parent| self.sampler.should_sample(parent, trace_id, name, kind, attributes, links);
        let has_parent = parent.is_some_and(TraceContextExt::has_active_span);
        if !self.parent_based || has_parent || links.is_empty() {
            return decide(parent);
        }
        let sampled = links.iter().find(|link| link.span_context.is_sampled()).or(links.first());
        let linked = sampled.map(|link| Context::new().with_remote_span_context(link.span_context.clone()));
        decide(linked.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};
    use opentelemetry_sdk::trace::SamplingDecision;

    use super::*;
    use crate::Environment;

    fn sampler(variables: &[(&str, &str)]) -> LinkedSampler {
        let mut configuration = Configuration::new(variables.iter().copied().collect::<Environment>());
        let sampler = LinkedSampler::read(&mut configuration);
        configuration.whole(sampler).unwrap()
    }

    fn exported(sampler: &LinkedSampler, links: &[bool]) -> bool {
        let link = |sampled: &bool| {
            let flags = if *sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
            let (trace_id, span_id) = (TraceId::from(1), SpanId::from(1));
            Link::with_context(SpanContext::new(trace_id, span_id, flags, true, TraceState::NONE))
        };
        let links: Vec<Link> = links.iter().map(link).collect();
        let root = TraceId::from(u128::MAX);
        let sampled = sampler.should_sample(None, root, "send orders", &SpanKind::Client, &[], &links);
        sampled.decision == SamplingDecision::RecordAndSample
    }

    #[test]
    fn a_call_about_several_traces_is_exported_if_any_of_them_is() {
        let tenth = sampler(&[("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.1")]);
        assert!(exported(&tenth, &[false, true]));
        assert!(!exported(&tenth, &[false, false]));
        assert!(!exported(&tenth, &[]), "the id of this root is not in the tenth");
        assert!(exported(&sampler(&[]), &[true]) && !exported(&sampler(&[]), &[false]));
    }

    #[test]
    fn a_sampler_that_does_not_go_by_the_parent_does_not_go_by_links_either() {
        assert!(exported(&sampler(&[("OTEL_TRACES_SAMPLER", "always_on")]), &[false]));
        assert!(!exported(&sampler(&[("OTEL_TRACES_SAMPLER", "always_off")]), &[true]));
    }

    #[test]
    fn a_sampler_that_is_not_known_is_refused() {
        let variables = [("OTEL_TRACES_SAMPLER", "jaeger_remote"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
        let mut configuration = Configuration::new(variables.into_iter().collect());
        LinkedSampler::read(&mut configuration);
        assert_eq!(configuration.whole(()).unwrap_err().to_string().lines().count(), 2);
    }
}
