//! A call without a network: a scripted caller at one end of a line, simulated vendors at the other.

mod caller;
mod memory;
mod tool_server;
mod world;

pub(crate) use caller::Heard;
pub(crate) use tool_server::ToolServer;
pub(crate) use world::{World, WorldSetup};
