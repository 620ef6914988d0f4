import { createHash } from "node:crypto";
import type { PlayerRecord } from "./model.ts";

const NUMBERS = ["one", "two", "three", "four", "five"] as const;

/** The accounts of a first start: two teams of five, and two who come in for others. */
export const FIRST_ACCOUNTS: readonly PlayerRecord[] = [
  ...team("aurora", "a0000000"),
  ...team("borealis", "b0000000"),
  ...team("substitute", "c0000000").slice(0, 2),
];

/** Nicknames of the rosters of a match that names none. */
export const USUAL_ROSTERS = {
  faction1: NUMBERS.map((number) => `aurora_${number}`),
  faction2: NUMBERS.map((number) => `borealis_${number}`),
};

function team(name: string, firstPart: string): PlayerRecord[] {
  return NUMBERS.map((number, index) => {
    const id = `${firstPart}-0000-4000-8000-00000000000${index + 1}`;
    return newAccount(id, `${name}_${number}`);
  });
}

/** An account; what nobody named follows from its id. */
export function newAccount(id: string, nickname: string): PlayerRecord {
  const number = createHash("sha256").update(id).digest().readUInt32BE() % 1_000_000_000;
  return {
    id,
    nickname,
    membership: number % 3 === 0 ? "premium" : "free",
    skillLevel: (number % 10) + 1,
    gamePlayerId: `76561190${String(number).padStart(9, "0")}`,
  };
}
