//! The table as data: what `template.yaml` declares and what a local stack creates.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};

use crate::error::StoreError;
use crate::keys;

/// The definition of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Key attributes of table and index, all strings.
    pub string_attributes: Vec<&'static str>,
    /// Partition and sort key of the table.
    pub key: (&'static str, &'static str),
    /// Name, partition and sort key of the one index.
    pub index: (&'static str, &'static str, &'static str),
    /// Attributes copied into the index besides the keys.
    pub index_includes: Vec<&'static str>,
    /// Attribute of the time to live, epoch seconds.
    pub ttl: &'static str,
}

/// Attributes that lists need: configurations (`doc`), calls (`record`, `slot`).
const INDEX_INCLUDES: [&str; 3] = ["doc", "record", "slot"];

/// The one definition of the table.
#[must_use]
pub fn definition() -> Definition {
    Definition {
        string_attributes: vec![keys::PK, keys::SK, keys::GSI1PK, keys::GSI1SK],
        key: (keys::PK, keys::SK),
        index: (keys::GSI1, keys::GSI1PK, keys::GSI1SK),
        index_includes: INDEX_INCLUDES.to_vec(),
        ttl: keys::EXPIRES_AT,
    }
}

/// Creates the table, for emulators; on AWS the template does. A table that exists is left as it is.
///
/// # Errors
/// When the emulator cannot be reached or refuses the definition.
pub async fn create_table(client: &Client, table: &str) -> Result<(), StoreError> {
    let definition = definition();
    let mut request = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for name in &definition.string_attributes {
        request = request.attribute_definitions(attribute(name)?);
    }
    let sent = request
        .key_schema(element(definition.key.0, KeyType::Hash)?)
        .key_schema(element(definition.key.1, KeyType::Range)?)
        .global_secondary_indexes(index(&definition)?)
        .send()
        .await;
    match sent {
        Ok(_) => set_ttl(client, table, definition.ttl).await,
        Err(SdkError::ServiceError(e)) if matches!(e.err(), CreateTableError::ResourceInUseException(_)) => {
            Ok(())
        }
        Err(error) => Err(StoreError::from_sdk(&error)),
    }
}

async fn set_ttl(client: &Client, table: &str, attribute: &str) -> Result<(), StoreError> {
    let ttl = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(attribute)
        .build()
        .map_err(StoreError::unbuilt)?;
    client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(ttl)
        .send()
        .await
        .map_err(|error| StoreError::from_sdk(&error))?;
    Ok(())
}

fn attribute(name: &str) -> Result<AttributeDefinition, StoreError> {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .map_err(StoreError::unbuilt)
}

fn element(name: &str, key_type: KeyType) -> Result<KeySchemaElement, StoreError> {
    KeySchemaElement::builder().attribute_name(name).key_type(key_type).build().map_err(StoreError::unbuilt)
}

fn index(definition: &Definition) -> Result<GlobalSecondaryIndex, StoreError> {
    let mut projection = Projection::builder().projection_type(ProjectionType::Include);
    for name in &definition.index_includes {
        projection = projection.non_key_attributes(*name);
    }
    GlobalSecondaryIndex::builder()
        .index_name(definition.index.0)
        .key_schema(element(definition.index.1, KeyType::Hash)?)
        .key_schema(element(definition.index.2, KeyType::Range)?)
        .projection(projection.build())
        .build()
        .map_err(StoreError::unbuilt)
}
