import type { AudienceTrial } from "../audience.ts";
import { PLAN } from "../plan.ts";
import type { Subject, SubjectName } from "../subjects/subject.ts";
import type { Summary } from "./summary.ts";
import { CANNOT, tableOf, times, whole } from "./table.ts";

/** The members of a subject that the tables need. */
export type Named = Pick<Subject, "name" | "label">;

/** The contenders that were measured, each with its trial. */
export function measured<Trial extends { readonly subject: SubjectName }>(
  contenders: readonly Named[],
  trials: readonly Trial[],
): (Trial & { readonly label: string })[] {
  return contenders.flatMap(({ name, label }) => {
    const trial = trials.find(({ subject }) => subject === name);
    return trial === undefined ? [] : [{ ...trial, label }];
  });
}

/** What an idle socket takes, with and without what exists once. */
export function memoryTable({ memory }: Summary, contenders: readonly Named[]): string {
  const bare = memory.find(({ subject }) => subject === "bare");
  return tableOf(measured(contenders, memory), [
    ["KiB of an idle socket", ({ label }) => label],
    [`of the first ${whole(PLAN.sockets)}`, ({ first }) => whole(first)],
    [`of each of ${whole(PLAN.manySockets - PLAN.sockets)} more`, ({ further }) => whole(further)],
    ["× bare loop", ({ further }) => times(further / (bare?.further ?? Number.NaN))],
    ["without garbage", ({ collected }) => (collected === null ? CANNOT : whole(collected))],
  ]);
}

/** What an event for a few costs, by who else is connected. */
export function audienceTable({ sockets, costs }: AudienceTrial): string {
  const readers = PLAN.audience.readers;
  const rows = [
    ["each in a request of its own", costs.lone],
    [`${PLAN.requestEvents} in a request`, costs.together],
  ] as const;
  return tableOf(rows, [
    ["server CPU of an event", ([label]) => label],
    [`for ${readers}, who are alone`, ([, { alone }]) => microseconds(alone)],
    [`for ${readers} of ${whole(sockets)}`, ([, { among }]) => microseconds(among)],
    ["ratio", ([, { alone, among }]) => times(among / alone)],
    [`for all ${whole(sockets)}`, ([, { everybody }]) => microseconds(everybody)],
    ["all × few", ([, { among, everybody }]) => times(everybody / among)],
  ]);
}

/** @param ms milliseconds */
function microseconds(ms: number): string {
  return `${whole(ms * 1_000)} µs`;
}
