//! The table that is created is the table that is defined.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests stop where something is not as it must be"
)]

#[path = "suite/emulator.rs"]
#[expect(dead_code, reason = "only dynoxide is needed here")]
mod emulator;

use aws_sdk_dynamodb::types::{KeySchemaElement, KeyType};
use store::{client, table};

#[tokio::test]
async fn the_table_is_created_as_defined_and_only_once() {
    let (store, url) = emulator::dynoxide().await;
    let client = client::local(&url);
    table::create_table(&client, store.table_name()).await.unwrap();
    let described = client.describe_table().table_name(store.table_name()).send().await.unwrap();
    let described = described.table.unwrap();
    let definition = table::definition();

    assert_eq!(key(described.key_schema()), (definition.key.0.to_owned(), definition.key.1.to_owned()));
    let [index] = described.global_secondary_indexes() else { panic!("one index") };
    let (name, pk, sk) = definition.index;
    assert_eq!(index.index_name(), Some(name));
    assert_eq!(key(index.key_schema()), (pk.to_owned(), sk.to_owned()));
    let projection = index.projection().unwrap();
    assert_eq!(projection.non_key_attributes(), definition.index_includes);
    let mut attributes: Vec<_> =
        described.attribute_definitions().iter().map(|a| a.attribute_name()).collect();
    attributes.sort_unstable();
    let mut defined = definition.string_attributes;
    defined.sort_unstable();
    assert_eq!(attributes, defined);

    let ttl = client.describe_time_to_live().table_name(store.table_name()).send().await.unwrap();
    let ttl = ttl.time_to_live_description.unwrap();
    assert_eq!(ttl.attribute_name(), Some(definition.ttl));
}

fn key(schema: &[KeySchemaElement]) -> (String, String) {
    let of = |wanted: KeyType| {
        let found = schema.iter().find(|element| *element.key_type() == wanted);
        found.map(|element| element.attribute_name().to_owned()).unwrap_or_default()
    };
    (of(KeyType::Hash), of(KeyType::Range))
}
