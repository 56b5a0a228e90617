/**
 * The portal in Chromium: the main ways by keyboard alone, and axe on every page, light and dark, wide and narrow.
 * OPENDCA_SCREENSHOTS=FOLDER keeps a picture of each.
 */
import assert from "node:assert/strict";
import type { Browser, Page } from "puppeteer-core";
import { LevelKind, type Reading } from "../../proto/gen/opendca/v1/reading.ts";
import { createFeed } from "../../platform/feeds/feeds.ts";
import { publishText } from "../../platform/trust/agreements.ts";
import { addDocument } from "../../platform/trust/documents.ts";
import { stateRegion } from "../../platform/trust/region.ts";
import { addProvider } from "../../platform/sso/manage_providers.ts";
import { totpCode } from "../../platform/users/second_factor.ts";
import { peerTest } from "../fixtures/peers.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { base32 } from "../platform/base32.ts";
import { type PortalScene, portalScene } from "../platform/portal_scene.ts";
import { operator, password } from "../platform/users_fixture.ts";
import { check, lookAt, newPage, pressEnter, startChromium, untilIn } from "./chromium.ts";

const supply = (index: number, colorant: string, percent: number) => ({
  index: `1.${index}`,
  kind: "toner",
  colorant,
  description: `${colorant} toner`,
  partNumber: `TN-${index}`,
  level: { kind: LevelKind.EXACT, percent, level: percent, capacity: 100, unit: "percent" },
});

function printers(count: number): Reading[] {
  return Array.from({ length: count }, (_, n) => ({
    ...readingOf({
      address: `10.1.0.${n + 1}`,
      serial: `SER${10_000 + n}`,
      total: 1000 * (n + 1),
      model: `LX-${100 + n}`,
    }),
    supplies: [
      supply(1, "black", 4 + n * 13 % 90),
      supply(2, "cyan", 61),
      supply(3, "magenta", 35),
      supply(4, "yellow", 88),
    ],
  } as unknown as Reading));
}

peerTest("the portal in Chromium: first start, keyboard, every page accessible, wide and narrow, light and dark", [
  "chromium",
], async () => {
  await using scene = await portalScene();
  const [device] = await scene.devices(scene.acme, scene.berlin, printers(12));
  // The first user is of the dealer that there was at the first start.
  await scene.platform.queries.run(
    "UPDATE users SET dealer_id = (SELECT dealer_id FROM dealers WHERE name = 'Print Partner')",
  );
  const { platform } = scene.platform;
  await createFeed(platform, operator, {
    kind: "mqtt",
    address: "mqtts://broker-of-the-head-office.invalid:8883",
    customer: "Acme",
  });
  await publishText(platform, operator, {
    kind: "nda",
    version: "2026-1",
    language: "en",
    body: "Keep it secret.\n".repeat(40),
  });
  await addDocument(platform, operator, {
    title: "SOC 2 Type 2 report 2026",
    kind: "report",
    fileName: "soc2.pdf",
    content: new Uint8Array(1),
    needsNda: true,
  });
  await stateRegion(platform, operator, "eu-central-1");
  const browser = await startChromium();
  try {
    const page = await firstStart(browser, scene);
    const customer = `/customers/${scene.acme}`;
    const paths = {
      overview: "/",
      devices: `${customer}/devices`,
      nothing: `${customer}/devices?model=nothing`,
      device: `${customer}/devices/${device}`,
      supplies: `${customer}/supplies`,
      alerts: `${customer}/alerts`,
      limits: `${customer}/alert-limits`,
      dealerLimits: "/alert-limits",
      sites: `${customer}/sites`,
      agents: `${customer}/agents`,
      tasks: `${customer}/tasks`,
      sessions: `${customer}/sessions`,
      codes: `${customer}/codes`,
      users: "/users",
      account: "/account",
      tokens: "/account/tokens",
      feeds: "/feeds",
      audit: "/audit",
      roles: "/roles",
      find: "/devices?q=192",
      trust: "/trust",
      agreement: "/trust/agreements/nda",
      data: "/data",
      confirm: "/confirm",
      missing: "/nowhere",
    };
    for (const [name, path] of Object.entries(paths)) await lookAt(page, { name, url: `${scene.origin}${path}` });
    await findLowDevice(page, scene);
    const stranger = await newPage(await browser.createBrowserContext());
    for (const name of ["sign-in", "forgot"]) await lookAt(stranger, { name, url: `${scene.origin}/${name}` });
    await lookAt(stranger, { name: "directory", url: `${scene.origin}/sign-in/with/${await addDirectory(scene)}` });
    await signInByKeyboard(stranger, scene);
  } finally {
    await browser.close();
  }
});

/** A directory that nobody asks; returns its id. */
async function addDirectory({ platform: { platform } }: PortalScene): Promise<string> {
  const { providerId } = await addProvider(platform, operator, {
    kind: "ldap",
    name: "Example",
    dealer: "Print Partner",
    // What the form looks like is all that matters.
    isShown: false,
    settings: {
      servers: "ldaps://dc1.example.test",
      base: "DC=example,DC=test",
      account: "opendca@example.test",
      password: "x",
    },
  });
  return providerId;
}

/** The link that `serve` prints, password, app, recovery codes: by keyboard alone. */
async function firstStart(browser: Browser, scene: PortalScene): Promise<Page> {
  const page = await newPage(browser);
  await page.goto(scene.platform.portal!.firstUser!);
  await check(page, "first-user");
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
  await check(page, "recovery-codes");
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
