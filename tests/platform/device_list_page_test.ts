/** The list of devices in the portal: search, order, columns, CSV of what is seen, saved views, all customers. */
import assert from "node:assert/strict";
import { mergeDevice } from "../../platform/devices/merge_device.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { type PortalScene, portalScene } from "./portal_scene.ts";
import { operator } from "./users_fixture.ts";

const eva = "eva@partner.example";

/** Serial numbers of a page, in its order. */
const serialsIn = (body: string) => [...body.matchAll(/SER\d+/g)].map(([text]) => text);

/** No cell of these tests has a comma or a quotation mark. */
function cellsOf(csv: string): string[][] {
  assert.equal(csv.codePointAt(0), 0xfeff);
  return csv.slice(1).trimEnd().split("\r\n").map((line) => line.split(","));
}

/** The address of a link by its text. */
function linkIn(body: string, text: string): string {
  const [, address] = new RegExp(`<a(?: rel="\\w+")? href="([^"]*)"[^>]*>${text}</a>`).exec(body) ?? [];
  assert(address !== undefined, `there is a link "${text}"`);
  return address.replaceAll("&amp;", "&");
}

async function fleet(scene: PortalScene): Promise<void> {
  const reading = (n: number, model: string) =>
    readingOf({ address: `10.1.0.${n}`, serial: `SER${n}`, total: 1000 * (n * 7 % 5), model });
  await scene.devices(scene.acme, scene.berlin, [1, 2, 3].map((n) => reading(n, n === 2 ? "ZX" : "LX-100")));
  await scene.devices(scene.acme, scene.bonn, [4, 5].map((n) => reading(n, "=cmd|' /C calc'!A0")));
}

slowInPostgres(
  "devices are found by words of any kind, in the order of any column, and in CSV as they are seen",
  async () => {
    await using scene = await portalScene();
    await fleet(scene);
    const user = await scene.signedIn(eva), root = `/customers/${scene.acme}/devices`;
    const listed = async (query: string) => serialsIn((await user.get(`${root}?${query}`)).body);
    assert.deepEqual(await listed("q=ser3"), ["SER3"]);
    assert.deepEqual(await listed("q=example+bonn+10.1.0.5"), ["SER5"]);
    assert.deepEqual(await listed("q=lx-1%25"), []);
    assert.deepEqual(await listed("q=berlin+zx"), ["SER2"]);
    assert.deepEqual(await listed("sort=pages"), ["SER5", "SER3", "SER1", "SER4", "SER2"]);
    assert.deepEqual(await listed("sort=-pages&q=berlin"), ["SER2", "SER1", "SER3"]);
    assert.deepEqual(await listed("sort=nothing"), ["SER1", "SER2", "SER3", "SER4", "SER5"]);
    const { body } = await user.get(`${root}?sort=-pages&column=pages&column=nothing`);
    assert.match(body, /aria-sort="descending"><a href="[^"]*sort=pages/);
    assert.doesNotMatch(body, /SER1/);

    const csv = async (query: string) => {
      const { body, headers } = await user.get(`${root}?format=csv&${query}`);
      assert.equal(headers["content-type"], "text/csv; charset=utf-8");
      return cellsOf(body);
    };
    const pages = await csv("sort=-pages&q=berlin&column=serial&column=pages");
    assert.deepEqual(pages[0], ["device_id", "manufacturer", "model", "serial", "total"]);
    assert.deepEqual(pages.slice(1).map((row) => row.slice(3)), [["SER2", "4000"], ["SER1", "2000"], ["SER3", "1000"]]);
    const all = await csv("");
    assert.deepEqual(all.slice(1).map((row) => row[5]), ["SER1", "SER2", "SER3", "SER4", "SER5"]);
    assert(all.slice(4).every((row) => row[2]!.startsWith("'=cmd")), "no cell is a formula");
  },
);

slowInPostgres("more devices than go in one lot are all in the CSV, once each, with merged ones as one", async () => {
  await using scene = await portalScene();
  const numbers = Array.from({ length: 450 }, (_, n) => n + 1);
  const ids = await scene.devices(
    scene.acme,
    scene.berlin,
    numbers.map((n) => readingOf({ address: `10.1.${n >> 8}.${n & 255}`, serial: `SER${n}`, total: n * 37 % 450 })),
  );
  const by = { ...operator, tenant: scene.acme };
  await mergeDevice(scene.platform.platform, by, { device: ids[0]!, other: ids[1]! });
  const user = await scene.signedIn(eva);
  const { body } = await user.get(`/customers/${scene.acme}/devices?format=csv&sort=pages&column=pages&q=lx`);
  const rows = cellsOf(body).slice(1);
  assert.equal(new Set(rows.map(([id]) => id)).size, 449);
  const totals = rows.map((row) => Number(row.at(-1)));
  assert.deepEqual(totals, totals.toSorted((a, b) => a - b));
  const last = linkIn((await user.get(`/customers/${scene.acme}/devices?q=lx`)).body, "Last page");
  assert.match((await user.get(last)).body, /350 to 449 of 449/);
});

