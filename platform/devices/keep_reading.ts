/** What a reading changes in what is known of its device: the latest, the samples, the alerts. */
import type { Tenant } from "../store/store.ts";
import { noteAlerts } from "./alerts.ts";
import { type ArrivedReading, maybeDeviceState, nextState, setDeviceReading } from "./device_state.ts";
import { addLateSamples, addSamples, newSamples } from "./samples.ts";

export async function keepReading(tenant: Tenant, reading: ArrivedReading): Promise<void> {
  const { deviceId } = reading;
  const before = await maybeDeviceState(tenant, deviceId);
  const after = nextState(before, reading);
  // After an outage: the past does not overwrite the present.
  if (after === undefined) return await addLateSamples(tenant, reading);
  await setDeviceReading(tenant, deviceId, after);
  const at = reading.observedAt.getTime();
  await addSamples(tenant, { deviceId, at, samples: newSamples(before, reading) });
  await noteAlerts(tenant, reading);
}
