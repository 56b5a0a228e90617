/** Share of requests without an answer at the first try, measured on the devices that are being read. */
export interface LossEstimate {
  /** A device has answered; `late` when it had to be asked again. */
  answered(late: boolean): void;
  /** Share of questions without an answer, 0 to 1. */
  share(): number;
}

/** Assumed number of prompt answers at the start, so that one late answer is not taken for a lossy network. */
const benefit = 10;

export function createLossEstimate(): LossEstimate {
  let answers = 0, late = 0;
  return {
    answered(isLate) {
      answers++;
      if (isLate) late++;
    },
    share: () => late / (answers + benefit),
  };
}

/** Expected number of devices that did not answer in `rounds` rounds of probes, if `found` did. */
export function expectedMissing(found: number, { rounds, share }: { rounds: number; share: number }): number {
  return found * share ** rounds / (1 - share ** rounds);
}

/**
 * Estimated number of devices that are missing among `size` addresses, compared with the other addresses of the
 * shuffled order: 0 unless the difference is too large for chance (probability 1 in 30,000).
 */
export function missingBeside(
  found: number,
  { size, others }: { size: number; others: { probed: number; answered: number } },
): number {
  const { probed, answered } = others;
  if (probed === 0) return 0;
  const share = (answered + 1) / (probed + 2);
  const deviation = Math.sqrt(size * share * (1 - share) * (1 + size / probed));
  const missing = size * share - found;
  return missing > 4 * deviation ? missing : 0;
}
