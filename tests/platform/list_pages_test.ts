/** Lists of supplies and alerts: order by each column, columns, CSV, pages and saved views, as of devices. */
import assert from "node:assert/strict";
import { LevelKind, type Reading } from "../../proto/gen/opendca/v1/reading.ts";
import { alertGroups, raisedSorts } from "../../platform/alerts/list_alerts.ts";
import { watchAlerts } from "../../platform/alerts/alert_watch.ts";
import { reportedSorts } from "../../platform/devices/alerts.ts";
import { emptyingSorts } from "../../platform/devices/kept_forecasts.ts";
import { supplySorts } from "../../platform/devices/list_supplies.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { type PortalScene, portalScene, type Visitor } from "./portal_scene.ts";
import { operator } from "./users_fixture.ts";

function supply(percent: number | undefined, index = "1.1") {
  const level = percent === undefined
    ? { kind: LevelKind.EMPTY }
    : { kind: LevelKind.EXACT, percent, level: percent, capacity: 100, unit: "percent" };
  return { index, kind: "toner", colorant: "black", description: "Toner", partNumber: `TN-${index}`, level };
}

const alert = (description: string) => ({ severity: 2, code: 8, group: "mediaPath", description, since: undefined });

/** Five printers at two sites: Bonn has the lowest one, and one that is empty. */
async function scene(): Promise<PortalScene> {
  const scene = await portalScene();
  const reading = (n: number, model: string, parts: object) => {
    const of = readingOf({ serial: `SER${n}`, address: `10.0.0.${n}`, model });
    return { ...of, ...parts } as unknown as Reading;
  };
  await scene.devices(scene.acme, scene.berlin, [
    reading(1, "LX-1", { supplies: [supply(15), supply(80, "1.2")], alerts: [alert("Door open")] }),
    reading(2, "AX-2", { supplies: [supply(7)], alerts: [] }),
    reading(3, "=EVIL()", { supplies: [supply(12)], alerts: [alert("Jam")] }),
  ]);
  await scene.devices(scene.acme, scene.bonn, [
    reading(4, "CX-4", { supplies: [supply(3)], alerts: [alert("Cover open")] }),
    reading(5, "BX-5", { supplies: [supply(undefined)], alerts: [] }),
  ]);
  scene.platform.clock.advance(11 * 60_000);
  await watchAlerts(scene.platform.platform, { isSlow: true });
  return scene;
}

const seen = (body: string) => [...body.matchAll(/SER\d/g)].map(([serial]) => serial);

