/** What a device is recognised by, and which known device an observation is of. Pure: the store is asked by the caller. */

export type EvidenceKind = "serial" | "engine" | "mac" | "key" | "place";

export interface Evidence {
  kind: EvidenceKind;
  value: string;
}

export interface Observed {
  agentId: string;
  /** The agent's own id of the device, or empty. */
  deviceKey: string;
  serial: string | undefined;
  engineId: string | undefined;
  macs: readonly string[];
  manufacturer: string | undefined;
  model: string | undefined;
  address: string;
}

export interface Candidate {
  deviceId: string;
  model: string | null;
  /** All evidence that is kept of the device. */
  evidence: readonly Evidence[];
}

const weights: Record<EvidenceKind, number> = { serial: 60, engine: 45, mac: 45, key: 40, place: 40 };
const enough = 40;
const modelWeight = 10;
/* Less than what a serial number is above `enough`: a new release of the agent may name the model otherwise. */
const modelPenalty = 20;

/** Evidence in an observation, strongest first. An address counts only for what shows nothing better. */
export function evidenceIn(observed: Observed): Evidence[] {
  const { agentId, deviceKey, address, model } = observed;
  const found: Evidence[] = [];
  const serial = normalSerial(observed.serial);
  // With the maker, as two makers use the same short serial number sooner or later.
  if (serial !== undefined) {
    found.push({ kind: "serial", value: `${observed.manufacturer?.toLowerCase() ?? ""}/${serial}` });
  }
  const engine = normalEngineId(observed.engineId);
  if (engine !== undefined) found.push({ kind: "engine", value: engine });
  for (const mac of observed.macs.map(normalMac)) if (mac !== undefined) found.push({ kind: "mac", value: mac });
  const place = found.length === 0;
  if (deviceKey !== "") found.push({ kind: "key", value: `${agentId} ${deviceKey}` });
  else if (place) found.push({ kind: "place", value: `${agentId} ${address} ${model ?? ""}` });
  return found;
}

/** The known device that the observation is of, or undefined for a new one. */
export function bestCandidate(observed: Observed, candidates: readonly Candidate[]): string | undefined {
  const found = evidenceIn(observed);
  let best: { deviceId: string; score: number } | undefined;
  for (const candidate of candidates) {
    const score = scoreOf(observed, { found, candidate });
    if (score >= enough && (best === undefined || score > best.score)) best = { deviceId: candidate.deviceId, score };
  }
  return best?.deviceId;
}

function scoreOf(observed: Observed, match: { found: Evidence[]; candidate: Candidate }): number {
  const { found, candidate } = match;
  const has = (evidence: Evidence) =>
    candidate.evidence.some(({ kind, value }) => kind === evidence.kind && value === evidence.value);
  // Network cards and whole boards move between devices; serial numbers do not.
  const serials = candidate.evidence.filter(({ kind }) => kind === "serial").map(serialPart);
  if (
    serials.length > 0 &&
    found.some((evidence) => evidence.kind === "serial" && !serials.includes(serialPart(evidence)))
  ) {
    return 0;
  }
  let score = 0;
  const counted = new Set<EvidenceKind>();
  for (const evidence of found) {
    if (counted.has(evidence.kind) || !has(evidence)) continue;
    counted.add(evidence.kind);
    score += weights[evidence.kind];
  }
  if (same(observed.model, candidate.model)) score += modelWeight;
  else if (differs(observed.model, candidate.model)) score -= modelPenalty;
  return score;
}

function serialPart({ value }: Evidence): string {
  return value.slice(value.lastIndexOf("/") + 1);
}

function same(a: string | undefined, b: string | null): boolean {
  return a !== undefined && b !== null && a.toLowerCase() === b.toLowerCase();
}

function differs(a: string | undefined, b: string | null): boolean {
  return a !== undefined && b !== null && a.toLowerCase() !== b.toLowerCase();
}

const placeholder =
  /^(UNKNOWN|NONE|NULL|(NO)?SERIAL(NUMBER|NO)?|DEFAULT|NOTSET|UNDEFINED|INVALID|EMPTY|NOTAVAILABLE|NOTAPPLICABLE|TOBEFILLED(BYOEM)?)$/;

/** Upper case letters and digits; undefined for what devices say when they have none, such as "0000000" or "N/A". */
export function normalSerial(serial: string | undefined): string | undefined {
  const text = (serial ?? "").toUpperCase().replace(/[^0-9A-Z]/g, "");
  if (text.length < 4 || text.length > 64 || /^(.)\1*$/.test(text)) return undefined;
  if ("01234567890".includes(text)) return undefined;
  return placeholder.test(text) ? undefined : text;
}

/** Lower-case hexadecimal; RFC 3411 allows 5 to 32 octets, and all zeros or ones are no id. */
export function normalEngineId(engineId: string | undefined): string | undefined {
  const text = (engineId ?? "").toLowerCase().replace(/^0x/, "").replace(/[^0-9a-f]/g, "");
  return text.length < 10 || text.length > 64 || /^(0+|f+)$/.test(text) ? undefined : text;
}

/* Of examples and of boards that nobody gave an address. */
const madeUpMacs = new Set(["001122334455", "123456789abc", "aabbccddeeff"]);

/** Six octets with colons; undefined for none, broadcast, multicast, (nearly) all zeros and what is made up. */
export function normalMac(mac: string): string | undefined {
  const text = mac.toLowerCase().replace(/[^0-9a-f]/g, "");
  if (text.length !== 12 || /^0{10}/.test(text) || madeUpMacs.has(text)) return undefined;
  if ((parseInt(text.slice(0, 2), 16) & 1) === 1) return undefined;
  return text.match(/../g)!.join(":");
}
