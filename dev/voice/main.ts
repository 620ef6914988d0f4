import { portVariable, runDouble, variable } from "../doubles/program.ts";
import { startLocalVoice } from "./local-voice.ts";

await runDouble(
  startLocalVoice({
    port: portVariable("VOICE_PORT", 8792),
    host: variable("HOST") ?? "127.0.0.1",
    apiKey: variable("ELEVENLABS_API_KEY"),
  }),
);
