/** Forms, cookies, headers and redirects of the portal, over HTTPS. */
import assert from "node:assert/strict";
import { request } from "node:https";
import { routes } from "../../platform/portal/portal_app.tsx";
import { setMail } from "../../platform/users/user_mails.ts";
import { isPostgres, slowInPostgres } from "../fixtures/each_database.ts";
import { exchange, portalScene } from "./portal_scene.ts";
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

slowInPostgres("what is no form, and a text that cannot be stored, is refused as that, and is no bug", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn(eva), stranger = scene.visitor();
  for (const type of ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x"]) {
    for (const path of ["/sign-in", "/forgot", "/second-factor", "/sign-in/company"]) {
      const { status } = await stranger.post(path, { email: eva }, { "content-type": type });
      assert(status < 500, `${path}: ${status}`);
    }
  }
  for (
    const path of [
      "/sign-in/with/a%00",
      "/sign-in/oidc/a%00?state=b",
      "/sign-out/saml/a%00",
      "/users/a%00",
      "/link/%00",
    ]
  ) {
    const { status } = await user.get(path);
    assert(status >= 400 && status < 500, `${path}: ${status}`);
  }
  const typed = { email: "a\0@b.example", password: "\0", company: "a@b\0", code: "\0", answer: "\0", name: "\0" };
  for (
    const path of ["/sign-in", "/sign-in/company", "/second-factor", "/passkey", "/users", "/account/sessions/%00/end"]
  ) {
    const { status } = await user.post(path, typed);
    assert(status < 500, `${path}: ${status}`);
  }
  assert.deepEqual(scene.platform.events.filter(({ event }) => event === "portalFailed"), []);
});

slowInPostgres(
  "a form in parts is taken as the same form is otherwise; one that is broken or too long is not",
  async () => {
    await using scene = await portalScene();
    await scene.signedIn(eva);
    const { connections, origin } = scene, boundary = "----part";
    const part = (name: string, value: string, more = "") =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
    const end = `--${boundary}--\r\n`;
    const send = (body: string) =>
      exchange(connections, {
        method: "POST",
        path: "/sign-in",
        body,
        headers: { origin, "content-type": `multipart/form-data; boundary=${boundary}` },
      });
    const taken = await send(part("email", eva) + part("password", password) + end);
    assert.deepEqual([taken.status, taken.location], [303, "/second-factor?next=%2F"]);
    const long = part("email", "x".repeat(64 * 1024));
    const wrong: [what: string, body: string, status: number][] = [
      ["without its end", part("email", eva) + part("password", password), 401],
      ["cut off in a part", part("email", eva) + part("password", password).slice(0, -30), 401],
      ["a file in place of the password", part("email", eva) + part("password", password, '; filename="p"') + end, 401],
      ["a name twice", part("email", eva) + part("email", eva) + part("password", password) + end, 401],
      [
        "a NUL in a value",
        part("email", `${eva}\0`) + part("password", `\0${password}`) + end,
        isPostgres() ? 422 : 401,
      ],
      ["a NUL in a name", part("email\0", eva) + part("password", password) + end, 422],
      ["no parts", end, 401],
      ["parts of another boundary", "--x\r\n\r\n--x--\r\n", 422],
      ["too long", long + end, 413],
    ];
    const statuses: [what: string, status: number][] = [];
    for (const [what, body] of wrong) statuses.push([what, (await send(body)).status]);
    assert.deepEqual(statuses, wrong.map(([what, , status]) => [what, status]));
    assert.deepEqual(scene.platform.events.filter(({ event }) => event === "portalFailed"), []);
  },
);

/* What goes wrong by these can be undone, ends something, or is part of a proof itself. */
const withoutProof = [
  /^\/(sign-in|sign-out|confirm|second-factor|set-up|passkey)(\/|$)/,
  /^\/(forgot|link\/:token|notification-stop\/:recipient\/:proof)$/,
  /^\/customers\/:customer\/alerts\/(acknowledge|:alert\/(acknowledge|release))$/,
  /^(\/customers\/:customer)?\/alert-limits$/,
  /^\/views(\/:view\/remove)?$/,
  /^\/customers\/:customer\/(codes(\/:code\/withdraw)?|agent-file)$/,
  /^\/customers\/:customer\/(tasks\/:task\/cancel|agents\/:agent\/(scan|ping|diagnostics)|devices\/:device\/(read|ping))$/,
  /^\/customers\/:customer\/agents\/:agent\/configuration(\/json|\/back)?$/,
  // The agent's administrator permits these, and a second person where that is required.
  /^\/customers\/:customer\/(devices\/:device\/open|sessions\/:session\/(link|extend|end))$/,
  /^\/customers\/:customer\/approvals\/:approval\/(approve|refuse|withdraw)$/,
  /^\/customers\/:customer\/(billing|billing-settings|corrections(\/:correction\/undo)?)$/,
  /^\/notifications(\/:rule(\/(pause|resume|remove|test))?)?$/,
  /^\/(webhooks\/:webhook\/(pause|resume|test|resend|remove)|feeds\/:feed\/(pause|resume|refresh|remove))$/,
  /^\/customers(\/:customer\/(sites|(sites\/:site\/)?(rename|reopen)))?$/,
  /^\/account\/(language|sessions\/(end-others|:session\/end)|tokens\/:token\/revoke)$/,
];

Deno.test("every form needs a new proof of who somebody is, but for those that are known to need none", () => {
  const forms = routes.filter(({ method }) => method === "POST");
  const without = forms.filter((route) => route.access === "public" || route.confirmed !== true);
  for (const { path } of without) assert(withoutProof.some((known) => known.test(path)), `${path} has no "confirmed"`);
  assert(forms.length - without.length > 25);
});

Deno.test("whether an address is known is not told by how long a link for a new password takes", async () => {
  await using scene = await portalScene();
  await scene.signedIn(eva);
  await scene.platform.platform.store.transaction((tx) => setMail(tx, "dca@partner.example"));
  for (const email of [eva, "nobody@partner.example"]) {
    const began = performance.now(), { status, body } = await scene.visitor().post("/forgot", { email });
    assert.equal(status, 200);
    assert(!body.includes(email));
    assert(performance.now() - began > 490, email);
  }
  assert.equal((await scene.platform.queries.all("SELECT 1 FROM mails")).length, 1);
});

Deno.test("a form of ten megabytes, one of unknown length, and fields that come twice are refused or empty", async () => {
  await using scene = await portalScene();
  const large = await scene.visitor().post("/sign-in", { email: "x".repeat(200_000) });
  assert.equal(large.status, 413);
  const { connections, origin } = scene;
  const ofUnknownLength = await new Promise<number | undefined>((resolve, reject) => {
    const headers = {
      origin,
      "content-type": "application/x-www-form-urlencoded",
      "transfer-encoding": "chunked",
    };
    request({ ...connections.options, agent: connections, method: "POST", path: "/sign-in", headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject).end("email=x");
  });
  assert.equal(ofUnknownLength, 413);
  const twice = await scene.visitor().post("/sign-in?x=1", {}, { "content-length": "0" });
  assert.equal(twice.status, 401);
});
