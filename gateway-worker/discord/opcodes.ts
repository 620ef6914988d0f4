import type { GatewayOpcodes } from "discord-api-types/v10";

/** The opcodes of Discord's gateway that we send or handle. They are numbers, since any number may arrive. */
export const OPCODES = {
  dispatch: 0,
  heartbeat: 1,
  identify: 2,
  resume: 6,
  reconnect: 7,
  invalidSession: 9,
  hello: 10,
  heartbeatAck: 11,
} as const satisfies Record<
  string,
  `${GatewayOpcodes}` extends `${infer N extends number}` ? N : never
>;
