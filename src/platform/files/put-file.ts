import { FILE_NAME_MAX_LENGTH } from "../../protocol/limits.ts";
import { log } from "../log.ts";
import { err, ok, type Result } from "../result.ts";
import { beginsAs, typeOf } from "./file-type.ts";

/** The bytes that an owner has stored, counted where the owner's files are listed. Both methods are atomic. */
export type FileUsage = {
  /** Counts these bytes. @returns false: they would exceed the owner's quota, and nothing is counted */
  take(bytes: number): Promise<boolean>;
  /** Subtracts the bytes of a file that could not be stored. */
  give(bytes: number): Promise<void>;
};

/** An upload. */
export type IncomingFile = {
  /** Where it is stored: a new key for each file, chosen by us. */
  readonly key: string;
  /** The file name that its sender gave. */
  readonly name: string;
  /** Its `Content-Type`. */
  readonly type: string | null | undefined;
  readonly body: ReadableStream<Uint8Array> | null;
};

/** What may be stored. */
export type FileRules = {
  readonly maxBytes: number;
  /** Whether files of this type are accepted. */
  readonly takes: (type: string) => boolean;
  readonly usage: FileUsage;
};

/** A file that was stored. */
export type StoredFile = {
  readonly key: string;
  readonly name: string;
  readonly type: string;
  readonly size: number;
};

/** Why a file was not stored. */
export type FileFailure =
  | { readonly kind: "empty" }
  | { readonly kind: "wrong_name" }
  /** The type is not accepted, or the file does not begin as files of this type do. */
  | { readonly kind: "wrong_type"; readonly type: string }
  | { readonly kind: "too_large"; readonly maxBytes: number }
  | { readonly kind: "over_quota" };

/** Size of each part of a multipart upload, bytes: the smallest that R2 accepts. */
const PART_BYTES = 5 * 1024 * 1024;

/**
 * Stores a file while it arrives, with at most one part of it in memory. The size is the number of bytes that
 * arrived, whatever its sender declared, and its first bytes must fit the declared type.
 */
export async function putFile(
  bucket: R2Bucket,
  { key, name, type: field, body }: IncomingFile,
  { maxBytes, takes, usage }: FileRules,
): Promise<Result<StoredFile, FileFailure>> {
  const type = typeOf(field);
  if (!isName(name)) return err({ kind: "wrong_name" });
  if (!takes(type)) return err({ kind: "wrong_type", type });
  const options = {
    httpMetadata: { contentType: type },
    // The name becomes part of an HTTP header, which is ASCII.
    customMetadata: { name: encodeURIComponent(name) },
  };
  // With a small limit, a file is refused as soon as it is one byte above it.
  const partBytes = Math.min(PART_BYTES, maxBytes + 1);
  let upload: R2MultipartUpload | undefined;
  let counted = 0;
  let stored = false;
  try {
    const uploaded: R2UploadedPart[] = [];
    let size = 0;
    let last = new Uint8Array();
    for await (const part of partsOf(body, partBytes)) {
      const isFirst = size === 0;
      size += part.byteLength;
      if (size > maxBytes) return err({ kind: "too_large", maxBytes });
      if (isFirst && size > 0 && !beginsAs(type, part)) {
        return err({ kind: "wrong_type", type });
      }
      if (part.byteLength < partBytes) {
        last = part;
        break;
      }
      upload ??= await bucket.createMultipartUpload(key, options);
      uploaded.push(await upload.uploadPart(uploaded.length + 1, part));
    }
    if (size === 0) return err({ kind: "empty" });
    if (!(await usage.take(size))) return err({ kind: "over_quota" });
    counted = size;
    if (upload === undefined) {
      await bucket.put(key, last, options);
    } else {
      if (last.byteLength > 0) {
        uploaded.push(await upload.uploadPart(uploaded.length + 1, last));
      }
      await upload.complete(uploaded);
    }
    stored = true;
    return ok({ key, name, type, size });
  } finally {
    if (!stored) {
      await cleanUp(key, () => upload?.abort());
      // R2 may have stored the file although its answer was lost. No other file has this key.
      if (counted > 0) await cleanUp(key, () => bucket.delete(key));
      if (counted > 0) await usage.give(counted);
    }
  }
}

/** Cleans up after a failure. It never throws, so that the caller gets the first error. */
async function cleanUp(key: string, work: () => Promise<void> | undefined): Promise<void> {
  try {
    await work();
  } catch (error) {
    log("warn", "files.not_tidied", { key, error });
  }
}

/** Whether a file name has no path, and no control or direction characters that could hide its extension. */
function isName(name: string): boolean {
  return (
    name !== "" &&
    name.length <= FILE_NAME_MAX_LENGTH &&
    name.isWellFormed() &&
    !/[/\\\p{Cc}\p{Bidi_Control}]/u.test(name) &&
    name !== "." &&
    name !== ".."
  );
}

/** The bytes in parts of this length; the last one has fewer, and may have none. */
async function* partsOf(
  body: ReadableStream<Uint8Array> | null,
  length: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let part = new Uint8Array(length);
  let filled = 0;
  for await (const chunk of body ?? []) {
    let from = 0;
    while (from < chunk.byteLength) {
      const piece = chunk.subarray(from, from + length - filled);
      part.set(piece, filled);
      filled += piece.byteLength;
      from += piece.byteLength;
      if (filled < length) continue;
      yield part;
      part = new Uint8Array(length);
      filled = 0;
    }
  }
  yield part.subarray(0, filled);
}
