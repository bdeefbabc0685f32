//! The dialogue's history in the words of `speech`.

use dialogue::Message;
use speech::{ChatMessage, ToolCall};

/// Converts the history. Tool calls join the assistant's words right before them: vendors want both in one
/// message.
#[must_use]
pub fn chat_messages(messages: &[Message]) -> Vec<ChatMessage> {
    let mut out: Vec<ChatMessage> = Vec::with_capacity(messages.len());
    for message in messages {
        match message {
            Message::System { text } => out.push(ChatMessage::System(text.clone())),
            Message::User { text } => out.push(ChatMessage::User(text.clone())),
            Message::Assistant { text } => {
                out.push(ChatMessage::Assistant { text: text.clone(), tool_calls: Vec::new() });
            }
            Message::ToolCalls { calls } => push_calls(&mut out, calls),
            Message::ToolOutput { vendor_id, output, error, .. } => out.push(ChatMessage::ToolResult {
                call_id: vendor_id.clone(),
                content: output.clone(),
                is_error: *error,
            }),
        }
    }
    out
}

fn push_calls(out: &mut Vec<ChatMessage>, calls: &[dialogue::ToolCall]) {
    let calls = calls.iter().map(|call| ToolCall {
        id: call.vendor_id.clone(),
        name: call.name.clone(),
        arguments: call.arguments.clone(),
    });
    if let Some(ChatMessage::Assistant { tool_calls, .. }) = out.last_mut()
        && tool_calls.is_empty()
    {
        tool_calls.extend(calls);
        return;
    }
    out.push(ChatMessage::Assistant { text: String::new(), tool_calls: calls.collect() });
}

#[cfg(test)]
mod tests {
    use dialogue::{Message, ToolCall as Call};
    use speech::ChatMessage;

    use super::chat_messages;

    #[test]
    fn words_and_tool_calls_of_one_step_are_one_message() {
        let call = Call { vendor_id: "c1".into(), name: "look".into(), arguments: "{}".into() };
        let output = Message::ToolOutput {
            vendor_id: "c1".into(),
            name: "look".into(),
            output: "42".into(),
            error: false,
        };
        let history = [
            Message::User { text: "hi".into() },
            Message::Assistant { text: "one moment".into() },
            Message::ToolCalls { calls: vec![call] },
            output,
        ];
        let chat = chat_messages(&history);
        assert_eq!(chat.len(), 3);
        let ChatMessage::Assistant { text, tool_calls } = &chat[1] else { panic!("{chat:?}") };
        assert_eq!((text.as_str(), tool_calls.len()), ("one moment", 1));
    }
}
