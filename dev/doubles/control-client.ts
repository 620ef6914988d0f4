/**
 * Calls the control API of a double.
 * @param double where it listens
 * @param path below `/_control`
 * @returns its answer's JSON
 * @throws with what it says when it is not 200
 */
export async function callControl(
  { url }: { readonly url: string },
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: unknown,
): Promise<unknown> {
  const response = await fetch(`${url}/_control${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status !== 200) {
    throw new Error(`${method} ${url}/_control${path}: ${response.status} ${text}`);
  }
  return JSON.parse(text);
}
