/** A person's browser for the pages of a linking: keeps cookies, and goes where it is sent, step by step. */
export class LinkBrowser {
  readonly #cookies = new Map<string, string>();

  /** Opens an address and says where it leads; null: it is a page. */
  async open(url: string): Promise<{ readonly page: string; readonly to: string | null }> {
    const response = await fetch(url, { redirect: "manual", headers: this.#headers(url) });
    return this.#take(url, response);
  }

  /** Fills in the one form of a page and sends it. */
  async submit(
    url: string,
    fields: Readonly<Record<string, string>>,
  ): Promise<{ readonly page: string; readonly to: string | null }> {
    const response = await fetch(url, {
      method: "POST",
      redirect: "manual",
      headers: {
        ...this.#headers(url),
        "content-type": "application/x-www-form-urlencoded",
        // As a browser does for a form of the same page.
        origin: new URL(url).origin,
      },
      body: new URLSearchParams(fields).toString(),
    });
    return this.#take(url, response);
  }

  async #take(url: string, response: Response): Promise<{ page: string; to: string | null }> {
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

  #headers(url: string): Record<string, string> {
    const { host } = new URL(url);
    const cookies = [...this.#cookies].flatMap(([key, value]) => {
      const [of = "", name = ""] = key.split(" ", 2);
      return of === host ? [`${name}=${value}`] : [];
    });
    return cookies.length === 0 ? {} : { cookie: cookies.join("; ") };
  }
}

/**
 * Goes through a linking from the button of `/link` to its last page.
 * @param as who signs in at Discord and at FACEIT
 * @returns the text of the page at the end
 */
export async function link(
  button: string,
  as: { readonly discordId: string; readonly playerId: string },
  browser: LinkBrowser = new LinkBrowser(),
): Promise<string> {
  const opened = await browser.open(button);
  if (opened.to === null) return opened.page;
  const atDiscord = await browser.submit(opened.to, { user_id: as.discordId });
  if (atDiscord.to === null) return atDiscord.page;
  const back = await browser.open(atDiscord.to);
  if (back.to === null) return back.page;
  const atFaceit = await browser.submit(back.to, { player: as.playerId });
  if (atFaceit.to === null) return atFaceit.page;
  return (await browser.open(atFaceit.to)).page;
}
