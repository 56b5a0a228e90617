/** Credentials of a scan, and the devices that they are for. */
import { type IpRange, rangeContains } from "../../common/core/ip_range.ts";
import { tryParseIp, withoutZone } from "../../common/core/ip.ts";
import { Secret } from "../../common/core/secret.ts";
import type { AuthProtocolName, PrivProtocolName } from "./usm_protocols.ts";

export type SecurityLevel = "noAuthNoPriv" | "authNoPriv" | "authPriv";

interface CommunityOf<S> {
  kind: "community";
  /** Name of the credential in logs and problems; contains no secret. */
  name: string;
  /** Tried in this order. */
  versions: ("1" | "2c")[];
  community: S;
}

interface UsmOf<S> {
  kind: "usm";
  name: string;
  user: string;
  level: SecurityLevel;
  /** Present unless the level is noAuthNoPriv. */
  auth: { protocol: AuthProtocolName; key: S } | null;
  /** Present when the level is authPriv. */
  priv: { protocol: PrivProtocolName; key: S } | null;
  /** contextName; empty for the default context. */
  context: string;
}

interface PlanOf<S> {
  rules: {
    /** Null: every address. */
    ranges: IpRange[] | null;
    /** Tried in this order. */
    credentials: (CommunityOf<S> | UsmOf<S>)[];
  }[];
}

export type CommunityCredential = CommunityOf<Secret>;
export type UsmCredential = UsmOf<Secret>;
export type Credential = CommunityCredential | UsmCredential;

/** The first rule that contains an address decides, and only its credentials are sent; the default rule is the last. */
export type CredentialPlan = PlanOf<Secret>;

/** A plan with plain secrets, only for `postMessage`: must never be logged or stored. */
export type WireCredentialPlan = PlanOf<string>;

/** Credentials to try at an address, in order; empty if no rule contains it. */
export function credentialsFor(plan: CredentialPlan, address: string): Credential[] {
  const ip = tryParseIp(withoutZone(address));
  if (ip === undefined) return [];
  const rule = plan.rules.find(({ ranges }) => ranges === null || ranges.some((range) => rangeContains(range, ip)));
  return rule?.credentials ?? [];
}

/** Communities for every address, each tried with version 2c and then 1. */
export function defaultPlan(communities: string[]): CredentialPlan {
  const credentials = communities.map((community, i): Credential => ({
    kind: "community",
    name: communities.length === 1 ? "community" : `community ${i + 1}`,
    versions: ["2c", "1"],
    community: new Secret(community),
  }));
  return { rules: [{ ranges: null, credentials }] };
}

/** Converts the secrets to plain text, as `Secret` does not survive the structured clone of `postMessage`. */
export function planToWire(plan: CredentialPlan): WireCredentialPlan {
  return mapSecrets(plan, (secret) => secret.reveal());
}

export function planFromWire(plan: WireCredentialPlan): CredentialPlan {
  return mapSecrets(plan, (value) => new Secret(value));
}

function mapSecrets<A, B>(plan: PlanOf<A>, change: (secret: A) => B): PlanOf<B> {
  return {
    rules: plan.rules.map(({ ranges, credentials }) => ({
      ranges,
      credentials: credentials.map((credential) =>
        credential.kind === "community" ? { ...credential, community: change(credential.community) } : {
          ...credential,
          auth: credential.auth && { ...credential.auth, key: change(credential.auth.key) },
          priv: credential.priv && { ...credential.priv, key: change(credential.priv.key) },
        }
      ),
    })),
  };
}
