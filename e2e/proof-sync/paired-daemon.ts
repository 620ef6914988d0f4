import { expect } from "vitest";
import { eventually } from "../../dev/testing/eventually.ts";
import type { Client } from "./clients.ts";
import type { Cipher } from "./encryption.ts";
import type { Home } from "./home.ts";
import type { Machine, Phone, Variant } from "./phone.ts";
import type { PhoneSocket } from "./phone-socket.ts";
import type { Setting } from "./setting.ts";

/** A daemon that is paired with a phone, which follows it. */
export type PairedDaemon = {
  readonly phone: Phone;
  readonly socket: PhoneSocket;
  readonly home: Home;
  /** By which the client's own commands control the daemon. */
  readonly port: number;
  readonly machine: Machine;
  readonly cipher: Cipher;
  /** Runs a command for the phone. @returns what it has printed */
  readonly bash: (command: string) => Promise<string>;
};

/**
 * Starts a daemon, and waits until its phone can call it.
 * @param options the phone of an earlier one, and the id of a machine that was registered before
 */
export async function startPairedDaemon(
  setting: Pick<Setting, "newHome" | "newPhone" | "watch">,
  client: Client,
  options: {
    readonly variant?: Variant;
    readonly phone?: Phone;
    readonly machineId?: string;
  } = {},
): Promise<PairedDaemon> {
  const { variant = "dataKey", phone = await setting.newPhone(), machineId } = options;
  const socket = await setting.watch(phone);
  const home = await setting.newHome(client, {
    accessKey: phone.accessKey(variant),
    ...(machineId === undefined ? {} : { machineId }),
  });
  const port = await home.startDaemon();
  const id = await home.machineId();
  const machine = await eventually("the machine is active", async () => {
    const found = await phone.machine(id);
    expect(found.active).toBe(true);
    return found;
  });
  const cipher = phone.cipherOf(machine);
  const bash = async (command: string): Promise<string> => {
    const result = await socket.result(`${id}:bash`, { command, cwd: home.workFolder }, cipher);
    const { stdout } = result as { readonly stdout: string };
    return stdout;
  };
  await eventually("its methods are registered", () => bash("true"));
  return { phone, socket, home, port, machine, cipher, bash };
}
