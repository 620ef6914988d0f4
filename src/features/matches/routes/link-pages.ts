import { z } from "@hono/zod-openapi";

const content = { "text/html": { schema: z.string() } };

/** What the steps of a linking answer, for the document. */
export const PAGES = {
  200: { description: "Linked, or the person said no", content },
  302: { description: "On to Discord, or to FACEIT" },
  403: { description: "Another Discord user than who asked for it, or another browser", content },
  410: { description: "Used, older than ten minutes, or made up", content },
  429: { description: "Too many steps from this address", content },
  500: { description: "A bug", content },
  502: {
    description: "Discord or FACEIT does not answer, or does not accept this server",
    content,
  },
  503: { description: "Linking is not set up", content },
};
