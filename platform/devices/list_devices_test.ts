/** Pages and counts of lists, against the whole list. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { allPages } from "../../tests/fixtures/all_pages.ts";
import { eachDatabase, isPostgres, openTestStore } from "../../tests/fixtures/each_database.ts";
import { withKnown } from "../../tests/fixtures/known_devices.ts";
import { addTestCustomer } from "../../tests/fixtures/loose_queries.ts";
import { addAgent } from "../agents/agents.ts";
import type { Platform } from "../agents/platform.ts";
import { addSite } from "../customers/customers.ts";
import type { Store } from "../store/store.ts";
import { type DeviceFilters, type DeviceList, exportDevices, listDevices } from "./list_devices.ts";
import type { ListedRow, ListOrder } from "./listed_devices.ts";
import type { Page, PageWish } from "../store/page.ts";

const at = new Date("2026-03-02T08:00:00Z"), longAgo = new Date("2026-02-01T08:00:00Z");

const device = fc.record({
  agent: fc.nat(4),
  network: fc.constantFrom("office", "Depot"),
  model: fc.constantFrom("LX 100", "LX 200", null),
  // In another order as texts than as numbers.
  host: fc.constantFrom(0, 1, 2, 9, 10, 100),
  isSilent: fc.boolean(),
  read: fc.constantFrom("low", "well", "without meters", "never"),
});
type Made = typeof device extends fc.Arbitrary<infer T> ? T : never;

async function customerWith(store: Store, devices: Made[]): Promise<{ customerId: string; ids: string[] }> {
  return await store.transaction(async (tx) => {
    const { customer_id: customerId } = await addTestCustomer(tx, { name: crypto.randomUUID(), at });
    const tenant = tx.tenant(customerId);
    const agents: string[] = [];
    // Two agents each, so that a page is of one or of several sites.
    for (const name of ["b", "A", "c"]) {
      const { site_id: siteId } = await addSite(tenant, { name, at });
      for (let i = 0; i < 2; i++) {
        const agent = { siteId, installationId: crypto.randomUUID(), hostname: "", version: "", at };
        agents.push(await addAgent(tenant, agent));
      }
    }
    const ids: string[] = [];
    await withKnown(tenant, {}, (known) => {
      for (const { agent, network, model, host, isSilent, read } of devices) {
        const names = { serial: null, manufacturer: "Example", model, hostname: null, firmware: null, location: null };
        const address = `10.1.0.${host}`, agent_id = agents[agent]!;
        const facts = { agent_id, network, address, state: "idle", ...names };
        const deviceId = known.addDevice({ facts, at: isSilent ? longAgo : at });
        ids.push(deviceId);
        if (read === "never") continue;
        const ms = at.getTime(), hasMeters = read !== "without meters";
        known.setState(deviceId, {
          agent_id,
          observed_at: ms,
          received_at: ms,
          time_basis: "agent",
          scope: "full",
          record: new Uint8Array([0]),
          full_at: ms,
          no_meters: hasMeters ? null : "no meters: asleep",
          meters: hasMeters ? new Uint8Array() : null,
          meters_at: hasMeters ? ms : null,
          supplies: null,
          supplies_at: null,
          trays: null,
          trays_at: null,
          total: null,
          low: read === "low" ? 2 : 0,
        });
      }
    });
    return { customerId, ids };
  });
}

const siteOf = ({ agent }: Made) => ["b", "b", "A", "A", "c", "c"][agent]!;

const filters: fc.Arbitrary<DeviceFilters> = fc.record({
  site: fc.constantFrom(undefined, undefined, "a", "c"),
  network: fc.constantFrom(undefined, undefined, "DEPOT"),
  model: fc.constantFrom(undefined, undefined, "x 1"),
  low: fc.constantFrom(undefined, true),
  silent: fc.constantFrom(undefined, true),
  search: fc.constantFrom(undefined, undefined, "depot lx", " B "),
});
const order: fc.Arbitrary<ListOrder | undefined> = fc.option(
  fc.record({
    by: fc.constantFrom("model" as const, "site" as const, "address" as const, "low" as const, "lastSeen" as const),
    isDescending: fc.boolean(),
  }),
  { nil: undefined },
);

/** By all words, in any case. */
function isFoundBy(search: string | undefined, made: Made): boolean {
  const text = `example ${made.model} 10.1.0.${made.host} ${made.network} | ${siteOf(made)}`.toLowerCase();
  return (search ?? "").toLowerCase().split(" ").every((word) => text.includes(word));
}

