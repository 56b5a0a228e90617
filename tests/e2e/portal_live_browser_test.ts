/** In Chromium: what a page shows by itself is never missed, whatever its stream went through in between. */
import assert from "node:assert/strict";
import type { HTTPRequest, Page } from "puppeteer-core";
import { createTask } from "../../platform/tasks/manage_tasks.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { peerTest } from "../fixtures/peers.ts";
import { until } from "../fixtures/until.ts";
import { type PortalScene, portalScene } from "../platform/portal_scene.ts";
import { operator } from "../platform/users_fixture.ts";
import { newPage, startChromium } from "./chromium.ts";

const never = 3_600_000;

interface Bench extends AsyncDisposable {
  scene: PortalScene;
  page: Page;
  /** Another window comes to the front. */
  cover(): Promise<void>;
  /** A new task, which the page shows. */
  change(): Promise<void>;
  /** Waits until the page shows so many tasks. */
  shows(count: number): Promise<void>;
  /** Waits until the page has a stream, and has looked. */
  isLive(): Promise<void>;
}

/** The page of a customer's tasks. */
async function openBench(liveTimes: { longestMs?: number } = {}): Promise<Bench> {
  await using built = new AsyncDisposableStack();
  const times = { watchMs: never, heartbeatMs: never, leastMs: 0, spreadMs: 0, longestMs: never, ...liveTimes };
  const scene = built.use(await portalScene({ portal: { host: "127.0.0.1", port: 0, liveTimes: times } }));
  await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const user = await scene.signedIn("eva@partner.example");
  const browser = await startChromium();
  built.defer(() => browser.close());
  await browser.setCookie(
    ...[...user.cookies].map(([name, value]) => ({ name, value, domain: "localhost", path: "/", secure: true })),
  );
  const page = await newPage(browser);
  await page.evaluateOnNewDocument(
    `addEventListener("htmx:after:swap", () => globalThis.looks = 1 + (globalThis.looks ?? 0))`,
  );
  const { platform, queries } = scene.platform, tenant = scene.acme;
  const { agent_id: agentId } = (await queries.tenant(tenant).get<{ agent_id: string }>(
    "SELECT agent_id FROM agents WHERE customer_id = :customer",
  ))!;
  const all = built.move();
  return {
    scene,
    page,
    async cover() {
      const other = await newPage(browser);
      await other.bringToFront();
      await until("nobody sees the page", async () => await page.evaluate("document.hidden") === true);
    },
    async change() {
      const payload = { $case: "ping", value: { target: "10.1.0.7", count: 1 } } as const;
      await createTask(platform, { ...operator, tenant }, { agentId, payload, validMs: never });
    },
    async shows(count) {
      await page.waitForFunction(`document.querySelectorAll("#live tbody tr").length === ${count}`);
    },
    async isLive() {
      await page.waitForFunction("globalThis.looks > 0");
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

const tasksOf = ({ scene }: Bench) => `${scene.origin}/customers/${scene.acme}/tasks`;

peerTest("in Chromium, a page that was in the background shows what happened meanwhile", ["chromium"], async () => {
  await using bench = await openBench();
  const { page } = bench;
  await page.goto(tasksOf(bench));
  await bench.isLive();
  await bench.cover();
  const streams: string[] = [];
  page.on("request", (request) => request.url().includes("/live/") && streams.push(request.url()));
  await bench.change();
  assert.equal(await page.$$eval("#live tbody tr", (rows) => rows.length), 0);
  // Nobody sees it: it has no stream, which another page may need.
  assert.deepEqual(streams, []);
  await page.bringToFront();
  await bench.shows(1);
  await bench.change();
  await bench.shows(2);
});

peerTest("in Chromium, a page shows what changed between the end of its stream and the next one", [
  "chromium",
], async () => {
  await using bench = await openBench();
  const { page } = bench;
  await page.goto(tasksOf(bench));
  await bench.isLive();
  await page.setOfflineMode(true);
  await page.evaluate(`document.dispatchEvent(new Event("visibilitychange"))`);
  await bench.change();
  assert.equal(await page.$$eval("#live tbody tr", (rows) => rows.length), 0);
  await page.setOfflineMode(false);
  await bench.shows(1);
});

peerTest("in Chromium, streams that end all the time lose no change", ["chromium"], async () => {
  await using bench = await openBench({ longestMs: 5 });
  const { page } = bench;
  await page.goto(tasksOf(bench));
  for (let count = 1; count <= 3; count++) {
    await bench.change();
    await bench.shows(count);
  }
});

/** Requests that `isMeant` get an answer of this status, or none, for so many times. */
async function failing(page: Page, isMeant: (request: HTTPRequest) => boolean, answers: (number | "none")[]) {
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    const answer = isMeant(request) ? answers.shift() : undefined;
    if (answer === undefined) void request.continue();
    else if (answer === "none") void request.abort();
    else void request.respond({ status: answer, contentType: "text/html", body: "<p>not now</p>" });
  });
  return answers;
}

peerTest("in Chromium, a look that fails is repeated, and a stream that cannot be opened is opened again", [
  "chromium",
], async () => {
  await using bench = await openBench();
  const { page } = bench;
  const isLook = (request: HTTPRequest) => request.headers()["opendca-live"] === "1";
  const isStream = (request: HTTPRequest) => request.url().includes("/live/");
  const left = await failing(page, isStream, [503, "none"]);
  await page.goto(tasksOf(bench));
  await bench.isLive();
  assert.deepEqual(left, []);
  page.removeAllListeners("request");
  const looks = await failing(page, isLook, [503, "none"]);
  await bench.change();
  await bench.shows(1);
  assert.deepEqual(looks, []);
});

peerTest("in Chromium, a page whose stream another window took is live again when somebody comes back to it", [
  "chromium",
], async () => {
  await using bench = await openBench();
  const { page, scene } = bench;
  await page.goto(tasksOf(bench));
  await bench.isLive();
  await page.evaluate(`globalThis.looks = 0;
    globalThis.others = Array.from({ length: 4 }, () => new EventSource("/customers/${scene.acme}/live/agents"))`);
  await page.waitForFunction("others.every(({ readyState }) => readyState === 1)");
  await page.evaluate("for (const other of others) other.close()");
  await bench.change();
  await page.evaluate(`dispatchEvent(new Event("focus"))`);
  await bench.shows(1);
});
