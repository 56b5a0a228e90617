/** Passkeys in Chromium, with its virtual authenticator, by keyboard alone. */
import assert from "node:assert/strict";
import type { CDPSession, Page } from "puppeteer-core";
import { peerTest } from "../fixtures/peers.ts";
import { type PortalScene, portalScene } from "../platform/portal_scene.ts";
import { password } from "../platform/users_fixture.ts";
import { check, lookAt, newPage, pressEnter, startChromium, untilIn } from "./chromium.ts";

const eva = "eva@partner.example";

interface Authenticator {
  authenticatorId: string;
  /** Whether the person's finger is recognized. */
  verify(isVerified: boolean): Promise<void>;
}

/** Built into the machine, or a security key; with room for passkeys that sign in alone. */
async function authenticator(
  session: CDPSession,
  transport: "internal" | "usb" = "internal",
): Promise<Authenticator> {
  await session.send("WebAuthn.enable");
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport,
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    authenticatorId,
    async verify(isUserVerified) {
      await session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });
    },
  };
}

const path = (page: Page) => new URL(page.url()).pathname;

/** Goes on with Tab until the button with this text has the focus. */
async function tabTo(page: Page, text: string): Promise<void> {
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate("document.activeElement?.textContent?.trim()") === text) return;
  }
  throw new Error(`"${text}" cannot be reached by keyboard on ${page.url()}`);
}

async function press(page: Page, text: string): Promise<void> {
  await tabTo(page, text);
  await pressEnter(page);
}

async function signOut(page: Page): Promise<void> {
  await page.focus("header form button");
  await pressEnter(page);
  assert.equal(path(page), "/sign-in");
}

async function typePassword(page: Page): Promise<void> {
  await untilIn(page, "email");
  await page.keyboard.type(eva);
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await pressEnter(page);
  assert.equal(path(page), "/second-factor");
}

async function firstStart(page: Page, scene: PortalScene): Promise<void> {
  await page.goto(scene.platform.portal!.firstUser!);
  await untilIn(page, "email");
  await page.keyboard.type(eva);
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await pressEnter(page);
  assert.equal(path(page), "/set-up");
  await check(page, "set-up-passkey");
}

peerTest("a passkey in Chromium: set up, signs in alone and as second factor, confirms, is added and removed", [
  "chromium",
], async () => {
  await using scene = await portalScene();
  const browser = await startChromium();
  try {
    const page = await newPage(browser), session = await page.createCDPSession();
    const device = await authenticator(session);
    const messages: string[] = [];
    page.on("pageerror", (error) => messages.push(String(error)));
    await firstStart(page, scene);
    await press(page, "Set up a passkey");
    assert.equal(await page.$$eval(".codes li", (items) => items.length), 10);
    await press(page, "Continue");
    assert.equal(path(page), "/");
    await signOut(page);

    // Alone: no address, no password, and all that needs both factors.
    await check(page, "sign-in-passkey");
    await press(page, "Sign in with a passkey");
    assert.equal(path(page), "/");
    await page.goto(`${scene.origin}/users`);
    assert.match(await page.$eval("main", (main) => main.textContent!), /eva@partner\.example/);

    // A second one for the same device is not made, and the page says so.
    await page.goto(`${scene.origin}/account/passkeys/new`);
    await check(page, "passkey-new");
    await tabTo(page, "Set up a passkey");
    await page.keyboard.press("Enter");
    await page.waitForSelector("[role=alert]:not([hidden])");
    assert.match(await page.$eval("[role=alert]", (said) => said.textContent!), /has one for you already/);
    await check(page, "passkey-not-made");
    const { authenticatorId } = await authenticator(session, "usb");
    await page.goto(`${scene.origin}/account/passkeys/new`);
    await press(page, "Set up a passkey");
    assert.equal(path(page), "/account");
    await lookAt(page, { name: "account-passkeys", url: `${scene.origin}/account` });
    assert.equal((await page.$$("form[action$='/remove']")).length, 2);
    await session.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId });
    await signOut(page);

    // After the password.
    await typePassword(page);
    await check(page, "second-factor-passkey");
    await press(page, "Use a passkey");
    assert.equal(path(page), "/");

    // Ten minutes later, a form waits for the passkey and goes on by itself.
    scene.platform.clock.advance(10 * 60_000);
    await page.goto(`${scene.origin}/account`);
    await page.focus("form[action$='/remove']:last-of-type button");
    await pressEnter(page);
    assert.equal(path(page), "/confirm");
    await check(page, "confirm-passkey");
    await press(page, "Use a passkey");
    assert.equal(path(page), "/account");
    assert.equal((await page.$$("form[action$='/remove']")).length, 1);
    await signOut(page);

    // A finger that is not recognized.
    await device.verify(false);
    await tabTo(page, "Sign in with a passkey");
    await page.keyboard.press("Enter");
    await page.waitForSelector("form.passkey [role=alert]:not([hidden])");
    assert.match(await page.$eval("form.passkey [role=alert]", (said) => said.textContent!), /No passkey was used/);
    assert.equal(path(page), "/sign-in");
    assert.deepEqual(messages, []);

    // Without scripts, the other ways are there.
    const plain = await newPage(browser);
    await plain.setJavaScriptEnabled(false);
    await plain.goto(`${scene.origin}/sign-in`);
    assert.equal(await plain.$eval("form.passkey", (form) => form.checkVisibility()), false);
    assert.equal(await plain.$eval("#password", (field) => field.checkVisibility()), true);
  } finally {
    await browser.close();
  }
});
