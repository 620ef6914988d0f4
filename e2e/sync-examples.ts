import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "vitest";
import { freePorts } from "../dev/stack/ports.ts";
import { startTcpProxy } from "../dev/testing/tcp-proxy.ts";
import { eventually } from "../dev/testing/eventually.ts";
import { startSyncServer } from "./proof-sync/server.ts";

const EXAMPLES = path.join(import.meta.dirname, "../docs/examples/sync");

/** Adds a message to the session of the examples, as another device of their account. */
const SAY = `
  import { ask, openSession, signIn } from "./account.mjs";
  const token = await signIn();
  const { id } = await openSession(token, "example");
  const [text] = process.argv.slice(1);
  const message = { localId: text, content: Buffer.from(text).toString("base64") };
  await ask(token, "POST", "/v3/sessions/" + id + "/messages", { messages: [message] });
`;

/** A program of docs/examples/sync that runs. */
class Program {
  output = "";
  readonly #child: ChildProcess;

  constructor(folder: string, args: readonly string[], url: string) {
    this.#child = spawn(process.execPath, args, {
      cwd: folder,
      env: { ...process.env, SYNC_URL: url },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => (this.output += chunk.toString()));
    }
  }

  async says(text: string): Promise<void> {
    await eventually(
      `the example says: ${text}`,
      () => expect(this.output).toContain(text),
      60_000,
    );
  }

  /** Resolves with its exit code. */
  get ended(): Promise<unknown> {
    return once(this.#child, "exit").then(([code]) => code as unknown);
  }

  /** The messages that it has shown, in order. */
  get messages(): string[] {
    return [...this.output.matchAll(/^message (.*)$/gm)].map(([, message = ""]) => message);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }
}

/** A server, and a folder with the examples as a reader has them. */
export class ExampleWorld {
  readonly #programs: Program[] = [];
  readonly #ends: (() => Promise<unknown>)[] = [];
  #folder = "";
  #url = "";

  /** @param packages a folder of packages that the examples import; absent: they import none */
  async start(packages?: string): Promise<void> {
    const server = await startSyncServer();
    this.#ends.push(server.stop);
    this.#url = server.url;
    this.#folder = await mkdtemp(path.join(tmpdir(), "guildhub-examples-"));
    this.#ends.push(() => rm(this.#folder, { recursive: true, force: true }));
    await cp(EXAMPLES, this.#folder, { recursive: true });
    if (packages !== undefined) await symlink(packages, path.join(this.#folder, "node_modules"));
  }

  #run(args: readonly string[], url = this.#url): Program {
    const program = new Program(this.#folder, args, url);
    this.#programs.push(program);
    return program;
  }

  /** An agent and a phone find each other, and the phone loses its network while messages come. */
  async plays(agentFile: string, phoneFile: string): Promise<void> {
    const agent = this.#run([agentFile, "agent"]);
    await agent.says("registered");
    const [port = 0] = await freePorts(1);
    const network = await startTcpProxy(port, Number(new URL(this.#url).port));
    this.#ends.push(network.close);
    const phone = this.#run([phoneFile, "phone"], `http://127.0.0.1:${port}`);
    await phone.says("message 1: the agent is here");
    await phone.says("answer: { ok: true, result: 'hello phone' }");
    network.cut();
    await phone.says("closed: ");
    await this.#say("while it was away");
    await this.#say("and again");
    network.heal();
    await phone.says("message 3: and again");
    await this.#say("live");
    await phone.says("message 4: live");
    expect(phone.messages).toEqual([
      "1: the agent is here",
      "2: while it was away",
      "3: and again",
      "4: live",
    ]);
  }

  async #say(text: string): Promise<void> {
    const say = this.#run(["--input-type=module", "--eval", SAY, text]);
    expect(await say.ended, say.output).toBe(0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()));
    for (const end of this.#ends.toReversed()) await end();
  }
}