/* What a person sees, on one portal. */
const steps: Record<string, (portal: PortalScene, user: Visitor) => Promise<void>> = {
  "low supplies are in the order of each column, with the columns that were chosen, also in CSV": async (
    portal,
    user,
  ) => {
    const root = `/customers/${portal.acme}/supplies`;
    const listed = async (query: string) => seen((await user.get(`${root}?column=serial&column=level&${query}`)).body);
    assert.deepEqual(await listed(""), ["SER1", "SER2", "SER3", "SER4", "SER5"]);
    assert.deepEqual(await listed("sort=level"), ["SER5", "SER4", "SER2", "SER3", "SER1"]);
    assert.deepEqual(await listed("sort=-level"), ["SER1", "SER3", "SER2", "SER4", "SER5"]);
    assert.deepEqual(await listed("sort=device"), ["SER3", "SER2", "SER5", "SER4", "SER1"]);
    assert.deepEqual(await listed("sort=-site"), ["SER4", "SER5", "SER1", "SER2", "SER3"]);
    assert.deepEqual(await listed(`sort=-level&site=${portal.bonn}`), ["SER4", "SER5"]);
    assert.deepEqual(await listed("sort=nothing"), ["SER1", "SER2", "SER3", "SER4", "SER5"]);
    for (const sort of supplySorts) {
      for (const by of [sort, `-${sort}`]) assert.equal((await listed(`sort=${by}`)).length, 5, by);
    }
    const { body, headers } = await user.get(
      `${root}?format=csv&sort=-level&column=level&column=serial&column=nothing`,
    );
    assert.equal(headers["content-type"], "text/csv; charset=utf-8");
    const lines = body.trimEnd().split("\r\n");
    assert.equal(lines[0], "\ufeffdevice_id,manufacturer,model,serial,percent");
    assert.deepEqual(seen(body), ["SER1", "SER3", "SER2", "SER4", "SER5"]);
    assert.match(lines[2]!, /,'=EVIL\(\),SER3,12$/);
    for (const sort of emptyingSorts) {
      assert.equal(
        (await user.get(`${root}?view=days&sort=-${sort}`)).status,
        200,
        sort,
      );
    }
    assert.match(
      (await user.get(`${root}?view=days&format=csv`)).body,
      /^\ufeffdevice_id,.*,order_by,part_number\r\n$/,
    );
  },
  "alerts are in the order of each column, with the columns that were chosen, also in CSV": async (portal, user) => {
    const root = `/customers/${portal.acme}/alerts`;
    const reported = (query: string) => user.get(`${root}?view=reported&column=serial&${query}`);
    assert.deepEqual(seen((await reported("sort=alert")).body), ["SER4", "SER1", "SER3"]);
    assert.deepEqual(seen((await reported("sort=-serial")).body), ["SER4", "SER3", "SER1"]);
    assert.deepEqual(seen((await reported("sort=-serial&format=csv")).body), ["SER4", "SER3", "SER1"]);
    for (const sort of reportedSorts) assert.equal(seen((await reported(`sort=${sort}`)).body).length, 3, sort);
    const { body } = await user.get(`${root}?sort=-count&column=count`);
    assert.match(body, /aria-sort="descending"><a href="[^"]*sort=count/);
    const csv = (await user.get(`${root}?sort=-count&format=csv&column=count&column=site`)).body.trimEnd().split(
      "\r\n",
    );
    assert.equal(csv[0], "\ufeffkind,description,site,alerts");
    const counts = csv.slice(1).map((line) => Number(line.split(",").at(-1)));
    assert.deepEqual(counts, counts.toSorted((a, b) => b - a));
    assert.equal(counts[0], 3);
    const group = `${root}?kind=supplyLow&group=&site=${portal.berlin}&column=serial&column=severity`;
    assert.deepEqual(seen((await user.get(`${group}&sort=-serial`)).body), ["SER3", "SER2", "SER1"]);
    const members = (await user.get(`${group}&sort=serial&format=csv`)).body;
    assert.deepEqual(seen(members), ["SER1", "SER2", "SER3"]);
    assert.match(
      members,
      /^\ufeffalert_id,kind,description,serial,severity\r\nalr-\w+,supplyLow,[^\r]*,SER1,warning\r\n/,
    );
    for (const sort of raisedSorts) assert.equal(seen((await user.get(`${group}&sort=${sort}`)).body).length, 3, sort);
  },
  "views of supplies and alerts are saved, shown first, and lead to no other list": async (portal, user) => {
    for (
      const [list, query] of [
        ["supplies", "view=days&within=90&sort=-site"],
        ["alerts", "state=open&kind=printer&column=count"],
      ] as const
    ) {
      const root = `/customers/${portal.acme}/${list}`;
      const saved = await user.post("/views", {
        list,
        name: "Mine",
        query: `${query}&page=2`,
        next: root,
        default: "1",
      });
      assert.equal(saved.location, `${root}?${query}`);
      assert.equal((await user.get(root)).location, `${root}?${query}`);
      assert.match((await user.get(`${root}?${query}`)).body, /aria-current="true">Mine/);
      assert.equal((await user.get(`${root}?all=1`)).status, 200);
    }
    assert.equal((await user.get(`/customers/${portal.acme}/devices`)).status, 200);
    const bad = await user.post("/views", { list: "users", name: "x", query: "", next: "/" });
    assert.equal(bad.status, 422);
  },
};

