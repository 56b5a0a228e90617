/** Notifications and webhooks in Chromium: a rule and a webhook are made by the forms; with axe on each page. */
import assert from "node:assert/strict";
import { listRules } from "../../platform/notifications/rules.ts";
import { testWebhook } from "../../platform/interfaces/webhooks.ts";
import { stopPathOf } from "../../platform/notifications/stop_links.ts";
import { setMail } from "../../platform/users/user_mails.ts";
import { peerTest } from "../fixtures/peers.ts";
import { portalScene } from "../platform/portal_scene.ts";
import { operator } from "../platform/users_fixture.ts";
import { lookAt, newPage, startChromium } from "./chromium.ts";

peerTest("a rule and a webhook are made in the portal, looked at, tested and paused", ["chromium"], async () => {
  await using built = new AsyncDisposableStack();
  const scene = built.use(await portalScene()), { platform } = scene.platform;
  await platform.store.transaction((tx) => setMail(tx, "dca@partner.example"));
  const user = await scene.signedIn("eva@partner.example");
  const browser = await startChromium();
  built.defer(() => browser.close());
  const page = await newPage(browser);
  await browser.setCookie(
    ...[...user.cookies].map(([name, value]) => ({ name, value, domain: "localhost", path: "/", secure: true })),
  );
  const at = (path: string) => page.goto(`${scene.platform.portal!.origin}${path}`);
  const text = () => page.$eval("main", (element) => element.textContent!);
  const press = (selector: string) => Promise.all([page.waitForNavigation(), page.click(selector)]);

  await at("/notifications");
  await page.type("#name", "Service desk");
  await page.type("#emails", "desk@partner.example");
  await press("form[action='/notifications'] button[type=submit]");
  assert.match(page.url(), /\/notifications\/rul-\w+$/);
  await press("form[action$='/test'] button");
  assert.match(await text(), /A test is on its way[\s\S]*desk@partner\.example/);
  await lookAt(page, { name: "notification-rule", url: page.url().replace(/\/test$/, "") });
  await at("/notifications");
  await press("form[action$='/pause'] button");
  assert.match(await text(), /Paused since/);
  await lookAt(page, { name: "notifications", url: page.url() });

  await at("/webhooks");
  await page.type("#url", "https://hooks.example.com/opendca");
  await page.type("#description", "ERP");
  await page.click("input[value='alert.raised']");
  await press("form[action='/webhooks'] button[type=submit]");
  assert.match(await text(), /whsec_/);
  await lookAt(page, { name: "webhooks", url: page.url() });
  await page.click("td a");
  await page.waitForSelector(".facts");
  const webhookId = page.url().split("/").at(-1)!;
  await testWebhook(platform, operator, { webhookId });
  await scene.platform.queries.run(
    "UPDATE webhook_deliveries SET state = 'dead', failure = 'the receiver answered 500'",
  );
  await lookAt(page, { name: "webhook", url: page.url() });

  const { recipientId } = (await listRules(platform, operator))[0]!.recipients[0]!;
  await at(stopPathOf(recipientId, platform.pepper));
  await lookAt(page, { name: "notification-stop", url: page.url() });
  await press("main form button");
  assert.match(await text(), /You get no more mails/);
});