function keyOf(by: ListOrder["by"], { row, state }: { row: ListedRow; state: number | null }): string | number | null {
  if (by === "model") return `${row.manufacturer} ${row.model ?? ""}`.toLowerCase();
  if (by === "site") return row.site.toLowerCase();
  if (by === "address") return Number(row.address.split(".")[3]);
  return by === "low" ? state : row.last_seen_at;
}

const page: fc.Arbitrary<Page> = fc.record({
  limit: fc.constantFrom(undefined, 1, 2, 5, 100),
  offset: fc.constantFrom(undefined, 0, 1, 3, 8, 200),
});

async function lowCounts(store: Store, customerId: string): Promise<Map<string, number>> {
  const rows = await store.transaction((tx) =>
    tx.tenant(customerId).all<{ device_id: string; low: number }>(
      "SELECT device_id, low FROM device_state WHERE customer_id = :customer",
    )
  );
  return new Map(rows.map(({ device_id, low }) => [device_id, low]));
}

async function pagedIds(
  find: (wish: PageWish) => Promise<DeviceList>,
  wish: { limit: number; isBackwards: boolean },
): Promise<string[]> {
  const all = await allPages(async (wish) => {
    const { devices, ...further } = await find(wish);
    return { ...further, rows: devices };
  }, wish);
  return all.map(({ row }) => row.device_id);
}

eachDatabase("a page is a part of the whole list, and counts are those of the whole list", async () => {
  await using store = await openTestStore();
  const platform = { store, clock: { now: () => at } } as unknown as Platform;
  const actor = { kind: "operator" as const, name: "eva" };
  await fc.assert(
    fc.asyncProperty(
      fc.array(device, { maxLength: 20 }),
      filters,
      page,
      order,
      async (devices, filters, page, order) => {
        const by = { actor, tenant: (await customerWith(store, devices)).customerId };
        const all = (await listDevices(platform, by, {})).devices;
        const sites = ["A", "b", "c"];
        const usual = (a: Made, b: Made) =>
          sites.indexOf(siteOf(a)) - sites.indexOf(siteOf(b)) ||
          (a.network < b.network ? -1 : a.network > b.network ? 1 : 0) ||
          a.host - b.host;
        const told = all.map(({ row }) => [row.site, row.network, row.address]);
        assert.deepEqual(
          told,
          devices.toSorted(usual).map((each) => [siteOf(each), each.network, `10.1.0.${each.host}`]),
        );

        const whole = await listDevices(platform, by, filters);
        const chosen = devices.filter((each) =>
          (filters.site === undefined || siteOf(each).toLowerCase() === filters.site) &&
          (filters.network === undefined || each.network === "Depot") &&
          (filters.model === undefined || each.model === "LX 100") && (!filters.low || each.read === "low") &&
          (!filters.silent || each.isSilent) && isFoundBy(filters.search, each)
        );
        const { all: every, ...counts } = whole.counts;
        assert.deepEqual([every, counts], [devices.length, {
          closed: 0,
          found: chosen.length,
          low: chosen.filter(({ read }) => read === "low").length,
          silent: chosen.filter(({ isSilent }) => isSilent).length,
          withoutMeters: chosen.filter(({ read }) => read === "never" || read === "without meters").length,
        }]);
        const part = await listDevices(platform, by, { ...filters, ...page });
        const { limit = Infinity, offset = 0 } = page;
        const idsOf = (list: typeof whole) => list.devices.map(({ row }) => row.device_id);
        assert.deepEqual(idsOf(part), idsOf(whole).slice(offset, offset + limit));
        assert.deepEqual(part.counts, whole.counts);

        const pages = (order: ListOrder | undefined, isBackwards: boolean) =>
          pagedIds((wish) => listDevices(platform, by, { ...filters, ...wish, order }), {
            limit: limit === Infinity ? 3 : limit,
            isBackwards,
          });
        for (const isBackwards of [false, true]) assert.deepEqual(await pages(undefined, isBackwards), idsOf(whole));

        const sorted = await listDevices(platform, by, { ...filters, ...page, order });
        if (order === undefined) return assert.deepEqual(idsOf(sorted), idsOf(part));
        const lowOf = await lowCounts(store, by.tenant);
        const keys = new Map(
          whole.devices.map(({ row }) => [
            row.device_id,
            keyOf(order.by, { row, state: lowOf.get(row.device_id) ?? null }),
          ]),
        );
        const before = (a: string, b: string) => {
          const [x, y] = [keys.get(a)!, keys.get(b)!];
          if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
          return (x < y ? -1 : x > y ? 1 : 0) * (order.isDescending ? -1 : 1);
        };
        const expected = idsOf(whole).toSorted((a, b) => before(a, b) || (a < b ? -1 : 1));
        assert.deepEqual(idsOf(sorted), expected.slice(offset, offset + limit));
        for (const isBackwards of [false, true]) assert.deepEqual(await pages(order, isBackwards), expected);
        const exported: string[] = [];
        for await (const lot of exportDevices(platform, by, { ...filters, order })) {
          exported.push(...lot.map(({ row }) => row.device_id));
        }
        assert.deepEqual(exported, expected);
      },
    ),
    { numRuns: Number(Deno.env.get("OPENDCA_RUNS") ?? (isPostgres() ? 20 : 150)) },
  );
});

