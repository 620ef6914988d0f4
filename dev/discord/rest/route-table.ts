import { fits } from "../../doubles/faults.ts";

const VERSION = "/v10";
const PREFIX = "/api";

interface Route {
  readonly method: string;
  readonly path: string;
}

/** The routes of the API, asked before one of them runs: limits are counted per route. */
export class RouteTable {
  #routes: readonly Route[] = [];

  /** Takes over what was registered; entries for every method are no routes but rules. */
  register(routes: readonly Route[]): void {
    this.#routes = routes.filter(({ method }) => method !== "ALL");
  }

  /** Method and pattern of the route that will answer, or null when there is none. */
  nameOf(request: Route): string | null {
    const found = this.#fitting(request.path).find(({ method }) => method === request.method);
    return found === undefined ? null : `${found.method} ${found.path.slice(VERSION.length)}`;
  }

  /** Whether another method would find something at this path. */
  isPath(path: string): boolean {
    return this.#fitting(path).length > 0;
  }

  #fitting(path: string): readonly Route[] {
    return this.#routes.filter((route) => fits(PREFIX + route.path, path));
  }
}

/** A request's path as the documentation writes it: without `/api/v10`. */
export function pathInVersion(path: string): string {
  return path.startsWith(PREFIX + VERSION) ? path.slice((PREFIX + VERSION).length) : path;
}

/** The guild's or channel's id in a path: it has a bucket of its own. */
export function majorId(path: string): string {
  return /\/(?:guilds|channels)\/([^/]+)/.exec(path)?.[1] ?? "";
}
