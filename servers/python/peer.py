"""A room participant by LiveKit's own SDK, driven by JSON lines: commands on standard input, events on standard output.

usage: peer.py URL TOKEN
"""

import asyncio
import json
import sys

import numpy as np
from livekit import rtc

RATE = 48000


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def measure(samples):
    """Pitch, level and drop-outs of one second of sound."""
    x = samples.astype(float) / 32768
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2
    peak = int(power[20:].argmax()) + 20
    blocks = np.sqrt((x.reshape(50, -1) ** 2).mean(1))
    rms = float(np.sqrt((x * x).mean()))
    return {
        "hz": peak * RATE / len(x),
        "dbfs": 20 * np.log10(rms + 1e-9),
        "purity": float(power[peak - 3 : peak + 4].sum() / (power.sum() + 1e-12)),
        "silent_blocks": int((blocks < 0.1 * rms).sum()),
    }


class Peer:
    def __init__(self):
        self.room = rtc.Room()
        self.heard = {}
        self.tone = None
        self.tasks = set()

    def listen(self):
        on = self.room.on
        on("participant_connected", lambda p: tell("joined", identity=p.identity))
        on("participant_disconnected", lambda p: tell("left", identity=p.identity))
        on("disconnected", lambda reason: tell("disconnected", reason=str(reason)))
        on("track_subscribed", self.subscribed)
        on("track_unsubscribed", lambda t, pub, p: tell("unsubscribed", identity=p.identity, sid=pub.sid))
        on("data_received", self.data)
        on("sip_dtmf_received", lambda d: tell("dtmf", digit=d.digit))
        on("participant_attributes_changed", lambda changed, p: tell("attributes", identity=p.identity, changed=changed))

    def data(self, packet):
        sender = packet.participant.identity if packet.participant else None
        tell("data", data=packet.data.decode(errors="replace"), topic=packet.topic, identity=sender)

    def subscribed(self, track, publication, participant):
        tell("subscribed", identity=participant.identity, sid=publication.sid)
        task = asyncio.ensure_future(self.hear(track, publication.sid, participant.identity))
        self.tasks.add(task)

    async def hear(self, track, sid, identity):
        quiet = True
        self.heard[sid] = np.zeros(0, np.int16)
        async for event in rtc.AudioStream(track, sample_rate=RATE, num_channels=1):
            samples = np.frombuffer(event.frame.data, np.int16)
            self.heard[sid] = np.concatenate([self.heard[sid], samples])[-RATE:]
            if quiet and np.abs(samples).max() > 500:
                quiet = False
                tell("audible", identity=identity, sid=sid)

    async def play(self, source, hz):
        at = 0
        while True:
            phase = (np.arange(480) + at) / RATE
            at += 480
            samples = (0.3 * 32767 * np.sin(2 * np.pi * hz * phase)).astype(np.int16)
            await source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, 480))

    async def obey(self, order):
        me = self.room.local_participant
        match order["command"]:
            case "tone":
                source = rtc.AudioSource(RATE, 1)
                track = rtc.LocalAudioTrack.create_audio_track("tone", source)
                options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
                publication = await me.publish_track(track, options)
                self.tone = (publication, asyncio.ensure_future(self.play(source, order["hz"])))
                tell("published", sid=publication.sid)
            case "silence":
                publication, task = self.tone
                task.cancel()
                await me.unpublish_track(publication.sid)
                tell("unpublished", sid=publication.sid)
            case "measure":
                loud = [s for s in self.heard.values() if len(s) == RATE]
                tell("measured", **(measure(loud[-1]) if loud else {}))
            case "data":
                await me.publish_data(order["data"].encode(), reliable=True, topic=order.get("topic", ""))
                tell("data_sent")
            case "dtmf":
                await me.publish_dtmf(code=order["code"], digit=order["digit"])
                tell("dtmf_sent")

    async def run(self, url, token):
        self.listen()
        await self.room.connect(url, token, rtc.RoomOptions(auto_subscribe=True))
        tell("connected")
        for participant in self.room.remote_participants.values():
            tell("joined", identity=participant.identity)
        orders = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(orders)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        while line := await orders.readline():
            await self.obey(json.loads(line))
        await self.room.disconnect()


async def main():
    # The room takes the running loop when it is made.
    await Peer().run(sys.argv[1], sys.argv[2])


asyncio.run(main())
