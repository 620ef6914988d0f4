"""Debian's python3-discord on the local Discord; it prints what the library reported to its user."""

import json
import os
import sys

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

URL = os.environ["DISCORD_URL"]

# The library has no option for an address: the bases of its REST client and its gateway are attributes.
Route.BASE = f"{URL}/api/v10"
DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(URL.replace("http", "ws", 1) + "/")


def tell(kind: str, **more: object) -> None:
    print(json.dumps({"kind": kind, **more}), flush=True)


def rooms(guild: discord.Guild) -> list[str]:
    return [str(channel.id) for channel in guild.voice_channels]


class Watcher(discord.Client):

    def dispatch(self, event: str, /, *args: object) -> None:
        """Overrides the method that dispatches: handlers run later, when the state has changed again."""
        super().dispatch(event, *args)
        if event in ("ready", "resumed"):
            tell(event)
        if event in ("guild_available", "guild_join"):
            tell("guild", rooms=rooms(args[0]))
        if event == "guild_channel_create":
            tell("created", id=str(args[0].id))
        if event == "guild_channel_delete":
            tell("deleted", id=str(args[0].id))
        if event == "voice_state_update":
            member, _, after = args
            channel = None if after.channel is None else str(after.channel.id)
            tell("voice", user=str(member.id), channel=channel)

    async def on_error(self, *_: object) -> None:
        sys.excepthook(*sys.exc_info())


intents = discord.Intents.none()
intents.guilds = True
intents.voice_states = True
Watcher(intents=intents).run(os.environ["DISCORD_TOKEN"])
