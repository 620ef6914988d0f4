import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { Validator } from "@seriousme/openapi-schema-validator";
import { z } from "zod";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ERROR_CODES } from "../../src/protocol/error-codes.ts";
import * as limits from "../../src/protocol/limits.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const committed = (name: string): Promise<string> =>
  readFile(path.join(ROOT, "docs", name), "utf8");

describe("the documents that are generated from the code", () => {
  let generated: string;

  beforeAll(async () => {
    generated = await mkdtemp(path.join(tmpdir(), "guildhub-documents-"));
    const generator = path.join(ROOT, "dev/spec.ts");
    await promisify(execFile)(process.execPath, [generator, generated]);
  });
  afterAll(() => rm(generated, { recursive: true, force: true }));

  it("are committed as the code generates them (else: npm run spec, review, commit)", async () => {
    const entries = await readdir(generated, { recursive: true, withFileTypes: true });
    const names = entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(generated, path.join(entry.parentPath, entry.name)));
    expect(names.toSorted()).toEqual([
      "errors.md",
      "limits.md",
      "spec/asyncapi.json",
      "spec/golden-frames.jsonl",
      "spec/openapi.json",
      "spec/slash-commands.json",
    ]);
    for (const name of names) {
      const isSame =
        (await readFile(path.join(generated, name), "utf8")) === (await committed(name));
      expect(isSame, `docs/${name} is out of date: run \`npm run spec\``).toBe(true);
    }
  });

  it("explain every error and every limit", async () => {
    const errors = await committed("errors.md");
    for (const code of Object.keys(ERROR_CODES)) expect(errors).toContain(`## ${code}\n`);
    const page = await committed("limits.md");
    for (const name of Object.keys(limits)) expect(page).toContain(`| \`${name}\` |`);
  });

  it("have a valid example for every body", async () => {
    const Document = z.object({
      paths: z.record(
        z.string(),
        z.record(
          z.string(),
          z.object({
            requestBody: z
              .object({ content: z.record(z.string(), z.object({ example: z.unknown() })) })
              .optional(),
          }),
        ),
      ),
    });
    const { paths } = Document.parse(JSON.parse(await committed("spec/openapi.json")));
    const bodies = Object.entries(paths).flatMap(([where, operations]) =>
      Object.entries(operations).flatMap(([method, { requestBody }]) =>
        Object.values(requestBody?.content ?? {}).map(({ example }) => ({
          operation: `${method} ${where}`,
          example,
        })),
      ),
    );
    expect(bodies.length).toBeGreaterThan(5);
    expect(bodies.filter(({ example }) => example === undefined)).toEqual([]);
  });

  it("have no example of an optional parameter, because the API page would send it untouched", async () => {
    const Parameter = z.object({
      name: z.string(),
      required: z.boolean().default(false),
      schema: z.looseObject({ default: z.unknown().optional() }),
    });
    const Operation = z.object({ parameters: z.array(Parameter).default([]) });
    const { paths } = z
      .object({ paths: z.record(z.string(), z.record(z.string(), Operation)) })
      .parse(JSON.parse(await committed("spec/openapi.json")));
    const optional = Object.values(paths)
      .flatMap((operations) => Object.values(operations))
      .flatMap(({ parameters }) => parameters)
      // A default is sent instead of an example.
      .filter(({ required, schema }) => !required && schema.default === undefined);
    expect(optional.map(({ name }) => name)).toContain("guildId");
    const sent = optional.filter(({ schema }) => "examples" in schema || "example" in schema);
    expect(sent.map(({ name }) => name)).toEqual([]);
  });

  it("are valid OpenAPI 3.1", async () => {
    const document: unknown = JSON.parse(await committed("spec/openapi.json"));
    const { valid, errors } = await new Validator().validate(document as Record<string, unknown>);
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
  });
});
