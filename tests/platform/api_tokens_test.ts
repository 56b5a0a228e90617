/** Tokens of the interfaces: what they may at most, and what ends them. */
import assert from "node:assert/strict";
import { isTokenText, newTokenText } from "../../platform/users/api_token_text.ts";
import {
  createToken,
  listTokens,
  maybeTokenCaller,
  revokeToken,
  tokenMay,
  tokenSites,
  type TokenWish,
} from "../../platform/users/api_tokens.ts";
import { deactivateUser, setUserGrants } from "../../platform/users/manage_users.ts";
import { UsageError } from "../../common/core/errors.ts";
import { closeCustomer } from "../../platform/customers/close.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { portalScene } from "./portal_scene.ts";
import { operator, usersScene } from "./users_fixture.ts";

const eva = "eva@partner.example", day = 86_400_000;
const wish = (more: Partial<TokenWish> = {}): TokenWish => ({
  user: eva,
  name: "test",
  permissions: ["readFleet"],
  places: [],
  validMs: 30 * day,
  ...more,
});

Deno.test("isTokenText() knows a token by its checksum, and refuses every change of one letter", () => {
  for (let i = 0; i < 200; i++) {
    const text = newTokenText();
    assert.match(text, /^odca_[0-9A-Za-z]{36}$/);
    assert(isTokenText(text));
    const at = 5 + i % 36, other = text[at] === "a" ? "b" : "a";
    assert(!isTokenText(text.slice(0, at) + other + text.slice(at + 1)));
  }
  for (const text of ["", "odca_", "odca_é", `${newTokenText()} `, newTokenText().toUpperCase(), "x".repeat(100_000)]) {
    assert(!isTokenText(text));
  }
});

slowInPostgres("a token works until it is revoked, and only its digest is stored", async () => {
  await using scene = await usersScene();
  const { platform, clock, queries } = scene;
  await scene.user(eva);
  const { text, tokenId } = await createToken(platform, operator, wish());
  const caller = (await maybeTokenCaller(platform, text))!;
  assert.equal(caller.tokenId, tokenId);
  assert.equal((await listTokens(platform, operator))[0]!.usedAt, clock.now().getTime());
  const stored = JSON.stringify(await queries.all("SELECT * FROM api_tokens"));
  const audited = JSON.stringify(await queries.all("SELECT * FROM audit_log"));
  assert(!stored.includes(text) && !audited.includes(text.slice(5, 20)));
  assert.match(audited, /apiTokenCreated/);
  await revokeToken(platform, operator, { tokenId });
  assert.equal(await maybeTokenCaller(platform, text), undefined);
  assert.equal((await listTokens(platform, operator))[0]!.state, "revoked");
  await assert.rejects(revokeToken(platform, operator, { tokenId }), UsageError);
});

slowInPostgres("a token ends by its time, with its user, and with its user's roles", async () => {
  await using scene = await usersScene();
  const { platform, clock, acme } = scene;
  await scene.user("root@partner.example");
  await scene.user(eva);
  const made = async (more: Partial<TokenWish> = {}) => (await createToken(platform, operator, wish(more))).text;
  const short = await made({ validMs: 60_000 }), long = await made({ permissions: ["readFleet", "runTasks"] });
  clock.advance(60_000);
  assert.equal(await maybeTokenCaller(platform, short), undefined);
  assert(tokenMay((await maybeTokenCaller(platform, long))!, "runTasks", { customerId: acme }));
  await setUserGrants(platform, operator, { user: eva, grants: [{ role: "viewer" }] });
  const now = (await maybeTokenCaller(platform, long))!;
  assert(!tokenMay(now, "runTasks", { customerId: acme }) && tokenMay(now, "readFleet", { customerId: acme }));
  await deactivateUser(platform, operator, { user: eva });
  assert.equal(await maybeTokenCaller(platform, long), undefined);
});

