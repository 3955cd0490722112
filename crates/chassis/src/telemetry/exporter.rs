//! An exporter that tells when its endpoint goes away and comes back: one line each, however long that lasts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// Exports through another one.
#[derive(Debug)]
pub(super) struct TellingExporter<E> {
    exporter: E,
    away: AtomicBool,
}

impl<E> TellingExporter<E> {
    pub(super) fn new(exporter: E) -> Self {
        Self { exporter, away: AtomicBool::new(false) }
    }
}

impl<E: SpanExporter> SpanExporter for TellingExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let outcome = self.exporter.export(batch).await;
        let was_away = self.away.swap(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Err(error) if !was_away => {
                tracing::warn!(spans, %error, "traces cannot be exported; their spans are dropped until they can be again");
            }
            Ok(()) if was_away => tracing::info!("traces are exported again"),
            _ => {}
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
