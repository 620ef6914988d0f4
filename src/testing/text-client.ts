import { vi } from "vitest";
import { SOON } from "./soon.ts";

/** A WebSocket client that keeps what it receives, as text. */
export class TextClient {
  readonly texts: string[] = [];
  /** Code of the close. */
  closed: number | null = null;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      this.texts.push(String(data));
    });
    socket.addEventListener("close", ({ code }) => {
      this.closed = code;
    });
    socket.accept();
  }

  send(data: string | Uint8Array): void {
    this.#socket.send(data);
  }

  close(code = 1000): void {
    this.#socket.close(code);
  }

  /** Waits until it has as many texts that start so. @returns the last of them */
  async hears(start: string, times = 1): Promise<string> {
    const found = (): string[] => this.texts.filter((text) => text.startsWith(start));
    await vi.waitUntil(() => found().length >= times, SOON);
    return found()[times - 1] ?? "";
  }

  /** Waits until it is closed. @returns the code */
  async isClosed(): Promise<number> {
    await vi.waitUntil(() => this.closed !== null, SOON);
    return this.closed ?? 0;
  }
}
