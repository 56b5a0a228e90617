/** Why `ping` could not send: one sentence with its own message, and a hint for the cause. */
import { NotPermittedError, UnavailableError } from "../../common/core/errors.ts";
import { safeText } from "../../common/core/safe_text.ts";
import type { PingFacts } from "./ping_facts.ts";

/** How it ended. */
export type PingEnd =
  /** The system did not start it. */
  | { kind: "refused"; code: string | null; said: string }
  | { kind: "ended"; code: number; signal: string | null; said: string };

type Cause =
  | "bounding-set"
  | "no-new-privileges"
  | "group-range"
  | "system-call-filter"
  | "raw-only"
  | "unknown-refusal"
  | "file-mode"
  | "firewall"
  | "address-family"
  | "zone"
  | "option"
  | "other";

interface Failed {
  address: string;
  /** The file that was run. */
  program: string;
}

/** The messages of `ping` on standard error, as one line that is safe to show. */
export function saidOf(text: string): string {
  const lines = text.split(/[\r\n]+/).map((line) => line.replace(/^\S*ping6?: /, "").trim());
  // A warning is not a failure: the clock was set, or an address is unusual.
  return safeText(lines.filter((line) => line !== "" && !/^warning\b/i.test(line)).join("; "), 160);
}

export function pingFailure({ address, program }: Failed, end: PingEnd, facts: PingFacts): Error {
  const said = saidOf(end.said);
  const spoken = end.kind === "refused"
    ? `the system says: ${said}`
    : said !== ""
    ? `ping says: ${said}`
    : end.signal !== null
    ? `it was ended by ${end.signal} without a word`
    : `it ended with ${end.code} without a word`;
  const refused = (why: string, hint: string) => new NotPermittedError(`Cannot ping as ${why}; ${spoken}`, hint);
  const failed = (hint: string) => new UnavailableError(`Cannot ping ${address}; ${spoken}`, hint);
  switch (causeOf(end, { address, facts })) {
    case "bounding-set":
      return refused(
        "the bounding set of this process lacks CAP_NET_RAW, which ping is to have",
        `add to the unit: CapabilityBoundingSet=CAP_NET_RAW${
          facts.noNewPrivileges === true && facts.userId !== 0 ? " and AmbientCapabilities=CAP_NET_RAW" : ""
        }; to a container: --cap-add NET_RAW`,
      );
    case "no-new-privileges":
      return refused(
        "NoNewPrivileges of this process keeps ping from the right that its file gives it",
        `keep it, and permit ICMP to all: ${widen}; or add to the unit: AmbientCapabilities=CAP_NET_RAW`,
      );
    case "group-range":
      return refused(
        "no group of this user is in ping_group_range, and ping has no other right to send ICMP",
        `permit it: ${widen}; a file in /etc/sysctl.d keeps it`,
      );
    case "system-call-filter":
      return refused(
        "a system call filter (seccomp) of this process refuses what ping calls",
        "add to the unit: SystemCallFilter=capset @setuid @network-io; to a container: a wider seccomp profile",
      );
    case "raw-only":
      return refused(
        `"${program}" needs CAP_NET_RAW, which it does not have here`,
        "install one that does not need it, for example: apt-get install iputils-ping",
      );
    case "unknown-refusal":
      return refused(
        "this process may not send ICMP",
        `permit it: ${widen}; then look at NoNewPrivileges, CapabilityBoundingSet and SystemCallFilter of the unit`,
      );
    case "file-mode":
      return refused(
        `this user may not run "${program}"`,
        "see its mode, noexec of its file system, and NoExecPaths= or AppArmor of the service",
      );
    case "firewall":
      return refused(
        `a firewall rule or a route of this machine refuses to send to ${address}`,
        `see: nft list ruleset; ip route get ${address}`,
      );
    case "address-family":
      return failed(
        "see whether IPv4 or IPv6 is off here; a unit with RestrictAddressFamilies= needs AF_INET and AF_INET6",
      );
    case "zone":
      return failed(`see whether there is an interface ${address.slice(address.indexOf("%") + 1)}: ip link`);
    case "option":
      return failed(`"${program}" lacks an option: install another, such as by: apt-get install iputils-ping`);
    case "other":
      return failed(
        end.kind === "ended" && said !== "" && end.signal === null
          ? `check the routes of this machine: ip route get ${address}`
          : `try it by hand: ${program} -n -c 1 ${address}`,
      );
  }
}

const widen = 'sysctl -w net.ipv4.ping_group_range="0 2147483647"';

function causeOf(end: PingEnd, { address, facts }: { address: string; facts: PingFacts }): Cause {
  if (end.kind === "refused") return causeOfRefusal(end.code, facts);
  const { said, signal } = end;
  // The default of systemd for a call that a filter refuses.
  if (signal === "SIGSYS") return "system-call-filter";
  // ping gives up its rights before it sends: no user is refused that by anything but a filter or a security module.
  if (/\b(capset|capget|cap_[gs]et_\w+|prctl|set[a-z]*uid): /i.test(said)) return "system-call-filter";
  // After the socket was opened, the rights of the process are not the cause.
  if (/\b(send(to|msg)?|connect)\b.*(not permitted|permission denied)|firewall/i.test(said)) return "firewall";
  if (/address family/i.test(said)) return "address-family";
  if (/not permitted|permission denied|cap_net_raw|are you root/i.test(said)) return causeOfSocket(said, facts);
  if (/(invalid|unrecognized|unknown|illegal) option|^usage:/im.test(said)) return "option";
  if (address.includes("%") && /not known|bad address|interface|no such device|invalid argument/i.test(said)) {
    return "zone";
  }
  return "other";
}

/**
 * A file with a capability that the bounding set lacks is refused with EPERM; a file that may not be run with EACCES.
 */
function causeOfRefusal(code: string | null, { isNetRawInBounds, hasFilter }: PingFacts): Cause {
  if (code !== "EPERM") return "file-mode";
  if (isNetRawInBounds !== true) return "bounding-set";
  return hasFilter === true ? "system-call-filter" : "file-mode";
}

function causeOfSocket(said: string, facts: PingFacts): Cause {
  const { userId, noNewPrivileges, isNetRawInBounds, hasFilter, isGroupInRange, isSetuid } = facts;
  // The kind of socket that ping_group_range permits is refused with EACCES, and then the raw kind is tried.
  const isPlainSocket = /SOCK_DGRAM/.test(said);
  if ((isPlainSocket || isGroupInRange === true) && hasFilter === true) return "system-call-filter";
  if (isGroupInRange === true) return /are you root/i.test(said) ? "raw-only" : "unknown-refusal";
  if (noNewPrivileges === null || isNetRawInBounds === null || isGroupInRange === null) return "unknown-refusal";
  if (!isNetRawInBounds) {
    // It was started, so that its file has no capability: only root's rights could have been of use.
    if (userId === 0) return "bounding-set";
    if (isSetuid === true) return noNewPrivileges ? "no-new-privileges" : "bounding-set";
    return "group-range";
  }
  if (userId === 0) return hasFilter === true ? "system-call-filter" : "group-range";
  return noNewPrivileges ? "no-new-privileges" : "group-range";
}
