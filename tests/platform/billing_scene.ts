/** A store with customers, devices and meters, for tests of what is billed. */
import { createSigningKeyPem, loadSigningKey, type SigningKey } from "../../common/protocol/signature.ts";
import { addAgent } from "../../platform/agents/agents.ts";
import type { TenantBy } from "../../platform/audit/use_case.ts";
import { addSite } from "../../platform/customers/customers.ts";
import { noteLate } from "../../platform/devices/late_arrivals.ts";
import { addSamples } from "../../platform/devices/samples.ts";
import type { Store, Tenant } from "../../platform/store/store.ts";
import { openTestStore } from "../fixtures/each_database.ts";
import { addDevice } from "../fixtures/known_devices.ts";
import { addTestCustomer, looseTenant } from "../fixtures/loose_queries.ts";
import { type MovedClock, movedClock } from "../fixtures/platform_fixture.ts";

export interface BillingScene extends AsyncDisposable {
  platform: {
    store: Store;
    clock: MovedClock;
    signingKey: SigningKey;
    agentAuthority: { certificate: { rawData: ArrayBuffer } };
  };
  by: TenantBy;
  tenant: Tenant;
  agents: [berlin: string, munich: string];
  device(facts?: { serial?: string; address?: string; agent?: string; at?: string }): Promise<string>;
  /** Values of the meter `total`, as late readings: the order does not matter. */
  read(deviceId: string, values: Record<string, number>, meter?: string, unit?: string): Promise<void>;
}

export const madeAt = "2026-04-05T08:00:00Z";

/** The customer has the sites Berlin and Munich, and an agent at each. */
export async function billingScene(store?: Store, name = "Acme"): Promise<BillingScene> {
  const own = store ?? await openTestStore();
  const at = new Date("2026-01-01T00:00:00Z");
  const { customerId, agents } = await own.transaction(async (tx) => {
    const { customer_id: customerId } = await addTestCustomer(tx, { name, at });
    const tenant = tx.tenant(customerId);
    const agents: string[] = [];
    for (const site of ["Berlin", "Munich"]) {
      const { site_id: siteId } = await addSite(tenant, { name: site, at });
      agents.push(await addAgent(tenant, { siteId, installationId: site, hostname: "h", version: "1", at }));
    }
    return { customerId, agents: agents as [string, string] };
  });
  const tenant = looseTenant(own, customerId), clock = movedClock(new Date(madeAt));
  return {
    platform: {
      store: own,
      clock,
      signingKey: loadSigningKey(createSigningKeyPem()),
      agentAuthority: { certificate: { rawData: new ArrayBuffer(8) } },
    },
    by: { actor: { kind: "operator", name: "eva" }, tenant: customerId },
    tenant,
    agents,
    device: ({ serial = "ABC12345", address = "10.1.0.7", agent = agents[0], at: since = at.toISOString() } = {}) =>
      addDevice(tenant, {
        facts: {
          agent_id: agent,
          network: "office",
          serial,
          manufacturer: "Example",
          model: "LX-100",
          hostname: null,
          firmware: null,
          location: null,
          address,
          state: "idle",
        },
        at: new Date(since),
      }),
    async read(deviceId, values, meter = "total", unit = "impressions") {
      for (const [time, value] of Object.entries(values)) {
        const at = Date.parse(time.length === 10 ? `${time}T12:00:00Z` : time);
        const records = [{ kind: "reading" as const, deviceId, observedAt: new Date(at), receivedAt: clock.now() }];
        await noteLate(tenant, { records, merged: [] });
        await addSamples(tenant, [{
          deviceId,
          at,
          isLate: true,
          samples: [{ kind: "meter", name: meter, value, unit, level: "" }],
        }]);
      }
    },
    async [Symbol.asyncDispose]() {
      if (store === undefined) await own[Symbol.asyncDispose]();
    },
  };
}
