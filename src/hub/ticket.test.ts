import { hkdfSync } from "node:crypto";
import { EncryptJWT } from "jose";
import { describe, expect, it } from "vitest";
import { TICKET_TTL_MS } from "../protocol/limits.ts";
import { openTicket, sealTicket } from "./ticket.ts";

const NOW = 1_800_000_000_000;
const secretOf = (name: string): string => `${name}-secret-0123456789-0123456789-0123456789`;
const config = { hubSecrets: [secretOf("present")] as const };
const ticket = {
  id: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  hub: "100000000000000001",
  origin: "https://page.test",
  identity: { sub: "alice", grants: ["sub:alice", "scope:rooms:manage"], exp: 1_800_003_600 },
};

describe("a ticket (rooms.md §2)", () => {
  it("carries its content, and expires", async () => {
    const { text, expiresAt } = await sealTicket(config, ticket, NOW);
    expect(expiresAt).toBe(NOW + TICKET_TTL_MS);
    expect(await openTicket(config, text, NOW)).toEqual({
      ok: true,
      value: { ...ticket, expiresAt },
    });
    expect((await openTicket(config, text, expiresAt - 1)).ok).toBe(true);
    expect((await openTicket(config, text, expiresAt)).ok).toBe(false);
  });

  it("is sealed with the current secret, and also opened with the previous one", async () => {
    const { text } = await sealTicket({ hubSecrets: [secretOf("previous")] }, ticket, NOW);
    const rotated = { hubSecrets: [secretOf("present"), secretOf("previous")] as const };
    expect((await openTicket(rotated, text, NOW)).ok).toBe(true);
    expect((await openTicket(config, text, NOW)).ok).toBe(false);
    const fresh = await sealTicket(rotated, ticket, NOW);
    expect((await openTicket(config, fresh.text, NOW)).ok).toBe(true);
  });

  it("has a key that everyone with the secret derives in the same way (RFC 5869)", async () => {
    const info = "guildhub websocket ticket v1";
    const key = new Uint8Array(hkdfSync("sha256", config.hubSecrets[0], "", info, 32));
    const { hub, origin, identity } = ticket;
    const sealed = (typ: string, nameIn = "hub"): Promise<string> =>
      new EncryptJWT({
        [nameIn]: hub,
        origin,
        grants: identity.grants,
        tokenExp: identity.exp,
        expiresAt: NOW + 1_000,
      })
        .setProtectedHeader({ alg: "dir", enc: "A256GCM", typ })
        .setJti(ticket.id)
        .setSubject(identity.sub)
        .setExpirationTime(NOW / 1000 + 1)
        .encrypt(key);
    const text = await sealed("guildhub-ticket+jwt");
    expect(await openTicket(config, text, NOW)).toMatchObject({ ok: true, value: { hub } });
    // A Worker of the version before names the hub in this way.
    const older = await openTicket(config, await sealed("guildhub-ticket+jwt", "guildId"), NOW);
    expect(older).toMatchObject({ ok: true, value: { hub } });
    // Another token of ours with the same key is not a ticket (RFC 8725 §3.11).
    expect((await openTicket(config, await sealed("other+jwt"), NOW)).ok).toBe(false);
  });

  it("is refused without a reason when a byte of it has changed", async () => {
    const { text } = await sealTicket(config, ticket, NOW);
    const parts = text.split(".");
    for (const part of [0, 2, 3, 4]) {
      const bytes = Buffer.from(parts[part] ?? "", "base64url");
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      const changed = parts.with(part, bytes.toString("base64url")).join(".");
      expect(await openTicket(config, changed, NOW)).toEqual({
        ok: false,
        error: "invalid_ticket",
      });
    }
    for (const bad of ["", "x", "a.b.c.d.e", text.slice(0, -1)]) {
      expect((await openTicket(config, bad, NOW)).ok).toBe(false);
    }
  });
});
