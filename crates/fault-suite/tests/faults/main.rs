//! Faults of every kind against the real binaries, and after each of them the same verdict: every 202 has its end, every
//! execution its order, and no order two executions.
//!
//! `cargo test` runs the short versions; `cargo test -p fault-suite -- --ignored --nocapture` the full ones, and prints a
//! table at the end. `TEST_AWS_ENDPOINT_URL`, `TEST_DATABASE_URL` and `TEST_POSTGRES_RESTART` (a command) put them on
//! LocalStack and PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod cancelled_orders;
mod copies;
mod database_away;
mod databases_held_up;
mod disturbed_results;
mod failing_provider;
mod full_disk;
mod full_hand_over;
mod killed_order_service;
mod killed_workers;
mod lost_answers;
mod many_workers;
mod paused_workers;
mod provider_away;
mod queue_outage;
mod runner;
mod two_relays;

runner::scenarios! {
    a_worker_killed_at_random_moments_charges_each_order_once => killed_workers::run,
    an_order_service_killed_at_random_moments_keeps_its_promises => killed_order_service::run,
    an_instance_that_dies_with_a_full_hand_over_loses_nothing => full_hand_over::run,
    two_relays_on_one_database_one_of_them_stopped_under_load_lose_nothing => two_relays::run,
    orders_are_accepted_while_the_queue_is_gone_and_paid_later => queue_outage::run,
    a_full_disk_makes_no_promises => full_disk::run,
    a_provider_that_often_fails_delays_orders_and_loses_none => failing_provider::run,
    an_answer_lost_after_the_deed_is_not_the_deed_twice => lost_answers::run,
    a_worker_paused_beyond_its_lease_does_no_harm => paused_workers::run,
    fifty_copies_of_an_event_are_one_charge => copies::run,
    results_duplicated_reordered_and_made_up_do_no_harm => disturbed_results::run,
    three_workers_share_one_database_and_a_backlog => many_workers::run,
    orders_taken_back_at_random_moments_end_as_the_provider_s_books_say => cancelled_orders::run,
    a_provider_away_at_low_traffic_costs_no_receive => provider_away::run,
    a_database_away_while_results_arrive_costs_no_receive => database_away::orders,
    a_database_away_while_orders_are_charged_costs_no_receive => database_away::payments,
    a_database_held_up_loses_nothing => databases_held_up::run,
}
