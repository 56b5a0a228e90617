/** Pages of the portal in Chromium: accessible, wide and narrow, light and dark. OPENDCA_SCREENSHOTS=FOLDER keeps pictures. */
import assert from "node:assert/strict";
import axe from "npm:axe-core@4.14.1/axe.min.js" with { type: "text" };
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { patienceMs } from "../fixtures/until.ts";

export const wide = { width: 1280, height: 900 }, narrow = { width: 390, height: 844 };
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

/** Without `url`: at what is shown, such as the answer to a form. */
export async function lookAt(
  page: Page,
  { name, url, sizes = [wide, narrow] }: { name: string; url?: string; sizes?: readonly typeof wide[] },
): Promise<void> {
  for (const { width, height } of sizes) {
    await page.setViewport({ width, height });
    if (url !== undefined) await page.goto(url);
    for (const scheme of schemes) {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      // What is not a matter of colours was looked at in the first one.
      await check(page, `${name}-${width}-${scheme}`, scheme === schemes[0] ? undefined : ["color-contrast"]);
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
export async function check(page: Page, name: string, rules?: string[]): Promise<void> {
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  // The page's policy allows no scripts of others: axe comes by the debugger.
  if (!await page.evaluate("'axe' in window")) await page.evaluate(axe);
  const options = JSON.stringify({ resultTypes: ["violations"], ...(rules === undefined ? {} : { runOnly: rules }) });
  const violations = await page.evaluate(
    `axe.run(document, ${options}).then(({ violations }) => violations)`,
  ) as Violation[];
  const texts = violations.map(({ id, nodes }) =>
    `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")}`
  );
  assert.deepEqual(texts, [], name);
}
