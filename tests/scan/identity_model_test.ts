import assert from "node:assert/strict";
import { isPostgres, openTestStore, slowInPostgres } from "../fixtures/each_database.ts";
import { checkIdentities, type IdentityScene, identityScene, silent } from "../fixtures/identity_model.ts";

const day = 86_400_000;
const full = { serial: "CNB70001", mac: "00:1b:a9:00:00:01" }, other = { serial: "CNB70002", mac: "00:1b:a9:00:00:02" };

const apart: { name: string; second: { customer?: string; site?: string; name?: string } }[] = [
  { name: "customers", second: { customer: "Other" } },
  { name: "sites of the platform", second: { site: "Hamburg" } },
  { name: "sites of the configuration", second: { name: "warehouse" } },
];

const cases: { name: string; body: (scene: IdentityScene) => Promise<void> }[] = [];
const identityCase = (name: string, body: (scene: IdentityScene) => Promise<void>) => cases.push({ name, body });

for (const order of [[0, 1], [1, 0]]) {
  identityCase(`two agents of a site, of which one sees no serial number, agree on a device: ${order}`, async (s) => {
    const agents = [await s.agent(), await s.agent()];
    const ids = new Set<string>();
    for (let round = 0; round < 3; round++) {
      for (const i of order) for (const id of await agents[i]!.read(i === 0 ? full : {})) ids.add(id);
    }
    assert.deepEqual([ids.size, (await s.devices()).length], [1, 1]);
    assert.deepEqual(await s.history([...ids][0]!), ["appeared"]);
  });
}

identityCase(
  "an agent that sees no serial number follows the site's other agent to the printer that took a place over",
  async (s) => {
    const seeing = await s.agent(), blind = await s.agent();
    const [old] = await seeing.read(full);
    assert.deepEqual(await blind.read({}), [old]);
    await seeing.read(other);
    const [, replaced] = await seeing.read(other);
    assert.notEqual(replaced, old);
    assert.deepEqual(await blind.read({}), [replaced]);
    assert.equal((await s.devices()).length, 2);
  },
);

for (const { name, second } of apart) {
  identityCase(
    `equal addresses of two ${name} are different devices, where these show nothing of themselves`,
    async (s) => {
      const agents = [await s.agent(), await s.agent(second)];
      // One after another: each reading is of another minute.
      const read = async () => [(await agents[0]!.read({}))[0], (await agents[1]!.read({}))[0]];
      const ids = await read();
      for (let round = 0; round < 3; round++) assert.deepEqual(await read(), ids);
      assert.notEqual(ids[0], ids[1]);
      // The serial number of one of them says nothing of the other.
      assert.deepEqual(await agents[0]!.read(full), [ids[0]]);
      assert.deepEqual(await agents[1]!.read({}), [ids[1]]);
    },
  );
}

identityCase(
  "a device that an agent knew by its place, and that shows its serial number later, becomes the one that others know",
  async (s) => {
    const seeing = await s.agent(), later = await s.agent({ name: "elsewhere" });
    const [known] = await seeing.read(full);
    const [hidden] = await later.read({ address: "192.168.1.7" });
    assert.notEqual(hidden, known);
    assert.deepEqual(await later.read({ ...full, address: "192.168.1.7" }), [known]);
    assert.deepEqual((await s.devices()).map(({ device_id }) => device_id), [known]);
    assert.deepEqual(await s.history(known!), ["appeared", "appeared", "merged"]);
  },
);

identityCase(
  "an agent that lost its inventory finds the devices that show nothing of themselves where they are",
  async (s) => {
    const agent = await s.agent();
    const places = [5, 6, 7].map((host) => ({ address: `10.1.0.${host}`, model: null, manufacturer: null }));
    const read = async () => {
      const ids: (string | undefined)[] = [];
      for (const place of places) ids.push((await agent.read(place))[0]);
      return ids;
    };
    const ids = await read();
    for (let lost = 0; lost < 3; lost++) {
      agent.forget();
      assert.deepEqual(await read(), ids);
    }
    assert.equal((await s.devices()).length, 3);
  },
);

identityCase("a device that took the place of one that moved away is a new one for the platform, too", async (s) => {
  const agent = await s.agent();
  const [moved] = await agent.read(full);
  await agent.read({ ...full, address: "10.1.0.99" });
  const [there] = await agent.read({});
  assert.notEqual(there, moved);
  assert.deepEqual(await agent.read({ ...full, address: "10.1.0.99" }), [moved]);
});

identityCase("a device with two addresses has no endless history", async (s) => {
  const agent = await s.agent();
  const ids = new Set<string>();
  for (let sweep = 0; sweep < 8; sweep++) {
    for (const address of ["10.1.0.7", "2001:db8::7"]) {
      for (const id of await agent.read({ ...full, address })) ids.add(id);
    }
    s.pass(day);
  }
  assert.equal(ids.size, 1);
  assert.deepEqual(await s.history([...ids][0]!), ["appeared", "addressChanged"]);
});

identityCase(
  "a partly lost answer changes no name of a device, and adds no evidence that another could be taken for",
  async (s) => {
    const agent = await s.agent();
    const [id] = await agent.read(full);
    await agent.read({ ...full, serial: "CARD77777", model: "Net 77", ...silent });
    assert.deepEqual((await s.devices()).map(({ serial, model }) => [serial, model]), [["CNB70001", "P1"]]);
    assert.deepEqual(await s.history(id!), ["appeared"]);
    const elsewhere = await (await s.agent({ site: "Hamburg" })).read({ serial: "CARD77777" });
    assert.notEqual(elsewhere[0], id);
  },
);

identityCase("what an agent merges, the platform merges", async (s) => {
  const agent = await s.agent();
  const [id] = await agent.read(full);
  const there = { address: "10.1.0.99", ...silent };
  for (let look = 0; look < 3; look++) await agent.read(there);
  assert.equal((await s.devices()).length, 2);
  assert.deepEqual(await agent.read({ ...full, address: "10.1.0.99" }), [id]);
  assert.deepEqual((await s.devices()).map(({ device_id, address }) => [device_id, address]), [[id, "10.1.0.99"]]);
});

identityCase(
  "two agents that made two devices of one, as each saw another part of it, agree once one sees it whole",
  async (s) => {
    const seeing = await s.agent(), half = await s.agent();
    for (let look = 0; look < 3; look++) await seeing.read({ serial: full.serial, model: null, ...silent });
    const [second] = await half.read({ mac: full.mac });
    assert.equal((await s.devices()).length, 2);
    const [known] = await seeing.read(full);
    assert.notEqual(known, second);
    assert.deepEqual(await half.read({ mac: full.mac }), [known]);
    assert.deepEqual((await s.devices()).map(({ device_id }) => device_id), [known]);
  },
);

slowInPostgres("agents and the platform agree on which devices there are", async (t) => {
  await using store = await openTestStore();
  for (const { name, body } of cases) await t.step(name, () => body(identityScene(store)));
});

slowInPostgres(
  "two agents and the platform know as many devices as there are, whatever a view hides and a network loses",
  // In PostgreSQL each takes several times as long; tests/faults has more of them.
  () => checkIdentities(isPostgres() ? 4 : 60),
);
