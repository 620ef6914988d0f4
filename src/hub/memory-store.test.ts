import { describe } from "vitest";
import { MemoryStore } from "./memory-store.ts";
import { storeSuite } from "./store-suite.ts";

describe("memory store", () => {
  storeSuite(async (use) => use(new MemoryStore("epoch-1")));
});
