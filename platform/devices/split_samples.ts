/** Divides a device's state and samples by readings: the part from some readings, and the rest. Pure. */
import { type DeviceState, nextState } from "./device_state.ts";
import type { KeptRecord } from "./kept_records.ts";
import { type Sample, samplesOf } from "./samples.ts";

export interface OwnSample extends Sample {
  observed_at: number;
  origin: string;
}

interface Divided {
  moved: readonly KeptRecord[];
  stay: readonly KeptRecord[];
}

const dayMs = 86_400_000;

/** The state after these readings; undefined without readings. */
export function stateAfter(records: readonly KeptRecord[]): DeviceState | undefined {
  let state: DeviceState | undefined;
  for (const { reading } of records) if (reading !== undefined) state = nextState(state, reading) ?? state;
  return state;
}

/** The state from the remaining readings; parts that no stored record has keep their known values. */
export function stateWithout(known: DeviceState | undefined, { moved, stay }: Divided): DeviceState | undefined {
  const state = stateAfter(stay);
  if (state === undefined || known === undefined) return state;
  const movedAt = new Set(moved.map(({ observedAt }) => observedAt.getTime()));
  for (const name of ["meters", "supplies", "trays"] as const) {
    const at = known[`${name}_at`];
    if (at === null || movedAt.has(at) || at <= (state[`${name}_at`] ?? -1)) continue;
    Object.assign(state, { [name]: known[name], [`${name}_at`]: at });
    if (name === "meters") Object.assign(state, { total: known.total, no_meters: null });
    if (name === "supplies") state.low = known.low;
  }
  return state;
}

/** Samples created by the moved readings: with their time and value. */
export function samplesToMove(known: readonly OwnSample[], { moved, stay }: Divided): OwnSample[] {
  const made = (records: readonly KeptRecord[]) =>
    new Set(
      records.flatMap(({ reading }) =>
        reading === undefined
          ? []
          : samplesOf(reading.reading).map((sample) => textOf(sample, reading.observedAt.getTime()))
      ),
    );
  const ofMoved = made(moved), ofStay = made(stay);
  return known.filter((sample) => {
    const text = textOf(sample, sample.observed_at);
    return ofMoved.has(text) && !ofStay.has(text);
  });
}

function textOf({ kind, name, value, unit, level }: Sample, at: number): string {
  return JSON.stringify([kind, name, at, value, unit, level]);
}

/** Samples to add for these readings, in order, so that samples represent all their values. */
export function samplesToAdd(known: readonly OwnSample[], records: readonly KeptRecord[]): Omit<OwnSample, "origin">[] {
  const series = Map.groupBy(known, keyOf);
  const reached = new Map<string, { next: number; last: Omit<OwnSample, "origin"> | undefined }>();
  const added: Omit<OwnSample, "origin">[] = [];
  for (const { reading, observedAt } of records) {
    if (reading === undefined) continue;
    const at = observedAt.getTime();
    for (const sample of samplesOf(reading.reading)) {
      const key = keyOf(sample), own = series.get(key) ?? [];
      const place = reached.get(key) ?? { next: 0, last: undefined };
      while (place.next < own.length && own[place.next]!.observed_at <= at) place.last = own[place.next++];
      if (!isTold(place.last, sample, at)) added.push(place.last = { ...sample, observed_at: at });
      reached.set(key, place);
    }
  }
  return added;
}

function isTold(last: Omit<OwnSample, "origin"> | undefined, sample: Sample, at: number): boolean {
  return last !== undefined && Math.floor(last.observed_at / dayMs) === Math.floor(at / dayMs) &&
    last.value === sample.value && last.unit === sample.unit && last.level === sample.level;
}

function keyOf({ kind, name }: Sample): string {
  return `${kind} ${name}`;
}
