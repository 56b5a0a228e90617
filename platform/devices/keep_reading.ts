/** What a reading changes in what is known of its device: the latest, the samples, the alerts. */
import { noteAlerts } from "./alerts.ts";
import { type ArrivedReading, nextState } from "./device_state.ts";
import type { KnownDevices } from "./known_devices.ts";
import { newSamples, samplesOf } from "./samples.ts";

export function keepReading(known: KnownDevices, reading: ArrivedReading): void {
  const { deviceId } = reading;
  const before = known.state(deviceId);
  const after = nextState(before, reading);
  const at = reading.observedAt.getTime();
  // After an outage: the past does not overwrite the present.
  if (after === undefined) {
    return known.addSamples({ deviceId, at, isLate: true, samples: samplesOf(reading.reading) });
  }
  known.setState(deviceId, after);
  known.addSamples({ deviceId, at, isLate: false, samples: newSamples({ before, after, reading: reading.reading }) });
  noteAlerts(known, reading);
}
