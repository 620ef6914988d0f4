import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { eventually } from "../../dev/testing/eventually.ts";
import type { Home } from "./home.ts";
import { beforeItEnds } from "./processes.ts";

const PROGRAM = fileURLToPath(import.meta.resolve("./library.mjs"));

const Happened = z.object({
  event: z.enum(["ready", "connected", "disconnected", "refused", "typed"]),
  name: z.string().default(""),
  text: z.string().default(""),
  message: z.string().default(""),
});
const Told = z.union([
  z.object({ id: z.number(), result: z.unknown() }),
  z.object({ id: z.number(), error: z.string() }),
  Happened,
]);

const Known = z.object({
  metadata: z.record(z.string(), z.unknown()),
  metadataVersion: z.number(),
  agentState: z.record(z.string(), z.unknown()).nullable(),
  agentStateVersion: z.number(),
});
/** What a client takes for the state of a session. */
type Known = z.infer<typeof Known>;

const Opened = Known.extend({ id: z.string() });

/** A session of a client's library. */
export type LibrarySession = {
  /** As the server answered it. */
  readonly row: z.infer<typeof Opened>;
  /** What people have typed into it, in the order in which the client got it. */
  readonly typed: () => readonly string[];
  /** How often it was connected. */
  readonly connections: () => number;
  /** How often it lost its connection. */
  readonly losses: () => number;
  /** Calls a method of the client's session. */
  readonly call: (method: string, ...args: readonly unknown[]) => Promise<unknown>;
  /** Changes members; the client tries again until it has succeeded. */
  readonly change: (what: "metadata" | "state", members: object) => Promise<void>;
  readonly read: () => Promise<Known>;
};

/** What a client exports to other programs, in a process of its own. */
export class Library {
  readonly #happened: z.infer<typeof Happened>[] = [];
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #send: (line: string) => void;
  readonly #ended: Promise<string>;
  #asked = 0;
  #opened = 0;

  private constructor(home: Home) {
    const child = spawn(process.execPath, ["--no-warnings", PROGRAM, home.client.library], {
      cwd: home.workFolder,
      env: home.env,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let log = "";
    createInterface({ input: child.stdout }).on("line", (line) => {
      // The clients print sentences there, too.
      if (line.startsWith("{")) this.#take(Told.parse(JSON.parse(line)));
    });
    child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
    child.stdin.on("error", () => {});
    this.#send = (line) => void child.stdin.write(`${line}\n`);
    this.#ended = new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code) => resolve(`exit code ${code}: ${log}`));
    });
    void this.#giveUp();
  }

  /** Loads the library of a home's client. It ends with the home. */
  static async start(home: Home): Promise<Library> {
    const library = new Library(home);
    await beforeItEnds(library.#ended, "the library is loaded", () => {
      if (library.#happened.length === 0) throw new Error("it is silent");
    });
    return library;
  }

  /** Calls a method of the API client. @throws as it does */
  api(method: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#ask("api", { method, args });
  }

  /** The push tokens of the account, as the client reads them. */
  pushTokens(): Promise<unknown> {
    return this.#ask("pushTokens", {});
  }

  /** Creates a session, or finds the one with this tag, and waits until its socket is connected. */
  async open(tag: string, metadata: object, state: object | null): Promise<LibrarySession> {
    const name = `${tag}-${this.#opened++}`;
    const row = Opened.parse(await this.#ask("open", { name, tag, metadata, state }));
    const events = (event: string) =>
      this.#happened.filter((one) => one.event === event && one.name === name);
    await eventually("the session is connected", () => {
      if (events("connected").length === 0) throw new Error(JSON.stringify(events("refused")));
    });
    return {
      row,
      typed: () => events("typed").map(({ text }) => text),
      connections: () => events("connected").length,
      losses: () => events("disconnected").length,
      call: (method, ...args) => this.#ask("session", { name, method, args }),
      change: async (what, members) => {
        await this.#ask("change", { name, what, members });
      },
      read: async () => Known.parse(await this.#ask("read", { name })),
    };
  }

  /** Fails what is not answered, when the process has ended. */
  async #giveUp(): Promise<void> {
    const how = await this.#ended;
    for (const { reject } of this.#waiting.values()) reject(new Error(`it ended: ${how}`));
  }

  #ask(command: string, options: object): Promise<unknown> {
    const id = this.#asked++;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#send(JSON.stringify({ id, command, ...options }));
    return answer.promise;
  }

  #take(told: z.infer<typeof Told>): void {
    if ("event" in told) {
      this.#happened.push(told);
      return;
    }
    const answer = this.#waiting.get(told.id);
    this.#waiting.delete(told.id);
    if ("error" in told) answer?.reject(new Error(told.error));
    else answer?.resolve(told.result);
  }
}
