/** A page, and where it redirects; null: nowhere. */
type Step = { readonly page: string; readonly to: string | null };

/** A person's browser for the pages of the linking flow: keeps cookies and follows redirects step by step. */
export class LinkBrowser {
  readonly #cookies = new Map<string, string>();
  readonly #always: Readonly<Record<string, string>>;

  /** @param always headers of every request */
  constructor(always: Readonly<Record<string, string>> = {}) {
    this.#always = always;
  }

  /** Opens a URL and returns where it redirects; null: it is a page. */
  async open(url: string): Promise<Step> {
    const response = await fetch(url, { redirect: "manual", headers: this.headersFor(url) });
    return this.#take(url, response);
  }

  /** Fills in a page's only form and submits it. */
  async submit(url: string, fields: Readonly<Record<string, string>>): Promise<Step> {
    const response = await fetch(url, {
      method: "POST",
      redirect: "manual",
      headers: {
        ...this.headersFor(url),
        "content-type": "application/x-www-form-urlencoded",
        // As a browser does for a form of the same origin.
        origin: new URL(url).origin,
      },
      body: new URLSearchParams(fields).toString(),
    });
    return this.#take(url, response);
  }

  async #take(url: string, response: Response): Promise<Step> {
    const { host } = new URL(url);
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ""] = cookie.split(";", 1);
      const at = pair.indexOf("=");
      const key = `${host} ${pair.slice(0, at)}`;
      if (/max-age=0/i.test(cookie)) this.#cookies.delete(key);
      else this.#cookies.set(key, pair.slice(at + 1));
    }
    const location = response.headers.get("location");
    return {
      page: await response.text(),
      to: location === null ? null : new URL(location, url).href,
    };
  }

  /** The request headers for this URL. */
  headersFor(url: string): Record<string, string> {
    const { host } = new URL(url);
    const cookies = [...this.#cookies].flatMap(([key, value]) => {
      const [of = "", name = ""] = key.split(" ", 2);
      return of === host ? [`${name}=${value}`] : [];
    });
    return { ...this.#always, ...(cookies.length === 0 ? {} : { cookie: cookies.join("; ") }) };
  }
}

/**
 * Goes through the linking flow from the button of `/link` to the last page.
 * @param as who signs in at Discord and at FACEIT
 * @returns the text of the last page
 */
export async function link(
  button: string,
  as: { readonly discordId: string; readonly playerId: string },
  browser: LinkBrowser = new LinkBrowser(),
): Promise<string> {
  const atDiscord = await provenAtDiscord(button, as.discordId, browser);
  if (atDiscord.to === null) return atDiscord.page;
  const atFaceit = await provenAtFaceit(atDiscord.to, as.playerId, browser);
  if (atFaceit.to === null) return atFaceit.page;
  return (await browser.open(atFaceit.to)).page;
}

/** From the button of `/link` to the URL to which Discord sends the browser back. */
export async function provenAtDiscord(
  button: string,
  discordId: string,
  browser: LinkBrowser,
): Promise<Step> {
  const opened = await browser.open(button);
  return opened.to === null ? opened : browser.submit(opened.to, { user_id: discordId });
}

/** From the URL of {@link provenAtDiscord} to the URL to which FACEIT sends the browser back. */
export async function provenAtFaceit(
  wayBack: string,
  playerId: string,
  browser: LinkBrowser,
): Promise<Step> {
  const back = await browser.open(wayBack);
  return back.to === null ? back : browser.submit(back.to, { player: playerId });
}
