import { z } from "zod";

/** A user's id; any will do. */
export const UserId = z.string().regex(/^[\w-]{1,64}$/, "1 to 64 letters, digits, - or _");

/** What a guild, a channel or a person is called. */
export const Name = z.string().trim().min(1).max(100);

/** Permissions. */
export const BitSet = z.string().regex(/^\d{1,20}$/, "a bit set as a decimal string");
