/** OData over HTTPS, as Excel and Power BI ask it; and that databases and filters agree. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Filter, matches, orderOf, type Row, type Value } from "../../platform/interfaces/filter.ts";
import { listEntities } from "../../platform/interfaces/list_entities.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { anyFilter } from "./any_filter.ts";
import { ask, odataFleet, printer } from "./odata_fleet.ts";
import { type ProgramsScene, programsScene } from "./programs_scene.ts";
import { operator } from "./users_fixture.ts";

const root = "/odata/v1";

const ofFleet = new Map<string, (scene: ProgramsScene) => Promise<void>>();

/** Of those that only look at the fleet: they have one on each database. */
function fleetTest(name: string, body: (scene: ProgramsScene) => Promise<void>): void {
  ofFleet.set(name, body);
}

fleetTest("Excel signs in by Basic, reads the service, and walks through all devices of the dealer", async (scene) => {
  const { text } = await scene.program();
  const nobody = await ask(scene.anybody(), "Devices");
  assert.equal(nobody.status, 401);
  assert.match(String(nobody.headers["www-authenticate"]), /^Basic realm=/);
  const excel = scene.anybody(`Basic ${btoa(`anything:${text}`)}`);
  const service = await ask(excel, "");
  assert.deepEqual(service.json.value.map(({ name }: { name: string }) => name), [
    "Devices",
    "Supplies",
    "Meters",
    "Alerts",
    "Agents",
  ]);
  const described = await ask(excel, "$metadata");
  assert.match(String(described.headers["content-type"]), /^application\/xml/);
  assert.match(described.body, /<EntitySet Name="Devices" EntityType="OpenDCA.Device"\/>/);
  const { json, headers } = await ask(excel, "Devices", {
    $count: "true",
    $orderby: "Serial desc",
    $select: "Serial,Site",
  });
  assert.equal(headers["odata-version"], "4.0");
  assert.match(String(headers["content-type"]), /^application\/json;odata.metadata=minimal/);
  assert.equal(json["@odata.count"], 5);
  assert.match(json["@odata.context"], /^https:\/\/.*\/odata\/v1\/\$metadata#Devices\(Site,Serial\)$/);
  assert.deepEqual(
    json.value.map(({ Serial }: { Serial: string }) => Serial),
    [5, 4, 3, 2, 1].map((n) => `SN0000${n}`),
  );
  assert.deepEqual(Object.keys(json.value[0]), ["Site", "Serial"]);
});

fleetTest("options of OData select, filter, sort and page every set", async (scene) => {
  const program = await scene.program();
  const serials = async (query: Record<string, string>, set = "Devices") => {
    const { json, status, body } = await ask(program, set, query);
    assert.equal(status, 200, body);
    return json.value.map(({ Serial }: { Serial: string }) => Serial.slice(-1)).join("");
  };
  assert.equal(await serials({ $filter: "Model eq 'LX-200'" }), "2");
  assert.equal(
    await serials({ $filter: "contains(Model,'LX-') and not endswith(Model,'200')", $orderby: "Serial" }),
    "145",
  );
  assert.equal(await serials({ $filter: "startswith(Model,'Ünï')" }), "3");
  assert.equal(await serials({ $filter: "contains(Model,'lx')" }), "");
  assert.equal(await serials({ $filter: "Location eq '3rd floor'" }), "3");
  assert.equal(await serials({ $filter: "LowSupplies gt 0", $orderby: "Serial" }), "1345");
  assert.equal(
    await serials({ $filter: "LastSeenAt gt 2020-01-01T00:00:00Z and Silent eq false", $orderby: "Serial" }),
    "12345",
  );
  assert.equal(await serials({ $orderby: "Model desc,Serial desc", $top: "2" }), "32");
  assert.equal(await serials({ $orderby: "Serial", $skip: "1", $top: "2" }), "23");
  assert.equal(await serials({ $filter: "Percent lt 10", $orderby: "Serial" }, "Supplies"), "1345");
  assert.equal(await serials({ $filter: "Low and Site eq 'Berlin'", $orderby: "Serial" }, "Supplies"), "13");
  assert.equal(await serials({ $filter: "Open and Severity eq 'critical'" }, "Alerts"), "4");
  assert.equal((await ask(program, "Supplies", { $count: "true", $top: "1" })).json["@odata.count"], 9);
  assert.equal((await ask(program, "Devices/$count", { $filter: "Model eq 'LX-200'" })).body, "1");
  assert.equal((await ask(program, "Meters/$count")).status, 200);
  assert.equal((await ask(program, "Agents")).json.value.length, 3);
  const [device] = (await ask(program, "Devices", { $top: "1" })).json.value;
  const one = await ask(program, `Devices(CustomerId='${device.CustomerId}',DeviceId='${device.DeviceId}')`);
  assert.equal(one.json.Serial, device.Serial);
  assert.equal((await ask(program, `Devices(CustomerId='x',DeviceId='y')`)).status, 404);
  assert.equal((await ask(program, "Devices(5)")).status, 400);
  const exact = await program.get(`${root}/Devices`, { accept: "application/json;IEEE754Compatible=true" });
  assert.equal(typeof exact.json.value[0].TotalPages, "string");
});

/** All rows, page after page. */
async function walk(
  platform: Parameters<typeof listEntities>[0],
  wish: Parameters<typeof listEntities>[2] & { limit: number },
): Promise<Row[]> {
  const walked: Row[] = [];
  let after: Value[] | undefined;
  do {
    const page = await listEntities(platform, operator, { ...wish, after });
    assert(page.rows.length <= wish.limit);
    walked.push(...page.rows);
    after = page.next;
  } while (after !== undefined);
  return walked;
}

slowInPostgres("pages lead to the next one, to the end, with the top that is left", async () => {
  await using scene = await programsScene();
  const count = 30;
  await scene.devices(
    scene.acme,
    scene.berlin,
    Array.from(
      { length: count },
      (_, i) =>
        printer(
          `10.1.0.${i + 1}`,
          `SN${i + 10_000}`,
          i % 3 === 0 ? { location: `room ${i}` } : { location: undefined },
        ),
    ),
  );
  const { platform } = scene.platform, scope = { customers: [{ customerId: scene.acme, sites: "all" as const }] };
  for (const entity of ["devices", "supplies", "meters"] as const) {
    for (
      const order of [
        [],
        ...(entity === "devices"
          ? [[{ property: "location", isDescending: true }], [{ property: "location", isDescending: false }], [
            { property: "silent", isDescending: true },
            { property: "lastSeenAt", isDescending: true },
          ]]
          : [[{ property: "readAt", isDescending: true }]]),
      ]
    ) {
      const whole = (await listEntities(platform, operator, { entity, scope, order, limit: 1000 })).rows;
      const walked = await walk(platform, { entity, scope, order, limit: 7 });
      assert.deepEqual(walked, whole, `${entity} by ${JSON.stringify(order)}`);
      for (const [i, row] of walked.slice(1).entries()) {
        for (const { property, isDescending } of order.slice(0, 1)) {
          const step = orderOf(walked[i]![property]!, row[property]!);
          assert(isDescending ? step >= 0 : step <= 0);
        }
      }
    }
  }
  const program = await scene.program();
  // Over several customers, of which one has nothing that is found.
  await scene.platform.queries.tenant(scene.other).run(
    "INSERT INTO sites (customer_id, site_id, name, created_at) VALUES (:customer, 'sit-000000000001', 'Rome', 0)",
  );
  await scene.devices(scene.other, "sit-000000000001", [1, 2, 3].map((n) => printer(`10.9.0.${n}`, `SN2000${n}`)));
  for (const set of ["devices", "supplies", "meters", "agents"] as const) {
    for (const model of ["LX-100", "nothing"]) {
      const everywhere = {
        customers: [{ customerId: scene.other, sites: "all" as const }, {
          customerId: scene.acme,
          sites: "all" as const,
        }],
      };
      const filter: Filter | undefined = set === "agents" || model === "LX-100"
        ? undefined
        : { kind: "compare", property: "serial", operator: "eq", value: "SN20002" };
      const wish = { entity: set, scope: everywhere, filter };
      const { count } = await listEntities(platform, operator, { ...wish, limit: 1, withCount: true });
      const walked = await walk(platform, { ...wish, limit: 4 });
      assert.equal(walked.length, count, set);
      assert.equal(new Set(walked.map((row) => JSON.stringify(row))).size, count, set);
    }
  }
  const supplies = (await ask(program, "Supplies", { $top: "45" })).json;
  assert.equal(supplies.value.length, 45);
  assert.equal(supplies["@odata.nextLink"], undefined);
});

Deno.test("a token reads what is its own: no other dealer, customer, site or permission", async () => {
  await using scene = await programsScene();
  await odataFleet(scene);
  const of = async (wish: Parameters<ProgramsScene["program"]>[0], set: string) => {
    const program = await scene.program(wish), { status, json } = await ask(program, set, { $orderby: "Serial" });
    return status === 200
      ? [...new Set(json.value.map(({ Serial }: { Serial: string }) => Serial.slice(-1)))].join("")
      : status;
  };
  const { acme, berlin, other } = scene;
  for (const set of ["Devices", "Supplies", "Meters"]) {
    assert.equal(await of({}, set), "12345", set);
    assert.equal(await of({ places: [{ customerId: other }] }, set), "5", set);
    assert.equal(await of({ places: [{ customerId: acme, siteId: berlin }] }, set), "123", set);
    assert.equal(await of({ places: [{ customerId: other }, { customerId: acme, siteId: berlin }] }, set), "1235", set);
  }
  assert.equal(await of({ permissions: ["readFleet"] }, "Meters"), 403);
  assert.equal(await of({ permissions: ["readMeters"] }, "Devices"), 403);
  const foreign = await ask(await scene.program(), "Devices", { $filter: `CustomerId eq '${scene.foreign}'` });
  assert.deepEqual(foreign.json.value, []);
});

fleetTest("of a customer that a filter names, the rows of no other customer are looked for", async (scene) => {
  const { acme, other, foreign } = scene, { store, clock } = scene.platform.platform;
  const { dealer_id: dealerId } = (await scene.platform.queries.get<{ dealer_id: string }>(
    "SELECT dealer_id FROM customers WHERE customer_id = :acme",
    { acme },
  ))!;
  let asked: string[] = [];
  const transaction: typeof store.transaction = (work, options) =>
    store.transaction((tx) =>
      work({
        ...tx,
        engine: tx.engine,
        all: (sql, parameters) => tx.all(sql, parameters),
        tenant(customer) {
          asked.push(customer);
          return tx.tenant(customer);
        },
      }), options);
  const watched = { store: { ...store, transaction }, clock };
  const named = (value: Value): Filter => ({ kind: "compare", property: "customerId", operator: "eq", value });
  const low: Filter = { kind: "compare", property: "percent", operator: "lt", value: 10 };
  for (
    const scope of [{ dealerId }, { customers: [acme, other].map((c) => ({ customerId: c, sites: "all" as const })) }]
  ) {
    for (const entity of ["devices", "supplies"] as const) {
      const find = async (...of: Filter[]) => {
        asked = [];
        const filter: Filter = { kind: "and", of };
        const { rows } = await listEntities(watched, operator, { entity, scope, filter, limit: 100 });
        return { rows: new Set(rows.map(({ serial }) => serial)).size, asked: [...new Set(asked)] };
      };
      assert.deepEqual(await find(), { rows: 5, asked: [acme, other].toSorted() });
      assert.deepEqual(await find(named(other)), { rows: 1, asked: [other] });
      assert.deepEqual(await find(named(other), named(acme)), { rows: 0, asked: [] });
      assert.deepEqual(await find(named(foreign)), { rows: 0, asked: [] });
      assert.deepEqual(await find(named(null)), { rows: 0, asked: [] });
      if (entity === "supplies") assert.deepEqual(await find(named(acme), low), { rows: 3, asked: [acme] });
    }
  }
});

fleetTest("of all customers, what an index answers is found with its case, and parts of it too", async (scene) => {
  const program = await scene.program();
  const found = async ($filter: string, set = "Devices") => {
    const { json, body, status } = await ask(program, set, { $filter, $orderby: "Serial" });
    assert.equal(status, 200, body);
    const unsorted = await ask(program, set, { $filter });
    const serials = (rows: { Serial: string }[]) => [...new Set(rows.map(({ Serial }) => Serial.slice(-1)))].sort();
    assert.deepEqual(serials(unsorted.json.value), serials(json.value), $filter);
    return serials(json.value).join("");
  };
  for (const set of ["Devices", "Supplies"]) {
    assert.equal(await found("Serial eq 'SN00005'", set), "5");
    assert.equal(await found("Serial eq 'sn00005'", set), "");
    assert.equal(await found("startswith(Serial,'SN0000')", set), "12345");
    assert.equal(await found("startswith(Serial,'sn')", set), "");
    assert.equal(await found("startswith(Serial,'SN00005\u{10ffff}')", set), "");
    assert.equal(await found("Serial eq 'SN00005' or Serial eq 'SN00001'", set), "15");
    assert.equal(await found("not (Serial eq 'SN00005')", set), "1234");
    assert.equal(await found("Address eq '10.3.0.1'", set), "5");
    assert.equal(await found("startswith(Address,'10.1.') and Serial eq 'SN00002'", set), "2");
    assert.equal(await found("Serial eq 'SN00006'", set), "", "of another dealer");
    assert.equal(await found("startswith(Serial,'')", set), "12345");
  }
  assert.equal(await found("LowSupplies ge 1"), "1345");
  assert.equal(await found("LowSupplies eq 1"), "1345");
  assert.equal(await found("LowSupplies gt 1"), "");
  assert.equal(await found("LowSupplies ge 0"), "12345");
  assert.equal(await found("LowSupplies eq 0"), "2");
  assert.equal(await found("Severity eq 'critical' and Serial eq 'SN00004'", "Alerts"), "4");
});

fleetTest("a search of many devices ends a page early, and the next ones have the rest", async (scene) => {
  // As if each customer had that many more, of an hour of long ago.
  await scene.platform.queries.run("UPDATE device_counts SET devices = devices + 15000");
  const program = await scene.program();
  for (const set of ["Devices", "Supplies"]) {
    for (const $top of [undefined, "50"]) {
      const query: Record<string, string> = {
        $filter: "contains(Model,'LX-')",
        ...($top === undefined ? {} : { $top }),
      };
      const serials = new Set<string>();
      let answer = await ask(program, set, query), pages = 1;
      for (;;) {
        assert.equal(answer.status, 200, answer.body);
        for (const { Serial } of answer.json.value) serials.add(Serial);
        const next: string | undefined = answer.json["@odata.nextLink"];
        if (next === undefined) break;
        answer = await program.get(next.slice(next.indexOf(root)));
        pages++;
      }
      assert.equal(serials.size, 4, `${set} ${$top}`);
      assert.equal(pages, 2, `${set} ${$top}`);
    }
  }
  await scene.platform.queries.run("UPDATE device_counts SET devices = devices - 15000");
});

Deno.test("what is not supported or too much is refused in OData's own words", async () => {
  await using scene = await programsScene();
  const program = await scene.program();
  const cases: [status: number, path: string, query: Record<string, string>][] = [
    [501, "Devices", { $expand: "Supplies" }],
    [501, "Devices", { $search: "x" }],
    [501, "Devices", { $apply: "aggregate($count as x)" }],
    [501, "Devices", { $format: "atom" }],
    [400, "Devices", { $top: "-1" }],
    [400, "Devices", { $top: "1e3" }],
    [400, "Devices", { $skip: "1000000000" }],
    [400, "Devices", { $count: "yes" }],
    [400, "Devices", { $select: "Nonsense" }],
    [400, "Devices", { $orderby: "Nonsense" }],
    [400, "Devices", { $skiptoken: "x" }],
    [400, "Devices", { $filter: Array.from({ length: 101 }, () => "Serial eq 'a'").join(" or ") }],
    [400, "Devices", { $filter: `${"(".repeat(100)}Serial eq 'a'${")".repeat(100)}` }],
    [404, "Nothing", {}],
  ];
  for (const [status, path, query] of cases) {
    const answer = await ask(program, path, query);
    assert.equal(answer.status, status, `${path} ${JSON.stringify(query)}: ${answer.body}`);
    assert.equal(typeof answer.json.error.code, "string");
    assert(answer.json.error.message.length > 0);
    assert.equal(answer.headers["odata-version"], "4.0");
  }
  assert.equal((await program.send("POST", `${root}/Devices`, {})).status, 405);
  assert.equal((await program.get(`${root}/Devices?$top=1&$top=2`)).status, 400);
  assert.equal((await program.get(`${root}/Devices`, { "odata-maxversion": "3.0" })).status, 400);
  assert.equal((await ask(program, "Devices", { custom: "1" })).status, 200);
});

fleetTest("the database finds the rows that a filter is true of, whatever the filter", async (scene) => {
  const { platform } = scene.platform, scope = { customers: [{ customerId: scene.acme, sites: "all" as const }] };
  const { rows: all } = await listEntities(platform, operator, { entity: "devices", scope, limit: 100 });
  await fc.assert(
    fc.asyncProperty(anyFilter, async (filter) => {
      const { rows } = await listEntities(platform, operator, { entity: "devices", scope, filter, limit: 100 });
      assert.deepEqual(rows, all.filter((row) => matches(filter, row)));
    }),
    { numRuns: Number(Deno.env.get("RUNS") ?? 60) },
  );
});

slowInPostgres("a fleet by OData", async (t) => {
  await using scene = await programsScene();
  await odataFleet(scene);
  for (const [name, body] of ofFleet) await t.step(name, () => body(scene));
});
