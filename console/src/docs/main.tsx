import { render } from "preact";
import { areasOf, framesOf, type AsyncApi, type OpenApi } from "./documents.ts";
import { Reference } from "./reference.tsx";

async function load<T>(path: string): Promise<T> {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return (await response.json()) as T;
}

async function start(page: Element): Promise<void> {
  try {
    const [openApi, asyncApi] = await Promise.all([
      load<OpenApi>("/openapi.json"),
      load<AsyncApi>("/asyncapi.json"),
    ]);
    render(
      <Reference
        version={openApi.info.version}
        areas={areasOf(openApi)}
        fromClient={framesOf(asyncApi, "receive")}
        fromServer={framesOf(asyncApi, "send")}
        closeCodes={asyncApi["x-close-codes"]}
      />,
      page,
    );
  } catch {
    render(
      <main class="docs">
        <h1>GuildHub API</h1>
        <p>The documents could not be loaded. Is the Worker running?</p>
        <button type="button" class="button" onClick={() => void start(page)}>
          Try again
        </button>
      </main>,
      page,
    );
  }
}

const page = document.querySelector("#page");
if (page !== null) void start(page);
