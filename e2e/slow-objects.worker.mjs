// The Worker's bundle with a pause before each call of a Durable Object, `SLOW_MS` milliseconds. What the
// objects do is untouched, and so is what they get without being called: frames, closes and alarms.
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
export default worker;
