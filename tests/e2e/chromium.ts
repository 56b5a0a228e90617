/** Pages of the portal in Chromium: accessible, wide and narrow, light and dark. OPENDCA_SCREENSHOTS=FOLDER keeps pictures. */
import assert from "node:assert/strict";
import axe from "npm:axe-core@4.14.1/axe.min.js" with { type: "text" };
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { patienceMs } from "../fixtures/until.ts";

const sizes = [{ width: 1280, height: 900 }, { width: 390, height: 844 }];
const schemes = ["light", "dark"];
const folder = Deno.env.get("OPENDCA_SCREENSHOTS");

export function startChromium(): Promise<Browser> {
  return puppeteer.launch({
    executablePath: "/usr/bin/chromium",
    acceptInsecureCerts: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    protocolTimeout: patienceMs,
  });
}

export async function newPage(browser: Pick<Browser, "newPage">): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(patienceMs);
  return page;
}

/** The cursor is in this field, without anybody having put it there. */
export async function untilIn(page: Page, id: string): Promise<void> {
  await page.waitForFunction(`document.activeElement?.id === ${JSON.stringify(id)}`);
}

export async function pressEnter(page: Page): Promise<void> {
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
}

export async function lookAt(page: Page, { name, url }: { name: string; url: string }): Promise<void> {
  for (const { width, height } of sizes) {
    await page.setViewport({ width, height });
    for (const scheme of schemes) {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.goto(url);
      await check(page, `${name}-${width}-${scheme}`);
      const overflow = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      ) as number;
      assert(overflow <= 0, `${name} is wider than a window of ${width} px`);
    }
  }
}

interface Violation {
  id: string;
  nodes: { html: string; failureSummary: string }[];
}

/** No violation that axe knows, and no message in the console, such as one about the content security policy. */
export async function check(page: Page, name: string): Promise<void> {
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  // The page's policy allows no scripts of others: axe comes by the debugger.
  await page.evaluate(axe);
  const violations = await page.evaluate(
    "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)",
  ) as Violation[];
  const texts = violations.map(({ id, nodes }) =>
    `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")}`
  );
  assert.deepEqual(texts, [], name);
}
