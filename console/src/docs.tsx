import { render } from "preact";
import scalarScript from "virtual:scalar";
import { loadConfig } from "./config.ts";
import { SignIn } from "./sign-in.ts";

/** The part of Scalar's documented JavaScript interface that this page uses. */
type Scalar = {
  readonly createApiReference: (at: string, configuration: object) => unknown;
};

/** The page's sign-in; null if none is set up. */
async function signInOf(): Promise<SignIn | null> {
  const config = await loadConfig();
  const guild = config.ok ? config.value.guild : null;
  if (guild === null || guild.clientId === null) return null;
  const signIn = new SignIn(guild, guild.clientId);
  await signIn.resume();
  return signIn;
}

function loadScalar(): Promise<Scalar> {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = scalarScript;
    script.addEventListener("load", () => {
      const { Scalar } = globalThis as { Scalar?: Scalar };
      if (Scalar === undefined) reject(new Error("Scalar did not start"));
      else resolve(Scalar);
    });
    script.addEventListener("error", () => reject(new Error("Scalar did not load")));
    document.head.append(script);
  });
}

/** Sends requests with the newest token, because the one that Scalar was given expires. */
function fetchAs(signIn: SignIn, given: string): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    if (request.headers.get("Authorization") !== `Bearer ${given}`) return fetch(request);
    const token = await signIn.tokens();
    if (token.ok) request.headers.set("Authorization", `Bearer ${token.value}`);
    return fetch(request);
  };
}

function Bar({ signIn }: { readonly signIn: SignIn | null }) {
  const user = signIn?.user.value ?? null;
  return (
    <nav class="docs-bar" aria-label="GuildHub">
      <strong>GuildHub API</strong>
      <a href="/">Back to GuildHub</a>
      <a href="/docs/errors">Errors</a>
      <a href="/docs/limits">Limits</a>
      {signIn !== null && user === null ? (
        <button type="button" onClick={() => void signIn.start("/docs")}>
          Sign in to send requests
        </button>
      ) : null}
      {user === null ? null : <span>Requests are sent as {user.name}</span>}
    </nav>
  );
}

async function start(bar: Element, reference: Element): Promise<void> {
  const signIn = await signInOf();
  render(<Bar signIn={signIn} />, bar);
  render(<p class="docs-problem">Loading the reference …</p>, reference);
  const token = signIn === null || signIn.user.value === null ? null : await signIn.tokens();
  const given = token?.ok === true ? token.value : "";
  try {
    const { createApiReference } = await loadScalar();
    render(null, reference);
    createApiReference("#reference", {
      sources: [
        { title: "REST", slug: "rest", url: "/openapi.json", default: true },
        { title: "Event stream", slug: "stream", url: "/asyncapi.json" },
      ],
      ...(signIn === null || given === ""
        ? {}
        : {
            authentication: {
              preferredSecurityScheme: "bearer",
              securitySchemes: { bearer: { token: given } },
            },
            customFetch: fetchAs(signIn, given),
          }),
      // This page sends nothing elsewhere: no proxy, fonts, telemetry or assistant.
      proxyUrl: "",
      withDefaultFonts: false,
      telemetry: false,
      agent: { disabled: true },
      mcp: { disabled: true },
      hideClientButton: true,
      showDeveloperTools: "never",
      defaultOpenAllTags: false,
    });
  } catch {
    render(
      <p class="docs-problem" role="alert">
        The reference could not be loaded. The documents themselves are here:{" "}
        <a href="/openapi.json">OpenAPI</a>, <a href="/asyncapi.json">AsyncAPI</a>.
      </p>,
      reference,
    );
  }
}

const bar = document.querySelector("#page");
const reference = document.querySelector("#reference");
if (bar !== null && reference !== null) void start(bar, reference);
