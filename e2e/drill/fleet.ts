import type { ClientSpec, Identity } from "./client-spec.ts";
import type { DrillPlan } from "./plan.ts";
import type { Random } from "./random.ts";

/** The scope that sees and ends every room. */
export const MANAGER_SCOPE = "rooms:manage";
const OBSERVERS = 4;
const OTHER_OBSERVERS = 2;
/** Most sockets of one user: fewer than the hub allows, even while it has not noticed the end of old ones. */
const SOCKETS_OF_ONE = 3;

const SOCKET_ENTRIES = ["ticket", "ticket", "ticket", "ticket", "header", "auth"] as const;
const ENTRIES = [...SOCKET_ENTRIES, ...SOCKET_ENTRIES, "stream", "stream", "poll"] as const;

/** Users who open rooms; private rooms need a Discord account. */
export const OWNERS: readonly Identity[] = ["anna", "berta", "clara"].map((sub, at) => ({
  sub,
  discord_id: `20000000000000020${at}`,
}));
/** Discord ids of users, some of whom are admitted to private rooms. */
export const GUESTS: readonly string[] = [1, 2, 3, 4].map((one) => `20000000000000010${one}`);

/** All clients: some of every kind, in a mix that the seed decides. */
export function specsOf(
  plan: DrillPlan,
  guild: string,
  otherGuild: string,
  random: Random,
): ClientSpec[] {
  const observers = Array.from({ length: OBSERVERS }, (_, at) =>
    observer(`observer-${at}`, guild, at % 2 === 0),
  );
  const others = Array.from({ length: OTHER_OBSERVERS }, (_, at) =>
    observer(`observer-other-${at}`, otherGuild, at % 2 === 0, [otherGuild]),
  );
  const known: Identity[] = [
    ...OWNERS,
    ...GUESTS.map((id) => ({ sub: `guest-${id}`, discord_id: id })),
  ];
  const ordinary = (name: string, at: number, of: string): ClientSpec => {
    const sub = `${of === guild ? "user" : "other"}-${Math.floor(at / SOCKETS_OF_ONE)}`;
    const identity =
      of === otherGuild
        ? { sub, guilds: [guild, otherGuild] }
        : (known[Math.floor(at / 2)] ?? { sub });
    const entry = of === otherGuild ? "ticket" : random.pick(ENTRIES);
    const spec: ClientSpec = {
      name,
      guild: of,
      observer: false,
      identity,
      batch: random.chance(0.5),
      signals: random.chance(0.2),
      entry,
      life: random.pick(["acks", "acks", "acks", "pings", "silent"]),
      narrows: random.chance(0.15),
      token: random.pick(["lasts", "lasts", "lasts", "lasts", "renewed", "expires"]),
    };
    // Over HTTP a client can send neither acknowledgements nor a newer token.
    if (entry !== "stream" && entry !== "poll") return spec;
    return { ...spec, life: "silent", narrows: false, token: random.pick(["lasts", "expires"]) };
  };
  return [
    ...observers,
    ...others,
    ...Array.from({ length: plan.clients }, (_, at) => ordinary(`client-${at}`, at, guild)),
    ...Array.from({ length: plan.otherClients }, (_, at) =>
      ordinary(`client-other-${at}`, at, otherGuild),
    ),
  ];
}

/** A client that may see everything. */
export function observer(
  name: string,
  guild: string,
  batch: boolean,
  guilds?: readonly string[],
): ClientSpec {
  return {
    name,
    guild,
    observer: true,
    identity: {
      sub: name,
      scope: MANAGER_SCOPE,
      ...(guilds === undefined ? {} : { guilds }),
    },
    batch,
    signals: false,
    entry: "ticket",
    life: "acks",
    narrows: false,
    token: "lasts",
  };
}
