// The Worker's bundle with a pause of `SLOW_MS` milliseconds before each call to a Durable Object. The
// objects themselves are unchanged, and so are frames, closes and alarms, which are not calls.
import worker, * as parts from "bundle.js";

const NOT_CALLED = new Set([
  "constructor",
  "alarm",
  "webSocketMessage",
  "webSocketClose",
  "webSocketError",
]);

function slow(Base) {
  const Slow = class extends Base {};
  for (let at = Base.prototype; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      const { value } = Object.getOwnPropertyDescriptor(at, name);
      const isKnown = NOT_CALLED.has(name) || Object.hasOwn(Slow.prototype, name);
      if (isKnown || typeof value !== "function") continue;
      Slow.prototype[name] = async function (...args) {
        await scheduler.wait(Number(this.env.SLOW_MS));
        return value.apply(this, args);
      };
    }
  }
  return Slow;
}

export const GuildHub = slow(parts.GuildHub);
export const HubRelay = slow(parts.HubRelay);
export const DiscordRest = slow(parts.DiscordRest);
export const RateLimiter = slow(parts.RateLimiter);
export const GatewayMonitor = slow(parts.GatewayMonitor);
export const MatchRoom = slow(parts.MatchRoom);
export const UserHub = slow(parts.UserHub);
export default worker;
