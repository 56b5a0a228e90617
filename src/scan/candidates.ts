/** In which order the credentials are tried on a device. Pure. */
import type { CommunityCredential, Credential } from "../snmp/credential.ts";
import type { Remembered } from "./access.ts";
import type { Found } from "./sweep_shard.ts";

export interface Candidate {
  credential: Credential;
  version?: "1" | "2c";
  /** Retries until the device has answered; default: those of the reader. */
  retries?: number;
  /** The device has answered this credential in the sweep. */
  proven: boolean;
  /** It worked before, so silence is caused by the network. */
  trusted: boolean;
}

/** The credential that worked last time goes first; one that is no longer configured is ignored. */
function inOrder(
  credentials: readonly Credential[],
  remembered: Pick<Remembered, "credential"> | undefined,
): readonly Credential[] {
  const isFirst = ({ name }: Credential) => name === remembered?.credential;
  return credentials.some(isFirst)
    ? [...credentials.filter(isFirst), ...credentials.filter((one) => !isFirst(one))]
    : credentials;
}

/**
 * Credentials in the order of trying. Probes of the sweep without an answer are repeated once at the end, if nothing
 * else showed what is needed: the communities before the one that answered, and the other version of that one.
 */
export function candidatesFor(
  found: Found,
  credentials: readonly Credential[],
  remembered?: Remembered,
): Candidate[] {
  const { community } = found;
  const candidates: Candidate[] = [], late: Candidate[] = [];
  const common = (credential: Credential) => ({ credential, proven: false, trusted: isTrusted(credential) });
  const isTrusted = ({ name }: Credential) => name === remembered?.credential;
  const answers = (credential: Credential) =>
    credential.kind === "community" && credential.community.reveal() === community?.name;
  let wasAsked = credentials.some(answers);
  const asked = new Set<Credential>();
  for (const credential of credentials) {
    if (answers(credential)) wasAsked = false;
    if (wasAsked) asked.add(credential);
  }
  for (const credential of inOrder(credentials, remembered)) {
    if (credential.kind === "usm") {
      // If a community answered, the discovery of the engine was sent as well and had no answer.
      candidates.push({ ...common(credential), ...(community === undefined ? {} : { retries: 1 }) });
    } else if (community === undefined) {
      for (const version of credential.versions) candidates.push({ ...common(credential), version, retries: 0 });
    } else if (answers(credential)) {
      addAnswered(credential, community.version);
    } else {
      const to = asked.has(credential) ? late : candidates;
      // Only a repetition distinguishes a lost datagram from a wrong community.
      for (const version of credential.versions) to.push({ ...common(credential), version, retries: 1 });
    }
  }
  return [...candidates, ...late];

  function addAnswered(credential: CommunityCredential, version: "1" | "2c"): void {
    if (candidates.some(({ proven }) => proven)) return; // The same community under another name.
    const [other] = credential.versions.filter((one) => one !== version);
    const second = other === undefined ? [] : [{ ...common(credential), trusted: false, version: other, retries: 0 }];
    // The v2c probe may only have been lost, and GetBulk is worth one more question.
    const isSettled = version === "2c" || (isTrusted(credential) && remembered?.known?.version === "1");
    if (!isSettled) candidates.push(...second);
    candidates.push({ ...common(credential), version, proven: true });
    if (isSettled) late.push(...second);
  }
}