/* What is one device of a list: one row, or the parts of a merged one, the part that was seen last first. */
interface Unit {
  id: string;
  parts: Made[];
}

function unitsOf(devices: readonly Made[], { ids, groups }: { ids: string[]; groups: readonly number[] }): Unit[] {
  const parts = devices.map((made, i) => ({ made, id: ids[i]!, group: groups[i] ?? 0 }));
  const units = parts.filter(({ group }) => group === 0).map(({ made, id }): Unit => ({ id, parts: [made] }));
  for (const group of [1, 2]) {
    const own = parts.filter((part) => part.group === group);
    if (own.length === 0) continue;
    const newest = own.toSorted((a, b) => Number(a.made.isSilent) - Number(b.made.isSilent) || (a.id < b.id ? 1 : -1));
    units.push({ id: own[0]!.id, parts: newest.map(({ made }) => made) });
  }
  return units;
}

eachDatabase(
  "a merged device is found by any of its parts, and devices of closed sites by the name of theirs",
  async () => {
    await using store = await openTestStore();
    const platform = { store, clock: { now: () => at } } as unknown as Platform;
    const actor = { kind: "operator" as const, name: "eva" };
    const group = fc.constantFrom(0, 0, 0, 1, 2);
    await fc.assert(
      fc.asyncProperty(
        fc.array(device, { maxLength: 12 }),
        fc.array(group, { minLength: 12, maxLength: 12 }),
        fc.subarray(["A", "b", "c"]),
        filters,
        page,
        async (devices, groups, closed, filters, page) => {
          const { customerId, ids } = await customerWith(store, devices);
          const units = unitsOf(devices, { ids, groups });
          await store.transaction(async (tx) => {
            const tenant = tx.tenant(customerId);
            for (const [i, id] of ids.entries()) {
              const unit = units.find((unit) => unit.parts.includes(devices[i]!))!;
              if (groups[i] === 0) continue;
              await tenant.run(
                "UPDATE devices SET merged_into = :into WHERE customer_id = :customer AND device_id = :id",
                { into: unit.id, id },
              );
            }
            for (const name of closed) {
              await tenant.run("UPDATE sites SET closed_at = 1 WHERE customer_id = :customer AND name = :name", {
                name,
              });
            }
          });
          const named = filters.site;
          const isOpen = (unit: Unit) => unit.parts.some((part) => !closed.includes(siteOf(part)));
          const newest = ({ parts }: Unit) => parts.find(({ read }) => read !== "never")?.read;
          const chosen = units.filter((unit) =>
            (named === undefined ? isOpen(unit) : unit.parts.some((part) => siteOf(part).toLowerCase() === named)) &&
            (filters.network === undefined || unit.parts.some(({ network }) => network === "Depot")) &&
            (filters.model === undefined || unit.parts.some(({ model }) => model === "LX 100")) &&
            unit.parts.some((part) => isFoundBy(filters.search, part)) &&
            (!filters.low || newest(unit) === "low") && (!filters.silent || unit.parts[0]!.isSilent)
          );
          const by = { actor, tenant: customerId };
          const whole = await listDevices(platform, by, filters);
          const idsOf = (list: typeof whole) => list.devices.map(({ row }) => row.device_id);
          assert.deepEqual(idsOf(whole).toSorted(), chosen.map(({ id }) => id).toSorted());
          assert.deepEqual(whole.counts, {
            all: (named === undefined ? units.filter(isOpen) : units).length,
            closed: named === undefined ? units.filter((unit) => !isOpen(unit)).length : 0,
            found: chosen.length,
            low: chosen.filter((unit) => newest(unit) === "low").length,
            silent: chosen.filter(({ parts }) => parts[0]!.isSilent).length,
            withoutMeters: chosen.filter(({ parts }) =>
              parts.every(({ read }) => read === "never" || read === "without meters")
            ).length,
          });
          const { limit = Infinity, offset = 0 } = page;
          const part = await listDevices(platform, by, { ...filters, ...page });
          assert.deepEqual([idsOf(part), part.counts], [idsOf(whole).slice(offset, offset + limit), whole.counts]);
        },
      ),
      { numRuns: Number(Deno.env.get("OPENDCA_RUNS") ?? (isPostgres() ? 20 : 150)) },
    );
  },
);

