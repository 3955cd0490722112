//! Requests, one after the other, on the same queues: none may stop the process, all are answered.
//!
//! The input is a list of lines; each is an action, a space and a body. Between the lines time goes on.

#![no_main]

use embedded_queue::core::{Core, Rules};
use embedded_queue::protocol::{Context, answer, error, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut core = Core::new(Rules { sixty_seconds: false, in_flight: 20 }, 1);
    let context = Context { region: "us-east-1".into(), trace_header: None };
    let mut now = 1_700_000_000_000;
    let first: &[u8] = br#"CreateQueue {"QueueName":"q"}"#;
    for line in std::iter::once(first).chain(input.split(|byte| *byte == b'\n')) {
        let at = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (action, body) = line.split_at(at);
        let action = String::from_utf8_lossy(action);
        let done = read(&action, body.trim_ascii(), &context).and_then(|request| {
            let done = core.call(now, request.call)?;
            Ok(answer(&done, &request.filter, "http://localhost"))
        });
        let said = done.unwrap_or_else(|refused| error(&refused));
        assert!(!said.is_empty());
        now = core.next_due().unwrap_or(now).max(now) + 1;
        core.take_woken();
    }
});
