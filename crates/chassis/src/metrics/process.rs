//! What the system knows of this process, under the names that all Prometheus clients give it. Read from `/proc` whenever
//! somebody asks; elsewhere than on Linux the series are not there.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// The unit of the times in `/proc/self/stat`: `USER_HZ`, 100 on every architecture that this is built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// This process.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if let Some(seconds) = cpu_seconds() {
            let (counter, help) = (ConstCounter::new(seconds), "CPU time, user and system");
            let unit = Unit::Seconds;
            counter.encode(encoder.encode_descriptor("process_cpu", help, Some(&unit), counter.metric_type())?)?;
        }
        if let Some(bytes) = resident_bytes() {
            let (gauge, help) = (ConstGauge::new(bytes), "Memory that is resident");
            let unit = Unit::Bytes;
            gauge.encode(encoder.encode_descriptor(
                "process_resident_memory",
                help,
                Some(&unit),
                gauge.metric_type(),
            )?)?;
        }
        if let Some(descriptors) = open_descriptors() {
            let (gauge, help) = (ConstGauge::new(descriptors), "Open file descriptors");
            gauge.encode(encoder.encode_descriptor("process_open_fds", help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>: fields 14 and 15. The second, the program's name, may hold
/// spaces and parentheses, so they are counted from behind it.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some((ticks(14)? + ticks(15)?) as f64 / TICKS_PER_SECOND)
}

/// In kB, whatever the size of a page.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<i64>().ok()? * 1024)
}

/// Without the one that the list is read through.
fn open_descriptors() -> Option<i64> {
    i64::try_from(std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1)).ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_memory_and_descriptors_are_those_of_this_process() {
        let before = cpu_seconds().unwrap();
        while cpu_seconds().unwrap() == before {}
        assert!(resident_bytes().unwrap() > 1024 * 1024);
        let open = open_descriptors().unwrap();
        let _file = std::fs::File::open("/proc/self/stat").unwrap();
        assert!(open_descriptors().unwrap() > open || open > 3);
    }
}
