"""Anthropic's own SDK: Messages, streamed and whole, with tools."""

import anthropic
from anthropic import Anthropic

from common import ADDRESSES

TOOL = {
    "name": "find_table",
    "description": "Finds a free table.",
    "input_schema": {"type": "object", "properties": {"people": {"type": "integer"}}},
}


def client(key="sdk"):
    return Anthropic(api_key=key, base_url=ADDRESSES["anthropic"], max_retries=0)


def ask(messages, key="sdk", **more):
    return client(key).messages.create(model="any", max_tokens=100, messages=messages, **more)


def user(content):
    return {"role": "user", "content": content}


def streamed():
    with client().messages.stream(
        model="any", max_tokens=100, system="Be brief.", messages=[user("I would like to book a table.")]
    ) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    assert "".join(pieces) == "With pleasure. For how many people, and at what time?" and len(pieces) > 5
    assert message.stop_reason == "end_turn" and message.usage.output_tokens > 0
    whole = ask([user("What is the weather?")])
    assert "What is the weather?" in whole.content[0].text


def tools():
    asked = [user("Please find me a free one.")]
    with client().messages.stream(model="any", max_tokens=100, messages=asked, tools=[TOOL]) as stream:
        message = stream.get_final_message()
    call = message.content[-1]
    assert message.stop_reason == "tool_use" and (call.name, call.input) == ("find_table", {"people": 4}), message
    asked.append({"role": "assistant", "content": message.content})
    try:
        ask(asked + [user("Well?")], tools=[TOOL])
        raise AssertionError("a tool call without a result was accepted")
    except anthropic.BadRequestError:
        pass
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "number 7"}
    assert ask(asked + [user([result])], tools=[TOOL]).content[0].text == "I found number 7 for you."


def faults():
    for key, error in [
        ("sdk?fault=rate_limited", anthropic.RateLimitError),
        ("sdk?fault=unauthorized", anthropic.AuthenticationError),
        ("sdk?fault=unavailable", anthropic.InternalServerError),
    ]:
        try:
            ask([user("Hello")], key)
            raise AssertionError(f"{key}: not refused")
        except error:
            pass
    try:
        with client("sdk?fault=error&after=5").messages.stream(
            model="any", max_tokens=100, messages=[user("Hello")]
        ) as stream:
            stream.until_done()
        raise AssertionError("nothing went wrong")
    except anthropic.APIStatusError as error:
        assert "verloaded" in str(error), error


streamed()
tools()
faults()
