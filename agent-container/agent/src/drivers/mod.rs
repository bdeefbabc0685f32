//! What carries the dialogue's wishes out: sockets of vendors, playout, tools. Everything that happens comes
//! back as a [`dialogue::Input`]; what is decided here is only which vendor is asked next.

pub mod callbacks;
pub mod chat_messages;
pub mod failure;
pub mod kept_audio;
pub mod keys;
pub mod live;
pub mod recogniser;
pub mod synthesis;
pub mod tasks;
pub mod thinker;
pub mod tools;
mod transcriber;
pub mod turn_ear;
pub mod turn_model;
pub mod vendors;
pub mod voice;