slowInPostgres(
  "a view is saved, shown first, shared with the dealer alone, and removed by its owner alone",
  async () => {
    await using scene = await portalScene();
    await fleet(scene);
    const root = `/customers/${scene.acme}/devices`;
    const user = await scene.signedIn(eva);
    const view = { list: "devices", name: "Busy <b>", query: "q=berlin&sort=-pages&site=x&page=3", next: root };
    const saved = await user.post("/views", { ...view, default: "1", shared: "1" });
    assert.equal(saved.location, `${root}?q=berlin&sort=-pages`);
    assert.equal((await user.get(root)).location, `${root}?q=berlin&sort=-pages`);
    assert.match((await user.get(`${root}?all=1`)).body, /Busy &lt;b&gt; \(shared\)/);
    assert.equal((await user.post("/views", { ...view, name: " " })).status, 422);
    assert.equal((await user.post("/views", { ...view, list: "users" })).status, 422);
    assert.equal((await user.post("/views", { ...view, next: "//evil.example/" })).location, "/?q=berlin&sort=-pages");
    // The one of the same name is replaced, and is neither first nor shared now.
    assert.equal((await user.get(root)).status, 200);
    await user.post("/views", { ...view, shared: "1" });

    const max = await scene.signedIn("max@partner.example", { grants: [{ role: "viewer" }] });
    const seen = (await max.get(`${root}?all=1`)).body;
    assert.match(seen, /Busy &lt;b&gt; \(shared\)/);
    assert.doesNotMatch(seen, /\/remove/);
    assert.equal((await max.get(root)).status, 200, "another's view is not shown first");
    assert.equal((await max.post("/views", { ...view, shared: "1" })).status, 422, "a viewer shares nothing");
    const { view_id } = (await scene.platform.queries.get<{ view_id: string }>("SELECT view_id FROM saved_views"))!;
    assert.equal((await max.post(`/views/${view_id}/remove`, { next: root })).status, 422);
    const ofAcme = await scene.signedIn("ann@acme.example", { customer: "Acme" });
    assert.doesNotMatch((await ofAcme.get(`${root}?all=1`)).body, /Busy/);
    const foreign = await scene.signedIn("bob@foreign.example", { dealer: "Foreign" });
    assert.doesNotMatch((await foreign.get(`/customers/${scene.foreign}/devices?all=1`)).body, /Busy/);
    assert.equal((await user.post(`/views/${view_id}/remove`, { next: root })).location, `${root}?all=1`);
    assert.doesNotMatch((await user.get(`${root}?all=1`)).body, /Busy/);
  },
);

slowInPostgres("a device is found among all customers, and among the sites that somebody may see alone", async () => {
  await using scene = await portalScene();
  await fleet(scene);
  await scene.devices(scene.foreign, await siteOf(scene), [readingOf({ address: "10.9.0.1", serial: "SER9" })]);
  const found = async (user: Awaited<ReturnType<PortalScene["signedIn"]>>, text: string) =>
    serialsIn((await user.get(`/devices?q=${encodeURIComponent(text)}`)).body);
  const user = await scene.signedIn(eva);
  assert.deepEqual(await found(user, "ser"), ["SER1", "SER2", "SER3", "SER4", "SER5"]);
  assert.deepEqual(await found(user, "10.1.0.4"), ["SER4"]);
  assert.deepEqual(await found(user, "ER1"), []);
  assert.deepEqual(await found(user, "%"), []);
  assert.deepEqual(await found(user, ""), []);
  const ofBonn = await scene.signedIn("max@partner.example", {
    grants: [{ role: "viewer", customerId: "Acme", siteId: "Bonn" }],
  });
  assert.deepEqual(await found(ofBonn, "SER"), ["SER4", "SER5"]);
  const foreign = await scene.signedIn("bob@foreign.example", { dealer: "Foreign" });
  assert.deepEqual(await found(foreign, "SER"), ["SER9"]);
});

async function siteOf({ platform, foreign }: PortalScene): Promise<string> {
  await platform.queries.tenant(foreign).run(
    "INSERT INTO sites (customer_id, site_id, name, created_at) VALUES (:customer, 'sit-elsewhere', 'Rome', 0)",
  );
  return "sit-elsewhere";
}
