/** Which columns fit into a line of a terminal, and their widths. Pure. */

export interface WantedColumn {
  /** Width of its widest cell. */
  width: number;
  shrink?: number | undefined;
  optional?: true | undefined;
  note?: true | undefined;
  /** Not shown at all. */
  gone: boolean;
}

export interface Fit {
  onLine: { at: number; width: number }[];
  /** Columns that are printed below their row. */
  below: number[];
  leftOut: number[];
}

const gapCells = 2;

/** The first column always stays on the line. */
export function fitColumns(columns: readonly WantedColumn[], width: number): Fit {
  const onLine = columns.map(({ width }, at) => ({ at, width })).filter(({ at }) => !columns[at]!.gone);
  const below: number[] = [], leftOut: number[] = [];
  const most = Math.max(1, width);
  const isTooWide = () => totalOf(onLine.map(({ width }) => width)) > most;
  const minOf = ({ at, width }: { at: number; width: number }) => Math.min(width, columns[at]!.shrink ?? width);
  const take = (where: number[], may: (at: number) => boolean): boolean => {
    const last = onLine.findLastIndex(({ at }, i) => i > 0 && may(at));
    if (last < 0) return false;
    where.unshift(...onLine.splice(last, 1).map(({ at }) => at));
    return true;
  };
  if (isTooWide()) take(below, (at) => columns[at]!.note === true);
  while (isTooWide() && take(leftOut, (at) => columns[at]!.optional === true));
  while (totalOf(onLine.map(minOf)) > most && take(below, () => true));
  // The widest column is reduced first, so that no column disappears for another one.
  for (let over = totalOf(onLine.map(({ width }) => width)) - most; over > 0; over--) {
    const room = onLine.filter((each) => each.width > minOf(each));
    if (room.length === 0) break;
    room.reduce((widest, each) => each.width > widest.width ? each : widest).width -= 1;
  }
  return { onLine, below, leftOut };
}

function totalOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + Math.max(0, widths.length - 1) * gapCells;
}
