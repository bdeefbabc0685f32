"""OpenAI's own SDK: chat completions."""

import openai
from openai import OpenAI

from common import ADDRESSES

TOOL = {
    "type": "function",
    "function": {
        "name": "find_table",
        "description": "Finds a free table.",
        "parameters": {"type": "object", "properties": {"people": {"type": "integer"}}},
    },
}


def client(key="sdk"):
    return OpenAI(api_key=key, base_url=ADDRESSES["openai"], max_retries=0)


def said(text):
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


def chat():
    pieces, usage, finish = [], None, None
    stream = client().chat.completions.create(
        model="any", messages=said("I would like to book a table."), stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            pieces.append(choice.delta.content or "")
            finish = choice.finish_reason or finish
    assert "".join(pieces) == "With pleasure. For how many people, and at what time?", pieces
    assert len(pieces) > 5 and finish == "stop" and usage.completion_tokens > 0
    whole = client().chat.completions.create(model="any", messages=said("What is the weather?"))
    assert "What is the weather?" in whole.choices[0].message.content
    assert [model.id for model in client().models.list()]


def tools():
    with client().chat.completions.stream(
        model="any", messages=said("Please find me a free one."), tools=[TOOL]
    ) as stream:
        for _ in stream:
            pass
        message = stream.get_final_completion().choices[0].message
    call = message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("find_table", '{"people":4}'), call
    messages = said("Please find me a free one.") + [message.model_dump(exclude_none=True)]
    try:
        client().chat.completions.create(model="any", messages=messages)
        raise AssertionError("a tool call without an answer was accepted")
    except openai.BadRequestError:
        pass
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "number 7"})
    done = client().chat.completions.create(model="any", messages=messages, tools=[TOOL])
    assert done.choices[0].message.content == "I found number 7 for you."


def faults():
    for key, error in [
        ("sdk?fault=rate_limited", openai.RateLimitError),
        ("sdk?fault=unauthorized", openai.AuthenticationError),
        ("sdk?fault=unavailable", openai.InternalServerError),
    ]:
        try:
            client(key).chat.completions.create(model="any", messages=said("Hello"))
            raise AssertionError(f"{key}: not refused")
        except error:
            pass
    for key, error in [
        ("sdk?fault=error&after=3", openai.APIError),
        ("sdk?fault=disconnect&after=3", Exception),
    ]:
        pieces = []
        try:
            for chunk in client(key).chat.completions.create(model="any", messages=said("Hello"), stream=True):
                pieces.append(chunk)
            raise AssertionError(f"{key}: nothing went wrong")
        except AssertionError:
            raise
        except error:
            assert len(pieces) == 3, pieces


chat()
tools()
faults()
