/** Asks one of the bench's own Workers for a number. */
export async function countAt(port: number, path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { Connection: "close" },
  });
  const count = Number(await response.text());
  if (!response.ok || !Number.isFinite(count)) throw new Error(`no number at ${path}`);
  return count;
}
