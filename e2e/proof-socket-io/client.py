"""Debian's python3-socketio: reads what to emit from its input, a line of JSON each, and prints what the client told."""

import asyncio
import json
import os
import sys

import socketio

TARGET = json.loads(os.environ["TARGET"])

client = socketio.AsyncClient()
# The library does not recover connections by itself, but its user can: a journal's name, and the last position.
position: dict[str, str] = {}


def tell(kind: str, **more: object) -> None:
    print(json.dumps({"kind": kind, **more}), flush=True)


def auth() -> dict[str, object]:
    return {**TARGET["auth"], **position}


@client.event
def connect() -> None:
    tell("connected", recovered=False)


@client.event
def connect_error(error: object) -> None:
    told = error if isinstance(error, dict) else {"message": str(error)}
    tell("refused", message=told["message"], data=told.get("data"), returns=False)


@client.event
def disconnect() -> None:
    tell("disconnected", reason="", returns=False)


@client.on("proof.add")
def add(numbers: list[int]) -> int:
    return sum(numbers)


@client.on("*")
def hear(event: str, data: object = None, *about: object) -> None:
    if event == "snapshot" and isinstance(data, dict) and "epoch" in data:
        position["pid"] = f"{data['epoch']}."
    if about and isinstance(about[-1], str):
        position["offset"] = about[-1]
    tell("event", event=event, data=data, about=about)


async def main() -> None:
    await client.connect(TARGET["url"], auth=auth, transports=["websocket"])
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    while line := await lines.readline():
        asked = json.loads(line)
        if not asked["isAnswered"]:
            await client.emit(asked["event"], asked["data"])
            continue
        answer = await client.call(asked["event"], asked["data"])
        tell("acknowledged", event=asked["event"], data=answer)


asyncio.run(main())
