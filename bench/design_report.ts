/** What bench/design_load.ts prints at its end: figures while all is there, who noticed each kill, and what is missed. */
import type { Comparison } from "./compare_store.ts";
import type { Fleet } from "./design_fleet.ts";
import { createGoals, type Goals } from "./goals.ts";
import { alignColumns } from "./measure.ts";
import { ownIn, ownLimits, type OwnStates } from "./own_limits.ts";
import type { compareTasks, Noticed, Session, Visit } from "./who_noticed.ts";

export interface Calm {
  seconds: number;
  fromMs: number;
  untilMs: number;
  /** Share of one core; memory is of the process. */
  cpu: { name: string; share: number; megabytes: number }[];
  bytesPerReading: number;
  sessions: Session[];
  visits: Visit[];
}

export interface Kill {
  name: string;
  fromMs: number;
  untilMs: number;
  /** When it was there again. */
  startedMs: number;
  /** MQTT connections that were lost, and when as many as before were there again. */
  mqttLost: number;
  mqttBackMs: number;
}

export interface Run {
  size: { agents: number; devices: number; people: number };
  fleet: Pick<Fleet, "bytesPerDevice">;
  perSecond: number;
  calm: Calm;
  kills: (Kill & Noticed)[];
  readings: Comparison;
  tasks: ReturnType<typeof compareTasks> & { refused: number };
  openAtEnd: number;
  /** Why attempts of agents failed. */
  failures: string[];
  /** Pages that did not come. */
  bad: Visit[];
  /** Of each platform process, what it logged. */
  said: string[];
  /** How the programs of the benchmark were, and how many descriptors each may have. */
  own: OwnStates;
  descriptors: number;
}

/* Later than this, the program's own wait is a good part of what it measures: while all is there, and after a kill. */
const mostLateMs = { calm: 500, killed: 2000 };

