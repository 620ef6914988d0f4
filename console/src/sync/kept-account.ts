import { base64UrlOf, type Bytes } from "./base64.ts";
import { secretIn } from "./secret-code.ts";

/** The account that is signed in in this tab. The key is not in it. */
export type KeptAccount = { readonly token: string; readonly publicKey: string };

/** In this tab's storage: it survives a reload, and goes with the tab. */
const TOKEN = "guildhub:sync-token";
const PUBLIC_KEY = "guildhub:sync-account";
/** In the browser's storage for this page, if the person wishes. */
const SECRET = "guildhub:sync-key";

/** The two storages of a browser, or stand-ins for them. */
export type Storages = {
  readonly tab: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  readonly browser: Pick<Storage, "getItem" | "setItem" | "removeItem">;
};

/** What the browser keeps of an account. Where it keeps nothing, because its person forbids it, that is no failure. */
export class AccountKeeper {
  readonly #storages: () => Storages;

  constructor(storages: () => Storages = () => ({ tab: sessionStorage, browser: localStorage })) {
    this.#storages = storages;
  }

  /** The account of this tab; null: none is signed in. */
  account(): KeptAccount | null {
    const token = this.#read("tab", TOKEN);
    const publicKey = this.#read("tab", PUBLIC_KEY);
    return token === null || publicKey === null ? null : { token, publicKey };
  }

  keepAccount({ token, publicKey }: KeptAccount): void {
    this.#write("tab", TOKEN, token);
    this.#write("tab", PUBLIC_KEY, publicKey);
  }

  /** The secret that this browser keeps; null: none. */
  secret(): Bytes | null {
    return secretIn(this.#read("browser", SECRET) ?? "");
  }

  /** @returns whether the browser keeps it now */
  keepSecret(secret: Bytes): boolean {
    this.#write("browser", SECRET, base64UrlOf(secret));
    return this.secret() !== null;
  }

  forgetSecret(): void {
    this.#write("browser", SECRET, null);
  }

  /** Forgets everything. */
  forget(): void {
    this.forgetSecret();
    this.#write("tab", TOKEN, null);
    this.#write("tab", PUBLIC_KEY, null);
  }

  #read(where: keyof Storages, name: string): string | null {
    try {
      return this.#storages()[where].getItem(name);
    } catch {
      return null;
    }
  }

  #write(where: keyof Storages, name: string, value: string | null): void {
    try {
      const storage = this.#storages()[where];
      if (value === null) storage.removeItem(name);
      else storage.setItem(name, value);
    } catch {
      // Then it is kept in memory alone.
    }
  }
}
