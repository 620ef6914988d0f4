import { defineConfig } from "vitest/config";

/** The tests that the mutated cores have to get past: those beside them, with fewer runs of the models. */
export default defineConfig({
  test: {
    name: "cores",
    environment: "node",
    include: [
      "src/hub/core/**/*.test.ts",
      "src/hub/sqlite-store.test.ts",
      "src/features/matches/room/*.test.ts",
      "src/features/matches/faceit.test.ts",
      "src/features/rooms/hub/*.test.ts",
      "src/features/rooms/lifecycle.test.ts",
      "src/gateway/guild-changes.test.ts",
      "src/platform/quota.test.ts",
    ],
    // A million pairs a mutant would take hours, and notice nothing that the others do not.
    exclude: ["**/audience-pairs.test.ts", "**/node_modules/**"],
    env: { MODEL_RUNS: "15" },
    testTimeout: 20_000,
  },
});
