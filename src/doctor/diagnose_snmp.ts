/** Converts observations of a printer to one sentence for each fault. Pure. */
import type { DoctorFault } from "./doctor_step.ts";
import { diagnoseUsm } from "./diagnose_usm.ts";
import { showsAsMuch, viewWords } from "../printers/view.ts";
import type {
  CommunityObservation,
  CredentialObservation,
  Shown,
  SnmpObservations,
  UsmObservation,
} from "./snmp_observations.ts";

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
  const answers = seen.credentials.flatMap(answersOf);
  const best = bestOf(answers);
  const others = seen.credentials.filter((one) => !answers.some(({ credential }) => credential === one));
  const faults = [
    ...ofCommunities(seen, others.filter((one) => one.kind === "community"), best !== undefined),
    ...others.flatMap((one) => one.kind === "usm" ? [diagnoseUsm(one, target)] : []),
    ...ofViews(answers, { best, target }),
  ];
  if (best === undefined) {
    if (faults.length === 0) faults.push(noEngine(seen));
    return verdict(
      seen.engineId === null && answers.length === 0 ? "nothing answers" : "answers, but no credential works",
      faults,
    );
  }
  const { shown } = best;
  if (shown?.isPrinter === false) faults.push(noPrinter(target, shown));
  const detail = `answers ${worksBy(best)}`;
  const isTooLittle = shown?.isPrinter === true && shown.view === "system";
  if (isTooLittle) return verdict(`${detail}, which ${viewWords.system}`, faults);
  return { detail, faults: faults.map((fault) => ({ ...fault, severity: "warning" as const })) };
}

/** An answered credential, with the version that shows most. */
interface Answer {
  credential: CredentialObservation;
  version: "1" | "2c" | "3";
  shown: Shown | null;
}

function answersOf(credential: CredentialObservation): Answer[] {
  if (credential.kind === "usm") {
    return isWorking(credential) ? [{ credential, version: "3", shown: credential.shown }] : [];
  }
  const answered = credential.versions.filter(({ outcome }) => outcome.kind === "answered");
  const best = bestOf(answered.map(({ version, shown }) => ({ credential, version, shown }))) ?? answered.at(-1);
  return best === undefined ? [] : [{ credential, version: best.version, shown: best.shown }];
}

/** The answer that shows most, the first of equal ones; a device that stopped answering counts as showing all. */
function bestOf(answers: readonly Answer[]): Answer | undefined {
  const view = ({ shown }: Answer) => shown?.view ?? "printer";
  let best: Answer | undefined;
  for (const answer of answers) {
    if (view(answer) !== "nothing" && (best === undefined || !showsAsMuch(view(best), view(answer)))) best = answer;
  }
  return best;
}

type Fault = Omit<DoctorFault, "severity">;

function verdict(detail: string, faults: readonly Fault[]): SnmpVerdict {
  return { detail, faults: faults.map((fault) => ({ ...fault, severity: "failed" as const })) };
}

function isWorking({ level, userProbe, authProbe, privProbe }: UsmObservation): boolean {
  const last = level === "authPriv" ? privProbe?.outcome : level === "authNoPriv" ? authProbe : userProbe;
  return last?.kind === "answered";
}

function worksBy({ credential, version }: Answer): string {
  if (credential.kind === "usm") {
    const { name, auth, privProbe } = credential;
    const protocols = [auth, privProbe?.protocol].filter((protocol) => protocol != null).join(" and ");
    return `by SNMPv3 as "${name}"${protocols === "" ? "" : ` with ${protocols}`}`;
  }
  const first = credential.versions[0];
  const only = version === "1" && first?.version === "2c" && first.outcome.kind !== "answered"
    ? ", and not by SNMPv2c"
    : "";
  return `by SNMPv${version} with "${credential.name}"${only}`;
}

/** Faults of accepted credentials that show too little. */
function ofViews(
  answers: readonly Answer[],
  { best, target }: { best: Answer | undefined; target: string },
): Fault[] {
  return answers.flatMap(({ credential, shown }) => {
    if (shown === null || (!shown.mayShowMore && shown.view !== "nothing")) return [];
    const { name } = credential;
    const isBest = credential === best?.credential;
    if (shown.view === "nothing") {
      if (credential.kind === "usm" && credential.defaultContext !== null) {
        const other = credential.defaultContext;
        if (other.kind === "answered" && other.empty !== true) return [diagnoseUsm(credential, target)];
      }
      return [{
        name: "empty-view",
        message: `Cannot read ${target} with "${name}": it is valid, but the device shows it nothing`,
        advice: "let it read the whole MIB on the printer, from 1.3.6.1",
        exitCode: 77,
      }];
    }
    // A device that is not recognised as a printer is a separate fault.
    if (isBest && !shown.isPrinter) return [];
    const another = isBest || best === undefined ? "" : `; "${best.credential.name}" shows more and is used`;
    const exempt = shown.view === "system" ? "" : ", unless this printer has no more";
    return [{
      name: "limited-view",
      message: `Cannot read all of ${target} with "${name}": it ${viewWords[shown.view]}${another}`,
      advice: `let it read the whole MIB on the printer, from 1.3.6.1${exempt}`,
      exitCode: 77,
    }];
  });
}

/** Neither a wrong community nor a disabled agent is answered: all silent communities together are one fault. */
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
        "let this community read the whole MIB on the printer: it is known there, but may not read the system group",
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
      message: `Cannot read ${target} by ${versions} with ${names}: the device ` +
        `${anotherWorks ? "answers another credential" : "answers SNMPv3"}, but not these requests`,
      advice:
        `check the community on the printer, and that ${versions} is on there and open to this machine's address: ` +
        "the silence does not tell which is wrong" + (anotherWorks ? "" : "; or give an SNMPv3 user"),
      exitCode: 77,
    }];
  }
  return [{
    name: "snmp-silent",
    message: `Cannot reach ${target} over SNMP: silent to ${names} by ${versions}, and no SNMPv3 engine answers`,
    advice:
      "check that the printer is on, has this address, and has SNMP on and open to this machine's address, and that " +
      "no firewall is in between; a wrong community looks the same, as it gets no answer",
    exitCode: 69,
  }];
}

/** No SNMPv3 engine answers, and there are only USM credentials or none. */
function noEngine({ target, engineId }: SnmpObservations): Fault {
  if (engineId !== null) {
    return {
      name: "no-credential",
      message: `Cannot read ${target} as an SNMPv3 engine answers and no credential is configured for it`,
      advice: "configure a user in the file of --credentials, or in agent.yaml",
      exitCode: 78,
    };
  }
  return {
    name: "snmp-silent",
    message: `Cannot reach ${target} over SNMP: no SNMPv3 engine answers, which needs no user or password`,
    advice:
      "check that the printer is on, has this address, and has SNMPv3 on and open to this machine's address, and " +
      "that no firewall is in between",
    exitCode: 69,
  };
}

function noPrinter(target: string, { view, mayShowMore }: Shown): Fault {
  const what = view === "system" && mayShowMore ? viewWords.system : "shows neither a Printer MIB nor a known maker";
  return {
    name: "no-printer",
    message: `Cannot tell that ${target} is a printer: it answers, but ${what}`,
    advice: "check the address; if it is right, let the credential read the whole MIB on the printer",
    exitCode: 69,
  };
}
