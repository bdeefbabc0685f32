"""OpenAI's own SDK: chat completions, transcription, speech, Realtime."""

import asyncio
import base64
import io

import openai
from openai import AsyncOpenAI, OpenAI

from common import ADDRESSES, LINES, loud, seconds, speech, wav, words

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


def transcription():
    for line in LINES[:2]:
        file = ("speech.wav", io.BytesIO(wav(speech(line))))
        heard = client("sdk?caller=one").audio.transcriptions.create(model="any", file=file)
        assert words(heard.text) == words(line), heard.text
    silence = ("speech.wav", io.BytesIO(wav(bytes(32000))))
    heard = client("sdk?caller=two").audio.transcriptions.create(
        model="any", file=silence, response_format="verbose_json"
    )
    assert heard.segments[0].no_speech_prob > 0.6, heard
    file = ("speech.wav", io.BytesIO(wav(speech(LINES[0]))))
    events = list(client("sdk?caller=two").audio.transcriptions.create(model="any", file=file, stream=True))
    assert words(events[-1].text) == words(LINES[0]) and len(events) > 3, events


def voice():
    with client().audio.speech.with_streaming_response.create(
        model="any", voice="amy", input="Hello there, how can I help you today?", response_format="pcm"
    ) as response:
        audio = b"".join(response.iter_bytes())
    assert 1.5 < seconds(audio, 24000) < 5 and loud(audio)


async def realtime():
    async with AsyncOpenAI(api_key="sdk", base_url=ADDRESSES["openai"]).realtime.connect(model="any") as connection:
        events = aiter(connection)

        async def until(kind):
            seen = []
            while not seen or seen[-1].type != kind:
                seen.append(await asyncio.wait_for(anext(events), 10))
            return seen

        assert (await until("session.created"))[-1].session.type == "realtime"
        detection = {"type": "server_vad", "silence_duration_ms": 400, "create_response": True}
        tool = {"type": "function", **TOOL["function"]}
        await connection.session.update(
            session={
                "type": "realtime", "instructions": "Be brief.", "tools": [tool],
                "audio": {"input": {"turn_detection": detection, "transcription": {"model": "any"}}},
            }
        )
        assert (await until("session.updated"))[-1].session.audio.input.turn_detection.silence_duration_ms == 400
        turn = speech(LINES[0], 24000)
        for at in range(0, len(turn), 4800):
            await connection.input_audio_buffer.append(audio=base64.b64encode(turn[at : at + 4800]).decode())
        turn = await until("response.done")
        kinds = [event.type for event in turn]
        order = [
            "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed",
            "conversation.item.added", "response.created", "response.output_item.added",
            "response.content_part.added", "response.output_audio.delta", "response.output_audio.done",
            "response.output_item.done", "response.done",
        ]
        assert sorted(order, key=kinds.index) == order, kinds
        heard = [e for e in turn if e.type == "conversation.item.input_audio_transcription.completed"]
        assert words(heard[0].transcript) == words(LINES[0]), heard
        said = "".join(e.delta for e in turn if e.type == "response.output_audio_transcript.delta")
        assert said == "With pleasure. For how many people, and at what time?", said
        audio = b"".join(base64.b64decode(e.delta) for e in turn if e.type == "response.output_audio.delta")
        assert 1.5 < seconds(audio, 24000) < 6 and loud(audio)
        item = [e for e in turn if e.type == "response.output_audio.delta"][0].item_id
        await connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=500)
        await until("conversation.item.truncated")
        await connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=60_000)
        assert "already shorter than" in (await until("error"))[-1].error.message

        message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Find me a free one"}]}
        await connection.conversation.item.create(item=message)
        await connection.response.create()
        call = [e for e in await until("response.done") if e.type == "response.function_call_arguments.done"][0]
        assert (call.name, call.arguments) == ("find_table", '{"people":4}'), call
        answer = {"type": "function_call_output", "call_id": call.call_id, "output": "number 7"}
        await connection.conversation.item.create(item=answer)
        await connection.response.create()
        done = await until("response.done")
        said = "".join(e.delta for e in done if e.type == "response.output_audio_transcript.delta")
        assert said == "I found number 7 for you.", said

        await connection.response.create(response={"instructions": 'Say "One moment please, I am still looking."'})
        await until("response.output_audio.delta")
        await connection.response.cancel()
        done = (await until("response.done"))[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled"), done


chat()
tools()
faults()
transcription()
voice()
asyncio.run(realtime())
