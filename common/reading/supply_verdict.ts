import { lowPercent, veryLowPercent } from "./low_supply.ts";
import type { Level, Supply } from "./reading.ts";

export type SupplyVerdict = "ok" | "low" | "veryLow" | "empty" | "some" | "unknown" | "unlimited";

/** Urgency of a level for an administrator; an unknown level is `unknown`, never low. */
export function verdictOf(level: Level): SupplyVerdict {
  if (level.kind === "empty") return "empty";
  if (level.kind !== "exact") return level.kind;
  if (level.percent === null) return "unknown";
  if (level.percent <= 0) return "empty";
  if (level.percent <= veryLowPercent) return "veryLow";
  return level.percent <= lowPercent ? "low" : "ok";
}

/** Whether a supply must be ordered, emptied or replaced. */
export function isLow(level: Level): boolean {
  const verdict = verdictOf(level);
  return verdict === "low" || verdict === "veryLow" || verdict === "empty";
}

/** Whole percent for display; 0 is shown only if it is empty, and 100 only if it is full. */
export function shownPercent(percent: number): number {
  if (percent <= 0) return 0;
  if (percent >= 100) return 100;
  return Math.min(99, Math.max(1, Math.round(percent)));
}

/** Waste boxes fill up: RFC 3805 class receptacleThatIsFilled, whose level is the room left. */
export function isReceptacle(supply: Supply): boolean {
  return /^waste/i.test(supply.kind) || /receptacle/i.test(supply.kind);
}

/* Maps and not objects: a device may call its colorant "constructor". */
const letters = new Map([["black", "K"], ["cyan", "C"], ["magenta", "M"], ["yellow", "Y"]]);
const shortKinds = new Map([
  ["toner", ""],
  ["tonerCartridge", ""],
  ["ink", ""],
  ["inkCartridge", ""],
  ["wasteToner", "waste"],
  ["wasteInk", "waste"],
  ["transferUnit", "transfer"],
]);

/** Names of the standards as words: "mediaPath" as "media path". */
export function words(name: string): string {
  return name.replace(/([a-z\d])([A-Z])/g, "$1 $2").toLowerCase();
}

/** Whether a supply is toner or ink, not a part. */
export function isColorant(supply: Supply): boolean {
  return shortKinds.get(supply.kind) === "";
}

/** `K`, `C`, `M` or `Y` of the four process colours, or undefined. */
export function letterOf(colorant: string): string | undefined {
  return letters.get(colorant);
}

/** The device's own name for a supply, if its kind is unspecific. */
function ownName({ kind, description }: Supply): string | undefined {
  return kind === "other" || kind === "unknown" ? description || undefined : undefined;
}

/** Short label of a supply: `K` for black toner or ink, `drum C`, `waste`, `Tray 1 Roller`. */
export function shortName(supply: Supply): string {
  const own = ownName(supply);
  if (own !== undefined) return own;
  const color = supply.colorant === "none" ? "" : letterOf(supply.colorant) ?? words(supply.colorant);
  const kind = shortKinds.get(supply.kind) ?? words(supply.kind);
  return [kind, color].filter((part) => part !== "").join(" ") || words(supply.kind);
}

/** Full label of a supply: "cyan toner", "drum", "Tray 1 Roller". */
export function longName(supply: Supply): string {
  return ownName(supply) ??
    (supply.colorant === "none" ? words(supply.kind) : `${words(supply.colorant)} ${words(supply.kind)}`);
}

const order = ["black", "cyan", "magenta", "yellow"];

/** Supplies as people expect them: K, C, M, Y, other colorants, then parts; otherwise as the device lists them. */
export function inShownOrder(supplies: Supply[]): Supply[] {
  return supplies.toSorted((a, b) => rank(a) - rank(b));
}

function rank(supply: Supply): number {
  if (!isColorant(supply)) return 100;
  const index = order.indexOf(supply.colorant);
  return index < 0 ? order.length : index;
}
