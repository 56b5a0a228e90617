/** Lists of OData over several customers: the same rows as by going through all of them, whatever is asked for. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { mergeDevice } from "../../platform/devices/merge_device.ts";
import { canCompare } from "../../platform/edge/rest/odata_names.ts";
import { entities, type EntityName } from "../../platform/interfaces/entities.ts";
import { type Filter, matches, orderOf, type Row, type Value } from "../../platform/interfaces/filter.ts";
import { listEntities, type ListWish, type Order, type Scope } from "../../platform/interfaces/list_entities.ts";
import { AlertSeverity } from "../../proto/gen/opendca/v1/reading.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { anyFilter } from "./any_filter.ts";
import { ask, odataFleet, printer, toner } from "./odata_fleet.ts";
import { type ProgramsScene, programsScene } from "./programs_scene.ts";
import { operator } from "./users_fixture.ts";

const alert = (description: string) => ({
  severity: AlertSeverity.WARNING,
  code: 1,
  group: "input",
  description,
  since: undefined,
});

/** With a merged device, one of whose parts is low, and alerts. */
async function manyCustomers(scene: ProgramsScene) {
  await odataFleet(scene);
  const { acme, berlin, bonn } = scene;
  const [one, other] = await scene.devices(acme, berlin, [
    printer("10.1.0.20", "SN00020", { model: undefined, location: "Ümlaut", alerts: [alert("jam")] }),
    printer("10.1.0.21", "SN00021", { supplies: [toner(3)], alerts: [alert("jam")] }),
  ]);
  await mergeDevice(scene.platform.platform, { ...operator, tenant: acme }, { device: one!, other: other! });
  await scene.devices(acme, bonn, [
    printer("10.2.0.2", "sn00022", {
      supplies: [toner(2)],
      alerts: [alert("low")],
    }),
  ]);
  const { dealer_id: dealerId } = (await scene.platform.queries.get<{ dealer_id: string }>(
    "SELECT dealer_id FROM customers WHERE customer_id = :acme",
    { acme },
  ))!;
  const whole = (customerId: string) => ({ customerId, sites: "all" as const });
  const scopes: Record<string, Scope> = {
    dealer: { dealerId },
    several: { customers: [whole(scene.other), { customerId: acme, sites: [bonn] }] },
    one: { customers: [{ customerId: acme, sites: [berlin, bonn] }] },
    sites: { customers: [{ customerId: acme, sites: [berlin] }] },
  };
  return scopes;
}

function naive(
  all: readonly Row[],
  { filter, order = [], skip = 0 }: Pick<ListWish, "filter" | "order" | "skip">,
): { rows: Row[]; count: number } {
  const found = all.filter((row) => filter === undefined || matches(filter, row));
  const sorted = found.toSorted((a, b) => {
    for (const { property, isDescending } of order) {
      const result = orderOf(a[property]!, b[property]!);
      if (result !== 0) return isDescending ? -result : result;
    }
    return 0;
  });
  return { rows: sorted.slice(skip), count: found.length };
}

const orderOfEntity = (entity: EntityName): fc.Arbitrary<Order[]> =>
  fc.array(
    fc.record({
      property: fc.oneof(
        fc.constant("customerId"),
        fc.constantFrom(
          ...Object.keys(entities[entity].properties).filter((property) => canCompare(entities[entity], property)),
        ),
      ),
      isDescending: fc.boolean(),
    }),
    { maxLength: 3 },
  );
const filters: Record<EntityName, fc.Arbitrary<Filter | undefined>> = {
  devices: fc.option(
    fc.oneof(
      anyFilter,
      fc.constantFrom<Filter>({ kind: "compare", property: "lowSupplies", operator: "gt", value: 0 }),
    ),
    { nil: undefined },
  ),
  supplies: fc.constantFrom<Filter | undefined>(
    undefined,
    { kind: "compare", property: "low", operator: "eq", value: true },
    { kind: "compare", property: "percent", operator: "gt", value: 10 },
  ),
  meters: fc.constantFrom<Filter | undefined>(
    undefined,
    { kind: "compare", property: "name", operator: "eq", value: "total" },
  ),
  alerts: fc.constantFrom<Filter | undefined>(
    undefined,
    { kind: "compare", property: "open", operator: "eq", value: true },
    { kind: "compare", property: "severity", operator: "eq", value: "critical" },
  ),
  agents: fc.constantFrom<Filter | undefined>(
    undefined,
    { kind: "compare", property: "state", operator: "eq", value: "active" },
  ),
};
const wishes = fc.constantFrom(...Object.keys(entities) as EntityName[]).chain((entity) =>
  fc.record({
    entity: fc.constant(entity),
    filter: filters[entity],
    order: orderOfEntity(entity),
    skip: fc.constantFrom(0, 0, 1, 3, 6, 100),
    limit: fc.constantFrom(1, 2, 5, 1000),
    withCount: fc.boolean(),
    scope: fc.constantFrom("dealer", "several", "one", "sites"),
  })
);

type WishOf = typeof wishes extends fc.Arbitrary<infer Wish> ? Wish : never;
const byCustomer = (Object.keys(entities) as EntityName[]).flatMap((entity) =>
  [true, false].map((isDescending) =>
    [{
      entity,
      filter: undefined,
      order: [{ property: "customerId", isDescending }, {
        property: entity === "agents" ? "agentId" : "deviceId",
        isDescending,
      }],
      skip: 0,
      limit: 1,
      withCount: false,
      scope: "dealer",
    }] as [WishOf]
  )
);