const quantile = (values: readonly number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;
const inSeconds = (ms: number) => Number.isFinite(ms) ? `${(ms / 1000).toFixed(1)} s` : "never";

export function printRun(run: Run): void {
  const goals = createGoals();
  printCalm(run, goals);
  printKills(run, goals);
  printComparison(run, goals);
  goals.print();
  printOwnLimits(run);
}

/** What of all this is the benchmark's own fault. */
function printOwnLimits({ own, calm, kills, failures, descriptors }: Run): void {
  const times = [
    { ...calm, name: "while all was there", mostLateMs: mostLateMs.calm },
    ...kills.map((kill) => ({ ...kill, name: `after the end of ${kill.name}`, mostLateMs: mostLateMs.killed })),
  ];
  const said = ownLimits(own, times, descriptors);
  const used = failures.filter((why) => /EMFILE|too many open files/i.test(why)).length;
  if (used > 0) said.push(`agents: ${used} attempts failed as the program had no descriptors left`);
  console.log(said.length === 0 ? "\nthe benchmark itself was no limit" : "\nthe benchmark itself was a limit:");
  for (const sentence of said) console.log(`- ${sentence}`);
}

function printCalm({ calm, own, fleet, perSecond }: Run, goals: Goals) {
  const { cpu, sessions, visits, seconds, bytesPerReading } = calm;
  console.log(`\nall parts there, ${seconds.toFixed(0)} s:`);
  const done = sessions.filter(({ acknowledgedAt }) => acknowledgedAt !== undefined);
  const calls = done.flatMap(({ pollMs, uploadMs }) => [pollMs, uploadMs]);
  const whole = done.map(({ dueAt, acknowledgedAt }) => acknowledgedAt! - dueAt);
  const rows = [["", "n", "p50 ms", "p95 ms", "p99 ms", "kB"]];
  const row = (name: string, values: number[], kilobytes = "") =>
    rows.push([
      name,
      String(values.length),
      ...[0.5, 0.95, 0.99].map((share) => quantile(values, share).toFixed(0)),
      kilobytes,
    ]);
  row("agents: poll, upload", calls);
  row("agents: whole session", whole);
  for (const page of [...new Set(visits.map(({ page }) => page))].sort()) {
    const good = visits.filter((visit) => visit.page === page && visit.status === 200);
    const times = good.map(({ dueAt, endedAt }) => endedAt - dueAt);
    const kilobytes = Math.max(...good.map(({ compressed }) => compressed)) / 1024;
    row(page, times, kilobytes.toFixed(1));
    goals.atMost(`${page}, p95`, quantile(times, 0.95), 150, " ms");
    goals.atMost(`${page}, compressed`, kilobytes, 60, " kB");
  }
  console.log(`${alignColumns(rows)}\n`);
  const parts = cpu.map(({ name, share, megabytes }) => [
    name,
    `${(share * 100).toFixed(0)} %`,
    Number.isNaN(megabytes) ? "" : megabytes.toFixed(0),
  ]);
  console.log(`${alignColumns([["", "of a core", "MB"], ...parts])}\n`);
  const programs = ownIn(own, calm).map(({ program, lateMs, descriptors }) => [
    program,
    ...[0.5, 0.95, 0.99, 1].map((share) => quantile(lateMs, share).toFixed(0)),
    String(descriptors),
  ]);
  const late = ["own event loop late by", "p50 ms", "p95 ms", "p99 ms", "most", "descriptors"];
  console.log(`${alignColumns([late, ...programs])}\n`);
  console.log(
    `stored: ${bytesPerReading.toFixed(0)} bytes a reading, ${fleet.bytesPerDevice.toFixed(0)} a new device\n`,
  );
  goals.atMost("polls and uploads, p99", quantile(calls, 0.99), 250, " ms");
  goals.atLeast("sessions a second", done.length / seconds, Math.floor(perSecond * 0.97));
  goals.atMost(
    "sessions that failed while all was there",
    sessions.filter((each) => each.failures.length > 0).length,
    0,
  );
  goals.atMost("pages that failed while all was there", visits.filter(({ status }) => status !== 200).length, 0);
}

function printKills({ kills, failures, bad, openAtEnd, size, said }: Run, goals: Goals) {
  // Neither the page nor a sentence that says what is away.
  const broken = bad.filter(({ status, says }) => status !== 0 && !says);
  const head = [
    "killed",
    "back after",
    "uploads failed",
    "agents",
    "longest gap",
    "slowest upload",
    "pages: no answer",
    "say so",
    "broken",
    "people",
    "MQTT lost",
    "back",
    "normal after",
  ];
  const rows = kills.map((kill) => [
    kill.name,
    inSeconds(kill.startedMs),
    String(kill.uploadsFailed),
    String(kill.agents),
    inSeconds(kill.longestGapMs),
    inSeconds(kill.slowestUploadMs),
    String(kill.pagesUnanswered),
    String(kill.pagesSaying),
    String(kill.pagesBroken),
    String(kill.people),
    String(kill.mqttLost),
    inSeconds(kill.mqttBackMs),
    inSeconds(kill.normalAfterMs),
  ]);
  console.log(`${alignColumns([head, ...rows])}\n`);
  for (const [why, times] of counted(failures)) console.log(`agents, ${times} ×: ${why}`);
  const unsaid = bad.filter(({ says }) => !says).map(({ page, status, why }) => `${page}, ${status}: ${why}`);
  for (const [why, times] of counted(unsaid)) {
    console.log(`people, ${times} ×: ${why}`);
  }
  for (const [line, times] of counted(said.flatMap(eventsOf))) console.log(`platform, ${times} ×: ${line}`);
  console.log("");
  for (const { name, normalAfterMs, startedMs, longestGapMs } of kills) {
    goals.atMost(`${name}: normal again after it was back`, (normalAfterMs - startedMs) / 1000, 10, " s");
    const isSpare = name.startsWith("platform process") || name === "Mosquitto";
    if (isSpare) goals.atMost(`${name}: longest time without an acknowledged upload`, longestGapMs / 1000, 3, " s");
  }
  goals.atMost("pages that are broken or say nothing", broken.length, 0);
  goals.all("agents connected by MQTT at the end", openAtEnd, size.agents);
}

function printComparison({ readings, tasks }: Run, goals: Goals) {
  const { unacknowledged } = readings;
  console.log(`readings: ${readings.acknowledged} acknowledged, ${readings.stored} stored`);
  console.log(`not acknowledged until the end: ${unacknowledged.stored} stored, ${unacknowledged.notStored} not`);
  console.log(
    `tasks: ${tasks.made} made, ${tasks.cameAgain} came twice and were run once, ${tasks.refused} commands failed\n`,
  );
  const none = (name: string, what: readonly string[]) => {
    for (const each of what.slice(0, 5)) console.log(`${name}: ${each}`);
    goals.atMost(name, what.length, 0);
  };
  goals.atLeast("readings compared", readings.acknowledged, 1);
  none("readings lost", readings.lost);
  none("readings stored twice", readings.twice);
  none("readings stored otherwise than sent", readings.changed);
  none("readings that nobody sent", readings.unsent);
  none("readings without their sample", readings.unbilled);
  none("printers that became two devices", readings.divided);
  goals.atMost("readings not acknowledged at the end", unacknowledged.stored + unacknowledged.notStored, 0);
  none("tasks that were not run", tasks.notRun);
  none("tasks without a result", tasks.unreported);
}

/** What processes log beside the usual: events by name. */
function eventsOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    try {
      const { event, message } = JSON.parse(line);
      return message === undefined ? String(event) : `${event}: ${message}`;
    } catch {
      return line;
    }
  });
}

/** The most frequent first; numbers in a text make no difference. */
function counted(texts: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    const short = text.replaceAll(/\s+/g, " ").replaceAll(/\d{2,}/g, "N").slice(0, 200);
    counts.set(short, (counts.get(short) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a).slice(0, 12);
}
