/** Forms, cookies, headers and redirects of the portal, over HTTPS. */
import assert from "node:assert/strict";
import { portalScene } from "./portal_scene.ts";
import { password } from "./users_fixture.ts";

const eva = "eva@partner.example";

Deno.test("forms of other pages are refused before anything is done", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn(eva);
  for (const origin of ["https://evil.example", "null", "http://localhost", "", `${scene.origin}.evil.example`]) {
    const refused = await user.post("/sign-out", {}, { origin });
    assert.equal(refused.status, 403, origin);
  }
  assert.equal((await user.get("/")).status, 200);
});

Deno.test("cookies are of this host, by HTTPS, out of reach of scripts, and new at each sign-in", async () => {
  await using scene = await portalScene();
  await scene.signedIn(eva);
  const browser = scene.visitor();
  browser.cookies.set("__Host-opendca-session", "a".repeat(43));
  const first = await browser.post("/sign-in", { email: eva, password });
  const second = await browser.post(first.location, { code: await scene.code(eva) });
  const set = [first, second].flatMap(({ headers }) => [headers["set-cookie"] ?? []].flat());
  assert.equal(set.length, 3);
  for (const cookie of set) {
    assert.match(cookie, /^__Host-opendca-(session|browser)=[\w-]{43};.*HttpOnly; Secure; SameSite=Lax$/);
  }
  assert.equal(new Set(set.map((cookie) => cookie.split(";")[0])).size, 3);
});

Deno.test("every page forbids frames, scripts, sniffing and caches", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn(eva);
  for (const path of ["/", "/nowhere", "/account", "/sign-in"]) {
    const { headers } = await user.get(path);
    assert.match(String(headers["content-security-policy"]), /default-src 'none'.*frame-ancestors 'none'/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["cache-control"], "no-store");
  }
});

Deno.test("after sign-in, nobody is led elsewhere", async () => {
  await using scene = await portalScene();
  await scene.signedIn(eva);
  for (
    const next of [
      "//evil.example",
      "https://evil.example/",
      "/\\evil.example",
      "javascript:alert(1)",
      "\t//evil.example",
      "/%5c",
    ]
  ) {
    const browser = scene.visitor();
    const first = await browser.post(`/sign-in?next=${encodeURIComponent(next)}`, { email: eva, password });
    const { location } = await browser.post(first.location, { code: await scene.code(eva) });
    assert.match(location, /^\/(?![/\\])/, next);
    assert.equal(new URL(location, scene.origin).origin, scene.origin);
  }
});

Deno.test("a form of ten megabytes, one of unknown length, and fields that come twice are refused or empty", async () => {
  await using scene = await portalScene();
  const large = await scene.visitor().post("/sign-in", { email: "x".repeat(200_000) });
  assert.equal(large.status, 413);
  const twice = await scene.visitor().post("/sign-in?x=1", {}, { "content-length": "0" });
  assert.equal(twice.status, 401);
});
