//! Every sample event gets its answer.

use lambda::Function as _;

use crate::handler::Token;

const DIR: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
async fn every_event_gets_its_answer() {
    samples::check::<Token>("token", DIR, &[], async |_| {}).await;
}

#[test]
fn the_fallback_is_an_error() {
    assert_eq!(Token::fallback("/token").status, 500);
}
