import { z } from "zod";
import type { DevTokenRequest } from "./dev-token.ts";

/** What a token may say beside its `sub`. */
export type TokenOptions = Omit<DevTokenRequest, "sub">;

const Answer = z.object({
  access_token: z.string().optional(),
  error_description: z.string().optional(),
});

/**
 * Gets an access token for the Worker from the local identity provider, without its sign-in form.
 * @param double where the provider listens
 * @throws a TypeError when nothing answers there, or what is wrong with the token
 */
export async function devToken(
  { url }: { readonly url: string },
  sub: string,
  options: TokenOptions = {},
): Promise<string> {
  const response = await fetch(`${url}/dev/token`, {
    method: "POST",
    body: JSON.stringify({ sub, ...options }),
  });
  const answer = Answer.parse(await response.json());
  if (answer.access_token === undefined) {
    throw new Error(answer.error_description ?? "No token came back.");
  }
  return answer.access_token;
}
