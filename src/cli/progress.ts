import { grouped } from "../../common/report/fleet.ts";

/** Progress of a scan; all counts are since its start. */
export interface ProgressState {
  /** Addresses to visit. */
  addresses: number;
  /** Addresses that were sent their first probe. */
  probed: number;
  /** Devices that answered. */
  answered: number;
  /** Printers read completely. */
  printers: number;
  /** Printers being read now. */
  reading: number;
  packetsSent: number;
  elapsedMs: number;
  /** Estimated milliseconds until everything is asked and read; undefined if unknown. */
  leftMs?: number | undefined;
  /** Recent packets per second. */
  ratePerSecond: number;
}

const leastBar = 8;
const mostBar = 24;

/** One line for a terminal without line end, at most `columns` cells wide; less important parts are dropped first. */
export function renderProgress(state: ProgressState, options: { columns: number; unicode?: boolean }): string {
  const { columns, unicode = true } = options;
  const percent = `${percentOf(state)}%`;
  const addresses = `${grouped(state.probed)}/${grouped(state.addresses)} addresses`;
  const answered = `${grouped(state.answered)} answered`;
  const [rate, printers, left] = [rateText(state), printersText(state), timeLeftText(state)];
  const choices = [
    [addresses, rate, answered, printers, left],
    [addresses, answered, printers, left],
    [addresses, printers, left],
    [printers, left],
    [left],
    [],
  ];
  for (const choice of choices) {
    const text = [percent.padStart(4), ...choice.filter((part) => part !== "")].join("  ");
    // The text is ASCII: one cell for each character.
    const room = columns - text.length - 1;
    if (room >= leastBar) return `${barOf(state, Math.min(mostBar, room), unicode)} ${text}`;
  }
  return percent.length <= columns ? percent : "";
}

/** One line for a log without line end: the same numbers in words. */
export function formatProgressLine(state: ProgressState): string {
  return [
    `${grouped(state.probed)} of ${grouped(state.addresses)} addresses probed (${percentOf(state)}%)`,
    `${grouped(state.answered)} answered`,
    printersText(state),
    rateText(state),
    timeLeftText(state),
  ].filter((part) => part !== "").join(", ");
}

function percentOf({ addresses, probed }: ProgressState): number {
  if (!(addresses > 0)) return 100;
  // Rounded down: 100 % must not be shown while the scan is still running.
  return Math.max(0, Math.min(100, Math.floor(probed / addresses * 100)));
}

function rateText({ ratePerSecond }: ProgressState): string {
  return `${grouped(Number.isFinite(ratePerSecond) ? Math.round(ratePerSecond) : 0)} packets/s`;
}

function printersText({ printers, reading }: ProgressState): string {
  const found = printers + reading;
  const noun = found === 1 ? "printer" : "printers";
  return reading > 0 ? `${grouped(printers)} of ${grouped(found)} ${noun} read` : `${grouped(found)} ${noun}`;
}

function timeLeftText({ leftMs = 0 }: ProgressState): string {
  return leftMs > 0 && Number.isFinite(leftMs) ? `${clockText(Math.ceil(leftMs / 1000))} left` : "";
}

function clockText(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

function barOf(state: ProgressState, width: number, unicode: boolean): string {
  const inner = width - 2;
  const units = Math.floor(inner * 8 * percentOf(state) / 100);
  const filled = unicode ? "█".repeat(units >> 3) + eighths[units & 7]! : "#".repeat(units >> 3);
  return `[${filled}${(unicode ? "░" : "-").repeat(inner - filled.length)}]`;
}
