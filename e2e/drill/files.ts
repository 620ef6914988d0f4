/** Names inside the folder of one drill: what the program writes and the checker reads. */
export const FILES = {
  /** One file a client. */
  clients: "clients",
  truth: "truth.jsonl",
  faults: "faults.jsonl",
  facts: "facts.json",
} as const;
