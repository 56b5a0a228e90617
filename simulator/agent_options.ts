/** How a device of a fleet file answers: versions, users, limits and faults. */
import type { DeviceOptions, SnmpVersion } from "./device.ts";
import {
  isGiven,
  maybeChoice,
  maybeHex,
  maybeNumber,
  maybeOid,
  maybeText,
  type Place,
  readAnyMapping,
  readList,
  readMapping,
  wrongValue,
} from "./fleet_fields.ts";
import { type Fault, faultKinds } from "./faults.ts";
import { parseObject } from "./object_value.ts";
import { type AuthProtocol, type PrivProtocol, securityLevels, type SimulatedUser } from "./usm_user.ts";

/** Keys of a device in a fleet file that `parseAgentOptions` reads. */
export const agentKeys = [
  "versions",
  "communities",
  "users",
  "contexts",
  "engineId",
  "engineBoots",
  "maxMessageSize",
  "uptime",
  "faults",
] as const;

type AgentOptions = Omit<DeviceOptions, "name" | "address" | "port" | "objects">;

/** Reads them; throws `ConfigError` with the place of a mistake. */
export function parseAgentOptions(fields: Record<typeof agentKeys[number], Place>): AgentOptions {
  const options: AgentOptions = {};
  const versions: SnmpVersion[] = ["1", "2c", "3"];
  if (isGiven(fields.versions)) {
    options.versions = readList(fields.versions).map((place) => maybeChoice(place, versions)!);
  }
  if (isGiven(fields.communities)) {
    options.communities = readList(fields.communities).map((place) => maybeText(place) ?? "");
  }
  if (isGiven(fields.users)) options.users = readList(fields.users).map(parseUser);
  if (isGiven(fields.contexts)) options.contexts = parseContexts(fields.contexts);
  const engineId = maybeHex(fields.engineId);
  if (engineId && (engineId.length < 5 || engineId.length > 32)) {
    throw wrongValue(fields.engineId, "an engine ID", "5 to 32 octets in hexadecimal");
  }
  if (engineId) options.engineId = engineId;
  const engineBoots = maybeNumber(fields.engineBoots, { low: 0, high: 0x7fffffff });
  if (engineBoots !== undefined) options.engineBoots = engineBoots;
  const maxMessageSize = maybeNumber(fields.maxMessageSize, { low: 484, high: 65507 });
  if (maxMessageSize !== undefined) options.maxMessageSize = maxMessageSize;
  const upTimeSeconds = maybeNumber(fields.uptime, { low: 0 });
  if (upTimeSeconds !== undefined) options.upTimeSeconds = upTimeSeconds;
  if (isGiven(fields.faults)) options.faults = readList(fields.faults).map(parseFault);
  return options;
}

/** Objects of contexts other than the default one. */
function parseContexts(place: Place): NonNullable<AgentOptions["contexts"]> {
  return Object.fromEntries(
    [...readAnyMapping(place)].map(([context, content]) => {
      const { objects } = readMapping(content, ["objects"]);
      return [context, [...readAnyMapping(objects)].map(([oid, object]) => parseObject(oid, object, (text) => text))];
    }),
  );
}

/** The common spellings, without dashes and in lower case; net-snmp's AES-256 is Blumenthal's, its AES-256-C Reeder's. */
const authNames: Record<string, AuthProtocol> = {
  md5: "md5",
  sha: "sha1",
  sha1: "sha1",
  sha224: "sha224",
  sha256: "sha256",
  sha384: "sha384",
  sha512: "sha512",
};
const privNames: Record<string, PrivProtocol> = {
  des: "des",
  aes: "aes128",
  aes128: "aes128",
  aes192: "aes192b",
  aes192b: "aes192b",
  aes256: "aes256b",
  aes256b: "aes256b",
  aes192c: "aes192r",
  aes192r: "aes192r",
  aes256c: "aes256r",
  aes256r: "aes256r",
};

function parseUser(place: Place): SimulatedUser {
  const fields = readMapping(place, ["name", "level", "auth", "authKey", "priv", "privKey", "contexts"]);
  const name = maybeText(fields.name);
  if (name === undefined) throw wrongValue(fields.name, "the name of a user");
  const level = maybeChoice(fields.level, securityLevels);
  const auth = maybeProtocol(fields.auth, authNames);
  const priv = maybeProtocol(fields.priv, privNames);
  const user: SimulatedUser = { name, ...(level === undefined ? {} : { level }) };
  if (priv && !auth) throw wrongValue(fields.auth, "an authentication protocol, which privacy needs");
  if (auth) Object.assign(user, { auth, authKey: readPassword(fields.authKey) });
  if (priv) Object.assign(user, { priv, privKey: readPassword(fields.privKey) });
  if (isGiven(fields.contexts)) user.contexts = readList(fields.contexts).map((context) => maybeText(context) ?? "");
  return user;
}

function maybeProtocol<T extends string>(place: Place, names: Record<string, T>): T | undefined {
  const text = maybeText(place);
  if (text === undefined) return undefined;
  const protocol = names[text.toLowerCase().replaceAll("-", "")];
  if (protocol === undefined) throw wrongValue(place, "a protocol", `one of: ${Object.keys(names).join(", ")}`);
  return protocol;
}

/** RFC 3414 section 11.2 asks for eight octets or more, and so do the tools. */
function readPassword(place: Place): string {
  const password = maybeText(place);
  if (password === undefined || password.length < 8) throw wrongValue(place, "a password of 8 characters or more");
  return password;
}

function parseFault(place: Place): Fault {
  const fields = readMapping(place, ["kind", "probability", "ms", "under", "over", "after", "times"]);
  const kind = maybeChoice(fields.kind, faultKinds);
  if (kind === undefined) throw wrongValue(fields.kind, "the kind of a fault", `one of: ${faultKinds.join(", ")}`);
  const optional = {
    probability: maybeNumber(fields.probability, { low: 0, high: 1, whole: false }),
    ms: maybeNumber(fields.ms, { low: 0 }),
    under: maybeOid(fields.under),
    over: maybeNumber(fields.over, { low: 0 }),
    after: maybeNumber(fields.after, { low: 0 }),
    times: maybeNumber(fields.times, { low: 0 }),
  };
  const given = Object.entries(optional).filter(([, value]) => value !== undefined);
  return { kind, ...Object.fromEntries(given) };
}
