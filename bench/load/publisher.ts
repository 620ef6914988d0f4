import { Agent, request } from "node:http";
import { ulid } from "ulid";
import { signBody } from "../../src/protocol/signed-events.ts";
import { eventAt } from "../events.ts";

/**
 * Publishes one stream of events to a subject, in order, one request at a time, as the
 * gateway-worker does.
 */
export class Publisher {
  readonly #port: number;
  readonly #secret: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #epoch = ulid();
  #published = 0;

  constructor(port: number, secret: string) {
    this.#port = port;
    this.#secret = secret;
  }

  /** Index of the next event. */
  get next(): number {
    return this.#published;
  }

  /**
   * Publishes `count` events in one signed request.
   * @param onSent is called right before the request leaves
   * @throws when it is not answered with 200
   */
  async publish(count: number, onSent: () => void = () => undefined): Promise<void> {
    const events = Array.from({ length: count }, (_, at) =>
      eventAt(this.#published + at, this.#epoch),
    );
    this.#published += count;
    const body = Buffer.from(JSON.stringify({ events }));
    const headers = await signBody([this.#secret], body, Date.now());
    onSent();
    const { status, text } = await this.#post(body, headers);
    if (status !== 200) throw new Error(`publishing was answered with ${status}: ${text}`);
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(
    body: Buffer,
    headers: Record<string, string>,
  ): Promise<{ readonly status: number | undefined; readonly text: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<{
      status: number | undefined;
      text: string;
    }>();
    const outgoing = request(
      {
        host: "127.0.0.1",
        port: this.#port,
        path: "/internal/events",
        method: "POST",
        agent: this.#agent,
        headers: {
          ...headers,
          "Content-Type": "application/json",
          "Content-Length": body.length,
        },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode, text }));
        response.on("error", reject);
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
    return promise;
  }
}
