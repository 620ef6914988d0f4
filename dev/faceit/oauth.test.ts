import { createLocalJWKSet, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import type { LocalFaceit } from "./local-faceit.ts";
import {
  asJson,
  AURORA_ONE,
  CLIENT_ID,
  CLIENT_SECRET,
  type Json,
  newPkce,
  REDIRECT_URI,
  startForTest,
} from "./test-client.ts";

type Parameters = Readonly<Record<string, string>>;

function authorizeUrl({ url }: LocalFaceit, challenge: string, changes: Parameters = {}): string {
  const parameters = {
    response_type: "code",
    client_id: CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    scope: "openid profile",
    state: "the-state",
    code_challenge: challenge,
    code_challenge_method: "S256",
    ...changes,
  };
  return `${url}/oauth/authorize?${new URLSearchParams(parameters).toString()}`;
}

/** Presses a button of the page. @returns the address that the browser is sent to */
async function press(page: string, form: Parameters): Promise<URL> {
  const body = new URLSearchParams(form);
  const response = await fetch(page, { method: "POST", body, redirect: "manual" });
  expect(response.status).toBe(303);
  return new URL(response.headers.get("location") ?? "");
}

async function exchange(
  { url }: LocalFaceit,
  form: Parameters,
  credentials: string | null = `${CLIENT_ID}:${CLIENT_SECRET}`,
): Promise<{ readonly status: number; readonly body: Json }> {
  const authorization = `Basic ${Buffer.from(credentials ?? "").toString("base64")}`;
  const response = await fetch(`${url}/oauth/token`, {
    method: "POST",
    headers: credentials === null ? {} : { authorization },
    body: new URLSearchParams({
      grant_type: "authorization_code",
      redirect_uri: REDIRECT_URI,
      ...form,
    }),
  });
  return { status: response.status, body: asJson(await response.json()) };
}

async function newCode(
  faceit: LocalFaceit,
  challenge: string,
  changes?: Parameters,
): Promise<string> {
  const back = await press(authorizeUrl(faceit, challenge, changes), { player: "aurora_one" });
  return back.searchParams.get("code") ?? "";
}

async function userinfo({ url }: LocalFaceit, token: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${String(token)}` };
  return fetch(`${url}/oauth/userinfo`, { headers });
}

describe("linking a FACEIT account", () => {
  it("shows every account, sends the browser back, and identifies the chosen one", async () => {
    const faceit = await startForTest();
    const { verifier, challenge } = newPkce();
    const page = await fetch(authorizeUrl(faceit, challenge));
    const html = await page.text();
    expect(html).toContain("Continue as aurora_one");
    expect(html).toContain("Continue as substitute_two");
    const action = /action="([^"]+)"/.exec(html)?.[1] ?? "";
    const target = `${faceit.url}${action.replaceAll("&#38;", "&")}`;

    const back = await press(target, { player: AURORA_ONE });
    expect(back.href.startsWith(`${REDIRECT_URI}?`)).toBe(true);
    expect(back.searchParams.get("state")).toBe("the-state");
    const code = back.searchParams.get("code") ?? "";
    const { status, body } = await exchange(faceit, { code, code_verifier: verifier });
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: "Bearer", expires_in: 86_400 });

    const answer = await userinfo(faceit, body["access_token"]);
    expect(await answer.json()).toMatchObject({
      guid: AURORA_ONE,
      sub: AURORA_ONE,
      nickname: "aurora_one",
      picture: "",
    });
    const keys = createLocalJWKSet(
      (await (await fetch(`${faceit.url}/oauth/certs`)).json()) as { keys: [] },
    );
    const { payload } = await jwtVerify(String(body["id_token"]), keys, {
      issuer: faceit.url,
      audience: CLIENT_ID,
    });
    expect(payload["guid"]).toBe(AURORA_ONE);
  });

  it("can be declined", async () => {
    const faceit = await startForTest();
    const back = await press(authorizeUrl(faceit, newPkce().challenge), { cancel: "yes" });
    expect(back.searchParams.get("error")).toBe("access_denied");
    expect(back.searchParams.get("state")).toBe("the-state");
    expect(back.searchParams.has("code")).toBe(false);
  });

  it.each([
    [{ client_id: "another" }],
    [{ redirect_uri: `${REDIRECT_URI}/` }],
    [{ redirect_uri: "https://page.test/<script>" }],
  ])("does not redirect a request of an unknown client or address: %o", async (changes) => {
    const faceit = await startForTest();
    for (const method of ["GET", "POST"]) {
      const url = authorizeUrl(faceit, newPkce().challenge, changes);
      const response = await fetch(url, { method, redirect: "manual" });
      expect(response.status).toBe(400);
      expect(await response.text()).not.toContain("<script>");
    }
  });

  it.each([
    [{ response_type: "token" }, "unsupported_response_type"],
    [{ code_challenge_method: "plain" }, "invalid_request"],
    [{ code_challenge: "" }, "invalid_request"],
  ])("names the error of the request: %o", async (changes, error) => {
    const faceit = await startForTest();
    const url = authorizeUrl(faceit, newPkce().challenge, changes);
    const response = await fetch(url, { redirect: "manual" });
    const back = new URL(response.headers.get("location") ?? "");
    expect(back.searchParams.get("error")).toBe(error);
  });
});

describe("the exchange of a code", () => {
  it("needs the secret and the verifier", async () => {
    const faceit = await startForTest();
    const { verifier, challenge } = newPkce();
    const form = { code: await newCode(faceit, challenge), code_verifier: verifier };
    for (const credentials of [null, `${CLIENT_ID}:wrong`, "another:client"]) {
      const { status, body } = await exchange(
        faceit,
        { ...form, client_id: CLIENT_ID },
        credentials,
      );
      expect([status, body["error"]]).toEqual([401, "invalid_client"]);
    }
    const other = newPkce().verifier;
    const wrong = await exchange(faceit, { ...form, code_verifier: other });
    expect([wrong.status, wrong.body["error"]]).toEqual([400, "invalid_grant"]);
    // A wrong verifier invalidates the code, too.
    expect((await exchange(faceit, form)).status).toBe(400);
  });

  it("works once, for the same redirect_uri, within a minute", async () => {
    let now = 1_700_000_000_000;
    const faceit = await startForTest({ clock: () => now });
    const { verifier: code_verifier, challenge } = newPkce();
    const once = { code: await newCode(faceit, challenge), code_verifier };
    const answers = await Promise.all(Array.from({ length: 5 }, () => exchange(faceit, once)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(4);

    const elsewhere = { code: await newCode(faceit, challenge), code_verifier };
    const redirected = { ...elsewhere, redirect_uri: "https://page.test/" };
    expect((await exchange(faceit, redirected)).body["error"]).toBe("invalid_grant");

    const late = { code: await newCode(faceit, challenge), code_verifier };
    now += 60_000;
    expect((await exchange(faceit, late)).body["error"]).toBe("invalid_grant");
  });

  it("of a public client needs only the verifier", async () => {
    const faceit = await startForTest({ isPublic: true });
    const { verifier, challenge } = newPkce();
    const form = { code: await newCode(faceit, challenge), code_verifier: verifier };
    expect((await exchange(faceit, form, null)).status).toBe(401);
    expect((await exchange(faceit, { ...form, client_id: CLIENT_ID }, null)).status).toBe(200);
  });

  it("refuses refresh tokens and JSON bodies", async () => {
    const faceit = await startForTest();
    const { body } = await exchange(faceit, { grant_type: "refresh_token" });
    expect(body["error"]).toBe("unsupported_grant_type");
    const json = await fetch(`${faceit.url}/oauth/token`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(json.status).toBe(400);
  });
});

describe("userinfo", () => {
  it("requires a token with the scope openid", async () => {
    const faceit = await startForTest();
    expect((await userinfo(faceit, "nonsense")).status).toBe(401);
    const { verifier, challenge } = newPkce();
    const code = await newCode(faceit, challenge, { scope: "email" });
    const { body } = await exchange(faceit, { code, code_verifier: verifier });
    const refused = await userinfo(faceit, body["access_token"]);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toEqual({ error: "insufficient_scope" });
  });

  it("is listed in the discovery document", async () => {
    const { url } = await startForTest();
    const found = asJson(await (await fetch(`${url}/auth/v1/openid_configuration`)).json());
    expect(found).toMatchObject({
      authorization_endpoint: `${url}/oauth/authorize`,
      token_endpoint: `${url}/oauth/token`,
      userinfo_endpoint: `${url}/oauth/userinfo`,
      code_challenge_methods_supported: ["S256"],
    });
  });
});
