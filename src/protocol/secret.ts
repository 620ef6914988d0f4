import { z } from "zod";
import { SECRET_MIN_LENGTH } from "./limits.ts";

/** Sample values from documentation, which are public and therefore no secret. */
const SAMPLES: ReadonlySet<string> = new Set(["change-me", "changeme", "secret", "..."]);

/** A secret that the Worker and the gateway-worker share: long enough, and not a sample value. One reason is enough. */
export const SecretValue = z
  .string({ error: "is missing" })
  .refine((value) => !SAMPLES.has(value.toLowerCase()) && !/^(.)\1*$/.test(value), {
    message: "is a sample value: make a random one",
    abort: true,
  })
  .min(SECRET_MIN_LENGTH, {
    message: `must have at least ${SECRET_MIN_LENGTH} characters`,
    abort: true,
  });
