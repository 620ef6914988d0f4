import { GatewayIntentBits } from "discord-api-types/v10";

const ALL_INTENTS = Object.values(GatewayIntentBits)
  .filter((value) => typeof value === "number")
  .reduce((all, bit) => all | bit, 0);

/** Intents that must be switched on for a bot in Discord's portal; here none are. */
const PRIVILEGED_INTENTS =
  GatewayIntentBits.GuildMembers |
  GatewayIntentBits.GuildPresences |
  GatewayIntentBits.MessageContent;

/** Whether intents may be used: unknown bits are invalid, privileged ones disallowed. */
export function checkIntents(intents: unknown): "ok" | "invalid" | "disallowed" {
  if (typeof intents !== "number" || !Number.isInteger(intents) || intents < 0) return "invalid";
  if ((intents & ~ALL_INTENTS) !== 0 || intents > ALL_INTENTS) return "invalid";
  return (intents & PRIVILEGED_INTENTS) === 0 ? "ok" : "disallowed";
}
