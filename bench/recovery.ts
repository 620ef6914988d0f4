import { mkdir } from "node:fs/promises";
import { Publisher } from "./load/publisher.ts";
import { measureRestart, type RestartTrial } from "./restart.ts";
import { measureResumes, type ResumeTrial } from "./resume.ts";
import type { Subject } from "./subjects/subject.ts";
import { warm } from "./work.ts";

/** How a subject's clients come back: after a loss of their own, and after one of the server. */
export type RecoveryTrial = {
  /** null: it keeps nothing that a client could resume from. */
  readonly resume: ResumeTrial | null;
  readonly restart: RestartTrial;
};

/** Measures one subject, on a server of its own. @param folder for its files */
export async function runRecovery(
  subject: Subject,
  folder: string,
  secret: string,
): Promise<RecoveryTrial> {
  await mkdir(folder, { recursive: true });
  let server = await subject.start(folder, { recovery: true });
  const publisher = new Publisher(server.port, secret);
  try {
    const faults = await warm(server, publisher);
    const resume =
      subject.remembers === "nothing"
        ? null
        : await measureResumes(subject.name, server, publisher);
    const after = await measureRestart(subject, folder, server, publisher);
    server = after.server;
    const restart = { ...after.trial, faults: [...faults, ...after.trial.faults] };
    return { resume, restart };
  } finally {
    publisher.close();
    await server.stop();
  }
}
