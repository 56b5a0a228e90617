/** In Chromium: an invitation, five failed attempts, and the way back in by an administrator. */
import assert from "node:assert/strict";
import type { Browser, Page } from "puppeteer-core";
import { totpCode } from "../../platform/users/second_factor.ts";
import { peerTest } from "../fixtures/peers.ts";
import { base32 } from "../platform/base32.ts";
import { type PortalScene, portalScene } from "../platform/portal_scene.ts";
import { password } from "../platform/users_fixture.ts";
import { check, newPage, pressEnter, startChromium, untilIn } from "./chromium.ts";

const eva = "eva@partner.example", max = "max@partner.example";

const path = (page: Page) => new URL(page.url()).pathname;
const said = (page: Page) => page.$eval("main", (main) => main.textContent!);
const listed = (page: Page) => page.$eval("main table", (table) => table.textContent!);

/** A browser of its own, as another person's. */
const person = async (browser: Browser) => await newPage(await browser.createBrowserContext());

async function choosePassword(page: Page, scene: PortalScene, link: string, email?: string): Promise<void> {
  await page.goto(link);
  if (email !== undefined) await page.type("#email", email);
  await page.type("#password", password);
  await pressEnter(page);
  if (path(page) !== "/set-up") return;
  const typed = await page.$eval("main code", (element) => element.textContent!);
  await page.type("#code", totpCode(base32(typed.replaceAll(" ", "")), scene.platform.clock.now()));
  await pressEnter(page);
  assert.equal(await page.$$eval(".codes li", (items) => items.length), 10);
}

async function signIn(page: Page, email: string, typed: string): Promise<void> {
  await untilIn(page, "email");
  await page.evaluate("document.querySelector('#email').value = ''");
  await page.keyboard.type(email);
  await page.keyboard.press("Tab");
  await page.keyboard.type(typed);
  await pressEnter(page);
}

async function linkOf(page: Page): Promise<string> {
  return await page.$eval("[role=status] code", (code) => code.textContent!);
}

peerTest("in Chromium, five wrong passwords lock a user out, and an administrator lets the user in again", [
  "chromium",
], async () => {
  await using scene = await portalScene();
  await scene.platform.queries.run(
    "UPDATE users SET dealer_id = (SELECT dealer_id FROM dealers WHERE name = 'Print Partner')",
  );
  const browser = await startChromium();
  try {
    const admin = await person(browser);
    await choosePassword(admin, scene, scene.platform.portal!.firstUser!, eva);
    await admin.goto(`${scene.origin}/users`);
    await admin.type("#email", max);
    await admin.type("#name", "Max");
    await pressEnter(admin);
    await check(admin, "invited");
    const user = await person(browser);
    await choosePassword(user, scene, await linkOf(admin));
    await user.goto(`${scene.origin}/account`);
    assert.match(await said(user), /max@partner\.example/);

    const other = await person(browser);
    await other.goto(`${scene.origin}/sign-in`);
    for (let attempt = 1; attempt <= 5; attempt++) {
      await signIn(other, max, "not the password");
      assert.match(await said(other), /is wrong, or the user is deactivated/);
    }
    await signIn(other, max, password);
    assert.match(await said(other), /is wrong, or the user is deactivated/);
    await check(other, "locked-out");
    // Open sessions of the user ended with it.
    await user.goto(`${scene.origin}/account`);
    assert.equal(path(user), "/sign-in");

    await admin.goto(`${scene.origin}/users`);
    assert.match(await listed(admin), /deactivated: failed attempts/);
    await check(admin, "users-deactivated");
    await admin.focus(`button[aria-label="Let in again: ${max}"]`);
    await pressEnter(admin);
    await choosePassword(user, scene, await linkOf(admin));
    // The app is the same as before.
    assert.equal(path(user), "/second-factor");
    await user.type("#code", await scene.code(max));
    await pressEnter(user);
    assert.equal(path(user), "/");
    await admin.goto(`${scene.origin}/users`);
    assert.doesNotMatch(await listed(admin), /deactivated/);
  } finally {
    await browser.close();
  }
});
