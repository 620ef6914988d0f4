import { z } from "zod";
import { SECRET_MIN_LENGTH } from "./limits.ts";

/** Values that stand in documents: whoever deploys with one of them has no secret. */
const SAMPLES: ReadonlySet<string> = new Set(["change-me", "changeme", "secret", "..."]);

/** A secret of both deployables: long enough, and none that anybody can read somewhere. */
export const SecretValue = z
  .string({ error: "is missing" })
  .refine(
    (value) => !SAMPLES.has(value.toLowerCase()) && !/^(.)\1*$/.test(value),
    "is a sample value: make a random one",
  )
  .min(SECRET_MIN_LENGTH, `must have at least ${SECRET_MIN_LENGTH} characters`);
