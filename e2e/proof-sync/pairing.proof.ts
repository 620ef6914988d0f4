import { describe, expect, it } from "vitest";
import { CLIENTS } from "./clients.ts";
import type { Variant } from "./phone.ts";
import { prepareSetting } from "./setting.ts";

const { newHome, newPhone } = prepareSetting();

const LINK = /happy:\/\/terminal\?[\w-]{43}/;
/** The client draws up to three dots, one more each time it has asked whether it was let in. */
const ASKED_THREE_TIMES = /Waiting for authentication\.\.\./;
const VARIANTS: readonly Variant[] = ["dataKey", "legacy"];

describe.each(CLIENTS)("$name in a terminal", (client) => {
  it.each(VARIANTS)("is let into an account by a phone (%s)", async (variant) => {
    const phone = await newPhone();
    const home = await newHome(client);
    const terminal = home.openTerminal("auth", "login");
    await terminal.shows(/How would you like to authenticate\?/);
    terminal.press("1");
    const [link = ""] = await terminal.shows(LINK);
    await terminal.shows(ASKED_THREE_TIMES);
    expect(await phone.pairingStatus(link)).toEqual({ status: "pending", supportsV2: true });

    await phone.approve(link, variant);
    await terminal.shows(/Authentication successful/);
    expect(await terminal.ended).toBe("exit code 0");
    const accessKey = await home.readAccessKey();
    const { token } = accessKey as { readonly token: string };
    expect(accessKey).toMatchObject(
      variant === "legacy"
        ? { ...(phone.accessKey("legacy", token) as object) }
        : { encryption: { publicKey: expect.any(String), machineKey: expect.any(String) } },
    );
    // The token is of the phone's account.
    const tag = { tag: variant, metadata: "bWV0YQ==", agentState: null, dataEncryptionKey: null };
    expect(await phone.ask("POST", "/v1/sessions", tag, token)).toMatchObject({ status: 200 });
    expect(await phone.sessions()).toMatchObject([{ metadata: tag.metadata }]);
    expect((await phone.pairingStatus(link)).status).not.toBe("pending");
  });
});