eachDatabase("lists count IPv4 addresses as numbers, before all else, and take any text for one", async () => {
  await using store = await openTestStore();
  const ordered = ["9.1.0.1", "10.1.0.1", "10.1.0.2", "10.1.0.10", "10.1.0.100", "10.1.2.3", "10.1.10.3", "100.1.0.1"];
  const others = ["", "1.2.3", "1.2.3.4.5x", "2001:db8::1", "fe80::1%eth0", "printer.example.com"];
  const odd = ["...", "1.2.3.4.5", "99999999999999999999.1.1.1"];
  const platform = { store, clock: { now: () => at } } as unknown as Platform;
  const tenant = await store.transaction(async (tx) => {
    const { customer_id } = await addTestCustomer(tx, { name: "Acme", at }), own = tx.tenant(customer_id);
    const { site_id: siteId } = await addSite(own, { name: "Berlin", at });
    const agent_id = await addAgent(own, { siteId, installationId: "i", hostname: "", version: "", at });
    await withKnown(own, {}, (known) => {
      for (const address of [...others, ...odd, ...ordered.toReversed()]) {
        const names = { serial: null, manufacturer: null, model: null, hostname: null, firmware: null, location: null };
        known.addDevice({ facts: { agent_id, network: "office", address, state: "idle", ...names }, at });
      }
    });
    return customer_id;
  });
  const by = { actor: { kind: "operator" as const, name: "eva" }, tenant };
  for (const order of [undefined, { by: "address" as const, isDescending: false }]) {
    const listed = (await listDevices(platform, by, { order })).devices.map(({ row }) => row.address);
    assert.deepEqual(listed.filter((address) => ordered.includes(address)), ordered);
    assert.deepEqual(listed.slice(-others.length), others);
    assert.deepEqual(listed.toSorted(), [...ordered, ...others, ...odd].toSorted());
  }
});
