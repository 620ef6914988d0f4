import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: ["./drizzle/platform.ts", "./drizzle/rooms.ts"],
  out: "./migrations",
});
