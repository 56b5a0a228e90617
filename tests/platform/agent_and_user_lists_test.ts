/** Lists of agents and of users: search, filters, order, pages and CSV, against the whole list. */
import assert from "node:assert/strict";
import { agentSorts, exportAgents, pageOfAgents } from "../../platform/agents/list_agents.ts";
import { agentRows, type ListedAgent } from "../../platform/agents/agents.ts";
import { isLate } from "../../platform/agents/agent_health.ts";
import { mergeDevice } from "../../platform/devices/merge_device.ts";
import { setUserGrants } from "../../platform/users/manage_users.ts";
import { exportUsers, pageOfUsers, userSorts } from "../../platform/users/list_users.ts";
import { listUsers } from "../../platform/users/users.ts";
import { allPages } from "../fixtures/all_pages.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { type PortalScene, portalScene } from "./portal_scene.ts";
import { operator } from "./users_fixture.ts";

const eva = "eva@partner.example";

/* Late by what the platform set, by the usual interval and by their own files, and not. */
async function withAgents({ acme, berlin, bonn, platform: { queries, clock } }: PortalScene, count: number) {
  const now = clock.now().getTime(), minute = 60_000;
  const configs = [null, "poll:\n  interval: 1h\n", "poll:\n  interval: 10m\n"];
  for (let i = 0; i < count; i++) {
    await queries.tenant(acme).run(
      `INSERT INTO agents (customer_id, agent_id, site_id, installation_id, state, created_at, hostname, version,
         last_seen_at, poll_seconds, effective_config)
       VALUES (:customer, :id, :site, :id, :state, :created, :host, :version, :seen, :poll, :config)`,
      {
        id: `agt-${String(i).padStart(12, "0")}`,
        site: i % 3 === 0 ? bonn : berlin,
        state: i % 7 === 0 ? "revoked" : "active",
        created: now - (i % 5) * minute,
        host: i % 4 === 0 ? "" : i === 7 ? "=1+1 100%_\\" : `Host-${i % 9}`,
        version: `0.${i % 3}.0`,
        seen: i % 11 === 0 ? null : now - (i % 13) * 8 * minute,
        poll: i % 2 === 0 ? 300 : i % 5 === 0 ? 0 : null,
        config: configs[i % 3]!,
      },
    );
  }
}

/* The same as a person sees it. */
async function onThePage(scene: PortalScene, every: readonly ListedAgent[]): Promise<void> {
  const { acme, berlin, bonn } = scene;
  const user = await scene.signedIn(eva), root = `/customers/${acme}/agents`;
  const first = (await user.get(root)).body;
  assert.match(first, /1 to 100 of 231/);
  const next = /rel="next" href="([^"]*)"/.exec(first)![1]!.replaceAll("&amp;", "&");
  assert.match((await user.get(next)).body, /101 to 200 of 231/);
  assert.match((await user.get(`${root}?q=nothing-of-this`)).body, /Nothing matches these filters/);
  assert.match((await user.get(`${root}?sort=-version`)).body, /aria-sort="descending"/);
  for (const sort of agentSorts) assert.equal((await user.get(`${root}?sort=${sort}`)).status, 200, sort);
  const csv = (await user.get(`${root}?format=csv&state=revoked&column=version&column=note`)).body.trimEnd().split(
    "\r\n",
  );
  assert.equal(csv[0], "\ufeffagent_id,hostname,version,offered_version,silence");
  assert.equal(csv.length - 1, every.filter(({ state }) => state === "revoked").length);
  const odd = (await user.get(`${root}?format=csv&q=%25_&column=version`)).body.trimEnd().split("\r\n");
  assert.match(odd.slice(1).join("\n"), /^agt-000000000007,'=1\+1 100%_\\,/);
  const saved = await user.post("/views", {
    list: "agents",
    name: "Late",
    query: "silent=1&sort=-lastSeen",
    next: root,
  });
  assert.equal(saved.location, `${root}?silent=1&sort=-lastSeen`);
  assert.match((await user.get(saved.location)).body, /aria-current="true">Late/);
  const limited = await scene.signedIn("site@partner.example", {
    grants: [{ role: "viewer", customerId: acme, siteId: bonn }],
  });
  const seen = (await limited.get(root)).body;
  assert.match(seen, /Bonn/);
  assert.doesNotMatch(seen, /Berlin/);
  assert.doesNotMatch((await limited.get(`${root}?site=${berlin}&format=csv`)).body, /Berlin/);
}

