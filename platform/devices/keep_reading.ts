/** Applies a reading to the stored data of its device: latest state, samples, alerts. */
import { noteAlerts } from "./alerts.ts";
import { type ArrivedReading, nextState } from "./device_state.ts";
import type { KnownDevices } from "./known_devices.ts";
import { newSamples, samplesOf } from "./samples.ts";

export function keepReading(known: KnownDevices, reading: ArrivedReading): void {
  const { deviceId } = reading;
  const before = known.state(deviceId);
  const after = nextState(before, reading);
  const at = reading.observedAt.getTime();
  // A late reading after an outage must not overwrite newer data.
  if (after === undefined) {
    return known.addSamples({ deviceId, at, isLate: true, samples: samplesOf(reading.reading) });
  }
  known.setState(deviceId, after);
  known.addSamples({ deviceId, at, isLate: false, samples: newSamples({ before, after, reading: reading.reading }) });
  noteAlerts(known, reading);
}
