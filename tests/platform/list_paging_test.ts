/** Pages of lists in the portal while rows come and go, places that nobody was given, and CSV of more than one lot. */
import assert from "node:assert/strict";
import { alertGroups, exportAlertGroups, exportRaisedAlerts, groupSorts } from "../../platform/alerts/list_alerts.ts";
import { pageOfRaisedAlerts, raisedSorts } from "../../platform/alerts/list_alerts.ts";
import { exportAlerts, listAlerts, reportedSorts } from "../../platform/devices/alerts.ts";
import { emptyingSorts } from "../../platform/devices/kept_forecasts.ts";
import { exportEmptying, listEmptying } from "../../platform/devices/list_forecasts.ts";
import { allPages } from "../fixtures/all_pages.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { withKnown } from "../fixtures/known_devices.ts";
import { looseTenant } from "../fixtures/loose_queries.ts";
import { type DeviceScene, deviceScene } from "./device_changes_fixture.ts";
import { type PortalScene, portalScene } from "./portal_scene.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";

const eva = "eva@partner.example";

/** The address of a link by its text; undefined without one. */
function linkIn(body: string, text: string): string | undefined {
  const link = new RegExp(`<a(?: rel="\\w+")? href="([^"]*)"[^>]*>${text}</a>`).exec(body);
  return link?.[1]?.replaceAll("&amp;", "&");
}

const addressesIn = (body: string) => [...body.matchAll(/10\.9\.\d+\.\d+/g)].map(([text]) => text);
const addressOf = (i: number) => `10.9.${200 + Math.floor(i / 100)}.${100 + i % 100}`;