eachDatabase("pages of any filter, order, skip and count are what all rows would give", async () => {
  await using scene = await programsScene();
  const scopes = await manyCustomers(scene), { platform } = scene.platform;
  const rowsOf = new Map<string, Row[]>();
  for (const entity of Object.keys(entities) as EntityName[]) {
    for (const [name, scope] of Object.entries(scopes)) {
      const { rows } = await listEntities(platform, operator, { entity, scope, limit: 1000 });
      assert(rows.length > 0, `${entity} ${name}`);
      rowsOf.set(`${entity} ${name}`, rows);
    }
  }
  assert.equal(rowsOf.get("devices dealer")!.length, 7);
  await fc.assert(
    fc.asyncProperty(wishes, async ({ scope, ...wish }) => {
      const wanted = naive(rowsOf.get(`${wish.entity} ${scope}`)!, wish), walked: Row[] = [];
      let after: Value[] | undefined, pages = 0;
      do {
        assert(pages++ < 100, "pages end");
        const page = await listEntities(platform, operator, {
          ...wish,
          scope: scopes[scope]!,
          after,
          skip: after === undefined ? wish.skip : undefined,
        });
        assert(page.rows.length <= wish.limit);
        if (wish.withCount) assert.equal(page.count, wanted.count);
        walked.push(...page.rows);
        after = page.next;
      } while (after !== undefined);
      assert.deepEqual(walked, wanted.rows);
    }),
    { numRuns: Number(Deno.env.get("RUNS") ?? 50), examples: byCustomer },
  );
});

eachDatabase("all devices of a dealer, and those with low supplies, are counted without a look at one", async () => {
  await using scene = await programsScene();
  const scopes = await manyCustomers(scene), { store, clock } = scene.platform.platform, { queries } = scene.platform;
  const low: Filter = { kind: "compare", property: "lowSupplies", operator: "gt", value: 0 };
  const wish = { entity: "devices" as const, limit: 0, withCount: true };
  for (const scope of Object.values(scopes)) {
    for (const filter of [undefined, low]) {
      const { rows } = await listEntities({ store, clock }, operator, { ...wish, scope, filter, limit: 100 });
      const { count } = await listEntities({ store, clock }, operator, { ...wish, scope, filter });
      assert.equal(count, rows.length);
    }
  }
  // As if there were more than are there: the counts of the store are what is answered.
  await queries.run("UPDATE device_counts SET devices = devices + 1000");
  await queries.run("UPDATE low_counts SET low = low + 100");
  const countOf = async (filter?: Filter) =>
    (await listEntities({ store, clock }, operator, { ...wish, scope: scopes.dealer!, filter })).count!;
  assert((await countOf()) > 1000);
  assert((await countOf(low)) > 100);
  assert.equal(await countOf({ kind: "text", name: "contains", property: "model", value: "LX-2" }), 1);
});

eachDatabase("rows are counted once: the next pages have the number of the first", async () => {
  await using scene = await programsScene();
  await odataFleet(scene);
  const program = await scene.program(), root = "/odata/v1";
  const next = (answer: { json: Record<string, string> }) => answer.json["@odata.nextLink"]!;
  const options = {
    $count: "true",
    $orderby: "Serial",
    $select: "Serial",
    $filter: "startswith(Model,'')",
    custom: "1",
  };
  const first = await ask(program, "Devices", { ...options, $skip: "1", $top: "2" });
  assert.deepEqual([first.json["@odata.count"], first.json.value.length], [5, 2]);
  assert.equal(next(first), undefined, "no more are wanted");
  const pages = await ask(program, "Supplies", { $count: "true", $top: "1001", $select: "Serial" });
  assert.equal(pages.json["@odata.count"], 9);
  // Pages end at a thousand rows: what a search ends early is a page as well.
  await scene.platform.queries.run("UPDATE device_counts SET devices = devices + 15000");
  const search = { $count: "true", $select: "Serial", $filter: "contains(Model,'LX-')", $top: "50" };
  const one = await ask(program, "Devices", search);
  assert.equal(one.json["@odata.count"], 4);
  // Rows to be left out are as well, where a page ends before all of them are.
  for (const set of ["Devices", "Supplies"]) {
    const all = set === "Devices" ? 4 : 7;
    for (let skip = 0; skip <= all; skip++) {
      let rows = 0, path: string | undefined = `${root}/${set}?$filter=contains(Model,'LX-')&$skip=${skip}`;
      while (path !== undefined) {
        scene.platform.clock.advance(1000);
        const page = await program.get(path);
        rows += page.json.value.length;
        const href = page.json["@odata.nextLink"];
        path = href?.slice(href.indexOf(root));
      }
      assert.equal(rows, all - skip, `${set} behind ${skip}`);
    }
  }
  const link = new URL(next(one));
  for (const [name, value] of Object.entries({ ...search, $top: String(50 - one.json.value.length) })) {
    assert.equal(link.searchParams.get(name), value);
  }
  await scene.devices(scene.acme, scene.berlin, [printer("10.1.0.9", "SN00009", { model: "LX-100" })]);
  const path = link.href.slice(link.href.indexOf(root));
  assert.equal((await program.get(path)).json["@odata.count"], 4);
  // Whoever asks for it only then is told what it is then.
  link.searchParams.delete("$count");
  const without = await ask(program, "Devices", { ...search, $count: "false" });
  const later = new URL(next(without));
  later.searchParams.set("$count", "true");
  assert.equal((await program.get(later.href.slice(later.href.indexOf(root)))).json["@odata.count"], 5);
});
