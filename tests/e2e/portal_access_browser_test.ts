/**
 * In Chromium, a printer's own page is opened from the portal: through the gateway of `serve`, SSH, and an agent of its own
 * process, which waits for an approval on site.
 */
import assert from "node:assert/strict";
import type { Browser, Page } from "puppeteer-core";
import { systemClock } from "../../common/core/clock.ts";
import type { OpenPlatform } from "../../platform/agents/platform.ts";
import { openPlatform, serve } from "../../platform/compose.ts";
import type { RunningPlatform } from "../../platform/edge/cli/host.ts";
import { totpCode } from "../../platform/users/second_factor.ts";
import { type Simulator, startSimulator } from "../../simulator/simulator.ts";
import { type AgentScene, scenePrinter, startScene } from "../fixtures/agent_fixture.ts";
import { freePort } from "../fixtures/free_port.ts";
import { peerTest } from "../fixtures/peers.ts";
import { until } from "../fixtures/until.ts";
import { base32 } from "../platform/base32.ts";
import { password } from "../platform/users_fixture.ts";
import { check, newPage, pressEnter, startChromium } from "./chromium.ts";

const network = 119, address = `127.${network}.0.1`;

interface Served extends AsyncDisposable {
  scene: AgentScene;
  server: RunningPlatform;
  platform: OpenPlatform;
  printer: Simulator;
  printerPort: number;
}

