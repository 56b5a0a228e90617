/**
 * The portal in Chromium: the main ways by keyboard alone. portal_pages_browser_test.ts looks at every page.
 */
import assert from "node:assert/strict";
import type { Browser, Page } from "puppeteer-core";
import { totpCode } from "../../platform/users/second_factor.ts";
import { peerTest } from "../fixtures/peers.ts";
import { base32 } from "../platform/base32.ts";
import { type PortalScene, portalScene } from "../platform/portal_scene.ts";
import { password } from "../platform/users_fixture.ts";
import { check, lookAt, newPage, pressEnter, startChromium, untilIn } from "./chromium.ts";
import { printers } from "./portal_pages_scene.ts";

peerTest("the portal in Chromium: first start, sign-in and a device low on toner by keyboard alone", [
  "chromium",
], async () => {
  await using scene = await portalScene();
  await scene.devices(scene.acme, scene.berlin, printers(12));
  // The first user is of the dealer that there was at the first start.
  await scene.platform.queries.run(
    "UPDATE users SET dealer_id = (SELECT dealer_id FROM dealers WHERE name = 'Print Partner')",
  );
  const browser = await startChromium();
  try {
    const page = await firstStart(browser, scene);
    await findLowDevice(page, scene);
    const stranger = await newPage(await browser.createBrowserContext());
    await signInByKeyboard(stranger, scene);
  } finally {
    await browser.close();
  }
});

/** The link that `serve` prints, password, app, recovery codes: by keyboard alone. */
async function firstStart(browser: Browser, scene: PortalScene): Promise<Page> {
  const page = await newPage(browser);
  await page.goto(scene.platform.portal!.firstUser!);
  await lookAt(page, { name: "first-user" });
  await untilIn(page, "email");
  await page.keyboard.type("eva@partner.example");
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await pressEnter(page);
  assert.match(page.url(), /\/set-up$/);
  await check(page, "set-up");
  const typed = await page.$eval("main code", (element) => element.textContent!);
  await page.focus("#code");
  await page.keyboard.type(totpCode(base32(typed.replaceAll(" ", "")), scene.platform.clock.now()));
  await pressEnter(page);
  await lookAt(page, { name: "recovery-codes" });
  assert.equal(await page.$$eval(".codes li", (items) => items.length), 10);
  await page.focus("main a.button");
  await pressEnter(page);
  assert.equal(new URL(page.url()).pathname, "/");
  return page;
}

async function signInByKeyboard(page: Page, scene: PortalScene): Promise<void> {
  await page.bringToFront();
  await page.goto(`${scene.origin}/sign-in`);
  await untilIn(page, "email");
  await page.keyboard.type("eva@partner.example");
  await page.keyboard.press("Tab");
  await page.keyboard.type("not the password");
  await pressEnter(page);
  assert.match(await page.$eval("[role=alert]", (element) => element.textContent!), /wrong/);
  await check(page, "refused");
  await page.focus("#password");
  await page.keyboard.type(password);
  await pressEnter(page);
  await check(page, "second-factor");
  await untilIn(page, "code");
  await page.keyboard.type(await scene.code("eva@partner.example"));
  await pressEnter(page);
  assert.equal(new URL(page.url()).pathname, "/");
}

/** From the overview to the device that is low on toner. */
async function findLowDevice(page: Page, scene: PortalScene): Promise<void> {
  await page.goto(scene.origin);
  await page.focus(`a[href="/customers/${scene.acme}/supplies"]`);
  await pressEnter(page);
  await page.focus("main td a");
  await pressEnter(page);
  assert.match(await page.$eval("main", (element) => element.textContent!), /SER10000[\s\S]*4 %/);
}