slowInPostgres(
  "supplies and alerts are listed in every order, with columns, as CSV and by views of one's own",
  async (t) => {
    await using portal = await scene();
    const user = portal.here(await portal.signedIn("eva@partner.example"));
    for (const [name, body] of Object.entries(steps)) await t.step(name, () => body(portal, user));
  },
);

slowInPostgres(
  "a group of alerts tells the worst, the first and the last, and is acknowledged at sites that are seen",
  async () => {
    await using scene = await portalScene();
    const { acme, berlin, bonn, platform: { platform, queries, clock } } = scene, tenant = queries.tenant(acme);
    const [inBerlin = "", inBonn = ""] = await Promise.all([berlin, bonn].map(async (site, i) => {
      await scene.devices(acme, site, [readingOf({ serial: `SER${i}`, address: `10.0.0.${i}` })]);
      const of = { site };
      return (await tenant.get<{ agent_id: string }>(
        "SELECT agent_id FROM agents WHERE customer_id = :customer AND site_id = :site",
        of,
      ))!.agent_id;
    }));
    const now = clock.now().getTime(), none = { ended: null, cause: null, by: null, until: null };
    const add = (
      id: string,
      agent: string,
      raised: number,
      severity: string,
      more: Partial<Record<keyof typeof none, unknown>> = {},
    ) =>
      tenant.run(
        `INSERT INTO raised_alerts (customer_id, alert_id, kind, device_id, agent_id, alert_key, alert_group, severity,
         description, detail, began_at, raised_at, ended_at, cause_id, acknowledged_at, acknowledged_by, acknowledged_until)
       VALUES (:customer, :id, :kind, '', :agent, :id, 'g', :severity, :id, '{}', 0, :raised, :ended, :cause,
         CASE WHEN CAST(:by AS TEXT) IS NULL THEN NULL ELSE 1 END, :by, :until)`,
        { ...none, ...more, id, agent, severity, raised, kind: id === "silent" ? "agentSilent" : "printer" } as never,
      );
    await add("a1", inBerlin, 100, "warning");
    await add("a2", inBerlin, 200, "critical", { by: "user:max", until: now - 1 });
    await add("a3", inBerlin, 300, "other", { by: "user:max", until: now + 1e9 });
    await add("a4", inBerlin, 900, "critical", { ended: 950 });
    await add("b1", inBonn, 150, "other");
    await add("silent", inBerlin, 400, "warning");
    await add("e1", inBerlin, 500, "warning", { cause: "silent" });
    await add("e2", inBerlin, 600, "warning", { cause: "silent", ended: 700 });
    const groups = async () =>
      (await alertGroups(platform, { ...operator, tenant: acme }, {})).rows
        .map(({ site, kind, count, acknowledged, severity, first_at, last_at, explains }) =>
          [site, kind, count, acknowledged, severity, first_at, last_at, explains].join(" ")
        );
    assert.deepEqual(await groups(), [
      "Berlin printer 3 1 critical 100 300 0",
      "Berlin agentSilent 1 0 warning 400 400 1",
      "Bonn printer 1 0 other 150 150 0",
    ]);
    const limited = await scene.signedIn("bonn@partner.example", {
      grants: [{ role: "technician", customerId: acme, siteId: bonn }],
    });
    const acknowledge = async (site: string, group = "g") =>
      (await limited.post(`/customers/${acme}/alerts/acknowledge`, { kind: "printer", site, group })).status;
    assert.deepEqual([await acknowledge(berlin), await acknowledge(bonn, "h")], [422, 422]);
    assert.equal((await groups())[0], "Berlin printer 3 1 critical 100 300 0");
    // Without a site: those that are seen.
    assert.equal(await acknowledge(""), 303);
    assert.deepEqual([(await groups())[0], (await groups())[2]], [
      "Berlin printer 3 1 critical 100 300 0",
      "Bonn printer 1 1 other 150 150 0",
    ]);
  },
);