/** Platform with gateway, pages and portal, an agent that waits for approvals, and a printer with a page. */
async function startServed(): Promise<Served> {
  await using stack = new AsyncDisposableStack();
  const printerPort = freePort(), sshPort = freePort(), webPort = freePort();
  const scene = stack.use(
    await startScene({
      network,
      printers: 1,
      more: `policy:
  ports: { webAccess: [${printerPort}], sshGateway: [${sshPort}] }
  features: { webAccess: true }
  webAccess: { approval: true, maxDuration: 2h }`,
    }),
  );
  await scene.simulator[Symbol.asyncDispose]();
  const printer = stack.use(await startSimulator({ devices: scenePrinter(address), web: { port: printerPort } }));
  const options = { dataDirectory: `${scene.folder}/platform`, clock: systemClock, log() {}, pollSeconds: 5 };
  const platform = stack.use(await openPlatform(options));
  const server = stack.use(
    await serve(platform, {
      host: "127.0.0.1",
      port: scene.port,
      names: ["localhost"],
      ssh: { host: "127.0.0.1", port: sshPort, hosts: [{ host: "localhost", port: sshPort }] },
      web: { host: "127.0.0.1", port: webPort, domain: "access.test.localhost" },
      portal: { host: "127.0.0.1", port: 0 },
    }),
  );
  stack.use(await scene.startAgent());
  await until("the printer is known", () => isKnown(platform));
  const moved = stack.move();
  return { scene, server, platform, printer, printerPort, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

function isKnown({ store }: OpenPlatform): Promise<boolean> {
  return store.transaction(async (tx) => (await tx.all("SELECT 1 FROM devices")).length === 1);
}

const text = (page: Page) => page.$eval("main", (main) => main.textContent!);

async function firstStart(page: Page, link: string): Promise<void> {
  await page.goto(link);
  await page.type("#email", "eva@partner.example");
  await page.type("#password", password);
  await pressEnter(page);
  const typed = await page.$eval("main code", (element) => element.textContent!);
  await page.type("#code", totpCode(base32(typed.replaceAll(" ", "")), new Date()));
  await pressEnter(page);
  assert.equal(await page.$$eval(".codes li", (items) => items.length), 10);
}

/** The page changes by itself, and may be loaded anew while it is looked at. */
async function untilSays(page: Page, wanted: RegExp): Promise<void> {
  await until(`the page says ${wanted}`, () => text(page).then((said) => wanted.test(said), () => false), 60_000);
}

/** Presses a button by keyboard, which may be replaced while it is looked for. */
async function press(page: Page, form: string): Promise<void> {
  const isFocused = `document.activeElement === document.querySelector(${JSON.stringify(`${form} button`)})`;
  await until(
    `${form} has the focus`,
    () => page.focus(`${form} button`).then(() => page.evaluate(isFocused) as Promise<boolean>, () => false),
  );
  await page.keyboard.press("Enter");
}

async function newTab(browser: Browser, isWanted: (url: URL) => boolean): Promise<Page> {
  const target = await browser.waitForTarget(
    (target) => isWanted(URL.parse(target.url()) ?? new URL("about:blank")),
    { timeout: 60_000 },
  );
  return (await target.page())!;
}

peerTest("in Chromium, the portal opens a printer's page once it is approved on site, shows it, and ends it", [
  "chromium",
], async () => {
  await using served = await startServed();
  const { scene, server, printer, printerPort } = served, { origin, firstUser } = server.portal!;
  const browser = await startChromium();
  try {
    const page = await newPage(browser);
    await firstStart(page, firstUser!);
    // The overview leads to the customer's devices, and these to the printer.
    await page.goto(origin);
    await page.focus("a[href$='/devices']");
    await pressEnter(page);
    await page.focus("main td a[href*='/devices/']");
    await pressEnter(page);
    await page.evaluate(`document.querySelector("#port").value = "${printerPort}"`);
    // One press: the page of the session comes in a tab of its own, and the device's page shows it as well.
    await page.focus("form[action$='/open'] button");
    await page.keyboard.press("Enter");
    const tab = await newTab(browser, ({ pathname }) => /\/sessions\/ses-\w+$/.test(pathname));
    await untilSays(tab, /an administrator on site must approve it/);
    await check(tab, "session-waits");
    // A page that nobody sees does not look for changes.
    await page.bringToFront();
    await untilSays(page, /an administrator on site must approve it/);
    await check(page, "device-session-waits");
    assert.equal(printer.webRequests(address).length, 0);
    await tab.bringToFront();

    const { code, err } = await scene.opendca("sessions", "approve", "--for", "1h", "--device", address);
    assert.equal(code, 0, err);
    // Nobody presses anything: the tab goes on to the printer's page.
    await until(
      "the printer's page is shown",
      async () => /ZZ127/.test(await tab.evaluate("document.body?.innerText ?? ''").catch(() => "") as string),
      60_000,
    );
    assert.equal(new URL(tab.url()).host.endsWith(`access.test.localhost:${server.webPort}`), true);
    assert.equal(await tab.evaluate("document.cookie"), "");
    await page.bringToFront();
    await untilSays(page, /Web access[\s\S]*open(?!s)/);
    const session = await page.$eval("#live a[href*='/sessions/']", (link) => link.getAttribute("href")!);
    const own = await newPage(browser);
    await own.goto(`${origin}${session}`);
    await untilSays(own, /Requests[\s\S]*GET[\s\S]*200/);
    await check(own, "session-open");
    // As if it were nearly over: the agent knows better, and gives it half an hour from now.
    const id = session.split("/").at(-1)!, endsAt = Date.now() + 5 * 60_000;
    await served.platform.store.transaction((tx) =>
      tx.run("UPDATE access_sessions SET ends_at = :at WHERE session_id = :id", { at: endsAt, id })
    );
    await own.reload();
    await untilSays(own, /Extend until \d/);
    await check(own, "session-extend");
    await press(own, "#live form[action$='/extend']");
    await until("it ends later", async () => {
      // The page is loaded anew meanwhile.
      const until = own.$eval("[data-until]", (element) => Number(element.getAttribute("data-until")));
      return await until.catch(() => 0) > endsAt + 20 * 60_000;
    });
    assert.match((await scene.opendca("ledger")).out, /Extended session ses-\w+ until/);

    await page.bringToFront();
    await press(page, "#live form[action$='/end']");
    await own.bringToFront();
    await untilSays(own, /closed/);
    await check(own, "session-closed");
    await tab.reload();
    assert.doesNotMatch(await tab.evaluate("document.body.innerText") as string, /ZZ127/);
    await until("the agent knows", async () => (await scene.opendca("sessions")).out.includes("ses-") === false);
  } finally {
    await browser.close();
  }
});
