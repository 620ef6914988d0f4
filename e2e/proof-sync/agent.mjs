// Stands for the agent's own program, which the clients start and talk to by lines of JSON. It repeats what it is told.
// To a text that begins with "write" it answers with a tool that it must ask for first.
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";

const session = randomUUID();
const args = process.argv.slice(2);
const tools = ["Write"];
/** Requests of ours that wait for an answer, by id. */
const waiting = new Map();

if (args.includes("--version")) {
  console.log("9.9.9 (stub)");
} else if (args.includes("--print")) {
  begin();
  finish();
} else {
  createInterface({ input: process.stdin }).on("line", (line) => take(JSON.parse(line)));
}

function tell(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function take(message) {
  if (message.type === "control_request") {
    const { request_id } = message;
    const response = { commands: [], models: [], agents: [], account: {} };
    tell({ type: "control_response", response: { subtype: "success", request_id, response } });
  } else if (message.type === "control_response") {
    waiting.get(message.response.request_id)?.(message.response.response);
  } else if (message.type === "user") {
    const { content } = message.message;
    void turn(typeof content === "string" ? content : content.map(({ text }) => text).join(" "));
  }
}

async function turn(text) {
  begin();
  if (text.startsWith("write")) await useTool({ file_path: "note.txt", content: text });
  say([{ type: "text", text: `You said: ${text}` }]);
  finish();
}

function begin() {
  // A client waits for the transcript before it goes on.
  const config = process.env.CLAUDE_CONFIG_DIR ?? path.join(process.env.HOME, ".claude");
  const project = path.join(config, "projects", process.cwd().replaceAll(/[^a-zA-Z0-9-]/g, "-"));
  mkdirSync(project, { recursive: true });
  writeFileSync(path.join(project, `${session}.jsonl`), "");
  tell({ type: "system", subtype: "init", session_id: session, tools, slash_commands: ["clear"] });
}

async function useTool(input) {
  const id = `tool-${randomUUID()}`;
  say([{ type: "tool_use", id, name: "Write", input }]);
  const request_id = randomUUID();
  const answer = new Promise((resolve) => waiting.set(request_id, resolve));
  const request = { subtype: "can_use_tool", tool_name: "Write", input, tool_use_id: id };
  tell({ type: "control_request", request_id, request });
  const { behavior } = await answer;
  if (behavior === "allow") writeFileSync(input.file_path, input.content);
  const result = { type: "tool_result", tool_use_id: id, content: behavior };
  tell({
    type: "user",
    session_id: session,
    parent_tool_use_id: null,
    message: { role: "user", content: [result] },
  });
}

function say(content) {
  tell({
    type: "assistant",
    session_id: session,
    uuid: randomUUID(),
    parent_tool_use_id: null,
    message: {
      id: randomUUID(),
      type: "message",
      role: "assistant",
      model: "stub",
      content,
      stop_reason: null,
      usage: { input_tokens: 3, output_tokens: 4 },
    },
  });
}

function finish() {
  tell({
    type: "result",
    subtype: "success",
    is_error: false,
    session_id: session,
    uuid: randomUUID(),
    num_turns: 1,
    result: "",
    duration_ms: 1,
    duration_api_ms: 1,
    total_cost_usd: 0,
    usage: { input_tokens: 3, output_tokens: 4 },
    permission_denials: [],
  });
}
