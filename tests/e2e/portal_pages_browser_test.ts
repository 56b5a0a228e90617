/**
 * Every page of the portal's routes in Chromium, with something on it: in English in a wide window and in German in a
 * narrow one, light and dark. OPENDCA_SCREENSHOTS=FOLDER keeps a picture of each.
 */
import assert from "node:assert/strict";
import type { Browser, Page } from "puppeteer-core";
import { routes } from "../../platform/portal/portal_app.tsx";
import { inviteUser } from "../../platform/users/manage_users.ts";
import { peerTest } from "../fixtures/peers.ts";
import { type PortalScene, portalScene, type Visitor } from "../platform/portal_scene.ts";
import { operator, password } from "../platform/users_fixture.ts";
import { lookAt, narrow, newPage, startChromium, wide } from "./chromium.ts";
import { fullScene } from "./portal_pages_scene.ts";

const eva = "eva@partner.example";

/** Files, and steps that only lead on. What they answer is no page. */
const noPages = new Set([
  "/customers/:customer/devices/:device{dev-[^/.]+\\.json}",
  "/customers/:customer/devices/:device/history.json",
  "/customers/:customer/tasks/:task/archive",
  "/customers/:customer/billing/:number/:form",
  "/trust/documents/:document",
  "/trust/signatures/:signature",
  "/trust/signatures/:signature/pdf",
  "/sign-in/saml/:provider/metadata",
  "/confirm/kept",
]);
/** Seen by whoever is in the middle of signing in. */
const steps = { "/set-up": setUpStep, "/second-factor": secondFactorStep };

const gets = routes.filter(({ method, isStream }) => method === "GET" && !isStream);
const pageRoutes = gets.filter(({ path }) => !noPages.has(path));

peerTest("every page of the portal is accessible: wide and narrow, light and dark, in English and German", [
  "chromium",
], async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn(eva), paths = await fullScene(scene, { signer: eva });
  const known = new Set([...Object.keys(paths), ...Object.keys(steps)]), all = gets.map(({ path }) => path);
  assert.deepEqual(all.filter((path) => !known.has(path)), [], "routes without an address in portal_pages_scene.ts");
  assert.deepEqual([...known, ...noPages].filter((path) => !all.includes(path)), [], "addresses without a route");
  await answersNoPages(user, paths);
  const browser = await startChromium();
  try {
    const page = await pageOf(browser, user), stranger = await pageOf(browser, scene.visitor());
    for (const [language, size] of [["en", wide], ["de", narrow]] as const) {
      await scene.platform.queries.run("UPDATE users SET language = :language", { language });
      for (const { path, access } of pageRoutes) {
        for (const [i, address] of paths[path]?.entries() ?? []) {
          const name = `${nameOf(path)}${i || ""}`;
          await lookAt(access === "public" ? stranger : page, {
            name,
            url: `${scene.origin}${address}`,
            sizes: [size],
          });
        }
      }
    }
    await lookAt(page, { name: "missing", url: `${scene.origin}/nowhere` });
    for (const [path, step] of Object.entries(steps)) {
      const inStep = await pageOf(browser, await step(scene));
      await lookAt(inStep, { name: nameOf(path), url: `${scene.origin}${path}` });
    }
  } finally {
    await browser.close();
  }
});

const nameOf = (path: string) => path.replaceAll(/[^\w-]+/g, "-").replaceAll(/^-|-$/g, "") || "overview";

async function answersNoPages(user: Visitor, paths: Record<string, string[]>): Promise<void> {
  for (const path of noPages) {
    const { status, headers } = await user.get(paths[path]![0]!);
    if (status === 302 || status === 303) continue;
    assert.equal(status, 200, path);
    assert.doesNotMatch(String(headers["content-type"]), /html/, path);
  }
}

/** In a window of its own, which has the visitor's cookies. */
async function pageOf(browser: Browser, { cookies }: Visitor): Promise<Page> {
  const page = await newPage(await browser.createBrowserContext());
  for (const [name, value] of cookies) {
    await page.browserContext().setCookie({
      name,
      value,
      domain: "localhost",
      path: "/",
      secure: true,
      httpOnly: true,
    });
  }
  return page;
}

async function setUpStep({ platform: { platform }, visitor }: PortalScene): Promise<Visitor> {
  const invitation = { email: "new@partner.example", name: "New", dealer: "Print Partner" };
  const { token } = await inviteUser(platform, operator, { ...invitation, grants: [{ role: "viewer" }] });
  const user = visitor();
  assert.equal((await user.post(`/link/${token}`, { password })).location, "/set-up");
  return user;
}

async function secondFactorStep({ visitor }: PortalScene): Promise<Visitor> {
  const user = visitor();
  assert.match((await user.post("/sign-in", { email: eva, password })).location, /^\/second-factor/);
  return user;
}
