import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: [
    "./drizzle/platform.ts",
    "./drizzle/rooms.ts",
    "./drizzle/matches.ts",
    "./drizzle/sync.ts",
  ],
  out: "./migrations",
});
