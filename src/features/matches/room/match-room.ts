import { DurableObject } from "cloudflare:workers";
import type { Env } from "../../../env.ts";

/** One FACEIT match: makes Discord what it should be, and keeps on until it is. */
export class MatchRoom extends DurableObject<Env> {}
