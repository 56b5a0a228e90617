/** A whole sign-in by OpenID Connect in Chromium, at a real provider with pages of its own; and the pages around it. */
import assert from "node:assert/strict";
import { addProvider, changeProvider, setGroupRoles } from "../../platform/sso/manage_providers.ts";
import { freePort } from "../fixtures/free_port.ts";
import { startOidcPeer } from "../fixtures/oidc_peer.ts";
import { peerTest } from "../fixtures/peers.ts";
import { portalScene } from "../platform/portal_scene.ts";
import { operator } from "../platform/users_fixture.ts";
import { check, lookAt, newPage, pressEnter, startChromium } from "./chromium.ts";

peerTest("single sign-on in Chromium: by the provider's page, silently, refused, and its configuration", [
  "chromium",
], async () => {
  await using scene = await portalScene();
  const { platform } = scene.platform, port = freePort();
  const { providerId } = await addProvider(platform, operator, {
    kind: "oidc",
    name: "Example",
    dealer: "Print Partner",
    domains: ["partner.example"],
    isShown: true,
    settings: { issuer: `https://localhost:${port}`, "client-id": "portal", "client-secret": "x" },
  });
  const redirectOf = [`${scene.origin}/sign-in/oidc/${providerId}`];
  await using peer = await startOidcPeer({ redirectOf, port, asks: true, refreshTokens: false });
  await changeProvider(platform, operator, { provider: providerId, settings: peer.settings });
  await setGroupRoles(platform, operator, {
    provider: providerId,
    group: "admins",
    grants: [{ role: "administrator" }],
  });
  peer.people.set("mia-1", { email: "mia@partner.example", email_verified: true, name: "Mia", groups: ["admins"] });
  peer.people.set("max-1", { email: "max@partner.example", name: "Max", groups: [] });
  const browser = await startChromium();
  try {
    const page = await newPage(browser);
    await lookAt(page, { name: "sign-in-company", url: `${scene.origin}/sign-in` });
    // By the address; the page between leads on by itself.
    await page.focus("#company");
    await page.keyboard.type("mia@partner.example");
    await pressEnter(page);
    await page.waitForFunction(`location.origin === ${JSON.stringify(peer.issuer)}`);
    await page.waitForSelector("input[name=login]");
    await page.type("input[name=login]", "mia-1");
    await page.type("input[name=password]", "any");
    await pressEnter(page);
    await page.waitForFunction(`location.origin === ${JSON.stringify(scene.origin)}`);
    assert.equal(new URL(page.url()).pathname, "/");
    assert.match(await page.content(), /mia@partner\.example/);
    // Five minutes later the provider vouches again, without a question.
    const cookie = async () => (await browser.cookies()).find(({ name }) => name === "__Host-opendca-session")!.value;
    const before = await cookie();
    scene.platform.clock.advance(5 * 60_000);
    await page.goto(`${scene.origin}/account`);
    assert.equal(page.url(), `${scene.origin}/account`);
    assert.notEqual(await cookie(), before);
    for (
      const [name, path] of Object.entries({
        providers: "/identity-providers",
        provider: `/identity-providers/${providerId}`,
        "provider-new": "/identity-providers/new/saml",
        "confirm-provider": "/confirm?next=%2Fusers",
      })
    ) await lookAt(page, { name, url: `${scene.origin}${path}` });
    const other = await newPage(await browser.createBrowserContext());
    await other.goto(`${scene.origin}/sign-in/with/${providerId}`);
    await other.waitForSelector("input[name=login]");
    await other.type("input[name=login]", "max-1");
    await other.type("input[name=password]", "any");
    await pressEnter(other);
    await other.waitForFunction(`location.origin === ${JSON.stringify(scene.origin)}`);
    assert.match(await other.content(), /none of your groups has a role here/);
    await check(other, "no-role");
  } finally {
    await browser.close();
  }
});
