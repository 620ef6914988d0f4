// Lighthouse checks views of the page as a signed-in user. Run with a JSON of `chromium`, `args`, `origin`,
// `name` and `views` (paths below the origin); prints one line of JSON.
import { navigation } from "lighthouse";
import puppeteer from "puppeteer-core";

const CATEGORIES = ["accessibility", "best-practices"];
const STEP_MS = 60_000;

const { chromium, args, origin, name, views } = JSON.parse(process.argv[2] ?? "");
const browser = await puppeteer.launch({ executablePath: chromium, args, headless: true });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(STEP_MS);
  const reports = [await look(page, "")];
  await page.locator("::-p-aria([name='Sign in'][role='button'])").click();
  await page.locator("::-p-aria([name='Name'][role='textbox'])").fill(name);
  await page.locator("::-p-aria([name='Sign in'][role='button'])").click();
  await page.locator("::-p-aria([name='New room'][role='button'])").wait();
  for (const view of views) reports.push(await look(page, view));
  console.log(JSON.stringify(reports));
} finally {
  await browser.close();
}

/** Lighthouse's result for a view: a score from 0 to 1 in each category, and the failed audits. */
async function look(page, view) {
  const result = await navigation(page, `${origin}/${view}`, {
    flags: {
      onlyCategories: CATEGORIES,
      // The user has to stay signed in.
      disableStorageReset: true,
      throttlingMethod: "provided",
      maxWaitForLoad: STEP_MS,
    },
  });
  if (result === undefined) throw new Error(`Lighthouse returned no result for ${view}`);
  const { audits, categories, runtimeError } = result.lhr;
  if (runtimeError !== undefined) throw new Error(`${view}: ${runtimeError.message}`);
  const scores = Object.fromEntries(
    Object.entries(categories).map(([id, { score }]) => [id, score]),
  );
  const wrong = Object.values(audits)
    .filter(
      ({ score, scoreDisplayMode }) =>
        scoreDisplayMode !== "informative" && score !== null && score < 1,
    )
    .map(({ id, title, details }) => ({
      id,
      title,
      items: JSON.stringify(details?.items ?? []).slice(0, 500),
    }));
  return { view, scores, wrong };
}