const json = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row));

slowInPostgres(
  "agents are found, filtered and paged in every order as the whole list is, and are all in the CSV",
  async () => {
    await using scene = await portalScene();
    const { acme, berlin, bonn, other, platform: { platform, queries, clock } } = scene;
    await withAgents(scene, 230);
    const [one, two] = await scene.devices(acme, berlin, [
      readingOf({ address: "10.1.0.1", serial: "SER1" }),
      readingOf({ address: "10.1.0.2", serial: "SER2" }),
      readingOf({ address: "10.1.0.3", serial: "SER3" }),
    ]);
    const by = { ...operator, tenant: acme }, now = clock.now().getTime();
    await mergeDevice(platform, by, { device: one!, other: two! });
    const every = await agentRows(queries.tenant(acme));
    assert.equal(every.length, 231);
    assert.deepEqual(
      every.filter(({ devices }) => devices > 0).map(({ devices }) => devices),
      [2],
      "merged ones are one",
    );
    const filters = [
      {},
      { siteId: bonn },
      { sites: [berlin] },
      { sites: [] },
      { state: "revoked" as const },
      { silent: true },
      { search: "HOST-3 bonn" },
      { search: "0.1 berlin" },
      ...["%", "_", "\\", "0%", "%_\\", "_%"].map((search) => ({ search })),
      { silent: true, siteId: berlin, search: "host" },
      { ids: [every[0]!.agent_id, every[99]!.agent_id, "agt-none"] },
    ];
    for (const filter of filters) {
      const { siteId, sites, state, silent, search, ids } = { ...{ sites: undefined }, ...filter } as {
        siteId?: string;
        sites?: string[];
        state?: string;
        silent?: boolean;
        search?: string;
        ids?: string[];
      };
      const wanted = every.filter((row) =>
        (siteId === undefined || row.site_id === siteId) && (sites === undefined || sites.includes(row.site_id)) &&
        (state === undefined || row.state === state) && (silent !== true || isLate(row, now)) &&
        (ids === undefined || ids.includes(row.agent_id)) &&
        (search ?? "").toLowerCase().split(" ").every((word) =>
          `${row.hostname} ${row.agent_id} ${row.version} ${row.site_name}`.toLowerCase().includes(word)
        )
      ).map(({ agent_id }) => agent_id);
      const orders = [undefined, ...agentSorts.map((by, i) => ({ by, isDescending: i % 2 === 0 }))];
      for (const order of filter === filters[0] ? orders : [undefined]) {
        const wish = { ...filter, order }, whole = await pageOfAgents(platform, by, wish);
        assert.equal(whole.all, wanted.length, JSON.stringify(filter));
        assert.deepEqual(whole.rows.map(({ agent_id }) => agent_id).sort(), wanted.toSorted(), JSON.stringify(filter));
        for (const isBackwards of [false, true]) {
          const paged = await allPages((page) => pageOfAgents(platform, by, { ...wish, ...page }), {
            limit: 70,
            isBackwards,
          });
          assert.deepEqual(json(paged), json(whole.rows), JSON.stringify(wish));
        }
        const lots = await Array.fromAsync(exportAgents(platform, by, wish));
        assert(lots.every(({ length }) => length <= 200));
        assert.deepEqual(
          lots.flat().map(({ agent_id }) => agent_id),
          whole.rows.map(({ agent_id }) => agent_id),
          JSON.stringify(wish),
        );
      }
    }
    assert.equal((await pageOfAgents(platform, { ...operator, tenant: other }, {})).all, 0);
    await onThePage(scene, every);
  },
);

