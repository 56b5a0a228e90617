/** Applies a reading to the stored data of its device: latest state, samples, alerts, and what changed at once. */
import { noteAlerts } from "./alerts.ts";
import { type ArrivedReading, isLow, metersOf, nextState, suppliesOf } from "./device_state.ts";
import { supplyName } from "./device_view.ts";
import type { KnownDevices } from "./known_devices.ts";
import { fallenMeter, replacedSupplies } from "./reading_changes.ts";
import { newSamples, samplesOf } from "./samples.ts";

export function keepReading(known: KnownDevices, arrived: ArrivedReading): void {
  const { deviceId, reading } = arrived;
  const before = known.state(deviceId);
  const after = nextState(before, arrived);
  const at = arrived.observedAt.getTime();
  // A late reading after an outage must not overwrite newer data.
  if (after === undefined) {
    return known.addSamples({ deviceId, at, isLate: true, samples: samplesOf(reading) });
  }
  known.setState(deviceId, after);
  const was = { meters: once(() => metersOf(before)), supplies: once(() => suppliesOf(before)) };
  known.addSamples({ deviceId, at, isLate: false, samples: newSamples({ before, after, reading, was }) });
  if (before != null && before.meters !== null && before.meters !== after.meters) {
    const fallen = fallenMeter(was.meters(), reading.meters, at);
    if (fallen !== undefined) known.addHistory({ ...fallen, deviceId });
  }
  if (before != null && before.supplies !== null && before.supplies !== after.supplies) {
    for (const entry of replacedSupplies(was.supplies(), reading.supplies, at)) {
      known.addHistory({ ...entry, deviceId });
    }
  }
  if (after.low > (before?.low ?? 0)) {
    const low = reading.supplies.filter(isLow).map(supplyName).join(", ").slice(0, 500);
    known.addEvent({ type: "supply.low", deviceId, at: arrived.observedAt, data: { supplies: low, low: after.low } });
  }
  noteAlerts(known, arrived);
}

/** Decoding takes longer than anything else here. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
