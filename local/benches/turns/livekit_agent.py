"""The other side of the comparison: livekit-agents with its plain plugins, told the same as ringdown.

Environment: LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET, AGENT_NAME, {DEEPGRAM,OPENAI,ELEVENLABS}_BASE_URL,
WORKER_PORT, SETTINGS (JSON: greeting, prompt, endpointing_ms, vad_activation, vad_min_silence_ms).
"""

import json
import os

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli, inference
from livekit.plugins import deepgram, elevenlabs, openai

SETTINGS = json.loads(os.environ["SETTINGS"])

# Its own measure of load would refuse calls on a small machine; the same is switched off for ringdown.
server = AgentServer(
    host="127.0.0.1",
    port=int(os.environ["WORKER_PORT"]),
    load_fnc=lambda: 0.0,
    log_level="info",
)


@server.rtc_session(agent_name=os.environ["AGENT_NAME"])
async def answer(job: JobContext) -> None:
    session = AgentSession(
        stt=deepgram.STT(
            base_url=os.environ["DEEPGRAM_BASE_URL"] + "/v1/listen",
            api_key="simulated",
        ),
        llm=openai.LLM(
            model="gpt-4o-mini",
            base_url=os.environ["OPENAI_BASE_URL"],
            api_key="simulated",
        ),
        tts=elevenlabs.TTS(
            base_url=os.environ["ELEVENLABS_BASE_URL"] + "/v1",
            api_key="simulated",
            model="eleven_flash_v2_5",
            encoding="pcm_16000",
            inactivity_timeout=180,
        ),
        vad=inference.VAD(
            activation_threshold=SETTINGS["vad_activation"],
            min_silence_duration=SETTINGS["vad_min_silence_ms"] / 1000,
        ),
        turn_handling={
            "turn_detection": "vad",
            "endpointing": {"mode": "fixed", "min_delay": SETTINGS["endpointing_ms"] / 1000},
            "preemptive_generation": {"enabled": False},
        },
    )
    await session.start(agent=Agent(instructions=SETTINGS["prompt"]), room=job.room)
    await job.wait_for_participant()
    await session.say(SETTINGS["greeting"])


if __name__ == "__main__":
    cli.run_app(server)
