/** Runs a program to its end and takes the operating system's own accounting of it: GNU time (Debian package `time`). */

export interface Run {
  stdout: string;
  stderr: string;
  wallSeconds: number;
  cpuSeconds: number;
  /** Largest resident set of one process, in megabytes. */
  peakMegabytes: number;
}

/** Runs the command and waits for it. Throws when it cannot be started; its exit code is for the caller to judge. */
export async function measure(command: string[]): Promise<Run> {
  const report = await Deno.makeTempFile();
  try {
    const { stdout, stderr } = await new Deno.Command("/usr/bin/time", {
      args: ["-q", "-o", report, "-f", "%e %U %S %M", ...command],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const [wall, user, system, kilobytes] = (await Deno.readTextFile(report)).trim().split("\n").at(-1)!.split(" ").map(
      Number,
    );
    return {
      stdout: new TextDecoder().decode(stdout),
      stderr: new TextDecoder().decode(stderr),
      wallSeconds: wall!,
      cpuSeconds: user! + system!,
      peakMegabytes: kilobytes! / 1024,
    };
  } finally {
    await Deno.remove(report);
  }
}

/** Linux counts processor time for user space in hundredths of a second, whatever its own tick is. */
const ticksPerSecond = 100;

/** What a running process has used since its start, of its threads but not of its children; from /proc, so Linux only. */
export function usageOf(pid: number): { cpuSeconds: number; peakMegabytes: number } {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The program's name stands in brackets and may hold spaces; utime and stime are the 12th and 13th field after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1];
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    peakMegabytes: Number(peak) / 1024,
  };
}

/** Of a PostgreSQL server on this machine, by the folder of its socket; connections that ended count as well. */
export function postgresCpuSeconds(databaseUrl: string): number {
  const folder = new URL(databaseUrl).searchParams.get("host");
  const parent = Deno.readTextFileSync(`${folder}/data/postmaster.pid`).split("\n")[0]!;
  let ticks = 0;
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (name === parent) ticks += [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0);
      else if (fields[1] === parent) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It ended meanwhile.
    }
  }
  return ticks / ticksPerSecond;
}

/** Rows of texts as aligned columns; numbers to the right. */
export function alignColumns(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ")
  ).join("\n");
}
