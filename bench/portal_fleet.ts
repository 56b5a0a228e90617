/** A large fleet for benchmarks of the portal: customers of 5,000 devices, copies of one that was uploaded. */
import { LevelKind, type Reading } from "../proto/gen/opendca/v1/reading.ts";
import { createCustomer, createSite } from "../platform/customers/customers.ts";
import { newId } from "../platform/store/new_id.ts";
import type { Tenant } from "../platform/store/store.ts";
import { readingOf } from "../tests/fixtures/platform_uploads.ts";
import type { PortalScene } from "../tests/platform/portal_scene.ts";
import { operator } from "../tests/platform/users_fixture.ts";

const perCustomer = 5000;
const lowEvery = 40;

/** Copies of one uploaded device; the id of the first customer, and of one of its devices. */
export async function fillFleet(
  scene: PortalScene,
  devices: number,
): Promise<{ customerId: string; deviceId: string }> {
  const { platform: { platform, queries }, acme, berlin } = scene;
  const low = { ...readingOf(), supplies: [supply(5), supply(60)] } as unknown as Reading;
  const [first] = await scene.devices(acme, berlin, [low]);
  const of = (table: string) =>
    queries.get<Record<string, unknown>>(`SELECT * FROM ${table} WHERE device_id = :id`, { id: first! });
  const device = (await of("devices"))!, state = (await of("device_state"))!;
  for (let customer = 0; customer * perCustomer < devices; customer++) {
    const tenantId = customer === 0 ? acme : await newCustomer(scene, customer);
    const agentId = customer === 0
      ? String(device.agent_id)
      : await copiedAgent(scene, tenantId, String(device.agent_id));
    await platform.store.transaction((tx) =>
      copies(tx.tenant(tenantId), { device, state, agentId, count: perCustomer - (customer === 0 ? 1 : 0) })
    );
  }
  return { customerId: acme, deviceId: first! };
}

async function newCustomer({ platform: { platform } }: PortalScene, number: number): Promise<string> {
  const customer = { name: `Customer ${number}`, dealer: "Print Partner" };
  const { customer_id: tenant } = await createCustomer(platform, operator, customer);
  await createSite(platform, { ...operator, tenant }, { name: "Office" });
  return tenant;
}

async function copiedAgent({ platform: { queries } }: PortalScene, tenantId: string, like: string): Promise<string> {
  const agent = (await queries.get<Record<string, never>>("SELECT * FROM agents WHERE agent_id = :like", { like }))!;
  const site =
    (await queries.get<{ site_id: string }>("SELECT site_id FROM sites WHERE customer_id = :id", { id: tenantId }))!;
  const agentId = newId("agt");
  const { customer_id: _, ...copied } = agent;
  const row = { ...copied, agent_id: agentId, site_id: site.site_id, installation_id: crypto.randomUUID() };
  const columns = Object.keys(row);
  const names = columns.join(", "), marks = columns.map((name) => `:${name}`).join(", ");
  await queries.tenant(tenantId).run(`INSERT INTO agents (customer_id, ${names}) VALUES (:customer, ${marks})`, row);
  return agentId;
}

async function copies(
  tenant: Tenant,
  { device, state, agentId, count }: {
    device: Record<string, unknown>;
    state: Record<string, unknown>;
    agentId: string;
    count: number;
  },
): Promise<void> {
  const ids = Array.from({ length: count }, () => newId("dev"));
  const ofAgent = { agent_id: agentId };
  const write = async (table: string, key: string[], like: Record<string, unknown>, more: (n: number) => object) => {
    const columns = Object.keys(like).filter((name) => !/^(customer_id|rowid|\w+_(?:lower|order))$/.test(name));
    await tenant.insertMany(
      { table, key, columns },
      ids.map((device_id, n) => ({ ...like, ...ofAgent, device_id, ...more(n) })),
    );
  };
  await write("devices", ["device_id"], device, (n) => ({
    address: `10.${n >> 16}.${n >> 8 & 255}.${n & 255}`,
    serial: `SER${n}`,
  }));
  await write("device_state", ["device_id"], state, (n) => ({ low: n % lowEvery === 0 ? 1 : 0 }));
}

function supply(percent: number) {
  const level = { kind: LevelKind.EXACT, percent, level: percent, capacity: 100, unit: "percent" };
  return { index: `1.${percent}`, kind: "toner", colorant: "black", description: "Toner", partNumber: "TN-1", level };
}
