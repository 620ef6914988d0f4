import { useSignal, type Signal } from "@preact/signals";
import type { JSX } from "preact";
import type { Area, CloseCode, Frame, Operation } from "./documents.ts";
import { Prose } from "./prose.tsx";
import { TryOperation } from "./try-operation.tsx";
import { TryStream } from "./try-stream.tsx";

/** Everything that can be called and every frame, to read and to try. */
export function Reference({
  version,
  areas,
  fromClient,
  fromServer,
  closeCodes,
}: {
  readonly version: string;
  readonly areas: readonly Area[];
  readonly fromClient: readonly Frame[];
  readonly fromServer: readonly Frame[];
  readonly closeCodes: readonly CloseCode[];
}): JSX.Element {
  const token = useSignal("");
  return (
    <main class="docs">
      <h1>
        GuildHub API <small class="muted">{version}</small>
      </h1>
      <p>
        Documents: <a href="/openapi.json">OpenAPI</a> · <a href="/asyncapi.json">AsyncAPI</a> ·{" "}
        <a href="/docs/errors">errors</a> · <a href="/docs/limits">limits</a> ·{" "}
        <a href="/">the page</a>
      </p>
      <nav aria-label="On this page">
        <ul class="docs-nav">
          {areas.map(({ name, about }) => (
            <li key={name}>
              <a href={`#area-${name}`}>{about}</a>
            </li>
          ))}
          <li>
            <a href="#stream">Frames</a>
          </li>
          <li>
            <a href="#close-codes">Close codes</a>
          </li>
        </ul>
      </nav>
      <TokenField token={token} />
      {areas.map((area) => (
        <section key={area.name} aria-labelledby={`area-${area.name}`}>
          <h2 id={`area-${area.name}`}>{area.about}</h2>
          {area.operations.map((operation) => (
            <OperationCard key={operation.id} operation={operation} token={token} />
          ))}
        </section>
      ))}
      <section aria-labelledby="stream">
        <h2 id="stream">The event stream on /ws</h2>
        <TryStream token={token} frames={fromClient} />
        <h3>From the server</h3>
        <Frames frames={fromServer} />
        <h3>From the client</h3>
        <Frames frames={fromClient} />
        <h3 id="close-codes">Close codes</h3>
        <CloseCodes rows={closeCodes} />
      </section>
    </main>
  );
}

function TokenField({ token }: { readonly token: Signal<string> }): JSX.Element {
  return (
    <label class="docs-token">
      <span>Access token</span>
      <input
        type="text"
        autocomplete="off"
        spellcheck={false}
        value={token.value}
        onInput={(event) => (token.value = event.currentTarget.value.trim())}
      />
      <small class="muted">
        Stays in this tab. With the local stack, <code>npm run token -- alice</code> prints one.
      </small>
    </label>
  );
}

function OperationCard({
  operation,
  token,
}: {
  readonly operation: Operation;
  readonly token: Signal<string>;
}): JSX.Element {
  const { id, method, path, summary, description, needsToken, isSigned } = operation;
  return (
    <details class="docs-card" id={id}>
      <summary>
        <span class={`docs-method docs-method-${method.toLowerCase()}`}>{method}</span>
        <code>{path}</code>
        <span class="docs-summary">{summary}</span>
      </summary>
      <div class="docs-body">
        {description !== "" && (
          <p>
            <Prose text={description} />
          </p>
        )}
        <p class="muted">
          {needsToken && "Needs an access token. "}
          {isSigned && "Signed by the gateway-worker, so it cannot be tried here. "}
          Operation <code>{id}</code>.
        </p>
        <Inputs operation={operation} />
        <Answers operation={operation} />
        {!isSigned && <TryOperation operation={operation} token={token} />}
      </div>
    </details>
  );
}

function Inputs({ operation }: { readonly operation: Operation }): JSX.Element {
  const { parameters, body } = operation;
  return (
    <>
      {parameters.length > 0 && (
        <ul class="docs-list">
          {parameters.map((one) => (
            <li key={one.name}>
              <code>{one.name}</code> <span class="muted">{one.in}</span> <code>{one.type}</code>{" "}
              {one.required && "required "}
              <Prose text={one.about} />
            </li>
          ))}
        </ul>
      )}
      {body !== null && (
        <>
          <h3>Body</h3>
          <pre tabIndex={0}>{body.type}</pre>
        </>
      )}
    </>
  );
}

/** Where an error's code is explained. */
const errorPage = (code: string): string => `/docs/errors#${code}`;

function Answers({ operation }: { readonly operation: Operation }): JSX.Element {
  return (
    <>
      <h3>Answers</h3>
      <ul class="docs-list">
        {operation.answers.map(({ status, text, type }) => (
          <li key={status}>
            <strong>{status}</strong>{" "}
            {type === null && Number(status) >= 400 ? (
              <Prose text={text} linkTo={errorPage} />
            ) : (
              <Prose text={text} />
            )}
            {type !== null && <pre tabIndex={0}>{type}</pre>}
          </li>
        ))}
      </ul>
    </>
  );
}

function Frames({ frames }: { readonly frames: readonly Frame[] }): JSX.Element {
  return (
    <>
      {frames.map(({ name, summary, type }) => (
        <details key={name} class="docs-card">
          <summary>
            <code>{name}</code>
            <span class="docs-summary">
              <Prose text={summary} />
            </span>
          </summary>
          <div class="docs-body">
            <pre tabIndex={0}>{type}</pre>
          </div>
        </details>
      ))}
    </>
  );
}

const AFTER_CLOSE: Readonly<Record<string, string>> = {
  yes: "Reconnects after a random pause, and resumes",
  "after refresh": "Gets a new token, then reconnects and resumes",
  no: "Stays away until something has changed",
};

function CloseCodes({ rows }: { readonly rows: readonly CloseCode[] }): JSX.Element {
  return (
    <div class="docs-scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Code</th>
            <th scope="col">Meaning</th>
            <th scope="col">What a client does</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ code, reconnect, meaning }) => (
            <tr key={code}>
              <td>{code}</td>
              <td>{meaning}</td>
              <td>{AFTER_CLOSE[reconnect] ?? reconnect}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
