/** Billing in Chromium: a preview, a statement that is made, its file, and a correction; with axe on each page. */
import assert from "node:assert/strict";
import { addSamples } from "../../platform/devices/samples.ts";
import { peerTest } from "../fixtures/peers.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { portalScene } from "../platform/portal_scene.ts";
import { lookAt, newPage, startChromium } from "./chromium.ts";

const dayMs = 86_400_000;

peerTest("a statement is made in the portal, looked at, taken as a file and corrected", ["chromium"], async () => {
  await using built = new AsyncDisposableStack();
  const scene = built.use(await portalScene());
  const [device] = await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const tenant = scene.platform.queries.tenant(scene.acme);
  const first = Temporal.Now.plainDateISO("UTC").subtract({ months: 1 }).with({ day: 1 });
  const begin = first.toZonedDateTime("UTC").epochMilliseconds, month = first.toString().slice(0, 7);
  for (const [i, value] of [500, 600, 20, 90].entries()) {
    await addSamples(tenant, [{
      deviceId: device!,
      at: begin + (i * 6 - 1) * dayMs,
      isLate: true,
      samples: [{ kind: "meter", name: "total", value, unit: "impressions", level: "" }],
    }]);
  }
  const user = await scene.signedIn("eva@partner.example");
  const browser = await startChromium();
  built.defer(() => browser.close());
  const page = await newPage(browser);
  await browser.setCookie(
    ...[...user.cookies].map(([name, value]) => ({ name, value, domain: "localhost", path: "/", secure: true })),
  );
  const at = (path: string) => page.goto(`${scene.platform.portal!.origin}/customers/${scene.acme}/${path}`);
  const text = () => page.$eval("main", (element) => element.textContent!);

  await at(`billing?month=${month}`);
  assert.match(await text(), /The counter fell from 600 to 20/);
  await lookAt(page, { name: "billing", url: page.url() });
  await Promise.all([page.waitForNavigation(), page.click("form[method=post] button[type=submit]:not(.plain)")]);
  assert.match(page.url(), /\/billing\/1$/);
  assert.match(await text(), /total\s*170/);
  await lookAt(page, { name: "statement", url: page.url() });
  const csv = await user.get(`/customers/${scene.acme}/billing/1/csv`);
  assert.match(csv.body, /Serial number/);

  await at("billing-settings");
  await lookAt(page, { name: "billing-settings", url: page.url() });
  await Promise.all([page.waitForNavigation(), page.click("button[value=preview]")]);
  assert.match(await text(), /Nothing is mailed/);
  await lookAt(page, { name: "billing-preview" });
  await page.click("input[name=mail]");
  await page.type("#recipients", "accounts@example.com");
  await Promise.all([page.waitForNavigation(), page.click("button[value=save]")]);
  assert.match(page.url(), /saved=1$/);
  assert.match(await text(), /The settings are saved/);

  await at("corrections");
  for (
    const [name, value] of [["device", device!], ["meter", "total"], ["pages", "7"], ["reason", "test prints"]] as const
  ) {
    await page.$eval(
      `#${name}`,
      (element, value) => void ((element as unknown as { value: string }).value = value),
      value,
    );
  }
  for (const [name, day] of [["from", 1], ["to", 9]] as const) {
    const value = first.with({ day }).toString();
    await page.$eval(
      `#${name}`,
      (element, value) => void ((element as unknown as { value: string }).value = value),
      value,
    );
  }
  await Promise.all([page.waitForNavigation(), page.click("form.filters button[type=submit]")]);
  assert.match(await text(), /test prints/);
  await lookAt(page, { name: "corrections", url: page.url() });
  await Promise.all([page.waitForNavigation(), page.click("td form button")]);
  assert.match(await text(), /UTC, eva@partner\.example/);
});