slowInPostgres("nobody makes a token that may do more than its user, and none reaches other customers", async () => {
  await using scene = await usersScene();
  const { platform, acme, other, berlin, foreign } = scene;
  await scene.user(eva, { grants: [{ role: "viewer" }, { role: "technician", customerId: acme, siteId: berlin }] });
  const refused: Partial<TokenWish>[] = [
    { permissions: ["runTasks"] },
    { permissions: ["runTasks"], places: [{ customerId: acme }] },
    { permissions: ["readFleet", "manageUsers"], places: [{ customerId: acme, siteId: berlin }] },
    { places: [{ customerId: foreign }] },
    { places: [{ siteId: berlin }] },
    { places: [{ customerId: "nobody" }] },
    { permissions: [] },
    { validMs: 367 * day },
    { validMs: NaN },
  ];
  for (const more of refused) {
    await assert.rejects(createToken(platform, operator, wish(more)), UsageError, JSON.stringify(more));
  }
  const { text } = await createToken(
    platform,
    operator,
    wish({ permissions: ["runTasks", "readFleet"], places: [{ customerId: "Acme", siteId: "Berlin" }] }),
  );
  const token = (await maybeTokenCaller(platform, text))!;
  assert.deepEqual(tokenSites(token, "runTasks", acme), [berlin]);
  assert.deepEqual(tokenSites(token, "runTasks", other), []);
  assert.deepEqual(tokenSites(token, "readMeters", acme), []);
  assert(!tokenMay(token, "readFleet", { customerId: acme }) && !tokenMay(token, "readFleet", {}));
  assert(tokenMay(token, "readFleet", { customerId: acme, siteId: berlin }));
});

slowInPostgres("a token of a customer's user ends when the customer is closed", async () => {
  await using scene = await usersScene();
  const { platform, acme, other } = scene;
  await scene.user(eva, { customer: "Acme", grants: [{ role: "viewer" }] });
  const { text } = await createToken(platform, operator, wish());
  const token = (await maybeTokenCaller(platform, text))!;
  assert.deepEqual([tokenSites(token, "readFleet", acme), tokenSites(token, "readFleet", other)], ["all", []]);
  await closeCustomer(platform, operator, { customer: acme, reason: "sold" });
  assert.equal(await maybeTokenCaller(platform, text), undefined);
});

Deno.test("a user makes a token in the portal, sees it once, and revokes it", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn(eva, { grants: [{ role: "technician", customerId: "Acme" }] });
  const other = await scene.signedIn("ann@partner.example");
  const path = "/account/tokens";
  assert.match((await user.get("/account")).body, /href="\/account\/tokens"/);
  const page = (await user.get(path)).body;
  assert.match(page, /name="runTasks"/);
  assert.doesNotMatch(page, /name="readAudit"/);
  const fields = { name: "<b>Excel</b>", readFleet: "1", place: scene.acme, days: "30" };
  const made = await user.post(path, fields);
  const [text] = /odca_\w{36}/.exec(made.body)!;
  assert.equal((await maybeTokenCaller(scene.platform.platform, text))!.places[0]!.customerId, scene.acme);
  const later = (await user.get(path)).body;
  assert(!later.includes(text) && later.includes("&lt;b&gt;Excel"));
  for (
    const more of [
      { readAudit: "1" },
      { place: scene.foreign },
      { place: scene.other },
      { days: "9999" },
      { name: "" },
      {
        place: "",
      },
    ]
  ) assert.equal((await user.post(path, { ...fields, ...more })).status, 422, JSON.stringify(more));
  const [row] = await listTokens(scene.platform.platform, operator);
  assert.equal((await other.post(`${path}/${row!.tokenId}/revoke`)).status, 422);
  assert.equal((await user.post(`${path}/${row!.tokenId}/revoke`)).location, path);
  assert.equal(await maybeTokenCaller(scene.platform.platform, text), undefined);
  const audit = await scene.platform.queries.all<{ actor: string; action: string }>(
    "SELECT actor, action FROM audit_log WHERE action LIKE 'apiToken%'",
  );
  assert.deepEqual(audit.map(({ actor, action }) => `${actor} ${action}`), [
    `user:${eva} apiTokenCreated`,
    `user:${eva} apiTokenRevoked`,
  ]);
});