slowInPostgres(
  "users are found, filtered and paged in every order as the whole list is, each with what it may do",
  async () => {
    await using scene = await portalScene();
    const { acme, platform: { platform, queries } } = scene, user = await scene.signedIn(eva);
    const { dealer_id: dealerId } = (await queries.get<{ dealer_id: string }>(
      "SELECT dealer_id FROM customers WHERE customer_id = :acme",
      { acme },
    ))!;
    for (let i = 0; i < 220; i++) {
      await queries.run(
        `INSERT INTO users (user_id, dealer_id, of_customer, email, name, language, state, state_reason, state_since,
         totp_step, failed_attempts, failed_at, unknown_browsers_until, created_at, signed_in_at)
       VALUES (:id, :dealer, :customer, :email, :name, 'en', :state, :reason, 0, 0, 0, 0, 0, 0, :signed)`,
        {
          id: `usr-${String(i).padStart(12, "0")}`,
          dealer: dealerId,
          customer: i % 4 === 0 ? acme : null,
          email: `User-${i}@partner.example`,
          name: i === 11 ? `=HYPERLINK("x") 5%_\\` : `Name ${i % 7}`,
          state: (["invited", "active", "deactivated"] as const)[i % 3]!,
          reason: i % 3 === 2 ? "inactivity" : null,
          signed: i % 5 === 0 ? null : i % 9,
        },
      );
    }
    await setUserGrants(platform, operator, {
      user: "usr-000000000001",
      grants: [{ role: "viewer" }, { role: "billing" }],
    });
    const every = await listUsers(platform, operator, { dealer: dealerId });
    assert.equal(every.length, 221);
    assert.deepEqual(every.find(({ userId }) => userId === "usr-000000000001")!.grants.map(({ role }) => role), [
      "billing",
      "viewer",
    ]);
    assert.deepEqual(every.filter(({ hasSecondFactor }) => hasSecondFactor).map(({ email }) => email), [eva]);
    const searches = ["NAME 3 user-1", "%", "_", "\\", "5%", "%_\\", "_%"].map((search) => ({ search }));
    const filters = [{}, { customerId: acme }, { state: "deactivated" as const }, ...searches];
    for (const filter of filters) {
      const { customerId, state, search } = filter as { customerId?: string; state?: string; search?: string };
      const wanted = every.filter((row) =>
        (customerId === undefined || row.customerId === customerId) && (state === undefined || row.state === state) &&
        (search ?? "").toLowerCase().split(" ").every((word) => `${row.email} ${row.name}`.toLowerCase().includes(word))
      );
      const orders = [undefined, ...userSorts.map((by, i) => ({ by, isDescending: i % 2 === 0 }))];
      for (const order of filter === filters[0] ? orders : [undefined]) {
        const wish = { dealerId, ...filter, order }, whole = await pageOfUsers(platform, operator, wish);
        assert.equal(whole.all, wanted.length);
        if (order === undefined) assert.deepEqual(json(whole.rows), json(wanted));
        for (const isBackwards of [false, true]) {
          const paged = await allPages((page) => pageOfUsers(platform, operator, { ...wish, ...page }), {
            limit: 70,
            isBackwards,
          });
          assert.deepEqual(json(paged), json(whole.rows), JSON.stringify(wish));
        }
        assert.deepEqual(json((await Array.fromAsync(exportUsers(platform, operator, wish))).flat()), json(whole.rows));
      }
    }
    const body = (await user.get("/users?sort=-name")).body;
    assert.match(body, /1 to 100 of 221/);
    assert.match((await user.get("/users?q=user-219")).body, /User-219@partner\.example/);
    const csv = (await user.get("/users?format=csv&state=deactivated")).body.trimEnd().split("\r\n");
    assert.equal(csv.length - 1, every.filter(({ state }) => state === "deactivated").length);
    assert.match(csv[0]!, /^\ufeffemail,name,state,reason,roles,provider,second_factor,signed_in_at$/);
    const odd = (await user.get("/users?format=csv&q=%25_")).body.trimEnd().split("\r\n");
    assert.deepEqual(odd.slice(1).map((line) => line.split(",").slice(0, 2)), [[
      "User-11@partner.example",
      `"'=HYPERLINK(""x"") 5%_\\"`,
    ]]);
    assert.match((await user.get("/data")).body, /1 to 100 of 221/);
    // Of a customer: those who belong to it, and no others.
    const own = await scene.signedIn("own@acme.example", {
      customer: acme,
      grants: [{ role: "administrator", customerId: acme }],
    });
    assert.match((await own.get("/users")).body, /Users: 56</);
    assert.doesNotMatch((await own.get("/users?q=User-1%40&format=csv")).body, /User-1@/);
    assert.equal((await own.post("/users/usr-000000000001/deactivate")).status, 422);
  },
);
