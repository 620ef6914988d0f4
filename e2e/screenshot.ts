import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { offerHelp } from "../dev/usage.mjs";
import { Api } from "../dev/testing/api.ts";
import { eventually } from "../dev/testing/eventually.ts";
import { launchBrowser, openAt, signInAs, unfold } from "./page-driver.ts";
import { startStack } from "../dev/testing/stack.ts";

offerHelp(`Usage: npm run screenshot
  Makes docs/images/page.png, the picture of the README, from a stack of its own.`);

/** `npm run screenshot`: takes the README's picture of a stack of its own with example rooms and people. */
const PICTURE = path.join(import.meta.dirname, "../docs/images/page.png");
const MAX_BYTES = 300_000;
const VIEWPORT = { width: 1200, height: 700 };

const PEOPLE = [
  "Ada",
  "Grace",
  "Linus",
  "Margaret",
  "Edsger",
  "Katherine",
  "Dennis",
  "Barbara",
  "Alan",
  "Radia",
].map((name, n) => ({ name, userId: `10000000000000${4000 + n}` }));

/** Opened in this order, so that the last room is on top. */
const ROOMS = [
  { name: "AFK", userLimit: 0, people: [] },
  { name: "Movie night", userLimit: 0, people: ["Barbara"] },
  { name: "Aim training", userLimit: 2, people: ["Dennis", "Alan"] },
  { name: "Coaching", userLimit: 3, people: ["Radia"], private: true },
  { name: "Ranked five", userLimit: 5, people: ["Margaret", "Edsger", "Katherine"] },
  { name: "Friday raid", userLimit: 5, people: ["Ada", "Grace", "Linus"] },
] as const;

const stack = await startStack();
const browser = await launchBrowser();
try {
  const discord = stack.discord;
  const me = "100000000000000301";
  const api = new Api(stack, await stack.token("ada", { discord_id: me }));
  for (const { people, ...room } of ROOMS) {
    const channelId = await api.createRoom(room);
    for (const { name, userId } of PEOPLE.filter((one) => people.some((who) => who === one.name))) {
      await discord.setMember(userId, true);
      await discord.changeUser(userId, { globalName: name });
      await discord.move(userId, channelId);
    }
  }
  const page = await openAt(
    browser,
    stack.urls.worker,
    { viewport: VIEWPORT, deviceScaleFactor: 1.5, colorScheme: "light" },
    (problem) => console.error(problem),
  );
  await signInAs(page, "ada", me);
  await page.getByRole("heading", { name: "Friday raid" }).waitFor();
  await unfold(page, "Friday raid");
  await eventually("both connections are up", async () => {
    const texts = await page.locator(".statuses").textContent();
    if (!/Live.*Connected/.test(texts ?? "")) throw new Error(texts ?? "");
  });
  // The tools belong to the local stack, not to the product.
  await page.evaluate("document.querySelector('.tools').remove()");
  await page.evaluate("document.activeElement.blur()");
  await page.mouse.move(0, 0);
  const picture = await page.screenshot();
  if (picture.byteLength > MAX_BYTES) throw new Error(`${picture.byteLength} bytes are too many`);
  await mkdir(path.dirname(PICTURE), { recursive: true });
  await writeFile(PICTURE, picture);
  console.log(`${path.relative(process.cwd(), PICTURE)}: ${picture.byteLength} bytes`);
} finally {
  await browser.close();
  await stack.stop();
}
