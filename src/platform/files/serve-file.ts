import { isShown, typeOf } from "./file-type.ts";

/** Bytes of a file, from `offset` on. */
export type ByteRange = { readonly offset: number; readonly length: number };

/**
 * Answers a `GET` or `HEAD` for a stored file: the whole file, one range of it (RFC 9110 §14), or 304 when it has
 * not changed (§13). The headers keep browsers from running it, and shared caches from storing it.
 * @returns null: there is no such file
 */
export async function serveFile(
  bucket: R2Bucket,
  key: string,
  { method, headers: asked }: Pick<Request, "method" | "headers">,
): Promise<Response | null> {
  const found = await bucket.head(key);
  if (found === null) return null;
  const headers = new Headers({
    ...inert(found),
    ETag: found.httpEtag,
    "Accept-Ranges": "bytes",
    // The browser asks each time, because access to the file can change.
    "Cache-Control": "private, no-cache",
  });
  // RFC 9110 §13.1.1: strong comparison, evaluated before any other condition.
  const wanted = asked.get("If-Match");
  if (wanted !== null && !namesTag(wanted, ["*", found.httpEtag])) {
    return new Response(null, { status: 412, headers });
  }
  // RFC 9110 §13.1.2: weak comparison.
  const known = asked.get("If-None-Match");
  if (known !== null && namesTag(known, ["*", found.httpEtag, `W/${found.httpEtag}`])) {
    return new Response(null, { status: 304, headers });
  }
  // RFC 9110 §14.2: only GET has ranges; §13.1.5: a range of another version is not served.
  const condition = asked.get("If-Range");
  const isSame = condition === null || condition === found.httpEtag;
  const range = method === "GET" && isSame ? rangeOf(asked.get("Range"), found.size) : "whole";
  if (range === "none") {
    headers.set("Content-Range", `bytes */${found.size}`);
    return new Response(null, { status: 416, headers });
  }
  const { offset, length } = range === "whole" ? { offset: 0, length: found.size } : range;
  headers.set("Content-Length", String(length));
  if (method === "HEAD") return new Response(null, { headers });
  const object = await bucket.get(key, {
    onlyIf: { etagMatches: found.etag },
    ...(range === "whole" ? {} : { range: { offset, length } }),
  });
  // The file was deleted, or replaced, after `head`.
  if (object === null || !("body" in object)) return null;
  if (range === "whole") return new Response(object.body, { headers });
  headers.set("Content-Range", `bytes ${offset}-${offset + length - 1}/${found.size}`);
  return new Response(object.body, { status: 206, headers });
}

/** Headers that keep a browser from running a file, whatever it contains. */
function inert({ httpMetadata, customMetadata }: R2Object): Record<string, string> {
  const type = typeOf(httpMetadata?.contentType);
  const name = customMetadata?.["name"] ?? "file";
  return {
    "Content-Type": type,
    // RFC 8187: `encodeURIComponent` leaves some characters that have to be encoded.
    "Content-Disposition": `${isShown(type) ? "inline" : "attachment"}; filename*=UTF-8''${name.replaceAll(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)}`,
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
  };
}

/** Whether a list of entity tags names one of these. */
function namesTag(field: string, tags: readonly string[]): boolean {
  return field.split(",").some((tag) => tags.includes(tag.trim()));
}

/**
 * The range that a `Range` field requests of a file of `size` bytes. A field with several ranges, another unit or
 * a wrong form is ignored, as RFC 9110 §14.2 allows.
 * @returns "none": the file has no byte of the range
 */
export function rangeOf(field: string | null, size: number): ByteRange | "whole" | "none" {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(field ?? "") ?? [];
  if (first === "" && last === "") return "whole";
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "none" : { offset: size - length, length };
  }
  const offset = Number(first);
  if (last !== "" && Number(last) < offset) return "whole";
  if (offset >= size) return "none";
  const end = last === "" ? size : Math.min(Number(last) + 1, size);
  return { offset, length: end - offset };
}
