/** What a device of an account is for (sync.md §6.1), and whose connection it is. */
export type DeviceScope =
  | { readonly type: "user-scoped" }
  | { readonly type: "session-scoped"; readonly id: string }
  | { readonly type: "machine-scoped"; readonly id: string };

/** The body of an update, as far as the judge reads it. */
export type UpdateBody = {
  readonly t: string;
  readonly sid?: string;
  readonly machineId?: string;
  readonly message?: {
    readonly id: string;
    readonly seq: number;
    readonly localId: string | null;
    readonly content: { readonly c: string };
  };
  readonly metadata?: { readonly value: string; readonly version: number };
};

/** A message as it is read back. */
export type StoredMessage = NonNullable<UpdateBody["message"]>;

/** Metadata that the drill writes: whose it is, and how many changes it has seen. */
export type Counted = { readonly of: string; readonly count: number; readonly by: string };

/** What happened in the accounts of a drill. Messages and devices have names of their own. */
export type SyncFact =
  | {
      readonly k: "device";
      readonly device: string;
      readonly account: string;
      readonly scope: DeviceScope;
    }
  | {
      readonly k: "session";
      /** Its id. */
      readonly session: string;
      readonly account: string;
      /** The names of its messages begin with it, and a dot. */
      readonly tag: string;
    }
  /** The server lets a device in: updates follow from here on, without a gap. */
  | { readonly k: "opened"; readonly device: string }
  | { readonly k: "closed"; readonly device: string; readonly code: number }
  | {
      readonly k: "update";
      readonly device: string;
      readonly seq: number;
      readonly id: string;
      readonly body: UpdateBody;
    }
  /** `device`: by its socket, which then is not told of it; null: by REST. */
  | {
      readonly k: "sent";
      readonly message: string;
      readonly session: string;
      readonly device: string | null;
    }
  /** The server has said that it has a message. */
  | {
      readonly k: "accepted";
      readonly message: string;
      readonly id: string;
      readonly seq: number;
    }
  /** A change of metadata has succeeded, and is this version now. */
  | {
      readonly k: "changed";
      readonly session: string;
      readonly version: number;
      readonly value: string;
    }
  /** The server has said that a change came too late, and what is there. */
  | {
      readonly k: "mismatch";
      readonly session: string;
      readonly version: number;
      readonly value: string;
    }
  /** A session as it is read back after everything. */
  | {
      readonly k: "stored";
      readonly session: string;
      readonly messages: readonly StoredMessage[];
      readonly metadata: { readonly value: string; readonly version: number };
      /** Status for another account that asks for it. */
      readonly toOthers: number;
    };

/** One line of the accounts' history; `t` is the time, milliseconds since 1970. */
export type SyncLine = { readonly t: number } & SyncFact;
