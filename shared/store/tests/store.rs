//! One suite of behaviours, held against two emulators that were made by different people, so that the
//! habits of neither become ours: dynoxide in this process, and AWS's own DynamoDB Local.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests stop where something is not as it must be"
)]

#[path = "suite/calls.rs"]
mod calls;
#[path = "suite/capacity.rs"]
mod capacity;
#[path = "suite/configurations.rs"]
mod configurations;
#[path = "suite/emulator.rs"]
mod emulator;
#[path = "suite/sample.rs"]
mod sample;
#[path = "suite/workers.rs"]
mod workers;

use emulator::DynamoDbLocal;

macro_rules! behaviours {
    ($($area:ident :: $behaviour:ident,)*) => {
        mod on_dynoxide {
            $(
                #[tokio::test]
                async fn $behaviour() {
                    let (store, _) = crate::emulator::dynoxide().await;
                    crate::$area::$behaviour(store).await;
                }
            )*
        }

        /// One server for all behaviours: Java takes seconds to start.
        #[tokio::test]
        async fn every_behaviour_holds_on_dynamodb_local() {
            let Some(local) = DynamoDbLocal::start().await else { return };
            $(
                println!("{}", stringify!($behaviour));
                $area::$behaviour(emulator::fresh_table(&local.url).await).await;
            )*
        }
    };
}

behaviours! {
    calls::a_repeated_webhook_finds_the_call_open,
    calls::of_simultaneous_webhooks_one_opens_the_call,
    calls::a_callback_may_come_before_the_call_is_opened,
    calls::facts_make_one_record_in_any_order,
    calls::facts_learnt_at_the_same_time_all_count,
    calls::a_known_fact_is_not_written_again,
    calls::a_refusal_stores_nothing_at_all,
    calls::a_call_needs_its_agent,
    calls::late_events_do_not_bring_a_forgotten_call_back,
    calls::a_storm_of_callbacks_does_not_fill_the_call,
    calls::writes_without_a_fact_about_the_call_are_refused,
    calls::an_incoming_call_is_answered_from_one_load,
    calls::rates_are_limited_exactly_within_a_window,
    calls::calls_are_listed_by_age_and_by_day,
    calls::a_session_that_ended_is_not_opened_again,
    capacity::two_hundred_simultaneous_arrivals_and_departures_are_counted_exactly,
    capacity::a_place_is_taken_and_given_back_once,
    calls::a_callback_promised_twice_is_stored_once,
    workers::only_containers_that_beat_lately_count,
    workers::a_request_is_worked_on_once_and_answered_alike,
    workers::of_simultaneous_requests_one_is_worked_on,
    configurations::configurations_are_stored_listed_and_removed,
    configurations::a_stale_version_is_refused,
    configurations::of_simultaneous_changes_one_wins,
    configurations::a_name_of_nothing_is_refused_by_its_field,
    configurations::what_is_used_stays,
    configurations::an_agent_comes_with_its_voice_as_it_is_now,
    configurations::a_voice_and_its_agents_change_at_the_same_time,
    configurations::a_number_never_outlives_its_agent,
}
