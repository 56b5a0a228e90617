/** From what was seen at a printer to one sentence a fault. Pure. */
import type { DoctorFault } from "./doctor_step.ts";
import { diagnoseUsm } from "./diagnose_usm.ts";
import type { CommunityObservation, CredentialObservation, SnmpObservations } from "./snmp_observations.ts";

export interface SnmpVerdict {
  detail: string;
  faults: DoctorFault[];
}

/** Faults of credentials before the one that works are warnings: they only cost time. */
export function diagnoseSnmp(seen: SnmpObservations): SnmpVerdict {
  const { target } = seen;
  if (seen.sendRefused !== null) {
    return verdict(`nothing could be sent`, [{
      name: "send-refused",
      message: `Cannot send to ${target}: ${seen.sendRefused}`,
      advice: "check the routes and the firewall of this machine",
      exitCode: 69,
    }]);
  }
  const working = seen.credentials.find(isWorking);
  const others = seen.credentials.filter((credential) => credential !== working);
  const faults = [
    ...ofCommunities(seen, others.filter((one) => one.kind === "community"), working !== undefined),
    ...others.flatMap((one) => one.kind === "usm" ? [diagnoseUsm(one, target)] : []),
  ];
  if (working === undefined) {
    if (faults.length === 0) faults.push(noEngine(seen));
    return verdict(seen.engineId === null ? "nothing answers" : "answers, but no credential works", faults);
  }
  if (seen.isPrinter === false) faults.push(noPrinter(target));
  const works = `answers ${worksBy(working)}`;
  return { detail: works, faults: faults.map((fault) => ({ ...fault, severity: "warning" as const })) };
}

type Fault = Omit<DoctorFault, "severity">;

function verdict(detail: string, faults: readonly Fault[]): SnmpVerdict {
  return { detail, faults: faults.map((fault) => ({ ...fault, severity: "failed" as const })) };
}

function isWorking(credential: CredentialObservation): boolean {
  if (credential.kind === "community") return credential.versions.at(-1)?.outcome.kind === "answered";
  const { level, userProbe, authProbe, privProbe } = credential;
  const last = level === "authPriv" ? privProbe?.outcome : level === "authNoPriv" ? authProbe : userProbe;
  return last?.kind === "answered";
}

function worksBy(credential: CredentialObservation): string {
  if (credential.kind === "usm") {
    const { name, auth, privProbe } = credential;
    const protocols = [auth, privProbe?.protocol].filter((protocol) => protocol != null).join(" and ");
    return `by SNMPv3 as "${name}"${protocols === "" ? "" : ` with ${protocols}`}`;
  }
  const version = credential.versions.at(-1)!.version;
  const only = credential.versions.length > 1 ? ", and not by SNMPv2c" : "";
  return `by SNMPv${version} with "${credential.name}"${only}`;
}

/** A wrong community is answered by silence, as an agent that is off is: all of them together are one fault. */
function ofCommunities(
  { target, engineId }: SnmpObservations,
  communities: readonly CommunityObservation[],
  anotherWorks: boolean,
): Fault[] {
  if (communities.length === 0) return [];
  const refused = communities.flatMap(({ name, versions }) =>
    versions.flatMap(({ outcome }) => "message" in outcome ? [{ name, message: outcome.message }] : [])
  );
  if (refused.length > 0) {
    return refused.slice(0, 1).map(({ name, message }) => ({
      name: "community-refused",
      message: `Cannot read ${target} with "${name}": ${message}`,
      advice:
        "let this community read the whole MIB on the printer: it is known there, but not let to the system group",
      exitCode: 77,
    }));
  }
  const names = communities.map(({ name }) => `"${name}"`).join(", ");
  const versions = [...new Set(communities.flatMap((one) => one.versions.map(({ version }) => `v${version}`)))].join(
    " and ",
  );
  if (anotherWorks || engineId !== null) {
    return [{
      name: "community-silent",
      message: `Cannot read ${target} by ${versions} with ${names}: the device is there ` +
        `${anotherWorks ? "" : "and answers SNMPv3, "}but is silent to it`,
      advice:
        `check the community on the printer, and that ${versions} is on there and open to this machine's address: ` +
        "silence does not say which of these it is" + (anotherWorks ? "" : "; or give an SNMPv3 user"),
      exitCode: 77,
    }];
  }
  return [{
    name: "snmp-silent",
    message: `Cannot reach ${target} over SNMP: silent to ${names} by ${versions}, and no SNMPv3 engine answers`,
    advice:
      "check that the printer is on, has this address, and has SNMP on and open to this machine's address, and that " +
      "no firewall is between; a wrong community looks the same, as it is never answered",
    exitCode: 69,
  }];
}

/** USM credentials only, or none, and no engine to try them on. */
function noEngine({ target, engineId }: SnmpObservations): Fault {
  if (engineId !== null) {
    return {
      name: "no-credential",
      message: `Cannot read ${target} as an SNMPv3 engine answers and no credential is configured for it`,
      advice: "give a user in the file of --credentials, or in agent.yaml",
      exitCode: 78,
    };
  }
  return {
    name: "snmp-silent",
    message: `Cannot reach ${target} over SNMP: no SNMPv3 engine answers, which needs no user or password`,
    advice:
      "check that the printer is on, has this address, and has SNMPv3 on and open to this machine's address, and " +
      "that no firewall is between",
    exitCode: 69,
  };
}

function noPrinter(target: string): Fault {
  return {
    name: "no-printer",
    message: `Cannot tell that ${target} is a printer: it answers, but shows neither a Printer MIB nor a known maker`,
    advice: "check the address; if it is right, let the credential read the whole MIB on the printer",
    exitCode: 69,
  };
}
