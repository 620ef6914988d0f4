import { defineConfig } from "vitest/config";

/** The tests that the mutated core has to get past: those beside it, with fewer runs of the models. */
export default defineConfig({
  test: {
    name: "core",
    environment: "node",
    include: ["src/hub/core/**/*.test.ts", "src/hub/memory-store.test.ts"],
    // A million pairs a mutant would take hours, and notice nothing that the others do not.
    exclude: ["**/audience-pairs.test.ts", "**/node_modules/**"],
    env: { MODEL_RUNS: "15" },
    testTimeout: 20_000,
  },
});