/** Devices without a model, which are shown by their addresses; those of negative numbers come before the others. */
async function withDevices(scene: PortalScene, numbers: readonly number[]): Promise<void> {
  const { acme, platform: { platform, queries, clock } } = scene, at = clock.now();
  const agent = (await queries.get<{ agent_id: string }>("SELECT agent_id FROM agents LIMIT 1"))!;
  await platform.store.transaction((tx) =>
    withKnown(tx.tenant(acme), {}, (known) => {
      for (const i of numbers) {
        const names = { serial: null, manufacturer: null, model: null, hostname: null, firmware: null, location: null };
        known.addDevice({
          facts: { ...agent, network: "n", address: addressOf(i), state: "idle", ...names },
          at,
        });
      }
    })
  );
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

slowInPostgres(
  "pages of the portal leave out no row that stays, and a place that nobody was given is page 1",
  async () => {
    await using scene = await portalScene();
    await scene.devices(scene.acme, scene.berlin, [readingOf({ address: "10.1.0.1", serial: "SER1" })]);
    await withDevices(scene, numbers(0, 250));
    const user = await scene.signedIn(eva), root = `/customers/${scene.acme}/devices?column=network`;
    const first = (await user.get(`${root}&sort=address`)).body;
    assert.match(first, /1 to 100 of 251/);
    assert.equal(linkIn(first, "First page"), undefined);
    // The last device that was seen goes, and others come before it.
    const tenant = looseTenant(scene.platform.platform.store, scene.acme);
    await tenant.run("DELETE FROM devices WHERE customer_id = :customer AND address = :address", {
      address: addressesIn(first).at(-1)!,
    });
    await withDevices(scene, [-2, -1]);
    const second = (await user.get(linkIn(first, "Next page")!)).body;
    assert.match(second, /101 to 200 of 252/);
    const third = (await user.get(linkIn(second, "Next page")!)).body;
    assert.match(third, /202 to 252 of 252/);
    assert.equal(linkIn(third, "Next page"), undefined);
    const seen = [first, second, third].flatMap(addressesIn);
    assert.equal(new Set(seen).size, seen.length);
    assert.equal(numbers(0, 250).filter((i) => !seen.includes(addressOf(i))).length, 0);
    const back = (await user.get(linkIn(second, "Previous page")!)).body;
    assert.match(back, /1 to 100 of 252/);
    const end = (await user.get(linkIn(first, "Last page")!)).body;
    assert.match(end, /153 to 252 of 252/);
    assert.match((await user.get(linkIn(end, "Previous page")!)).body, /53 to 152 of 252/);
    const places = [linkIn(first, "Next page")!, linkIn(third, "Previous page")!].map((link) =>
      new URL(link, scene.origin).searchParams.get("page")!
    );
    const cut = places[0]!.slice(0, -2), changed = `${cut}${places[0]!.endsWith("AA") ? "BB" : "AA"}`;
    const bad = [
      "4",
      "-1",
      "",
      "x".repeat(5000),
      "%00",
      "'",
      cut,
      changed,
      ...places.map((place) => `${place}&sort=-address`),
    ];
    for (const page of bad) {
      const { status, body } = await user.get(`${root}&page=${page}${page.includes("sort") ? "" : "&sort=address"}`);
      assert.equal(status, 200, page);
      assert.match(body, /1 to 100 of 252/, page);
    }
    const elsewhere = await user.get(`/customers/${scene.other}/devices?column=network&sort=address&page=${places[0]}`);
    assert.equal(elsewhere.status, 200);
    // All rows behind the place are gone: the last page there is.
    await tenant.run("DELETE FROM devices WHERE customer_id = :customer AND address > :address", {
      address: addressOf(120),
    });
    assert.match((await user.get(linkIn(second, "Next page")!)).body, /24 to 123 of 123/);
    // All rows before it are gone: the first page.
    await tenant.run("DELETE FROM devices WHERE customer_id = :customer AND address < :address AND model IS NULL", {
      address: addressOf(110),
    });
    assert.match((await user.get(linkIn(second, "Previous page")!)).body, /Devices: 12</);
  },
);

/* 250 alerts, raised and reported ones, and supplies that will be empty, of 30 devices; the ids of these. */
async function filled({ store, by, agentIds: [agent_id = ""], now }: DeviceScene): Promise<string[]> {
  const at = now(), until = at + 86_400_000;
  const ids: string[] = [];
  await store.transaction(async (tx) => {
    await withKnown(tx.tenant(by.tenant), {}, (known) => {
      for (let i = 0; i < 30; i++) {
        const names = { serial: i % 3 === 0 ? null : `S${i % 5}`, manufacturer: null, hostname: null };
        const facts = {
          agent_id,
          network: "n",
          address: `10.1.0.${i}`,
          state: "idle",
          firmware: null,
          location: null,
        };
        ids.push(
          known.addDevice({ facts: { ...facts, ...names, model: i % 2 === 0 ? null : "LX" }, at: new Date(at) }),
        );
      }
    });
  });
  await store.transaction(async (tx) => {
    const own = tx.tenant(by.tenant);
    for (let i = 0; i < 250; i++) {
      const device_id = ids[i % 30]!, key = String(i);
      await own.run(
        `INSERT INTO raised_alerts (customer_id, alert_id, kind, device_id, agent_id, alert_key, alert_group, severity,
           description, detail, began_at, raised_at)
         VALUES (:customer, :key, 'printer', :device_id, :agent_id, :key, :group, :severity, :group, '{}', :at, :at)`,
        {
          device_id,
          agent_id,
          key,
          group: `g${i % 210}`,
          severity: i % 4 === 0 ? "critical" : "warning",
          at: at + i % 7,
        },
      );
      await own.run(
        `INSERT INTO alerts (customer_id, device_id, alert_key, first_seen_at, origin, severity, alert_group, description,
           last_seen_at)
         VALUES (:customer, :device_id, :key, :at, '', 'warning', 'marker', :group, :at)`,
        { device_id, key, group: `g${i % 3}`, at: at + i % 7 },
      );
      await own.run(
        `INSERT INTO supply_forecasts (customer_id, device_id, supply, name, part_number, made_at, forecast, empties_at)
         VALUES (:customer, :device_id, :key, 'black toner', :part, :at, '{}', :until)`,
        { device_id, key, part: i % 2 === 0 ? null : `TN-${i % 5}`, at, until: until + i % 5 },
      );
    }
  });
  return ids;
}

interface AnyList {
  sorts: readonly string[];
  page(wish: object, order: never): Promise<{ rows: object[]; next: never; previous: never }>;
  whole(order: never): AsyncGenerator<object[]>;
  rows: number;
}

function listsOf({ platform, by }: DeviceScene): Record<string, AnyList> {
  const raised = { kind: "printer" as const }, soon = { withinDays: 7 };
  return {
    raised: {
      sorts: raisedSorts,
      page: async (wish, order) => await pageOfRaisedAlerts(platform, by, { ...raised, ...wish, order }) as never,
      whole: (order) => exportRaisedAlerts(platform, by, { ...raised, order }),
      rows: 250,
    },
    groups: {
      sorts: groupSorts,
      page: async (wish, order) => await alertGroups(platform, by, { ...wish, order }) as never,
      whole: (order) => exportAlertGroups(platform, by, { order }),
      rows: 210,
    },
    reported: {
      sorts: reportedSorts,
      page: async (wish, order) => await listAlerts(platform, by, { ...wish, order }) as never,
      whole: (order) => exportAlerts(platform, by, { order }),
      rows: 250,
    },
    emptying: {
      sorts: emptyingSorts,
      page: async (wish, order) => await listEmptying(platform, by, { ...soon, ...wish, order }) as never,
      whole: (order) => exportEmptying(platform, by, { ...soon, order }),
      rows: 250,
    },
  };
}

slowInPostgres(
  "lists of alerts and of what will be empty have pages in every order, and CSV in lots, once each",
  async () => {
    await using scene = await deviceScene();
    const { tenant } = scene, ids = await filled(scene), lists = listsOf(scene);
    for (const [name, { sorts, page, whole, rows }] of Object.entries(lists)) {
      const orders = [undefined, ...sorts.map((by, i) => ({ by, isDescending: i % 2 === 0 }))];
      for (const order of orders as never[]) {
        const all = (await page({}, order)).rows.map((row) => JSON.stringify(row));
        assert.equal(new Set(all).size, rows, name);
        for (const isBackwards of [false, true]) {
          const paged = await allPages((wish) => page(wish, order), { limit: 70, isBackwards });
          assert.deepEqual(paged.map((row) => JSON.stringify(row)), all, `${name} ${JSON.stringify(order)}`);
        }
        const lots = await Array.fromAsync(whole(order));
        assert.deepEqual(lots.flat().map((row) => JSON.stringify(row)), all, `${name} ${JSON.stringify(order)}`);
        assert(lots.every(({ length }) => length <= 200), "no more than a lot is held at once");
      }
    }
    // What is erased while a file is made is left out of it from then on.
    const running = Object.entries(lists).map(([name, { whole }]) => ({ name, lots: whole(undefined as never) }));
    for (const { name, lots } of running) assert.equal(((await lots.next()).value as object[]).length, 200, name);
    for (const table of ["raised_alerts", "alerts", "supply_forecasts"]) {
      await tenant.run(`DELETE FROM ${table} WHERE customer_id = :customer AND device_id <> :kept`, { kept: ids[0]! });
    }
    for (const { name, lots } of running) {
      const rest = (await Array.fromAsync(lots)).flat() as { device_id?: string }[];
      assert(rest.length < 16, name);
      if (name !== "groups") assert(rest.every(({ device_id }) => device_id === ids[0]), name);
    }
  },
);
